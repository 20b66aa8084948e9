"""The task of the demo without arguments: tell the docstrings of scipy from those of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from sparsereg._demo.console import Console
from sparsereg._demo.task import Task, hold_out
from sparsereg.datasets import load_docstrings


def docstring_task(console: Console, seed: int) -> Task:
    """Read the docstrings, count their words and word pairs, and ask whether they are scipy's.

    The neighbours make it a fair question: numpy and scikit-learn write about the same things in the same
    layout. Whole source files are held out, so that no model is tested on the sibling of a text it has seen.

    Words are counted here, once, and only in the training texts: counting learns nothing from the target, and
    would take longer than all the fits if cross-validation repeated it. What is learnt from data, the idf
    weights and the model, is in the pipeline.
    """
    with console.step("reading docstrings of python, numpy, scipy, scikit-learn") as result:
        docs = load_docstrings()
        counts = ", ".join(f"{name} {sum(docs.package == name):,}" for name in dict.fromkeys(docs.package))
        result.append(f"{len(docs.data):,} ({counts})")
    console.detail("removed", "examples, package names, version notes, type lines: they would give the answer away")
    y = docs.target.astype(float)
    train, test = hold_out(y, True, seed, docs.modules)
    with console.step("counting words and word pairs") as result:
        vectorizer = CountVectorizer(ngram_range=(1, 2), dtype=np.float64)
        X_train = vectorizer.fit_transform([docs.data[i] for i in train])
        X_test = vectorizer.transform([docs.data[i] for i in test])
        result.append(f"{X_train.shape[1]:,} different ones in {len(train):,} texts to learn from")
    order = np.concatenate([train, test])
    return Task(
        question="Is this the docstring of something in scipy, or in python, numpy, scikit-learn?",
        X=sparse.vstack([X_train, X_test], format="csr"),
        y=y[order],
        train=np.arange(len(train)),
        test=np.arange(len(train), len(order)),
        features=TfidfTransformer(sublinear_tf=True),
        feature_names=partial(_words, vectorizer.get_feature_names_out()),
        labels=("rest", "scipy"),
        columns="words and word pairs",
        groups=docs.modules[order],
        seed=seed,
    )


def _words(words: np.ndarray, fitted: Any, columns: np.ndarray) -> Sequence[str]:
    return list(words[columns])

"""The task of the demo without arguments: tell the docstrings of scipy from those of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from ..datasets import load_docstrings
from .console import Console
from .task import Task, hold_out

# Spreads the docstrings over time and memory so that all ends in well under a minute on two cores.
PER_PACKAGE = 1500


def docstring_task(console: Console, seed: int, per_package: int = PER_PACKAGE) -> Task:
    """Read the docstrings and ask whether they are scipy's.

    The neighbours make it a fair question: numpy and scikit-learn write about the same things in the same
    layout. Whole source files are held out, so that no model is tested on the sibling of a text it has seen.
    """
    with console.step("reading docstrings of python, numpy, scipy, scikit-learn") as result:
        docs = load_docstrings(max_per_package=per_package)
        counts = ", ".join(f"{name} {sum(docs.package == name):,}" for name in dict.fromkeys(docs.package))
        result.append(f"{len(docs.data):,} ({counts})")
    y = docs.target.astype(float)
    train, test = hold_out(y, True, seed, docs.modules)
    return Task(
        question="Is this the docstring of something in scipy, or in python, numpy, scikit-learn?",
        X=docs.data,
        y=y,
        train=train,
        test=test,
        features=TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        feature_names=_words,
        labels=("rest", "scipy"),
        columns="words and word pairs",
        groups=docs.modules,
        seed=seed,
    )


def _words(vectorizer: Any, columns: np.ndarray) -> Sequence[str]:
    return list(vectorizer.get_feature_names_out()[columns])

"""Read the user's svmlight (libsvm) file into a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.preprocessing import MaxAbsScaler

from sparsereg._demo.console import Console
from sparsereg._demo.table import open_text
from sparsereg._demo.task import InputError, Task, TaskOptions, check_rows, encode_target, hold_out

_LINE = re.compile(r"[-+.\deE]+(\s+qid:\d+)?(\s+\d+:\S+)+\s*(#.*)?")


def is_svmlight(path: Path) -> bool:
    """Whether one of the first lines is ``target index:value ...``, whatever the file is called."""
    with open_text(path) as file:
        return any(_LINE.fullmatch(line.strip()) for line in islice(file, 20))


def svmlight_task(console: Console, path: Path, options: TaskOptions) -> Task:
    """Read an svmlight file; its first field is the target."""
    with console.step(f"reading {path.name}") as result:
        try:
            # zero_based=True keeps the file's own numbers; a column 0 that nothing uses costs nothing.
            X, values = load_svmlight_file(str(path), zero_based=True)
        except ValueError as error:
            raise InputError(f"{path.name} is not a good svmlight file: {error}") from error
        n_read = X.shape[0]
        if n_read > options.max_rows:
            drawn = np.random.default_rng(options.seed).choice(n_read, options.max_rows, replace=False)
            drawn.sort()
            X, values = X[drawn], values[drawn]
        sampled = f" (a sample of {n_read:,})" if n_read > X.shape[0] else ""
        used = len(np.unique(X.indices))
        result.append(f"{X.shape[0]:,} rows{sampled}, {used:,} columns in use, {X.nnz:,} values")
    y, labels = encode_target(values, options, "the target (the first field of each line)")
    check_rows(y, labels is not None, path.name)
    train, test = hold_out(y, labels is not None, options.seed)
    question = "What is the target?" if labels is None else f"Is the target {labels[1]} or {labels[0]}?"
    return Task(
        question=f"{question} ({path.name})",
        X=X,
        y=y,
        train=train,
        test=test,
        features=MaxAbsScaler(),
        feature_names=_numbers,
        labels=labels,
        seed=options.seed,
    )


def _numbers(_: Any, columns: np.ndarray) -> Sequence[str]:
    return [f"feature {k}" for k in columns]

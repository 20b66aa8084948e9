"""A supervised learning task, whatever it was read from: all that comparing and reporting need to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

FOLDS = 3
FEWEST_ROWS = 40
FEWEST_PER_CLASS = 8


class InputError(ValueError):
    """Something about the user's input that the user can mend; the message says what and how."""


@dataclass(frozen=True)
class TaskOptions:
    """What the user may say about the task.

    Attributes
    ----------
    task : {"auto", "regression", "classification"}
        What to make of the target; "auto" decides by its values.
    positive : str or None
        The label to tell from all others.
    max_rows : int
        Larger files are sampled down to this many rows.
    seed : int
        What all that is random starts from.
    """

    task: str = "auto"
    positive: str | None = None
    max_rows: int = 50_000
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """Rows to learn from, rows held out, and the transformer that makes a wide sparse matrix of them.

    Attributes
    ----------
    question : str
        What the model answers, as a person would ask it.
    X, y : array-like of n_samples rows, ndarray of shape (n_samples,)
        The rows as the transformer `features` takes them; y is 0 or 1 for two classes.
    train, test : ndarray of int
        The rows to learn from and those held out.
    features : scikit-learn transformer, unfitted
        Makes the matrix that the model is fitted on.
    feature_names : callable
        Takes `features` once fitted and an array of column numbers, returns the names of those columns.
    labels : (str, str) or None
        The names of class 0 and class 1; None for regression.
    columns : str
        What a column is called in the report.
    groups : ndarray or None
        Rows with the same group are never split between learning and testing.
    seed : int
        What all that is random starts from.
    """

    question: str
    X: Any
    y: np.ndarray
    train: np.ndarray
    test: np.ndarray
    features: Any
    feature_names: Callable[[Any, np.ndarray], Sequence[str]]
    labels: tuple[str, str] | None
    columns: str = "columns"
    groups: np.ndarray | None = None
    seed: int = 0

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of two classes."""
        return self.labels is not None

    def folds(self) -> BaseCrossValidator:
        """Return how the training rows are split to choose alpha."""
        if self.groups is not None:
            return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=self.seed)
        if self.is_classification:
            return StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        return KFold(FOLDS, shuffle=True, random_state=self.seed)


def hold_out(
    y: np.ndarray, is_classification: bool, seed: int, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Set a quarter of the rows aside: whole groups if there are any, of both classes if there are two."""
    rows = np.arange(len(y))
    if groups is not None:
        splitter = StratifiedGroupKFold(4, shuffle=True, random_state=seed)
        return next(splitter.split(rows, y, groups))
    train, test = train_test_split(rows, test_size=0.25, random_state=seed, stratify=y if is_classification else None)
    return np.sort(train), np.sort(test)


def check_rows(y: np.ndarray, is_classification: bool, where: str) -> None:
    """Refuse what is too little to learn from and to test on."""
    if len(y) < FEWEST_ROWS:
        raise InputError(
            f"{where} has {len(y)} rows with a target; at least {FEWEST_ROWS} are needed to learn from some "
            "and test on others"
        )
    if is_classification and min(np.bincount(y.astype(int), minlength=2)) < FEWEST_PER_CLASS:
        raise InputError(
            f"{where} has {int(np.sum(y == 0))} rows of one class and {int(np.sum(y == 1))} of the other; "
            f"at least {FEWEST_PER_CLASS} of each are needed"
        )


def encode_target(values: np.ndarray, options: TaskOptions, where: str) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Tell regression from two classes, and encode the target for it.

    Parameters
    ----------
    values : ndarray of float or str, shape (n_samples,)
        The target as read.
    options : TaskOptions
        What the user asked for.
    where : str
        What to call the target in messages.

    Returns
    -------
    y : ndarray of shape (n_samples,)
    labels : (str, str) or None
        The names of the classes 0 and 1; None for regression.
    """
    distinct = np.unique(values)
    if len(distinct) < 2:
        raise InputError(f"{where} is constant (always {_label(distinct[0])}): there is nothing to learn")
    is_number = values.dtype.kind == "f"
    task, positive = options.task, options.positive
    if positive is not None:
        if task == "regression":
            raise InputError("--positive names a class, which --task regression does not have")
        return _one_against_rest(values, distinct, positive, where)
    if task == "regression" and not is_number:
        raise InputError(f"{where} is not a number ({_some(distinct)}), so --task regression cannot be")
    if task == "regression" or (task == "auto" and is_number and len(distinct) > 2):
        return values.astype(float), None
    if len(distinct) > 2:
        raise InputError(
            f"{where} has {len(distinct)} classes ({_some(distinct)}), and a model tells two apart: choose "
            f"one of them to tell from all the others, such as --positive {_label(distinct[0])!r}"
        )
    # The later label in sorting order: 1 after 0, yes after no, True after False.
    return (values == distinct[1]).astype(float), (_label(distinct[0]), _label(distinct[1]))


def _one_against_rest(
    values: np.ndarray, distinct: np.ndarray, positive: str, where: str
) -> tuple[np.ndarray, tuple[str, str]]:
    chosen = [value for value in distinct if positive in (str(value), _label(value))]
    if not chosen:
        raise InputError(f"--positive {positive!r} is not a value of {where}, which has {_some(distinct)}")
    others = [_label(value) for value in distinct if value != chosen[0]]
    return (values == chosen[0]).astype(float), (others[0] if len(others) == 1 else "rest", positive)


def _label(value: Any) -> str:
    """Write a value of the target as the file has it: whole numbers without a point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _some(distinct: np.ndarray) -> str:
    shown = ", ".join(repr(_label(value)) for value in distinct[:6])
    return shown + (", ..." if len(distinct) > 6 else "")

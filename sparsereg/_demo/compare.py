"""Fit one model with no penalty, L2 and L1, alpha chosen by cross-validation, and measure what differs."""

from __future__ import annotations

import pickle
import time
import tracemalloc
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sparsereg import SparseClassifier, SparseRegressor
from sparsereg._demo.console import Console, human_number
from sparsereg._demo.task import FOLDS, Task

PENALTIES: Mapping[str, str | None] = {"none": None, "L2": "l2", "L1": "l1"}

# Without a penalty a wide model has no single best answer, often none at all: a few iterations show that.
_FREE_ITERATIONS = 2
_WIDE = 0.1  # columns per row

# Relative duality gaps. While alpha is chosen, scores cannot tell a thousandth of the null deviance apart.
_SEARCH_TOL, _FINAL_TOL = 1e-3, 1e-6


@dataclass(frozen=True)
class Matrices:
    """What the models are fitted on and tested on, and the transformer that made it."""

    X_train: Any
    X_test: Any
    y_train: np.ndarray
    y_test: np.ndarray
    features: Any


@dataclass(frozen=True)
class Result:
    """One fitted model and what was measured of it.

    Attributes
    ----------
    name : str
        "none", "L2", "L1", or "no model" for the best constant answer.
    model : estimator
        Fitted on the training rows.
    alpha : float
        The strength chosen by cross-validation; 0 for no penalty.
    scores : dict of float
        On the held-out rows, by name.
    n_nonzero : int
        Weights that are not exactly zero.
    disk, memory : int
        Bytes of its pickle, and bytes that it takes up once loaded.
    seconds : float
        To fit it once.
    at_edge : bool
        Whether the strength chosen was the first or last one tried.
    warning : str
        What the fit warned of, if it had not converged.
    separates : bool
        Whether it tells the two classes of the training rows apart without error.
    """

    name: str
    model: Any
    alpha: float
    scores: dict[str, float]
    n_nonzero: int = 0
    disk: int = 0
    memory: int = 0
    seconds: float = 0.0
    at_edge: bool = False
    warning: str = ""
    separates: bool = False

    @property
    def weights(self) -> np.ndarray:
        """The weights, dense."""
        return np.ravel(self.model.coef_)


def make_matrices(task: Task, console: Console) -> Matrices:
    """Fit the transformer on the training rows and apply it to all."""
    with console.step("making the matrix") as result:
        features = clone(task.features)
        X_train = features.fit_transform(task.X[task.train])
        X_test = features.transform(task.X[task.test])
        n, used = X_train.shape[0], len(np.unique(X_train.indices))
        result.append(f"{n:,} rows x {used:,} {task.columns} in use, {X_train.nnz / n:,.0f} filled per row")
        result.append(f"{X_test.shape[0]:,} rows held out")
    return Matrices(X_train, X_test, task.y[task.train], task.y[task.test], features)


def compare(task: Task, matrices: Matrices, console: Console) -> dict[str, Result]:
    """Fit and measure the constant answer and the three models."""
    dummy = DummyClassifier(strategy="prior") if task.is_classification else DummyRegressor()
    dummy.fit(matrices.X_train[:, :1], matrices.y_train)
    results = {"no model": Result("no model", dummy, 0.0, _scores(task, dummy, matrices))}
    # The transformer is fitted once per fold, not once per fold and alpha.
    with TemporaryDirectory(prefix="sparsereg_demo_") as cache:
        for name, penalty in PENALTIES.items():
            alphas = candidate_alphas(penalty, matrices.X_train, matrices.y_train, task.is_classification)
            if penalty is None:
                chosen, at_edge = 0.0, False
            else:
                chosen, at_edge = _search(task, name, alphas, cache, console)
            with console.step(f"{name}: fitting all training rows") as result:
                results[name] = _measure(task, name, chosen, at_edge, matrices)
                result.append(f"{results[name].seconds:.2f} s, {results[name].n_nonzero:,} nonzero weights")
    return results


def candidate_alphas(penalty: str | None, X: Any, y: np.ndarray, two_classes: bool) -> np.ndarray:
    """Return the strengths to try, strongest first.

    L1: down from a third of the strength at which every weight is zero, ``max |X'(y - mean y)| / n``; not as
    far for two classes, which sparse columns soon separate. L2 has no such strength; what it does depends on
    n alpha against the sums of squares of the rows.
    """
    n = X.shape[0]
    if penalty is None:
        return np.zeros(1)
    if penalty == "l1":
        null = np.abs(X.T @ (y - y.mean())).max() / n
        return null * (np.geomspace(0.3, 1e-3, 6) if two_classes else np.geomspace(0.3, 1e-4, 8))
    size = float(X.multiply(X).sum()) / n
    return size / n * np.geomspace(30.0, 1e-3, 7)


def _model(
    task: Task, penalty: str | None, alpha: float, tol: float, wide: bool = True
) -> SparseClassifier | SparseRegressor:
    settings: dict[str, Any] = {"penalty": penalty, "alpha": alpha, "tol": tol}
    if penalty is None and wide:
        settings["max_iter"] = _FREE_ITERATIONS
    if task.is_classification:
        return SparseClassifier(loss="log_loss", **settings)
    return SparseRegressor(loss="squared_error", **settings)


def _search(task: Task, name: str, alphas: np.ndarray, cache: str, console: Console) -> tuple[float, bool]:
    """Choose alpha by cross-validation of the whole pipeline, the transformer included."""
    pipeline = Pipeline(
        [
            ("features", clone(task.features)),
            ("model", _model(task, PENALTIES[name], alphas[0], _SEARCH_TOL)),
        ],
        memory=cache,
    )
    search = GridSearchCV(
        pipeline,
        {"model__alpha": alphas},
        scoring="neg_log_loss" if task.is_classification else "neg_mean_squared_error",
        cv=task.folds(),
        refit=False,
    )
    what = f"{name}: choosing alpha by cross-validation ({len(alphas)} strengths x {FOLDS} folds)"
    with console.step(what) as result:
        groups = None if task.groups is None else task.groups[task.train]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said of the final fit, where it matters
            search.fit(task.X[task.train], task.y[task.train], groups=groups)
        alpha = float(search.best_params_["model__alpha"])
        result.append(f"alpha = {human_number(alpha)}")
    return alpha, search.best_index_ in (0, len(alphas) - 1)


def _measure(task: Task, name: str, alpha: float, at_edge: bool, matrices: Matrices) -> Result:
    """Fit one model on all training rows, and measure it."""
    n, p = matrices.X_train.shape
    model = _model(task, PENALTIES[name], alpha, _FINAL_TOL, p > _WIDE * n)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(matrices.X_train, matrices.y_train)
    seconds = time.perf_counter() - start
    pickled = pickle.dumps(model)
    wrong = model.predict(matrices.X_train) != matrices.y_train
    return Result(
        name,
        model,
        alpha,
        _scores(task, model, matrices),
        n_nonzero=int(model.sparse_coef_.count_nonzero()),
        disk=len(pickled),
        memory=_memory(pickled),
        seconds=seconds,
        at_edge=at_edge,
        warning=" ".join(str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)),
        separates=task.is_classification and not wrong.any(),
    )


def _scores(task: Task, model: Any, matrices: Matrices) -> dict[str, float]:
    """Score a model on the held-out rows, the number that matters most first."""
    X, y = matrices.X_test, matrices.y_test
    if task.is_classification:
        p = model.predict_proba(X)[:, 1]
        return {
            "accuracy": float(accuracy_score(y, p > 0.5)),
            "AUC": float(roc_auc_score(y, p)),
            "log loss": float(log_loss(y, p)),
        }
    predicted = model.predict(X)
    return {
        "R2": float(r2_score(y, predicted)),
        "mean error": float(mean_absolute_error(y, predicted)),
        "rms error": float(np.sqrt(np.mean((y - predicted) ** 2))),
    }


def _memory(pickled: bytes) -> int:
    """Count the bytes that a model takes up once it is loaded: arrays, lists, all of it."""
    tracemalloc.start()
    try:
        model = pickle.loads(pickled)
        size = tracemalloc.get_traced_memory()[0]
        del model
    finally:
        tracemalloc.stop()
    return size

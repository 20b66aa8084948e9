"""How a linear model predicts, found out from its own predictions on a few made-up rows.

Not from the name of its class: a class of anybody may be linear, and some with ``coef_`` and ``intercept_`` are not
what they seem (scikit-learn's ``PLSRegression`` centres its input by means that it keeps elsewhere).
"""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from sparsereg.compression.links import PROBABILITIES, probabilities, respond
from sparsereg.linear_model.kept import linear_predictor, take_columns

__all__ = ["call", "recognised"]

Array = np.ndarray

_DENSE = 10_000  # features up to which the rows are dense, as some models of scikit-learn require
_ROWS, _WEIGHTS = 12, 1000


def call(model: Any, method: str, X: Any, offset: Any = None) -> Array:
    """Return what a method of a model gives, without the warning that X has no names; overflow is inf."""
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(getattr(model, method)(X, **({} if offset is None else {"offset": offset})))


def recognised(
    model: Any, coef: sp.csr_array, intercept: Array, classes: Array | None, needs_offset: bool
) -> tuple[str, bool]:
    """Return the name of the inverse link, and whether predictions are one-dimensional.

    Raises TypeError where no link gives the model's own predictions. A classifier whose probabilities are of no known
    form has "identity": its decision function and its classes.
    """
    X = _rows(coef, intercept)
    eta = linear_predictor(X, coef) + intercept
    rounding = 1e-8 if coef.dtype == np.float64 else 1e-5
    slack = rounding * (1.0 + linear_predictor(abs(X), abs(coef)) + np.abs(intercept))
    offset = 0.0 if needs_offset else None
    if classes is None:
        return _of_regressor(model, call(model, "predict", X, offset), eta, slack)
    n_outputs = 1 if len(classes) == 2 else len(classes)
    decision, labels = call(model, "decision_function", X, offset), call(model, "predict", X, offset)
    if labels.ndim != 1 or eta.shape[1] != n_outputs:
        raise TypeError(
            f"{type(model).__name__} has {eta.shape[1]} rows of coefficients for {len(classes)} classes and predicts "
            f"arrays of shape {labels.shape}: only one class per sample, with one row per class, can be stored"
        )
    if decision.size != eta.size or not _close(decision.reshape(eta.shape), eta, slack):
        _refuse(model, "decision_function")
    if hasattr(model, "predict_proba"):
        given = call(model, "predict_proba", X, offset)
        for name in PROBABILITIES:
            if (name == "expit") == (len(classes) == 2) and _close(given, probabilities(name, eta), slack.max()):
                return name, True
    return "identity", True


def _of_regressor(model: Any, given: Array, eta: Array, slack: Array) -> tuple[str, bool]:
    for name in ("identity", "exp"):
        expected = respond(name, eta)
        allowed = slack if name == "identity" else slack * (1.0 + expected)
        if given.size == eta.size and _close(given.reshape(eta.shape), expected, allowed):
            return name, given.ndim == 1
    return _refuse(model, "predict")


def _rows(coef: sp.csr_array, intercept: Array) -> Any:
    """Return rows on which the linear predictor is of order 1, where links differ; the first is zero.

    They solve ``W x = t - b`` for random ``t``: with random x a large intercept would leave probabilities at 0 or 1.
    """
    rng = np.random.default_rng(0)
    n_outputs, n_features = coef.shape
    ids = np.unique(coef.indices)
    if len(ids) > _WEIGHTS:
        ids = np.sort(rng.choice(ids, _WEIGHTS, replace=False))
    W = take_columns(coef, ids).toarray().astype(np.float64)
    unit = np.maximum(np.abs(W).max(axis=0, initial=0.0), 1e-30)
    targets = rng.standard_normal((n_outputs, _ROWS)) * np.linspace(0.5, 3.0, _ROWS)
    values = np.linalg.lstsq(W / unit, targets - intercept[:, None], rcond=None)[0].T / unit
    values[0] = 0.0
    if n_features <= _DENSE:
        X = rng.standard_normal((_ROWS, n_features)) * (np.arange(_ROWS) > 0)[:, None]
        X[:, ids] = values
        return X
    indptr = np.arange(_ROWS + 1) * len(ids)
    return sp.csr_array((values.ravel(), np.tile(ids, _ROWS), indptr), shape=(_ROWS, n_features))


def _close(given: Array, expected: Array, allowed: Any) -> bool:
    same = given == expected  # also where both are inf
    with np.errstate(invalid="ignore"):
        return given.shape == expected.shape and bool((same | (np.abs(given - expected) <= allowed)).all())


def _refuse(model: Any, method: str) -> NoReturn:
    raise TypeError(
        f"the {method} of {type(model).__name__} is not what its coefficients and intercept give: it cannot be stored "
        "as a linear model (it may centre or transform its input inside)"
    )

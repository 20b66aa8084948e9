"""What a fitted linear model consists of, whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier, is_regressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.validation import check_is_fitted

from sparsereg.compression.probe import call, recognised
from sparsereg.compression.weights import stored_weights
from sparsereg.linear_model.kept import linear_predictor

__all__ = ["LinearParts", "model_response", "take_apart"]

Array = np.ndarray


@dataclass(frozen=True)
class LinearParts:
    """A linear model: ``response = inverse_link(intercept + X coef')``; no array as long as there are features.

    Two classes have one output, the log-odds of the second; more have one output each.
    """

    coef: sp.csr_array
    intercept: Array
    inverse_link: str
    classes: Array | None
    flat: bool
    feature_names: Array | None
    needs_offset: bool

    def linear_predictor(self, X: Any, offset: Array | None = None) -> Array:
        """Return eta of shape (n_samples, n_outputs), in double precision."""
        eta = linear_predictor(X, self.coef.astype(np.float64)) + self.intercept
        return eta if offset is None else eta + offset[:, None]


def take_apart(model: Any) -> LinearParts:
    """Return the parts of a fitted linear model, checked against its own predictions."""
    if not hasattr(model, "__sklearn_tags__") or not (is_classifier(model) or is_regressor(model)):
        raise TypeError(
            "estimator must be a fitted linear regressor or classifier, a Pipeline that ends in one, or a search over "
            f"one; got {type(model).__name__}"
        )
    check_is_fitted(model)
    coef = stored_weights(model)
    members = model.estimators_ if isinstance(model, OneVsRestClassifier) else [model]
    intercept = np.concatenate([_intercept(member) for member in members]).astype(np.float64)
    intercept = np.broadcast_to(intercept, (coef.shape[0],))
    if not np.isfinite(intercept).all():
        raise ValueError(f"the intercept of {type(model).__name__} is not finite")
    classes = np.asarray(model.classes_) if is_classifier(model) else None
    offset = bool(getattr(model, "_with_offset", False))
    link, flat = recognised(model, coef, intercept, classes, offset)
    return LinearParts(coef, intercept, link, classes, flat, getattr(model, "feature_names_in_", None), offset)


def model_response(model: Any, X: Any, offset: Any = None) -> Array:
    """Return what a model predicts, (n_samples, n_outputs or n_classes).

    That is `predict_proba` of classifiers that have it, `decision_function` of others, `predict` of regressors.
    """
    method = "predict"
    if is_classifier(model):
        method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    value = call(model, method, X, offset)
    return value.reshape(len(value), -1)


def _intercept(model: Any) -> Array:
    return np.reshape(getattr(model, "intercept_", 0.0), -1)

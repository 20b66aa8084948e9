"""The weights of a fitted model, whoever made it: read, cut down, put back into a copy."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from sparsereg.linear_model.kept import stored_coefficients

__all__ = ["best_of_search", "reach", "stored_weights", "subset", "with_weights"]

Array = np.ndarray


def best_of_search(estimator: Any) -> Any:
    """Return the best estimator of a fitted search, other estimators as they are."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    return estimator


def reach(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Return the model itself (last step of a pipeline, best estimator of a search), and X as it gets it."""
    while True:
        estimator = best_of_search(estimator)
        if not isinstance(estimator, Pipeline):
            return estimator, X
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]


def stored_weights(model: Any) -> sp.csr_array:
    """Return the nonzero weights of a fitted model, (n_outputs, n_features); one row per class of a one-vs-rest."""
    members = model.estimators_ if isinstance(model, OneVsRestClassifier) else [model]
    coef = sp.csr_array(sp.vstack([stored_coefficients(member) for member in members], format="csr"))
    if not np.isfinite(coef.data).all():
        raise ValueError(f"the coefficients of {type(model).__name__} are not finite")
    return coef


def subset(coef: sp.csr_array, kept: Array) -> sp.csr_array:
    """Return the matrix with those of its stored entries that a mask keeps."""
    indptr = np.concatenate([[0], np.cumsum(kept)])[coef.indptr].astype(coef.indptr.dtype)
    return sp.csr_array((coef.data[kept], coef.indices[kept], indptr), shape=coef.shape)


def with_weights(model: Any, coef: sp.csr_array) -> Any:
    """Return a shallow copy of the model with other weights, stored in the form that it had."""
    changed = copy(model)
    if isinstance(model, OneVsRestClassifier):
        changed.estimators_ = [with_weights(e, coef[[k]]) for k, e in enumerate(model.estimators_)]
        return changed
    if "sparse_coef_" in vars(model):  # of scikit-learn's Lasso it is a view of coef_
        changed.sparse_coef_ = coef
        for name in ("dual_gap_", "relative_gap_", "kkt_violation_"):  # they certified other weights
            if hasattr(model, name):
                setattr(changed, name, np.full(np.shape(getattr(model, name)), np.nan)[()])
        return changed
    old = model.coef_
    new = type(old)(coef) if sp.issparse(old) else coef.toarray().reshape(np.shape(old)).astype(old.dtype)
    try:
        changed.coef_ = new
    except AttributeError as error:
        raise TypeError(f"the weights of {type(model).__name__} cannot be set: {error}") from error
    return changed

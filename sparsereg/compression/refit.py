"""Fit again what pruning left."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from sparsereg.compression.weights import stored_weights, subset, with_weights

__all__ = ["refitted"]

Array = np.ndarray


def refitted(
    estimator: Any, kept: Array, X: Any, y: Any, params: dict[str, Any], names: Array | None, frame: type | None
) -> Any:
    """Fit a clone to the kept columns and return it, with weights nowhere else.

    The other columns are zeros, not missing: so penalty factors, bounds, groups and names stay those of all features.

    Parameters
    ----------
    estimator : estimator
    kept : ndarray of int
        Columns, ascending.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    y : array-like
    params : dict
        For ``fit``, beside X and y.
    names : ndarray of str or None
        Of features.
    frame : type or None
        The class of data frame in which the estimator gets them.
    """
    X = _zero_elsewhere(X, kept)
    if names is not None and frame is not None:
        X = frame(dict(zip(names, X.T, strict=True)))
    model = clone(estimator).fit(X, y, **params)
    coef = stored_weights(model)
    inside = np.isin(coef.indices, kept)  # least squares by an SVD leaves 1e-17 in columns of zeros
    return model if inside.all() else with_weights(model, subset(coef, inside))


def _zero_elsewhere(X: Any, kept: Array) -> Any:
    if not sp.issparse(X):
        out = np.zeros_like(X)
        out[:, kept] = X[:, kept]
        return out
    X = X.tocsr()
    here = np.isin(X.indices, kept)
    return type(X)((X.data[here], X.indices[here], np.concatenate([[0], np.cumsum(here)])[X.indptr]), shape=X.shape)

"""The columns that a compact model needs, out of whatever holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsereg.linear_model.kept import take_columns
from sparsereg.solvers.layout import check_sparse

__all__ = ["needed_columns"]

Array = np.ndarray


def needed_columns(X: Any, needed: Array, names: list[str] | None, n_features: int) -> Any:
    """Return the needed columns of X, (n_samples, n_needed), float, in their order; dense, CSR or CSC.

    Parameters
    ----------
    X : array-like, sparse matrix, mapping or data frame
        Arrays and sparse matrices have all `n_features` columns. A mapping goes from feature number, or name where the
        model has names, to values (numbers or one-dimensional arrays of one length); a frame has names, or integers,
        as columns; both may hold more than is needed, in any order.
    needed : ndarray of int64, ascending
    names : list of str or None
        Of the needed features.
    n_features : int
    """
    if sp.issparse(X):
        X, _ = check_sparse(X)
        _check_width(X.shape, n_features)
        columns = take_columns(X, needed)
    elif isinstance(X, Mapping):
        columns = _stacked(X, needed, names, lambda key: key in X)
    elif hasattr(X, "columns") and hasattr(X, "__getitem__"):
        columns = _of_frame(X, needed, names, n_features)
    else:
        X = np.asarray(X)
        _check_width(X.shape, n_features)
        columns = X[:, needed]
    values = columns.data if sp.issparse(columns) else columns
    values = _numbers(values, "X")
    if sp.issparse(columns):
        return type(columns)((values, columns.indices, columns.indptr), shape=columns.shape)
    return values


def _check_width(shape: tuple[int, ...], n_features: int) -> None:
    if len(shape) != 2:
        raise ValueError(f"X must be two-dimensional, (n_samples, n_features); got shape {shape}")
    if shape[1] != n_features:
        raise ValueError(
            f"X has {shape[1]} features, but the model was fitted with {n_features}. To give only the columns that it "
            "needs, pass a dict or a data frame with the keys needed_features_ (or their names)"
        )


def _of_frame(X: Any, needed: Array, names: list[str] | None, n_features: int) -> Array:
    """Return columns of a frame: by name, by integer label, or by place where neither exists."""
    labels = list(X.columns)
    if names is None and not all(isinstance(label, int | np.integer) for label in labels):
        _check_width((len(X), len(labels)), n_features)
        return _stacked({int(j): X[labels[j]] for j in needed}, needed, None, lambda _: True, len(X))
    present = set(labels)
    if len(present) < len(labels):
        raise ValueError("X must not have two columns of one name")
    return _stacked(X, needed, names, present.__contains__, len(X))


def _stacked(X: Any, needed: Array, names: list[str] | None, has: Any, n_rows: int | None = None) -> Array:
    """Return the values under the needed keys side by side."""
    keys = needed.tolist() if names is None else names
    missing = [key for key in keys if not has(key)]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ValueError(f"X lacks features that the model needs: {missing[:5]}{more}")
    columns = [np.atleast_1d(_numbers(X[key], key)) for key in keys]
    lengths = {column.shape for column in columns} | ({(n_rows,)} if n_rows is not None else set())
    if not lengths:
        lengths = {np.atleast_1d(np.asarray(value)).shape for value in list(X.values())[:1]} or {(1,)}
    if len(lengths) > 1 or len(next(iter(lengths))) != 1:
        raise ValueError(f"the columns of X must be numbers or one-dimensional, of one length; got {sorted(lengths)}")
    out = np.empty((next(iter(lengths))[0], len(keys)))
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


def _numbers(values: Any, where: Any) -> Array:
    """Return finite floats."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"got dtype {array.dtype}")
        if array.dtype not in (np.float64, np.float32):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where!r} must hold numbers: {error}") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{where!r} must hold finite numbers: NaN or infinity found in a column that the model needs")
    return array

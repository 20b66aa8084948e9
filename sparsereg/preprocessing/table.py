"""One column after the other, of whatever a user passes as X: array, frame, list or sparse matrix."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from sparsereg.linear_model.kept import take_columns
from sparsereg.preprocessing.buckets import is_missing
from sparsereg.solvers.layout import check_sparse

__all__ = ["Table"]

Array = np.ndarray


class Table:
    """X, checked: its columns by position or, of a frame, by name; read one at a time, X is never copied whole."""

    def __init__(self, estimator: BaseEstimator, X: Any, reset: bool):
        self.is_frame = hasattr(X, "columns") and hasattr(X, "dtypes")
        if self.is_frame:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
            if len(X) == 0:
                raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required.")
        elif sp.issparse(X):
            X, _ = check_sparse(X)
            X = validate_data(estimator, X, reset=reset, **_AS_IT_IS)
        else:
            if not hasattr(X, "dtype") and np.asarray(X).dtype.kind in "US":
                X = np.asarray(X, dtype=object)  # a list of text and numbers: numpy would make text of all
            X = validate_data(estimator, X, reset=reset, **_AS_IT_IS)
        self.X, (self.n_rows, self.n_columns) = X, X.shape
        self.names: list[Hashable] = list(X.columns) if self.is_frame else []

    def position(self, column: Any) -> int:
        """Return where a column is, named by a string or by its position."""
        if isinstance(column, str):
            if self.names.count(column) == 1:
                return self.names.index(column)
            if column in self.names:
                raise ValueError(f"crosses name the column {column!r}, but X has several of that name")
            if self.is_frame:
                raise ValueError(f"crosses name the column {column!r}, but X has {self._few_names()}")
            raise ValueError(f"crosses name the column {column!r}, but X has no names: pass a frame, or positions")
        if not isinstance(column, Integral) or isinstance(column, bool):
            raise TypeError(f"crosses must name columns by strings or integers; got {column!r}")
        if not 0 <= int(column) < self.n_columns:
            raise ValueError(f"crosses name the column {column!r}, but X has {self.n_columns} feature(s), from 0 on")
        return int(column)

    def _few_names(self) -> str:
        more = f" and {len(self.names) - 8} more" if len(self.names) > 8 else ""
        return f"{', '.join(map(repr, self.names[:8]))}{more}"

    def values(self, position: int) -> Array:
        """Return a column as it is; text as objects."""
        if sp.issparse(self.X):
            return take_columns(self.X, np.array([position])).toarray()[:, 0]
        if not self.is_frame:
            values = self.X[:, position]
        elif hasattr(self.X, "iloc"):
            values = self.X.iloc[:, position].to_numpy()
        else:
            values = self.X[:, position].to_numpy()
        values = np.asarray(values)
        return values if values.dtype.kind in "biufmM" else values.astype(object)

    def numbers(self, position: int, column: Any) -> Array:
        """Return a column as float64, NaN where it is missing."""
        values = self.values(position)
        if values.dtype.kind in "mM":
            raise TypeError(f"column {column!r} must hold numbers to be put into buckets; got dates ({values.dtype})")
        try:
            if values.dtype.kind == "O":
                values = np.array([np.nan if is_missing(value) else value for value in values.tolist()], dtype=object)
            numbers = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"column {column!r} must hold numbers to be put into buckets: {error}") from error
        if np.isinf(numbers).any():
            raise ValueError(
                f"column {column!r} must be finite; it contains infinity, in row {np.isinf(numbers).argmax()}"
            )
        return numbers


_AS_IT_IS = {
    "accept_sparse": ("csr", "csc"),
    "accept_large_sparse": True,
    "dtype": None,
    "ensure_all_finite": "allow-nan",
}

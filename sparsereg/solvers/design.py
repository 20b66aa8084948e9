r"""Design: the only code that knows how ``X`` is stored.

Solvers see columns 0..m-1, the *occupied* ones: a sparse column without data has coefficient 0 under any penalty
whose minimum is at 0 and bounds that contain 0, so it is left out once, by `as_design`. After that everything costs
O(entries + occupied columns), never O(n_features): 2e8 features are as cheap as those that hold data.

``X`` is never centred, scaled or changed. Values stay float32 or float64 as given; all sums are in double. Here is
what solvers may ask; `DenseDesign` and `SparseDesign` answer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Design", "KernelColumns", "column_lengths", "flat_columns"]

Array = np.ndarray


class KernelColumns(NamedTuple):
    """What the residual kernels read: values, row numbers (empty: dense), where columns start, which columns."""

    data: Array
    rows: Array
    starts: Array
    columns: Array
    centred: bool


class Design:
    """A matrix as solvers see it: products, moments and Gram matrices of its occupied columns.

    Attributes
    ----------
    shape : tuple of int
        Number of samples and of occupied columns.
    n_features : int
        True number of columns.
    columns : ndarray of int64 or None
        Which columns are occupied, ascending; None means all.
    """

    shape: tuple[int, int]
    n_features: int
    columns: Array | None
    constants: Array = np.empty(0, dtype=np.int64)
    """Columns of ones that stand for intercepts, of which users know nothing."""

    def matvec(self, w: Array) -> Array:
        """Return ``X w`` (only nonzero weights cost anything)."""
        used = np.flatnonzero(w != 0.0)  # ten times as fast as flatnonzero(w): 10 and 107 microseconds for 60,000
        return self.times(used, w[used])

    def times(self, columns: Array, coef: Array) -> Array:
        """Return ``X[:, columns] coef``."""
        raise NotImplementedError

    def rmatvec(self, v: Array) -> Array:
        """Return ``X' v``."""
        raise NotImplementedError

    def dot(self, columns: Array, v: Array) -> Array:
        """Return ``X[:, columns]' v``."""
        raise NotImplementedError

    def change(self, columns: Array, delta: Array) -> Array:
        """Return ``X[:, columns] delta``, where many are zero."""
        moved = np.flatnonzero(delta)
        return self.times(columns[moved], delta[moved])

    def times_many(self, columns: Array, W: Array) -> Array:
        """Return ``X[:, columns] W`` for several vectors, the columns of ``W``."""
        return np.column_stack([self.times(columns, np.ascontiguousarray(w)) for w in W.T])

    def dot_many(self, columns: Array | None, V: Array) -> Array:
        """Return ``V X[:, columns]`` for several vectors, the rows of ``V``; None means all columns."""
        return np.array([self.rmatvec(v) if columns is None else self.dot(columns, v) for v in V])

    def curved(self, h: Array, v: Array) -> Array:
        """Return the curvature of the loss times ``v``."""
        return h * v

    def report(self, w: Array, b: float) -> tuple[Array, Array, Any]:
        """Return a point as users know it: numbers and values of the features with a weight, and the intercept."""
        used = np.flatnonzero(w != 0.0)
        return self.feature_ids(used), w[used], float(b)

    def moments(self, columns: Array, h: Array, sum_h: float, centre: bool) -> tuple[Array, Array]:
        """Return weighted means (zero unless `centre`) and sums of squares about them."""
        raise NotImplementedError

    def gram(self, columns: Array, h: Array, mean: Array, known: int, out: Array) -> None:
        """Fill ``out = (X - mean)' diag(h) (X - mean)`` of some columns; its first `known` are there already."""
        raise NotImplementedError

    def norms(self, centre: bool) -> Array | None:
        """Return the lengths of all columns, about their means if `centre`; None where no column can be read alone."""
        raise NotImplementedError

    def entries(self, k: int) -> float:
        """Return about how many entries `k` columns have."""
        raise NotImplementedError

    def gram_cost(self, k: int) -> float:
        """Return about how many multiplications the Gram matrix of `k` columns takes."""
        raise NotImplementedError

    def kernel_columns(self, columns: Array, mean: Array, sd: Array) -> KernelColumns:
        """Return the columns for a residual kernel (moments decide whether a centred copy is safer)."""
        raise NotImplementedError

    def take_rows(self, rows: Array) -> Design:
        """Return the design of some samples (columns as they are here)."""
        raise NotImplementedError

    def take_columns(self, columns: Array) -> Design:
        """Return the design of some columns, a copy, numbered from 0."""
        raise NotImplementedError

    def dense_columns(self, columns: Array) -> Array:
        """Return ``X[:, columns]`` as a float64 array."""
        raise NotImplementedError

    def feature_ids(self, columns: Array) -> Array:
        """Return the true numbers of some occupied columns."""
        return columns if self.columns is None else self.columns[columns]

    def places(self, features: Array) -> Array | None:
        """Return which occupied columns some features are, None if one of them is not; what `feature_ids` undoes."""
        if self.columns is None:
            return features
        places = np.searchsorted(self.columns, features)
        inside = places < len(self.columns)
        return places if inside.all() and np.array_equal(self.columns[places], features) else None

    def predictor(self, places: Array, values: Array, intercept: Any) -> Array:
        """Return ``b + X w`` of a point that `report` has told, reading the columns of its support only."""
        return self.times(places, values) + intercept


def flat_columns(curvature: Array, mean: Array, sum_h: float) -> Array:
    """Return the columns that are constant to rounding: their centred curvature is noise, to divide by it absurd."""
    return np.flatnonzero(curvature <= 1e-14 * sum_h * mean * mean)


def column_lengths(sums: Array, squares: Array, n: int, centre: bool) -> Array:
    """Return the lengths of columns, about their means if `centre`.

    Not where the mean takes most digits of the square: there it is the length about zero, which is never too short.
    """
    rest = squares - sums * sums / max(n, 1)
    return np.sqrt(np.where(centre & (rest > 1e-8 * squares), rest, squares))

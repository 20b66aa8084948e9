"""The design of a sparse matrix: compressed columns that all hold data."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from sparsereg.solvers._kernels.passes import (
    column_moments,
    column_sums,
    columns_dot,
    columns_dot_many,
    columns_gram,
    columns_times,
)
from sparsereg.solvers.design import Design, KernelColumns, column_lengths

__all__ = ["SparseDesign"]

Array = np.ndarray


class SparseDesign(Design):
    """Compressed columns that all hold data: row numbers int32, column starts int64, whatever the user's types."""

    def __init__(self, data: Array, rows: Array, starts: Array, n_samples: int, n_features: int, columns: Array | None):
        self.data, self.rows, self.starts = data, rows, starts
        self.shape = (n_samples, len(starts) - 1)
        self.n_features = n_features
        self.columns = columns

    def times(self, columns: Array, coef: Array) -> Array:
        """Return ``X[:, columns] coef``."""
        out = np.zeros(self.shape[0])
        columns_times(self.data, self.rows, self.starts, columns, coef, out)
        return out

    def rmatvec(self, v: Array) -> Array:
        """Return ``X' v``."""
        out = np.empty(self.shape[1])
        columns_dot(self.data, self.rows, self.starts, np.empty(0, dtype=np.int64), v, out)
        return out

    def dot(self, columns: Array, v: Array) -> Array:
        """Return ``X[:, columns]' v``."""
        out = np.empty(len(columns))
        if len(columns):
            columns_dot(self.data, self.rows, self.starts, columns, v, out)
        return out

    def dot_many(self, columns: Array | None, V: Array) -> Array:
        """Return ``V X[:, columns]``; for all columns eight vectors at a time."""
        if columns is not None:
            return super().dot_many(columns, V)
        k, n = V.shape
        eights = np.zeros((-(-k // 8), n, 8))
        for first in range(0, k, 8):
            part = V[first : first + 8]
            eights[first // 8, :, : len(part)] = part.T
        out = np.empty((k, self.shape[1]))
        columns_dot_many(self.data, self.rows, self.starts, eights, out)
        return out

    def norms(self, centre: bool) -> Array:
        """Return the lengths of the columns."""
        sums, squares = np.empty(self.shape[1]), np.empty(self.shape[1])
        column_sums(self.data, self.starts, sums, squares)
        return column_lengths(sums, squares, self.shape[0], centre)

    def moments(self, columns: Array, h: Array, sum_h: float, centre: bool) -> tuple[Array, Array]:
        """Return weighted means and sums of squares about them, in O(entries)."""
        mean, curvature = np.empty(len(columns)), np.empty(len(columns))
        column_moments(self.data, self.rows, self.starts, columns, h, sum_h, centre, mean, curvature)
        return mean, curvature

    def gram(self, columns: Array, h: Array, mean: Array, known: int, out: Array) -> None:
        """Fill the Gram matrix row by row of X, then centre it."""
        k = len(columns)
        columns_gram(self.data, self.rows, self.starts, columns, h, known, out)
        if mean.any():
            correction = h.sum() * np.outer(mean[known:], mean)
            out[known:k, :k] -= correction
            out[:known, known:k] = out[known:k, :known].T

    def entries(self, k: int) -> float:
        """Return the share of `k` columns in all entries."""
        return k * len(self.data) / max(self.shape[1], 1)

    def gram_cost(self, k: int) -> float:
        """Return the sum of squared row lengths if the entries of `k` columns lay evenly, plus the matrix itself."""
        entries = self.entries(k)
        return entries * (1.0 + entries / max(self.shape[0], 1)) + k * k

    def kernel_columns(self, columns: Array, mean: Array, sd: Array) -> KernelColumns:
        """Return the columns as they lie."""
        return KernelColumns(self.data, self.rows, self.starts, columns, False)

    def take_rows(self, rows: Array) -> SparseDesign:
        """Return the design of some samples; columns that they leave empty stay, so that numbers agree."""
        part = sp.csc_array((self.data, self.rows, self.starts), shape=self.shape)[rows]
        starts = part.indptr.astype(np.int64)
        return SparseDesign(
            part.data, part.indices.astype(np.int32), starts, part.shape[0], self.n_features, self.columns
        )

    def take_columns(self, columns: Array) -> SparseDesign:
        """Return the design of some columns."""
        sizes = np.diff(self.starts)[columns]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        entries = np.repeat(self.starts[columns] - starts[:-1], sizes) + np.arange(starts[-1])
        k = len(columns)
        return SparseDesign(self.data[entries], self.rows[entries], starts, self.shape[0], k, None)

    def dense_columns(self, columns: Array) -> Array:
        """Return a float64 copy of some columns."""
        out = np.zeros((self.shape[0], len(columns)), order="F")
        for k, j in enumerate(columns):
            entries = slice(self.starts[j], self.starts[j + 1])
            out[self.rows[entries], k] = self.data[entries]
        return out

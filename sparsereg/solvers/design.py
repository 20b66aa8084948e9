r"""Design: the only code that knows how ``X`` is stored.

Solvers see columns 0..m-1, the *occupied* ones: a sparse column without data has coefficient 0 under any penalty
whose minimum is at 0 and bounds that contain 0, so it is left out once, here. After `as_design` everything costs
O(entries + occupied columns), never O(n_features): 2e8 features are as cheap as those that hold data.

``X`` is never centred, scaled or changed. Values stay float32 or float64 as given; all sums are in double.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsereg.solvers._kernels.layout import ColumnTable, check_structure, mark, rows_to_columns
from sparsereg.solvers._kernels.passes import (
    column_moments,
    column_sums,
    columns_dot,
    columns_dot_many,
    columns_gram,
    columns_times,
    dense_columns_dot,
    dense_columns_times,
    dense_sums,
)

__all__ = ["DenseDesign", "Design", "KernelColumns", "SparseDesign", "as_design", "check_sparse", "flat_columns"]

Array = np.ndarray

# Entries of a dense block that is converted to float64, centred or scaled at a time: 2 MB stay in the cache.
_BLOCK = 1 << 18
_SAMPLE = 256  # rows that say whether the means of columns are small
_NO_ROWS = np.empty(0, dtype=np.int32)


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


class DenseDesign(Design):
    """An ndarray, float32 or float64, in C or Fortran order, used where it lies."""

    def __init__(self, X: Array):
        if not (X.flags.c_contiguous or X.flags.f_contiguous):
            X = np.asfortranarray(X)
        self.X = X
        self.shape = X.shape
        self.n_features = X.shape[1]
        self.columns = None
        self._by_columns = X.flags.f_contiguous and X.size > 0  # then columns are read where they lie

    def times(self, columns: Array, coef: Array) -> Array:
        """Return ``X[:, columns] coef``."""
        n, m = self.shape
        # A product with all of X beats the copy of a large part of its columns.
        if 4 * len(columns) > m:
            w = np.zeros(m)
            w[columns] = coef
            return _wide_matvec(self.X, w)
        out = np.zeros(n)
        if self._by_columns:
            dense_columns_times(self.X, columns, coef, out)
            return out
        for part in _split(len(columns), n):
            out += _gather(self.X, columns[part]) @ coef[part]
        return out

    def rmatvec(self, v: Array) -> Array:
        """Return ``X' v``."""
        return _wide_matvec(self.X.T, v)

    def dot(self, columns: Array, v: Array) -> Array:
        """Return ``X[:, columns]' v``."""
        n, m = self.shape
        if 4 * len(columns) > 3 * m:
            return self.rmatvec(v)[columns]
        out = np.empty(len(columns))
        if self._by_columns:
            dense_columns_dot(self.X, columns, v, out)
            return out
        for part in _split(len(columns), n):
            out[part] = v @ _gather(self.X, columns[part])
        return out

    def norms(self, centre: bool) -> Array | None:
        """Return the lengths of the columns of a matrix in Fortran order."""
        if not self._by_columns:
            return None
        sums, squares = np.empty(self.shape[1]), np.empty(self.shape[1])
        dense_sums(self.X, sums, squares)
        return _lengths(sums, squares, self.shape[0], centre)

    def times_many(self, columns: Array, W: Array) -> Array:
        """Return ``X[:, columns] W``, with BLAS-3."""
        n, m = self.shape
        out = np.zeros((n, W.shape[1]))
        if len(columns) == m:
            full = np.empty_like(W)
            full[columns] = W
            return self.X @ full if self.X.dtype == np.float64 else super().times_many(columns, W)
        for part in _split(len(columns), n):
            out += _gather(self.X, columns[part]).astype(np.float64, copy=False) @ W[part]
        return out

    def dot_many(self, columns: Array | None, V: Array) -> Array:
        """Return ``V X[:, columns]``, with BLAS-3."""
        n, m = self.shape
        if columns is None:
            if self.X.dtype == np.float64:
                return V @ self.X
            columns = np.arange(m)
        out = np.empty((len(V), len(columns)))
        for part in _split(len(columns), n):
            out[:, part] = V @ _gather(self.X, columns[part]).astype(np.float64, copy=False)
        return out

    def moments(self, columns: Array, h: Array, sum_h: float, centre: bool) -> tuple[Array, Array]:
        """Return weighted means and sums of squares about them, in two passes."""
        k = len(columns)
        mean = self.dot(columns, h) / sum_h if centre else np.zeros(k)
        curvature = np.empty(k)
        for part in _split(k, self.shape[0]):
            block = _gather(self.X, columns[part])
            if centre:
                block = block - mean[part]
            curvature[part] = np.einsum("ij,ij,i->j", block, block, h)
        return mean, curvature

    def gram(self, columns: Array, h: Array, mean: Array, known: int, out: Array) -> None:
        """Fill the Gram matrix by blocks of rows, with BLAS-3.

        Columns are centred before, in a copy of each block, unless no mean exceeds its spread: then the means are taken
        out after, at the price of a bit.
        """
        if not mean.any():
            self._raw_gram(columns, h, None, known, out)
            return
        if self.shape[0] * len(columns) <= _BLOCK:  # a small copy costs less than asking whether there must be one
            self._raw_gram(columns, h, mean, known, out)
            return
        first = _gather(self.X[:_SAMPLE], columns)
        if (np.abs(mean) <= first.std(axis=0)).all():
            self._raw_gram(columns, h, None, known, out)
            new, sum_h = slice(known, len(columns)), float(h.sum())
            spread = out.diagonal().copy()  # sums of squares; of known columns about their means
            spread[new] -= sum_h * mean[new] ** 2
            if (sum_h * mean**2 <= spread).all():
                out[new] -= sum_h * np.outer(mean[new], mean)
                out[:known, new] = out[new, :known].T
                return
        self._raw_gram(columns, h, mean, known, out)

    def _raw_gram(self, columns: Array, h: Array, mean: Array | None, known: int, out: Array) -> None:
        n, k = self.shape[0], len(columns)
        uniform = h[0] if n and (h == h[0]).all() else None
        root = None if uniform is not None else np.sqrt(h)
        new = slice(known, k)
        out[new, :k] = 0.0
        every = k == self.shape[1] and bool((columns[1:] > columns[:-1]).all())
        # At least 512 rows: below that the traffic of the Gram matrix itself, k^2 per block, shows beside the products.
        size = max(512, 8 * _BLOCK // max(k, 1))
        for first in range(0, n, size):
            rows = slice(first, first + size)
            block = self.X[rows] if every else _gather(self.X[rows], columns)
            if mean is not None:
                block = block - mean
            elif block.dtype != np.float64:
                block = block.astype(np.float64)
            if root is not None:
                block = block * root[rows, None]
            # numpy turns block.T @ block into the symmetric product at half the cost
            out[new, :k] += block.T @ block if known == 0 else block[:, new].T @ block
        if uniform is not None:
            out[new, :k] *= uniform
        out[:known, new] = out[new, :known].T

    def entries(self, k: int) -> float:
        """Return ``n k``."""
        return float(self.shape[0]) * k

    def gram_cost(self, k: int) -> float:
        """Return ``n k^2 / 2``, at the speed of BLAS-3: some 16 times that of a coordinate update."""
        return self.shape[0] * k * k / 32.0

    def kernel_columns(self, columns: Array, mean: Array, sd: Array) -> KernelColumns:
        """Return X itself in Fortran order, else a copy of the columns; centred where the mean drowns the spread.

        Lazy centring loses about ``(mean / sd)^2`` of the digits; measured: gap 7e-6 at 1e4 in float64.
        """
        n = self.shape[0]
        limit = 1e3 if self.X.dtype == np.float64 else 10.0
        drowned = bool(((np.abs(mean) > limit * sd) & (sd > 0.0)).any())
        if self.X.flags.f_contiguous and not drowned:
            starts = np.arange(self.shape[1] + 1, dtype=np.int64) * n
            return KernelColumns(self.X.reshape(-1, order="F"), _NO_ROWS, starts, columns, False)
        block = _gather(self.X, columns)
        if drowned:
            block = block - mean
        block = np.asfortranarray(block)
        k = len(columns)
        starts = np.arange(k + 1, dtype=np.int64) * n
        return KernelColumns(block.reshape(-1, order="F"), _NO_ROWS, starts, np.arange(k), drowned)

    def take_rows(self, rows: Array) -> DenseDesign:
        """Return the design of some samples."""
        return DenseDesign(self.X[rows])

    def take_columns(self, columns: Array) -> DenseDesign:
        """Return the design of some columns."""
        return DenseDesign(np.asfortranarray(self.X[:, columns]))

    def dense_columns(self, columns: Array) -> Array:
        """Return a float64 copy of some columns."""
        return _gather(self.X, columns).astype(np.float64)


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
        return _lengths(sums, squares, self.shape[0], centre)

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


def as_design(X: Any) -> Design:
    """Return the design of a matrix: dense where it lies, sparse as compressed occupied columns.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix or array of shape (n_samples, n_features)
        float32 or float64 is kept, anything else becomes float64. Never changed.

    Returns
    -------
    Design

    Raises
    ------
    ValueError
        If X is not a finite real matrix, or a sparse matrix is malformed.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from sparsereg.solvers import as_design
    >>> design = as_design(sp.csr_array(([1.0, 2.0], ([0, 1], [7, 10**9])), shape=(2, 2 * 10**9)))
    >>> design.shape, design.columns
    ((2, 2), array([         7, 1000000000]))
    """
    if isinstance(X, Design):
        return X
    if not sp.issparse(X):
        X = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must be two-dimensional; got shape {X.shape}")
        return DenseDesign(_real(X))
    X, tidy = check_sparse(X)
    data = _real(X.data)
    if X.shape[0] > np.iinfo(np.int32).max:
        raise ValueError(f"X must have at most 2**31 - 1 samples; got {X.shape[0]}")
    layout = _from_rows if X.format == "csr" else _from_columns
    data, rows, starts, columns = layout(data, X)
    if not tidy:
        data, rows, starts = _sum_duplicates(data, rows, starts, X.shape[0])
    return SparseDesign(data, rows, starts, X.shape[0], X.shape[1], columns)


def flat_columns(curvature: Array, mean: Array, sum_h: float) -> Array:
    """Return the columns that are constant to rounding: their centred curvature is noise, to divide by it absurd."""
    return np.flatnonzero(curvature <= 1e-14 * sum_h * mean * mean)


def _real(values: Array) -> Array:
    """Return float32 or float64 as they are, other real numbers as float64; finite."""
    if values.dtype not in (np.float32, np.float64):
        if values.dtype.kind not in "biuf":
            raise ValueError(f"X must hold real numbers; got dtype {values.dtype}")
        values = values.astype(np.float64)
    # The sum is finite if all values are, bar an overflow; only then is a closer look needed.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(values.sum())
    if suspicious and not np.isfinite(values).all():
        raise ValueError("X must be finite; it contains NaN or infinity")
    return values


def check_sparse(X: Any) -> tuple[Any, bool]:
    """Return a sparse matrix as CSR or CSC that is safe to walk through, and whether it is sorted without duplicates.

    scipy trusts what a matrix holds: converting one whose indices point outside would write outside memory. The matrix
    itself is returned where it is sound; else one of the same kind, or ValueError.
    """
    try:
        return _checked_sparse(X)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        message = str(error)
        if not message.startswith("X "):
            message = f"X is a malformed sparse matrix ({X.format}): {message}"
        raise ValueError(message) from error


def _checked_sparse(X: Any) -> tuple[Any, bool]:
    if X.ndim != 2:
        raise ValueError(f"X must be two-dimensional; got a sparse array with shape {X.shape}")
    if X.format not in ("csr", "csc"):
        X = _to_rows(X)
    n_major, n_minor = X.shape if X.format == "csr" else X.shape[::-1]
    for name in ("data", "indices", "indptr"):
        array = getattr(X, name)
        if not isinstance(array, np.ndarray) or array.ndim != 1:
            raise ValueError(f"{name} must be a one-dimensional array")
        if name != "data" and array.dtype.kind not in "iu":
            raise ValueError(f"{name} must hold integers, got dtype {array.dtype}")
    small = X.indices.dtype == np.int32 and X.indptr.dtype == np.int32
    wide = np.int32 if small else np.int64
    starts, minor, data = (
        np.ascontiguousarray(array, dtype=dtype)
        for array, dtype in ((X.indptr, wide), (X.indices, wide), (X.data, None))
    )
    wrong = 2 if len(starts) != n_major + 1 or len(data) < starts[-1] else check_structure(starts, minor, n_minor)
    if wrong == 2:
        raise ValueError("indptr must start at 0, never decrease and end within the data")
    if wrong == 3:
        raise ValueError(f"an index is outside 0..{n_minor - 1}")
    if max(len(minor), len(data)) > starts[-1]:  # entries beyond the last row or column are nobody's
        minor, data = minor[: starts[-1]], data[: starts[-1]]
    if starts is not X.indptr or minor is not X.indices or data is not X.data:
        sound = type(X)(X.shape, dtype=data.dtype)
        sound.data, sound.indices, sound.indptr = data, minor, starts
        X = sound
    return X, wrong == 0


def _to_rows(X: Any) -> Any:
    """Convert any other sparse format to CSR, its coordinates checked first."""
    if X.format == "lil":
        lengths = [[len(part) for part in parts] for parts in (X.rows, X.data)]
        if len(lengths[0]) != X.shape[0] or lengths[0] != lengths[1]:
            raise ValueError("rows and data must be lists of equal lengths, one pair per row")
    if X.format == "dia" and len(X.offsets) != len(X.data):
        raise ValueError("offsets and data must have equal lengths")
    X = X.tocoo()
    if len(X.coords) != 2:
        raise ValueError("coords must be a pair of arrays")
    for name, axis, size in (("row", X.coords[0], X.shape[0]), ("column", X.coords[1], X.shape[1])):
        if axis.dtype.kind not in "iu":
            raise ValueError(f"{name} indices must be integers, got dtype {axis.dtype}")
        if len(axis) != len(X.data) or (len(axis) and (axis.min() < 0 or axis.max() >= size)):
            raise ValueError(f"a {name} index is outside 0..{size - 1}")
    return X.tocsr()


def _from_columns(data: Array, X: Any) -> tuple[Array, Array, Array, Array | None]:
    """Return the layout of a CSC matrix: its own arrays; only the list of column starts is thinned."""
    occupied = np.flatnonzero(X.indptr[1:] > X.indptr[:-1])
    columns, starts = None, X.indptr
    if len(occupied) < X.shape[1]:
        columns = occupied
        starts = np.append(starts[occupied], starts[-1])
    return data, X.indices.astype(np.int32, copy=False), starts.astype(np.int64, copy=False), columns


def _from_rows(data: Array, X: Any) -> tuple[Array, Array, Array, Array | None]:
    """Return the layout of a CSR matrix: occupied columns found, then one counting transposition."""
    n_entries = int(X.indptr[-1])
    ids, n_features = X.indices[:n_entries], X.shape[1]
    if n_entries > np.iinfo(np.int32).max:
        ids = ids.astype(np.int64)  # so that row starts fit the same type
    if n_features <= 4 * n_entries + 4096:  # a mark per feature is cheaper than hashing, and still O(entries)
        seen = np.zeros(n_features, dtype=np.uint8)
        mark(ids, seen)
        columns = np.flatnonzero(seen)
        place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    else:
        table, numbers = ColumnTable(), np.empty(n_entries, dtype=np.int32)
        table.number_all(ids, numbers)
        columns = np.empty(table.size, dtype=np.int64)
        table.distinct(columns)
        order = np.argsort(columns)
        columns = columns[order]
        place = np.empty(table.size, dtype=np.int32)
        place[order] = np.arange(table.size, dtype=np.int32)
        ids = numbers if n_entries <= np.iinfo(np.int32).max else numbers.astype(np.int64)
    starts = np.zeros(len(columns) + 1, dtype=np.int64)
    rows, values = np.empty(n_entries, dtype=np.int32), np.empty(n_entries, dtype=data.dtype)
    row_starts = X.indptr.astype(ids.dtype, copy=False)
    rows_to_columns(data, row_starts, np.ascontiguousarray(ids), place, starts, rows, values)
    return values, rows, starts, None if len(columns) == n_features else columns


def _sum_duplicates(data: Array, rows: Array, starts: Array, n_samples: int) -> tuple[Array, Array, Array]:
    X = sp.csc_array((data.copy(), rows.copy(), starts.copy()), shape=(n_samples, len(starts) - 1))
    X.sum_duplicates()
    return X.data, X.indices.astype(np.int32, copy=False), X.indptr.astype(np.int64, copy=False)


def _split(k: int, n: int) -> list[slice]:
    """Return slices of `k` columns of length `n`, of about a block each."""
    size = max(1, 4 * _BLOCK // max(n, 1))
    return [slice(first, first + size) for first in range(0, k, size)]


def _lengths(sums: Array, squares: Array, n: int, centre: bool) -> Array:
    """Return the lengths of columns, about their means if `centre`.

    Not where the mean takes most digits of the square: there it is the length about zero, which is never too short.
    """
    rest = squares - sums * sums / max(n, 1)
    return np.sqrt(np.where(centre & (rest > 1e-8 * squares), rest, squares))


def _gather(X: Array, columns: Array) -> Array:
    """Return a copy of some columns, reading along memory in either order."""
    return X[:, columns] if X.flags.c_contiguous else X.T[columns].T


def _wide_matvec(X: Array, w: Array) -> Array:
    """Return ``X w`` in float64; float32 is converted block by block, so sums keep double precision."""
    if X.dtype == np.float64:
        return X @ w
    n, m = X.shape
    if X.flags.c_contiguous:
        out = np.empty(n)
        size = max(1, _BLOCK // max(m, 1))
        for first in range(0, n, size):
            out[first : first + size] = X[first : first + size].astype(np.float64) @ w
        return out
    out = np.zeros(n)
    size = max(1, _BLOCK // max(n, 1))
    for first in range(0, m, size):
        out += X[:, first : first + size].astype(np.float64) @ w[first : first + size]
    return out

"""From what users give to a design: sparse matrices checked, their occupied columns found and laid out."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsereg.solvers._kernels.layout import ColumnTable, check_structure, mark, rows_to_columns
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.design import Design
from sparsereg.solvers.sparse_design import SparseDesign

__all__ = ["as_design", "check_sparse"]

Array = np.ndarray


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

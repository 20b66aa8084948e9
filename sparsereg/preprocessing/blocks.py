"""Blocks of output columns: one per combination of buckets, numbered by mixed radix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsereg.preprocessing.buckets import NOWHERE

__all__ = ["Block", "one_hot"]

Array = np.ndarray


@dataclass(frozen=True)
class Block:
    """The output columns of one cross: ``start .. stop - 1``.

    Buckets ``(c_0, .., c_k)`` of columns with ``(n_0, .., n_k)`` buckets are column
    ``start + ((c_0 n_1 + c_1) n_2 + c_2) ...``: nothing is stored per output column.

    Attributes
    ----------
    columns : tuple
        The crossed columns, as named in `crosses`.
    levels : tuple of int
        Which of its several widths (or numbers of quantiles) each column has here, 0 for the first or only one.
    shape : tuple of int
        Number of buckets of each column, that of missing values included.
    start, stop : int
        First output column, and the one after the last.
    """

    columns: tuple[Any, ...]
    levels: tuple[int, ...]
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """The output column after the last."""
        return self.start + math.prod(self.shape)

    def encode(self, codes: Sequence[Array]) -> Array:
        """Return the output column of each row, NOWHERE where a code is."""
        ids = np.full(len(codes[0]), 0, dtype=np.int64)
        empty = np.zeros(len(ids), dtype=bool)
        for code, size in zip(codes, self.shape, strict=True):
            ids *= size
            ids += code
            empty |= code == NOWHERE
        ids += self.start
        ids[empty] = NOWHERE
        return ids

    def decode(self, ids: Array) -> list[Array]:
        """Return the bucket of each column: the inverse of `encode`."""
        codes, rest = [], ids - self.start
        for size in reversed(self.shape):
            rest, code = np.divmod(rest, size)
            codes.append(code)
        return codes[::-1]


def one_hot(ids: Iterable[Array], shape: tuple[int, int], n_blocks: int, dtype: Any, container: type) -> Any:
    """Return a CSR matrix with ones at ``(i, ids[b][i])`` for each block b, none at NOWHERE; int64 only if needed.

    Blocks come in ascending order, so rows are sorted as they are written. scipy's hstack of one matrix per block would
    choose its own index type and hold everything twice.
    """
    n_rows, n_columns = shape
    small = max(n_columns, n_rows * n_blocks) <= np.iinfo(np.int32).max
    columns = np.empty((n_rows, n_blocks), dtype=np.int32 if small else np.int64)
    for block, numbers in enumerate(ids):
        columns[:, block] = numbers
    kept = columns != NOWHERE
    starts = np.zeros(n_rows + 1, dtype=columns.dtype)
    np.cumsum(kept.sum(axis=1), out=starts[1:])
    indices = columns.reshape(-1) if kept.all() else columns[kept]
    X = container((np.ones(len(indices), dtype=dtype), indices, starts), shape=shape)
    X.has_canonical_format = True
    return X

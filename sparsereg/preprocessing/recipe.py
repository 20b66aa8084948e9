"""What a FeatureCross is asked for, checked: which columns, which buckets, which blocks of output columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from sparsereg.linear_model.validation import check_number
from sparsereg.preprocessing.blocks import Block
from sparsereg.preprocessing.buckets import Buckets, Categories, Edges, Steps
from sparsereg.preprocessing.table import Table

__all__ = ["Recipe", "lay_out"]

Array = np.ndarray

_KINDS = ("width", "edges", "quantiles")
_LARGEST = 2**62  # ids of 64 bits, with a bit to spare


class Recipe:
    """The columns that are crossed, and how each is put into buckets.

    Attributes
    ----------
    crosses : list of tuple
        As given; a column that is named in two ways has its first name throughout.
    positions : dict
        Column -> its position in X.
    """

    def __init__(self, params: Mapping[str, Any], table: Table):
        self._table = table
        self._names: dict[int, Any] = {}
        self.crosses = [self._cross(cross) for cross in _tuples(params["crosses"])]
        if len({frozenset(cross) for cross in self.crosses}) < len(self.crosses):
            raise ValueError(f"crosses must differ from each other; got {params['crosses']!r}")
        self.positions = {column: position for position, column in self._names.items()}
        self._rules = {name: self._by_column(name, params[name]) for name in (*_KINDS, "range")}
        for column in self.positions:
            given = [name for name in _KINDS if column in self._rules[name]]
            if len(given) > 1:
                raise ValueError(f"column {column!r} must have one of width, edges and quantiles; it has {given}")
            if column in self._rules["range"] and given != ["width"]:
                raise ValueError(f"range is for columns with a width; column {column!r} has {given or 'categories'}")

    def _cross(self, cross: tuple[Any, ...]) -> tuple[Any, ...]:
        positions = [self._table.position(column) for column in cross]
        if not cross or len(set(positions)) < len(cross):
            raise ValueError(f"a cross must be of one or more different columns; got {cross!r}")
        return tuple(self._names.setdefault(at, column) for at, column in zip(positions, cross, strict=True))

    def _by_column(self, name: str, given: Any) -> dict[Any, Any]:
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            raise TypeError(
                f"{name} must be a dict by column, such as {{{next(iter(self.positions))!r}: ...}}; got {given!r}"
            )
        rules = {}
        for column, rule in given.items():
            position = self._table.position(column)
            if position not in self._names:
                raise ValueError(f"{name} has the column {column!r}, which is in no cross")
            rules[self._names[position]] = rule
        return rules

    def buckets(self, column: Any, missing: str) -> list[Buckets]:
        """Return the buckets of a column, one set per level."""
        at, rule = self.positions[column], self._rules
        if not any(column in rule[kind] for kind in _KINDS):
            categories = Categories(self._table.values(at), column)
            if not categories.size and missing != "bucket":
                raise ValueError(f"column {column!r} has no value that is not missing: there is no category in it")
            return [categories]
        if column in rule["edges"]:
            return [Edges(_edges(rule["edges"][column], column))]
        numbers = self._table.numbers(at, column)
        numbers = numbers[~np.isnan(numbers)]
        if not len(numbers) and column not in rule["range"]:
            raise ValueError(
                f"column {column!r} has no value that is not missing: give it edges, or a width and a range"
            )
        if column in rule["quantiles"]:
            levels = _levels("quantiles", rule["quantiles"][column], column, Integral)
            return [Edges.from_quantiles(int(level), numbers) for level in levels]
        span = _span(rule["range"][column], column) if column in rule["range"] else None
        levels = _levels("width", rule["width"][column], column, Real)
        return [Steps(float(level), numbers, span, column) for level in levels]


def lay_out(crosses: Iterable[tuple[Any, ...]], sizes: Mapping[Any, Sequence[int]], main_effects: bool) -> list[Block]:
    """Return the blocks of output columns, one after the other: main effects, then crosses level by level.

    `sizes` has the number of buckets of each column at each of its levels.
    """
    wanted = [(column,) for column in sizes] if main_effects else []
    factors: dict[tuple[tuple[Any, int], ...], None] = {}
    for cross in [*wanted, *crosses]:
        depths = {len(sizes[column]) for column in cross} - {1}
        if len(depths) > 1:
            counts = {column: len(sizes[column]) for column in cross}
            raise ValueError(f"the columns of a cross must have equally many widths or quantiles, or one; got {counts}")
        for level in range(max(depths, default=1)):
            factors[tuple((column, min(level, len(sizes[column]) - 1)) for column in cross)] = None
    blocks, start = [], 0
    for factor in factors:
        columns, levels = zip(*factor, strict=True)
        blocks.append(Block(columns, levels, tuple(sizes[column][level] for column, level in factor), start))
        start = blocks[-1].stop
        if start > _LARGEST:
            shapes = "; ".join(f"{block.columns!r}: {' x '.join(f'{n:,}' for n in block.shape)}" for block in blocks)
            raise ValueError(
                f"the crosses must have at most 2**62 output columns in all; got more than {start - 1:,} ({shapes}). "
                "Widen the buckets or cross fewer columns"
            )
    return blocks


def _tuples(crosses: Any) -> list[tuple[Any, ...]]:
    """Return the crosses as tuples; a string, which is a sequence of letters, is none."""
    good = isinstance(crosses, Sequence) and not isinstance(crosses, str) and len(crosses) > 0
    if not good or not all(isinstance(cross, Sequence) and not isinstance(cross, str) for cross in crosses):
        raise TypeError(f"crosses must be a list of tuples of columns, such as [('a', 'b')]; got {crosses!r}")
    return [tuple(cross) for cross in crosses]


def _levels(name: str, given: Any, column: Any, kind: type) -> list[Any]:
    """Return one or several widths, or numbers of quantiles."""
    levels = list(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else [given]
    if not levels:
        raise ValueError(f"{name} of column {column!r} must be a number or a list of numbers; got {given!r}")
    for level in levels:
        check_number(f"{name} of column {column!r}", level, kind, low=1 if kind is Integral else 0, strict=kind is Real)
    return levels


def _span(given: Any, column: Any) -> tuple[float, float]:
    """Return the low and the high end of a range."""
    try:
        low, high = map(float, given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"range of column {column!r} must be a pair (low, high) of numbers; got {given!r}") from error
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"range of column {column!r} must be finite, low < high; got {given!r}")
    return low, high


def _edges(given: Any, column: Any) -> Array:
    """Return ascending edges; the outer two may be infinite."""
    try:
        edges = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"edges of column {column!r} must be numbers; got {given!r}") from error
    if edges.ndim != 1 or len(edges) < 2 or not (edges[1:] > edges[:-1]).all():
        raise ValueError(f"edges of column {column!r} must be two or more numbers that ascend; got {given!r}")
    return edges

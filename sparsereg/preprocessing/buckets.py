"""Buckets of one column: which bucket a value falls into, what a bucket is called, where it begins and ends."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["NOWHERE", "Buckets", "Categories", "Edges", "Steps", "is_missing"]

Array = np.ndarray

NOWHERE, MISSING = -1, -2
_MOST = 2**53  # from here on, floating point cannot tell one bucket from the next


class Buckets(ABC):
    """Buckets ``0 .. size - 1`` of one column."""

    size: int
    ordered = True  # whether a value outside has a nearest bucket, and a bucket has ends

    @abstractmethod
    def locate(self, values: Array) -> Array:
        """Return the bucket of each value as int64: -1 below the first, `size` above the last, MISSING."""

    @abstractmethod
    def label(self, bucket: int) -> str:
        """Return what a bucket is called, to stand after the name of its column."""

    @abstractmethod
    def bounds(self, buckets: Array) -> Array:
        """Return lower and upper ends, of shape (n, 2)."""

    @abstractmethod
    def extent(self) -> str:
        """Return, in words, the values that have a bucket."""

    def codes(self, values: Array, outside: str, missing: str, column: Any) -> Array:
        """Return the bucket of each value; NOWHERE for none, `size` for the bucket of missing values."""
        codes = self.locate(values)
        lost = codes == MISSING
        beyond = (codes == NOWHERE) | (codes >= self.size)
        if missing == "error" and lost.any():
            raise ValueError(
                f"column {column!r} has a missing value (NaN) in row {int(lost.argmax())}; missing='ignore' leaves it "
                "without a feature, missing='bucket' gives it one of its own"
            )
        if outside == "error" and beyond.any():
            row = int(beyond.argmax())
            raise ValueError(
                f"column {column!r} has the value {values[row]!s} in row {row}, outside {self.extent()}; "
                "outside='clip' and outside='ignore' accept it"
            )
        if outside == "clip" and self.ordered:
            np.clip(codes, 0, self.size - 1, out=codes)
        elif beyond.any():
            codes[beyond] = NOWHERE
        if lost.any():
            codes[lost] = self.size if missing == "bucket" else NOWHERE
        return codes


class Steps(Buckets):
    """Buckets of one width: bucket k holds ``origin + width (first + k) <= x < origin + width (first + k + 1)``.

    Without a range, edges are multiples of the width (origin 0) and reach from the smallest to the largest value. With
    one, they start at its low end, and its high end belongs to the last bucket, which may be narrower.
    """

    def __init__(self, width: float, values: Array, span: tuple[float, float] | None, column: Any):
        self.width, self.origin, self.first = width, 0.0, 0
        low, high = span or (float(values.min()), float(values.max()))
        if not max(abs(low), abs(high), high - low) / width < _MOST:
            raise ValueError(
                f"width of column {column!r} must leave fewer than 2**53 buckets between 0 and the ends of its range, "
                f"{low:g} and {high:g}; got {width!r}"
            )
        if span is None:
            self.first = int(self._step(np.array([low]))[0])
            self.size = int(self._step(np.array([high]))[0]) + 1
            self.last, self._closed = float(self._edge(self.size)), False
        else:
            self.origin = low
            steps = (high - low) / width  # 180 / (1 / 60) is 10800 up to rounding, and not 10801
            self.size = max(1, math.ceil(steps * (1.0 - 1e-15) - 1e-6))
            self.last, self._closed = high, True

    def _edge(self, bucket: Any) -> Any:
        return self.origin + self.width * (self.first + bucket)

    def _step(self, values: Array) -> Array:
        """Return the bucket that begins at or below each value, as the edges themselves have it, not their quotient."""
        with np.errstate(over="ignore"):  # values far outside
            steps = np.floor((values - self.origin) / self.width) - self.first
            steps -= values < self._edge(steps)
            steps += values >= self._edge(steps + 1.0)
        return steps

    def locate(self, values: Array) -> Array:
        """Return the bucket of each value, in O(1) for each."""
        lost = np.isnan(values)
        steps = np.clip(self._step(values), -1.0, self.size - 1.0)
        steps[values > self.last if self._closed else values >= self.last] = self.size
        if lost.any():
            steps[lost] = MISSING
        return steps.astype(np.int64)

    def label(self, bucket: int) -> str:
        """Return ``51.50..51.52``, with decimals that write the edges exactly if 6 do, else tell them apart."""
        marks = (self.origin, self.width)
        exact = (d for d in range(7) if all(abs(x - round(x, d)) <= 1e-9 * self.width for x in marks))
        digits = next(exact, max(0, math.ceil(-math.log10(self.width))))
        low, high = (f"{round(x, digits) + 0.0:.{digits}f}" for x in self.bounds(np.array([bucket]))[0])
        return f"{low}..{high}"

    def bounds(self, buckets: Array) -> Array:
        """Return the edges on both sides."""
        high = np.where(buckets == self.size - 1, self.last, self._edge(buckets + 1))
        return np.stack([self._edge(buckets), high], axis=1)

    def extent(self) -> str:
        """Return the range."""
        return f"{self._edge(0):g}..{self.last:g}"


class Edges(Buckets):
    """Buckets between given edges: bucket k holds ``edges[k] <= x < edges[k + 1]``, the last one its upper end too."""

    def __init__(self, edges: Array):
        self.edges = edges
        self.size = len(edges) - 1

    @classmethod
    def from_quantiles(cls, n_buckets: int, values: Array) -> Edges:
        """Return buckets that hold equally many values; fewer where values repeat so often that quantiles coincide."""
        edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, n_buckets + 1)))
        return cls(edges if len(edges) > 1 else np.repeat(edges, 2))

    def locate(self, values: Array) -> Array:
        """Return the bucket of each value."""
        codes = np.searchsorted(self.edges, values, side="right").astype(np.int64) - 1
        codes[values == self.edges[-1]] = self.size - 1
        codes[np.isnan(values)] = MISSING
        return codes

    @cached_property
    def _texts(self) -> list[str]:
        """The edges with as many digits as tell them apart."""
        written = ([f"{edge:.{digits}g}" for edge in self.edges] for digits in range(4, 18))
        n_distinct = len(np.unique(self.edges))
        return next(texts for texts in written if len(set(texts)) == n_distinct)

    def label(self, bucket: int) -> str:
        """Return ``below 5``, ``5..7`` or ``7 and above``."""
        (low, high), (begin, end) = self.edges[bucket : bucket + 2], self._texts[bucket : bucket + 2]
        if np.isinf(low):
            return "any number" if np.isinf(high) else f"below {end}"
        return f"{begin} and above" if np.isinf(high) else f"{begin}..{end}"

    def bounds(self, buckets: Array) -> Array:
        """Return the edges on both sides."""
        return np.stack([self.edges[buckets], self.edges[buckets + 1]], axis=1)

    def extent(self) -> str:
        """Return the first and last edge."""
        return f"{self.edges[0]:g}..{self.edges[-1]:g}"


class Categories(Buckets):
    """One bucket for each value that occurs: numbers and dates are looked up by bisection, other things by hashing."""

    ordered = False

    def __init__(self, values: Array, column: Any):
        if values.dtype.kind != "O":
            self.categories = np.unique(values[~_not_a_value(values)])
        else:
            try:
                found = sorted(value for value in set(values.tolist()) if not is_missing(value))
            except TypeError as error:
                raise TypeError(
                    f"column {column!r} has no width, edges or quantiles, so its values are categories, which must be "
                    f"hashable and of one kind, all strings for instance: {error}"
                ) from error
            self.categories = np.empty(len(found), dtype=object)
            self.categories[:] = found
        self.size = len(self.categories)

    def locate(self, values: Array) -> Array:
        """Return the number of each value's category; -1 for one that did not occur."""
        numbers = all(kind in "biuf" for kind in (values.dtype.kind, self.categories.dtype.kind))
        if not self.size or not (numbers or values.dtype.kind == self.categories.dtype.kind in "mM"):
            return self._look_up(values)
        codes = np.searchsorted(self.categories, values).astype(np.int64)
        codes[codes == self.size] = 0
        codes[self.categories[codes] != values] = NOWHERE
        codes[_not_a_value(values)] = MISSING
        return codes

    def _look_up(self, values: Array) -> Array:
        known = {value: code for code, value in enumerate(self.categories.tolist())}
        listed = values.tolist()  # once: every list has NaN objects of its own, and dicts find a NaN by identity
        table = {
            value: known[value] if value in known else MISSING if is_missing(value) else NOWHERE
            for value in set(listed)
        }
        return np.fromiter((table[value] for value in listed), np.int64, len(listed))

    def label(self, bucket: int) -> str:
        """Return the category."""
        return str(self.categories[bucket])

    def bounds(self, buckets: Array) -> Array:
        """Return NaN: categories have no ends."""
        return np.full((len(buckets), 2), np.nan)

    def extent(self) -> str:
        """Return how many there are."""
        return f"the {self.size} categories seen in fit"


def _not_a_value(values: Array) -> Array:
    """Return where NaN or NaT is."""
    return np.isnan(values) if values.dtype.kind in "fmM" else np.zeros(len(values), dtype=bool)


def is_missing(value: Any) -> bool:
    """Return whether a single value is None, NaN, NaT or pandas' NA: what is not equal to itself."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA != pandas.NA has no truth value
        return True

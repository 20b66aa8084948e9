"""Nonzero weights as they are kept and saved: codes of few bytes, and where they belong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

__all__ = ["StoredWeights"]

Array = np.ndarray


@dataclass(frozen=True)
class StoredWeights:
    """Weights ``scale_k * code`` of n_outputs outputs on n_needed features, entry by entry, output by output.

    Parameters
    ----------
    codes : ndarray of shape (n_weights,)
        float64, float32, float16 or int8; finite, never zero.
    place : ndarray of int64 of shape (n_weights,)
        Which of the needed features; ascending within an output. Each needed feature occurs.
    counts : ndarray of int64 of shape (n_outputs,)
        Number of weights of each output.
    scale : ndarray of float64 of shape (n_outputs,)
    n_needed : int
    """

    codes: Array
    place: Array
    counts: Array
    scale: Array
    n_needed: int

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.place) or self.counts.sum() != len(self.codes):
            raise ValueError("there must be as many weights as places, and as the outputs have together")
        if len(self.scale) != len(self.counts) or not (np.isfinite(self.scale).all() and (self.scale > 0.0).all()):
            raise ValueError("each output must have a scale > 0 and finite")
        if not (np.isfinite(self.codes).all() and self.codes.all()):
            raise ValueError("weights must be finite and not zero")
        output = self.output
        ascending = (np.diff(self.place) > 0) | (np.diff(output) > 0)
        if not ascending.all() or len(self.place) and not 0 <= self.place.min() <= self.place.max() < self.n_needed:
            raise ValueError("the places of weights must ascend within an output, among the needed features")
        if len(np.unique(self.place)) != self.n_needed:
            raise ValueError("each needed feature must have a weight")
        if not np.isfinite(self.values).all():
            raise ValueError("weights times scale must be finite")

    @property
    def output(self) -> Array:
        """Number of the output of each weight."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def values(self) -> Array:
        """The weights in double precision."""
        with np.errstate(over="ignore"):
            return self.codes.astype(np.float64) * np.repeat(self.scale, self.counts)

    def matrix(self) -> Array | sp.csr_array:
        """Return the weights, (n_needed, n_outputs): dense, or sparse where more than three quarters are zero."""
        shape = (self.n_needed, len(self.counts))
        if 4 * len(self.codes) < shape[0] * shape[1]:
            return sp.csr_array((self.values, (self.place, self.output)), shape=shape)
        dense = np.zeros(shape)
        dense[self.place, self.output] = self.values
        return dense

"""Which weights stay: those that are large, so many of them, or those that predictions need."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsereg.compression.linear_parts import model_response, take_apart
from sparsereg.compression.weights import subset, with_weights
from sparsereg.compression.within_bound import Removal, removable

__all__ = ["Units", "kept_above", "kept_largest", "kept_within"]

Array = np.ndarray


class Units:
    """What goes or stays as one: single weights, all weights of a feature, or all weights of a group of features.

    Parameters
    ----------
    coef : csr_array of shape (n_outputs, n_features)
        Its stored entries are the weights.
    groups : ndarray of shape (n_features,), "features" or None
    """

    def __init__(self, coef: sp.csr_array, groups: Any):
        self.single = groups is None
        if self.single:
            self.unit = np.arange(coef.nnz)
        else:
            labels = coef.indices if isinstance(groups, str) else groups[coef.indices]
            self.unit = np.unique(labels, return_inverse=True)[1]
        self.sizes = np.bincount(self.unit)

    def norms(self, weights: Array) -> Array:
        """Return the Euclidean norm of the weights of each unit."""
        weights = np.abs(weights.astype(np.float64))
        if self.single or len(weights) == 0:
            return weights
        unit_of_weight = weights.max()  # or squares of small weights underflow
        return unit_of_weight * np.sqrt(np.bincount(self.unit, (weights / unit_of_weight) ** 2))

    def members(self) -> list[Array]:
        """Return the entries of each unit."""
        return np.split(np.argsort(self.unit, kind="stable"), np.cumsum(self.sizes)[:-1]) if len(self.sizes) else []


def kept_above(coef: sp.csr_array, groups: Any, threshold: float) -> Array:
    """Return which entries stay: those in units of norm at least `threshold`."""
    units = Units(coef, groups)
    return (units.norms(coef.data) >= threshold)[units.unit]


def kept_largest(coef: sp.csr_array, groups: Any, n_nonzero: int, X: Any) -> Array:
    """Return which entries stay: units in the order of their norm, those that fit into `n_nonzero`; ties, the first."""
    units = Units(coef, groups)
    norms = units.norms(coef.data if X is None else Removal(X, coef).root_mean_square())
    stays, room = np.zeros(len(norms), dtype=bool), n_nonzero
    for u in np.argsort(-norms, kind="stable"):
        if room == 0:
            break
        if units.sizes[u] <= room:
            stays[u] = True
            room -= units.sizes[u]
    return stays[units.unit]


def kept_within(model: Any, coef: sp.csr_array, groups: Any, bound: float, X: Any, offset: Array | None) -> Array:
    """Return which entries stay, the others changing no prediction of the model on X by more than `bound`."""
    before = model_response(model, X, offset)
    parts = take_apart(model)
    units = Units(coef, groups)
    members = units.members()
    rounding = 8.0 * np.finfo(before.dtype).eps * np.abs(before, where=np.isfinite(before), out=np.zeros_like(before))
    limit = max(bound - float(rounding.max()), 0.0)
    eta = parts.linear_predictor(X, offset)
    gone = removable(Removal(X, coef), eta, parts.inverse_link, limit, members)
    put_back = 1
    while gone:
        kept = np.ones(coef.nnz, dtype=bool)
        kept[np.concatenate([members[u] for u in gone])] = False
        after = model_response(with_weights(model, subset(coef, kept)), X, offset)
        with np.errstate(invalid="ignore"):
            if ((after == before) | (np.abs(after - before) <= bound)).all():
                return kept
        gone, put_back = gone[:-put_back], 2 * put_back  # rounding of predictions themselves, which was not foreseen
    return np.ones(coef.nnz, dtype=bool)

"""Which weights stay: those that are large, so many of them, or those that predictions need."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsereg.compression.linear_parts import model_response, take_apart
from sparsereg.compression.weights import subset, with_weights
from sparsereg.compression.within_bound import Removal, removable
from sparsereg.linear_model.kept import largest_that_fit
from sparsereg.penalties.grouping import grouping_of

__all__ = ["Units", "kept_above", "kept_largest", "kept_within"]

Array = np.ndarray


class Units:
    """What goes or stays as one: single weights, all weights of a feature, or all weights of a group of features.

    Parameters
    ----------
    coef : csr_array of shape (n_outputs, n_features)
        Its stored entries are the weights.
    groups : "features", what `grouping_of` takes, or None
    names : ndarray of str or None
        Of the features.
    """

    def __init__(self, coef: sp.csr_array, groups: Any, names: Any):
        self.single = groups is None
        columns, column = np.unique(coef.indices.astype(np.int64), return_inverse=True)
        if self.single:
            self.unit = np.arange(coef.nnz)
        elif isinstance(groups, str) and groups == "features":
            self.unit = column
        else:
            grouping = grouping_of(groups, coef.shape[1], names, columns)
            group = np.empty(len(columns), dtype=np.int64)
            group[grouping.order] = np.repeat(np.arange(len(grouping.names)), np.diff(grouping.starts))
            self.unit = group[column]
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


def kept_above(coef: sp.csr_array, units: Units, threshold: float) -> Array:
    """Return which entries stay: those in units of norm at least `threshold`."""
    return (units.norms(coef.data) >= threshold)[units.unit]


def kept_largest(coef: sp.csr_array, units: Units, n_nonzero: int, X: Any) -> Array:
    """Return which entries stay: units in the order of their norm, those that fit into `n_nonzero`; ties, the first."""
    norms = units.norms(coef.data if X is None else Removal(X, coef).root_mean_square())
    return largest_that_fit(norms, units.sizes, n_nonzero)[units.unit]


def kept_within(model: Any, coef: sp.csr_array, units: Units, bound: float, X: Any, offset: Array | None) -> Array:
    """Return which entries stay, the others changing no prediction of the model on X by more than `bound`."""
    before = model_response(model, X, offset)
    parts = take_apart(model)
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

r"""What a weight costs: the base of bound penalties, which solvers ask, and of the specs that users write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["BoundPenalty", "Coordinates", "Penalty"]

Array = np.ndarray


class Coordinates(NamedTuple):
    """A penalty as coordinate descent sees it: ``l1 |w| + l2 w^2 / 2`` with ``lower <= w <= upper``, per weight.

    What is left of a gradient counts per `unit` of its weight, None: one.
    """

    l1: Array
    l2: Array
    lower: Array
    upper: Array
    unit: Array | None = None

    def take(self, columns: Array) -> Coordinates:
        """Return the costs of some weights."""
        l1, l2, lower, upper = (cost[columns] for cost in (self.l1, self.l2, self.lower, self.upper))
        return Coordinates(l1, l2, lower, upper, None if self.unit is None else self.unit[columns])

    def value(self, w: Array) -> float:
        """Return what weights within the bounds cost."""
        return float(np.abs(w) @ self.l1) + 0.5 * float((w * w) @ self.l2)


class BoundPenalty:
    """Base of penalties that are bound to columns: what every solver may ask.

    Only `value` and `prox` must be there; with them `sparsereg.solvers.fista` minimises, and optimality is measured by
    the prox step. ``docs/add_a_penalty.md`` builds one in ten lines.
    """

    blocks: ClassVar[str] = "features"
    """What moves together: ``"features"`` each alone, ``"groups"`` of them as in `BlockPenalty`."""

    convex: ClassVar[bool] = True

    def value(self, w: Array) -> float:
        """Return ``Omega_alpha(w)``, inf where a bound is broken."""
        raise NotImplementedError

    def prox(self, v: Array, step: float | Array) -> Array:
        """Return ``argmin_w Omega_alpha(w) + |w - v|^2 / (2 step)``."""
        raise NotImplementedError

    def violation(self, w: Array, z: Array) -> Array:
        """Return per block how far ``w`` is from optimal when the loss part has gradient ``z``.

        Here the length of a unit prox step: zero exactly at a minimum.
        """
        return np.abs(w - self.prox(w - z, 1.0))

    def in_units(self, z: Array) -> Array:
        """Return gradients as `violation` measures them, where that is not per unit of ``w_j`` itself."""
        return z

    def conjugate(self, u: Array) -> Array | None:
        """Return ``omega*(u)`` per block, or None where no closed form is known."""
        return None

    def dual_ratio(self, u: Array) -> Array:
        """Return per block how large ``u`` is in units of the largest value at which ``w = 0`` stays optimal.

        ``max(dual_ratio(-z)) <= 1`` is the dual constraint of a norm. Without one, as here, a dual point whose
        conjugate is infinite cannot be scaled into the domain.
        """
        conjugate = self.conjugate(u)
        return np.zeros_like(u) if conjugate is None else np.where(np.isinf(conjugate), np.inf, 0.0)

    @property
    def homogeneous(self) -> bool:
        """Whether ``Omega(t w) = t Omega(w)``: its conjugate is zero where `dual_ratio` is <= 1, else infinite."""
        return False

    def null_alpha(self, z0: Array) -> float | None:
        """Return the factor on ``alpha`` from which ``w = 0`` is optimal, None where there is no such thing."""
        return None

    @property
    def box(self) -> tuple[Array | float, Array | float]:
        """Lower and upper bounds."""
        return -np.inf, np.inf

    def take(self, columns: Array) -> BoundPenalty:
        """Return the penalty of some of the columns."""
        raise NotImplementedError

    def plus_ridge(self, ridge: Array) -> BoundPenalty:
        """Return this penalty plus ``sum_j ridge_j w_j^2 / 2``, a ridge that does not move with alpha."""
        raise NotImplementedError(f"{type(self).__name__} cannot carry a fixed ridge: dropout is not offered with it")

    def times(self, factor: float) -> BoundPenalty | None:
        """Return the penalty at `factor` > 0 times the strength, None where it is not linear in it.

        To bind it again costs a path more, and is done where this says None.
        """
        return None

    def across(self, n_outputs: int, n_free: int = 0) -> BoundPenalty:
        """Return the penalty of `n_outputs` copies of the columns, one after the other, and `n_free` free weights."""
        raise NotImplementedError(f"{type(self).__name__} is not offered for several outputs at once")

    unpenalised: Array | None = None
    """Mask of weights that alpha does not touch and that have no bounds: part of the null model. None: none."""

    @property
    def costless(self) -> Array | None:
        """Mask of weights without any cost, bounds or not: only a zero gradient certifies them. None: none."""
        return None

    @property
    def kinkless(self) -> Array:
        """Mask of weights at which nothing in the cost has a kink: they are in every working set."""
        costs = self.kernel_arguments()
        if costs is None:
            raise NotImplementedError(f"{type(self).__name__} does not say which weights have no kink")
        return costs.l1 == 0.0

    def whole(self, columns: Array) -> Array:
        """Return the columns of all blocks that some columns touch."""
        return columns

    @property
    def excluded(self) -> Array | None:
        """Mask of weights that are held at zero. None: none."""
        return None

    @property
    def smooth(self) -> bool:
        """Whether it is a plain quadratic without bounds: then Newton steps need no coordinate descent."""
        return False

    def kernel_arguments(self) -> Coordinates | None:
        """Return what the coordinate descent kernels need, None if they cannot express this penalty."""
        return None

    def majorizer(self, w: Array) -> BoundPenalty:
        """Return a convex penalty that touches this one at ``w`` and lies above it (itself, when convex)."""
        return self


class Penalty(BaseEstimator):
    """Base of penalty specs: parameters, and how they meet a strength and columns.

    A spec implements `bound`; one that honours factors, bounds and ``standardize`` implements `bind` instead.
    """

    joint: ClassVar[bool] = False
    """Whether it binds several outputs together, so that they must be one problem."""

    def bound(self, alpha: float, m: int) -> BoundPenalty:
        """Return the penalty of `m` weights at strength `alpha`."""
        raise NotImplementedError

    def bind(
        self,
        alpha: float,
        n_features: int,
        *,
        feature_names: Sequence[str] | None = None,
        columns: Array | None = None,
        factor: Any = None,
        scale: Array | None = None,
        lower: Any = None,
        upper: Any = None,
    ) -> BoundPenalty:
        """Meet the strength and the columns: return the frozen penalty that solvers work with.

        Parameters
        ----------
        alpha : float
            Strength, >= 0.
        n_features : int
            True number of columns of ``X``.
        feature_names : sequence of str, default=None
            Names of the columns, for a `factor` given by name.
        columns : ndarray of int, default=None
            The columns that hold data, ascending; None means all.
        factor : array-like of shape (n_features,) or dict, default=None
            Multiplies `alpha` per feature: 0 never penalised, inf excluded. A dict names those that differ from 1.
        scale : ndarray of shape (m,), default=None
            Standard deviations of the occupied columns under ``standardize``; None means one.
        lower, upper : float or array-like of shape (n_features,), default=None
            Bounds on the coefficients, ``lower <= 0 <= upper``.

        Raises
        ------
        ValueError
            If one of them is given that this penalty does not honour.
        """
        given = {"penalty_factor": factor, "standardize": scale, "lower": lower, "upper": upper}
        refused = [name for name, value in given.items() if value is not None]
        if refused:
            raise ValueError(f"the penalty {type(self).__name__} does not take {', '.join(refused)}")
        return self.bound(alpha, n_features if columns is None else len(columns))

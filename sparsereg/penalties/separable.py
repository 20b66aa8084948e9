r"""Penalties of the form ``l1 |w| + l2 w^2 / 2`` per weight, with bounds: the convex core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from sparsereg.penalties.base import BoundPenalty, Coordinates, Penalty
from sparsereg.penalties.columns import terms_of_columns

__all__ = ["L1", "L2", "ElasticNet", "NoPenalty", "SeparablePenalty"]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SeparablePenalty(BoundPenalty):
    r"""``Omega(w) = sum_j l1_j |w_j| + l2_j w_j^2 / 2`` subject to ``lower_j <= w_j <= upper_j``.

    Parameters
    ----------
    l1, l2 : ndarray of shape (m,)
        Strengths, ``alpha`` inside, finite and >= 0.
    lower, upper : ndarray of shape (m,)
        Bounds, ``lower <= 0 <= upper``; infinite where there is none. A column that is excluded has both zero.
    unpenalised : ndarray of bool of shape (m,), default=None
        Weights that alpha does not touch and that have no bounds (a fixed ridge may): part of the null model.
    unit : ndarray of shape (m,), default=None
        Of a tangent of a `ConcavePenalty`, its units: what solvers leave of gradients counts per unit of the weights.
    """

    l1: Array
    l2: Array
    lower: Array
    upper: Array
    unpenalised: Array | None = None
    unit: Array | None = None

    @classmethod
    def of(cls, l1: Array, l2: Array, lower: Array, upper: Array) -> SeparablePenalty:
        """Return the penalty; what has neither cost nor bounds is unpenalised."""
        return cls(l1, l2, lower, upper, (l1 == 0.0) & (l2 == 0.0) & np.isinf(lower) & np.isinf(upper))

    def value(self, w: Array) -> float:
        """Return ``Omega(w)``, inf where a bound is broken."""
        if self.bounded and ((w < self.lower).any() or (w > self.upper).any()):
            return np.inf
        cost = float(np.abs(w) @ self.l1)
        return cost + 0.5 * float((w * w) @ self.l2) if self.ridged else cost

    def costs(self, w: Array) -> Array:
        """Return what each weight costs, the bounds aside."""
        return self.l1 * np.abs(w) + 0.5 * self.l2 * (w * w) if self.ridged else self.l1 * np.abs(w)

    def prox(self, v: Array, step: float | Array) -> Array:
        """Return ``clip(soft(v, step l1) / (1 + step l2), lower, upper)``."""
        soft = np.sign(v) * np.maximum(np.abs(v) - step * self.l1, 0.0)
        return np.clip(soft / (1.0 + step * self.l2), self.lower, self.upper)

    def violation(self, w: Array, z: Array) -> Array:
        """Return the distance of ``-z`` to the subdifferential of ``omega_j`` (and of its bounds) at ``w_j``."""
        if not self.bounded:
            distance = np.abs(z)
            distance -= self.l1
            np.maximum(distance, 0.0, out=distance)
            used = np.flatnonzero(w != 0.0)  # few: the others need no more than this
            kink = np.sign(w[used]) * self.l1[used]
            distance[used] = np.abs(z[used] + self.l2[used] * w[used] + kink)
            return distance
        slope = z + self.l2 * w  # derivative of all that is smooth
        up = slope + np.where(w < 0.0, -self.l1, self.l1)  # right derivative: moving up gains where it is < 0
        down = slope + np.where(w > 0.0, self.l1, -self.l1)  # left derivative: moving down gains where it is > 0
        gain_up = np.where(w < self.upper, -up, 0.0)
        gain_down = np.where(w > self.lower, down, 0.0)
        return np.maximum(np.maximum(gain_up, gain_down), 0.0)

    def conjugate(self, u: Array) -> Array:
        """Return ``sup_w u w - omega_j(w)`` per weight, inf where it is not finite."""
        if self.homogeneous:
            return np.where(np.abs(u) > self.l1, np.inf, 0.0)
        excess = np.maximum(np.abs(u) - self.l1, 0.0)
        reach = self._reach(u)
        with np.errstate(divide="ignore", invalid="ignore"):
            free = np.where(excess > 0.0, excess / self.l2, 0.0)  # the maximiser, were there no bound
            w = np.minimum(free, reach)
            value = np.where(w > 0.0, w * (excess - 0.5 * self.l2 * w), 0.0)
        return np.where(np.isinf(w), np.inf, value)

    def dual_ratio(self, u: Array) -> Array:
        """Return ``|u_j| / l1_j``, zero where the weight cannot move that way or is free of a kink.

        A weight without kink whose conjugate is infinite has ratio inf: no scaling makes it finite.
        """
        if self.homogeneous:
            size = np.abs(u)
            if self.costless is None:
                return size / self.l1
            return np.divide(size, self.l1, out=np.where(size > 0.0, np.inf, 0.0), where=self.l1 > 0.0)
        reach = self._reach(u)
        size = np.where(reach > 0.0, np.abs(u), 0.0)
        without_kink = np.where((size > 0.0) & (self.l2 == 0.0) & np.isinf(reach), np.inf, 0.0)
        return np.divide(size, self.l1, out=without_kink, where=self.l1 > 0.0)

    def _reach(self, u: Array) -> Array:
        """Return how far each weight may go in the direction of ``u``."""
        return np.where(u > 0.0, self.upper, -self.lower)

    def null_alpha(self, z0: Array) -> float | None:
        """Return ``max_j |z0_j| / l1_j`` over the directions in which a weight may move; None without a kink."""
        if self.excluded.all():  # or no column holds data: the null model is optimal at any strength
            return 0.0
        u = -z0 if self.unpenalised is None else np.where(self.unpenalised, 0.0, -z0)
        moves = (u != 0.0) & (self._reach(u) > 0.0)
        if not self.kinked or (moves & (self.l1 == 0.0)).any():
            return None
        return float(np.max(np.abs(u[moves]) / self.l1[moves], initial=0.0))

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper bounds."""
        return self.lower, self.upper

    def take(self, columns: Array) -> SeparablePenalty:
        """Return the penalty of some of the columns."""
        free = None if self.unpenalised is None else self.unpenalised[columns]
        unit = None if self.unit is None else self.unit[columns]
        part = SeparablePenalty(
            self.l1[columns], self.l2[columns], self.lower[columns], self.upper[columns], free, unit
        )
        for name in ("bounded", "ridged"):  # what no weight has, none of a part has
            if not getattr(self, name):
                part.__dict__[name] = False
        if self.costless is None:
            part.__dict__["costless"] = None
        return part

    def plus_ridge(self, ridge: Array) -> SeparablePenalty:
        """Return the penalty with ``l2 + ridge``: kernels and certificates need not know where a ridge came from."""
        return replace(self, l2=self.l2 + ridge)

    def times(self, factor: float) -> SeparablePenalty:
        """Return the penalty with its costs multiplied; which weights have bounds or costs does not change."""
        l2 = factor * self.l2 if self.ridged else self.l2
        other = type(self)(factor * self.l1, l2, self.lower, self.upper, self.unpenalised)
        for name in ("bounded", "excluded", "ridged", "homogeneous", "costless", "smooth"):
            other.__dict__[name] = getattr(self, name)
        return other

    @classmethod
    def along(cls, costs: Coordinates, alphas: Array) -> SeparablePenalty:
        """Return the penalty of copies of the columns, one for each strength, where only ``l1`` moves with it."""
        l2, lower, upper = (np.tile(cost, len(alphas)) for cost in (costs.l2, costs.lower, costs.upper))
        return cls(np.outer(alphas, costs.l1).ravel(), l2, lower, upper)

    def across(self, n_outputs: int, n_free: int = 0) -> BoundPenalty:
        """Return the penalty of `n_outputs` copies of the columns and of `n_free` more weights that cost nothing."""

        def repeated(values: Array, rest: float) -> Array:
            return np.concatenate([np.tile(values, n_outputs), np.full(n_free, rest)])

        return SeparablePenalty.of(
            repeated(self.l1, 0.0), repeated(self.l2, 0.0), repeated(self.lower, -np.inf), repeated(self.upper, np.inf)
        )

    @cached_property
    def bounded(self) -> bool:
        """Whether any weight has a finite bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @cached_property
    def excluded(self) -> Array:
        """Mask of weights that are held at zero."""
        return (self.lower == 0.0) & (self.upper == 0.0)

    @cached_property
    def homogeneous(self) -> bool:
        """Whether it is a weighted L1 norm and nothing else, as nearly always."""
        return not self.bounded and not self.ridged

    @cached_property
    def ridged(self) -> bool:
        """Whether any weight has a square in its cost."""
        return bool(self.l2.any())

    @cached_property
    def costless(self) -> Array | None:
        """Mask of the weights without cost, None if there is none."""
        mask = (self.l1 == 0.0) & (self.l2 == 0.0) & ~self.excluded
        return mask if mask.any() else None

    @cached_property
    def kinked(self) -> bool:
        """Whether any weight has an absolute value in its cost."""
        return bool(self.l1.any())

    @cached_property
    def smooth(self) -> bool:
        """Whether the penalty has no kink and no bound but those that hold a weight at zero."""
        free = np.isinf(self.lower) & np.isinf(self.upper)
        return not self.kinked and bool((free | self.excluded).all())

    def kernel_arguments(self) -> Coordinates:
        """Return the arrays."""
        return Coordinates(self.l1, self.l2, self.lower, self.upper, self.unit)


def check_share(name: str, value: Any, high: float) -> None:
    """Require a number in [0, high]."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r} of type {type(value).__name__}")
    number = float(value)
    if not (0.0 <= number <= high and number < np.inf):
        allowed = f"lie in [0, {high:g}]" if high < np.inf else "be >= 0 and finite"
        raise ValueError(f"{name} must {allowed}; got {value!r}")


class _SeparableSpec(Penalty):
    """Specs of the form ``strength = (l1, l2)`` per unit of alpha."""

    def _strengths(self) -> tuple[float, float]:
        raise NotImplementedError

    def bind(
        self,
        alpha,
        n_features,
        *,
        feature_names=None,
        columns=None,
        factor=None,
        scale=None,
        lower=None,
        upper=None,
    ):
        """Return the `SeparablePenalty` ``l1_j = alpha l1 f_j sd_j``, ``l2_j = alpha l2 f_j sd_j^2``."""
        l1, l2 = self._strengths()
        terms = terms_of_columns(n_features, feature_names, columns, factor, scale, lower, upper)
        l1 = float(alpha) * l1 * terms.factor * terms.scale
        l2 = float(alpha) * l2 * terms.factor * terms.scale**2
        return SeparablePenalty.of(l1, l2, terms.lower, terms.upper)


class L1(_SeparableSpec):
    r"""The lasso, ``Omega(w) = sum_j |w_j|``: drives useless weights to exactly zero.

    R. Tibshirani, *Regression shrinkage and selection via the lasso*, JRSS B 58 (1996), 267-288.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import L1
    >>> L1().bind(alpha=0.5, n_features=2).value(np.array([1.0, -2.0]))
    1.5
    """

    def _strengths(self) -> tuple[float, float]:
        return 1.0, 0.0


class L2(_SeparableSpec):
    r"""Ridge, ``Omega(w) = |w|^2 / 2``: shrinks all weights, sets none to zero.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import L2
    >>> L2().bind(alpha=0.5, n_features=2).value(np.array([1.0, -2.0]))
    1.25
    """

    def _strengths(self) -> tuple[float, float]:
        return 0.0, 1.0


class ElasticNet(_SeparableSpec):
    r"""Elastic net, ``Omega(w) = l1_ratio sum_j |w_j| + (1 - l1_ratio) |w|^2 / 2``.

    Parameters
    ----------
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1]; 1 is `L1`, 0 is `L2`.

    Notes
    -----
    H. Zou and T. Hastie, *Regularization and variable selection via the elastic net*, JRSS B 67 (2005), 301-320; the
    scaling is scikit-learn's and glmnet's.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import ElasticNet
    >>> ElasticNet(l1_ratio=0.5).bind(alpha=1.0, n_features=2).value(np.array([1.0, -2.0]))
    2.75
    """

    def __init__(self, l1_ratio: float = 0.5):
        self.l1_ratio = l1_ratio

    def _strengths(self) -> tuple[float, float]:
        check_share("l1_ratio", self.l1_ratio, 1.0)
        return float(self.l1_ratio), 1.0 - float(self.l1_ratio)


class NoPenalty(_SeparableSpec):
    r"""No penalty, ``Omega(w) = 0`` (bounds and excluded features still hold).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import NoPenalty
    >>> NoPenalty().bind(alpha=1.0, n_features=2).value(np.array([1.0, -2.0]))
    0.0
    """

    def _strengths(self) -> tuple[float, float]:
        return 0.0, 0.0

r"""Penalties: what a weight costs.

A penalty comes in two shapes. The *spec* (`L1`, `L2`, `ElasticNet`, `NoPenalty`) is what a user writes: parameters
only, so that ``get_params``, ``clone`` and grid searches work. `Penalty.bind` meets it with the strength ``alpha`` and
the columns at hand and returns a `BoundPenalty`: frozen arrays, ``alpha`` inside, one entry per occupied column.

Letters: ``w`` weights; ``z = X' g`` gradient of the loss part in ``w``; ``u`` a dual variable; ``omega_j`` the penalty
of one weight and ``omega_j*(u) = sup_w u w - omega_j(w)`` its conjugate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

__all__ = [
    "L1",
    "L2",
    "BoundPenalty",
    "Coordinates",
    "ElasticNet",
    "NoPenalty",
    "Penalty",
    "SeparablePenalty",
    "get_penalty",
]

Array = np.ndarray


class Coordinates(NamedTuple):
    """A penalty as coordinate descent sees it: ``l1 |w| + l2 w^2 / 2`` with ``lower <= w <= upper``, per weight."""

    l1: Array
    l2: Array
    lower: Array
    upper: Array


class BoundPenalty:
    """Base of penalties that are bound to columns: what every solver may ask.

    Only `value` and `prox` must be there; with them `sparsereg.solvers.fista` minimises, and optimality is measured by
    the prox step. ``docs/add_a_penalty.md`` builds one in ten lines.
    """

    blocks: ClassVar[str] = "features"
    """What moves together: ``"features"`` now; groups and rows of a multi-output coefficient later."""

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

    unpenalised: Array | None = None
    """Mask of weights that alpha does not touch and that have no bounds: part of the null model. None: none."""

    @property
    def costless(self) -> Array | None:
        """Mask of weights without any cost, bounds or not: only a zero gradient certifies them. None: none."""
        return None

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
    """

    l1: Array
    l2: Array
    lower: Array
    upper: Array
    unpenalised: Array | None = None

    def value(self, w: Array) -> float:
        """Return ``Omega(w)``, inf where a bound is broken."""
        if self.bounded and ((w < self.lower).any() or (w > self.upper).any()):
            return np.inf
        return float(np.abs(w) @ self.l1 + 0.5 * ((w * w) @ self.l2))

    def prox(self, v: Array, step: float | Array) -> Array:
        """Return ``clip(soft(v, step l1) / (1 + step l2), lower, upper)``."""
        soft = np.sign(v) * np.maximum(np.abs(v) - step * self.l1, 0.0)
        return np.clip(soft / (1.0 + step * self.l2), self.lower, self.upper)

    def violation(self, w: Array, z: Array) -> Array:
        """Return the distance of ``-z`` to the subdifferential of ``omega_j`` (and of its bounds) at ``w_j``."""
        slope = z + self.l2 * w  # derivative of all that is smooth
        if not self.bounded:
            return np.where(w == 0.0, np.maximum(np.abs(slope) - self.l1, 0.0), np.abs(slope + np.sign(w) * self.l1))
        up = slope + np.where(w < 0.0, -self.l1, self.l1)  # right derivative: moving up gains where it is < 0
        down = slope + np.where(w > 0.0, self.l1, -self.l1)  # left derivative: moving down gains where it is > 0
        gain_up = np.where(w < self.upper, -up, 0.0)
        gain_down = np.where(w > self.lower, down, 0.0)
        return np.maximum(np.maximum(gain_up, gain_down), 0.0)

    def conjugate(self, u: Array) -> Array:
        """Return ``sup_w u w - omega_j(w)`` per weight, inf where it is not finite."""
        if self.norm:
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
        if self.norm:
            return np.abs(u) / self.l1
        reach = self._reach(u)
        size = np.where(reach > 0.0, np.abs(u), 0.0)
        without_kink = np.where((size > 0.0) & (self.l2 == 0.0) & np.isinf(reach), np.inf, 0.0)
        return np.divide(size, self.l1, out=without_kink, where=self.l1 > 0.0)

    def _reach(self, u: Array) -> Array:
        """Return how far each weight may go in the direction of ``u``."""
        return np.where(u > 0.0, self.upper, -self.lower)

    def null_alpha(self, z0: Array) -> float | None:
        """Return ``max_j |z0_j| / l1_j`` over the directions in which a weight may move; None without a kink."""
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
        return SeparablePenalty(self.l1[columns], self.l2[columns], self.lower[columns], self.upper[columns], free)

    def plus_ridge(self, ridge: Array) -> SeparablePenalty:
        """Return the penalty with ``l2 + ridge``: kernels and certificates need not know where a ridge came from."""
        return replace(self, l2=self.l2 + ridge)

    @cached_property
    def bounded(self) -> bool:
        """Whether any weight has a finite bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @cached_property
    def excluded(self) -> Array:
        """Mask of weights that are held at zero."""
        return (self.lower == 0.0) & (self.upper == 0.0)

    @cached_property
    def norm(self) -> bool:
        """Whether it is a weighted L1 norm and nothing else, as nearly always."""
        return not self.bounded and not self.l2.any() and bool((self.l1 > 0.0).all())

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
        """Return the four arrays."""
        return Coordinates(self.l1, self.l2, self.lower, self.upper)


class Penalty(BaseEstimator):
    """Base of penalty specs: parameters, and how they meet a strength and columns.

    A spec implements `bound`; one that honours factors, bounds and ``standardize`` implements `bind` instead.
    """

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
        m = n_features if columns is None else len(columns)
        a, b = self._strengths()
        a, b = float(alpha) * a, float(alpha) * b
        f = _factor(factor, n_features, feature_names, columns)
        lo = _bound("lower", lower, -np.inf, n_features, columns)
        up = _bound("upper", upper, np.inf, n_features, columns)
        excluded = np.zeros(m, dtype=bool)
        if f is not None:
            excluded |= np.isinf(f)
            f = np.where(excluded, 0.0, f)
        if scale is not None:
            excluded |= scale == 0.0  # a constant column has no standardised scale; without this it would cost nothing
        if excluded.any():
            lo, up = np.where(excluded, 0.0, lo), np.where(excluded, 0.0, up)
        l1, l2 = np.full(m, a), np.full(m, b)
        if f is not None:
            l1, l2 = l1 * f, l2 * f
        if scale is not None:
            l1, l2 = l1 * scale, l2 * scale**2
        return SeparablePenalty(l1, l2, lo, up, (l1 == 0.0) & (l2 == 0.0) & np.isinf(lo) & np.isinf(up))


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
        if not isinstance(self.l1_ratio, Real):
            raise TypeError(f"l1_ratio must be a number; got {self.l1_ratio!r} of type {type(self.l1_ratio).__name__}")
        if not 0.0 <= self.l1_ratio <= 1.0:
            raise ValueError(f"l1_ratio must lie in [0, 1]; got {self.l1_ratio!r}")
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


_BY_NAME: dict[str | None, type[Penalty]] = {"l1": L1, "l2": L2, "elasticnet": ElasticNet, None: NoPenalty}


def get_penalty(penalty: str | Penalty | None) -> Penalty:
    """Return the spec that a name stands for.

    Parameters
    ----------
    penalty : str, Penalty or None
        ``"l1"``, ``"l2"``, ``"elasticnet"``, None for no penalty; an object stands for itself.

    Returns
    -------
    Penalty

    Examples
    --------
    >>> from sparsereg.penalties import get_penalty
    >>> get_penalty("elasticnet")
    ElasticNet()
    """
    if isinstance(penalty, Penalty):
        return penalty
    if (penalty is None or isinstance(penalty, str)) and penalty in _BY_NAME:
        return _BY_NAME[penalty]()
    names = sorted(name for name in _BY_NAME if name)
    raise ValueError(f"penalty must be one of {names}, None or a Penalty object; got {penalty!r}")


def _factor(factor: Any, n_features: int, names: Sequence[str] | None, columns: Array | None) -> Array | None:
    """Return the penalty factor of the occupied columns, None where all are one."""
    if factor is None:
        return None
    if isinstance(factor, Mapping):
        return _factor_by_name(factor, n_features, names, columns)
    return _by_position(_vector("penalty_factor", factor, n_features), columns)


def _by_position(f: Array, columns: Array | None) -> Array:
    if np.isnan(f).any() or (f < 0.0).any():
        raise ValueError("penalty_factor must hold values >= 0 (0: never penalised, inf: excluded)")
    return f if columns is None else f[columns]


def _factor_by_name(factor: Mapping, n_features: int, names: Sequence[str] | None, columns: Array | None) -> Array:
    if names is None:
        raise ValueError("penalty_factor by name needs X with feature names (a data frame); give an array instead")
    position = {name: j for j, name in enumerate(names)}
    unknown = [name for name in factor if name not in position]
    if unknown:
        raise ValueError(f"penalty_factor names features that X does not have: {unknown[:5]}")
    f = np.ones(n_features)
    f[[position[name] for name in factor]] = _numbers("penalty_factor", list(factor.values()))
    return _by_position(f, columns)


def _bound(name: str, bound: Any, default: float, n_features: int, columns: Array | None) -> Array:
    """Return the bounds of the occupied columns."""
    m = n_features if columns is None else len(columns)
    if bound is None:
        return np.full(m, default)
    values = _numbers(name, bound)
    if values.ndim > 0:
        values = _vector(name, values, n_features)
        values = values if columns is None else values[columns]
    sign = -1.0 if default < 0.0 else 1.0
    if not (sign * values >= 0.0).all():
        allowed = "<= 0" if default < 0.0 else ">= 0"
        raise ValueError(f"{name} must be {allowed}: zero has to stay a possible coefficient; got {bound!r}")
    return np.broadcast_to(values, (m,)).astype(np.float64)


def _numbers(name: str, values: Any) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from error


def _vector(name: str, values: Any, n_features: int) -> Array:
    array = _numbers(name, values)
    if array.shape != (n_features,):
        raise ValueError(f"{name} must have shape ({n_features},), one value per feature; got shape {array.shape}")
    return array

r"""Concave penalties: as L1 near zero, flat for large weights, so that what is kept is not shrunk.

Both are ``sum_j lambda_j^2 p(d_j |w_j| / lambda_j)`` with the threshold ``lambda_j = alpha f_j``, the unit ``d_j`` of
the weight (its column's standard deviation under ``standardize``, else 1), and a piecewise quadratic ``p``.

Coordinate descent takes them as they are where a weight's own problem is convex (`BentCoordinates`; P. Breheny and
J. Huang, *Coordinate descent algorithms for nonconvex penalized regression*, Annals of Applied Statistics 5 (2011)).
Elsewhere majorizers lead down: ``p`` is concave on ``w >= 0``, so its tangent at ``|w|``, a weighted L1 penalty, lies
above it and touches it (local linear approximation; H. Zou and R. Li, *One-step sparse estimates in nonconcave
penalized likelihood models*, Annals of Statistics 36 (2008)). What either finds is stationary; no bound exists on how
far it is from the minimum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import NamedTuple

import numpy as np

from sparsereg.penalties.base import BoundPenalty, Penalty
from sparsereg.penalties.columns import terms_of_columns
from sparsereg.penalties.separable import SeparablePenalty

__all__ = ["MCP", "SCAD", "BentCoordinates", "ConcavePenalty"]

Array = np.ndarray


class Piece(NamedTuple):
    """``constant + slope t + curvature t^2 / 2`` from `start` to the start of the next piece."""

    start: float
    constant: float
    slope: float
    curvature: float


class BentCoordinates(NamedTuple):
    """A concave penalty as coordinate descent sees it: ``l1 width p(|w| / width) + l2 w^2 / 2`` within bounds.

    Like `Coordinates`, whose ``l1 |w|`` it is near zero; a weight without width costs nothing but its ridge. `pieces`
    has a row (start, constant, slope, curvature) for each piece of ``p``; a gradient counts per `unit` of its weight.
    """

    l1: Array
    l2: Array
    lower: Array
    upper: Array
    unit: Array
    width: Array
    pieces: Array

    def take(self, columns: Array) -> BentCoordinates:
        """Return the costs of some weights."""
        l1, l2, lower, upper, unit, width = (cost[columns] for cost in self[:-1])
        return BentCoordinates(l1, l2, lower, upper, unit, width, self.pieces)

    def value(self, w: Array) -> float:
        """Return what weights within the bounds cost."""
        return float(self.costs(np.abs(w)).sum())

    def costs(self, size: Array) -> Array:
        """Return the cost of each weight, given their sizes."""
        t, piece = self._located(size)
        _, constant, slope, curvature = self.pieces[piece].T
        return self.l1 * self.width * (constant + t * (slope + 0.5 * curvature * t)) + 0.5 * self.l2 * size * size

    def slope(self, w: Array) -> Array:
        """Return the derivative of the concave part in ``|w_j|``, per weight."""
        t, piece = self._located(np.abs(w))
        _, _, slope, curvature = self.pieces[piece].T
        return self.l1 * (slope + curvature * t)

    def bend(self, w: Array) -> Array:
        """Return the second derivative of the concave part, at most zero, per weight that is not zero."""
        curvature = self.pieces[self._located(np.abs(w))[1], 3]
        return np.divide(curvature * self.l1, self.width, out=np.zeros_like(w), where=self.width > 0.0)

    def same_pieces(self, one: Array, other: Array) -> bool:
        """Whether two points lie on the same pieces, so that the penalty is one quadratic in between."""
        (_, here), (_, there) = self._located(np.abs(one)), self._located(np.abs(other))
        return bool((here == there).all() and (one * other > 0.0).all())

    def _located(self, size: Array) -> tuple[Array, Array]:
        """Return ``t = |w| / width`` (0 where that is) and the number of the piece it lies in."""
        t = np.divide(size, self.width, out=np.zeros_like(size), where=self.width > 0.0)
        return t, np.searchsorted(self.pieces[:, 0], t, side="right") - 1


@dataclass(frozen=True, eq=False)
class ConcavePenalty(BoundPenalty):
    r"""``Omega(w) = sum_j lambda_j^2 p(d_j |w_j| / lambda_j) + l2_j w_j^2 / 2`` subject to ``lower <= w <= upper``.

    Parameters
    ----------
    pieces : tuple of Piece
        ``p`` on ``t >= 0``: quadratic pieces whose slopes fall from 1 to 0 without a jump.
    threshold, unit : ndarray of shape (m,)
        ``lambda_j``, alpha inside, and ``d_j``.
    l2, lower, upper : ndarray of shape (m,)
        Fixed ridge and bounds; a column that is excluded has both bounds zero.
    unpenalised : ndarray of bool of shape (m,), default=None
        Weights that alpha does not touch and that have no bounds: part of the null model.
    """

    convex = False

    pieces: tuple[Piece, ...]
    threshold: Array
    unit: Array
    l2: Array
    lower: Array
    upper: Array
    unpenalised: Array | None = None

    def value(self, w: Array) -> float:
        """Return ``Omega(w)``, inf where a bound is broken."""
        if (w < self.lower).any() or (w > self.upper).any():
            return np.inf
        used = np.flatnonzero(w)  # few; the others cost nothing
        return self.bent.take(used).value(w[used])

    def slope(self, w: Array) -> Array:
        """Return the derivative of the concave part in ``|w_j|``, per weight."""
        slope, used = self._kink.copy(), np.flatnonzero(w)
        slope[used] = self.bent.take(used).slope(w[used])
        return slope

    def majorizer(self, w: Array) -> SeparablePenalty:
        """Return the tangent at ``|w|``: an L1 penalty with a weight per column, up to a constant."""
        return SeparablePenalty(self.slope(w), self.l2, self.lower, self.upper, self.unpenalised, self.unit)

    def violation(self, w: Array, z: Array) -> Array:
        """Return the distance of ``-z`` to the subdifferential, which is that of the tangent, in units of the weights.

        No duality gap tells what a distance is worth; in these units ``standardize`` is the same as scaled columns.
        """
        return self.in_units(self.majorizer(w).violation(w, z))

    def in_units(self, z: Array) -> Array:
        """Return gradients with respect to ``d_j w_j``."""
        return np.divide(z, self.unit, out=np.zeros_like(z), where=self.unit > 0.0)

    def null_alpha(self, z0: Array) -> float | None:
        """Return the factor on ``alpha`` from which ``w = 0`` is stationary."""
        return self.majorizer(np.zeros_like(z0)).null_alpha(z0)

    def prox(self, v: Array, step: float | Array) -> Array:
        """Return the best of the minimisers of the pieces, each a quadratic on an interval."""
        size, step = np.abs(v), np.broadcast_to(step, v.shape)
        reach = np.where(v > 0.0, self.upper, -self.lower)
        width = self.bent.width
        ends: list[Array | float] = [*(piece.start * width for piece in self.pieces[1:]), np.inf]
        best, least = np.zeros_like(v), size * size / (2.0 * step)
        for piece, end in zip(self.pieces, ends, strict=True):
            low, high = np.minimum(piece.start * width, reach), np.minimum(end, reach)
            slope, curvature = piece.slope * self._kink, piece.curvature * self.unit**2 + self.l2 + 1.0 / step
            # Where a piece is concave all the same, it is least at one of its ends, where the next piece begins.
            inside = np.divide(size / step - slope, curvature, out=low.copy(), where=curvature > 0.0)
            for x in (np.clip(inside, low, high), low, np.where(np.isinf(high), low, high)):
                cost = self.bent.costs(x) + (x - size) ** 2 / (2.0 * step)
                better = cost < least
                best, least = np.where(better, x, best), np.where(better, cost, least)
        return np.sign(v) * best

    @cached_property
    def _kink(self) -> Array:
        """Slope at zero."""
        return self.threshold * self.unit

    @cached_property
    def bent(self) -> BentCoordinates:
        """The same per weight, for coordinate descent."""
        width = np.divide(self.threshold, self.unit, out=np.zeros_like(self.unit), where=self.unit > 0.0)
        return BentCoordinates(self._kink, self.l2, self.lower, self.upper, self.unit, width, np.array(self.pieces))

    @property
    def kinkless(self) -> Array:
        """Mask of the weights that cost nothing at zero."""
        return self._kink == 0.0

    @property
    def concavity(self) -> Array:
        """``max(-Omega'')`` per weight: what the curvature of the loss must exceed for a convex objective."""
        return max(-piece.curvature for piece in self.pieces) * self.unit**2 * (self._kink > 0.0) - self.l2

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper bounds."""
        return self.lower, self.upper

    def take(self, columns: Array) -> ConcavePenalty:
        """Return the penalty of some of the columns."""
        names = ("threshold", "unit", "l2", "lower", "upper", "unpenalised")
        arrays = {name: getattr(self, name) for name in names}
        return replace(self, **{name: array[columns] for name, array in arrays.items() if array is not None})

    def times(self, factor: float) -> ConcavePenalty:
        """Return the penalty at a multiple of the strength: of the threshold."""
        return replace(self, threshold=factor * self.threshold)

    def across(self, n_outputs: int, n_free: int = 0) -> ConcavePenalty:
        """Return the penalty of `n_outputs` copies of the columns and of `n_free` more weights that cost nothing."""

        def repeated(values: Array, rest: float) -> Array:
            return np.concatenate([np.tile(values, n_outputs), np.full(n_free, rest)])

        free = None if self.unpenalised is None else repeated(self.unpenalised, True)
        return ConcavePenalty(
            self.pieces,
            repeated(self.threshold, 0.0),
            repeated(self.unit, 1.0),
            repeated(self.l2, 0.0),
            repeated(self.lower, -np.inf),
            repeated(self.upper, np.inf),
            free,
        )

    def plus_ridge(self, ridge: Array) -> ConcavePenalty:
        """Return the penalty with ``l2 + ridge``."""
        return replace(self, l2=self.l2 + ridge)

    @cached_property
    def costless(self) -> Array | None:
        """Mask of the weights without cost, None if there is none."""
        mask = (self._kink == 0.0) & (self.l2 == 0.0) & ~self.excluded
        return mask if mask.any() else None

    @cached_property
    def excluded(self) -> Array:
        """Mask of weights that are held at zero."""
        return (self.lower == 0.0) & (self.upper == 0.0)


class _ConcaveSpec(Penalty):
    """Specs of a piecewise quadratic ``p`` with one parameter ``gamma``."""

    _least: float

    def __init__(self, gamma: float):
        self.gamma = gamma

    def _pieces(self, gamma: float) -> tuple[Piece, ...]:
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
        """Return the `ConcavePenalty` with thresholds ``alpha f_j`` of ``sd_j |w_j|``."""
        if not isinstance(self.gamma, Real) or isinstance(self.gamma, bool):
            raise TypeError(f"gamma must be a number; got {self.gamma!r} of type {type(self.gamma).__name__}")
        gamma = float(self.gamma)
        if not self._least < gamma < np.inf:
            raise ValueError(
                f"gamma must be > {self._least:g} and finite for {type(self).__name__}; got {self.gamma!r}. "
                "The larger, the closer to L1"
            )
        terms = terms_of_columns(n_features, feature_names, columns, factor, scale, lower, upper)
        threshold, ridge = float(alpha) * terms.factor, np.zeros(len(terms.factor))
        if not threshold.any():  # nothing concave is left, and what is left has a certificate
            return SeparablePenalty.of(threshold, ridge, terms.lower, terms.upper)
        free = (threshold * terms.scale == 0.0) & np.isinf(terms.lower) & np.isinf(terms.upper)
        return ConcavePenalty(self._pieces(gamma), threshold, terms.scale, ridge, terms.lower, terms.upper, free)


class MCP(_ConcaveSpec):
    r"""Minimax concave penalty: L1 whose slope falls linearly to zero at ``gamma alpha``.

    ``Omega(w) = sum_j alpha |w_j| - w_j^2 / (2 gamma)`` for ``|w_j| <= gamma alpha``, ``gamma alpha^2 / 2`` beyond. The
    strength ``alpha`` is the threshold; weights beyond ``gamma alpha`` are not shrunk at all.

    Parameters
    ----------
    gamma : float, default=3.0
        How far the penalty reaches, > 1. Large is like `L1`; close to 1 like keeping or dropping.

    Notes
    -----
    Not convex: a fit is stationary, and has no duality gap (``dual_gap_`` is nan, ``kkt_violation_`` says how exact).
    C.-H. Zhang, *Nearly unbiased variable selection under minimax concave penalty*, Annals of Statistics 38 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import MCP
    >>> MCP(gamma=2.0).bind(alpha=1.0, n_features=2).value(np.array([1.0, -5.0]))
    1.75
    """

    _least = 1.0

    def __init__(self, gamma: float = 3.0):
        super().__init__(gamma)

    def _pieces(self, gamma: float) -> tuple[Piece, ...]:
        return Piece(0.0, 0.0, 1.0, -1.0 / gamma), Piece(gamma, 0.5 * gamma, 0.0, 0.0)


class SCAD(_ConcaveSpec):
    r"""Smoothly clipped absolute deviation: L1 up to ``alpha``, then its slope falls to zero at ``gamma alpha``.

    ``Omega(w) = sum_j alpha |w_j|`` for ``|w_j| <= alpha``, ``alpha^2 (gamma + 1) / 2`` for ``|w_j| >= gamma alpha``,
    in between ``(gamma alpha |w_j| - (w_j^2 + alpha^2) / 2) / (gamma - 1)``. Weights beyond ``gamma alpha`` are not
    shrunk at all.

    Parameters
    ----------
    gamma : float, default=3.7
        How far the penalty reaches, > 2. Large is like `L1`.

    Notes
    -----
    Not convex: a fit is stationary, and has no duality gap (``dual_gap_`` is nan, ``kkt_violation_`` says how exact).
    J. Fan and R. Li, *Variable selection via nonconcave penalized likelihood and its oracle properties*, JASA 96
    (2001).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import SCAD
    >>> SCAD(gamma=3.0).bind(alpha=1.0, n_features=2).value(np.array([1.0, -5.0]))
    3.0
    """

    _least = 2.0

    def __init__(self, gamma: float = 3.7):
        super().__init__(gamma)

    def _pieces(self, gamma: float) -> tuple[Piece, ...]:
        fall = 1.0 / (gamma - 1.0)
        return (
            Piece(0.0, 0.0, 1.0, 0.0),
            Piece(1.0, -0.5 * fall, gamma * fall, -fall),
            Piece(gamma, 0.5 * (gamma + 1.0), 0.0, 0.0),
        )

r"""Penalties on blocks of weights: the Euclidean norm of a block is zero or not, so its weights stand or fall together.

    Omega(w) = sum_g lambda_g |D w_g|_2  +  sum_j l1_j |w_j|  +  sum_j l2_j w_j^2 / 2

with ``D`` the units of the weights (standard deviations under ``standardize``, else one), each column in one block.
A bound may forbid a sign (0 or infinite), no more: only then does the prox of the sum still have the form below.

With ``s_j`` what the absolute values leave of a gradient, every question about a block leads to one equation in the
norm ``t = |D w_g|`` of its answer, here called the secular equation (J. More and D. Sorensen, *Computing a trust
region step*, SIAM J. Sci. Stat. Comput. 4 (1983)):

    minimise over w    sum_j c_j w_j^2 / 2 - s_j w_j + lambda |D w|      has      w_j = s_j / (c_j + lambda d_j^2 / t),
    sum_j (d_j s_j / (c_j t + lambda d_j^2))^2 = 1,      and w = 0 if the left hand side at t = 0 is at most 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sparsereg.penalties.base import BoundPenalty, Coordinates

__all__ = ["BlockPenalty", "Blocks", "secular_norms"]

Array = np.ndarray

_NEWTON = 100


class Blocks:
    """A partition of columns: ``order[starts[g]:starts[g + 1]]`` are the columns of block ``g``."""

    def __init__(self, order: Array, starts: Array):
        self.order, self.starts = order, starts

    @classmethod
    def of_labels(cls, labels: Array) -> Blocks:
        """Return the blocks of equal labels: in the order in which they lie where each is a run, else sorted."""
        ends = np.flatnonzero(np.diff(labels)) + 1
        if len(np.unique(labels[ends])) == len(ends) and not (len(ends) and (labels[ends] == labels[0]).any()):
            order = np.arange(len(labels))
        else:
            order = np.argsort(labels, kind="stable")
            ends = np.flatnonzero(np.diff(labels[order])) + 1
        return cls(order, np.concatenate([[0], ends, [len(order)]]) if len(order) else np.zeros(1, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def sizes(self) -> Array:
        """Number of columns of each block."""
        return np.diff(self.starts)

    @cached_property
    def of(self) -> Array:
        """The block of each column."""
        of = np.empty(len(self.order), dtype=np.int64)
        of[self.order] = np.repeat(np.arange(len(self)), self.sizes)
        return of

    def sums(self, values: Array) -> Array:
        """Return the sum over each block of one value per column."""
        return np.bincount(self.of, weights=values, minlength=len(self))

    def members(self, blocks: Array) -> Array:
        """Return the columns of some blocks, one block after the other."""
        sizes = self.sizes[blocks]
        first = np.cumsum(sizes) - sizes
        return self.order[np.repeat(self.starts[blocks] - first, sizes) + np.arange(int(sizes.sum()))]


@dataclass(frozen=True, eq=False)
class BlockPenalty(BoundPenalty):
    r"""``sum_g norm_g |D w_g| + sum_j l1_j |w_j| + l2_j w_j^2 / 2`` subject to ``lower_j <= w_j <= upper_j``.

    Parameters
    ----------
    block : Blocks
        A partition of the ``m`` columns. Columns that are excluded or unpenalised are blocks of their own.
    norm : ndarray of shape (n_blocks,)
        Strength of the norm of each block, ``alpha`` inside.
    scale : ndarray of shape (m,)
        Units ``D`` of the weights inside the norms, > 0 but for excluded columns.
    l1, l2 : ndarray of shape (m,)
    lower, upper : ndarray of shape (m,)
        Each 0 or infinite.
    """

    block: Blocks
    norm: Array
    scale: Array
    l1: Array
    l2: Array
    lower: Array
    upper: Array

    blocks = "groups"

    def value(self, w: Array) -> float:
        """Return ``Omega(w)``, inf where a bound is broken."""
        if not self.plain and ((w < self.lower) | (w > self.upper)).any():
            return np.inf
        norms = np.sqrt(self.block.sums((self.scale * w) ** 2))
        return float(self.norm @ norms + np.abs(w) @ self.l1 + 0.5 * ((w * w) @ self.l2))

    def prox(self, v: Array, step: float | Array) -> Array:
        """Return ``argmin_w Omega(w) + |w - v|^2 / (2 step)``, a secular equation per block."""
        return self._minimiser(self._left(v / step), 1.0 / step + self.l2)

    def violation(self, w: Array, z: Array) -> Array:
        """Return per column the distance of ``-z`` to the subdifferential of its block, in the units of the norm."""
        norms = np.sqrt(self.block.sums((self.scale * w) ** 2))
        pull = np.divide(self.norm, norms, out=np.zeros_like(norms), where=norms > 0.0)[self.block.of]
        slope = z + (self.l2 + pull * self.scale**2) * w
        rest = slope if self.plain else np.where(w == 0.0, self._left(-slope), slope + np.sign(w) * self.l1)
        distance = self.dual_norms(rest)
        distance = np.where(norms > 0.0, distance, np.maximum(distance - self.norm, 0.0))
        return (distance * self._largest_unit)[self.block.of]

    def conjugate(self, u: Array) -> Array:
        """Return ``sup_w u.w - omega_g(w)`` per block, inf where it is not finite."""
        s = self._left(u)
        if self.homogeneous:
            outside = self.dual_norms(s) > self.norm
            return np.where(outside, np.inf, 0.0)
        w = self._minimiser(s, self.l2)
        with np.errstate(invalid="ignore"):
            value = 0.5 * self.block.sums(np.where(w == 0.0, 0.0, self.l2 * w * w))
            # Without a norm there is no equation: each weight has its own conjugate.
        return np.where(self.block.sums(np.isinf(w)) > 0.0, np.inf, value)

    def dual_ratio(self, u: Array) -> Array:
        """Return per block the smallest ``r`` with ``u / r`` in the subdifferential at zero.

        Without absolute values ``|D^-1 u_g| / norm_g``; with them the root in ``x = 1 / r`` of
        ``|D^-1 soft(x u_g, l1)| = norm_g``, whose left hand side is convex and rises: Newton's steps from above.
        """
        u = np.abs(self._allowed(u)) / self._unit
        l1 = self.l1 / self._unit
        of, sums = self.block.of, self.block.sums
        with np.errstate(divide="ignore", invalid="ignore"):
            if not self.l1.any():
                size = np.sqrt(sums(u * u))
                return np.where(size > 0.0, size / self.norm, 0.0)
            x = np.full(len(self.block), np.inf)  # where the first weight alone would reach the norm
            np.minimum.at(x, of, np.where(u > 0.0, (l1 + self.norm[of]) / u, np.inf))
            live = np.isfinite(x) & (x > 0.0)
            x = np.where(live, x, 0.0)
            for _ in range(_NEWTON):
                s = np.maximum(x[of] * u - l1, 0.0)
                size = np.sqrt(sums(s * s))
                slope = sums(s * u) / size
                step = np.where(live & (size > self.norm), (size - self.norm) / slope, 0.0)
                if (step <= 1e-15 * x).all():
                    break
                x = x - step
            ratio = np.where(x > 0.0, 1.0 / x, 0.0)
        hopeless = ~live & (sums(u) > 0.0)  # no norm, no absolute value, yet a gradient
        return np.where(hopeless & (self.norm == 0.0), np.inf, ratio)

    def null_alpha(self, z0: Array) -> float | None:
        """Return the largest `dual_ratio` of the penalised blocks; None where a block has no kink."""
        if len(z0) == 0:
            return 0.0
        u = np.where(self.unpenalised, 0.0, -z0)
        ratio = self.dual_ratio(u)
        return None if np.isinf(ratio).any() or not self.kinked else float(ratio.max(initial=0.0))

    def dual_norms(self, u: Array) -> Array:
        """Return per block the dual norm ``|D^-1 u_g|``."""
        return np.sqrt(self.block.sums((u / self._unit) ** 2))

    def take(self, columns: Array) -> BlockPenalty:
        """Return the penalty of some of the columns: whole blocks, in any order."""
        labels = self.block.of[columns]
        block = Blocks.of_labels(labels)
        norm = self.norm[labels[block.order[block.starts[:-1]]]]
        return BlockPenalty(block, norm, *(a[columns] for a in (self.scale, self.l1, self.l2, self.lower, self.upper)))

    def whole(self, columns: Array) -> Array:
        """Return the columns of all blocks that some columns touch, in order of first appearance."""
        blocks, first = np.unique(self.block.of[columns], return_index=True)
        return self.block.members(blocks[np.argsort(first)])

    def across(self, n_outputs: int, n_free: int = 0) -> BlockPenalty:
        """Return the penalty of several outputs: each has the same blocks of its own."""
        n = len(self.block)
        labels = [self.block.of + k * n for k in range(n_outputs)] + [n_outputs * n + np.arange(n_free)]

        def repeated(values: Array, rest: float) -> Array:
            return np.concatenate([np.tile(values, n_outputs), np.full(n_free, rest)])

        return BlockPenalty(
            Blocks.of_labels(np.concatenate(labels)),
            repeated(self.norm, 0.0),
            repeated(self.scale, 1.0),
            repeated(self.l1, 0.0),
            repeated(self.l2, 0.0),
            repeated(self.lower, -np.inf),
            repeated(self.upper, np.inf),
        )

    def plus_ridge(self, ridge: Array) -> BlockPenalty:
        """Return the penalty with ``l2 + ridge``."""
        return replace(self, l2=self.l2 + ridge)

    def times(self, factor: float) -> BlockPenalty:
        """Return the penalty with its costs multiplied."""
        other = replace(self, norm=factor * self.norm, l1=factor * self.l1, l2=factor * self.l2)
        for name in ("plain", "excluded", "_unit", "_largest_unit"):  # no factor changes them
            other.__dict__[name] = getattr(self, name)
        return other

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper bounds."""
        return self.lower, self.upper

    @cached_property
    def plain(self) -> bool:
        """Whether there are norms and squares only: no absolute value, and no bound."""
        return not self.l1.any() and bool(np.isinf(self.lower).all() and np.isinf(self.upper).all())

    @cached_property
    def kinkless(self) -> Array:
        """Mask of the weights without norm and absolute value."""
        return (self.norm[self.block.of] == 0.0) & (self.l1 == 0.0)

    @cached_property
    def unpenalised(self) -> Array:  # type: ignore[override]
        """Mask of the weights without cost and bounds."""
        return self.kinkless & (self.l2 == 0.0) & np.isinf(self.lower) & np.isinf(self.upper)

    @cached_property
    def excluded(self) -> Array:
        """Mask of weights that are held at zero."""
        return (self.lower == 0.0) & (self.upper == 0.0)

    @cached_property
    def costless(self) -> Array | None:
        """Mask of the weights without cost, None if there is none."""
        mask = self.kinkless & (self.l2 == 0.0) & ~self.excluded
        return mask if mask.any() else None

    @cached_property
    def kinked(self) -> bool:
        """Whether anything in it is not smooth."""
        return bool(self.norm.any() or self.l1.any())

    @cached_property
    def homogeneous(self) -> bool:
        """Whether there is no ridge: bounds are 0 or infinite."""
        return not self.l2.any()

    @cached_property
    def smooth(self) -> bool:
        """Whether the penalty has no kink and no bound but those that hold a weight at zero."""
        free = np.isinf(self.lower) & np.isinf(self.upper)
        return not self.kinked and bool((free | self.excluded).all())

    def kernel_arguments(self) -> Coordinates:
        """Return the part of the penalty that is one term per weight."""
        return Coordinates(self.l1, self.l2, self.lower, self.upper)

    @cached_property
    def _unit(self) -> Array:
        return np.where(self.scale > 0.0, self.scale, 1.0)

    @cached_property
    def _largest_unit(self) -> Array:
        if len(self.block) == 0:
            return np.empty(0)
        return np.maximum.reduceat(self._unit[self.block.order], self.block.starts[:-1])

    def _allowed(self, u: Array) -> Array:
        """Return ``u`` where a weight may move in its direction, else zero."""
        if self.plain:
            return u
        return np.where(u > 0.0, np.where(self.upper > 0.0, u, 0.0), np.where(self.lower < 0.0, u, 0.0))

    def _left(self, u: Array) -> Array:
        """Return what absolute values and bounds leave of a pull ``u`` on weights at zero."""
        if self.plain:
            return u
        u = self._allowed(u)
        return np.sign(u) * np.maximum(np.abs(u) - self.l1, 0.0)

    def _minimiser(self, s: Array, c: Array) -> Array:
        """Return the minimiser of ``c w^2 / 2 - s w`` plus the norms; infinite where there is none."""
        t = secular_norms(self.block, s, c, self.norm, self._unit)[self.block.of]
        norm = self.norm[self.block.of]
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = c + np.where(norm > 0.0, norm * self._unit**2 / t, 0.0)
            return np.where((s == 0.0) | (t == 0.0), 0.0, s / weight)


def secular_norms(block: Blocks, s: Array, c: Array, norm: Array, unit: Array) -> Array:
    """Return per block the norm ``t`` of the minimiser of ``sum c w^2 / 2 - s w + norm |unit w|``, inf if none exists.

    One over the root of the left hand side is nearly linear in ``t`` and concave: Newton's steps from zero stay below
    the root and settle in a few.
    """
    of, sums = block.of, block.sums
    a, curvature, pull = unit * s, np.broadcast_to(c, s.shape), (norm[of] * unit**2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        start = sums(np.where(a == 0.0, 0.0, (a / pull) ** 2))
        live = (start > 1.0) & (norm > 0.0)
        limit = sums(np.where((a != 0.0) & (curvature == 0.0), (a / pull) ** 2, 0.0))
        endless = live & (limit >= 1.0)
        live &= ~endless
        t = np.zeros(len(block))
        for _ in range(_NEWTON):
            part = np.where(a == 0.0, 0.0, a / (curvature * t[of] + pull))
            total = sums(part * part)
            slope = sums(np.where(a == 0.0, 0.0, part * part * curvature / (curvature * t[of] + pull)))
            step = np.where(live, (np.sqrt(total) - 1.0) * total / slope, 0.0)
            step = np.where(np.isfinite(step), step, 0.0)
            t = t + step
            if (np.abs(step) <= 1e-15 * t).all():
                break
    alone = (norm == 0.0) & (sums(np.abs(a)) > 0.0)
    return np.where(endless | alone, np.inf, t)

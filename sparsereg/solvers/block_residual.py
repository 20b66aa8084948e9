r"""Block coordinate descent on the linear predictors: O(entries) per epoch, no matrix to build, any number of outputs.

The way of working sets too large for a Gram matrix. Columns are not centred; intercepts are coordinates of their own.
Inside everything is in the units ``D w`` of the norms and block after block.
"""

from __future__ import annotations

import numpy as np

from sparsereg.penalties import BlockPenalty, BoundPenalty
from sparsereg.penalties.blocks import Blocks
from sparsereg.solvers._kernels.outputs import cd_blocks
from sparsereg.solvers.anderson import anderson_weights
from sparsereg.solvers.design import Design
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.sparse_design import SparseDesign
from sparsereg.solvers.support_newton import Kept, newton_fits, newton_step

__all__ = ["solve_block_residual"]

Array = np.ndarray

_ANDERSON = 5  # epochs over the blocks in use between two over all, whose iterates are extrapolated
_FAILURES = 3  # rounds in a row that do not halve the change of an epoch, after which there are no Newton steps
_EXACT = 512  # columns of a block whose largest curvature is computed, not bounded


def solve_block_residual(
    problem: Problem, columns: Array, w: Array, g: Array, h: Array, tol: float, max_epochs: int, kept: Kept
) -> tuple[Array, float, int]:
    """Return the minimiser of the sub-problem over some whole blocks, the change of the intercept, and the epochs."""
    model = Residual(problem, columns, w, g, h, kept)
    epochs, failures, last, newton = 0, 0, np.inf, newton_fits(problem, columns)
    while epochs < max_epochs:
        done, change = model.epoch(model.everything, tol)
        epochs += done
        if change <= tol:
            break
        # At rounding, or where a Hessian is as good as singular, Newton steps may come to nothing for ever.
        failures = failures + 1 if change > 0.5 * last else 0
        last = change
        if newton and failures < _FAILURES and newton_step(model):
            continue
        used, trail = model.used(), [model.point()]
        for _ in range(_ANDERSON):
            done, change = model.epoch(used, 0.3 * tol)
            epochs += done
            trail.append(model.point())
            if change <= 0.3 * tol:
                break
        else:
            model.extrapolate(trail)
    return *model.answer(), epochs


class Residual:
    """The sub-problem ``g.V + V'H V / 2 + Omega(w)``, ``V = X (w - w_0)``, on coordinates in block order.

    Attributes
    ----------
    v : ndarray of shape (k,)
        Weights in the units of the norms.
    V, M : ndarray of shape (n_outputs, n_samples) and (n_samples,)
        What they do to the linear predictors, and ``h . V / sum h`` of each sample where classes are coupled.
    """

    def __init__(self, problem: Problem, columns: Array, w: Array, g: Array, h: Array, kept: Kept):
        self.kept = kept
        self.problem, self.columns, self.start = problem, columns, w
        design = problem.design
        if isinstance(design, OutputsDesign):
            base, n_outputs, coupled = design.base, design.n_outputs, design.coupled
            feature, output = design.features_and_outputs(columns)
            missing = design.centred and not len(design.constants)
        else:
            base, n_outputs, coupled = design, 1, False
            feature, output = columns, np.zeros_like(columns)
            missing = problem.fit_intercept
        # Columns of ones for intercepts that the design does not hold itself.
        extra = n_outputs if missing else 0
        feature, output = np.append(feature, np.full(extra, -1)), np.append(output, np.arange(extra))
        self.penalty = penalty = _as_blocks(problem.penalty.take(columns), extra)
        self.order = order = penalty.block.order
        self.feature, output = feature[order], output[order]
        self.unit = np.where(penalty.scale > 0.0, penalty.scale, 1.0)[order]
        self.H = h.reshape(n_outputs, -1)
        self.g = np.ascontiguousarray(g.reshape(self.H.shape))
        self.inverse = OutputsDesign.inverse_total(self.H) if coupled else np.empty(0)
        self.coupled, self.base, self.output = coupled, base, output
        self.v = np.append(w, np.zeros(extra))[order] * self.unit
        self.V, self.M = np.zeros(self.H.shape), np.zeros(self.H.shape[1])
        self.starts = penalty.block.starts
        self.everything = np.arange(len(penalty.block))
        k = len(self.feature)
        held = base.kernel_columns(np.maximum(self.feature, 0), np.zeros(k), np.ones(k))
        places = np.where(self.feature < 0, -1, held.columns)
        l1, l2 = penalty.l1[order] / self.unit, penalty.l2[order] / self.unit**2
        bound = _bounds(base, self.feature, output, self.H, self.inverse, self.starts, self.unit)
        bound += np.maximum.reduceat(l2, self.starts[:-1])
        self._layout = (held.data, held.rows, held.starts, places, output, self.starts)
        self.terms = (penalty.norm, l1, l2, penalty.lower[order], penalty.upper[order], bound, self.unit)

    def epoch(self, blocks: Array, tol: float) -> tuple[int, float]:
        """Visit some blocks; return 1 and the largest change of a gradient."""
        state = (self.v, self.V, self.M, self.g, self.H, self.inverse)
        return cd_blocks(*self._layout, blocks, *state, *self.terms, 1, tol)

    def used(self) -> Array:
        """Return the blocks that are not zero, and the intercepts."""
        return np.flatnonzero(np.add.reduceat((self.v != 0.0) | (self.feature < 0), self.starts[:-1]))

    def point(self) -> tuple[Array, Array]:
        """Return a copy of weights and predictors."""
        return self.v.copy(), self.V.copy()

    def weights(self, v: Array) -> Array:
        """Return weights in their own units, in the order of the columns, intercepts last."""
        w = np.empty_like(v)
        w[self.order] = v / self.unit
        return w

    def value(self, v: Array, V: Array) -> float:
        """Return the objective of the sub-problem."""
        hV = self.H * V
        coupling = ((hV.sum(axis=0)) ** 2 @ self.inverse) if len(self.inverse) else 0.0
        return float(np.sum((self.g + 0.5 * hV) * V) - 0.5 * coupling + self.penalty.value(self.weights(v)))

    def gradient(self) -> Array:
        """Return the derivative of the loss part by predictors."""
        return self.g + self.curved(self.V)

    def curved(self, V: Array) -> Array:
        """Return ``H V``."""
        hV = self.H * V
        return hV - self.H * (hV.sum(axis=0) * self.inverse) if self.coupled else hV

    def move(self, v: Array, V: Array) -> None:
        """Go to a point."""
        self.v, self.V = v, V
        if self.coupled:
            self.M = (self.H * V).sum(axis=0) * self.inverse

    def extrapolate(self, trail: list[tuple[Array, Array]]) -> None:
        """Go to Anderson's combination of the last points if its objective is lower."""
        c = anderson_weights([v for v, _ in trail])
        if c is None:
            return
        v = c @ np.array([v for v, _ in trail[1:]])
        V = sum(share * V for share, (_, V) in zip(c, trail[1:], strict=True))
        if self.value(v, V) < self.value(*trail[-1]):
            self.move(v, V)

    def answer(self) -> tuple[Array, float]:
        """Return the weights of the columns and the change of the intercept."""
        w, design = self.weights(self.v), self.problem.design
        w, shift = w[: len(self.columns)], w[len(self.columns) :]
        if isinstance(design, OutputsDesign):
            return _recentred(design, self.columns, self.start, w), 0.0
        return w, float(shift.sum())


def _recentred(design: OutputsDesign, columns: Array, old: Array, new: Array) -> Array:
    """Return the point in terms of centred columns: their intercepts hold ``c.w`` more."""
    feature, output = design.features_and_outputs(columns)
    ones = feature < 0
    moved = np.bincount(
        output[~ones], weights=design.centre[feature[~ones]] * (new - old)[~ones], minlength=design.n_outputs
    )
    new[ones] += moved[output[ones]]
    return new


def _as_blocks(penalty: BoundPenalty, extra: int) -> BlockPenalty:
    """Return a penalty as blocks, with some free weights more."""
    if isinstance(penalty, BlockPenalty):
        return penalty.across(1, extra)
    costs = penalty.across(1, extra).kernel_arguments()
    assert costs is not None
    l1, l2, lower, upper, unit = costs
    m = len(l1)
    scale = np.ones(m) if unit is None else unit
    return BlockPenalty(Blocks(np.arange(m), np.arange(m + 1)), np.zeros(m), scale, l1, l2, lower, upper)


def _bounds(base: Design, feature: Array, output: Array, H: Array, inverse: Array, starts: Array, unit: Array) -> Array:
    """Return a bound on the curvature of the loss in each block; exact for a single column."""
    alone = np.diff(starts) == 1
    of = np.repeat(np.arange(len(alone)), np.diff(starts))
    own = H * (1.0 - H * inverse) if len(inverse) else H  # diagonal; of several outputs diag(h) is a bound
    curvature = np.empty(len(feature))
    for k in range(len(H)):
        for mine, weights in ((alone[of], own[k]), (~alone[of], H[k])):
            here = np.flatnonzero(mine & (output == k))
            if len(here):
                ones = feature[here] < 0
                square = base.moments(np.maximum(feature[here], 0), weights, 1.0, False)[1]
                curvature[here] = np.where(ones, weights.sum(), square) / unit[here] ** 2
    bound = np.maximum.reduceat(curvature, starts[:-1])
    for b in np.flatnonzero(~alone):
        part = slice(starts[b], starts[b + 1])
        for k in np.unique(output[part]):
            mine = output[part] == k
            if mine.sum() > 1:
                bound[b] = max(bound[b], _largest_curvature(base, feature[part][mine], H[k], unit[part][mine]))
    return bound


def _largest_curvature(base: Design, columns: Array, h: Array, unit: Array) -> float:
    """Return the largest eigenvalue of ``X' H X``, or, of many columns, its largest row sum in absolute value.

    ``X`` stands for the columns divided by their units.
    """
    if len(columns) <= _EXACT:
        G = np.empty((len(columns), len(columns)))
        base.gram(columns, h, np.zeros(len(columns)), 0, G)
        return float(np.linalg.eigvalsh(G / np.outer(unit, unit))[-1]) * (1.0 + 1e-12)
    part = base.take_columns(columns)
    if isinstance(part, SparseDesign):
        part.data = np.abs(part.data)
    else:
        part.X = np.abs(part.X)  # type: ignore[attr-defined]
    every = np.arange(len(columns))
    return float((part.rmatvec(h * part.times(every, 1.0 / unit)) / unit).max())

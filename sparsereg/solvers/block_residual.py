r"""Block coordinate descent on the linear predictors: O(entries) per epoch, no matrix to build, any number of outputs.

The way of working sets too large for a Gram matrix. Columns are not centred; intercepts are coordinates of their own.
Inside everything is in the units ``D w`` of the norms and block after block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.penalties import BlockPenalty, BoundPenalty
from sparsereg.penalties.blocks import Blocks
from sparsereg.solvers._kernels.outputs import cd_blocks
from sparsereg.solvers.design import Design, SparseDesign
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem

__all__ = ["solve_block_residual"]

Array = np.ndarray

_ANDERSON = 5  # epochs over the blocks in use between two over all, whose iterates are extrapolated
_EXACT = 512  # columns of a block whose largest curvature is computed, not bounded


def solve_block_residual(
    problem: Problem, columns: Array, w: Array, g: Array, h: Array, tol: float, max_epochs: int
) -> tuple[Array, float, int]:
    """Return the minimiser of the sub-problem over some whole blocks, the change of the intercept, and the epochs."""
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
    penalty = _as_blocks(problem.penalty.take(columns), extra)
    order = penalty.block.order
    feature, output = feature[order], output[order]
    unit = np.where(penalty.scale > 0.0, penalty.scale, 1.0)[order]
    costs = (penalty.l1[order] / unit, penalty.l2[order] / unit**2, penalty.lower[order], penalty.upper[order])
    H = h.reshape(n_outputs, -1)
    inverse = OutputsDesign.inverse_total(H) if coupled else np.empty(0)
    held = base.kernel_columns(np.maximum(feature, 0), np.zeros(len(feature)), np.ones(len(feature)))
    v = np.append(w, np.zeros(extra))[order] * unit
    bound = _bounds(base, feature, output, H, inverse, penalty.block.starts, unit)
    bound += np.maximum.reduceat(costs[1], penalty.block.starts[:-1])
    state = (v, np.zeros(H.shape), np.zeros(H.shape[1]), np.ascontiguousarray(g.reshape(H.shape)), H, inverse)
    terms = (penalty.norm, *costs, bound, unit)
    layout = (held.data, held.rows, held.starts, np.where(feature < 0, -1, held.columns), output, penalty.block.starts)
    everything, epochs = np.arange(len(penalty.block)), 0

    def value(v: Array, V: Array) -> float:
        """Return the objective of the sub-problem at weights in block order."""
        hV = H * V
        coupling = ((hV.sum(axis=0)) ** 2 @ inverse) if len(inverse) else 0.0
        w = np.empty_like(v)
        w[order] = v / unit
        return float(np.sum((state[3] + 0.5 * hV) * V) - 0.5 * coupling + penalty.value(w))

    while epochs < max_epochs:
        done, change = cd_blocks(*layout, everything, *state, *terms, 1, tol)
        epochs += done
        if change <= tol:
            break
        used = np.flatnonzero(np.add.reduceat((v != 0.0) | (feature < 0), penalty.block.starts[:-1]))
        trail = [(v.copy(), state[1].copy())]
        for _ in range(_ANDERSON):
            done, change = cd_blocks(*layout, used, *state, *terms, 1, 0.3 * tol)
            epochs += done
            trail.append((v.copy(), state[1].copy()))
            if change <= 0.3 * tol:
                break
        else:
            better = _extrapolated(trail, value)
            if better is not None:
                v[:], state[1][:] = better
                if len(inverse):
                    state[2][:] = (H * state[1]).sum(axis=0) * inverse
    new = np.empty_like(v)
    new[order] = v / unit
    shift = new[len(columns) :]
    new = new[: len(columns)]
    if isinstance(design, OutputsDesign):
        return _recentred(design, columns, w, new), 0.0, epochs
    return new, float(shift.sum()), epochs


def _extrapolated(
    trail: list[tuple[Array, Array]], value: Callable[[Array, Array], float]
) -> tuple[Array, Array] | None:
    """Return Anderson's combination of the last weights and predictors if its objective is lower, else None."""
    U = np.diff(np.array([v for v, _ in trail]), axis=0)
    gram = U @ U.T
    try:
        c = np.linalg.solve(gram + 1e-12 * np.trace(gram) * np.eye(len(gram)), np.ones(len(gram)))
    except np.linalg.LinAlgError:
        return None
    if not abs(c.sum()) > 0.0:
        return None
    c /= c.sum()
    v = c @ np.array([v for v, _ in trail[1:]])
    V = sum(share * V for share, (_, V) in zip(c, trail[1:], strict=True))
    return (v, V) if value(v, V) < value(*trail[-1]) else None


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
    m = len(costs.l1)
    return BlockPenalty(Blocks(np.arange(m), np.arange(m + 1)), np.zeros(m), np.ones(m), *costs)


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

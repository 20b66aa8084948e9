r"""Block coordinate descent on the residual of a dense design, each block minimised exactly.

The way of working sets with more columns than half the samples. A Gram matrix of ``k`` columns takes ``n k^2 / 2``
multiplications, and an epoch on it ``k`` for each weight that moves; here nothing is built and a weight takes ``2 n``.
In the eigenvectors of its curvature the problem of a block is one equation (`sparsereg.penalties.blocks`), as in
J. Yang and T. Hastie, *A fast and scalable pathwise-solver for group lasso and elastic net penalized regression via
block-coordinate descent* (2024).
"""

from __future__ import annotations

import numpy as np

from sparsereg.penalties import BlockPenalty, BoundPenalty
from sparsereg.solvers._kernels.blocks import residual_blocks
from sparsereg.solvers.anderson import anderson_weights
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.design import Design, flat_columns
from sparsereg.solvers.problem import Problem

__all__ = ["Rotations", "exact_pays", "solve_exact_blocks"]

Array = np.ndarray

_WIDE = 2.0  # samples per column up to which there are too many for a Gram matrix
_ANDERSON = 5  # epochs over the blocks in use between two over all, whose iterates are extrapolated
_LARGEST = 512  # columns of a block: beyond, its eigenvectors cost more than they save
_DROWNED = 1e6  # square of mean over spread from which columns are centred in a copy


def exact_pays(design: Design, penalty: BoundPenalty, columns: Array) -> bool:
    """Whether to minimise over some whole blocks here and not on a Gram matrix, as far as it can be done."""
    if not isinstance(design, DenseDesign) or not isinstance(penalty, BlockPenalty):
        return False
    if _WIDE * len(columns) <= design.shape[0]:
        return False
    # A rotation leaves norms as they are, but not absolute values and bounds on signs.
    plain = np.isinf(penalty.lower[columns]) & np.isinf(penalty.upper[columns]) & (penalty.l1[columns] == 0.0)
    return bool(plain.all()) and int(penalty.block.sizes[penalty.block.of[columns]].max()) <= _LARGEST


class Rotations:
    """Eigenvectors of the curvature of blocks, in the units of the norms, found when they are first asked for.

    They are those of ``X_b' H X_b + diag(l2 - min l2)``, so that a ridge that is the same for all weights of a block,
    and changes along a path, moves the eigenvalues only.
    """

    def __init__(self, problem: Problem, h: Array):
        penalty, m = problem.penalty, problem.design.shape[1]
        assert isinstance(penalty, BlockPenalty)
        self.block, self.h, self.sum_h = penalty.block, h, float(h.sum())
        self.unit = np.where(penalty.scale > 0.0, penalty.scale, 1.0)
        self.starts = np.full(len(self.block), -1, dtype=np.int64)
        self.vectors = np.empty(0)
        self.values, self.square, self.mean = np.empty(m), np.empty(m), np.zeros(m)

    def find(self, problem: Problem, blocks: Array) -> None:
        """Add those of some blocks where they are missing."""
        new, end = [self.vectors], len(self.vectors)
        for b in blocks[self.starts[blocks] < 0]:
            columns = self.block.members(np.array([b]))
            X, unit = problem.design.dense_columns(columns), self.unit[columns]
            if problem.fit_intercept:
                self.mean[columns] = self.h @ X / self.sum_h
                X -= self.mean[columns]
            H = X.T @ (X * self.h[:, None])
            flat = flat_columns(H.diagonal(), self.mean[columns], self.sum_h)
            H[flat, :] = H[:, flat] = 0.0
            self.square[columns] = H.diagonal()
            l2 = problem.coordinates.l2[columns] / unit**2
            values, Q = np.linalg.eigh(H / np.outer(unit, unit) + np.diag(l2 - l2.min()))
            self.values[columns] = np.maximum(values, 0.0)
            new.append(Q.T.ravel())  # column after column
            self.starts[b], end = end, end + Q.size
        if len(new) > 1:
            self.vectors = np.concatenate(new)


def solve_exact_blocks(
    problem: Problem, rotations: Rotations, columns: Array, w: Array, g: Array, tol: float, max_epochs: int
) -> tuple[Array, float, int]:
    """Return the minimiser of the sub-problem over some whole blocks, the change of the intercept, and the epochs."""
    model = _Exact(problem, rotations, columns, w, g)
    epochs = 0
    while epochs < max_epochs:
        done, change = model.descend(model.everything, 1, tol)
        epochs += done
        if change <= tol:
            break
        used, trail = model.used(), [model.point()]
        for _ in range(_ANDERSON):
            done, change = model.descend(used, 1, 0.3 * tol)
            epochs += done
            trail.append(model.point())
            if change <= 0.3 * tol:
                break
        else:
            model.extrapolate(trail)
    return *model.answer(w), epochs


class _Exact:
    """The sub-problem ``g.V + V'H V / 2 + Omega(w)``, ``V = X (w - w_0)``, with ``g + H V`` in place of ``V``."""

    def __init__(self, problem: Problem, rotations: Rotations, columns: Array, w: Array, g: Array):
        penalty, block = problem.penalty, rotations.block
        assert isinstance(penalty, BlockPenalty)
        blocks, first = np.unique(block.of[columns], return_index=True)
        blocks = blocks[np.argsort(first)]
        rotations.find(problem, blocks)
        self.columns = ours = block.members(blocks)
        place = np.empty(len(block.order), dtype=np.int64)
        place[ours] = np.arange(len(ours))
        self.back = place[columns]
        self.unit, self.mean = rotations.unit[ours], rotations.mean[ours]
        self.v = np.empty(len(ours))
        self.v[self.back] = w
        self.v *= self.unit
        self.g, self.h = g.copy(), rotations.h
        self.starts = np.concatenate([[0], np.cumsum(block.sizes[blocks])]).astype(np.int64)
        self.everything = np.arange(len(blocks))
        self.norm, self.l2 = penalty.norm[blocks], penalty.l2[ours] / self.unit**2
        least = np.minimum.reduceat(self.l2, self.starts[:-1])
        values = rotations.values[ours] + np.repeat(least, np.diff(self.starts))
        self._basis = rotations.vectors, rotations.starts[blocks], values
        self._layout = self._read(problem.design, rotations.square[ours] / rotations.sum_h)

    def _read(self, design: Design, variance: Array) -> tuple[Array, Array, Array]:
        """Return a matrix in Fortran order, the first column of each block in it, and what is subtracted from them.

        X itself, where it will do; see `DenseDesign.kernel_columns`.
        """
        assert isinstance(design, DenseDesign)
        X, first = design.X, self.starts[:-1]
        within = np.ones(len(self.columns), dtype=bool)
        within[first] = False
        runs = bool((np.diff(self.columns, prepend=-1)[within] == 1).all())
        drowned = bool((self.mean**2 > _DROWNED * variance).any())
        if X.flags.f_contiguous and X.dtype == np.float64 and runs and not drowned:
            return X, np.ascontiguousarray(self.columns[first]), self.mean
        copy = np.asfortranarray(design.dense_columns(self.columns) - self.mean)
        copy[:, variance == 0.0] = 0.0  # what rounding left of constant columns
        return copy, first.copy(), np.zeros_like(self.mean)

    def descend(self, blocks: Array, epochs: int, tol: float) -> tuple[int, float]:
        """Run epochs over some blocks in place; return how many and the largest change of a gradient in the last."""
        state = (blocks, self.g, self.h, self.v, self.starts, self.norm, self.l2)
        X, first, mean = self._layout
        return residual_blocks(X, first, mean, self.unit, *state, *self._basis, epochs, tol)

    def used(self) -> Array:
        """Return the blocks that are not zero."""
        return np.flatnonzero(np.add.reduceat(self.v != 0.0, self.starts[:-1]))

    def point(self) -> tuple[Array, Array]:
        """Return a copy of weights and gradients by samples."""
        return self.v.copy(), self.g.copy()

    def value(self, v: Array, g: Array) -> float:
        """Return the objective of the sub-problem, up to a constant."""
        loss = float(np.divide(g * g, self.h, out=np.zeros_like(g), where=self.h > 0.0).sum())
        norms = np.sqrt(np.add.reduceat(v * v, self.starts[:-1]))
        return 0.5 * (loss + float(self.l2 @ (v * v))) + float(self.norm @ norms)

    def extrapolate(self, trail: list[tuple[Array, Array]]) -> None:
        """Go to Anderson's combination of the last points if its objective is lower."""
        c = anderson_weights([v for v, _ in trail])
        if c is None or self.g[self.h == 0.0].any():  # where there is no curvature the gradient does not tell ``V``
            return
        v = c @ np.array([v for v, _ in trail[1:]])
        g = c @ np.array([g for _, g in trail[1:]])
        if self.value(v, g) < self.value(*trail[-1]):
            self.v, self.g = v, g

    def answer(self, old: Array) -> tuple[Array, float]:
        """Return the weights of the columns and the change of the intercept."""
        new = (self.v / self.unit)[self.back]
        return new, -float(self.mean[self.back] @ (new - old))

r"""Block coordinate descent on a Gram matrix, with Newton steps on the blocks in use.

Inside everything is in the units ``D w`` of the norms and block after block, so that kernels know of neither.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from sparsereg.penalties.blocks import BlockPenalty
from sparsereg.solvers._kernels.blocks import gram_blocks
from sparsereg.solvers.gram_descent import MAX_SUPPORT, alternate

__all__ = ["solve_gram_blocks"]

Array = np.ndarray

# Exact steps on blocks leave less of a tail: 2,000 groups, 4,384 weights at the end, path of 50 strengths: 18 s where
# Newton steps come as often as for single weights (share 50), 10 of them spent on 40 such steps.
_NEWTON_SHARE = 5
_INNER = 10  # proximal gradient steps on a block before its change reaches the others


class Eigenbasis(NamedTuple):
    """Eigenvectors of each block's curvature, one after the other (empty: none), where each starts, eigenvalues.

    Without vectors the value is, for all weights of a block, a bound on its eigenvalues.
    """

    vectors: Array
    starts: Array
    values: Array


def solve_gram_blocks(
    G: Array, z: Array, w: Array, penalty: BlockPenalty, tol: float, max_epochs: int
) -> tuple[Array, int]:
    """Return the minimiser of ``(v - w)'G(v - w) / 2 + z.(v - w) + Omega(v)`` and the number of epochs."""
    order, unit = penalty.block.order, np.where(penalty.scale > 0.0, penalty.scale, 1.0)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    unit = unit[order]
    if (back != order).any() or (np.diff(order) < 0).any():
        G = G[np.ix_(order, order)]
    if (unit != 1.0).any():
        G = G / np.outer(unit, unit)
    model = BlockModel(np.ascontiguousarray(G), penalty, order, unit)
    v, gradient = w[order] * unit, z[order] / unit
    epochs = alternate(
        v,
        lambda n: model.descend(v, gradient, n, tol),
        lambda: model.newton(v, gradient),
        tol,
        max_epochs,
        _NEWTON_SHARE,
    )
    return (v / unit)[back], epochs


class BlockModel:
    """A quadratic function of blocks of weights plus their penalty, in the units of the norms, in block order."""

    def __init__(self, G: Array, penalty: BlockPenalty, order: Array, unit: Array):
        self.G = G
        self.starts = np.ascontiguousarray(penalty.block.starts, dtype=np.int64)
        self.of = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        self.norm = np.ascontiguousarray(penalty.norm)
        self.l1, self.l2 = penalty.l1[order] / unit, penalty.l2[order] / unit**2
        self.lower, self.upper = penalty.lower[order], penalty.upper[order]
        # A rotation leaves the norm as it is, but not absolute values and bounds on signs.
        whole = self.norm[self.of] > 0.0
        exact = not self.l1[whole].any() and np.isinf(self.lower[whole]).all() and np.isinf(self.upper[whole]).all()
        alone = np.diff(self.starts)[self.of] == 1
        plain = (self.l1 == 0.0) & np.isinf(self.lower) & np.isinf(self.upper)
        self.eigen = self._eigenbasis(exact and bool((plain | whole | alone).all()) and bool(plain.all()))

    def _eigenbasis(self, exact: bool) -> Eigenbasis:
        sizes = np.diff(self.starts)
        values = np.empty(len(self.of))
        starts = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
        vectors = np.empty(starts[-1] if exact else 0)
        for size in np.unique(sizes):
            blocks = np.flatnonzero(sizes == size)
            rows = self.starts[blocks][:, None] + np.arange(size)
            H = self.G[rows[:, :, None], rows[:, None, :]]
            H[:, np.arange(size), np.arange(size)] += self.l2[rows]
            if exact:
                values[rows], Q = np.linalg.eigh(H)
                # Column after column: that of the transposed.
                vectors[starts[blocks][:, None] + np.arange(size**2)] = Q.transpose(0, 2, 1).reshape(len(blocks), -1)
            else:
                values[rows] = np.linalg.eigvalsh(H)[:, -1:]
        return Eigenbasis(vectors, starts, np.maximum(values, 0.0))

    def descend(self, v: Array, gradient: Array, epochs: int, tol: float) -> tuple[int, float]:
        """Run epochs in place; return how many and the largest change of the last."""
        return gram_blocks(
            self.G,
            gradient,
            v,
            self.starts,
            self.norm,
            self.l1,
            self.l2,
            self.lower,
            self.upper,
            *self.eigen,
            _INNER,
            epochs,
            tol,
        )

    def newton(self, v: Array, gradient: Array) -> bool:
        """Take a Newton step on the blocks in use with the signs held; in place; whether it went all the way.

        On a block that is not zero the norm is smooth, with curvature ``norm (I - u u') / |v|``, ``u = v / |v|``.
        """
        size = np.sqrt(np.bincount(self.of, weights=v * v, minlength=len(self.norm)))
        free = (self.norm == 0.0) | (size > 0.0)
        in_box = (v > self.lower) & (v < self.upper)
        A = np.flatnonzero(free[self.of] & in_box & ((v != 0.0) | (self.l1 == 0.0)) & (self.G.diagonal() > 0.0))
        if not 0 < len(A) <= MAX_SUPPORT:
            return False
        old, G_A, sign = v[A], self.G[np.ix_(A, A)], np.sign(v[A]) * (self.l1[A] > 0.0)
        of = self.of[A]
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.where(self.norm > 0.0, self.norm / size, 0.0)[of]
            u = np.where(self.norm[of] > 0.0, old / size[of], 0.0)
        slope = gradient[A] + (self.l2[A] + pull) * old + self.l1[A] * sign
        H = G_A - np.where(of[:, None] == of, np.outer(pull * u, u), 0.0)
        H[np.diag_indices(len(A))] += self.l2[A] + pull
        unit = 1.0 / np.sqrt(np.maximum(H.diagonal(), 1e-300))
        H *= np.outer(unit, unit)
        H[np.diag_indices(len(A))] = 1.0 + 1e-12
        try:
            factor = cho_factor(H, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return False
        d = -unit * cho_solve(factor, unit * slope, check_finite=False)

        def norms(x: Array) -> float:
            return float(self.norm @ np.sqrt(np.bincount(of, weights=x * x, minlength=len(self.norm))))

        start = norms(old)
        for t in (1.0, 0.5, 0.1):
            new = old + t * d
            new[new * sign < 0.0] = 0.0
            new = np.clip(new, self.lower[A], self.upper[A])
            move = new - old
            smooth = gradient[A] + self.l2[A] * old + self.l1[A] * sign
            G_move = G_A @ move
            change = smooth @ move + 0.5 * (move @ G_move + (self.l2[A] * move) @ move) + norms(new) - start
            if change < 0.0:
                v[A] = new
                gradient += self.G[:, A] @ move
                return t == 1.0
        return False

r"""Gradients along a path, computed only where a column may matter.

With ``z = X' g``, two gradients of the loss part, and columns about their means where there is an intercept (``g`` then
sums to zero), Cauchy and Schwarz say

    |x_j . g| <= |x_j . g_0| + |x_j| |g - g_0|

so a column whose gradient was small need not be read again until ``g`` has travelled far. A column at zero with
``|z_j|`` below its ``l1_j`` violates nothing and adds nothing to a duality gap, whatever ``z_j`` is: for the
certificate the bound is as good as the number. The bounds of the columns of a group make one on its norm. The same
inequality finds safe regions in E. Ndiaye et al., *Gap safe screening rules for sparsity enforcing penalties*, JMLR 18
(2017); here it decides what to compute, not what to drop.
"""

from __future__ import annotations

import numpy as np

from sparsereg.penalties import BlockPenalty, BoundPenalty
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.design import Design

__all__ = ["Screen"]

Array = np.ndarray

_MOST_DENSE, _MOST = 0.5, 0.75  # of the columns: beyond, a full pass is as fast


class Screen:
    """The gradients that are known, and how far ``g`` has travelled since each was computed.

    Parameters
    ----------
    design : Design
    norms : ndarray of shape (m,)
        Lengths of its columns, from `Design.norms`.
    penalty : BoundPenalty
        One of the path. Limits are per column, or, where it has groups, per group.

    Attributes
    ----------
    near : ndarray of int or None
        The columns whose gradient the last call computed, None for all. The others are below the limit.
    """

    def __init__(self, design: Design, norms: Array, penalty: BoundPenalty):
        self._design, self._norms = design, norms
        self._most = int((_MOST_DENSE if isinstance(design, DenseDesign) else _MOST) * len(norms))
        self._groups = penalty if isinstance(penalty, BlockPenalty) else None
        self._g: Array | None = None
        self._travelled = 0.0
        self.near: Array | None = None

    def gradient(self, g: Array, limit: Array, w: Array) -> Array:
        """Return ``X' g``, exact where it may exceed `limit` in size and where ``w``, or its group, is not zero.

        Elsewhere stands an older value, below the limit as well.
        """
        if self._g is None:
            return self._all(g)
        self._travelled += float(np.linalg.norm(g - self._g))
        self._g = g
        may = self._norms * self._travelled
        may += self._spare
        near = self._may_exceed(may, limit, w)
        if len(near) > self._most:
            return self._all(g)
        z = self._design.dot(near, g)
        self._z[near] = z
        self._spare[near] = np.abs(z) - self._norms[near] * self._travelled
        self.near = near
        return self._z.copy()

    def _may_exceed(self, may: Array, limit: Array, w: Array) -> Array:
        if self._groups is None:
            return np.flatnonzero((may >= limit) | (w != 0.0))
        block = self._groups.block
        crossed = self._groups.dual_norms(may) >= limit
        crossed[block.of[w != 0.0]] = True
        return np.flatnonzero(crossed[block.of])

    def know(self, g: Array, z: Array) -> None:
        """Take the gradient on all columns, however it was found."""
        self._g, self._travelled, self.near = g, 0.0, None
        self._z = z.copy()
        self._spare = np.abs(z)  # what |z_j| may be, less |x_j| times the way that g has travelled

    def _all(self, g: Array) -> Array:
        z = self._design.rmatvec(g)
        self.know(g, z)
        return z

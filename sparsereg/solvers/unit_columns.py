"""The columns of an exact path, in units in which the Gram matrix has a unit diagonal: how far each is from optimal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparsereg.solvers._kernels.homotopy import FREE

__all__ = ["UnitColumns"]

Array = np.ndarray


@dataclass
class UnitColumns:
    """The working set as the event loop sees it, in units in which ``G + diag(l2)`` has a unit diagonal."""

    G: Array
    unit: Array  # of original weights; zero for a column without curvature, which does not move
    scale: Array  # 1 / unit
    f: Array
    l2: Array
    lower: Array
    upper: Array
    w: Array
    q: Array  # gradient, ridge included
    c: Array
    state: Array
    kink: Array  # f times the sign, of free columns

    def violation(self, alpha: float) -> Array:
        """Return per column how far it is from optimal; for a column at rest, how much it wants to move."""
        kink = np.where(self.state == FREE, -alpha * self.kink, 0.0)
        return np.where(self.state == FREE, np.abs(self.q - kink), np.maximum(*self.wishes(alpha)))

    def wishes(self, alpha: float) -> tuple[Array, Array]:
        """Return per column what it gains by a step up and by one down, zero at the bounds."""
        cost = alpha * self.f
        up = np.where(self.w < self.upper, -self.q - np.where(self.w < 0.0, -cost, cost), 0.0)
        down = np.where(self.w > self.lower, self.q - np.where(self.w > 0.0, -cost, cost), 0.0)
        return np.maximum(up, 0.0), np.maximum(down, 0.0)

    def room(self) -> tuple[Array, Array]:
        """Return the bounds of every free weight while its sign holds."""
        return np.where(self.kink > 0.0, 0.0, self.lower), np.where(self.kink < 0.0, 0.0, self.upper)

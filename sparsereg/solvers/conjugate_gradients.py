"""Preconditioned conjugate gradients for arrays of any shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["conjugate_gradients"]

Array = np.ndarray


def conjugate_gradients(
    product: Callable[[Array], Array], precondition: Callable[[Array], Array], b: Array, share: float, steps: int
) -> tuple[Array, int]:
    """Return ``x`` with ``|product(x) - b| <= share |b|``, or as far as some `steps` go, and how many were taken."""
    x, r = np.zeros_like(b), b.copy()
    y = precondition(r)
    p, ry = y.copy(), float(np.sum(r * y))
    stop = share * share * float(np.sum(b * b))
    taken = 0
    while taken < steps:
        taken += 1
        q = product(p)
        curvature = float(np.sum(p * q))
        if not curvature > 0.0:
            break
        step = ry / curvature
        x += step * p
        r -= step * q
        if float(np.sum(r * r)) <= stop:
            break
        y = precondition(r)
        ry, last = float(np.sum(r * y)), ry
        p = y + (ry / last) * p
    return x, taken

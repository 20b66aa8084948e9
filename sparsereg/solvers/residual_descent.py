"""Coordinate descent on the residual, with Anderson extrapolation: O(entries) per epoch and no matrix to build."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsereg.penalties import BentCoordinates, Coordinates
from sparsereg.solvers._kernels.features import cd_features
from sparsereg.solvers.anderson import anderson_weights
from sparsereg.solvers.design import KernelColumns

__all__ = ["Moments", "solve_residual"]

Array = np.ndarray

_ANDERSON = 5  # iterates that are extrapolated
_NO_WEIGHTS = np.empty(0)


class Moments(NamedTuple):
    """Weighted means and centred curvatures of the columns of a working set, and the total weight."""

    mean: Array
    curvature: Array
    sum_h: float


def solve_residual(
    columns: KernelColumns,
    moments: Moments,
    w: Array,
    g: Array,
    h: Array,
    costs: Coordinates | BentCoordinates,
    tol: float,
    max_epochs: int,
) -> tuple[Array, int, bool]:
    """Return the minimiser of the quadratic sub-problem, the number of epochs, and whether `tol` was reached.

    Under concave costs a stationary point, not above the start.

    One epoch over everything, then a few over the support, whose iterates are extrapolated.
    """
    data, rows, starts, at, centred = columns
    mean, curvature, sum_h = moments
    uniform = h[0] if (h == h[0]).all() else 0.0
    run = (
        _NO_WEIGHTS if uniform else h,
        uniform,
        sum_h,
        np.zeros_like(mean) if centred else mean,
        curvature,
        *costs,
    )
    w, q, s = w.copy(), -g, 0.0
    everything = np.arange(len(w))
    epochs = 0
    while epochs < max_epochs:
        done, change, s = cd_features(data, rows, starts, at, everything, w, q, s, 1, tol, *run)
        epochs += done
        if change <= tol:
            return w, epochs, True
        support = np.flatnonzero((w != 0.0) | (costs.l1 == 0.0))
        trail_w, trail_q = [w[support]], [q - h * (s / sum_h)]
        for _ in range(_ANDERSON):
            done, change, s = cd_features(data, rows, starts, at, support, w, q, s, 1, tol, *run)
            epochs += done
            trail_w.append(w[support])
            trail_q.append(q - h * (s / sum_h))
            if change <= tol:
                break
        else:
            better = _extrapolate(trail_w, trail_q, h, costs.take(support))
            if better is not None:
                w[support], q = better
                s = 0.0
    return w, epochs, False


def _extrapolate(
    trail_w: list[Array], trail_q: list[Array], h: Array, costs: Coordinates | BentCoordinates
) -> tuple[Array, Array] | None:
    """Return Anderson's combination of the last iterates if its objective is lower, else None."""
    c = anderson_weights(trail_w)
    if c is None:
        return None
    w = c @ np.array(trail_w[1:])
    if (w < costs.lower).any() or (w > costs.upper).any():
        return None
    q = c @ np.array(trail_q[1:])

    def value(w: Array, q: Array) -> float:
        rr = np.divide(q * q, h, out=np.zeros_like(q), where=h > 0.0)
        return 0.5 * float(rr.sum()) + costs.value(w)

    return (w, q) if value(w, q) < value(trail_w[-1], trail_q[-1]) else None

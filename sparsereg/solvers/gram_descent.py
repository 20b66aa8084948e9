"""Coordinate descent on a Gram matrix, with Newton steps on the support."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dposv

from sparsereg.penalties import Coordinates
from sparsereg.solvers._kernels.gram import gram_features

__all__ = ["MAX_SUPPORT", "alternate", "solve_gram"]

Array = np.ndarray

_EPOCHS = 10  # of coordinate descent between two Newton steps, at least
_WORK = 2e8  # multiplications in one call of a kernel: an interrupt waits no longer than a fraction of a second
_PATIENCE = 64  # times as many epochs between Newton steps, at most
MAX_SUPPORT = 4000  # weights in a Newton step: its factorisation takes 1 s there


def solve_gram(G: Array, z: Array, w: Array, costs: Coordinates, tol: float, max_epochs: int) -> tuple[Array, int]:
    """Return the minimiser and the number of epochs: coordinate descent, with a Newton step now and then.

    Coordinate descent finds the support and its signs in a few epochs and then crawls along correlated columns;
    there the support's own linear system ends the work. A Newton step on ``k`` of them costs about ``k^3 / 3`` at the
    speed of BLAS-3, which buys some ``k / 50`` epochs, and 60 microseconds of overhead, which buy hundreds of epochs
    of ten coordinates: as many are done in between.
    """
    w, gradient = w.copy(), z.copy()
    everything = np.arange(len(w))
    epochs = alternate(
        w,
        lambda n: gram_features(G, gradient, w, everything, n, tol, *costs),
        lambda: _newton_on_support(G, gradient, w, costs),
        tol,
        max_epochs,
    )
    return w, epochs


def alternate(
    w: Array,
    descend: Callable[[int], tuple[int, float]],
    newton: Callable[[], bool],
    tol: float,
    max_epochs: int,
    share: int = 50,
) -> int:
    """Descend and take Newton steps in turn until an epoch changes no gradient by more than `tol`; return the epochs.

    Both work in place on ``w``; ``descend(n)`` returns the epochs done and the largest change of the last, ``newton()``
    whether its step went all the way. A Newton step on ``k`` weights buys ``k / share`` epochs.
    """
    epochs, patience, k = 0, 1, len(w)
    at_least = max(_EPOCHS, int(6e4 / (k * (20.0 + 0.25 * k) + 1.0)))
    at_once = max(1, int(_WORK / (k * k + 1)))
    while epochs < max_epochs:
        batch = patience * max(at_least, int(np.count_nonzero(w)) // share)
        until = min(epochs + batch, max_epochs)
        change = np.inf
        while epochs < until and change > tol:
            done, change = descend(min(until - epochs, at_once))
            epochs += done
        if change <= tol:
            break
        # A support larger than the rank has no Newton step to speak of: leave it to coordinate descent for longer.
        patience = 1 if newton() else min(2 * patience, _PATIENCE)
    return epochs


def _newton_on_support(G: Array, gradient: Array, w: Array, costs: Coordinates) -> bool:
    """Minimise over the support with its signs held, as far as that goes; update ``w`` and ``gradient`` in place.

    Returns whether the step went all the way (weights that change sign stopping at zero).
    """
    l1, l2, lower, upper, _ = costs
    free = (w > lower) & (w < upper) & ((w != 0.0) | (l1 == 0.0))
    A = np.flatnonzero(free & (G.diagonal() + l2 > 0.0))
    if not 0 < len(A) <= MAX_SUPPORT:
        return False
    sign = np.sign(w[A]) * (l1[A] > 0.0)
    G_A = G[np.ix_(A, A)]
    slope = gradient[A] + l2[A] * w[A] + l1[A] * sign
    # In units of unit curvature a shift means the same for every column; it keeps duplicated ones solvable, and the
    # line search below makes any direction safe.
    unit = 1.0 / np.sqrt(G_A.diagonal() + l2[A])
    system = G_A * np.outer(unit, unit)
    system[np.diag_indices(len(A))] = 1.0 + 1e-12
    _, solved, info = dposv(system, unit * slope, overwrite_a=True)  # cho_factor checks what is known here
    if info != 0:
        return False
    d = -unit * solved
    old = w[A]
    # The projected step first: weights that would change sign stop at zero, those that would leave the box at its wall.
    new = old + d
    new[new * sign < 0.0] = 0.0
    new = np.clip(new, lower[A], upper[A])
    for attempt in range(2):
        move = new - old
        G_move = G_A @ move
        gain = slope @ move + 0.5 * (move @ G_move + (l2[A] * move) @ move)
        if gain < 0.0 or attempt:
            break
        # Then as far as all signs hold: there the model is the quadratic that was minimised, so it must fall.
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = np.where((d * sign < 0.0), -old / d, np.inf)
            to_wall = np.where(d > 0.0, (upper[A] - old) / d, np.where(d < 0.0, (lower[A] - old) / d, np.inf))
        t = min(1.0, float(to_zero.min()), float(to_wall.min()))
        new = np.clip(old + t * d, lower[A], upper[A])
        new[to_zero <= t] = 0.0
    if gain < 0.0:
        w[A] = new
        gradient += G[:, A] @ move
    return attempt == 0 and gain < 0.0

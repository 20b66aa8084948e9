r"""A quadratic with a concave penalty, by its Gram matrix: coordinate descent on tangents, Newton steps on pieces.

Coordinate descent on the tangent at the present weights, a lasso, lies above the penalty, so it can only go down; but
tangents alone end slowly, at the rate at which the penalty's curvature eats that of the matrix. Where the weights stay
on their pieces the penalty is a quadratic: if that and the matrix together are positive definite, one linear system on
the support is the end. If not, there is no minimum on these pieces; then a system with a share of the penalty's
curvature leads on to other pieces. Without such, a path of 100 strengths on ``toep`` of
``benchmarks/`` took 11.6 s for 4.3 s, and 28.9 s by tangents alone.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from sparsereg.penalties import ConcavePenalty
from sparsereg.solvers._kernels.gram import gram_features

__all__ = ["descend_concave"]

Array = np.ndarray

_FEW, _EPOCHS = 2, 10  # of coordinate descent on one tangent, at least: after a Newton step, and where it failed
_MAX_SUPPORT = 4000  # weights in a Newton step: its factorisation takes 1 s there
_SHARES = (1.0, 0.7, 0.4, 0.0)  # of the penalty's curvature in a Newton step, the first that is positive definite
_SINGULAR = 1e-10  # pivot of the curvature, in units of that of the columns: below, there is no minimum to step to


def descend_concave(
    G: Array, z: Array, w: Array, penalty: ConcavePenalty, tol: float, max_rounds: int
) -> tuple[Array, int]:
    """Return weights that violate their conditions by `tol` at most, and the number of epochs; ``z`` is the gradient.

    A round whose Newton step failed is followed by longer ones: without it only coordinate descent moves.
    """
    w, z = w.copy(), z.copy()
    everything, epochs, patience, trial = np.arange(len(w)), 0, 0, 0
    for _ in range(max_rounds):
        tangent = penalty.majorizer(w)
        violation = tangent.violation(w, z)
        if violation.max(initial=0.0) <= tol:
            break
        # After a Newton step on the support few columns are left to be moved.
        order = everything if patience else np.flatnonzero(violation > tol)
        batch = max(patience * max(_EPOCHS, int(np.count_nonzero(w)) // 50), _FEW)
        epochs += gram_features(G, z, w, *tangent.kernel_arguments(), order, batch, 0.1 * tol)[0]
        trial = _newton_on_pieces(G, z, w, penalty, max(trial - 1, 0))
        patience = 0 if trial < len(_SHARES) else min(2 * patience + 1, 8)
    return w, epochs


def _newton_on_pieces(G: Array, z: Array, w: Array, penalty: ConcavePenalty, trial: int) -> int:
    """Minimise over the support as if the penalty were one quadratic; update ``w`` and ``z`` if that went down.

    Tried are the shares of the penalty's curvature from number `trial` on. Returns which was used, one beyond the last
    if none went down.
    """
    failed = len(_SHARES)
    A = np.flatnonzero((w > penalty.lower) & (w < penalty.upper) & (w != 0.0))
    if not 0 < len(A) <= _MAX_SUPPORT:
        return failed
    part, old, G_A = penalty.take(A), w[A], G[np.ix_(A, A)]
    if not (G_A.diagonal() > 0.0).all():
        return failed
    sign, unit, bend = np.sign(old), 1.0 / np.sqrt(G_A.diagonal()), part.bend(old)
    slope = z[A] + part.l2 * old + sign * part.slope(old)
    for share in _SHARES[trial:]:
        full = _newton_direction(G_A, part.l2 + share * bend, slope, unit)
        if full is not None:
            break
        trial += 1
    else:
        return failed
    for t in (1.0, 0.5, 0.1):
        new = np.clip(old + t * full, part.lower, part.upper)
        new[new * sign < 0.0] = 0.0
        move = new - old
        gain = z[A] @ move + 0.5 * (move @ (G_A @ move)) + part.value(new) - part.value(old)
        # On the same pieces it is the quadratic that was minimised: it fell, even if by less than rounding.
        if gain < 0.0 or (t == share == 1.0 and part.same_pieces(old, new)):
            w[A] = new
            z += G[:, A] @ move
            return trial
    return failed


def _newton_direction(G: Array, diagonal: Array, slope: Array, unit: Array) -> Array | None:
    """Return ``-(G + diag)^-1 slope``, None where that is not safely positive definite in the given units."""
    system = G * np.outer(unit, unit)
    system[np.diag_indices(len(unit))] += diagonal * unit * unit
    try:
        factor = cho_factor(system, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    if np.diag(factor[0]).min() ** 2 < _SINGULAR:
        return None
    return -unit * cho_solve(factor, unit * slope, check_finite=False)

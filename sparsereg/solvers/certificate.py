r"""Certificate: how far from optimal a point can be at most. Pure functions, by code that did not solve.

For any ``c`` in [0, 1] the scaled gradient ``c g`` is a dual point, and by Fenchel and Young

    P(w) - P* <= sum_i s_i [ f(eta_i) + f*(v_i) - v_i eta_i ]  +  Omega(w) + Omega*(-c z) + c z.w,      v = c g / s

whenever the intercept and the unpenalised weights have gradient zero (they are polished before). Both brackets are
sums of terms >= 0; the first vanishes at ``c = 1``. Where ``Omega*`` is infinite, either ``c`` shrinks until it is
not (needs the conjugate of the loss), or the weights at the optimum are bounded by ``R = P(w) - inf F``:

    P(w) - P* <= Omega(w) + z.w + sum_finite omega*(-z) + R max_infinite (|z_j| / l1_j - 1)+

The smallest that applies is the gap. C. Duenner, S. Forte, M. Takac and M. Jaggi, *Primal-dual rates and
certificates*, ICML 2016, for the bounded form; the others are Fenchel-Rockafellar duality.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsereg.solvers.problem import Problem

__all__ = ["Certificate", "certificate"]

Array = np.ndarray

# Gradients of costless weights below this fraction of the largest null gradient count as polished to zero: projecting
# the dual point orthogonal to their columns would make them so, and move the bound by the square of that.
_POLISHED = 1e-9


class Certificate(NamedTuple):
    """Objective, duality gap (nan: none exists, inf: not yet finite) and violation of the optimality conditions."""

    objective: float
    gap: float
    violation: float
    violations: Array


def certificate(problem: Problem, w: Array, eta: Array, g: Array, z: Array, unit: float = 0.0) -> Certificate:
    """Certify a point.

    Parameters
    ----------
    problem : Problem
    w : ndarray of shape (m,)
        Weights.
    eta, g : ndarray of shape (n_samples,)
        Linear predictor and gradient of the loss part there.
    z : ndarray of shape (m,)
        ``X' g``.
    unit : float, default=0.0
        Largest gradient of the null model: what an unpenalised gradient is measured against.

    Returns
    -------
    Certificate
    """
    penalty = problem.penalty
    violations = penalty.violation(w, z)
    worst = float(violations.max(initial=0.0))
    if problem.fit_intercept:
        worst = max(worst, abs(float(g.sum())))
    cost = penalty.value(w)
    objective = problem.loss_value(eta) + cost
    gap = np.nan
    if penalty.convex:
        gap = _duality_gap(problem, w, eta, g, z, cost, objective, unit)
    return Certificate(objective, gap, worst, violations)


def _duality_gap(
    problem: Problem, w: Array, eta: Array, g: Array, z: Array, cost: float, objective: float, unit: float
) -> float:
    """Return the smallest bound that applies."""
    penalty = problem.penalty
    u = -z
    if penalty.costless is not None:
        u = np.where(penalty.costless & (np.abs(z) <= _POLISHED * unit), 0.0, u)
    conjugate = penalty.conjugate(u)
    if conjugate is None:
        return np.nan
    infinite = np.isinf(conjugate)
    uw = float(u @ w)
    if not infinite.any():
        full = cost + float(conjugate.sum()) - uw
        if not penalty.kinked:
            return max(full, 0.0)
    ratio = penalty.dual_ratio(u)
    if infinite.any():
        excess = float(ratio[infinite].max()) - 1.0
        full = cost - uw + float(conjugate[~infinite].sum())
        full = full + (objective - problem.infimum) * excess if np.isfinite(excess) else np.inf
    largest = float(ratio.max(initial=0.0))
    if largest <= 1.0 or not np.isfinite(largest):
        return max(full, 0.0)
    c = 1.0 / largest
    loss_part = _fenchel_young(problem, eta, g, c)
    if loss_part is None:
        return max(full, 0.0)
    # Just inside: c u must not leave the domain by rounding.
    shrunk = penalty.conjugate(c * (1.0 - 1e-15) * u)
    assert shrunk is not None  # it was not at u
    return max(min(full, loss_part + cost + float(shrunk.sum()) - c * uw), 0.0)


def _fenchel_young(problem: Problem, eta: Array, g: Array, c: float) -> float | None:
    """Return ``sum_i s_i [f(eta) + f*(v) - v eta]`` at ``v = c g / s``, None without a conjugate."""
    loss, s, y = problem.loss, problem.weights, problem.y
    used = s > 0.0
    if not used.all():
        s, y, eta, g = s[used], y[used], eta[used], g[used]
    terms = loss.fenchel_young(y, eta, c * g / s)
    return None if terms is None else max(float(s @ terms), 0.0)

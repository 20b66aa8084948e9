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

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from sparsereg.penalties import BoundPenalty, SeparablePenalty
from sparsereg.solvers.problem import Problem

__all__ = [
    "Certificate",
    "certificate",
    "certificate_of_parts",
    "certificates_of_rows",
    "fenchel_young",
    "polished_gradients",
    "with_intercept",
]

Array = np.ndarray


class Certificate(NamedTuple):
    """Objective and its loss part, duality gap (nan: none exists, inf: not yet finite), violation of the conditions."""

    objective: float
    loss: float
    gap: float
    violation: float
    violations: Array


def certificate(
    problem: Problem, w: Array, eta: Array, g: Array, z: Array, polished: Array | None = None
) -> Certificate:
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
    polished : ndarray of shape (m,), default=None
        Gradients of costless weights that count as zero: what is below `polished_gradients`. Projecting the dual point
        orthogonal to their columns would make them so, and move the bound by the square of that.

    Returns
    -------
    Certificate
    """
    value = problem.loss_value(eta)
    cert = certificate_of_parts(problem, w, z, value, lambda c: fenchel_young(problem, eta, g, c), polished)
    return with_intercept(problem, cert, g)


def certificate_of_parts(
    problem: Problem,
    w: Array,
    z: Array,
    loss_value: float,
    loss_part: Callable[[float], float | None],
    polished: Array | None = None,
) -> Certificate:
    """Certify a point of which all is known that the bounds need, as from a Gram matrix without a look at X.

    ``loss_part(c)`` is ``sum_i s_i [f(eta_i) + f*(v_i) - v_i eta_i]`` at ``v = c g / s``, None without a conjugate.
    """
    penalty = problem.penalty
    violations = penalty.violation(w, z)
    worst = float(violations.max(initial=0.0))
    cost = penalty.value(w)
    objective = loss_value + cost
    gap = np.nan
    if penalty.convex:
        dual = _dual(penalty, _dual_point(penalty, z, polished), w)
        gap = np.nan if dual is None else _gap(dual, loss_part, cost, objective - problem.infimum)
    return Certificate(objective, loss_value, max(gap, 0.0), worst, violations)


def certificates_of_rows(
    penalty: SeparablePenalty,
    W: Array,
    Z: Array,
    loss_values: Array,
    loss_part: Callable[[int, float], float | None],
    infimum: float,
    polished: Array | None = None,
) -> list[Certificate]:
    """Return what `certificate_of_parts` says of several points, the rows of `W` with gradients `Z`.

    `penalty` is that of all weights, row after row. A few sums over all of them take the place of some twenty calls of
    NumPy for each point. ``loss_part(k, c)`` is that of point ``k``.
    """
    w, z = W.ravel(), Z.ravel()
    violations = penalty.violation(w, z).reshape(W.shape)
    costs = penalty.costs(w).reshape(W.shape).sum(axis=1)
    u = _dual_point(penalty, z, None if polished is None else np.tile(polished, len(W)))
    duals = _duals(penalty, u.reshape(W.shape), W)
    assert duals is not None
    points = zip(loss_values.tolist(), costs.tolist(), violations.max(axis=1, initial=0.0).tolist(), strict=True)
    certs = []
    for k, (loss_value, cost, worst) in enumerate(points):
        objective = loss_value + cost
        gap = _gap(duals[k], partial(loss_part, k), cost, objective - infimum)
        certs.append(Certificate(objective, loss_value, max(gap, 0.0), worst, violations[k]))
    return certs


def _dual_point(penalty: BoundPenalty, z: Array, polished: Array | None) -> Array:
    """Return ``-z``, without the gradients of costless weights that count as zero."""
    u = -z
    if penalty.costless is not None and polished is not None:
        low, high = penalty.box
        endless = np.isinf(np.where(u > 0.0, high, low))  # a bound makes the conjugate finite, and small
        u[penalty.costless & endless & (np.abs(z) <= polished)] = 0.0
    return u


def polished_gradients(problem: Problem, g: Array, h: Array, blur: float) -> Array | None:
    """Return the size of gradients that count as polished to zero, per column; None if no column is costless.

    By Cauchy and Schwarz ``sd_j |g|``, with the norm of ``g / s`` in the weights, is the largest gradient that a column
    can have: 1e-9 of that, so the threshold moves with the units of each column. To it comes rounding: that of the
    sum, and that of a linear predictor known to `blur` only. ``g`` and ``h`` are those of the null model.
    """
    costless = problem.penalty.costless
    if costless is None:
        return None

    def norm(v: Array) -> float:
        return float(np.sqrt(np.sum(np.divide(v * v, s, out=np.zeros_like(s), where=s > 0.0))))

    columns, s = np.flatnonzero(costless), problem.weights
    mean, square = problem.design.moments(columns, s, 1.0, problem.fit_intercept)
    polished = np.zeros(problem.design.shape[1])
    rounding = 1e-14 * norm(g) + blur * norm(h)
    polished[columns] = 1e-9 * np.sqrt(square) * norm(g) + np.sqrt(mean * mean + square) * rounding
    return polished


class _Dual(NamedTuple):
    """What the bounds need of a dual point ``u``, summed over its weights.

    ``u.w``; the largest `dual_ratio`; the sum of the conjugates that are finite; by how much the largest ratio of the
    others exceeds one; and the sum of the conjugates once the largest ratio is scaled to one.
    """

    uw: float
    largest: float
    finite: float
    excess: float
    edge: float


def _dual(penalty: BoundPenalty, u: Array, w: Array) -> _Dual | None:
    """Return the sums of one point, None without a conjugate."""
    if penalty.homogeneous:  # as nearly always: all but two of the sums are zero or follow
        largest = float(penalty.dual_ratio(u).max(initial=0.0))
        return _Dual(float(u @ w), largest, 0.0, max(largest - 1.0, 0.0), 0.0)
    duals = _duals(penalty, u[None], w[None])
    return None if duals is None else duals[0]


def _duals(penalty: BoundPenalty, U: Array, W: Array) -> list[_Dual] | None:
    """Return the sums of several points, rows of `U` and `W`, under the penalty of all weights, row after row."""

    def sums(values: Array) -> Array:
        return values.reshape(len(U), -1).sum(axis=1)

    u = U.ravel()
    conjugate = penalty.conjugate(u)
    if conjugate is None:
        return None
    ratio, infinite = penalty.dual_ratio(u).reshape(len(U), -1), np.isinf(conjugate)
    largest, edge = ratio.max(axis=1, initial=0.0), np.zeros(len(U))
    if not penalty.homogeneous and (largest > 1.0).any():
        # Just inside: rounding must not push it out again.
        inside = penalty.conjugate(((1.0 - 1e-15) * U / np.maximum(largest, 1.0)[:, None]).ravel())
        assert inside is not None
        edge = sums(inside)
    finite = sums(np.where(infinite, 0.0, conjugate))
    excess = ratio.max(axis=1, initial=1.0, where=infinite.reshape(ratio.shape)) - 1.0
    return [_Dual(*values) for values in np.column_stack([sums(U * W), largest, finite, excess, edge]).tolist()]


def _gap(dual: _Dual, loss_part: Callable[[float], float | None], cost: float, radius: float) -> float:
    """Return the smallest bound that applies: at ``c = 1``, or at the largest ``c`` whose dual point is feasible."""
    uw, largest, finite, excess, edge = dual
    if not excess < np.inf:
        return np.inf
    # The first form, or, where a conjugate is infinite, the third.
    gap = cost - uw + finite + (radius * excess if excess > 0.0 else 0.0)
    loss_gap = loss_part(1.0 / largest) if 1.0 < largest < np.inf else None
    return gap if loss_gap is None else min(gap, loss_gap + cost + edge - uw / largest)


def with_intercept(problem: Problem, cert: Certificate, g: Array) -> Certificate:
    """Return a certificate whose violation is that of the intercept, too."""
    return cert._replace(violation=max(cert.violation, abs(float(g.sum())))) if problem.fit_intercept else cert


def fenchel_young(problem: Problem, eta: Array, g: Array, c: float) -> float | None:
    """Return ``sum_i s_i [f(eta) + f*(v) - v eta]`` at ``v = c g / s``, None without a conjugate."""
    loss, s, y = problem.loss, problem.weights, problem.y
    used = s > 0.0
    if not used.all():
        s, y, eta, g = s[used], y[used], eta[used], g[used]
    terms = loss.fenchel_young(y, eta, c * g / s)
    return None if terms is None else max(float(s @ terms), 0.0)

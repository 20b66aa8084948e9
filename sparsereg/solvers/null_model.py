"""The block that no penalty touches: intercept and unpenalised columns, minimised by Newton steps.

Alone it is the null model, the start of every fit and the unit of the tolerance; inside the loop it is polished
before every certificate, because a duality gap holds only where these gradients vanish.
"""

from __future__ import annotations

import numpy as np

from sparsereg.solvers.line_search import line_search
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.quadratic import newton_direction

__all__ = ["null_model", "polish", "polish_intercept"]

Array = np.ndarray

_EPS = np.finfo(np.float64).eps


def null_model(problem: Problem) -> tuple[Array, float, Array]:
    """Return ``w, b, eta`` of the best model of intercept and unpenalised columns.

    Where nothing is penalised that would be the answer itself; then it is the intercept alone.
    """
    w, b = np.zeros(problem.design.shape[1]), 0.0
    eta = np.zeros(len(problem.y)) if problem.offset is None else problem.offset.copy()
    return polish(problem, w, b, eta, unpenalised_columns(problem))


def unpenalised_columns(problem: Problem) -> Array:
    """Return the columns without cost and bounds, none if there is no other column."""
    free = problem.penalty.unpenalised
    if free is None or (free | problem.penalty.excluded).all():
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(free)


def polish(
    problem: Problem, w: Array, b: float, eta: Array, columns: Array, max_iter: int = 50
) -> tuple[Array, float, Array]:
    """Minimise over the intercept and some unpenalised columns; the arrays are changed in place and returned."""
    penalty = problem.penalty.take(columns) if len(columns) else None
    l2 = penalty.l2 if penalty else None
    for _ in range(max_iter):
        if problem.fit_intercept:
            shift = polish_intercept(problem, eta)
            b += shift
            eta += shift
        if len(columns) == 0:
            break
        g, h = problem.gradient_hessian(eta)
        old = w[columns]
        z = problem.design.dot(columns, g) + l2 * old
        size = problem.design.dot(columns, np.abs(g))
        if (np.abs(z) <= 16.0 * _EPS * (np.abs(size) + np.abs(z).max())).all():
            break
        h = floored(problem, h)
        d = newton_direction(problem, columns, h, z, l2)
        delta_eta = problem.design.times(columns, d)
        if problem.fit_intercept:
            shift = -float(h @ delta_eta) / float(h.sum())
            delta_eta += shift
        t, gained = line_search(problem, eta, g, delta_eta, lambda t, old=old, d=d: penalty.value(old + t * d))
        if t == 0.0:
            break
        w[columns] += t * d
        eta += t * delta_eta
        if problem.fit_intercept:
            b += t * shift
        if gained <= 0.0 and np.abs(delta_eta).max() <= 1e-13 * (1.0 + np.abs(eta).max()):
            break
    return w, b, eta


def polish_intercept(problem: Problem, eta: Array) -> float:
    """Return the shift ``t`` with ``sum g(eta + t) = 0``: Newton steps, kept inside a bracket that only shrinks."""
    low, high, t = -np.inf, np.inf, 0.0
    for _ in range(100):
        g, h = problem.gradient_hessian(eta + t)
        slope, curvature = float(g.sum()), float(h.sum())
        if abs(slope) <= 4.0 * _EPS * float(np.abs(g).sum()):
            break
        if slope > 0.0:
            high = t
        else:
            low = t
        new = t - slope / curvature if 0.0 < curvature < np.inf else np.nan
        if problem.loss.quadratic:
            return new
        if not low < new < high:
            new = 0.5 * (low + high) if np.isfinite(high - low) else t - np.sign(slope) * (1.0 + abs(t))
        if new == t or abs(new - t) <= _EPS * abs(t):
            break
        t = new
    return t


def floored(problem: Problem, h: Array) -> Array:
    """Return the curvature, no sample below a small share of the largest, so that no direction is flat.

    Huber and squared hinge have samples without curvature; a saturated logistic has next to none.
    """
    if problem.loss.quadratic:
        return h
    s = problem.weights
    largest = np.max(np.divide(h, s, out=np.zeros_like(h), where=s > 0.0))
    if not np.isfinite(largest) or largest <= 0.0:
        largest = 1.0
    return np.maximum(h, problem.loss.curvature_floor * largest * s)

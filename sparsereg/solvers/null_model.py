"""The block that no penalty touches: intercept and unpenalised columns, minimised by Newton steps.

Alone it is the null model, the start of every fit and the unit of the tolerance; inside the loop it is polished
before every certificate, because a duality gap holds only where these gradients vanish.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsereg.solvers.line_search import line_search
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.quadratic import newton_direction

__all__ = ["SWIFT", "Point", "balanced", "floored", "null_model", "polish", "polish_intercept", "unpenalised_columns"]

Array = np.ndarray

_EPS = np.finfo(np.float64).eps
SWIFT = 0.3  # of a gradient or violation, that a whole step leaves at most where it needs no line search


class Point(NamedTuple):
    """Weights, intercept, linear predictor, and first and second derivative of the loss part there."""

    w: Array
    b: float
    eta: Array
    g: Array
    h: Array


def null_model(problem: Problem) -> Point:
    """Return the best model of intercept and unpenalised columns.

    Where nothing is penalised that would be the answer itself; then it is the intercept alone.
    """
    w = np.zeros(problem.design.shape[1])
    eta = np.zeros(len(problem.y)) if problem.offset is None else problem.offset.copy()
    return polish(problem, w, 0.0, eta, unpenalised_columns(problem))


def unpenalised_columns(problem: Problem) -> Array:
    """Return the columns that alpha does not touch and that have no bounds, none if there is no other column."""
    free, excluded = problem.penalty.unpenalised, problem.penalty.excluded
    if free is None or not free.any() or (free if excluded is None else free | excluded).all():
        return problem.design.constants
    return np.flatnonzero(free)


def polish(problem: Problem, w: Array, b: float, eta: Array, columns: Array, max_iter: int = 50) -> Point:
    """Minimise over the intercept and some unpenalised columns; ``w`` and ``eta`` are changed in place."""
    g, h = problem.gradient_hessian(eta)
    for _ in range(max_iter):
        if problem.fit_intercept:
            shift, g, h = polish_intercept(problem, eta, g, h)
            b += shift
            eta += shift
        if len(columns) == 0:
            break
        step = _newton_step(problem, w, eta, g, h, columns)
        if step is None:
            break
        shift, g, h = step
        b += shift
    return Point(w, b, eta, g, h)


def _newton_step(
    problem: Problem, w: Array, eta: Array, g: Array, h: Array, columns: Array
) -> tuple[float, Array, Array] | None:
    """Take one Newton step on some unpenalised columns; None if nothing is left.

    Returns the shift of the intercept and the derivatives there; ``w`` and ``eta`` are changed in place.
    """
    penalty, old = problem.penalty.take(columns), w[columns]
    l2 = problem.coordinates.l2[columns]  # a fixed ridge at most
    z = problem.design.dot(columns, g) + l2 * old
    if (np.abs(z) <= 16.0 * _EPS * np.abs(problem.design.dot(columns, np.abs(g)))).all():
        return None
    h = floored(problem, h)
    d = newton_direction(problem, columns, h, z, l2)
    delta_eta = problem.design.times(columns, d)
    shift = -float(h @ delta_eta) / float(h.sum()) if problem.fit_intercept else 0.0
    delta_eta += shift
    t, (there, h_there) = 1.0, problem.gradient_hessian(eta + delta_eta)
    left = problem.design.dot(columns, there) + l2 * (old + d)
    # A whole step that brings the gradient well down needs no line search, which evaluates the loss twice.
    if not np.abs(left).max() <= SWIFT * np.abs(z).max():
        t = line_search(problem, eta, g, delta_eta, lambda t: penalty.value(old + t * d))
    if t == 0.0 or np.abs(delta_eta).max() <= 1e-15 * (1.0 + np.abs(eta).max()):
        return None
    w[columns] += t * d
    eta += t * delta_eta
    return t * shift, *((there, h_there) if t == 1.0 else problem.gradient_hessian(eta))


def balanced(g: Array, h: Array) -> tuple[Array, Array]:
    """Return the shifts ``t`` with ``sum(g + t h) = 0`` and these, for one vector ``g`` of a quadratic loss or many."""
    t = np.zeros(g.shape[:-1])
    for _ in range(2):  # a long shift leaves its rounding in g, which columns far from zero multiply
        shift = -g.sum(axis=-1) / h.sum(axis=-1)
        t, g = t + shift, g + shift[..., None] * h
    return t, g


def polish_intercept(problem: Problem, eta: Array, g: Array, h: Array) -> tuple[float, Array, Array]:
    """Return the shift ``t`` with ``sum g(eta + t) = 0`` and the derivatives there.

    Newton steps, kept inside a bracket that only shrinks; ``g`` and ``h`` are those at ``eta``.
    """
    if problem.loss.quadratic:
        shift, g = balanced(g, h)
        return float(shift), g, h
    low, high, t, last, limit = -np.inf, np.inf, 0.0, np.inf, 2.0
    for _ in range(400):
        slope, curvature = float(g.sum()), float(h.sum())
        if np.isfinite(slope) and abs(slope) <= 4.0 * _EPS * float(np.abs(g).sum()):
            break
        if slope > 0.0:
            high = t
        else:
            low = t
        step = abs(slope) / curvature if 0.0 < curvature < np.inf else np.inf
        slow = not abs(slope) <= 0.1 * last  # where exp dominates, Newton moves by one per step
        if np.isfinite(high - low):
            new = t - np.sign(slope) * step
            if slow or not low < new < high:
                new = 0.5 * (low + high)
        else:  # no bracket yet: never far beyond what was seen, but twice as far each time
            new = t - np.sign(slope) * (limit if slow and np.isfinite(last) else min(step, limit))
            limit *= 2.0
        last = abs(slope)
        if abs(new - t) <= _EPS * abs(t):
            break
        t = new
        g, h = problem.gradient_hessian(eta + t)
    return t, g, h


def floored(problem: Problem, h: Array, distance: float = 1.0) -> Array:
    """Return the curvature, no sample below a small share of the largest, so that no direction is flat.

    Huber and squared hinge have samples without curvature; a saturated logistic has next to none. The share falls with
    the `distance` to the optimum (violation in units of the null gradient): a floor that stays would make the last
    steps short, and convergence linear.
    """
    if problem.loss.quadratic:
        return h
    s = problem.weights
    largest = float(problem.per_weight(h).max())
    if not 0.0 < largest < np.inf:
        largest = 1.0
    return np.maximum(h, problem.loss.curvature_floor * min(max(distance, 1e-4), 1.0) * largest * s)

r"""FISTA: accelerated proximal gradient, for every penalty that has a prox; the independent reference in tests.

A. Beck and M. Teboulle, *A fast iterative shrinkage-thresholding algorithm*, SIAM J. Imaging Sciences 2 (2009);
adaptive restart by B. O'Donoghue and E. Candes, Foundations of Computational Mathematics 15 (2015).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.solvers.certificate import certificate
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.null_model import polish, unpenalised_columns
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.reference import Reference

__all__ = ["fista"]

Array = np.ndarray

_CHECK = 10  # iterations between two certificates, unless a callback wants each


def fista(
    problem: Problem,
    start: tuple[Array, float] | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Minimise a `Problem` by accelerated proximal gradient steps with backtracking.

    Parameters and result are those of `sparsereg.solvers.solve`; `max_iter` counts gradient steps, and `callback` is
    called after each. The intercept moves by its own Newton step; it has no part in the momentum.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.solvers import Problem, fista
    >>> fista(Problem.from_data(np.eye(3), [3.0, 0.0, 0.1], alpha=0.1, fit_intercept=False)).coef.round(3)
    array([2.7, 0. , 0. ])
    """
    return descend(problem, Reference.of(problem), start, tol, max_iter, callback)


def descend(
    problem: Problem,
    reference: Reference,
    start: tuple[Array, float] | None,
    tol: float,
    max_iter: int,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Minimise a `Problem` whose `Reference` is known, as along a path; see `fista`."""
    journal = Journal(problem, reference, tol, callback, patience=200)
    w, b, eta = journal.start(start)
    free = unpenalised_columns(problem)
    v, b_v, eta_v = w.copy(), b, eta.copy()
    momentum, step = 1.0, _first_step(problem, eta)
    status, iteration, noted = "", 0, 0
    while True:
        if callback is not None or iteration % _CHECK == 0 or iteration >= max_iter:
            trial = polish(problem, w.copy(), b, eta.copy(), free)
            z = problem.design.rmatvec(trial.g)
            cert = certificate(problem, trial.w, trial.eta, trial.g, z, journal.reference.polished)
            status = journal.note(cert, trial.w, trial.b, iteration - noted)
            noted = iteration
            if status or iteration >= max_iter:
                break
        iteration += 1
        new, b_new, eta_new, step = _proximal_step(problem, v, b_v, eta_v, step)
        if ((v - new) @ (new - w)) + (b_v - b_new) * (b_new - b) > 0.0:
            momentum = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum))
        # Momentum needs convexity; without it each step brings the objective down, and what it ends at is stationary.
        beta = (momentum - 1.0) / following if problem.penalty.convex else 0.0
        v, b_v, eta_v = new + beta * (new - w), b_new + beta * (b_new - b), eta_new + beta * (eta_new - eta)
        w, b, eta, momentum = new, b_new, eta_new, following
    journal.n_epochs = iteration
    return journal.solution(trial.w, trial.b, cert, status or "max_iter")


def _first_step(problem: Problem, eta: Array) -> float:
    """Return one over a cautious guess of the curvature, by one power iteration from the largest column."""
    h = problem.gradient_hessian(eta)[1]
    rng = np.random.default_rng(0)
    u = rng.standard_normal(problem.design.shape[1])
    for _ in range(3):
        norm = np.linalg.norm(u)
        if norm == 0.0:
            return 1.0
        u = problem.design.rmatvec(h * problem.design.matvec(u / norm))
    curvature = float(np.linalg.norm(u))
    return 1.0 / curvature if 0.0 < curvature < np.inf else 1.0


def _proximal_step(problem: Problem, v: Array, b: float, eta: Array, step: float) -> tuple[Array, float, Array, float]:
    """Return the point after a step whose quadratic bound holds, and the step, halved as often as that takes."""
    g = problem.gradient_hessian(eta)[0]
    z = problem.design.rmatvec(g)
    slope = float(g.sum()) if problem.fit_intercept else 0.0
    value = problem.loss_value(eta)
    step *= 1.1
    for _ in range(100):
        w = problem.penalty.prox(v - step * z, step)
        b_new = b - step * slope
        eta_new = problem.eta(w, b_new)
        dw, db = w - v, b_new - b
        distance = float(dw @ dw) + db * db
        bound = value + float(z @ dw) + slope * db + distance / (2.0 * step)
        new_value = problem.loss_value(eta_new)
        if new_value <= bound + 1e-15 * abs(value):
            break
        # Close to the optimum both sides are equal to rounding: compare the gradients instead.
        g_new = problem.gradient_hessian(eta_new)[0]
        close = abs(new_value - value) <= 1e-10 * abs(value) and np.isfinite(g_new).all()
        if close and float((g_new - g) @ (eta_new - eta)) <= distance / step:
            break
        step *= 0.5
    return w, b_new, eta_new, step

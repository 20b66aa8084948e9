"""Several starts: a concave penalty has many stationary points, and where one begins decides which is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sparsereg.penalties import ConcavePenalty, SeparablePenalty
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.prox_newton import ProxNewton
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.solve import newton_applies, solve

__all__ = ["solve_from_several"]

Array = np.ndarray
Start = tuple[Array, float]

_STEPS = 20  # strengths on the way down from the null model
_COARSE, _MOST = 1e-4, 100  # tolerance and outer iterations of what is only a start


def solve_from_several(
    problem: Problem,
    start: Start | None = None,
    n_starts: int = 1,
    *,
    tol: float = 1e-6,
    max_iter: int = 100,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Return the best of the solutions from several starts; for a convex penalty one is enough.

    The first is `start`, or the null model; the second the end of a path down to this strength; all others minima of
    lassos whose features have random weights (exponential, from fixed seeds).
    """
    best = solve(problem, start, tol=tol, max_iter=max_iter, callback=callback)
    if not isinstance(problem.penalty, ConcavePenalty) or not newton_applies(problem):
        return best
    for k in range(1, n_starts):
        begin = _along_a_path(problem) if k == 1 else _with_random_weights(problem, k)
        other = solve(problem, begin, tol=tol, max_iter=max_iter, callback=callback)
        if _rank(other) < _rank(best):
            best = other
    return best


def _rank(solution: Solution) -> tuple[bool, float]:
    return not solution.converged, solution.history[-1].objective


def _along_a_path(problem: Problem) -> Start:
    """Go down from where the null model is stationary, each strength from the last."""
    penalty, reference = problem.penalty, Reference.of(problem)
    assert isinstance(penalty, ConcavePenalty)
    top = penalty.null_alpha(reference.gradient)
    start = None
    for factor in np.geomspace(max(top or 1.0, 1.0), 1.0, _STEPS, endpoint=False):
        start = _minimum(problem.under(penalty.times(factor)), reference, start)
    assert start is not None
    return start


def _with_random_weights(problem: Problem, seed: int) -> Start:
    lasso = problem.majorized(np.zeros(problem.design.shape[1])).penalty
    assert isinstance(lasso, SeparablePenalty)
    weights = np.random.default_rng(seed).exponential(size=len(lasso.l1))
    other = problem.under(replace(lasso, l1=weights * lasso.l1))
    return _minimum(other, Reference.of(other), None)


def _minimum(problem: Problem, reference: Reference, start: Start | None) -> Start:
    run = ProxNewton(problem, reference, _COARSE, start)
    run.until(_MOST)
    return run.w, run.b

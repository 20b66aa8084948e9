"""Several starts: a concave penalty has many stationary points, and where one begins decides which is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sparsereg.penalties import ConcavePenalty, SeparablePenalty
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.solve import solve

__all__ = ["solve_from_several"]

Array = np.ndarray
Start = tuple[Array, float]

_STEPS = 20  # strengths on the way down from the null model
_COARSE = 1e-4  # tolerance of what is only a start


def solve_from_several(
    problem: Problem,
    start: Start | None = None,
    n_starts: int = 1,
    *,
    tol: float = 1e-6,
    max_iter: int = 100,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Return the solution with the smallest objective among those from several starts; one is enough if convex.

    The first is `start`, or the null model; the second the end of a path down to this strength; all others minima of
    lassos whose features have random weights (exponential, from fixed seeds).
    """
    best = solve(problem, start, tol=tol, max_iter=max_iter, callback=callback)
    if not isinstance(problem.penalty, ConcavePenalty):
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
    penalty = problem.penalty
    assert isinstance(penalty, ConcavePenalty)
    top = penalty.null_alpha(Reference.of(problem).gradient)
    start = None
    for times in np.geomspace(max(top or 1.0, 1.0), 1.0, _STEPS, endpoint=False):
        stronger = problem.under(replace(penalty, threshold=times * penalty.threshold))
        start = _point(problem, solve(stronger, start, tol=_COARSE))
    assert start is not None
    return start


def _with_random_weights(problem: Problem, seed: int) -> Start:
    lasso = problem.majorized(np.zeros(problem.design.shape[1])).penalty
    assert isinstance(lasso, SeparablePenalty)
    weights = np.random.default_rng(seed).exponential(size=len(lasso.l1))
    other = problem.under(replace(lasso, l1=weights * lasso.l1))
    return _point(problem, solve(other, tol=_COARSE))


def _point(problem: Problem, solution: Solution) -> Start:
    """Return the weights of the occupied columns and the intercept."""
    return problem.occupied(solution), solution.intercept

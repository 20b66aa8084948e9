r"""Paths: one problem at many strengths, from the largest down, each solved from where the last one ended.

Shared along the path: the design, the null model and the units of the tolerance (`Reference`); the point with its
linear predictor, derivatives and gradient on all columns, so that a strength whose working set was forecast right
costs one pass over X, the one that certifies it; for a quadratic loss also the Gram matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sparsereg.penalties import BlockPenalty
from sparsereg.solvers.exact_path import piecewise_linear
from sparsereg.solvers.fista import descend
from sparsereg.solvers.homotopy import Homotopy
from sparsereg.solvers.normal_equations import NormalEquations, normal_equations_pay
from sparsereg.solvers.problem import Problem, Solution
from sparsereg.solvers.prox_newton import ProxNewton
from sparsereg.solvers.quadratic import Stretch
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.screening import Screen
from sparsereg.solvers.solve import newton_applies
from sparsereg.solvers.sweep import Sweep, sweeps
from sparsereg.solvers.verification import Verifier

__all__ = ["alpha_max", "follow_path"]

Array = np.ndarray

_LONG = 10  # strengths: with fewer, neither a screen nor the breakpoints between them pay where X is not read anyway
_LARGE = 2e5  # entries: below, a screen for the gradients costs as much as it saves


def alpha_max(problem: Problem) -> float | None:
    """Return the smallest strength at which the null model is optimal; None where a penalty has no such thing."""
    reference, penalty = Reference.of(problem), problem.at(1.0).penalty
    held = np.zeros(problem.design.shape[1], dtype=bool) if penalty.excluded is None else penalty.excluded.copy()
    held[problem.design.constants] = True
    if held.all():  # there is nothing that could enter
        return 0.0
    top = penalty.null_alpha(reference.gradient)
    return 0.0 if top is not None and reference.perfect else top


def follow_path(
    problem: Problem, alphas: Sequence[float] | Array, *, tol: float = 1e-6, max_iter: int = 100
) -> Iterator[Solution]:
    """Yield the solution at each of some descending strengths.

    Parameters
    ----------
    problem : Problem
        From `Problem.from_data`, at any strength.
    alphas : sequence of float
        Strengths, descending.
    tol : float, default=1e-6
        Relative duality gap at each of them.
    max_iter : int, default=100
        Largest number of outer iterations at each.

    Yields
    ------
    Solution

    Raises
    ------
    ValueError
        If the strengths do not descend.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg.solvers import Problem, follow_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> [len(solution.coef_index) for solution in follow_path(Problem.from_data(X, y), [2.0, 1.0, 0.1])]
    [2, 3, 7]
    """
    if (np.diff(alphas) >= 0.0).any():
        raise ValueError(f"alphas must descend; got {np.asarray(alphas)[:5].tolist()}, the first of {len(alphas)}")
    follow = _newton_path if newton_applies(problem) else _fista_path
    return follow(problem, alphas, tol, max_iter)


def _newton_path(problem: Problem, alphas: Sequence[float] | Array, tol: float, max_iter: int) -> Iterator[Solution]:
    run: ProxNewton | NormalEquations | None = None
    homotopy = Homotopy(*problem.at(1.0).coordinates[:4]) if piecewise_linear(problem) else None
    sweep: Sweep | None = None
    last, k, close = np.inf, 0, False
    while k < len(alphas):
        if run is not None and homotopy is not None:
            ahead = np.asarray(alphas[k:])
            together, close = [], False
            if isinstance(run, NormalEquations):
                together = run.follow(homotopy, last, ahead) if len(alphas) >= _LONG else []
            elif sweep is not None:
                together, close = sweep.follow(run, last, ahead)
            yield from together
            if together:
                k += len(together)
                last = float(alphas[k - 1])
                continue
        alpha = float(alphas[k])
        here = problem.at(alpha)
        if run is None:
            run = _first_run(here, tol, len(alphas))
            if homotopy is not None and sweeps(problem):
                sweep = Sweep(problem, homotopy, Verifier(problem, run.reference, tol))
        elif alpha == 0.0:  # nothing is penalised any more: another null model
            run = ProxNewton(here, run.reference.renewed(here), tol, (run.w, run.b))
        elif close:
            assert isinstance(run, ProxNewton)
            run.go_on(here)
        else:
            stretch = Stretch(homotopy, last, alpha) if homotopy is not None else None
            run.move_to(here, problem.at(max(2.0 * alpha - last, 0.0)).penalty, stretch)
        last, k = alpha, k + 1
        yield run.until(max_iter)


def _first_run(problem: Problem, tol: float, n_strengths: int) -> ProxNewton | NormalEquations:
    reference = Reference.of(problem)
    if normal_equations_pay(problem, n_strengths):
        normal = NormalEquations(problem, reference, tol)
        if normal.accurate:
            return normal
    run = ProxNewton(problem, reference, tol)
    run.screen = _screen(problem, n_strengths)
    return run


def _screen(problem: Problem, n_strengths: int) -> Screen | None:
    """Return a screen for the gradients where it pays: it costs a pass over X, and saves about half of each.

    Of groups, too: the passes of 50 strengths over 2,000 dense ones of 5 to 20 columns take 0.22 s for 0.34, with the
    lengths of their columns; the largest singular value of each is a closer bound and costs as much as it saves.
    """
    design, penalty = problem.design, problem.penalty
    l1 = problem.coordinates.l1
    kinked = l1.any() if penalty.blocks == "features" else isinstance(penalty, BlockPenalty) and not l1.any()
    if not kinked or n_strengths < _LONG or design.entries(design.shape[1]) < _LARGE:
        return None
    norms = design.norms(problem.fit_intercept)
    return None if norms is None else Screen(design, norms, penalty)


def _fista_path(problem: Problem, alphas: Sequence[float] | Array, tol: float, max_iter: int) -> Iterator[Solution]:
    reference = start = None
    for alpha in alphas:
        here = problem.at(alpha)
        if reference is None:
            reference = Reference.of(here)
        elif alpha == 0.0:
            reference = reference.renewed(here)
        solution = descend(here, reference, start, tol, 100 * max_iter)
        start = _occupied(problem, solution), solution.intercept
        yield solution


def _occupied(problem: Problem, solution: Solution) -> Array:
    """Return the weights of the occupied columns."""
    columns, w = problem.design.columns, np.zeros(problem.design.shape[1])
    w[solution.coef_index if columns is None else np.searchsorted(columns, solution.coef_index)] = solution.coef_value
    return w

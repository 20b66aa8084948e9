"""`solve`: the one place that chooses a solver."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.solvers.fista import fista
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.prox_newton import prox_newton

__all__ = ["newton_applies", "solve"]


def solve(
    problem: Problem,
    start: tuple[np.ndarray, float] | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 100,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    r"""Minimise a problem and certify the result.

    Minimises ``sum_i s_i f(y_i, o_i + b + x_i . w) + Omega_alpha(w)`` until the duality gap is at most
    ``tol * (P_null - inf F)``.

    Parameters
    ----------
    problem : Problem
        From `Problem.from_data`.
    start : (w, b), default=None
        Where to begin: weights of the occupied columns and intercept; None begins at the null model.
    tol : float, default=1e-6
        Relative duality gap.
    max_iter : int, default=100
        Largest number of outer iterations (of proximal gradient steps, 100 times as many).
    callback : callable, default=None
        Called with a `Progress` after every outer iteration.

    Returns
    -------
    Solution
        Never raises or warns for lack of convergence: ``Solution.status`` says.

    Notes
    -----
    Loss with curvature and penalty that coordinate descent can express: proximal Newton around the compiled kernels.
    Anything else that has a prox: `fista`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg.solvers import Problem, solve
    >>> X, y = load_diabetes(return_X_y=True)
    >>> solution = solve(Problem.from_data(X, y, alpha=1.0))
    >>> solution.status, solution.coef_index
    ('converged', array([2, 3, 8]))
    >>> bool(solution.gap <= 1e-6 * solution.scale)
    True
    """
    if newton_applies(problem):
        return prox_newton(problem, start, tol=tol, max_iter=max_iter, callback=callback)
    return fista(problem, start, tol=tol, max_iter=100 * max_iter, callback=callback)


def newton_applies(problem: Problem) -> bool:
    """Whether the loss has a curvature and coordinate descent can express the penalty."""
    return problem.separable and problem.loss.curvature != "none"

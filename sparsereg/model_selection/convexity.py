r"""How far down a path of a concave penalty the objective is convex where it matters.

On the features ``A`` in use, the loss has the curvature ``H_A`` and the penalty bends down by at most ``c_j``. While
``H_A - diag(c)`` is positive definite the objective is strictly convex in these weights, so among models with these
features there is one stationary point, and the path can be followed without a jump. ``A`` holds the features of a
strength and of the one before. (P. Breheny and J. Huang, *Coordinate descent algorithms for nonconvex penalized
regression*, Annals of Applied Statistics 5 (2011), section 4.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor

from sparsereg.model_selection.support import linear_predictor, occupied_places
from sparsereg.penalties import ConcavePenalty
from sparsereg.solvers import Problem, Solution

__all__ = ["convex_down_to"]

Array = np.ndarray

_SINGULAR = 1e-12  # squared pivot in units of the columns' curvature


def convex_down_to(
    problems: Sequence[Problem], alphas: Sequence[float], solutions: Sequence[Sequence[Solution]]
) -> float | None:
    """Return the last of descending strengths until which the objective is convex on the support, in every output.

    None if not even the first is.
    """
    ends = [_first_bend(problem, alphas, [at[k] for at in solutions]) for k, problem in enumerate(problems)]
    end = min(ends)
    return float(alphas[end - 1]) if end > 0 else None


def _first_bend(problem: Problem, alphas: Sequence[float], solutions: Sequence[Solution]) -> int:
    """Return the number of the first strength at which one output's objective is not convex, else their number."""
    if not isinstance(problem.at(float(alphas[0])).penalty, ConcavePenalty):
        return len(alphas)
    before = np.empty(0, dtype=np.int64)
    for k, (alpha, solution) in enumerate(zip(alphas, solutions, strict=True)):
        penalty = problem.at(float(alpha)).penalty
        if not isinstance(penalty, ConcavePenalty):  # alpha = 0
            continue
        here = occupied_places(problem, solution.coef_index)
        assert here is not None
        eta = linear_predictor(problem, here, solution.coef_value, solution.intercept)
        if not _positive_definite(problem, np.union1d(before, here), penalty, eta):
            return k
        before = here
    return len(alphas)


def _positive_definite(problem: Problem, places: Array, penalty: ConcavePenalty, eta: Array) -> bool:
    n, k = len(problem.y), len(places)
    if k + problem.fit_intercept > n:
        return False
    if k == 0:
        return True
    G = _curvature(problem, places, eta)
    diagonal = G.diagonal().copy()
    if not (diagonal > 0.0).all():
        return False
    G[np.diag_indices(k)] -= penalty.concavity[places]
    G /= np.sqrt(np.outer(diagonal, diagonal))
    try:
        factor, _ = cho_factor(G, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return False
    return bool(np.diag(factor).min() ** 2 > _SINGULAR)


def _curvature(problem: Problem, places: Array, eta: Array) -> Array:
    """Return the curvature of the loss in some weights, the intercepts minimised out."""
    _, h = problem.gradient_hessian(eta)
    k, constants = len(places), problem.design.constants  # of several classes: intercepts that are columns of ones
    columns = np.concatenate([places, constants])
    mean = problem.design.dot(places, h) / h.sum() if problem.fit_intercept else np.zeros(len(columns))
    G = np.empty((len(columns), len(columns)))
    problem.design.gram(columns, h, mean, 0, G)
    if len(constants):  # singular: softmax does not see a shift of all classes
        G[:k, :k] -= G[:k, k:] @ np.linalg.pinv(G[k:, k:], hermitian=True) @ G[k:, :k]
    return G[:k, :k]

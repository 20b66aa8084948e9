r"""No finite minimum: directions along which the loss falls for ever and nothing stops it.

A direction ``d`` of the unpenalised weights (and the intercept) recedes if no sample's loss ever grows along ``X d``
and some falls: then the objective has an infimum but no minimum. For the logistic loss these are the directions that
separate the classes (A. Albert and J. Anderson, *On the existence of maximum likelihood estimates in logistic
regression models*, Biometrika 71 (1984)); for a Poisson loss, those that lower only samples with target zero.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from sparsereg.solvers.problem import Problem
from sparsereg.solvers.quadratic import newton_direction

__all__ = ["has_no_minimum", "separates"]

Array = np.ndarray

_LARGEST_PROGRAM = 2_000_000  # entries: the linear program stays within seconds
_VANISHED = 1e-6  # of a derivative at most 1 in size: a sample that is as good as lost to a receding direction


def separates(problem: Problem, w: Array, b: float) -> bool:
    """Whether the point itself, as a direction, recedes: complete separation by unpenalised weights."""
    return not problem.loss.quadratic and _recedes(problem, w, b, _free(problem, w))


def _recedes(problem: Problem, w: Array, b: float, free: Array) -> bool:
    if not 0 < np.count_nonzero(w) == np.count_nonzero(w[free]):
        return False
    v = problem.design.matvec(w) + (b if problem.fit_intercept else 0.0)
    used = problem.weights > 0.0
    return problem.loss.recedes(problem.y[used], v[used])


def has_no_minimum(problem: Problem, w: Array, b: float) -> bool:
    """Whether some direction recedes: the point itself, or what a linear program finds.

    The program is asked only where the point is suspicious: a sample that may recede has next to no derivative left.
    """
    if problem.loss.quadratic:  # it falls for ever in no direction
        return False
    free = _free(problem, w)
    if _recedes(problem, w, b, free):
        return True
    bounds = problem.loss.recession(problem.y) if len(free) else None
    if bounds is None:
        return False
    low, high = bounds
    g, _ = problem.loss.gradient_hessian(problem.y, problem.eta(w, b))
    may = (problem.weights > 0.0) & ((low < 0.0) | (high > 0.0))
    if not (may & (np.abs(g) < _VANISHED)).any() or problem.design.entries(len(free)) > _LARGEST_PROGRAM:
        return False
    return _newton_moves(problem, w, b, free) and _program_finds(problem, free, low, high)


def _newton_moves(problem: Problem, w: Array, b: float, free: Array) -> bool:
    """Whether one more Newton step still moves a linear predictor by a tenth; along a receding direction it does.

    These losses are generalised self-concordant: where the step is short, the model holds and a minimum is near (F.
    Bach, *Self-concordant analysis for logistic regression*, Electronic Journal of Statistics 4 (2010)). The question
    costs a Gram matrix where the program took 2 s on 20,000 x 100.
    """
    g, h = problem.gradient_hessian(problem.eta(w, b))
    l2 = np.zeros(len(free))
    d = newton_direction(problem, free, h, problem.design.dot(free, g), l2)
    move = problem.design.times(free, d)
    if problem.fit_intercept:
        move = move - (float(h @ move) + float(g.sum())) / max(float(h.sum()), np.finfo(np.float64).tiny)
    return bool(np.abs(move).max(initial=0.0) > 0.1)


def _free(problem: Problem, w: Array) -> Array:
    """Return the columns without bounds and without cost: also where a concave penalty is flat."""
    costless = problem.penalty.majorizer(w).costless
    if costless is None:
        return np.empty(0, dtype=np.int64)
    columns = np.flatnonzero(costless)
    low, high = (np.broadcast_to(bound, costless.shape)[columns] for bound in problem.penalty.box)
    return columns[np.isinf(low) & np.isinf(high)]


def _program_finds(problem: Problem, free: Array, low: Array, high: Array) -> bool:
    """Maximise the total recession over directions in a unit box: zero if and only if there is none."""
    used = problem.weights > 0.0
    X = sp.csr_array(problem.design.dense_columns(free)[used])
    if problem.fit_intercept:
        X = sp.hstack([X, np.ones((X.shape[0], 1))], format="csr")
    low, high = low[used], high[used]
    held = (low == 0.0) & (high == 0.0)
    sign = np.where(high > 0.0, 1.0, -1.0)
    upward = sp.diags_array(sign) @ X  # each row must be >= 0, the sum as large as possible
    result = linprog(
        -np.asarray(upward[~held].sum(axis=0)).ravel(),
        A_ub=-upward[~held],
        b_ub=np.zeros(int((~held).sum())),
        A_eq=X[held] if held.any() else None,
        b_eq=np.zeros(int(held.sum())) if held.any() else None,
        bounds=(-1.0, 1.0),
        options={"time_limit": 10.0},
    )
    return bool(result.status == 0 and -result.fun > 1e-7 * max(1.0, np.abs(X).max()))

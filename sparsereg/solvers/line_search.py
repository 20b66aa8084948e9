"""Line search along a direction whose effect on the linear predictor is known, so that a trial costs no pass over X."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.solvers.problem import Problem

__all__ = ["line_search"]

Array = np.ndarray

_ARMIJO = 1e-4
_TRIALS = 40


def line_search(problem: Problem, eta: Array, g: Array, delta_eta: Array, cost: Callable[[float], float]) -> float:
    """Return the step, 0.0 if none brings the objective down.

    Parameters
    ----------
    problem : Problem
    eta, g : ndarray of shape (n_samples,)
        Linear predictor, gradient of the loss part.
    delta_eta : ndarray of shape (n_samples,)
        Change of ``eta`` for a unit step.
    cost : callable
        ``cost(t)``: penalty of the weights after a step ``t``.

    Notes
    -----
    Sufficient decrease: ``P(t) - P(0) <= 1e-4 t D`` with ``D = g . delta_eta + cost(1) - cost(0)``, negative by
    convexity (P. Tseng and S. Yun, *A coordinate gradient descent method for nonsmooth separable minimization*,
    Mathematical Programming 117 (2009)). Near the optimum the difference of two objectives is rounding; there a step
    passes if it does not rise by more than that, since the direction itself is still good to many digits.
    """
    start_cost = cost(0.0)
    start = problem.loss_value(eta) + start_cost
    expected = float(g @ delta_eta) + cost(1.0) - start_cost
    # Of a softmax over 18,821 samples with equal predictors the roundings do not cancel; 8 in place of 64 had Newton
    # steps halved there until they no longer moved.
    rounding = 64.0 * np.finfo(np.float64).eps * (abs(start) + abs(start_cost))
    t = 1.0
    for _ in range(_TRIALS):
        change = problem.loss_value(eta + t * delta_eta) + cost(t) - start
        if change <= _ARMIJO * t * expected + rounding:
            return t
        t *= 0.5
    return 0.0

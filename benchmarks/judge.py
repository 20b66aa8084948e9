"""The one certificate for all solvers, ours and the peers: naive numpy, imports nothing that is judged.

    P(w, b) = mean_i f(y_i, x_i . w + b) + alpha * |w|_1
    f(y, eta) = (y - eta)^2 / 2                squared_error
                log(1 + exp(-y eta))           log_loss, y = -1 or 1

The judge ignores a solver's own intercept and takes the best one for its w. The derivatives of the loss at
the rows, g, are then a dual point up to a scale: with c = min(1, n alpha / |X'g|_inf), the gap
P(w, b) + mean_i f*(y_i, c g_i) is at least P(w, b) - min P. It is divided by P_null - inf F, where the null
model has the intercept alone and inf F = 0 for both losses.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy


@dataclass(frozen=True)
class Verdict:
    """What the judge found: the relative duality gap, the objective, the number of nonzero coefficients."""

    gap: float
    objective: float
    n_nonzero: int


def judge(problem, w):
    """Certify coefficients `w`, whatever the solver that made them said."""
    X, y, alpha = problem.X, problem.y, problem.alpha
    if not np.isfinite(w).all():
        return Verdict(np.inf, np.inf, int(np.count_nonzero(w)))
    eta = X @ w
    if problem.fit_intercept:
        eta += best_intercept(problem.loss, y, eta)
    objective = mean_loss(problem.loss, y, eta) + alpha * np.abs(w).sum()
    gradient = loss_gradient(problem.loss, y, eta)
    dual_norm = np.abs(X.T @ gradient).max() / len(y)
    scale = min(1.0, alpha / dual_norm)
    gap = objective + mean_conjugate(problem.loss, y, scale * gradient)
    return Verdict(float(gap / null_objective(problem)), float(objective), int(np.count_nonzero(w)))


def alpha_max(loss, X, y, fit_intercept=True):
    """Return the smallest alpha whose solution is the null model."""
    gradient = loss_gradient(loss, y, null_eta(loss, y, fit_intercept))
    return np.abs(X.T @ gradient).max() / len(y)


def null_objective(problem):
    """Return the objective of the model without features: what all gaps are measured in."""
    return mean_loss(problem.loss, problem.y, null_eta(problem.loss, problem.y, problem.fit_intercept))


def null_eta(loss, y, fit_intercept):
    """Return the linear predictor of the model without features."""
    eta = np.zeros(len(y))
    return eta + best_intercept(loss, y, eta) if fit_intercept else eta


def mean_loss(loss, y, eta):
    """Return mean_i f(y_i, eta_i)."""
    return np.mean((y - eta) ** 2) / 2 if loss == "squared_error" else np.mean(np.logaddexp(0, -y * eta))


def loss_gradient(loss, y, eta):
    """Return f'(y_i, eta_i) for each i (not divided by n)."""
    return eta - y if loss == "squared_error" else -y * expit(-y * eta)


def mean_conjugate(loss, y, v):
    """Return mean_i f*(y_i, v_i), f* the convex conjugate of the loss in eta."""
    if loss == "squared_error":
        return np.mean(v**2 / 2 + v * y)
    t = -y * v
    return np.mean(xlogy(t, t) + xlogy(1 - t, 1 - t))


def best_intercept(loss, y, eta):
    """Return the b that minimises mean_i f(y_i, eta_i + b): Newton's method inside a shrinking bracket."""
    if loss == "squared_error":
        return np.mean(y - eta)
    share = np.mean(y > 0)
    logit = np.log(share / (1 - share))
    low, high = logit - eta.max(), logit - eta.min()  # all the probabilities <= share, all >= share
    b = (low + high) / 2
    for _ in range(100):
        probability = expit(eta + b)
        slope = np.mean(probability) - share
        low, high = (low, b) if slope > 0 else (b, high)
        newton = b - slope / max(np.mean(probability * (1 - probability)), 1e-300)
        step = (newton if low <= newton <= high else (low + high) / 2) - b
        b += step
        if abs(step) <= 1e-15 * max(1.0, abs(b)):
            break
    return b

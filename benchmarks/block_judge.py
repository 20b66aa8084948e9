"""The one certificate for blocks, ours and the peers': naive numpy, imports nothing that is judged.

    P(W, b) = sum_i s_i f(y_i, W' x_i + b) + alpha sum_B k_B |W_B|_2        sum_i s_i = 1
    f(y, eta) = |y - eta|^2 / 2                squared
                exp(eta) - y eta               poisson
                log sum_k exp(eta_k) - y'eta   softmax, y a row of zeros and a one

W has a column for each output, b is free, and the blocks B share out its entries: groups of rows, single rows, single
entries. The judge takes the best b for W, G the derivatives of the losses at the rows, and c the smaller of 1 and
alpha min_B k_B / |(X'SG)_B|_2: c G is a dual point, and P(W, b) + sum_i s_i f*(y_i, c G_i) is at least P(W, b) - min P.
That gap is divided by P_null - inf F, with the intercepts alone and inf F the sum of the least losses (0, but for
poisson).
"""

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax, xlogy


def judge(problem, alpha, W):
    """Return the relative duality gap, the objective and the number of nonzero entries of the weights."""
    verdict = {"gap": np.inf, "objective": np.inf, "n_nonzero": int(np.count_nonzero(W))}
    if not np.isfinite(W).all():
        return verdict
    eta = problem.X @ W
    eta += best_intercept(problem, eta)
    G = loss_gradient(problem, eta)
    scale = min(1.0, alpha / dual_norm(problem, G))
    objective = mean_loss(problem, eta) + alpha * np.sum(problem.weights * block_norms(problem, W))
    gap = (objective + mean_conjugate(problem, scale * G)) / null_deviance(problem)
    return verdict | {"gap": float(gap), "objective": float(objective)}


def alpha_max(problem):
    """Return the smallest alpha whose solution is the model of intercepts."""
    return dual_norm(problem, loss_gradient(problem, null_eta(problem)))


def block_norms(problem, W):
    """Return the norm of each block of W."""
    return np.sqrt(np.bincount(problem.labels.ravel(), W.ravel() ** 2))


def dual_norm(problem, G):
    """Return max_B |(X'SG)_B|_2 / k_B."""
    return np.max(block_norms(problem, problem.X.T @ (problem.s[:, None] * G)) / problem.weights)


def null_deviance(problem):
    """Return P_null - inf F."""
    Y = problem.Y
    least = np.sum(problem.s[:, None] * (Y - xlogy(Y, Y))) if problem.loss == "poisson" else 0.0
    return mean_loss(problem, null_eta(problem)) - least


def null_eta(problem):
    """Return the linear predictors of the model of intercepts."""
    eta = np.zeros_like(problem.Y)
    return eta + best_intercept(problem, eta)


def mean_loss(problem, eta):
    """Return sum_i s_i f(y_i, eta_i)."""
    Y = problem.Y
    if problem.loss == "squared":
        losses = np.sum((Y - eta) ** 2, axis=1) / 2
    elif problem.loss == "poisson":
        losses = np.sum(np.exp(eta) - Y * eta, axis=1)
    else:
        losses = logsumexp(eta, axis=1) - np.sum(Y * eta, axis=1)
    return problem.s @ losses


def loss_gradient(problem, eta):
    """Return f'(y_i, eta_i) for each i, a row each (not times s_i)."""
    mean = {"squared": np.array, "poisson": np.exp, "softmax": lambda eta: softmax(eta, axis=1)}[problem.loss]
    return mean(eta) - problem.Y


def mean_conjugate(problem, V):
    """Return sum_i s_i f*(y_i, V_i), f* the convex conjugate of the loss in eta."""
    Y = problem.Y
    if problem.loss == "squared":
        terms = V**2 / 2 + V * Y
    else:
        means = np.maximum(V + Y, 0.0)  # rounding may take it below
        terms = xlogy(means, means) - (means if problem.loss == "poisson" else 0.0)
    return problem.s @ terms.sum(axis=1)


def best_intercept(problem, eta):
    """Return the b that minimises sum_i s_i f(y_i, eta_i + b)."""
    s, Y = problem.s, problem.Y
    if problem.loss == "squared":
        return s @ (Y - eta)
    if problem.loss == "poisson":
        return np.log(s @ Y) - np.log(s @ np.exp(eta))
    return best_softmax_intercept(s, Y, eta)


def best_softmax_intercept(s, Y, eta):
    """Return it by Newton's method, halving steps that do not descend; classes may be shifted together."""
    shares = s @ Y
    b = np.log(shares) - np.log(s @ softmax(eta, axis=1))

    def value(b):
        return -s @ np.sum(Y * log_softmax(eta + b, axis=1), axis=1)

    for _ in range(50):
        P = softmax(eta + b, axis=1)
        gradient = s @ P - shares
        if np.abs(gradient).max() < 1e-12:
            break
        hessian = np.diag(s @ P) - P.T @ (s[:, None] * P) + 1 / len(b)  # all ones: fixes the common shift
        step, size, now = np.linalg.solve(hessian, gradient), 1.0, value(b)
        while size > 1e-4 and value(b - size * step) > now + 1e-15 * abs(now):
            size /= 2
        b = b - size * step
    return b

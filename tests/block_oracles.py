"""The independent judge of penalties on blocks and of several outputs, in plain float64 numpy, as `oracles`.

    minimise over V    P(V) = F(o + A V') + Omega(V),      F(T) = (1 / total) sum_i s_i loss(Y_i, T_i)
    Omega(v) = sum_g norm_g |v_g| + sum_j l1_j |v_j| + l2_j/2 v_j^2 + box(lower_j <= v_j <= upper_j)

with a row of V for each output (task, class), a column of A for the intercept and one for each feature, scaled and
centred by hand. ``v`` is V written out row by row; a block is a list of positions in it. Bounds are 0 or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import oracles
from oracles import RADIUS, soft_threshold
from scipy.special import logsumexp, softmax, xlogy

# --- Losses of a sample with several predictors


class PerOutput:
    """The sum over the outputs of a loss of one."""

    def __init__(self, loss):
        self.loss = loss

    def value(self, Y, T):
        return self.loss.value(Y, T).sum(axis=1)

    def gradient(self, Y, T):
        return self.loss.gradient(Y, T)

    def hessian(self, Y, T):
        return self.loss.hessian(Y, T)[:, :, None] * np.eye(Y.shape[1])

    def conjugate(self, Y, U):
        return self.loss.conjugate(Y, U).sum(axis=1)

    def infimum(self, Y):
        return self.loss.infimum(Y).sum(axis=1)


class Softmax:
    def value(self, Y, T):
        return logsumexp(T, axis=1) - (Y * T).sum(axis=1)

    def gradient(self, Y, T):
        return softmax(T, axis=1) - Y

    def hessian(self, Y, T):
        p = softmax(T, axis=1)
        return p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]

    def conjugate(self, Y, U):
        t = oracles.within(Y + U, 0, np.inf)
        outside = np.isnan(t).any(axis=1) | (np.abs(U.sum(axis=1)) > 1e-9)
        return np.where(outside, np.inf, xlogy(t, t).sum(axis=1))

    def infimum(self, Y):
        return -xlogy(Y, Y).sum(axis=1)


def make_loss(name, **parameters):
    return Softmax() if name == "softmax" else PerOutput(oracles.make_loss(name, **parameters))


# --- The penalty


@dataclass(frozen=True)
class BlockPenalty:
    blocks: list  # of arrays of positions; every position in exactly one
    norm: np.ndarray  # per block
    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def value(self, v):
        if ((v < self.lower) | (v > self.upper)).any():
            return np.inf
        norms = sum(k * np.linalg.norm(v[g]) for g, k in zip(self.blocks, self.norm, strict=True))
        return norms + (self.l1 * np.abs(v) + self.l2 / 2 * v**2).sum()

    def pull(self, u):
        """What absolute values and bounds leave of a pull on coordinates at zero."""
        u = np.where((u > 0) & (self.upper == 0) | (u < 0) & (self.lower == 0), 0, u)
        return soft_threshold(u, self.l1)

    def prox(self, v, step):
        """In a block with one l2: soft threshold, then shrink the norm, then divide (Simon et al. 2013)."""
        scaled = BlockPenalty(self.blocks, self.norm, step * self.l1, self.l2, self.lower, self.upper)
        x = scaled.pull(v)
        for g, k in zip(self.blocks, self.norm, strict=True):
            size = np.linalg.norm(x[g])
            x[g] *= max(0, 1 - step * k / size) if size > 0 else 0
        return x / (1 + step * self.l2)

    def conjugate(self, u):
        """Per block ``sup_x u.x - pen(x)``, for one l2 in a block: (|pull| - norm)+^2 / (2 l2)."""
        out = np.zeros(len(self.blocks))
        for k, g in enumerate(self.blocks):
            assert np.ptp(self.l2[g]) <= 1e-12 * self.l2[g].max()
            excess = np.linalg.norm(self.pull(u)[g]) - self.norm[k]
            if excess > 0:
                out[k] = excess**2 / (2 * self.l2[g][0]) if self.l2[g][0] > 0 else np.inf
        return out

    def dual_ratio(self, u):
        """Per block the smallest r with |pull(u / r)| <= norm, by bisection on its logarithm; inf if there is none."""

        def inside(logarithm):
            pull = self.pull(u / np.exp(logarithm)[self.of])
            return np.sqrt(np.bincount(self.of, pull**2)) <= self.norm

        low, high = np.full(len(self.blocks), -300.0), np.full(len(self.blocks), 300.0)
        never, always = ~inside(high), inside(low)
        for _ in range(65):
            middle = (low + high) / 2
            good = inside(middle)
            low, high = np.where(good, low, middle), np.where(good, middle, high)
        return np.where(always, 0.0, np.where(never, np.inf, np.exp(high)))

    def violation(self, v, z):
        """Per block the distance of -z to the subdifferential at v, the normal cone of the signs included."""
        out = np.zeros(len(self.blocks))
        for k, g in enumerate(self.blocks):
            size = np.linalg.norm(v[g])
            along = (self.norm[k] / size if size > 0 else 0) + self.l2[g]
            slope = z[g] + along * v[g]
            part = BlockPenalty([], None, self.l1[g], None, self.lower[g], self.upper[g])
            rest = np.where(v[g] == 0, part.pull(-slope), slope + np.sign(v[g]) * self.l1[g])
            distance = np.linalg.norm(rest)
            out[k] = distance if size > 0 else max(0, distance - self.norm[k])
        return out

    @cached_property
    def of(self):
        """The number of the block of each position."""
        of = np.empty(len(self.l1), int)
        for k, g in enumerate(self.blocks):
            of[g] = k
        return of


# --- The problem, written out


@dataclass(frozen=True)
class Reference:
    loss: object
    A: np.ndarray
    Y: np.ndarray
    s: np.ndarray
    o: np.ndarray
    total: float
    penalty: BlockPenalty
    mean: np.ndarray
    unit: np.ndarray
    fit_intercept: bool

    @property
    def shape(self):
        return self.Y.shape[1], self.A.shape[1]

    def pack(self, coef, intercept=0.0):
        """v of weights (n_outputs, n_features) and intercepts (n_outputs,), in the units of X."""
        W = np.reshape(coef, (self.shape[0], -1))
        if not self.fit_intercept:
            return (self.unit * W).ravel()
        return np.column_stack([intercept + W @ self.mean, self.unit * W]).ravel()

    def eta(self, v):
        return self.o + self.A @ v.reshape(self.shape).T

    def smooth(self, v):
        return self.s @ self.loss.value(self.Y, self.eta(v)) / self.total

    def objective(self, v):
        return self.smooth(v) + self.penalty.value(v)

    def dual_point(self, v):
        return self.s[:, None] * self.loss.gradient(self.Y, self.eta(v)) / self.total

    def gradient(self, v):
        return (self.A.T @ self.dual_point(v)).T.ravel()

    def hessian(self, v, moving, floor=0.0):
        """The second derivative of F in some coordinates."""
        H = self.loss.hessian(self.Y, self.eta(v))
        if floor:
            H = np.maximum(H, floor * np.eye(self.shape[0]))
        output, column = np.divmod(np.flatnonzero(moving), self.shape[1])
        A = self.A[:, column]
        return np.einsum("i,iab,ia,ib->ab", self.s / self.total, H[:, output][:, :, output], A, A)

    def infimum(self):
        return self.s @ self.loss.infimum(self.Y) / self.total

    def violation(self, v):
        return self.penalty.violation(v, self.gradient(v))

    @property
    def kinkless(self):
        pen = self.penalty
        return (pen.norm[pen.of] == 0) & (pen.l1 == 0)

    def free(self, v):
        """Coordinates that nothing holds at v."""
        return self.kinkless & (self.penalty.l2 == 0) & (self.penalty.lower < v) & (v < self.penalty.upper)

    @property
    def untouched(self):
        """By alpha and without bounds: the null model has these, or, if that is all there is, the intercepts."""
        pen = self.penalty
        free = self.kinkless & (pen.l2 == 0) & np.isinf(pen.lower) & np.isinf(pen.upper)
        held = (pen.lower == 0) & (pen.upper == 0)
        if (free | held).all():
            free = np.zeros(self.shape, bool)
            free[:, : int(self.fit_intercept)] = True
        return free.ravel()


def reference(
    X,
    Y,
    loss,
    kind,
    alpha=1.0,
    *,
    groups=None,
    weights=None,
    l1_ratio=0.5,
    l2=0.0,
    sample_weight=None,
    offset=None,
    fit_intercept=True,
    standardize=False,
    penalty_factor=None,
    lower=None,
    upper=None,
):
    """Write the problem out. Y (n, K); `groups` lists of features; `kind` group, sparse_group, rows or elasticnet."""
    X, Y = np.asarray(X, float), np.asarray(Y, float)
    (n, p), K = X.shape, Y.shape[1]
    s = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float)
    total = s.sum()
    factor = np.broadcast_to(1.0 if penalty_factor is None else np.asarray(penalty_factor, float), p).copy()
    mean, unit = np.zeros(p), np.ones(p)
    if standardize:
        constant = np.ptp(X[s > 0], axis=0) == 0
        centre = s @ X / total
        unit = np.where(constant, 1, np.sqrt(s @ (X - centre) ** 2 / total))
        mean = centre if fit_intercept else mean
        factor[constant] = np.inf
    A = (X - mean) / unit
    A = np.c_[np.ones(n), A] if fit_intercept else A
    penalty = _penalty(kind, alpha, K, factor, groups, weights, l1_ratio, l2, (lower, upper), int(fit_intercept))
    o = np.zeros((n, K)) if offset is None else np.asarray(offset, float).reshape(n, -1) * np.ones((n, K))
    return Reference(loss, A, Y, s, o, total, penalty, mean, unit, fit_intercept)


def _penalty(kind, alpha, K, factor, groups, weights, l1_ratio, l2, bounds, first):
    p = len(factor)
    q = p + first
    excluded, f = np.isinf(factor), np.where(np.isinf(factor), 0, factor)
    groups = [[j] for j in range(p)] if groups is None or kind not in ("group", "sparse_group") else groups
    weights = [np.sqrt(len(g)) for g in groups] if weights is None else weights
    shares = {  # norms, absolute values, squares per unit of alpha
        "group": (1, 0, l2),
        "sparse_group": (1 - l1_ratio, l1_ratio, 0),
        "rows": (l1_ratio, 0, 1 - l1_ratio),
        "elasticnet": (0, l1_ratio, 1 - l1_ratio),
    }[kind]
    position = first + np.arange(p) + q * np.arange(K)[:, None]  # of output and feature
    blocks, norm = [], []
    for g, k in zip(groups, weights, strict=True):
        inside = [j for j in g if not excluded[j]]
        if kind == "rows":
            assert len(g) == 1
            parts = [position[:, inside].ravel()]
        else:
            parts = [position[k_out, inside] for k_out in range(K)]
        for part in parts:
            strength = shares[0] * alpha * (f[inside[0]] if inside else 0) * (1 if kind == "rows" else k)
            if len(part) and strength > 0:
                blocks.append(part)
                norm.append(strength)
    taken = {i for block in blocks for i in block.tolist()}
    alone = [np.array([i]) for i in range(K * q) if i not in taken]
    l1, ridge = np.zeros((K, q)), np.zeros((K, q))
    l1[:, first:], ridge[:, first:] = shares[1] * alpha * f, shares[2] * alpha * f
    low, high = np.full((K, q), -np.inf), np.full((K, q), np.inf)
    for box, given in ((low, bounds[0]), (high, bounds[1])):
        if given is not None:
            box[:, first:] = given
        box[:, first:][:, excluded] = 0
    return BlockPenalty(
        blocks + alone, np.array(norm + [0.0] * len(alone)), l1.ravel(), ridge.ravel(), low.ravel(), high.ravel()
    )


# --- Certificates


def gap(problem, v):
    """An upper bound on P(v) - P*: what polishing the free coordinates gains, and the best bound after it."""
    polished = newton(problem, v, problem.free(v))
    bounds = gap_bounds(problem, polished)
    return problem.objective(v) - problem.objective(polished) + min(bounds.values())


def gap_bounds(problem, v):
    """Upper bounds on P(v) - P* by the form they take: the three of `oracles.gap_bounds`, block by block."""
    pen, z, free = problem.penalty, problem.gradient(v), problem.free(v)
    u = np.where(free, 0, -z)
    loose = (np.abs(z) * RADIUS * (1 + np.abs(v)))[free].sum() - (z * v)[free].sum()
    paid, base = pen.conjugate(u), pen.value(v) + z @ v + loose
    ratio = pen.dual_ratio(u)
    infinite = np.isinf(paid)
    excess = ratio[infinite].max(initial=1) - 1
    # An infinite block: u.v* <= ratio pen(v*), and the sum of all pen(v*) is at most P(v) - inf F.
    radius = problem.objective(v) - problem.infimum()
    return {
        "penalty": base + paid.sum(),
        "infimum": base + paid[~infinite].sum() + (excess * radius if infinite.any() else 0),
        "loss": _loss_bound(problem, v, free),
    }


def _loss_bound(problem, v, free):
    """P(v) + F*(c U) + Omega*(-c A'U): U is the gradient less its part along the free columns, c makes it feasible."""
    pen, G, root = problem.penalty, problem.dual_point(v), np.sqrt(problem.s)
    by_output = free.reshape(problem.shape)
    U = np.empty_like(G)
    for k, columns in enumerate(by_output):
        F = root[:, None] * problem.A[:, columns]
        along = np.linalg.lstsq(F, G[:, k] / np.where(root > 0, root, 1), rcond=None)[0]
        U[:, k] = G[:, k] - root * (F @ along)
    z = (problem.A.T @ U).T.ravel()
    ratio = pen.dual_ratio(np.where(free, 0, -z))
    best = np.inf
    infinite = np.isinf(pen.conjugate(np.where(free, 0, -z)))
    used, s = problem.s > 0, problem.s[problem.s > 0]
    for largest in {ratio.max(), ratio[infinite].max(initial=0)}:
        scaled = min(1.0, 1 / max(largest, 1e-300)) * (1 - 1e-14)
        conjugate = problem.loss.conjugate(problem.Y[used], problem.total * scaled * U[used] / s[:, None])
        loose = (np.abs(scaled * z) * RADIUS * (1 + np.abs(v)))[free].sum()
        paid = pen.conjugate(np.where(free, 0, -scaled * z)).sum() + loose
        best = min(best, problem.objective(v) + s @ conjugate / problem.total - scaled * np.sum(U * problem.o) + paid)
    return best


def null_point(problem):
    return newton(problem, np.zeros(len(problem.penalty.l1)), problem.untouched)


def scale(problem):
    return problem.objective(null_point(problem)) - problem.infimum()


def null_alpha(problem, alpha):
    """The smallest strength at which every block with a kink is zero; `problem` was made with `alpha`."""
    pen = problem.penalty
    u = np.where(problem.untouched, 0, -problem.gradient(null_point(problem)))
    return alpha * pen.dual_ratio(u).max(initial=0)


# --- Solvers


def newton(problem, v, moving, max_iter=60):
    """Minimise F over coordinates that the penalty leaves alone; steps are halved until the slope falls."""
    if not moving.any():
        return v
    for _ in range(max_iter):
        slope = problem.gradient(v)[moving]
        if np.abs(slope).max() == 0:
            break
        for floor in (0.0, 2.0):  # Huber and squared hinge have flat samples: 2 bounds their curvature
            H = problem.hessian(v, moving, floor)
            direction = np.zeros_like(v)
            direction[moving] = -np.linalg.lstsq(H, slope, rcond=1e-12)[0]
            better = _search(problem, v, direction, np.abs(slope).max(), moving)
            if better is not None:
                break
        else:
            break
        v = better
    return v


def _search(problem, v, direction, size, moving):
    before = problem.smooth(v)
    for halvings in range(30):
        after = v + 0.5**halvings * direction
        inside = (after >= problem.penalty.lower) & (after <= problem.penalty.upper)
        with np.errstate(over="ignore", invalid="ignore"):
            change = problem.smooth(after) - before
            smaller = np.abs(problem.gradient(after)[moving]).max() < size
        if inside.all() and smaller and change <= 1e-14 * abs(before):
            return after
    return None


def minimise(problem, steps=3000, tol=1e-9):
    """Accelerated proximal gradient with restart, until gap <= tol * scale."""
    v = ahead = null_point(problem)
    momentum, step, target = 1.0, 1.0, tol * scale(problem)
    for k in range(steps):
        if k % 50 == 0 and gap(problem, v) <= target:
            break
        new, step = _proximal_step(problem, ahead, step * 1.3)
        if (ahead - new) @ (new - v) > 0:
            new, step = _proximal_step(problem, v, step)
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - v)
        v, momentum = new, following
    return v


def _proximal_step(problem, v, step):
    gradient, value = problem.gradient(v), problem.smooth(v)
    while True:
        new = problem.penalty.prox(v - step * gradient, step)
        move = new - v
        with np.errstate(over="ignore", invalid="ignore"):
            if problem.smooth(new) <= value + gradient @ move + move @ move / (2 * step) + 1e-15 * abs(value):
                return new, step
        step /= 2

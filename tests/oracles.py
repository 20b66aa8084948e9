"""The independent judge: objective, certificates and a slow sure solver, in plain float64 numpy.

Nothing is imported from sparsereg, so that an error there cannot hide here. Everything is dense and explicit:
the intercept is a column of ones, standardised features are a scaled copy of X. What the package does lazily
is done here by writing it out.

    minimise over v    P(v) = F(A v) + sum_j pen_j(v_j)
    F(t) = (1 / total) sum_i s_i loss(y_i, o_i + t_i)
    pen_j(v) = l1_j |v| + l2_j/2 v^2 + box(lower_j <= v <= upper_j)

For any u, P* >= -F*(u) - sum_j pen_j*(-a_j.u). The bounds on P(v) - P* start from u = g, the gradient of F at
A v, with z = A'g.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, xlogy

EDGE = 1e-12  # a dual point this far outside the domain of a conjugate is rounding: it is moved back in
RADIUS = 1e3  # where no bound on a coordinate follows from the problem: |v*_j - v_j| <= RADIUS (1 + |v_j|)


# --- Losses of one sample as functions of eta, their conjugates of v, and their infima


@dataclass(frozen=True)
class Loss:
    value: Callable
    gradient: Callable
    hessian: Callable
    conjugate: Callable
    infimum: Callable


def squared_error():
    return Loss(
        value=lambda y, eta: (y - eta) ** 2 / 2,
        gradient=lambda y, eta: eta - y,
        hessian=lambda y, eta: np.ones_like(eta),
        conjugate=lambda y, v: v**2 / 2 + v * y,
        infimum=np.zeros_like,
    )


def log_loss():
    def conjugate(y, v):
        mu = within(v + y, 0, 1)
        return np.where(np.isnan(mu), np.inf, xlogy(mu, mu) + xlogy(1 - mu, 1 - mu))

    return Loss(
        value=lambda y, eta: np.logaddexp(0, eta) - y * eta,
        gradient=lambda y, eta: expit(eta) - y,
        hessian=lambda y, eta: expit(eta) * expit(-eta),
        conjugate=conjugate,
        infimum=lambda y: -xlogy(y, y) - xlogy(1 - y, 1 - y),
    )


def poisson():
    def conjugate(y, v):
        mu = within(v + y, 0, np.inf)
        return np.where(np.isnan(mu), np.inf, xlogy(mu, mu) - mu)

    return Loss(
        value=lambda y, eta: np.exp(eta) - y * eta,
        gradient=lambda y, eta: np.exp(eta) - y,
        hessian=lambda y, eta: np.exp(eta),
        conjugate=conjugate,
        infimum=lambda y: y - xlogy(y, y),
    )


def gamma():
    def conjugate(y, v):
        ratio = within(1 - v, 0, np.inf)
        return np.where(np.isnan(ratio), np.inf, xlogy(ratio, ratio / y) - ratio)

    return Loss(
        value=lambda y, eta: y * np.exp(-eta) + eta,
        gradient=lambda y, eta: 1 - y * np.exp(-eta),
        hessian=lambda y, eta: y * np.exp(-eta),
        conjugate=conjugate,
        infimum=lambda y: 1 + np.log(y),
    )


def tweedie(power):
    if power in (1, 2):
        return poisson() if power == 1 else gamma()
    a, b = 1 - power, 2 - power

    def value(y, eta):
        return np.exp(b * eta) / b - y * np.exp(a * eta) / a

    def gradient(y, eta):
        return np.exp(b * eta) - y * np.exp(a * eta)

    def conjugate(y, v):
        """No closed form: gradient(y, eta) = v is solved by bisection."""
        y, v = np.broadcast_arrays(y, v)
        low, high = np.full(v.shape, -40 / min(-a, b)), np.full(v.shape, 40 / min(-a, b))
        for _ in range(80):
            middle = (low + high) / 2
            below = gradient(y, middle) < v
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.where((y == 0) & (v < -EDGE), np.inf, v * low - value(y, low))

    return Loss(
        value=value,
        gradient=gradient,
        hessian=lambda y, eta: b * np.exp(b * eta) - a * y * np.exp(a * eta),
        conjugate=conjugate,
        infimum=lambda y: y**b * (1 / b - 1 / a),
    )


def huber(delta):
    def conjugate(y, v):
        v = within(v, -delta, delta)
        return np.where(np.isnan(v), np.inf, v**2 / 2 + v * y)

    def value(y, eta):
        r = np.abs(y - eta)
        return np.where(r <= delta, r**2 / 2, delta * r - delta**2 / 2)

    return Loss(
        value=value,
        gradient=lambda y, eta: np.clip(eta - y, -delta, delta),
        hessian=lambda y, eta: (np.abs(y - eta) <= delta) * 1.0,
        conjugate=conjugate,
        infimum=np.zeros_like,
    )


def squared_hinge():
    def conjugate(y, v):
        pull = within(-(2 * y - 1) * v, 0, np.inf)
        return np.where(np.isnan(pull), np.inf, pull**2 / 4 - pull)

    return Loss(
        value=lambda y, eta: np.maximum(0, 1 - (2 * y - 1) * eta) ** 2,
        gradient=lambda y, eta: -2 * (2 * y - 1) * np.maximum(0, 1 - (2 * y - 1) * eta),
        hessian=lambda y, eta: 2.0 * ((2 * y - 1) * eta < 1),
        conjugate=conjugate,
        infimum=np.zeros_like,
    )


def make_loss(name, *, power=1.5, delta=1.35):
    """The loss of this name; power and delta are read by "tweedie" and "huber" only."""
    parameters = {"tweedie": (power,), "huber": (delta,)}.get(name, ())
    known = (squared_error, log_loss, poisson, gamma, tweedie, huber, squared_hinge)
    return {make.__name__: make for make in known}[name](*parameters)


def within(x, low, high):
    """`x` moved into [low, high] where it is outside by rounding only, nan where it is really outside."""
    return np.where((x < low - EDGE) | (x > high + EDGE), np.nan, np.clip(x, low, high))


# --- The separable penalty, per coordinate


@dataclass(frozen=True)
class Penalty:
    l1: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def value(self, v):
        inside = (self.lower <= v) & (v <= self.upper)
        return np.where(inside, self.l1 * np.abs(v) + self.l2 / 2 * v**2, np.inf)

    def prox(self, v, step):
        """argmin over x of 1/2 (x - v)^2 + step pen(x): in one dimension, the box clips the free minimum."""
        return np.clip(soft_threshold(v, step * self.l1) / (1 + step * self.l2), self.lower, self.upper)

    def maximizer(self, u):
        """A maximiser of u x - pen(x); infinite where the supremum is."""
        excess = soft_threshold(u, self.l1)
        with np.errstate(divide="ignore", invalid="ignore"):
            free = np.where(excess == 0, 0.0, excess / self.l2)
        return np.clip(free, self.lower, self.upper)

    def conjugate(self, u):
        x = self.maximizer(u)
        finite = np.where(np.isfinite(x), x, 0)
        return np.where(np.isfinite(x), u * finite - self.value(finite), np.inf)

    def violation(self, v, z):
        """Distance of -z to the subdifferential at v, the normal cone of the box included."""
        slope = self.l1 * np.sign(v) + self.l2 * v
        low = np.where(v == 0, -self.l1, slope)
        high = np.where(v == 0, self.l1, slope)
        low = np.where(v <= self.lower, -np.inf, low)
        high = np.where(v >= self.upper, np.inf, high)
        outside = (v < self.lower) | (v > self.upper)
        return np.where(outside, np.inf, np.maximum(0, np.maximum(low + z, -z - high)))


@dataclass(frozen=True)
class Concave:
    """MCP or SCAD by their integrals and slopes as printed in the papers; `threshold` lambda_j."""

    name: str
    gamma: float
    threshold: np.ndarray
    l2: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def cost(self, v):
        t, lam, gamma = np.abs(v), self.threshold, self.gamma
        if self.name == "mcp":  # Zhang (2010), equation 2.1
            return np.where(t <= gamma * lam, lam * t - t**2 / (2 * gamma), gamma * lam**2 / 2)
        middle = (2 * gamma * lam * t - t**2 - lam**2) / (2 * (gamma - 1))  # Fan and Li (2001), equation 2.8
        return np.where(t <= lam, lam * t, np.where(t <= gamma * lam, middle, lam**2 * (gamma + 1) / 2))

    def slope(self, v):
        t, lam, gamma = np.abs(v), self.threshold, self.gamma
        if self.name == "mcp":
            return np.maximum(lam - t / gamma, 0)
        return np.where(t <= lam, lam, np.maximum(gamma * lam - t, 0) / (gamma - 1))

    def value(self, v):
        inside = (self.lower <= v) & (v <= self.upper)
        return np.where(inside, self.cost(v) + self.l2 / 2 * v**2, np.inf)

    def violation(self, v, z):
        """Distance of -z to the subdifferential: near v the penalty has the slopes of a weighted L1."""
        return Penalty(self.slope(v), self.l2, self.lower, self.upper).violation(v, z)


def concave_reference(problem, name, gamma):
    """A problem that was written out with penalty "l1", its penalty made concave: lambda_j = l1_j, in units of v."""
    p = problem.penalty
    return replace(problem, penalty=Concave(name, gamma, p.l1, p.l2, p.lower, p.upper))


def concave_threshold(name, u, lam, gamma):
    """argmin over x of 1/2 (x - u)^2 + penalty(x), which is the fit to an orthonormal design: firm, or Fan and Li's."""
    size = np.abs(u)
    if name == "mcp":
        return np.where(size <= gamma * lam, soft_threshold(u, lam) / (1 - 1 / gamma), u)
    middle = ((gamma - 1) * u - np.sign(u) * gamma * lam) / (gamma - 2)
    return np.where(size <= 2 * lam, soft_threshold(u, lam), np.where(size <= gamma * lam, middle, u))


def soft_threshold(u, threshold):
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0)


def strengths(penalty, alpha, factor, l1_ratio=0.5):
    """l1_j and l2_j of the named penalty; an excluded feature (infinite factor) is left to the box."""
    shares = {"l1": (1, 0), "l2": (0, 1), "elasticnet": (l1_ratio, 1 - l1_ratio), None: (0, 0)}
    f = np.where(np.isinf(factor), 0, factor)
    return alpha * shares[penalty][0] * f, alpha * shares[penalty][1] * f


# --- The problem, written out


@dataclass(frozen=True)
class Reference:
    loss: object
    A: np.ndarray  # ones for the intercept, then features (scaled, centred)
    y: np.ndarray
    s: np.ndarray
    o: np.ndarray
    total: float
    penalty: Penalty
    untouched: np.ndarray  # by alpha and without bounds: the null model has these
    mean: np.ndarray  # v = (b + mean.w, unit * w)
    unit: np.ndarray
    fit_intercept: bool

    def pack(self, coef, intercept=0.0):
        coef = np.asarray(coef, float)
        if self.fit_intercept:
            return np.r_[intercept + self.mean @ coef, self.unit * coef]
        assert intercept == 0
        return self.unit * coef

    def unpack(self, v):
        coef = v[int(self.fit_intercept) :] / self.unit
        return coef, v[0] - self.mean @ coef if self.fit_intercept else 0.0

    def smooth(self, v):
        return self.s @ self.loss.value(self.y, self.o + self.A @ v) / self.total

    def objective(self, v):
        return self.smooth(v) + self.penalty.value(v).sum()

    def dual_point(self, v):
        return self.s * self.loss.gradient(self.y, self.o + self.A @ v) / self.total

    def gradient(self, v):
        return self.A.T @ self.dual_point(v)

    def violation(self, v):
        return self.penalty.violation(v, self.gradient(v))

    def infimum(self):
        return self.s @ self.loss.infimum(self.y) / self.total

    def free(self, v):
        """Coordinates that nothing holds at v: no penalty, and strictly between the bounds."""
        pen = self.penalty
        return (pen.l1 == 0) & (pen.l2 == 0) & (pen.lower < v) & (v < pen.upper)


def reference(
    X,
    y,
    loss,
    penalty="l1",
    alpha=1.0,
    *,
    l1_ratio=0.5,
    sample_weight=None,
    offset=None,
    fit_intercept=True,
    standardize=False,
    penalty_factor=None,
    lower=None,
    upper=None,
    dropout=0.0,
):
    """Write the problem out; the arguments are those of `sparsereg.solvers.Problem.from_data`."""
    X, y = np.asarray(X, float), np.asarray(y, float)
    n, p = X.shape
    loss = make_loss(loss) if isinstance(loss, str) else loss
    s = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float)
    o = np.broadcast_to(0.0 if offset is None else np.asarray(offset, float), n)
    factor = np.broadcast_to(1.0 if penalty_factor is None else np.asarray(penalty_factor, float), p).copy()
    lower = np.broadcast_to(-np.inf if lower is None else np.asarray(lower, float), p)
    upper = np.broadcast_to(np.inf if upper is None else np.asarray(upper, float), p)
    total = s.sum()

    mean, unit = np.zeros(p), np.ones(p)
    if standardize:
        constant = np.ptp(X[s > 0], axis=0) == 0
        centre = s @ X / total
        unit = np.where(constant, 1, np.sqrt(s @ (X - centre) ** 2 / total))
        mean = centre if fit_intercept else mean
        factor[constant] = np.inf
    A = (X - mean) / unit
    l1, l2 = strengths(penalty, alpha, factor, l1_ratio)
    excluded = np.isinf(factor)
    lower, upper = np.where(excluded, 0, lower * unit), np.where(excluded, 0, upper * unit)
    untouched = (l1 == 0) & (l2 == 0) & np.isinf(lower) & np.isinf(upper)
    if np.all(untouched | excluded):  # then they would be the answer: the null model is the intercept alone
        untouched[:] = False
    if dropout:
        l2 = l2 + dropout / (1 - dropout) * (s @ X**2) / total / unit**2
    if fit_intercept:
        A, untouched = np.c_[np.ones(n), A], np.r_[True, untouched]
        l1, l2, lower, upper = np.r_[0, l1], np.r_[0, l2], np.r_[-np.inf, lower], np.r_[np.inf, upper]
    pen = Penalty(l1, l2, lower, upper)
    return Reference(loss, A, y, s, o, total, pen, untouched, mean, unit, fit_intercept)


# --- Certificates


def gap(problem, v):
    """An upper bound on P(v) - P*: what polishing the free coordinates gains and the best bound after it."""
    polished = newton(problem, v, problem.free(v))
    return problem.objective(v) - problem.objective(polished) + min(gap_bounds(problem, polished).values())


def gap_bounds(problem, v):
    """Upper bounds on P(v) - P* by the form they take; inf where a form does not apply at v."""
    z, pen, free = problem.gradient(v), problem.penalty, problem.free(v)
    slack = pen.value(v) + pen.conjugate(-z) + z * v
    slack[free] = np.abs(z[free]) * RADIUS * (1 + np.abs(v[free]))
    return {
        "penalty": slack.sum(),
        "infimum": _infimum_bound(problem, v, z, slack),
        "loss": _loss_bound(problem, v, free),
    }


def _infimum_bound(problem, v, z, slack):
    """Where pen_j* is infinite: sum_j l1_j |v*_j| <= P(v) - inf F, times the largest excess relative to l1_j.

    Without an l1_j, the radius.
    """
    pen, unbounded = problem.penalty, np.isinf(slack)
    excess = np.abs(soft_threshold(z, pen.l1))
    kinked = unbounded & (pen.l1 > 0)
    bound = slack[~unbounded].sum() + (pen.value(v) + z * v)[kinked].sum()
    if kinked.any():
        bound += np.max(excess[kinked] / pen.l1[kinked]) * (problem.objective(v) - problem.infimum())
    loose = unbounded & ~kinked
    return bound + (excess * RADIUS * (1 + np.abs(v)))[loose].sum()


def _loss_bound(problem, v, free):
    """P(v) + F*(c u) + sum_j pen_j*(-c a_j.u): u is g without its part along the free columns.

    Orthogonal in the metric of s. c <= 1 makes c u feasible where pen_j* is infinite, or for every l1_j > 0.
    """
    pen, g, root = problem.penalty, problem.dual_point(v), np.sqrt(problem.s)
    free_columns = root[:, None] * problem.A[:, free]
    along = np.linalg.lstsq(free_columns, g / np.where(root > 0, root, 1), rcond=None)[0]
    u = g - root * (free_columns @ along)
    z = problem.A.T @ u

    ratio = np.full(len(v), np.inf)
    outside = np.abs(soft_threshold(z, pen.l1)) > 0
    outside &= ~free & (np.where(z < 0, pen.upper, pen.lower) != 0)
    ratio[outside] = pen.l1[outside] / np.abs(z[outside])
    infinite = np.isinf(pen.conjugate(-z)) & ~free
    scales = {min(1.0, ratio[mask].min(initial=np.inf)) for mask in (infinite, outside)}
    return min(_dual_bound(problem, v, c * (1 - 1e-15) * u, c * (1 - 1e-15) * z, free) for c in scales)


def _dual_bound(problem, v, u, z, free):
    s, pen, total = problem.s, problem.penalty, problem.total
    used = s > 0
    conjugate = problem.loss.conjugate(problem.y[used], total * u[used] / s[used])
    paid = pen.conjugate(-z)
    paid[free] = np.abs(z[free]) * RADIUS * (1 + np.abs(v[free])) - z[free] * v[free]
    return problem.objective(v) + s[used] @ conjugate / total - u @ problem.o + paid.sum()


def null_point(problem):
    """The optimum of intercept and coordinates that alpha does not touch, the others at zero."""
    return newton(problem, np.zeros(problem.A.shape[1]), problem.untouched)


def scale(problem):
    """What tol multiplies: P_null - inf F."""
    return problem.objective(null_point(problem)) - problem.infimum()


def null_alpha(problem, alpha):
    """The smallest strength that leaves every kinked coordinate at zero; `problem` was made with `alpha`."""
    z, pen = problem.gradient(null_point(problem)), problem.penalty
    pull = np.maximum(np.where(pen.upper > 0, -z, 0), np.where(pen.lower < 0, z, 0))
    kinked = (pen.l1 > 0) & (pull > 0)
    return alpha * np.max(pull[kinked] / pen.l1[kinked], initial=0.0)


# --- Solvers


def newton(problem, v, moving, max_iter=100):
    """Minimise P over the coordinates `moving` by Newton's method on the smooth piece of P around v.

    A coordinate that would cross zero (with an l1 part) or a bound is stopped there. Steps are halved until P
    falls; once it differs by rounding only, until the gradient does. Where the second derivative is of no use
    (Huber and squared hinge have flat samples), a curvature of 2 per sample bounds theirs from above.
    """
    pen = problem.penalty
    for _ in range(max_iter):
        slope = problem.gradient(v) + pen.l1 * np.sign(v) + pen.l2 * v
        blocked = ((v <= pen.lower) & (slope > 0)) | ((v >= pen.upper) & (slope < 0))
        active = moving & ~blocked & ((pen.l1 == 0) | (v != 0))
        if not np.any(slope[active]):
            break
        hessian = problem.loss.hessian(problem.y, problem.o + problem.A @ v)
        for curvature in (hessian, np.maximum(hessian, 2)):
            direction = _newton_direction(problem, curvature, slope, active)
            better = _search(problem, v, direction, slope, active)
            if better is not None:
                break
        else:
            break
        v = better
    return v


def _newton_direction(problem, curvature, slope, active):
    A = problem.A[:, active]
    H = A.T @ ((problem.s * curvature / problem.total)[:, None] * A) + np.diag(problem.penalty.l2[active])
    damping = 1e-14 * max(np.trace(H), 1e-8) * np.eye(len(H))
    direction = np.zeros_like(slope)
    direction[active] = -np.linalg.lstsq(H + damping, slope[active], rcond=1e-15)[0]
    return direction


def _search(problem, v, direction, slope, active):
    pen, before = problem.penalty, problem.objective(v)
    kinked = pen.l1 > 0
    for halvings in range(40):
        step = 0.5**halvings * direction
        after = np.where(kinked & (np.sign(v + step) != np.sign(v)), 0, v + step)
        after = np.where(active, np.clip(after, pen.lower, pen.upper), v)
        with np.errstate(over="ignore", invalid="ignore"):
            change = problem.objective(after) - before
        rounding = 1e-14 * abs(before)
        if change < -rounding:
            return after
        if change <= rounding:
            new_slope = problem.gradient(after) + pen.l1 * np.sign(after) + pen.l2 * after
            if np.abs(new_slope[active]).max() < np.abs(slope[active]).max() / 2:
                return after
    return None


def minimise(problem, *, tol=1e-12, max_iter=2000, start=None):
    """Accelerated proximal gradient with restart, every 20 steps `newton`, until gap <= tol * scale.

    Returns the best point; whoever needs its accuracy asks `gap`.
    """
    target = tol * scale(problem)
    v = null_point(problem) if start is None else np.asarray(start, float)
    ahead, momentum, step = v, 1.0, 1.0
    for k in range(max_iter):
        if k % 20 == 0:
            v = newton(problem, v, np.ones(len(v), bool))
            ahead, momentum = v, 1.0
            if gap(problem, v) <= target:
                break
        new, step = _proximal_step(problem, ahead, step * 1.5)
        if (ahead - new) @ (new - v) > 0:  # O'Donoghue and Candes 2015: restart when momentum points uphill
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
            model = value + gradient @ move + move @ move / (2 * step)
            if problem.smooth(new) <= model + 1e-15 * abs(value):
                return new, step
        step /= 2


# --- Laws


def central_difference(function, x, step=1e-6):
    """Derivative of a pointwise function, error of order step^2."""
    h = step * (1 + np.abs(x))
    return (function(x + h) - function(x - h)) / (2 * h)


def numerical_gradient(function, v, step=1e-6):
    """Gradient of a function of a vector."""
    h = np.diag(step * (1 + np.abs(v)))
    return np.array([(function(v + e) - function(v - e)) / (2 * e.sum()) for e in h])


def three_point_excess(value, x, v, other, step):
    """For x = prox(v): step (pen(x) - pen(u)) <= 1/2 (|u - v|^2 - |u - x|^2 - |x - v|^2), per coordinate.

    Returns left minus right: at most 0, for every u.
    """
    right = ((other - v) ** 2 - (other - x) ** 2 - (x - v) ** 2) / 2
    return step * (value(x) - value(other)) - right


def fenchel_young(value, conjugate, x, u):
    """pen(x) + pen*(u) - u x: at least 0, and 0 exactly where u is a subgradient at x."""
    return value(x) + conjugate(u) - u * x


def search_minimum(function, low, high):
    """Where a convex function of one variable, finite at 0, is smallest in [low, high], by ternary search."""
    for _ in range(100):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        at_left, at_right = function(left), function(right)
        go_right = np.where(np.isinf(at_left) & np.isinf(at_right), left < 0, at_left > at_right)
        low, high = np.where(go_right, left, low), np.where(go_right, high, right)
    return (low + high) / 2


def search_prox(function, v, step):
    """argmin over x of function(x) + (x - v)^2 / (2 step), to about 1e-7; function is smallest at 0."""
    low, high = np.minimum(v, 0), np.maximum(v, 0)
    return search_minimum(lambda x: function(x) + (x - v) ** 2 / (2 * step), low, high)


def moreau_residual(x, conjugate, v, step):
    """For x = prox_{step pen}(v): v - x - step u, u the prox of pen* / step at v / step, found by search."""
    return v - x - step * search_prox(conjugate, v / step, 1 / step)

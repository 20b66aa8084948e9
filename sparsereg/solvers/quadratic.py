r"""The quadratic sub-problem on a working set, in the regime that is cheapest.

With ``H`` the curvature of the loss part (columns centred when there is an intercept), around the point ``w``

    minimise over v    1/2 (v - w)' H (v - w) + z.(v - w) + Omega(v)

- *direct*: a penalty without kinks and bounds is one linear system;
- *Gram*: ``H`` is built once with BLAS-3, epochs of coordinate descent cost O(moves x size), and Newton steps on the
  support end the tail that coordinate descent has on correlated columns;
- *residual*: coordinates read their columns, O(entries) per epoch, with Anderson extrapolation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg

from sparsereg.solvers._kernels.features import cd_features
from sparsereg.solvers._kernels.gram import gram_features
from sparsereg.solvers.design import Design
from sparsereg.solvers.problem import Problem

__all__ = ["QuadraticModel", "Step", "newton_direction"]

Array = np.ndarray

_MAX_GRAM = 6000  # columns: 288 MB
_MAX_DIRECT = 1000  # columns: beyond, conjugate gradients beat the factorisation and its memory
_EPOCHS = 10  # of coordinate descent between two Newton steps, or two looks at the clock
_ANDERSON = 5  # iterates that are extrapolated
_MAX_EPOCHS = 20_000
_NO_WEIGHTS = np.empty(0)


class Step(NamedTuple):
    """A step on some columns: new weights, change of the linear predictor per unit step, change of the intercept."""

    columns: Array
    coef: Array
    delta: Array
    delta_eta: Array
    delta_b: float
    epochs: int


class QuadraticModel:
    """Sub-problems of one problem. For a quadratic loss the Gram matrix is kept and grown by columns."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.columns = np.empty(0, dtype=np.int64)
        self._gram = np.empty((0, 0))
        self._mean = np.empty(0)

    def minimise(self, w: Array, g: Array, h: Array, z: Array, columns: Array, tol: float) -> Step:
        """Return the step to the minimiser over some columns, to within ``tol`` of a gradient.

        ``z`` is the gradient on all columns; only the part in `columns` is read.
        """
        problem = self.problem
        design, penalty = problem.design, problem.penalty.take(columns)
        w, z = w[columns], z[columns]
        sum_h = float(h.sum())
        if penalty.smooth:
            d = newton_direction(problem, columns, h, z + penalty.l2 * w, penalty.l2)
            new, epochs, mean = w + d, 1, design_mean(problem, columns, h, sum_h)
        elif use_gram(design, len(columns), self._known(columns)):
            G, mean = self._grown_gram(columns, h, sum_h)
            new, epochs = solve_gram(G, z, w, penalty.kernel_arguments(), tol)
        else:
            new, epochs, mean = _solve_residual(problem, columns, w, g, h, sum_h, penalty.kernel_arguments(), tol)
        d = new - w
        moved = np.flatnonzero(d)
        delta_eta = design.times(columns[moved], d[moved])
        delta_b = -float(mean @ d) if problem.fit_intercept else 0.0
        return Step(columns, new, d, delta_eta, delta_b, epochs)

    def _known(self, columns: Array) -> int:
        """Return how many of the columns, from the first on, the kept Gram matrix covers."""
        known = len(self.columns)
        same = self.problem.loss.quadratic and np.array_equal(self.columns, columns[:known])
        return known if same else 0

    def _grown_gram(self, columns: Array, h: Array, sum_h: float) -> tuple[Array, Array]:
        """Return ``H`` and the means of some columns; what is known already is kept if the curvature is constant."""
        known, k = self._known(columns), len(columns)
        if known == k and k > 0:
            return self._gram, self._mean
        G = np.empty((k, k))
        G[:known, :known] = self._gram[:known, :known]
        mean = design_mean(self.problem, columns, h, sum_h)
        self.problem.design.gram(columns, h, mean, known, G)
        self.columns, self._gram, self._mean = columns, G, mean
        return G, mean


def use_gram(design: Design, k: int, known: int) -> bool:
    """Whether a Gram matrix of `k` columns, the first `known` of them there already, pays, in multiplications.

    Both regimes are charged some 50 epochs. A residual epoch reads and writes every entry; a Gram epoch moves a part
    of the coordinates, and Newton steps shorten it. Measured on the problems of ``benchmarks/``: dense working sets
    want the Gram matrix up to thousands of columns, sparse text does not from some hundreds on.
    """
    entries = design.entries(k)
    return k <= _MAX_GRAM and design.gram_cost(k) - design.gram_cost(known) + 20.0 * k * k <= 50.0 * 2.0 * entries


def design_mean(problem: Problem, columns: Array, h: Array, sum_h: float) -> Array:
    """Return the ``h``-weighted means of some columns, zero without an intercept."""
    if not problem.fit_intercept:
        return np.zeros(len(columns))
    return problem.design.dot(columns, h) / sum_h


def newton_direction(problem: Problem, columns: Array, h: Array, gradient: Array, l2: Array) -> Array:
    """Return ``-(X' H X + diag(l2))^-1 gradient`` on some columns, the intercept minimised out."""
    design, k = problem.design, len(columns)
    sum_h = float(h.sum())
    mean = design_mean(problem, columns, h, sum_h)
    if k <= _MAX_DIRECT:
        G = np.empty((k, k))
        design.gram(columns, h, mean, 0, G)
        G[np.diag_indices(k)] += l2
        return -_solve_semidefinite(G, gradient)
    curvature = design.moments(columns, h, sum_h, problem.fit_intercept)[1] + l2
    # A column without curvature does not move.
    inverse = np.divide(1.0, curvature, out=np.zeros(k), where=curvature > 0.0)

    def product(v: Array) -> Array:
        Xv = design.times(columns, v.ravel())
        if problem.fit_intercept:
            Xv -= float(mean @ v.ravel())
        hXv = h * Xv
        out = design.dot(columns, hXv) + l2 * v.ravel()
        return out - mean * hXv.sum() if problem.fit_intercept else out

    H = LinearOperator((k, k), matvec=product, dtype=np.float64)
    M = LinearOperator((k, k), matvec=lambda v: inverse * v.ravel(), dtype=np.float64)
    return -cg(H, gradient, rtol=1e-4, maxiter=500, M=M)[0]


def _solve_semidefinite(G: Array, b: Array) -> Array:
    """Return a solution of ``G x = b`` for a symmetric matrix that may be singular (duplicated columns)."""
    trace = np.trace(G)
    if trace <= 0.0:
        return np.zeros_like(b)
    try:
        factor = cho_factor(G, check_finite=False)
        if np.diag(factor[0]).min() ** 2 > 1e-13 * trace / len(b):
            return cho_solve(factor, b, check_finite=False)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(G)
    keep = values > 1e-13 * values[-1]
    return vectors[:, keep] @ ((b @ vectors[:, keep]) / values[keep])


def solve_gram(G: Array, z: Array, w: Array, kernel: tuple[Array, ...], tol: float) -> tuple[Array, int]:
    """Return the minimiser and the number of epochs: coordinate descent, with a Newton step now and then.

    Coordinate descent finds the support and its signs in a few epochs and then crawls along correlated columns;
    there the support's own linear system ends the work. A Newton step on ``k`` of them costs about ``k^3 / 3`` at the
    speed of BLAS-3, which buys some ``k / 50`` epochs: as many are done in between.
    """
    l1, l2, lower, upper = kernel
    w, gradient = w.copy(), z.copy()
    everything = np.arange(len(w))
    epochs = 0
    while epochs < _MAX_EPOCHS:
        batch = max(_EPOCHS, np.count_nonzero(w) // 50)
        done, change = gram_features(G, gradient, w, l1, l2, lower, upper, everything, batch, tol)
        epochs += done
        if change <= tol:
            break
        _newton_on_support(G, gradient, w, kernel)
    return w, epochs


def _newton_on_support(G: Array, gradient: Array, w: Array, kernel: tuple[Array, ...]) -> None:
    """Minimise over the support with its signs held, as far as that goes; update ``w`` and ``gradient`` in place."""
    l1, l2, lower, upper = kernel
    free = (w > lower) & (w < upper) & ((w != 0.0) | (l1 == 0.0))
    A = np.flatnonzero(free & (G.diagonal() + l2 > 0.0))
    if not 0 < len(A) <= 4000:
        return
    sign = np.sign(w[A]) * (l1[A] > 0.0)
    G_A = G[np.ix_(A, A)]
    slope = gradient[A] + l2[A] * w[A] + l1[A] * sign
    system = G_A.copy()
    # The shift keeps duplicated columns solvable; the line search below makes any direction safe.
    system[np.diag_indices(len(A))] += l2[A] + 1e-12 * G_A.diagonal().max()
    try:
        d = -cho_solve(cho_factor(system, overwrite_a=True, check_finite=False), slope, check_finite=False)
    except np.linalg.LinAlgError:
        return
    old = w[A]
    # The projected step first: weights that would change sign stop at zero, those that would leave the box at its wall.
    new = old + d
    new[new * sign < 0.0] = 0.0
    new = np.clip(new, lower[A], upper[A])
    for attempt in range(2):
        move = new - old
        G_move = G_A @ move
        gain = slope @ move + 0.5 * (move @ G_move + (l2[A] * move) @ move)
        if gain < 0.0 or attempt:
            break
        # Then as far as all signs hold: there the model is the quadratic that was minimised, so it must fall.
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = np.where((d * sign < 0.0), -old / d, np.inf)
            to_wall = np.where(d > 0.0, (upper[A] - old) / d, np.where(d < 0.0, (lower[A] - old) / d, np.inf))
        t = min(1.0, float(to_zero.min()), float(to_wall.min()))
        new = np.clip(old + t * d, lower[A], upper[A])
        new[to_zero <= t] = 0.0
    if gain < 0.0:
        w[A] = new
        gradient += G[:, A] @ move


def _solve_residual(
    problem: Problem, columns: Array, w: Array, g: Array, h: Array, sum_h: float, kernel: tuple[Array, ...], tol: float
) -> tuple[Array, int, Array]:
    """Return minimiser, number of epochs and column means: coordinate descent on the residual, extrapolated."""
    design = problem.design
    mean, curvature = design.moments(columns, h, sum_h, problem.fit_intercept)
    sd = np.sqrt(curvature / sum_h)
    data, rows, starts, at, centred = design.kernel_columns(columns, mean, sd)
    lazy_mean = np.zeros_like(mean) if centred else mean
    uniform = h[0] if (h == h[0]).all() else 0.0
    weights = _NO_WEIGHTS if uniform else h
    w, q, s = w.copy(), -g, 0.0
    everything = np.arange(len(columns))
    epochs = 0
    run = (weights, uniform, sum_h, lazy_mean, curvature, *kernel)
    while epochs < _MAX_EPOCHS:
        # One epoch over everything, then a few over the support, whose iterates are extrapolated.
        done, change, s = cd_features(data, rows, starts, at, everything, w, q, s, *run, 1, tol)
        epochs += done
        if change <= tol:
            break
        support = np.flatnonzero((w != 0.0) | (kernel[0] == 0.0))
        trail_w, trail_q = [w[support]], [q - h * (s / sum_h)]
        for _ in range(_ANDERSON):
            done, change, s = cd_features(data, rows, starts, at, support, w, q, s, *run, 1, tol)
            epochs += done
            trail_w.append(w[support])
            trail_q.append(q - h * (s / sum_h))
            if change <= tol:
                break
        else:
            better = _extrapolate(trail_w, trail_q, h, support, kernel)
            if better is not None:
                w[support], q = better
                s = 0.0
    return w, epochs, mean


def _extrapolate(
    trail_w: list[Array], trail_q: list[Array], h: Array, support: Array, kernel: tuple[Array, ...]
) -> tuple[Array, Array] | None:
    """Return Anderson's combination of the last iterates if its objective is lower, else None.

    ``c`` minimises ``|U c|`` over ``sum c = 1`` with the differences of iterates as columns of ``U``; the residual is
    affine in ``w``, so it is combined alike. Q. Bertrand and M. Massias, *Anderson acceleration of coordinate
    descent*, AISTATS 2021.
    """
    l1, l2, lower, upper = (a[support] for a in kernel)
    U = np.diff(np.array(trail_w), axis=0)
    gram = U @ U.T
    try:
        c = np.linalg.solve(gram + 1e-12 * np.trace(gram) * np.eye(len(gram)), np.ones(len(gram)))
    except np.linalg.LinAlgError:
        return None
    if not abs(c.sum()) > 0.0:
        return None
    c /= c.sum()
    w = c @ np.array(trail_w[1:])
    if (w < lower).any() or (w > upper).any():
        return None
    q = c @ np.array(trail_q[1:])

    def value(w: Array, q: Array) -> float:
        rr = np.divide(q * q, h, out=np.zeros_like(q), where=h > 0.0)
        return 0.5 * float(rr.sum()) + float(np.abs(w) @ l1 + 0.5 * ((w * w) @ l2))

    return (w, q) if value(w, q) < value(trail_w[-1], trail_q[-1]) else None

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
from scipy.linalg.lapack import dposv
from scipy.sparse.linalg import LinearOperator, cg

from sparsereg.penalties import BentCoordinates, BlockPenalty, ConcavePenalty, Coordinates
from sparsereg.solvers.block_descent import solve_gram_blocks
from sparsereg.solvers.block_exact import Rotations, exact_pays, solve_exact_blocks
from sparsereg.solvers.block_residual import solve_block_residual
from sparsereg.solvers.concave_descent import descend_concave
from sparsereg.solvers.design import Design, flat_columns
from sparsereg.solvers.gram_descent import solve_gram
from sparsereg.solvers.homotopy import Homotopy
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.residual_descent import Moments, solve_residual
from sparsereg.solvers.support_newton import Kept, newton_fits

__all__ = ["QuadraticModel", "Step", "newton_direction"]

Array = np.ndarray

_MAX_GRAM = 6000  # columns: 288 MB
_MAX_DIRECT = 1000  # columns: beyond, conjugate gradients beat the factorisation and its memory
_PATIENCE = 300  # residual epochs before a Gram matrix is built after all: strongly correlated columns
_EPOCHS, _EPOCHS_OF_BLOCKS, _EPOCHS_OF_CLASSES = 50.0, 250.0, 10.0
_FREE = 2e6  # multiplications that the Gram matrix of classes may take in any case
_LONG = 1_000.0  # epochs that the residual regime is charged where it crawls
_MAX_EPOCHS = 20_000
_MAX_EPOCHS_OF_MODEL = 2_000  # where the model is not the problem: the next one is worth more than its last digits


class Step(NamedTuple):
    """A step on some columns: new weights, change of the linear predictor per unit step, change of the intercept."""

    columns: Array
    coef: Array
    delta: Array
    delta_eta: Array
    delta_b: float
    epochs: int


class Stretch(NamedTuple):
    """A part of a piecewise linear path, from one strength down to another.

    Where a Gram matrix is at hand, going from breakpoint to breakpoint was never slower than minimising anew at the
    end. Measured on the problems of ``benchmarks/``, paths to alpha_max / 100, seconds with and without: 100 strengths
    toep 0.78 and 1.62, gene 0.22 and 0.50; 4 strengths toep 0.68 and 0.72, gene 0.09 and 0.15.
    """

    homotopy: Homotopy
    start: float
    stop: float

    def follow(self, G: Array, columns: Array, w: Array, z: Array) -> tuple[Array, Array, int, bool]:
        """Return weights, gradient, number of events, and whether the end was reached."""
        w, z = w.copy(), z.copy()
        descent = self.homotopy.descend(G, columns, w, z, self.start, self.stop)
        return w, z, max(descent.events, 1), descent.status == "reached"


class QuadraticModel:
    """Sub-problems of one problem. For a quadratic loss the Gram matrix is kept and grown by columns."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.columns = np.empty(0, dtype=np.int64)
        self._gram = np.empty((0, 0))
        self._mean = np.empty(0)
        self._rotations: Rotations | None = None
        self._kept = Kept()
        self._max_epochs = _MAX_EPOCHS if problem.loss.quadratic else _MAX_EPOCHS_OF_MODEL

    @property
    def _blocks(self) -> bool:
        """Whether the residual regime is that of blocks and several outputs."""
        return self.problem.penalty.blocks == "groups" or isinstance(self.problem.design, OutputsDesign)

    def _gram_pays(self, columns: Array) -> bool:
        """Whether these columns are better solved on a Gram matrix.

        Newton steps by conjugate gradients end the epochs of classes soon: 10 of 5,000 images, 496 weights at the end
        of a path of 50 strengths, 4.5 s where the residual regime is charged 10 epochs, 7.0 s with 250.
        """
        design, k = self.problem.design, len(columns)
        if newton_fits(self.problem, columns):
            return use_gram(design, k, 0, _EPOCHS_OF_CLASSES, _FREE)
        return use_gram(design, k, self._known(columns), _EPOCHS_OF_BLOCKS if self._blocks else _EPOCHS)

    def minimise(
        self, w: Array, g: Array, h: Array, z: Array, columns: Array, tol: float, stretch: Stretch | None = None
    ) -> Step:
        """Return the step to the minimiser over some columns, to within ``tol`` of a gradient.

        ``z`` is the gradient on all columns; only the part in `columns` is read. With a `stretch` of a path, ``w`` is
        the minimiser at its beginning, and that at its end is asked for. Under a concave penalty the end is a
        stationary point, and not above ``w``.
        """
        problem = self.problem
        design, l2 = problem.design, problem.coordinates.l2[columns]
        w, z = w[columns], z[columns]
        sum_h = float(h.sum())
        if problem.penalty.smooth:
            d = newton_direction(problem, columns, h, z + l2 * w, l2, tol)
            new, epochs, mean = w + d, 1, design_mean(problem, columns, h, sum_h)
        elif exact_pays(design, problem.penalty, columns):
            new, shift, epochs = solve_exact_blocks(problem, self._rotated(h), columns, w, g, tol, self._max_epochs)
            return self._step(columns, w, new, shift, epochs)
        elif self._gram_pays(columns):
            G, mean = self.grown_gram(columns, h, sum_h)
            new, epochs, there = w, 0, False
            if stretch is not None:
                new, z, epochs, there = stretch.follow(G, columns, w, z)
            if not there:
                new, more = minimise_gram(problem, columns, G, z, new, tol, self._max_epochs)
                epochs += more
        elif self._blocks:
            new, shift, epochs = solve_block_residual(problem, columns, w, g, h, tol, self._max_epochs, self._kept)
            return self._step(columns, w, new, shift, epochs)
        else:
            new, epochs, mean = self._descend(columns, w, g, h, sum_h, z, tol)
        return self._step(columns, w, new, -float(mean @ (new - w)) if problem.fit_intercept else 0.0, epochs)

    def gave_up(self, step: Step) -> bool:
        """Whether a sub-problem was left unsolved: others on these columns would go the same way."""
        return step.epochs >= self._max_epochs

    def _step(self, columns: Array, old: Array, new: Array, delta_b: float, epochs: int) -> Step:
        d = new - old
        return Step(columns, new, d, self.problem.design.change(columns, d), delta_b, epochs)

    def _descend(
        self, columns: Array, w: Array, g: Array, h: Array, sum_h: float, z: Array, tol: float
    ) -> tuple[Array, int, Array]:
        """Return minimiser, epochs and means by the residual regime; where it crawls, the Gram regime may take over.

        Not where thousands of columns have few entries: five nested widths of cells over California, 4,605 of them in
        use at the end of a path of 30 strengths, took minutes with and 3 s without.
        """
        design, penalty = self.problem.design, self.problem.penalty
        costs: Coordinates | BentCoordinates = self.problem.coordinates.take(columns)
        if isinstance(penalty, ConcavePenalty):
            costs = penalty.take(columns).bent
        mean, curvature = design.moments(columns, h, sum_h, self.problem.fit_intercept)
        curvature[flat_columns(curvature, mean, sum_h)] = 0.0
        held = design.kernel_columns(columns, mean, np.sqrt(curvature / sum_h))
        affordable = use_gram(design, len(columns), 0, _LONG)
        limit = _PATIENCE if affordable else self._max_epochs
        new, epochs, done = solve_residual(held, Moments(mean, curvature, sum_h), w, g, h, costs, tol, limit)
        if affordable and not done:
            G, mean = self.grown_gram(columns, h, sum_h)
            new, more = minimise_gram(self.problem, columns, G, z + G @ (new - w), new, tol, self._max_epochs)
            epochs += more
        return new, epochs, mean

    def _rotated(self, h: Array) -> Rotations:
        """Return the eigenvectors of blocks; what is known already is kept if the curvature is constant."""
        kept = self._rotations
        penalty, quadratic = self.problem.penalty, self.problem.loss.quadratic
        if kept is None or not quadratic or kept.block is not getattr(penalty, "block", None):
            kept = self._rotations = Rotations(self.problem, h)
        return kept

    def gram_grows(self, columns: Array) -> bool:
        """Whether sub-problems on these columns, and on more, are solved on a Gram matrix that is kept."""
        problem, k = self.problem, len(columns)
        if not k or not problem.loss.quadratic or exact_pays(problem.design, problem.penalty, columns):
            return False
        return use_gram(problem.design, k, k)

    def _known(self, columns: Array) -> int:
        """Return how many of the columns, from the first on, the kept Gram matrix covers."""
        known = len(self.columns)
        same = self.problem.loss.quadratic and np.array_equal(self.columns, columns[:known])
        return known if same else 0

    def grown_gram(self, columns: Array, h: Array, sum_h: float) -> tuple[Array, Array]:
        """Return ``H`` and the means of some columns; what is known already is kept if the curvature is constant."""
        known, k = self._known(columns), len(columns)
        if known == k and k > 0:
            return self._gram, self._mean
        G = np.empty((k, k))
        G[:known, :known] = self._gram[:known, :known]
        mean = design_mean(self.problem, columns, h, sum_h)
        self.problem.design.gram(columns, h, mean, known, G)
        _silence(G, flat_columns(G.diagonal(), mean, sum_h))
        self.columns, self._gram, self._mean = columns, G, mean
        return G, mean


def minimise_gram(
    problem: Problem, columns: Array, G: Array, z: Array, w: Array, tol: float, max_epochs: int
) -> tuple[Array, int]:
    """Return the minimiser over some columns and the number of epochs, by coordinates or by blocks.

    Under a concave penalty a stationary point that is not above ``w``.
    """
    penalty = problem.penalty
    if isinstance(penalty, ConcavePenalty):
        return descend_concave(G, z, w, penalty.take(columns), tol, max_epochs)
    if isinstance(penalty, BlockPenalty):
        return solve_gram_blocks(G, z, w, penalty.take(columns), tol, max_epochs)
    return solve_gram(G, z, w, problem.coordinates.take(columns), tol, max_epochs)


def use_gram(design: Design, k: int, known: int, epochs: float = _EPOCHS, free: float = 0.0) -> bool:
    """Whether a Gram matrix of `k` columns, the first `known` of them there already, pays, in multiplications.

    Up to the number `free` it does. Both regimes are charged some 50 `epochs`, blocks 250 in the residual regime: their
    steps are bounded, not exact, and an entry costs more (80 groups of 5 on 300 rows: 0.02 s by Gram matrix, 0.2 s
    without). A residual epoch reads and writes every entry; a Gram epoch moves a part of the coordinates, and Newton
    steps shorten it. Measured on the problems of ``benchmarks/``: dense working sets want the Gram matrix up to
    thousands of columns, sparse text does not from some hundreds on.
    """
    entries = design.entries(k)
    cost = design.gram_cost(k) - design.gram_cost(known) + 20.0 * k * k
    return k <= _MAX_GRAM and cost <= epochs * 2.0 * entries + free


def design_mean(problem: Problem, columns: Array, h: Array, sum_h: float) -> Array:
    """Return the ``h``-weighted means of some columns, zero without an intercept."""
    if not problem.fit_intercept:
        return np.zeros(len(columns))
    return problem.design.dot(columns, h) / sum_h


def _silence(G: Array, columns: Array) -> None:
    if len(columns):
        G[columns, :] = 0.0
        G[:, columns] = 0.0


def newton_direction(problem: Problem, columns: Array, h: Array, gradient: Array, l2: Array, tol: float = 0.0) -> Array:
    """Return ``-(X' H X + diag(l2))^-1 gradient`` on some columns, the intercept minimised out.

    Many columns are left to conjugate gradients, which stop at a residual of `tol` (a part of the gradient between
    0.1 and 1e-10): far from the minimum of a loss that is not quadratic an exact step is wasted.
    """
    design, k = problem.design, len(columns)
    sum_h = float(h.sum())
    mean = design_mean(problem, columns, h, sum_h)
    if k <= _MAX_DIRECT:
        G = np.empty((k, k))
        design.gram(columns, h, mean, 0, G)
        _silence(G, flat_columns(G.diagonal(), mean, sum_h))
        G.flat[:: k + 1] += l2
        return -_solve_semidefinite(G, gradient)
    mean, curvature = design.moments(columns, h, sum_h, problem.fit_intercept)
    curvature[flat_columns(curvature, mean, sum_h)] = 0.0
    unit = _inverse_root(curvature + l2)

    def product(v: Array) -> Array:
        d = unit * v.ravel()
        Xd = design.times(columns, d)
        if problem.fit_intercept:
            Xd -= float(mean @ d)
        hXd = design.curved(h, Xd)
        out = design.dot(columns, hXd) + l2 * d
        return unit * (out - mean * hXd.sum() if problem.fit_intercept else out)

    H = LinearOperator((k, k), matvec=product, dtype=np.float64)
    share = float(np.clip(tol / max(np.abs(gradient).max(initial=0.0), 1e-300), 1e-10, 0.1)) if tol else 1e-4
    return -unit * cg(H, unit * gradient, rtol=share, maxiter=1000)[0]


def _inverse_root(diagonal: Array) -> Array:
    """Return ``1 / sqrt(diagonal)``, zero where there is no curvature: such a column does not move.

    In these units every column has curvature one, so that what counts as small does not depend on the columns' units.
    """
    return np.divide(1.0, np.sqrt(diagonal), out=np.zeros(len(diagonal)), where=diagonal > 0.0)


def _solve_semidefinite(G: Array, b: Array) -> Array:
    """Return a solution of ``G x = b`` for a symmetric matrix that may be singular (duplicated columns)."""
    if not len(b) or not np.isfinite(G).all():  # a curvature overflowed: no step, and the line search says so
        return np.zeros_like(b)
    unit = _inverse_root(np.maximum(G.diagonal(), 0.0))
    G, b = unit[:, None] * G * unit, unit * b
    factor, x, info = dposv(G, b)
    if info == 0 and factor.diagonal().min() ** 2 > 1e-13:
        return unit * x
    values, vectors = np.linalg.eigh(G)
    keep = values > 1e-13 * max(values[-1], 0.0)
    return unit * (vectors[:, keep] @ ((b @ vectors[:, keep]) / values[keep]))

r"""Newton steps on the weights in use of several classes, by conjugate gradients: no Hessian per step.

With ``K`` classes the Hessian of ``k`` features in use has ``(K k)^2`` entries and costs ``n (K k)^2 / 2``, its product
with a vector ``2 n K k``. What preconditions:

- dense columns: a Hessian from near by. From one Newton step to the next, and from one strength of a path to the next,
  it hardly changes: one is built now and then, in single precision, and weights that are new since border it;
- sparse columns, which overlap less: the Hessian of each feature alone, all its classes together.

On ten classes of 5,000 images, 2,020 weights in use, the first ends in some five products, the diagonal not in 200.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.linalg import cho_factor, cho_solve

from sparsereg.solvers.conjugate_gradients import conjugate_gradients
from sparsereg.solvers.design import Design
from sparsereg.solvers.outputs import OutputsDesign, spread_pays
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.sparse_design import SparseDesign

if TYPE_CHECKING:
    from sparsereg.solvers.block_residual import Residual

__all__ = ["Kept", "newton_fits", "newton_step"]

Array = np.ndarray

_STEPS, _STALE_STEPS = 50, 16  # of conjugate gradients; with a Hessian from before
_MAX_FACTOR = 6000  # weights: 144 MB
_SHIFT = 1e-5  # of the diagonal: keeps a Hessian in single precision positive
_NEW = 0.2  # share of weights that may be new where a Hessian from before is of use
_SHARE = 0.01  # of the gradient, that conjugate gradients leave
_ENTRIES = 5e7  # of the columns in use, spread out: 600 MB


def newton_fits(problem: Problem, columns: Array) -> bool:
    """Whether sub-problems on some columns have such steps: classes, no bounds, and columns that may be spread out."""
    design = problem.design
    if not isinstance(design, OutputsDesign) or not design.coupled:
        return False
    costs = problem.coordinates
    if not (np.isinf(costs.lower[columns]).all() and np.isinf(costs.upper[columns]).all()):
        return False
    most = _ENTRIES // max(design.base.shape[0], 1)
    return len(columns) <= most or len(np.unique(design.features_and_outputs(columns)[0])) <= most


def newton_step(model: Residual) -> bool:
    """Go to the minimiser over the weights in use with their signs held, in place, as far as that brings it down.

    Returns whether the step went all the way.
    """
    support = _Support(model)
    if len(support.A) == 0:
        return False
    d = -support.solve(_SHARE)
    old, start = model.v[support.A], model.value(model.v, model.V)
    for t in (1.0, 0.5, 0.1):
        new = support.held(old + t * d)
        v, V = model.v.copy(), model.V + support.times(new - old).T
        v[support.A] = new
        if model.value(v, V) < start:
            model.move(v, V)
            return t == 1.0
    return False


class Kept:
    """What the Newton steps of many sub-problems share: columns spread out, and a Hessian's Cholesky factor."""

    def __init__(self) -> None:
        self.spread: Spread | None = None
        self.ids = np.empty(0, dtype=np.int64)
        self.factor: Array = np.empty((0, 0), dtype=np.float32)

    def columns(self, base: Design, features: Array) -> Spread:
        """Return the columns of some features, and perhaps a few others."""
        held = self.spread
        if held is None or not np.isin(features, held.columns).all() or len(held.columns) > 2 * len(features):
            self.spread = held = Spread(base, features)
        return held

    def places(self, ids: Array) -> tuple[Array, Array]:
        """Return which weights the factor covers, and where."""
        if len(self.ids) == 0:
            return np.zeros(len(ids), dtype=bool), np.empty(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        known = self.ids[at] == ids
        return known, at[known]

    def solved(self, B: Array) -> Array:
        """Return the solution with the Hessian that is kept."""
        return cho_solve((self.factor, True), B, check_finite=False)


class _Support:
    """The smooth piece of a sub-problem around its present point: weights that are not zero, and those without kink.

    Weights lie feature after feature, classes within.
    """

    def __init__(self, model: Residual):
        self.model = model
        norm, l1, l2, _, _, bound, unit = model.terms
        v, of = model.v, np.repeat(np.arange(len(norm)), np.diff(model.starts))
        size = np.sqrt(np.add.reduceat(v * v, model.starts[:-1]))
        free = ((norm == 0.0) | (size > 0.0)) & (bound > 0.0)
        A = np.flatnonzero(free[of] & ((v != 0.0) | (l1 == 0.0)))
        ids = model.feature[A] * len(model.H) + model.output[A]
        order = np.argsort(ids)
        self.ids, self.A = ids[order], A[order]
        A = self.A
        self.of = of[A]
        self.sign = np.sign(v[A]) * (l1[A] > 0.0)
        self.output, self.unit = model.output[A], unit[A]
        self.spread = model.kept.columns(model.base, np.unique(model.feature[A]))
        self.place = np.searchsorted(self.spread.columns, model.feature[A])
        self.h = np.ascontiguousarray(model.H.T)
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.where(norm > 0.0, norm / size, 0.0)[self.of]
            self.along = np.where(norm[self.of] > 0.0, v[A] / size[self.of], 0.0)  # the block's unit vector
        self.pull, self.diagonal = pull, pull + l2[A]
        gradient = np.ascontiguousarray(model.gradient().T)
        self.slope = self.dot(gradient) + self.diagonal * v[A] + l1[A] * self.sign

    def held(self, new: Array) -> Array:
        """Return the weights with those at zero that would change sign, and blocks that would turn round."""
        ahead = np.bincount(self.of, weights=self.along * new)[self.of]
        new[(new * self.sign < 0.0) | ((ahead <= 0.0) & (self.pull > 0.0))] = 0.0
        return new

    def times(self, d: Array) -> Array:
        """Return what weights do to the predictors, of shape (n_samples, n_outputs)."""
        D = np.zeros((len(self.spread.columns), self.h.shape[1]))
        D[self.place, self.output] = d / self.unit
        return self.spread.times(D)

    def dot(self, R: Array) -> Array:
        """Return the gradient by weights from that by predictors."""
        return self.spread.dot(R)[self.place, self.output] / self.unit

    def product(self, d: Array) -> Array:
        """Return the Hessian times ``d``; the norm of a block has curvature ``pull (I - u u')``."""
        V = self.times(d)
        V -= (np.einsum("ik,ik->i", self.h, V) * self.model.inverse)[:, None]
        V *= self.h
        inside = np.bincount(self.of, weights=self.along * d)[self.of]
        return self.dot(V) + self.diagonal * d - self.pull * inside * self.along

    def solve(self, share: float) -> Array:
        """Return the solution for the slope to a share of it, or as far as that goes."""
        if sp.issparse(self.spread.X) or len(self.A) > _MAX_FACTOR:
            return conjugate_gradients(self.product, self._by_feature(), self.slope, share, _STEPS)[0]
        stale = self._bordered()
        if stale is not None:
            x, steps = conjugate_gradients(self.product, stale, self.slope, share, _STALE_STEPS)
            if steps < _STALE_STEPS:
                return x
        every = np.arange(len(self.A))
        kept = self.model.kept
        try:
            kept.factor, kept.ids = cho_factor(self._hessian(every), lower=True, overwrite_a=True)[0], self.ids
        except (np.linalg.LinAlgError, ValueError):  # singular beyond single precision, or not finite
            kept.ids = kept.ids[:0]
            return conjugate_gradients(self.product, self._by_feature(), self.slope, share, _STEPS)[0]
        return conjugate_gradients(self.product, kept.solved, self.slope, share, _STEPS)[0]

    def _bordered(self) -> Callable[[Array], Array] | None:
        """Return how to solve with the Hessian that is kept and new weights beside it; None if it is of no use."""
        kept = self.model.kept
        known, at = kept.places(self.ids)
        new = np.flatnonzero(~known)
        if len(new) > _NEW * len(known) or len(at) < (1.0 - _NEW) * len(kept.ids):
            return None
        old = np.flatnonzero(known)

        def of_kept(r: Array) -> Array:
            full = np.zeros(len(kept.ids), dtype=np.float32)
            full[at] = r[old]
            return kept.solved(full)

        if not len(new):  # LAPACK refuses matrices without rows, before SciPy 1.14
            return lambda r: of_kept(r)[at].astype(r.dtype, copy=False)
        B = np.zeros((len(kept.ids), len(new)), dtype=np.float32)
        B[at] = self._between(old, new)
        W = kept.solved(B)
        try:
            factor = cho_factor(self._hessian(new) - B.T @ W, lower=True)
        except (np.linalg.LinAlgError, ValueError):
            return None

        def solve(r: Array) -> Array:
            y = of_kept(r)
            x = np.empty_like(r)
            x[new] = cho_solve(factor, r[new] - B.T @ y, check_finite=False)
            x[old] = (y - W @ x[new])[at]
            return x

        return solve

    def _hessian(self, part: Array) -> Array:
        """Return the Hessian of some weights in single precision."""
        M = self._between(part, part)
        place, of = self.place[part], self.of[part]
        for row in np.split(np.arange(len(part)), np.flatnonzero(np.diff(place)) + 1):
            along = np.where(of[row][:, None] == of[row], self.along[part[row]], 0.0)
            M[np.ix_(row, row)] -= (self.pull * self.along)[part[row]][:, None] * along
        M[np.diag_indices(len(part))] = (M.diagonal() + self.diagonal[part]) * (1.0 + _SHIFT)
        return M

    def _between(self, left: Array, right: Array) -> Array:
        """Return ``X_left' H X_right`` in single precision."""
        h, inverse = self.h, self.model.inverse
        M = np.empty((len(left), len(right)), dtype=np.float32)
        of_left, of_right = self._by_output(left), self._by_output(right)
        same = left is right
        for a, (here, columns) in enumerate(of_left):
            for b, (there, others) in enumerate(of_right[: a + 1] if same else of_right):
                if not len(here) or not len(there):
                    continue
                weight = -h[:, a] * h[:, b] * inverse + (h[:, a] if a == b else 0.0)
                root = np.sqrt(np.abs(weight)).astype(np.float32)[:, None]
                part = columns * root
                part = part.T @ (part if columns is others or np.array_equal(columns, others) else others * root)
                M[np.ix_(here, there)] = part if a == b else -part
                if same and a != b:
                    M[np.ix_(there, here)] = M[np.ix_(here, there)].T
        return M

    def _by_output(self, part: Array) -> list[tuple[Array, Array]]:
        """Return for each output which of some weights it has, and their columns."""
        found: list[tuple[Array, Array]] = []
        held: dict[bytes, Array] = {}
        for k in range(self.h.shape[1]):
            mine = np.flatnonzero(self.output[part] == k)
            places = self.place[part[mine]]
            unit = self.unit[part[mine]].astype(np.float32)
            key = places.tobytes() + unit.tobytes()
            if key not in held:
                held[key] = self.spread.single[:, places] / unit
            found.append((mine, held[key]))
        return found

    def _by_feature(self) -> Callable[[Array], Array]:
        """Return how to solve with the Hessian of each feature alone, that of its outputs whole."""
        first = np.flatnonzero(np.diff(self.place, prepend=-1))
        size = np.diff(first, append=len(self.A))
        solved = []
        for d in np.unique(size):
            rows = first[size == d][:, None] + np.arange(d)
            solved.append((rows, np.linalg.inv(np.array([self._feature_hessian(row) for row in rows]))))

        def solve(r: Array) -> Array:
            x = np.empty_like(r)
            for rows, inverse in solved:
                x[rows] = np.einsum("bij,bj->bi", inverse, r[rows])
            return x

        return solve

    def _feature_hessian(self, row: Array) -> Array:
        """Return the Hessian of the weights of one feature."""
        rows, x = self.spread.column(self.place[row[0]])
        h = self.model.H[self.output[row]][:, rows] * x
        H = np.diag(h @ x) - (h * self.model.inverse[rows]) @ h.T
        H /= np.outer(self.unit[row], self.unit[row])
        same = self.of[row][:, None] == self.of[row]
        H -= np.where(same, np.outer(self.pull[row] * self.along[row], self.along[row]), 0.0)
        H[np.diag_indices(len(row))] += self.diagonal[row]
        H[np.diag_indices(len(row))] *= 1.0 + _SHIFT
        return H


class Spread:
    """Some columns of a design, -1 a column of ones, for products with several outputs at once."""

    def __init__(self, base: Design, columns: Array):
        self.columns = columns
        ones = len(columns) > 0 and columns[0] < 0
        used = columns[1:] if ones else columns
        n, k = base.shape[0], len(used)
        if isinstance(base, SparseDesign) and not spread_pays(base, k):
            part = base.take_columns(used)
            X = sp.csc_array((part.data, part.rows, part.starts), shape=(n, k))
            self.X = sp.hstack([np.ones((n, 1)), X], format="csc") if ones else X
        else:
            X = base.dense_columns(used)
            self.X = np.asfortranarray(np.column_stack([np.ones(n), X]) if ones else X)
            self.single = self.X.astype(np.float32)

    def times(self, D: Array) -> Array:
        """Return ``X D``."""
        return self.X @ D

    def dot(self, R: Array) -> Array:
        """Return ``X' R``."""
        return self.X.T @ R

    def column(self, place: int) -> tuple[Array | slice, Array]:
        """Return the rows and values of a column."""
        if not sp.issparse(self.X):
            return slice(None), self.X[:, place]
        entries = slice(*self.X.indptr[place : place + 2])
        return self.X.indices[entries], self.X.data[entries]

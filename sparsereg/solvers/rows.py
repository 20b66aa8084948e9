r"""The quadratic sub-problem of tasks: all outputs share one Gram matrix, and a row of weights is a block.

    minimise over V    1/2 tr (V - W)' G (V - W) + <Z, V - W> + sum_j norm_j |V_j| + l2_j |V_j|^2 / 2

with ``G`` of the working set's features, a row and a column per feature, however many tasks there are.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from sparsereg.penalties import BlockPenalty
from sparsereg.solvers._kernels.blocks import gram_rows
from sparsereg.solvers.conjugate_gradients import conjugate_gradients
from sparsereg.solvers.design import flat_columns
from sparsereg.solvers.gram_descent import MAX_SUPPORT, alternate
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.quadratic import QuadraticModel, Step, Stretch

__all__ = ["RowsModel", "share_gram"]

Array = np.ndarray

_CONJUGATE_STEPS = 30  # of conjugate gradients in a Newton step: the preconditioner lacks a rank-one term per row only
_MAX_ROWS = 10_000  # rows of the Gram matrix: 800 MB


def share_gram(problem: Problem) -> bool:
    """Whether all outputs have the same quadratic and the penalty binds whole rows or nothing."""
    design, penalty = problem.design, problem.penalty
    if not isinstance(design, OutputsDesign) or not isinstance(penalty, BlockPenalty) or not problem.loss.quadratic:
        return False
    unbounded = np.isinf(penalty.lower) & np.isinf(penalty.upper) | penalty.excluded
    return not penalty.l1.any() and bool(unbounded.all()) and bool((penalty.scale == 1.0).all())


class RowsModel(QuadraticModel):
    """Sub-problems of tasks; the interface is that of `QuadraticModel`."""

    def minimise(
        self, w: Array, g: Array, h: Array, z: Array, columns: Array, tol: float, stretch: Stretch | None = None
    ) -> Step:
        """Return the step to the minimiser over some whole rows."""
        design, penalty = self.problem.design, self.problem.penalty
        assert isinstance(design, OutputsDesign)
        assert isinstance(penalty, BlockPenalty)
        K, m = design.n_outputs, design.base.shape[1]
        features, first = np.unique(columns % m, return_index=True)
        features = features[np.argsort(first)]
        G = self._rows_gram(design, features, h[: design.base.shape[0]])
        every = features[:, None] + m * np.arange(K)
        model = _Rows(G, penalty.norm[penalty.block.of[features]], penalty.l2[features])
        old = w[every]
        new, gradient = old.copy(), z[every]
        epochs = alternate(
            new[:, 0],
            lambda n: gram_rows(G, gradient, new, model.norm, model.l2, n, tol),
            lambda: model.newton(new, gradient),
            tol,
            self._max_epochs,
        )
        place = np.empty(m, dtype=np.int64)
        place[features] = np.arange(len(features))
        coef = new[place[columns % m], columns // m]
        d = coef - w[columns]
        return Step(columns, coef, d, design.change(columns, d), 0.0, epochs)

    def _rows_gram(self, design: OutputsDesign, features: Array, s: Array) -> Array:
        """Return the Gram matrix of some features; what is known already is kept."""
        known, k = len(self.columns), len(features)
        if not np.array_equal(self.columns, features[:known]):
            known = 0
        if known == k and k > 0:
            return self._gram
        if k > _MAX_ROWS:
            raise MemoryError(f"a solution with {k} features and more needs another solver: increase alpha")
        G = np.empty((k, k))
        G[:known, :known] = self._gram[:known, :known]
        mean = design.centre[features]
        design.base.gram(features, s, mean, known, G)
        flat = flat_columns(G.diagonal(), mean, 1.0)
        G[flat, :] = G[:, flat] = 0.0
        self.columns, self._gram = features, G
        return G


class _Rows:
    """The quadratic in rows with their penalty: what a Newton step needs."""

    def __init__(self, G: Array, norm: Array, l2: Array):
        self.G, self.norm, self.l2 = G, np.ascontiguousarray(norm), np.ascontiguousarray(l2)

    def newton(self, W: Array, gradient: Array) -> bool:
        """Take a Newton step on the rows in use, in place; return whether it went all the way.

        The Hessian ``G + diag(l2 + norm / |W_j|)`` is the same for all outputs but for ``- norm / |W_j| u_j u_j'``,
        ``u_j = W_j / |W_j|``: without it one Cholesky factor serves all of them, as preconditioner of conjugate
        gradients on the whole.
        """
        size = np.sqrt(np.einsum("jk,jk->j", W, W))
        A = np.flatnonzero(((size > 0.0) | (self.norm == 0.0)) & (self.G.diagonal() > 0.0))
        if not 0 < len(A) <= MAX_SUPPORT:
            return False
        old, G_A = W[A], self.G[np.ix_(A, A)]
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.where(self.norm[A] > 0.0, self.norm[A] / size[A], 0.0)
            U = np.where(self.norm[A][:, None] > 0.0, old / size[A][:, None], 0.0)
        diagonal = self.l2[A] + pull
        slope = gradient[A] + diagonal[:, None] * old
        H = G_A + np.diag(diagonal)
        unit = 1.0 / np.sqrt(H.diagonal())
        H = H * np.outer(unit, unit)
        H[np.diag_indices(len(A))] = 1.0 + 1e-12
        try:
            factor = cho_factor(H, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return False

        def precondition(R: Array) -> Array:
            return unit[:, None] * cho_solve(factor, unit[:, None] * R, check_finite=False)

        def product(D: Array) -> Array:
            along = pull * np.einsum("jk,jk->j", U, D)
            return G_A @ D + diagonal[:, None] * D - along[:, None] * U

        D = -conjugate_gradients(product, precondition, slope, 1e-6, _CONJUGATE_STEPS)[0]

        def value(V: Array, G_move: Array) -> float:
            move = V - old
            smooth = float(np.sum((gradient[A] + 0.5 * G_move) * move))
            squares = 0.5 * float(self.l2[A] @ (np.einsum("jk,jk->j", V, V) - size[A] ** 2))
            return smooth + squares + float(self.norm[A] @ (np.sqrt(np.einsum("jk,jk->j", V, V)) - size[A]))

        G_D = G_A @ D
        for t in (1.0, 0.5, 0.1):
            if value(old + t * D, t * G_D) < 0.0:
                W[A] += t * D
                gradient += self.G[:, A] @ (t * D)
                return t == 1.0
        return False

r"""Tall data and a quadratic loss: the Gram matrix of all columns is made once, and no strength reads X again.

With the intercept minimised out, ``F(w) = F_0 + z_0.w + w'Gw / 2`` where ``G = X_c' diag(s) X_c`` for centred columns,
and ``z_0``, ``F_0`` are gradient and loss at ``w = 0``. Everything follows from these: the gradient ``z = z_0 + G w``
and the certificate, for the loss part at the dual point ``c g`` is ``(1 - c)^2 F(w)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.penalties import BoundPenalty, ConcavePenalty, SeparablePenalty
from sparsereg.solvers.certificate import Certificate, certificate_of_parts, certificates_of_rows
from sparsereg.solvers.design import flat_columns
from sparsereg.solvers.homotopy import Homotopy
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.quadratic import Stretch, minimise_gram
from sparsereg.solvers.reference import Reference

__all__ = ["NormalEquations", "normal_equations_pay"]

Array = np.ndarray

_MAX_COLUMNS = 4000  # 128 MB
_MAX_EPOCHS = 20_000
_AT_ONCE = 16  # strengths
_DROWNED = 1e6


def normal_equations_pay(problem: Problem, n_strengths: int) -> bool:
    """Whether a Gram matrix of all columns costs less than the passes over X that it saves.

    Each strength saves at least one product with X and one with its transpose, 2 multiplications per entry. Fewer rows
    than columns are left to working sets: there the matrix is larger than X.
    """
    n, m = problem.design.shape
    several = isinstance(problem.design, OutputsDesign)  # they share a matrix that is smaller by their number squared
    known = problem.penalty.convex or isinstance(problem.penalty, ConcavePenalty)
    if several or not (problem.loss.quadratic and known) or not 0 < m <= min(n, _MAX_COLUMNS):
        return False
    return problem.design.gram_cost(m) <= 2.0 * problem.design.entries(m) * n_strengths


class NormalEquations:
    """The state of a run: the matrix, and the point with its gradient. The interface is that of `ProxNewton`.

    Not to be used unless `accurate`.
    """

    def __init__(self, problem: Problem, reference: Reference, tol: float):
        design, s = problem.design, problem.weights
        m = design.shape[1]
        columns = np.arange(m)
        self.problem, self.reference, self.tol = problem, reference, tol
        g = s * ((problem.offset if problem.offset is not None else 0.0) - problem.y)
        self.b0 = -float(g.sum()) if problem.fit_intercept else 0.0
        g += s * self.b0
        self.mean = design.dot(columns, s) if problem.fit_intercept else np.zeros(m)
        self.G = np.empty((m, m))
        design.gram(columns, s, self.mean, 0, self.G)
        flat = flat_columns(self.G.diagonal(), self.mean, 1.0)
        self.G[flat, :] = self.G[:, flat] = 0.0
        # A Gram matrix that is centred after it is summed, as that of a sparse X, loses (mean / sd)^2 of its digits.
        curvature = self.G.diagonal()
        drowned = (self.mean**2 > _DROWNED * curvature)[curvature > 0.0].any()
        # A column that is flat to rounding has no gradient here; so it must be constant indeed.
        self.accurate = not drowned and all(np.ptp(design.dense_columns(flat[[k]])) == 0.0 for k in range(len(flat)))
        # Without unpenalised columns the null model is the one at zero.
        self.z0 = design.rmatvec(g) if reference.null.w.any() else reference.gradient.copy()
        self.z0[flat] = 0.0
        self.F0 = 0.5 * float(np.sum(np.divide(g * g, s, out=np.zeros_like(g), where=s > 0.0)))
        self.w, self.moved = reference.null.w.copy(), False
        self._evaluate()

    @property
    def b(self) -> float:
        """The intercept that is best for the weights."""
        return self.b0 - float(self.mean @ self.w)

    def _evaluate(self) -> None:
        used = np.flatnonzero(self.w != 0.0)
        Gw = self.w[used] @ self.G[used]
        self.z = self.z0 + Gw
        self.F = max(self.F0 + float((self.z0 + 0.5 * Gw) @ self.w), 0.0)

    def move_to(self, problem: Problem, ahead: BoundPenalty, stretch: Stretch | None = None) -> None:
        """Go on from here at another strength."""
        self.problem, self.moved = problem, True

    def follow(self, homotopy: Homotopy, last: float, alphas: Array) -> list[Solution]:
        """Return the solutions at the first of some strengths below `last`, at which this stands, as far as they hold.

        From breakpoint to breakpoint, where the path is piecewise linear: columns cannot be missing.
        """
        stops = alphas[alphas > 0.0][:_AT_ONCE]
        W, events = homotopy.visit(self.G, np.arange(len(self.w)), self.w, self.z, last, stops)
        if not len(W):
            return []
        used = np.flatnonzero(W.any(axis=0))  # of 4,000 sparse columns some 30: all of them would take 19 ms for 0.1
        GW = W[:, used] @ self.G[used]
        F = np.maximum(self.F0 + np.einsum("kj,kj->k", self.z0 + 0.5 * GW, W), 0.0)
        penalty = SeparablePenalty.along(self.problem.at(1.0).coordinates, stops[: len(W)])
        infimum, polished = self.problem.infimum, self.reference.polished
        certs = certificates_of_rows(
            penalty, W, self.z0 + GW, F, lambda k, c: (1.0 - c) ** 2 * float(F[k]), infimum, polished
        )
        found: list[Solution] = []
        for w, b, n_events, cert in zip(W, self.b0 - W @ self.mean, events, certs, strict=True):
            journal = Journal(self.problem, self.reference, self.tol)
            journal.working(len(w), int(n_events), 1.0)
            status = journal.note(cert, w, b)
            if status != "converged":
                break
            found.append(journal.solution(w, b, cert, status))
        if found:
            self.problem, self.w = self.problem.at(float(stops[len(found) - 1])), W[len(found) - 1]
            self._evaluate()
        return found

    def until(self, max_iter: int, callback: Callable[[Progress], None] | None = None) -> Solution:
        """Minimise to ever smaller tolerances until converged, stalled or `max_iter`."""
        journal = Journal(self.problem, self.reference, self.tol, callback)
        inner = 0.01 * min(self.tol, 1.0)
        worst = float(self.problem.penalty.violation(self.w, self.z).max(initial=0.0)) if self.moved else 0.0
        self.moved = False
        if worst > self._finest:  # at another strength: a certificate would only say that there is something to do
            self._minimise(inner * worst, journal)
        while True:
            cert = self._certificate()
            status = journal.note(cert, self.w, self.b)
            if status or journal.n_iter >= max_iter:
                return journal.solution(self.w, self.b, cert, status or "max_iter")
            self._minimise(inner * cert.violation, journal)
            inner *= 0.1

    @property
    def _finest(self) -> float:
        """No violation below can be told from rounding."""
        return 1e-15 * self.reference.unit

    def _minimise(self, tol: float, journal: Journal) -> None:
        tol = max(tol, self._finest)
        old, columns = self.w, np.arange(len(self.w))
        self.w, epochs = minimise_gram(self.problem, columns, self.G, self.z, old, tol, _MAX_EPOCHS)
        journal.working(len(old), epochs, float((self.w != old).any()))
        self._evaluate()

    def _certificate(self) -> Certificate:
        return certificate_of_parts(
            self.problem, self.w, self.z, self.F, lambda c: (1.0 - c) ** 2 * self.F, self.reference.polished
        )

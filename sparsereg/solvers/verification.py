r"""Many points of one quadratic problem, each at a strength of its own, certified by one product with ``X'``.

A product with several vectors reads X once for all of them: 57 x 4088 entries take 60 microseconds for one vector and
20 for each of eight; 1.8 million sparse ones 2.1 milliseconds and 0.5. What is certified does not change:
`certificates_of_rows` is given the gradient on the columns that were candidates and on those where, of any point, it is
too large. A column at zero whose gradient stays below its ``l1_j`` violates nothing and adds nothing to a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sparsereg.penalties import SeparablePenalty
from sparsereg.solvers.certificate import Certificate, certificates_of_rows, fenchel_young, with_intercept
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.null_model import Point, balanced, polish, unpenalised_columns
from sparsereg.solvers.problem import Problem, Solution
from sparsereg.solvers.reference import Reference

__all__ = ["Verified", "Verifier"]

Array = np.ndarray

_BLOCK = 1 << 20  # entries of a block of gradients or residuals: 8 MB
_MISSED = 1e-9  # of the null gradient: a violation by a column that was no candidate


class Verified(NamedTuple):
    """A point with its certificate.

    Attributes
    ----------
    solution : Solution
    point : Point
        Its weights are those of the candidates, in their order.
    z : ndarray of shape (m,)
        The gradient on all columns.
    missing : ndarray of int
        The columns that were no candidates and violate their condition.
    """

    solution: Solution
    point: Point
    z: Array
    missing: Array


class Verifier:
    """Certifies points of one problem whose path is piecewise linear in the strength.

    Parameters
    ----------
    problem : Problem
        At any strength.
    reference : Reference
    tol : float
        Relative duality gap.
    """

    def __init__(self, problem: Problem, reference: Reference, tol: float):
        unit = problem.at(1.0)
        self.problem, self.reference, self.tol = problem, reference, tol
        self.free = unpenalised_columns(unit)
        self._costs = unit.coordinates
        l1, _, lower, upper, _ = self._costs
        self._up, self._down = np.where(upper > 0.0, l1, np.inf), np.where(lower < 0.0, l1, np.inf)
        self._symmetric = np.array_equal(self._up, self._down)

    @property
    def rows(self) -> int:
        """How many points are certified at once."""
        return max(1, _BLOCK // max(self.problem.design.shape))

    def beyond(self, z: Array, alpha: float) -> Array:
        """Return the columns whose weights would leave zero under these gradients at a strength."""
        limit = self._up if self._symmetric else np.where(z > 0.0, self._down, self._up)
        return np.flatnonzero(np.abs(z) > alpha * limit)

    def verify(self, columns: Array, alphas: Array, W: Array, events: Array | None = None) -> Iterator[Verified]:
        """Yield the points at some strengths with their certificates.

        Parameters
        ----------
        columns : ndarray of shape (c,)
            The candidates; all other weights are zero.
        alphas : ndarray of shape (k,)
        W : ndarray of shape (k, c)
            Weights of the candidates at each strength.
        events : ndarray of shape (k,), default=None
            What the solver did for each, for the journal; one each by default.
        """
        events = np.ones(len(alphas), dtype=np.int64) if events is None else events
        for first in range(0, len(alphas), self.rows):
            part = slice(first, first + self.rows)
            yield from self._verified(columns, alphas[part], W[part], events[part])

    def _verified(self, columns: Array, alphas: Array, W: Array, events: Array) -> Iterator[Verified]:
        """Yield what `verify` does, by one product with ``X'``."""
        points = self._polished(columns, alphas, W)
        eta, g = (np.array([getattr(point, name) for point in points]) for name in ("eta", "g"))
        Z = self.problem.design.dot_many(None, g)
        beyond = np.zeros(Z.shape[1], dtype=bool)
        for alpha, z in zip(alphas, Z, strict=True):
            beyond[self.beyond(z, alpha)] = True
        beyond[columns] = False
        late = np.flatnonzero(beyond)
        near = np.concatenate([columns, late])
        order = np.argsort(near)
        near = near[order]
        W = np.concatenate([[point.w for point in points], np.zeros((len(points), len(late)))], axis=1)[:, order]
        certs = self._certificates(near, alphas, W, Z[:, near], eta, g)
        for point, w, z, cert, n_events in zip(points, W, Z, certs, events, strict=True):
            missing = near[(cert.violations > _MISSED * self.reference.unit) & beyond[near]]
            journal = Journal(self.problem, self.reference, self.tol)
            journal.working(len(columns), int(n_events), 1.0)
            status = journal.note(cert, w, point.b) or "stalled"
            yield Verified(journal.solution(w, point.b, cert, status, near), point, z, missing)

    def _certificates(
        self, columns: Array, alphas: Array, W: Array, Z: Array, eta: Array, g: Array
    ) -> list[Certificate]:
        """Return the certificate of each point, by the columns that matter."""
        problem, polished = self.problem, self.reference.polished
        certs = certificates_of_rows(
            SeparablePenalty.along(self._costs.take(columns), alphas),
            W,
            Z,
            np.array([problem.loss_value(predicted) for predicted in eta]),
            lambda k, c: fenchel_young(problem, eta[k], g[k], c),
            problem.infimum,
            None if polished is None else polished[columns],
        )
        return [with_intercept(problem, cert, point) for cert, point in zip(certs, g, strict=True)]

    def _polished(self, columns: Array, alphas: Array, W: Array) -> list[Point]:
        """Return the points with their best intercepts, and unpenalised weights rid of the last rounding."""
        problem = self.problem
        used = np.flatnonzero(W.any(axis=0))
        eta = np.ascontiguousarray(problem.design.times_many(columns[used], np.ascontiguousarray(W[:, used].T)).T)
        if problem.offset is not None:
            eta += problem.offset
        if len(self.free):
            return [self._polished_weights(columns, *point) for point in zip(alphas, W, eta, strict=True)]
        g, h = problem.gradient_hessian(eta)
        b = np.zeros(len(eta))
        if problem.fit_intercept:
            b, g = balanced(g, h)
            eta += b[:, None]
        return [Point(*point) for point in zip(W, b.tolist(), eta, g, h, strict=True)]

    def _polished_weights(self, columns: Array, alpha: float, w: Array, eta: Array) -> Point:
        everywhere = np.zeros(self.problem.design.shape[1])
        everywhere[columns] = w
        point = polish(self.problem.at(alpha), everywhere, 0.0, eta, self.free)
        return point._replace(w=everywhere[columns])

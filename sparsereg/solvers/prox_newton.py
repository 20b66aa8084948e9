r"""Proximal Newton on working sets: the solver for every loss with curvature and every separable penalty.

Each outer iteration: gradient on all columns; certificate; working set from the violations; minimise the quadratic
model on it; line search. For squared loss the model is the problem, so the line search is skipped and an outer
iteration only verifies, or widens, the working set.

J. Lee, Y. Sun and M. Saunders, *Proximal Newton-type methods for minimizing composite functions*, SIAM J. Optim. 24
(2014); working sets as in T. Johnson and C. Guestrin, *Blitz*, ICML 2015.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsereg.penalties import BlockPenalty, BoundPenalty
from sparsereg.solvers.certificate import Certificate, certificate
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.newton_steps import FEW, ROUNDING, Local, NewtonSteps
from sparsereg.solvers.null_model import Point, polish
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.quadratic import Stretch, use_gram
from sparsereg.solvers.recession import has_no_minimum, separates
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.screening import Screen
from sparsereg.solvers.working_set import working_set

__all__ = ["ProxNewton", "prox_newton"]

Array = np.ndarray

_FIRST_SET = 100
_ALL_AT_ONCE = 256  # columns: below, working sets save less than their bookkeeping costs
_SMALL = 2e5  # entries: a Gram matrix per Newton step is then cheaper than another look at all columns
_LOOK = 10  # outer iterations between two looks whether there is a minimum at all
# The least part of a violation that sub-problems leave while columns may be missing. On a path hardly any is: digits
# save a pass over all columns (100 strengths on text: 104 passes for 138, on a9a 100 for 177).
_FINEST, _FINEST_AHEAD, _FULL = 1e-2, 1e-6, 1e-8


def prox_newton(
    problem: Problem,
    start: tuple[Array, float] | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 100,
    callback: Callable[[Progress], None] | None = None,
) -> Solution:
    """Minimise a `Problem` with a separable penalty; parameters and result are those of `sparsereg.solvers.solve`."""
    run = ProxNewton(problem, Reference.of(problem), tol, start)
    # Classes leave a gap of 1e-8 with weights good to four digits only: a step more, where it is cheap, gives all.
    run.refine = problem.loss.curvature == "softmax"
    return run.until(max_iter, callback)


class ProxNewton(NewtonSteps):
    """The state of a run: the point, its derivatives, and what is kept between outer iterations and along a path."""

    ahead: BoundPenalty | None
    screen: Screen | None = None
    limit: Array
    cold: bool  # whether to begin at the null model: there the tangent, the lasso, shows the way to better minima
    refine: bool = False  # whether to take one more step, to full precision, after the tolerance is met

    def __init__(self, problem: Problem, reference: Reference, tol: float, start: tuple[Array, float] | None = None):
        super().__init__(problem, reference, *Journal(problem, reference, tol).start(start))
        self.tol = tol
        self.keep = np.empty(0, dtype=np.int64)
        self.cold = start is None
        self.rate = 0.0  # gap per violation, where the last strength was left
        self._divide(problem)
        self._begin(problem)
        self.limit = 0.9 * _thresholds(problem, problem.penalty)
        null = reference.null
        self.known = (null.g, null.h, reference.gradient) if start is None else None

    def move_to(self, problem: Problem, ahead: BoundPenalty, stretch: Stretch | None = None) -> None:
        """Go on from here at another strength: the point, its gradient and the Gram matrix stay.

        The first working set holds the columns that violate the penalty `ahead`, as far below the new strength as that
        is below the old one: where gradients move no faster than the strength, none is missing (the sequential strong
        rule; R. Tibshirani et al., JRSS B 74 (2012), 245-266). A full pass verifies it. A `stretch` says that the
        path up to here is piecewise linear.
        """
        self._begin(problem)
        self.cold = False
        self.ahead, self.finest, self.stretch = ahead, _FINEST_AHEAD, stretch
        if self.screen is not None:
            # Of the columns below, none will be wanted at the next strength, which is about as far ahead again.
            here, further = _thresholds(problem, problem.penalty), _thresholds(problem, ahead)
            self.limit = np.minimum(2.0 * further - here, 0.9 * here)

    def go_on(self, problem: Problem) -> None:
        """Go on at a strength at which this has arrived already, but not for all columns."""
        self._begin(problem)
        self.finest = _FINEST_AHEAD
        if self.screen is not None:
            self.limit = 0.9 * _thresholds(problem, problem.penalty)

    def arrive(self, problem: Problem, w: Array, point: Point, z: Array) -> None:
        """Go on from a certified optimum that was found elsewhere: its weights, derivatives and gradient."""
        self.problem, self.w, self.b, self.eta = problem, w, point.b, point.eta
        self.known, self.rate = (point.g, point.h, z), 0.0
        if self.screen is not None:
            self.screen.know(point.g, z)

    def _divide(self, problem: Problem) -> None:
        """Note which weights have kinks, bounds and costs; at no strength of a path but zero is that another."""
        m = problem.design.shape[1]
        excluded = problem.penalty.excluded
        self.movable = np.arange(m) if excluded is None else np.flatnonzero(~excluded)
        kinkless = problem.penalty.kinkless
        self.kinkless = self.movable[kinkless[self.movable]] if kinkless.any() else np.empty(0, dtype=np.int64)
        self.everything = problem.penalty.smooth or _at_once(problem, m)

    def _begin(self, problem: Problem) -> None:
        self.problem = problem
        self.distance = 1.0  # to the optimum: violation in units of the null gradient
        self.inner = 0.3  # the part of the violation that sub-problems leave
        self.strictness = 1.0  # times that, where it proves too much to leave
        self.solved, self.last = np.empty(0, dtype=np.int64), np.inf
        self.ahead, self.stretch, self.finest = None, None, _FINEST

    def until(self, max_iter: int, callback: Callable[[Progress], None] | None = None) -> Solution:
        """Run outer iterations until converged, stalled or `max_iter`."""
        problem, unit = self.problem, self.reference.unit
        self.journal = journal = Journal(problem, self.reference, self.tol, callback)
        foreseen = self._foreseen()
        predicts = self.swift = foreseen is not None and not problem.loss.quadratic and problem.penalty.convex
        start = (self.w.copy(), self.b) if predicts else None
        while True:
            g, h, z = self._gradient()
            if foreseen is not None:
                cert, foreseen = foreseen, None
            else:
                cert = self._certificate(g, z)
                status = journal.note(cert, self.w, self.b)
                if status == "converged" and self.refine and np.count_nonzero(self.w) <= FEW and cert.gap > 0.0:
                    self.refine, status, self.finest = False, "", _FULL
                if status or separates(problem, self.w, self.b):
                    break
                if journal.n_iter % _LOOK == _LOOK - 1 and has_no_minimum(problem, self.w, self.b):
                    break
                if journal.n_iter >= max_iter:
                    status = "max_iter"
                    break
            self.majorise(tangent=self.cold)
            self.cold = False
            columns = self._working_set(cert, z)
            self._schedule(cert)
            self.distance = cert.violation / unit if unit > 0.0 else 1.0
            # Below rounding a sub-problem would never end.
            accuracy = max(self.inner * cert.violation, ROUNDING * unit)
            here, self.known = Local(g, h, z, cert.violation), None
            if predicts:
                here = self.predict(columns, here)
            predicts = False
            if here.violation > accuracy:
                self.newton_steps(columns, here, accuracy)
            self.solved, self.last = columns, cert.violation
            self.eta = problem.eta(self.w, self.b)  # updates leave rounding behind
        self.before = start
        # Close to an optimum the gap is proportional to the violation, by a factor that changes little along a path.
        self.rate = cert.gap / cert.violation if 0.0 < cert.gap < np.inf and cert.violation > 0.0 else 0.0
        return journal.solution(self.w, self.b, cert, status)

    def _foreseen(self) -> Certificate | None:
        """Return what a certificate would say where a path arrives at a new strength, None where one must be computed.

        There it would only tell how fine the first sub-problem has to be, which the last strength tells as well: paths
        of 100 strengths take a tenth less time without.
        """
        if self.ahead is None or self.rate == 0.0 or self.known is None:
            return None
        z = self.known[2]
        scores = self._violations(self.ahead, z)
        columns = np.flatnonzero(scores > 0.0)
        worst = float(self.problem.penalty.take(columns).violation(self.w[columns], z[columns]).max(initial=0.0))
        if worst == 0.0:
            return None
        self.ahead = None
        return Certificate(np.nan, np.nan, self.rate * worst, worst, scores)

    def _gradient(self) -> tuple[Array, Array, Array]:
        """Polish what is not penalised and return ``g, h, z``, as long as the point stays where it is at no cost."""
        if self.known is None:
            self.w, self.b, self.eta, g, h = polish(self.problem, self.w, self.b, self.eta, self.free)
            screen, design = self.screen, self.problem.design
            self.known = g, h, design.rmatvec(g) if screen is None else screen.gradient(g, self.limit, self.w)
        return self.known

    def _certificate(self, g: Array, z: Array) -> Certificate:
        """Certify the point, by the columns that the screen lets through."""
        near, polished = self._near, self.reference.polished
        if near is None:
            return certificate(self.problem, self.w, self.eta, g, z, polished)
        problem = self.problem.under(self.problem.penalty.take(near))
        polished = None if polished is None else polished[near]
        cert = certificate(problem, self.w[near], self.eta, g, z[near], polished)
        return cert._replace(violations=self._spread(cert.violations))

    def _violations(self, penalty: BoundPenalty, z: Array) -> Array:
        near = self._near
        if near is None:
            return penalty.violation(self.w, z)
        return self._spread(penalty.take(near).violation(self.w[near], z[near]))

    def _spread(self, values: Array) -> Array:
        spread = np.zeros(len(self.w))
        spread[self._near] = values
        return spread

    @property
    def _near(self) -> Array | None:
        return None if self.screen is None else self.screen.near

    def _working_set(self, cert: Certificate, z: Array) -> Array:
        """Return the next working set; with a cached Gram matrix it only grows."""
        problem = self.model.problem
        m = problem.design.shape[1]
        if self.everything:
            return self.movable
        penalty = problem.penalty
        support = np.flatnonzero(self.w != 0.0)
        if len(self.kinkless):
            support = np.union1d(support, self.kinkless)
        support = penalty.whole(support)
        keep = support
        if self.model.gram_grows(self.keep):
            outside = np.ones(m, dtype=bool)
            outside[self.keep] = False
            keep = np.concatenate([self.keep, support[outside[support]]])
        room = max(_FIRST_SET, len(support), 2 * len(support) - len(keep))
        scores = cert.violations
        if self.ahead is not None:
            scores, self.ahead = self._violations(self.ahead, z), None
            room = max(_FIRST_SET, 2 * len(support) - len(keep))  # what a forecast adds is carried from then on
        columns = working_set(scores, keep, len(keep) + room)
        columns = np.concatenate([keep, penalty.whole(columns[len(keep) :])])
        self.keep = columns
        return columns

    def _schedule(self, cert: Certificate) -> None:
        """Tie the accuracy of the sub-problem to what is left: loose while columns are missing, tight at the end."""
        target = self.tol * self.reference.scale
        self.inner = 0.3 if self.journal.idle == 0 else 1e-3
        at_once = self.problem.loss.quadratic and self.everything  # nothing is missing: solve it once and for all
        if np.isnan(cert.gap):  # it is the violation that must come down
            left = 0.3 * self.tol * self.reference.unit / cert.violation
            self.inner = min(self.inner, max(left, 0.0 if at_once else self.finest))
        elif at_once:
            self.inner = min(self.inner, 0.01 * self.tol)
        elif np.isfinite(cert.gap) and cert.gap > 0.0:
            expected = max(cert.gap, self.rate * cert.violation)
            self.inner = min(self.inner, float(np.clip(0.3 * target / expected, self.finest, 0.3)))
            self.inner = _FULL if self.finest == _FULL else self.inner
        # A working set as far off as before was left too early: for its columns in small units the tolerance is coarse.
        left = cert.violations[self.solved].max(initial=0.0)
        self.strictness = (
            max(0.1 * self.strictness, 1e-8) if left > 0.5 * self.last else min(1.0, 10.0 * self.strictness)
        )
        self.inner *= self.strictness


def _thresholds(problem: Problem, penalty: BoundPenalty) -> Array:
    """Return how large gradients of weights at zero may be, per column or, of a norm, per group."""
    return penalty.norm if isinstance(penalty, BlockPenalty) else problem.under(penalty).coordinates.l1


def _at_once(problem: Problem, m: int) -> bool:
    """Whether to solve over all columns from the start: few of them, and a Gram matrix built once or small."""
    cheap = problem.loss.quadratic or problem.design.entries(m) <= _SMALL
    return m <= _ALL_AT_ONCE and cheap and use_gram(problem.design, m, 0)

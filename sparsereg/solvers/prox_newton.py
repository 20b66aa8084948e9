r"""Proximal Newton on working sets: the solver for every loss with curvature and every separable penalty.

Each outer iteration: gradient on all columns; certificate; working set from the violations; minimise the quadratic
model on it; line search. For squared loss the model is the problem, so the line search is skipped and an outer
iteration only verifies, or widens, the working set.

J. Lee, Y. Sun and M. Saunders, *Proximal Newton-type methods for minimizing composite functions*, SIAM J. Optim. 24
(2014); working sets as in T. Johnson and C. Guestrin, *Blitz*, ICML 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparsereg.penalties import BoundPenalty, ConcavePenalty
from sparsereg.solvers.certificate import Certificate, certificate
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.line_search import line_search
from sparsereg.solvers.null_model import Point, floored, polish, unpenalised_columns
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem, Progress, Solution
from sparsereg.solvers.quadratic import QuadraticModel, Step, Stretch, use_gram
from sparsereg.solvers.recession import has_no_minimum, separates
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.rows import RowsModel, share_gram
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
_MAJORIZERS = 20  # of a concave penalty, on one working set
_SHORT = 1e-2  # change of a linear predictor over which a derivative is as good as linear
_FEW = 256  # weights: with no more, a step to full precision costs next to nothing
_SWIFT = 0.3  # of the violation, that a whole step leaves at most where it needs no line search
_LOOSE = 0.03  # part of the violation that a Newton step on blocks or classes leaves, whose sub-problems are dear
_BELOW = 0.3  # of the violation asked for, that a sub-problem leaves: a step that just misses it costs another
_ROUNDING = 1e-15  # of the null gradient: violations as small mean nothing
_NEWTON_STEPS = 4  # on one working set, before all columns are looked at again


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


class _Local(NamedTuple):
    """First and second derivative of the loss part, its gradient by columns, and the violation on a working set."""

    g: Array
    h: Array
    z: Array
    violation: float


class ProxNewton:
    """The state of a run: the point, its derivatives, and what is kept between outer iterations and along a path."""

    ahead: BoundPenalty | None
    stretch: Stretch | None
    screen: Screen | None = None
    limit: Array
    cold: bool  # whether to begin at the null model: there the tangent, the lasso, shows the way to better minima
    refine: bool = False  # whether to take one more step, to full precision, after the tolerance is met
    before: tuple[Array, float] | None = None  # weights and intercept at the last strength but one, of a path

    def __init__(self, problem: Problem, reference: Reference, tol: float, start: tuple[Array, float] | None = None):
        self.reference, self.tol = reference, tol
        self.model = RowsModel(problem) if share_gram(problem) else QuadraticModel(problem)
        self.keep = np.empty(0, dtype=np.int64)
        self.cold = start is None
        self.rate = 0.0  # gap per violation, where the last strength was left
        blocks = problem.penalty.blocks == "groups" or problem.loss.curvature == "softmax"
        self.patient = blocks and not problem.loss.quadratic
        self._divide(problem)
        self._begin(problem)
        self.limit = 0.9 * problem.coordinates.l1
        self.w, self.b, self.eta = Journal(problem, reference, tol).start(start)
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
            here, further = problem.coordinates.l1, problem.under(ahead).coordinates.l1
            self.limit = np.minimum(2.0 * further - here, 0.9 * here)

    def arrive(self, problem: Problem, w: Array, point: Point, z: Array) -> None:
        """Go on from a certified optimum that was found elsewhere: its weights, derivatives and gradient."""
        self.problem, self.w, self.b, self.eta = problem, w, point.b, point.eta
        self.known, self.rate = (point.g, point.h, z), 0.0
        if self.screen is not None:
            self.screen.know(point.g, z)

    def _divide(self, problem: Problem) -> None:
        """Note which weights have kinks, bounds and costs; at no strength of a path but zero is that another."""
        m = problem.design.shape[1]
        self.free = unpenalised_columns(problem)
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
                if status == "converged" and self.refine and np.count_nonzero(self.w) <= _FEW and cert.gap > 0.0:
                    self.refine, status, self.finest = False, "", _FULL
                if status or separates(problem, self.w, self.b):
                    break
                if journal.n_iter % _LOOK == _LOOK - 1 and has_no_minimum(problem, self.w, self.b):
                    break
                if journal.n_iter >= max_iter:
                    status = "max_iter"
                    break
            self._majorise(tangent=self.cold)
            self.cold = False
            columns = self._working_set(cert, z)
            self._schedule(cert)
            self.distance = cert.violation / unit if unit > 0.0 else 1.0
            # Below rounding a sub-problem would never end.
            accuracy = max(self.inner * cert.violation, _ROUNDING * unit)
            here, self.known = _Local(g, h, z, cert.violation), None
            if predicts:
                here = self._predict(columns, here)
            predicts = False
            if here.violation > accuracy:
                self._newton_steps(columns, here, accuracy)
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
        return Certificate(np.nan, self.rate * worst, worst, scores)

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

    def _majorise(self, tangent: bool = False) -> None:
        """Let sub-problems have our penalty; or, where they cannot, the convex one that touches it here."""
        penalty = self.problem.penalty
        bent = isinstance(penalty, ConcavePenalty) and not isinstance(self.problem.design, OutputsDesign)
        self.model.problem = self.problem if bent and not tangent else self.problem.majorized(self.w)

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

    def _newton_steps(self, columns: Array, here: _Local, tol: float) -> None:
        """Take Newton steps on one working set until its violation is down; where the model is the problem, one."""
        problem = self.problem
        quadratic, convex = problem.loss.quadratic, problem.penalty.convex
        for _ in range(_NEWTON_STEPS if convex else _MAJORIZERS):
            h = floored(problem, here.h, self.distance)
            leave = self._leave(here, columns, tol)
            step = self.model.minimise(self.w, here.g, h, here.z, columns, leave, self.stretch)
            self.stretch = None
            moves = bool(step.delta.any())
            self.journal.working(len(columns), step.epochs, float(moves))
            if not moves:
                break
            if quadratic and self.model.problem is problem:
                self._move(step, 1.0)
                break
            there = self._step(step, here)
            if there is not None:
                here = there
            elif self.model.problem is problem and not convex:
                self._majorise(tangent=True)  # a step under a concave penalty need not begin downhill
            else:
                break
            if here.violation <= tol:
                break

    def _leave(self, here: _Local, columns: Array, tol: float) -> float:
        """Return the violation that a sub-problem may leave where `tol` is to be reached in the end."""
        if self.problem.loss.quadratic or not self.problem.penalty.convex:
            return tol
        if self.patient and len(columns) > _FEW:
            return max(tol, _LOOSE * self.strictness * here.violation)
        return max(_BELOW * tol, _ROUNDING * self.reference.unit)

    def _step(self, step: Step, here: _Local) -> _Local | None:
        """Move along a step and return what is there, None if no length of it makes progress.

        On a path whole steps nearly always do: one that brings the violation well down, and so cannot go on for ever
        without arriving, needs no line search, which evaluates the loss twice.
        """
        if self.swift:
            w, b, eta = self.w[step.columns], self.b, self.eta
            self._move(step, 1.0)
            there = self._look(step.columns, here.z)
            if there.violation <= _SWIFT * here.violation:
                return there
            self.w[step.columns], self.b, self.eta, self.swift = w, b, eta, False
        t = 1.0 if self.problem.loss.quadratic else self._search(step, here.g)
        self.journal.working(len(step.columns), 0, t)
        if t == 0.0:
            return None
        self._move(step, t)
        self._majorise()
        return self._look(step.columns, here.z)

    def _move(self, step: Step, t: float) -> None:
        self.w[step.columns] = _blend(self.w[step.columns], step, t)
        self.b += t * step.delta_b
        self.eta = self.eta + t * (step.delta_eta + step.delta_b)

    def _look(self, columns: Array, z: Array) -> _Local:
        """Return derivatives and violation here, with the gradient on a working set; elsewhere it stays."""
        g, h = self._shift_intercept()
        z = z.copy()
        z[columns] = self.problem.design.dot(columns, g)
        left = self.problem.penalty.take(columns).violation(self.w[columns], z[columns])
        return _Local(g, h, z, float(left.max(initial=0.0)))

    def _predict(self, columns: Array, here: _Local) -> _Local:
        """Go on by what the last strength changed, where that is closer to the optimum; return what is there.

        Strengths of a grid keep their ratio, and coefficients are nearly linear in its logarithm: on golub the
        violation falls to a sixtieth, for the price of a look. Predictor and corrector: M. Y. Park and T. Hastie,
        *L1-regularization path algorithm for generalized linear models*, JRSS B 69 (2007), 659-677.
        """
        if self.before is None:
            return here
        w, last = self.w[columns], self.before[0][columns]
        new = np.where(w * (2.0 * w - last) > 0.0, 2.0 * w - last, 0.0)
        if (new == w).all():
            return here
        came = self.w, self.b, self.eta
        shift = self.b - self.before[1]
        self.w, self.b = self.w.copy(), self.b + shift
        self.w[columns] = np.clip(new, *self.problem.penalty.take(columns).box)
        self.eta = self.eta + self.problem.design.change(columns, self.w[columns] - w) + shift
        there = self._look(columns, here.z)
        if there.violation < here.violation:
            return there
        self.w, self.b, self.eta = came
        return here

    def _shift_intercept(self) -> tuple[Array, Array]:
        """Move the intercept by a Newton step; return the derivatives there, to first order where that is short.

        What is polished in full before each certificate would cost an evaluation of the loss more at each step.
        """
        g, h = self.problem.gradient_hessian(self.eta)
        if not self.problem.fit_intercept:
            return g, h
        total = float(h.sum())
        t = -float(g.sum()) / total if total > 0.0 else np.inf
        if not abs(t) <= _SHORT:
            self.w, self.b, self.eta, g, h = polish(self.problem, self.w, self.b, self.eta, self.free[:0])
            return g, h
        self.b += t
        self.eta += t
        return g + t * h, h

    def _search(self, step: Step, g: Array) -> float:
        """Return how far to go along a step: what brings the majorizer down brings the objective down."""
        old, penalty = self.w[step.columns], self.model.problem.penalty.take(step.columns)
        return line_search(
            self.problem,
            self.eta,
            g,
            step.delta_eta + step.delta_b,
            lambda t: penalty.value(_blend(old, step, t)),
        )


def _at_once(problem: Problem, m: int) -> bool:
    """Whether to solve over all columns from the start: few of them, and a Gram matrix built once or small."""
    cheap = problem.loss.quadratic or problem.design.entries(m) <= _SMALL
    return m <= _ALL_AT_ONCE and cheap and use_gram(problem.design, m, 0)


def _blend(old: Array, step: Step, t: float) -> Array:
    """Return the weights a part ``t`` along the step: at 1 exactly the new ones, zeros and bounds included."""
    return step.coef if t == 1.0 else old + t * step.delta

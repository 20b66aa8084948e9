r"""Newton steps on one working set: the point of a run, and how it moves.

Each step minimises the quadratic model of the loss part, with the penalty, over the columns of the set; a line search
follows unless the whole step brings the violation well down. Which columns those are, and whether the point is optimal
on all others, is for `ProxNewton` to say.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsereg.penalties import ConcavePenalty
from sparsereg.solvers.journal import Journal
from sparsereg.solvers.line_search import line_search
from sparsereg.solvers.null_model import SWIFT, floored, polish, unpenalised_columns
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem
from sparsereg.solvers.quadratic import QuadraticModel, Step, Stretch
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.rows import RowsModel, share_gram

__all__ = ["FEW", "ROUNDING", "Local", "NewtonSteps"]

Array = np.ndarray

FEW = 256  # weights: with no more, a step to full precision costs next to nothing
ROUNDING = 1e-15  # of the null gradient: violations as small mean nothing

_STEPS = 4  # on one working set, before all columns are looked at again
_MAJORIZERS = 20  # of a concave penalty, on one working set
_UNSOLVED = 2  # sub-problems that may be left so, on one working set
_CRAWL = 1e-3  # part of a step under a concave penalty, up to which its tangent leads further down
_SHORT = 1e-2  # change of a linear predictor over which a derivative is as good as linear
_LOOSE = 0.03  # part of the violation that a step on blocks or classes leaves, whose sub-problems are dear
_BELOW = 0.3  # of the violation asked for, that a sub-problem leaves: a step that just misses it costs another


class Local(NamedTuple):
    """First and second derivative of the loss part, its gradient by columns, and the violation on a working set."""

    g: Array
    h: Array
    z: Array
    violation: float


class NewtonSteps:
    """The point of a run, and Newton steps from it.

    Attributes
    ----------
    problem : Problem
    reference : Reference
    w, b, eta : ndarray, float, ndarray
        Weights, intercept and linear predictor.
    free : ndarray of int
        The unpenalised columns.
    """

    journal: Journal
    stretch: Stretch | None = None  # a part of a piecewise linear path that the next sub-problem may follow
    swift: bool = False  # whether whole steps are tried without a line search
    strictness: float = 1.0  # times what sub-problems leave, where it proves too much to leave
    distance: float = 1.0  # to the optimum: violation in units of the null gradient
    before: tuple[Array, float] | None = None  # weights and intercept at the last strength but one, of a path

    def __init__(self, problem: Problem, reference: Reference, w: Array, b: float, eta: Array):
        self.problem, self.reference = problem, reference
        self.w, self.b, self.eta = w, b, eta
        self.free = unpenalised_columns(problem)
        self.model = RowsModel(problem) if share_gram(problem) else QuadraticModel(problem)
        blocks = problem.penalty.blocks == "groups" or problem.loss.curvature == "softmax"
        self._patient = blocks and not problem.loss.quadratic

    def majorise(self, tangent: bool = False) -> None:
        """Let sub-problems have our penalty; or, where they cannot, the convex one that touches it here."""
        penalty = self.problem.penalty
        bent = isinstance(penalty, ConcavePenalty) and not isinstance(self.problem.design, OutputsDesign)
        self.model.problem = self.problem if bent and not tangent else self.problem.majorized(self.w)

    def newton_steps(self, columns: Array, here: Local, tol: float) -> None:
        """Take Newton steps on one working set until its violation is down; where the model is the problem, one."""
        problem = self.problem
        quadratic, convex = problem.loss.quadratic, problem.penalty.convex
        unsolved = 0
        for _ in range(_STEPS if convex else _MAJORIZERS):
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
                self.majorise(tangent=True)  # a step under a concave penalty need not begin downhill, or not for long
            else:
                break
            unsolved += self.model.gave_up(step)
            if here.violation <= tol or unsolved > _UNSOLVED:
                break

    def _leave(self, here: Local, columns: Array, tol: float) -> float:
        """Return the violation that a sub-problem may leave where `tol` is to be reached in the end."""
        if self.problem.loss.quadratic or not self.problem.penalty.convex:
            return tol
        if self._patient and len(columns) > FEW:
            return max(tol, _LOOSE * self.strictness * here.violation)
        return max(_BELOW * tol, ROUNDING * self.reference.unit)

    def _step(self, step: Step, here: Local) -> Local | None:
        """Move along a step and return what is there, None if no length of it makes progress.

        On a path whole steps nearly always do: one that brings the violation well down, and so cannot go on for ever
        without arriving, needs no line search, which evaluates the loss twice.
        """
        if self.swift:
            w, b, eta = self.w[step.columns], self.b, self.eta
            self._move(step, 1.0)
            there = self._look(step.columns, here.z)
            if there.violation <= SWIFT * here.violation:
                return there
            self.w[step.columns], self.b, self.eta, self.swift = w, b, eta, False
        t = 1.0 if self.problem.loss.quadratic else self._search(step, here.g)
        self.journal.working(len(step.columns), 0, t)
        bent = self.model.problem is self.problem and not self.problem.penalty.convex
        if t <= (_CRAWL if bent else 0.0):
            return None
        self._move(step, t)
        self.majorise()
        return self._look(step.columns, here.z)

    def _move(self, step: Step, t: float) -> None:
        self.w[step.columns] = _blend(self.w[step.columns], step, t)
        self.b += t * step.delta_b
        self.eta = self.eta + t * (step.delta_eta + step.delta_b)

    def _look(self, columns: Array, z: Array) -> Local:
        """Return derivatives and violation here, with the gradient on a working set; elsewhere it stays."""
        g, h = self._shift_intercept()
        z = z.copy()
        z[columns] = self.problem.design.dot(columns, g)
        left = self.problem.penalty.take(columns).violation(self.w[columns], z[columns])
        return Local(g, h, z, float(left.max(initial=0.0)))

    def predict(self, columns: Array, here: Local) -> Local:
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


def _blend(old: Array, step: Step, t: float) -> Array:
    """Return the weights a part ``t`` along the step: at 1 exactly the new ones, zeros and bounds included."""
    return step.coef if t == 1.0 else old + t * step.delta

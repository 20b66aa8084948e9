r"""The exact path: every breakpoint between two strengths, each certified on all columns.

For a quadratic loss and ``alpha sum_j f_j |w_j|`` plus a ridge that does not move with alpha, the solution is piecewise
linear in alpha. `Homotopy` follows it on candidates by the sequential strong rule, a tenth of the strength at a time;
every point is then verified on all columns, and a stretch on which a column was missing is followed again with it.
Where events cannot be told apart (ties, supports that are nearly singular), coordinate descent takes one small step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sparsereg.penalties import SeparablePenalty
from sparsereg.solvers.homotopy import Breakpoint, Homotopy
from sparsereg.solvers.problem import Problem, Solution
from sparsereg.solvers.prox_newton import ProxNewton
from sparsereg.solvers.quadratic import QuadraticModel
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.verification import Verified, Verifier

__all__ = ["ExactPoint", "follow_exactly", "piecewise_linear"]

Array = np.ndarray

_STRETCH = 0.9  # of the strength: the next one to which candidates are forecast
_DIGITS = 1e-12  # relative gap of points found by coordinate descent
_SMALL_STEP = 1e-6  # of the strength: what coordinate descent does where the homotopy cannot


class ExactPoint(NamedTuple):
    """A point of the path; `linear` says whether the path leads straight to it from the point before.

    Or so nearly that it makes no difference: a step of coordinate descent over 1e-6 of the strength.
    """

    alpha: float
    solution: Solution
    linear: bool


def piecewise_linear(problem: Problem) -> bool:
    """Whether the solution is piecewise linear in alpha: quadratic loss, and only the L1 part of the penalty moves.

    Of a penalty of somebody's own, two strengths do not tell what it does at others.
    """
    if not problem.loss.quadratic or not isinstance(problem.penalty, SeparablePenalty):
        return False
    one, two = (problem.at(alpha).coordinates for alpha in (1.0, 2.0))
    same = all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("l2", "lower", "upper"))
    return same and bool(one.l1.any()) and np.array_equal(2.0 * one.l1, two.l1)


def follow_exactly(
    problem: Problem, alphas: Sequence[float] | Array, *, tol: float = 1e-6, max_iter: int = 100
) -> Iterator[ExactPoint]:
    """Yield the solution at some descending strengths and at every breakpoint between them.

    Raises
    ------
    ValueError
        If the path is not piecewise linear, or is to end at 0.
    """
    if not piecewise_linear(problem):
        raise ValueError(
            "exact=True needs squared error and an L1 penalty (a fixed ridge from dropout may be added): only then is "
            "the path piecewise linear in alpha"
        )
    if not alphas[-1] > 0.0:
        raise ValueError("exact=True needs alphas > 0: the last breakpoints before 0 have no end in floating point")
    path = _ExactPath(problem, float(alphas[0]), tol, max_iter)
    yield ExactPoint(path.alpha, path.first, False)
    for target in alphas[1:]:
        yield from path.descend_to(float(target))


class _ExactPath:
    """The state: the strength that was reached, the optimum there, and the candidates with their Gram matrix."""

    def __init__(self, problem: Problem, alpha: float, tol: float, max_iter: int):
        self.problem, self.tol, self.max_iter = problem, tol, max_iter
        self.reference = Reference.of(problem.at(alpha))
        self.verifier = Verifier(problem, self.reference, tol)
        self.model = QuadraticModel(problem)
        unit = problem.at(1.0)
        self.kinkless = unit.coordinates.l1 == 0.0
        self.homotopy = Homotopy(*unit.coordinates[:4])
        self.columns = np.empty(0, dtype=np.int64)
        self.step = _SMALL_STEP
        self.w = self.reference.null.w
        self.first = self._descend_coordinates(alpha, None)

    def _descend_coordinates(self, alpha: float, start: tuple[Array, float] | None) -> Solution:
        """Solve at a strength by coordinate descent, to many digits."""
        run = ProxNewton(self.problem.at(alpha), self.reference, min(self.tol, _DIGITS), start)
        run.until(self.max_iter)
        columns = np.flatnonzero((run.w != 0.0) | self.kinkless)
        verified = next(self.verifier.verify(columns, np.array([alpha]), run.w[None, columns]))
        self._take(alpha, columns, verified)
        return verified.solution

    def descend_to(self, target: float) -> Iterator[ExactPoint]:
        """Yield the breakpoints down to a strength, and that."""
        while self.alpha > target:
            stop = max(target, _STRETCH * self.alpha)
            for alpha, solution in self._stretch(stop):
                if alpha == self.alpha and alpha > target and alpha == stop:
                    break  # the end of a stretch is nobody's breakpoint
                yield ExactPoint(alpha, solution, True)
            if self.alpha > stop:
                alpha = max(stop, self.alpha * (1.0 - self.step))
                self.step = min(4.0 * self.step, 1.0 - _STRETCH)
                tiny = alpha >= self.alpha * (1.0 - 2.0 * _SMALL_STEP)
                yield ExactPoint(alpha, self._descend_coordinates(alpha, (self.w, 0.0)), tiny)
            else:
                self.step = _SMALL_STEP

    def _stretch(self, stop: float) -> list[tuple[float, Solution]]:
        """Follow the path to a strength, or as far as it can be followed; return the certified points."""
        columns = self._candidates(2.0 * stop - self.alpha)
        while True:
            G, _ = self.model.grown_gram(columns, self.problem.weights, 1.0)
            w, z = self.w[columns], self.z[columns]
            record: list[Breakpoint] = []
            descent = self.homotopy.descend(G, columns, w, z, self.alpha, stop, record)
            kinks = [kink for kink in record if descent.alpha < kink.alpha < self.alpha]
            if descent.alpha < self.alpha:
                kinks.append(Breakpoint(descent.alpha, columns, w))
            with np.errstate(over="ignore", invalid="ignore"):  # where the Gram matrix has lost its digits
                points, last, missing = self._certified(kinks, columns)
            if len(missing) == 0:
                break
            columns = np.concatenate([columns, missing])
        self.columns = columns
        if last is not None:
            self._take(points[-1][0], columns, last)
        return points

    def _candidates(self, ahead: float) -> Array:
        """Return the columns of before and those that the sequential strong rule adds."""
        penalty = self.problem.at(max(ahead, 0.0)).penalty
        wanted = (penalty.violation(self.w, self.z) > 0.0) | (self.w != 0.0) | self.kinkless
        wanted[self.columns] = False
        return np.concatenate([self.columns, np.flatnonzero(wanted)])

    def _certified(
        self, kinks: list[Breakpoint], columns: Array
    ) -> tuple[list[tuple[float, Solution]], Verified | None, Array]:
        """Return the points up to the first that is wrong, the last of them, and the columns that were missing.

        Columns far from zero: a Gram matrix loses (mean / sd)^2 of its digits, coordinate descent need not.
        """
        place = np.empty(len(self.w), dtype=np.int64)
        place[columns] = np.arange(len(columns))
        W = np.zeros((len(kinks), len(columns)))
        for row, kink in zip(W, kinks, strict=True):
            row[place[kink.columns]] = kink.values
        alphas, missing = np.array([kink.alpha for kink in kinks]), np.zeros(len(self.w), dtype=bool)
        points: list[tuple[float, Solution]] = []
        last = None
        for alpha, verified in zip(alphas, self.verifier.verify(columns, alphas, W), strict=True):
            missing[verified.missing] = True
            if not verified.solution.converged:
                break
            points.append((float(alpha), verified.solution))
            last = verified
        return points, last, np.flatnonzero(missing)

    def _take(self, alpha: float, columns: Array, verified: Verified) -> None:
        """Stand at a point."""
        self.alpha, self.w, self.z = alpha, np.zeros(len(self.w)), verified.z.copy()
        self.w[columns] = verified.point.w

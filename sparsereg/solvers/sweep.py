r"""Several strengths of a piecewise linear path at once: followed on one set of candidates, certified by one product.

A strength alone costs a pass over X and some hundred calls of NumPy; where the working set has a few dozen columns
these are nearly all of its time. Which columns will be wanted some strengths ahead is forecast along a straight line
through the last two gradients, with a margin; of more than can be carried, those with the largest gradients. A column
that was missing is found by the certificates, for these look at all columns: the path then stands at the strength
before, and goes on from there with it; where it was missing at the first, that strength is solved on its own from what
has been found.
"""

from __future__ import annotations

import numpy as np

from sparsereg.solvers.homotopy import Homotopy
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem, Solution
from sparsereg.solvers.prox_newton import ProxNewton
from sparsereg.solvers.quadratic import QuadraticModel, use_gram
from sparsereg.solvers.verification import Verified, Verifier
from sparsereg.solvers.working_set import working_set

__all__ = ["Sweep", "sweeps"]

Array = np.ndarray

_LEAST, _MOST = 2, 16  # strengths at once
_ROUNDING = 1e-12
_MARGIN = 0.3  # of the way from strength to strength, that a gradient may be off the straight line
# Epochs of the residual regime per strength, that a Gram matrix may cost here: with it a strength needs no pass.
_EPOCHS = 200.0
# What is dear is to carry columns that never enter: no more than so many times the candidates of before, or the weights
# in use. 20 strengths on gene take 0.08 s for 0.44 with all that a coarse grid makes the strong rule ask for, on toep
# 1.0 for 1.8.
_CROWD, _CARRIED, _FEW = 1.25, 2, 32


class Sweep:
    """Takes a `ProxNewton` run along a path, some strengths at a time.

    Parameters
    ----------
    problem : Problem
        At any strength; its path is piecewise linear.
    homotopy : Homotopy
        That of the run.
    verifier : Verifier
    """

    def __init__(self, problem: Problem, homotopy: Homotopy, verifier: Verifier):
        self._problem, self._homotopy, self._verifier = problem, homotopy, verifier
        self._l1 = problem.at(1.0).coordinates.l1
        self._count = 2 * _LEAST
        self._missing = np.empty(0, dtype=np.int64)
        self._before: tuple[float, Array] | None = None  # strength and gradient, one strength ago

    def follow(self, run: ProxNewton, last: float, alphas: Array) -> tuple[list[Solution], bool]:
        """Return the solutions at the first of some strengths below `last`, at which the run stands.

        None of them where strengths are better taken one by one: where a Gram matrix does not pay, the path has ties,
        nothing enters yet, or the first strength already wants a column that was not forecast. Then the run may have
        come to that strength all the same, to go on there; whether it has is the second that is returned.
        """
        model = run.model
        if run.known is None or not isinstance(model, QuadraticModel):
            return [], False
        z = run.known[2]
        # Below half the last strength the strong rule wants every column.
        if 2.0 * alphas[0] <= last or self._nothing_enters(run, z, alphas[0]):
            return [], False
        columns, count = self._candidates(run, model, z, last, alphas)
        if count < _LEAST or not use_gram(self._problem.design, len(columns), len(model.columns), _EPOCHS * count):
            return [], False
        stops = alphas[:count]
        G, _ = model.grown_gram(columns, self._problem.weights, 1.0)
        W, events = self._homotopy.visit(G, columns, run.w[columns], z[columns], last, stops)
        good: list[Verified] = []
        close = False
        for verified in self._verifier.verify(columns, stops[: len(W)], W, events):
            self._missing = verified.missing
            if len(verified.missing) or not verified.solution.converged:
                close = not good and len(verified.missing) > 0
                break
            good.append(verified)
        if close:
            self._arrive(run, columns, stops[0], verified)
        self._count = min(2 * count, _MOST) if len(good) == count else max(count // 2, _LEAST)
        if good:
            self._arrive(run, columns, stops[len(good) - 1], good[-1])
            strengths = np.concatenate([[last], stops])
            self._before = float(strengths[len(good) - 1]), z if len(good) == 1 else good[-2].z.copy()
        return [verified.solution for verified in good], close

    def _nothing_enters(self, run: ProxNewton, z: Array, alpha: float) -> bool:
        """Whether the null model is still the answer, which nothing but rounding could change."""
        enters = run.w != 0.0
        enters[self._verifier.beyond(z, (1.0 + _ROUNDING) * alpha)] = True
        enters[run.kinkless] = False
        return not enters.any()

    def _candidates(
        self, run: ProxNewton, model: QuadraticModel, z: Array, last: float, alphas: Array
    ) -> tuple[Array, int]:
        """Return the columns to follow, those of the Gram matrix first, and for how many strengths."""
        known = model.columns
        held = run.w != 0.0
        held[run.kinkless] = held[self._missing] = True
        always = held.copy()
        always[self._verifier.beyond(z, _strong(last, alphas[0]))] = True
        count = min(self._count, self._verifier.rows, int(np.count_nonzero(alphas > 0.0)))
        while True:
            wanted = always.copy()
            wanted[self._forecast(z, last, float(alphas[count - 1]))] = True
            wanted[known] = False
            columns = np.concatenate([known, np.flatnonzero(wanted)])
            if len(columns) <= _CROWD * len(known) + _FEW:
                return columns, count
            if count <= _LEAST:
                held[known] = False
                keep = np.concatenate([known, np.flatnonzero(held)])
                size = max(int(_CROWD * len(known)) + _FEW, _CARRIED * (int(np.count_nonzero(run.w)) + _FEW))
                score = np.divide(np.abs(z), self._l1, out=np.zeros_like(z), where=wanted & (self._l1 > 0.0))
                return working_set(score, keep, size), count
            count = max(count // 2, _LEAST)

    def _forecast(self, z: Array, last: float, stop: float) -> Array:
        """Return the columns that may be wanted between two strengths; the sequential strong rule to begin with."""
        if self._before is None:
            return self._verifier.beyond(z, _strong(last, stop))
        alpha, old = self._before
        ahead = z + ((last - stop) / (alpha - last)) * (z - old)
        return self._verifier.beyond(ahead, (1.0 - _MARGIN * (1.0 - stop / last)) * stop)

    def _arrive(self, run: ProxNewton, columns: Array, alpha: float, verified: Verified) -> None:
        w = np.zeros(len(run.w))
        w[columns] = verified.point.w
        run.arrive(self._problem.at(alpha), w, verified.point, verified.z.copy())
        run.keep = columns


def _strong(last: float, stop: float) -> float:
    """Return the size of gradients from which the sequential strong rule wants a column; some are always too small."""
    return float(max(2.0 * stop - last, 0.01 * stop))


def sweeps(problem: Problem) -> bool:
    """Whether the design has one output with ordinary columns."""
    return not isinstance(problem.design, OutputsDesign)

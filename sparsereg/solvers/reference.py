"""Reference: the null model and what is measured by it. It does not depend on the strength, so a path makes it once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sparsereg.solvers.certificate import polished_gradients
from sparsereg.solvers.null_model import Point, null_model
from sparsereg.solvers.problem import Problem

__all__ = ["Reference"]

Array = np.ndarray

_EPS = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Reference:
    """The best model of intercept and unpenalised columns, and the units that it gives.

    Attributes
    ----------
    null : Point
        The null model.
    gradient : ndarray of shape (m,)
        ``X' g`` there.
    scale : float
        ``P_null - inf F``, half the null deviance per unit weight: the unit of duality gaps. It has no units itself
        and is positive for every loss.
    unit : float
        Largest gradient of the null model, of columns that are not excluded: the unit of violations.
    noise : float
        Zero; where the unit is no more than rounding, as of columns that are empty or constant, what rounding is.
    polished : ndarray of shape (m,) or None
        Gradients of costless columns that count as zero.
    rounding : float
        No gap below this can be told from zero.
    """

    null: Point
    gradient: Array
    scale: float
    unit: float
    noise: float
    polished: Array | None
    rounding: float

    @property
    def perfect(self) -> bool:
        """Whether the null model leaves nothing to explain, to rounding: a constant target."""
        return self.scale <= self.rounding

    def renewed(self, problem: Problem) -> Reference:
        """Return the reference at the end of a path, alpha = 0: another null model, but the units of the path."""
        return replace(Reference.of(problem), scale=self.scale, unit=self.unit, rounding=self.rounding)

    @classmethod
    def of(cls, problem: Problem) -> Reference:
        """Return the reference of a problem, at whatever strength > 0."""
        null = null_model(problem)
        gradient = problem.design.rmatvec(null.g)
        # 64 units in the last place of eta, and what an error of that size costs.
        largest = np.abs(null.eta).max(initial=0.0, where=problem.weights > 0.0)
        blur = 64.0 * _EPS * (float(largest) + abs(null.b))
        pull = problem.penalty.in_units(gradient)
        live = True if problem.penalty.excluded is None else ~problem.penalty.excluded
        unit = float(np.abs(pull).max(initial=0.0, where=live))
        noise = 64.0 * _EPS * float(np.abs(null.g).sum())
        return cls(
            null=null,
            gradient=gradient,
            scale=max(problem.objective(null.w, null.eta) - problem.infimum, 0.0),
            unit=unit,
            noise=noise if _drowns(problem, unit, noise) else 0.0,
            polished=polished_gradients(problem, null.g, null.h, blur),
            rounding=0.5 * float(null.h.sum()) * blur * blur,
        )


def _drowns(problem: Problem, unit: float, noise: float) -> bool:
    """Whether the largest gradient is no more than rounding, for columns as long as these."""
    if unit > noise:
        return False
    columns = np.arange(problem.design.shape[1])
    square = problem.design.moments(columns, problem.weights, 1.0, False)[1]
    return unit <= noise * float(np.sqrt(square.max(initial=0.0)))

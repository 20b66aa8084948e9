"""The data of a path, given again: a path keeps no data, so what looks at them once more asks for them and checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from sparsereg.linear_model.base import Data
from sparsereg.model_selection.path import Path
from sparsereg.model_selection.refit import refuse_joint
from sparsereg.model_selection.support import linear_predictor, occupied_places
from sparsereg.solvers import Problem, Solution

__all__ = ["same_data"]

Array = np.ndarray

_SAME = 1e-5  # of the null deviance: float32 against float64 is far below, a forgotten weight far above


def same_data(path: Path, X: Any, y: Any, sample_weight: Any, offset: Any) -> tuple[Data, list[Problem]]:
    """Return the checked data and the problems, one per output, of a path.

    Raises
    ------
    TypeError
        If `path` is not a `Path`.
    ValueError
        If these cannot be the data that the path was made of: they do not give the deviance of its last model.
    """
    if not isinstance(path, Path):
        raise TypeError(f"path must be a Path, as regularization_path returns it; got {type(path).__name__}")
    model = clone(path._model)
    if path._model._with_offset and offset is None:
        raise ValueError("the path was made with an offset: pass the same offset")
    data = model._prepare(X, y, sample_weight, offset)
    if model.n_features_in_ != path._model.n_features_in_:
        raise ValueError(
            f"X must have the {path._model.n_features_in_} features of the path; got {model.n_features_in_}"
        )
    problems = model._problems(data)
    refuse_joint(problems)
    last = path._solutions[-1]
    if len(problems) != len(last) or not all(map(_agrees, problems, last)):
        raise ValueError(
            "X, y, sample_weight and offset must be those that the path was made with: the deviance of its last model "
            "is another on these"
        )
    return data, problems


def _agrees(problem: Problem, solution: Solution) -> bool:
    """Whether the deviance that a solution explains is what it explains here."""
    places = occupied_places(problem, solution.coef_index)
    if places is None:
        return False
    eta = linear_predictor(problem, places, solution.coef_value, solution.intercept)
    found, noted = problem.loss_value(eta), problem.infimum + (1.0 - solution.explained) * solution.scale
    # Where the null model is perfect its deviance is rounding: that of eta, and of the sum.
    curvature = problem.gradient_hessian(eta)[1].sum()
    rounding = curvature * (1e-12 * np.abs(eta).max(initial=0.0)) ** 2 + 1e-13 * abs(noted)
    return not np.isfinite(noted) or bool(abs(found - noted) <= _SAME * solution.scale + rounding)

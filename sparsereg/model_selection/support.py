"""Models by the features that they use: where these are among the occupied columns, and what they predict."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsereg.solvers import Problem

__all__ = ["linear_predictor", "occupied_places"]

Array = np.ndarray


def occupied_places(problem: Problem, features: Array) -> Array | None:
    """Return where some features are among the occupied columns, None if one is not."""
    return problem.design.places(features)


def linear_predictor(problem: Problem, places: Array, values: Array, intercept: Any) -> Array:
    """Return ``o + b + X w`` of some weights, reading their columns only."""
    eta = problem.design.predictor(places, values, intercept)
    return eta if problem.offset is None else eta + problem.offset

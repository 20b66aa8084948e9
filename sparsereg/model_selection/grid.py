"""Grids of penalty strengths."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from sparsereg.linear_model.validation import check_number

__all__ = ["check_alphas", "geometric_grid"]

Array = np.ndarray


def check_alphas(alphas: Any, alpha_min_ratio: float) -> int | Array:
    """Return the number of strengths to choose, or the strengths that were given, in their order."""
    check_number("alpha_min_ratio", alpha_min_ratio, high=1.0, strict=True)
    if alpha_min_ratio == 1.0:
        raise ValueError("alpha_min_ratio must be < 1: at 1 all strengths would be the same")
    if isinstance(alphas, Integral):
        check_number("alphas", alphas, Integral, 1)
        return int(alphas)
    try:
        if np.asarray(alphas).dtype == bool:
            raise TypeError("True and False are no strengths")
        grid = np.array(alphas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"alphas must be an integer or a one-dimensional array of strengths; got {alphas!r}") from error
    if grid.ndim != 1:
        raise ValueError(f"alphas must be an integer or a one-dimensional array of strengths; got {alphas!r}")
    if len(grid) == 0:
        raise ValueError("alphas is empty: give at least one strength, or an integer to have a grid made")
    if not np.isfinite(grid).all() or (grid < 0.0).any():
        wrong = grid[~(np.isfinite(grid) & (grid >= 0.0))]
        raise ValueError(f"alphas must be finite and >= 0; got {wrong[:5].tolist()}")
    values, counts = np.unique(grid, return_counts=True)
    if (counts > 1).any():
        raise ValueError(
            f"alphas must differ from one another; given more than once: {values[counts > 1][:5].tolist()}"
        )
    return grid


def geometric_grid(top: float | None, n_alphas: int, alpha_min_ratio: float) -> Array:
    """Return strengths from `top`, where the model is empty, to ``alpha_min_ratio * top``, even in logarithms."""
    if top is None:
        raise ValueError(
            "there is no alpha_max, so no grid can be made: the penalty sets no coefficient to zero at any strength, "
            "or a feature has bounds and no penalty. Pass alphas as an array, for example numpy.logspace(2, -4, 50)"
        )
    if top == 0.0:  # nothing to explain: the null model is optimal at any strength
        top = 1.0
    if n_alphas == 1:
        return np.array([top])
    grid = np.geomspace(top, alpha_min_ratio * top, n_alphas)
    grid[0] = top
    return grid

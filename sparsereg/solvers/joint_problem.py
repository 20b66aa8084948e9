"""Several outputs as one problem: what users have becomes a design of several outputs with its targets and penalty."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsereg.losses import Loss
from sparsereg.penalties import BoundPenalty, Penalty
from sparsereg.solvers.layout import as_design
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.problem import Problem, dropout_ridge, normalised_weights, of_strength, standard_deviations

__all__ = ["joint_problem"]

Array = np.ndarray


def joint_problem(
    X: Any,
    Y: Array,
    loss: Loss,
    penalty: Penalty,
    alpha: float,
    *,
    sample_weight: Any = None,
    offset: Array | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    dropout: float = 0.0,
    penalty_factor: Any = None,
    **terms: Any,
) -> Problem:
    """Return one problem for several outputs: tasks with a loss each, or classes with softmax.

    Parameters
    ----------
    X : ndarray, sparse matrix or Design of shape (n_samples, n_features)
    Y : ndarray of shape (n_samples, n_outputs)
        Targets; for `Softmax` one column of zeros and ones per class.
    loss : Loss
        `Softmax`, or any other for each output.
    penalty : Penalty
        Of each output for itself, or across them (`Rows`).
    offset : ndarray of shape (n_samples, n_outputs), default=None
    alpha, sample_weight, fit_intercept, standardize, dropout, penalty_factor, **terms
        As in `Problem.from_data` (`lower`, `upper`, `feature_names` too).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import SquaredError
    >>> from sparsereg.penalties import Rows
    >>> from sparsereg.solvers import joint_problem, solve
    >>> Y = np.array([[3.0, 4.0], [0.1, 0.0]])
    >>> solution = solve(joint_problem(np.eye(2), Y, SquaredError(), Rows(), alpha=0.5, fit_intercept=False))
    >>> solution.coef.reshape(2, 2)  # a row per output
    array([[2.4, 0. ],
           [3.2, 0. ]])
    """
    design, (n, K) = as_design(X), Y.shape
    Y = np.column_stack([loss.check_target(y) for y in Y.T])
    s = normalised_weights(sample_weight, n)
    everything = np.arange(design.shape[1])
    centre = design.moments(everything, s, 1.0, True)[0] if fit_intercept else np.zeros(design.shape[1])
    origin = np.zeros(K)
    if loss.quadratic:
        Y = Y if offset is None else Y - offset
        offset = None
        if fit_intercept:
            origin = s @ Y
            Y = Y - origin
    constants = fit_intercept and not loss.quadratic
    scale = standard_deviations(design, s) if standardize or fit_intercept else None
    if scale is not None and not standardize:
        # A constant column beside an intercept: what centring leaves of it is rounding, so it is held at zero.
        scale = None if scale.all() else (scale > 0.0).astype(np.float64)
    n_free = K if constants else 0
    ridge = np.append(np.tile(dropout_ridge(design, s, loss, dropout), K), np.zeros(n_free)) if dropout else None

    def bind(alpha: float) -> BoundPenalty:
        bound = penalty.bind(
            alpha, design.n_features, columns=design.columns, factor=penalty_factor, scale=scale, **terms
        )
        return bound.across(K, n_free)

    penalty_at = of_strength(bind, ridge)
    return Problem(
        OutputsDesign(design, K, centre, constants, origin, coupled=loss.curvature == "softmax"),
        np.ascontiguousarray(Y.T, dtype=np.float64).ravel(),
        np.tile(s, K),
        None if offset is None else np.ascontiguousarray(offset.T, dtype=np.float64).ravel(),
        loss,
        penalty_at(alpha),
        fit_intercept=False,
        penalty_at=penalty_at,
    )

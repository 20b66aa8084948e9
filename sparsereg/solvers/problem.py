r"""Problem and Solution: what solvers take and give. Both are frozen.

    minimise over w, b    sum_i s_i f(y_i, o_i + b + x_i . w)  +  Omega_alpha(w),        sum_i s_i = 1

One letter set, here and in every solver: ``w`` weights of the occupied columns, ``b`` intercept, ``eta`` linear
predictor, ``g`` and ``h`` first and second derivative of the loss part in ``eta`` (sample weights inside),
``z = X' g``, ``m`` number of occupied columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from sparsereg.losses import Loss, get_loss
from sparsereg.penalties import BoundPenalty, Coordinates, Penalty, get_penalty
from sparsereg.solvers.design import Design
from sparsereg.solvers.layout import as_design

__all__ = [
    "Problem",
    "Progress",
    "Record",
    "Solution",
    "dropout_ridge",
    "normalised_weights",
    "of_strength",
    "standard_deviations",
]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """A penalised regression, ready to be solved. `Problem.from_data` builds one from what users have.

    Parameters
    ----------
    design : Design
        The matrix.
    y : ndarray of shape (n_samples,)
        Target, float64.
    weights : ndarray of shape (n_samples,)
        Sample weights ``s``, summing to one.
    offset : ndarray of shape (n_samples,) or None
        Known part ``o`` of the linear predictor.
    loss : Loss
    penalty : BoundPenalty
        On the occupied columns, strength inside, a fixed ridge (dropout) included.
    fit_intercept : bool, default=True
    penalty_at : callable, default=None
        The penalty at another strength: ``penalty_at(alpha)`` is a BoundPenalty of the same columns.
    """

    design: Design
    y: Array
    weights: Array
    offset: Array | None
    loss: Loss
    penalty: BoundPenalty
    fit_intercept: bool = True
    penalty_at: Callable[[float], BoundPenalty] | None = None

    @classmethod
    def from_data(
        cls,
        X: Any,
        y: Any,
        loss: str | Loss = "squared_error",
        penalty: str | Penalty | None = "l1",
        alpha: float = 1.0,
        *,
        sample_weight: Any = None,
        offset: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        dropout: float = 0.0,
        feature_names: Any = None,
    ) -> Problem:
        """Build a problem from a matrix, a target and the words that the estimators use.

        Parameters
        ----------
        X : ndarray, sparse matrix or Design of shape (n_samples, n_features)
            A `Design` from `as_design` is used as it is: several problems can share it.
        y : array-like of shape (n_samples,)
            Target; 0 and 1 for classification losses.
        loss, penalty, alpha, fit_intercept, standardize, penalty_factor, lower, upper, dropout
            As in `sparsereg.SparseRegressor`. `penalty` may also be an object with a ``bind`` method of one's own.
        sample_weight, offset : array-like of shape (n_samples,), default=None
            Weights (any positive total) and known part of the linear predictor.
        feature_names : sequence of str, default=None
            For a `penalty_factor` given by name.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsereg.solvers import Problem, solve
        >>> problem = Problem.from_data(np.eye(3), [3.0, 0.0, 0.1], alpha=0.1, fit_intercept=False)
        >>> solve(problem).coef
        array([2.7, 0. , 0. ])
        """
        design, loss = as_design(X), get_loss(loss)
        n = design.shape[0]
        y = loss.check_target(_per_sample("y", y, n))
        weights = normalised_weights(sample_weight, n)
        if loss.positive and not y[weights > 0.0].any():
            raise ValueError(
                f"y must hold a value > 0 with a weight > 0 for the loss {loss!r}: there is no finite minimum"
            )
        if offset is not None:
            offset = _per_sample("offset", np.broadcast_to(offset, (n,)) if np.ndim(offset) == 0 else offset, n)
        scale = standard_deviations(design, weights) if standardize else None
        ridge = dropout_ridge(design, weights, loss, dropout) if dropout else None
        spec = get_penalty(penalty) if penalty is None or isinstance(penalty, str) else penalty

        def bind(alpha: float) -> BoundPenalty:
            return spec.bind(
                alpha,
                design.n_features,
                feature_names=feature_names,
                columns=design.columns,
                factor=penalty_factor,
                scale=scale,
                lower=lower,
                upper=upper,
            )

        _check_alpha(alpha)
        bound = bind(alpha) if ridge is None else bind(alpha).plus_ridge(ridge)
        return cls(design, y, weights, offset, loss, bound, fit_intercept, of_strength(bind, ridge))

    def at(self, alpha: float) -> Problem:
        """Return the same problem at another strength."""
        if self.penalty_at is None:
            raise ValueError("this problem knows its penalty at one strength only: build it with Problem.from_data")
        return self.under(self.penalty_at(alpha))

    def under(self, penalty: BoundPenalty) -> Problem:
        """Return the same problem under another penalty, which may be that of some of the columns."""
        _ = self.infimum, self._heard  # no penalty changes them: the other problem has them, too
        other = object.__new__(Problem)  # `dataclasses.replace` takes 4 microseconds, this 0.4
        other.__dict__.update(self.__dict__, penalty=penalty)
        other.__dict__.pop("_costs", None)
        return other

    def eta(self, w: Array, b: float) -> Array:
        """Return the linear predictor ``o + b + X w``."""
        eta = self.design.matvec(w)
        if self.offset is not None:
            eta += self.offset
        return eta + b if b else eta

    def loss_value(self, eta: Array) -> float:
        """Return ``sum_i s_i f(y_i, eta_i)``."""
        return _weighted(self.weights, self.loss.value(self.y, eta))

    def objective(self, w: Array, eta: Array) -> float:
        """Return loss plus penalty."""
        return self.loss_value(eta) + self.penalty.value(w)

    def gradient_hessian(self, eta: Array) -> tuple[Array, Array]:
        """Return ``g`` and ``h`` with the sample weights inside."""
        g, h = self.loss.gradient_hessian(self.y, eta)
        if self._heard is None:
            return g * self.weights, h * self.weights
        g, h = (np.multiply(d, self.weights, out=np.zeros_like(eta), where=self._heard) for d in (g, h))
        return g, h

    def per_weight(self, d: Array) -> Array:
        """Return a derivative by unit of weight, zero for samples without."""
        if self._heard is None:
            return d / self.weights
        return np.divide(d, self.weights, out=np.zeros(len(d)), where=self._heard)

    @cached_property
    def _heard(self) -> Array | None:
        """Mask of the samples with a weight, None if all have one: 0 * inf is not zero."""
        heard = self.weights > 0.0
        return None if heard.all() else heard

    def majorized(self, w: Array) -> Problem:
        """Return the convex problem that touches this one at ``w`` and lies above it (itself, when convex)."""
        return self if self.penalty.convex else self.under(self.penalty.majorizer(w))

    @property
    def separable(self) -> bool:
        """Whether coordinate descent can express the penalty, or the majorizers of a concave one."""
        return self._costs is not None

    @property
    def coordinates(self) -> Coordinates:
        """The penalty (a concave one: its majorizer at zero) as the kernels see it; TypeError where they cannot."""
        if self._costs is None:
            raise TypeError(f"{type(self.penalty).__name__} has no kernel_arguments: it needs fista")
        return self._costs

    @cached_property
    def _costs(self) -> Coordinates | None:
        penalty = self.penalty
        if not penalty.convex:
            penalty = penalty.majorizer(np.zeros(self.design.shape[1]))
        return penalty.kernel_arguments()

    @cached_property
    def infimum(self) -> float:
        """``inf F``: what the loss cannot fall below, whatever the model."""
        return _weighted(self.weights, self.loss.infimum(self.y))


class Record(NamedTuple):
    """One outer iteration, as kept in ``history``; number 0 is the start."""

    iteration: int
    objective: float
    gap: float
    violation: float
    n_nonzero: int
    working_set: int
    epochs: int
    step: float
    time: float


class Progress(NamedTuple):
    """What a callback is given after every outer iteration; `coef` is the solver's own array: copy it to keep it."""

    record: Record
    coef: Array
    intercept: float

    @property
    def iteration(self) -> int:
        """Number of the outer iteration; 0 is the start."""
        return self.record.iteration

    @property
    def objective(self) -> float:
        """Loss plus penalty."""
        return self.record.objective

    @property
    def gap(self) -> float:
        """Bound on how far the objective is above its minimum."""
        return self.record.gap


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver found, and the proof of how good it is.

    Attributes
    ----------
    coef_index, coef_value : ndarray
        The nonzero weights: feature numbers, ascending, and values. Of several outputs solved as one problem, output
        ``k`` has the numbers from ``k`` times the number of features on.
    n_features : int
        Of all outputs together.
    intercept : float or ndarray of shape (n_outputs,)
    gap : float
        Duality gap: the objective is at most this far above its minimum. nan where no bound exists.
    violation : float
        Largest distance of a gradient to the subdifferential.
    scale : float
        ``P_null - inf F``, the unit of the tolerance: converged means ``gap <= tol * scale``.
    explained : float
        Fraction of the deviance explained: ``1 - (F - inf F) / scale`` with the loss part ``F``; 1 for a perfect null
        model.
    status : str
        ``"converged"``; ``"stationary"`` (no gap exists, violation within tolerance); ``"max_iter"``; ``"stalled"`` (no
        step makes progress in floating point); ``"no_finite_minimum"``.
    n_iter, n_epochs : int
        Outer iterations (steps of FISTA), at least 1, and epochs of the inner solver.
    history : tuple of Record
        The start and the outer iterations, at most the last 1000.
    """

    coef_index: Array
    coef_value: Array
    n_features: int
    intercept: Any
    gap: float
    violation: float
    scale: float
    explained: float
    status: str
    n_iter: int
    n_epochs: int
    history: tuple[Record, ...] = field(repr=False, default=())

    @property
    def coef(self) -> Array:
        """Dense weights of shape (n_features,), built on demand."""
        coef = np.zeros(self.n_features)
        coef[self.coef_index] = self.coef_value
        return coef

    @property
    def relative_gap(self) -> float:
        """The gap in units of the tolerance."""
        return self.gap / self.scale if 0.0 < self.scale < np.inf else self.gap

    @property
    def converged(self) -> bool:
        """Whether the tolerance was reached."""
        return self.status in ("converged", "stationary")


def _check_alpha(alpha: float) -> None:
    if not 0.0 <= alpha < np.inf:
        raise ValueError(f"alpha must be >= 0 and finite; got {alpha!r}")


def of_strength(bind: Callable[[float], BoundPenalty], ridge: Array | None = None) -> Callable[[float], BoundPenalty]:
    """Return the penalty as a function of the strength: bound once, where it is linear in it, plus a fixed ridge."""
    at_one = cache(lambda: bind(1.0))

    def penalty_at(alpha: float) -> BoundPenalty:
        _check_alpha(alpha)
        one = at_one()
        # A penalty of one's own need not be a BoundPenalty.
        bound = one.times(alpha) if alpha > 0.0 and isinstance(one, BoundPenalty) else None
        if bound is None:
            bound = bind(alpha)
        return bound if ridge is None else bound.plus_ridge(ridge)

    return penalty_at


def normalised_weights(sample_weight: Any, n: int) -> Array:
    """Return sample weights that sum to one."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weights = _per_sample("sample_weight", sample_weight, n)
    if (weights < 0.0).any() or not weights.any():
        raise ValueError("sample_weight must be >= 0 with a value > 0")
    weights = weights / weights.max()
    return weights / weights.sum()


def _per_sample(name: str, values: Any, n: int) -> Array:
    """Return one finite number per sample."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from error
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one value per sample; got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite; it contains NaN or inf")
    return array


def _weighted(weights: Array, values: Array) -> float:
    """Return ``weights . values`` where a weight of zero silences even inf."""
    with np.errstate(invalid="ignore"):
        total = float(weights @ values)
    if not np.isfinite(total):
        used = weights > 0.0
        total = float(weights[used] @ values[used])
    return total


def standard_deviations(design: Design, weights: Array, columns: Array | None = None) -> Array:
    """Return the weighted population standard deviations of some columns; exactly zero for constant ones."""
    columns = np.arange(design.shape[1]) if columns is None else columns
    mean, square = design.moments(columns, weights, 1.0, True)
    sd = np.sqrt(square)
    # Rounding leaves a constant column a deviation of about eps |mean|.
    return np.where(sd > 1e-14 * np.abs(mean) * np.sqrt(design.shape[0]), sd, 0.0)


def dropout_ridge(design: Design, weights: Array, loss: Loss, rate: float) -> Array:
    """Return ``d / (1 - d) mean_s(x_j^2)``: dropout of inputs, in expectation, under squared loss.

    S. Wager, S. Wang and P. Liang, *Dropout training as adaptive regularization*, NIPS 2013.
    """
    if not loss.quadratic:
        raise ValueError(f"dropout is a quadratic form for squared_error only; got loss {loss!r}")
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"dropout must lie in [0, 1); got {rate!r}")
    return rate / (1.0 - rate) * design.moments(np.arange(design.shape[1]), weights, 1.0, False)[1]

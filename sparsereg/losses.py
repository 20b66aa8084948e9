r"""Losses: what a wrong prediction costs.

A loss knows the target ``y`` and the linear predictor ``eta = o + b + X w``; it knows nothing of ``X`` or ``w``.
Every method works elementwise on arrays of length ``n_samples``; sample weights are the solver's business.

Letters: ``g`` first and ``h`` second derivative with respect to ``eta``; ``v`` a dual variable, a value that ``g``
can take; ``f*(v) = sup_eta v eta - f(eta)`` the convex conjugate, which turns a gradient into a lower bound.
"""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.special import expit, kl_div, softmax, xlogy
from sklearn.base import BaseEstimator

__all__ = [
    "Gamma",
    "Huber",
    "LogLoss",
    "Loss",
    "Poisson",
    "Softmax",
    "SquaredError",
    "SquaredHinge",
    "Tweedie",
    "get_loss",
]

Array = np.ndarray

# A dual value this far outside the domain of a conjugate (relative to 1 + |y|) is rounding, not infeasibility.
_DOMAIN_SLACK = 1e-12


class Loss(BaseEstimator):
    """Base of all losses: a pointwise convex function of the linear predictor.

    Subclasses set `curvature` and implement `value`, `gradient_hessian` and `infimum`; the rest has a default.
    ``docs/add_a_loss.md`` builds one in twenty lines.
    """

    curvature: ClassVar[str] = "diagonal"
    """``"diagonal"``: `gradient_hessian` returns both derivatives. ``"softmax"``: see `Softmax`. ``"none"``: the loss
    offers no second derivative that is good enough for Newton steps (its ``h`` is then an upper bound) and proximal
    gradient is used."""

    curvature_floor: ClassVar[float] = 1e-6
    """Smallest curvature of a sample in a Newton model, as a share of the largest: no direction may be flat."""

    quadratic: ClassVar[bool] = False
    """True when `h` does not depend on ``eta``, so that one Newton step is exact."""

    binary: ClassVar[bool] = False
    """True when targets are the labels 0 and 1 of a classification."""

    positive: ClassVar[bool] = False
    """True when targets must not be negative."""

    def value(self, y: Array, eta: Array) -> Array:
        """Return the loss of each sample."""
        raise NotImplementedError

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``g`` and ``h``, first and second derivative in ``eta``."""
        raise NotImplementedError

    def infimum(self, y: Array) -> Array:
        """Return the greatest lower bound of the loss of each sample over all ``eta``."""
        raise NotImplementedError

    def conjugate(self, y: Array, v: Array) -> Array | None:
        """Return ``f*(v)``, inf outside its domain, or None where no closed form is known."""
        return None

    def fenchel_young(self, y: Array, eta: Array, v: Array) -> Array | None:
        """Return ``f(eta) + f*(v) - v eta >= 0``, zero where ``v`` is the derivative at ``eta``; or None."""
        conjugate = self.conjugate(y, v)
        return None if conjugate is None else self.value(y, eta) + conjugate - v * eta

    def inverse_link(self, eta: Array) -> Array:
        """Map the linear predictor to the scale of ``y`` (for classifiers: the probability of class 1)."""
        return eta

    def recession(self, y: Array) -> tuple[Array, Array] | None:
        """Return bounds (low, high) on ``X d`` within which the loss never grows along ``d``, None if only zero does.

        A direction inside them that is not flat shows that the unpenalised problem has no finite minimum.
        """
        return None

    def recedes(self, y: Array, v: Array) -> bool:
        """Whether the loss of every sample falls for ever along a direction ``v`` of the linear predictor."""
        bounds = self.recession(y)
        return bounds is not None and bool(((v >= bounds[0]) & (v <= bounds[1]) & (v != 0.0)).all())

    def check_target(self, y: Array) -> Array:
        """Return ``y`` if it lies in the domain of the loss, else raise ValueError."""
        return y

    def _name(self) -> str:
        return type(self).__name__


class SquaredError(Loss):
    r"""Squared error, ``f(eta) = (y - eta)^2 / 2``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import SquaredError
    >>> SquaredError().value(np.array([1.0, 2.0]), np.array([0.0, 2.0]))
    array([0.5, 0. ])
    """

    quadratic = True

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``(y - eta)^2 / 2``."""
        r = y - eta
        return 0.5 * r * r

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``eta - y`` and ones."""
        return eta - y, np.ones_like(eta)

    def infimum(self, y: Array) -> Array:
        """Return zeros."""
        return np.zeros_like(y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``v^2 / 2 + v y``."""
        return v * (0.5 * v + y)

    def fenchel_young(self, y: Array, eta: Array, v: Array) -> Array:
        """Return ``(v - (eta - y))^2 / 2``: what the general form is, without its cancellation."""
        r = v - (eta - y)
        return 0.5 * r * r


class LogLoss(Loss):
    r"""Logistic loss, ``f(eta) = log(1 + exp(eta)) - y eta`` for ``y`` in [0, 1] (labels or probabilities).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import LogLoss
    >>> LogLoss().inverse_link(np.array([0.0]))
    array([0.5])
    """

    binary = True

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``log(1 + exp(eta)) - y eta``."""
        # As max(eta, 0) - y eta + log1p(exp(-|eta|)) nothing overflows, and y = 1, eta >> 0 does not cancel.
        return np.where(eta > 0, (1.0 - y) * eta, -y * eta) + np.log1p(np.exp(-np.abs(eta)))

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``p - y`` and ``p (1 - p)``, ``p = 1 / (1 + exp(-eta))``."""
        # One exponential for both classes, each to all its digits; scipy's expit, twice, takes four times as long.
        t = np.exp(-np.abs(eta))
        near = 1.0 / (1.0 + t)  # the probability of the class on the side of eta
        far = t * near
        up = eta > 0.0
        p, q = np.where(up, near, far), np.where(up, far, near)
        return np.where(y == 1.0, -q, p - y), near * far

    def infimum(self, y: Array) -> Array:
        """Return the entropy of ``y``, zero for labels."""
        return -xlogy(y, y) - xlogy(1.0 - y, 1.0 - y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``t log t + (1 - t) log(1 - t)`` with ``t = y + v`` in [0, 1]."""
        t = y + v
        inside = (t >= -_DOMAIN_SLACK) & (t <= 1.0 + _DOMAIN_SLACK)
        t = np.clip(t, 0.0, 1.0)
        # 1 - t as (1 - y) - v keeps the digits of v where y = 1.
        u = np.clip((1.0 - y) - v, 0.0, 1.0)
        return np.where(inside, xlogy(t, t) + xlogy(u, u), np.inf)

    def inverse_link(self, eta: Array) -> Array:
        """Return the probability ``1 / (1 + exp(-eta))``."""
        return expit(eta)

    def recession(self, y: Array) -> tuple[Array, Array]:
        """Return the half-lines of separation: up for y = 1, down for y = 0, none between."""
        return np.where(y < 1.0, np.where(y > 0.0, 0.0, -np.inf), 0.0), np.where(y == 1.0, np.inf, 0.0)

    def check_target(self, y: Array) -> Array:
        """Require values in [0, 1]."""
        return _require(y, (y >= 0.0) & (y <= 1.0), self._name(), "values in [0, 1]")


class Softmax(Loss):
    r"""Multinomial logistic loss of ``K`` classes, ``f(eta) = log sum_k exp(eta_k) - sum_k y_k eta_k``.

    The classes of a sample are spread out: arrays of length ``K n`` hold class 0 of all samples, then class 1 and so
    on; each entry of `value` is ``y_k (log sum exp - eta_k)``, whose sum over the classes is the loss. ``y`` holds
    labels as zeros and a one, or probabilities that sum to one. Every class has its own weights (the symmetric
    parametrisation: adding the same to all classes changes nothing but the penalty).

    `gradient_hessian` returns ``p - y`` and ``p``: with ``h = s p`` of a sample its Hessian is
    ``diag(h) - h h' / sum_k h_k``, which solvers know as curvature ``"softmax"``.

    Parameters
    ----------
    n_classes : int, default=2

    Notes
    -----
    With ``K = 2`` and a penalty that is even in the weights, an optimum has ``w_1 = -w_0 = v / 2``: it is the
    `LogLoss` of ``v`` at the same strength for L1, at half the strength for a squared norm.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import Softmax
    >>> Softmax(3).value(np.array([1.0, 0.0, 0.0]), np.zeros(3)).round(4)
    array([1.0986, 0.    , 0.    ])
    """

    curvature = "softmax"

    def __init__(self, n_classes: int = 2):
        self.n_classes = n_classes

    def _below_largest(self, eta: Array) -> tuple[Array, Array]:
        """Return ``eta_k - max eta`` by class and sample, and the exponentials, which cannot overflow."""
        # scipy's logsumexp takes 100 microseconds for 63 samples of 4 classes, this 10.
        spread = eta.reshape(self.n_classes, -1)
        below = spread - spread.max(axis=0)
        return below, np.exp(below)

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``-y_k log p_k``."""
        with np.errstate(invalid="ignore"):
            below, powers = self._below_largest(eta)
            return np.where(y == 0.0, 0.0, y * (np.log(powers.sum(axis=0)) - below).ravel())

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``p - y`` and ``p``."""
        with np.errstate(invalid="ignore"):
            _, powers = self._below_largest(eta)
            p = (powers / powers.sum(axis=0)).ravel()
        return p - y, p

    def infimum(self, y: Array) -> Array:
        """Return the terms of the entropy of ``y``, zero for labels."""
        return -xlogy(y, y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``t_k log t_k`` with ``t = y + v >= 0``, for ``v`` that sum to zero over the classes."""
        t = y + v
        return np.where(t >= -_DOMAIN_SLACK, xlogy(np.maximum(t, 0.0), np.maximum(t, 0.0)), np.inf)

    def fenchel_young(self, y: Array, eta: Array, v: Array) -> Array:
        """Return the terms ``t log(t / p) - t + p >= 0`` of the divergence of ``t = y + v`` from ``p``."""
        t = y + v
        inside = t >= -_DOMAIN_SLACK
        return np.where(inside, kl_div(np.maximum(t, 0.0), self.gradient_hessian(y, eta)[1]), np.inf)

    def recedes(self, y: Array, v: Array) -> bool:
        """Whether the direction raises the class of each sample above all others."""
        V, Y = v.reshape(self.n_classes, -1), y.reshape(self.n_classes, -1)
        others = np.where(Y > 0.0, -np.inf, V).max(axis=0)
        return bool((Y.max(axis=0) == 1.0).all() and (np.where(Y > 0.0, V, np.inf).min(axis=0) > others).all())

    def inverse_link(self, eta: Array) -> Array:
        """Return the probabilities of linear predictors of shape (n_samples, n_classes)."""
        return softmax(eta, axis=1)


class _LogLinkLoss(Loss):
    """Losses of a positive mean ``mu = exp(eta)``."""

    positive = True

    def inverse_link(self, eta: Array) -> Array:
        """Return the mean ``exp(eta)``."""
        return np.exp(eta)


class Poisson(_LogLinkLoss):
    r"""Poisson loss with log link, ``f(eta) = exp(eta) - y eta`` for ``y >= 0``.

    It is the negative log-likelihood up to a constant, half the deviance above `infimum`.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import Poisson
    >>> Poisson().value(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
    array([1., 1.])
    """

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``exp(eta) - y eta``."""
        with np.errstate(over="ignore"):
            return np.exp(eta) - y * eta

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``mu - y`` and ``mu``, ``mu = exp(eta)``."""
        with np.errstate(over="ignore"):
            mu = np.exp(eta)
        return mu - y, mu

    def infimum(self, y: Array) -> Array:
        """Return ``y - y log y``, reached at ``mu = y``."""
        return y - xlogy(y, y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``t log t - t`` with ``t = y + v >= 0``."""
        t = y + v
        inside = t >= -_DOMAIN_SLACK * (1.0 + np.abs(y))
        t = np.maximum(t, 0.0)
        return np.where(inside, xlogy(t, t) - t, np.inf)

    def recession(self, y: Array) -> tuple[Array, Array]:
        """Return: samples with ``y = 0`` may fall for ever, the others stay."""
        return np.where(y > 0.0, 0.0, -np.inf), np.zeros_like(y)

    def check_target(self, y: Array) -> Array:
        """Require values >= 0, not all zero."""
        return _require_counts(y, self._name())


class Gamma(_LogLinkLoss):
    r"""Gamma loss with log link, ``f(eta) = y exp(-eta) + eta`` for ``y > 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import Gamma
    >>> Gamma().infimum(np.array([1.0]))
    array([1.])
    """

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``y exp(-eta) + eta``."""
        with np.errstate(over="ignore"):
            return y * np.exp(-eta) + eta

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``1 - y / mu`` and ``y / mu``."""
        with np.errstate(over="ignore"):
            ratio = y * np.exp(-eta)
        return 1.0 - ratio, ratio

    def infimum(self, y: Array) -> Array:
        """Return ``1 + log y``, reached at ``mu = y``."""
        return 1.0 + np.log(y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``t (log(t / y) - 1)`` with ``t = 1 - v >= 0``."""
        t = 1.0 - v
        inside = t >= -_DOMAIN_SLACK
        t = np.maximum(t, 0.0)
        return np.where(inside, xlogy(t, t / y) - t, np.inf)

    def check_target(self, y: Array) -> Array:
        """Require values > 0."""
        return _require(y, y > 0.0, self._name(), "values > 0")


class Tweedie(_LogLinkLoss):
    r"""Tweedie loss with log link and variance ``mu^power``, ``power`` in [1, 2].

    ``f(eta) = mu^(2-p) / (2-p) - y mu^(1-p) / (1-p)`` with ``mu = exp(eta)``; `Poisson` at ``p = 1`` and `Gamma` at
    ``p = 2``. In between (compound Poisson-gamma) ``y >= 0`` may be exactly zero: claims, rainfall. Outside [1, 2] the
    loss is not convex in ``eta``, so no certificate exists and it is refused.

    Parameters
    ----------
    power : float, default=1.5
        Exponent ``p`` of the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import Tweedie
    >>> Tweedie(power=1.5).value(np.array([0.0]), np.array([0.0]))
    array([2.])
    """

    def __init__(self, power: float = 1.5):
        self.power = power

    def _edge(self) -> Loss | None:
        """Return the loss that stands at the two ends of the range of `power`."""
        _require_number("power", self.power)
        if not 1.0 <= self.power <= 2.0:
            raise ValueError(f"power must lie in [1, 2], where the loss is convex; got {self.power!r}")
        return {1.0: Poisson(), 2.0: Gamma()}.get(self.power)

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``mu^(2-p) / (2-p) - y mu^(1-p) / (1-p)``."""
        if edge := self._edge():
            return edge.value(y, eta)
        p = self.power
        with np.errstate(over="ignore"):
            return np.exp((2.0 - p) * eta) / (2.0 - p) + _times(y, np.exp((1.0 - p) * eta)) / (p - 1.0)

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``mu^(2-p) - y mu^(1-p)`` and its derivative."""
        if edge := self._edge():
            return edge.gradient_hessian(y, eta)
        p = self.power
        with np.errstate(over="ignore"):
            rise, fall = np.exp((2.0 - p) * eta), _times(y, np.exp((1.0 - p) * eta))
        return rise - fall, (2.0 - p) * rise + (p - 1.0) * fall

    def infimum(self, y: Array) -> Array:
        """Return ``y^(2-p) (1 / (2-p) + 1 / (p-1))``, reached at ``mu = y``."""
        if edge := self._edge():
            return edge.infimum(y)
        p = self.power
        return y ** (2.0 - p) * (1.0 / (2.0 - p) + 1.0 / (p - 1.0))

    def conjugate(self, y: Array, v: Array) -> Array | None:
        """Return the conjugate at the ends; in between it has no closed form."""
        edge = self._edge()
        return None if edge is None else edge.conjugate(y, v)

    def recession(self, y: Array) -> tuple[Array, Array] | None:
        """Return: samples with ``y = 0`` may fall for ever, the others stay."""
        return None if self.power == 2.0 else Poisson().recession(y)

    def check_target(self, y: Array) -> Array:
        """Require values >= 0, not all zero (``power=2``: > 0)."""
        if isinstance(self._edge(), Gamma):
            return Gamma().check_target(y)
        return _require_counts(y, self._name())


class Huber(Loss):
    r"""Huber loss: ``r^2 / 2`` where ``|r| <= delta``, ``delta |r| - delta^2 / 2`` beyond, ``r = y - eta``.

    Parameters
    ----------
    delta : float, default=1.35
        Where squared becomes absolute, in the units of ``y``.

    Notes
    -----
    ``delta`` is fixed, not estimated: scikit-learn's ``HuberRegressor`` fits a scale beside it. P. J. Huber, *Robust
    estimation of a location parameter*, Annals of Mathematical Statistics 35 (1964), 73-101.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import Huber
    >>> Huber(delta=1.0).value(np.array([0.0, 0.0]), np.array([1.0, 3.0]))
    array([0.5, 2.5])
    """

    # Beyond delta there is no curvature at all: with 1e-6 the model had condition 1e6 and its solution took 60,000
    # epochs where 1e-2 takes 600, for one or two outer iterations more.
    curvature_floor = 1e-2

    def __init__(self, delta: float = 1.35):
        self.delta = delta

    def value(self, y: Array, eta: Array) -> Array:
        """Return the loss of each sample."""
        r = np.abs(y - eta)
        inner = np.minimum(r, self.delta)
        return inner * (r - 0.5 * inner)

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``eta - y`` clipped to ``[-delta, delta]`` and 1 inside, 0 beyond."""
        r = eta - y
        return np.clip(r, -self.delta, self.delta), (np.abs(r) <= self.delta).astype(np.float64)

    def infimum(self, y: Array) -> Array:
        """Return zeros."""
        return np.zeros_like(y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``v^2 / 2 + v y`` where ``|v| <= delta``."""
        inside = np.abs(v) <= self.delta * (1.0 + _DOMAIN_SLACK)
        return np.where(inside, v * (0.5 * v + y), np.inf)

    def check_target(self, y: Array) -> Array:
        """Require a positive `delta`; any ``y`` will do."""
        _require_number("delta", self.delta)
        if not 0.0 < self.delta < np.inf:
            raise ValueError(f"delta must be > 0 and finite; got {self.delta!r}")
        return y


class SquaredHinge(Loss):
    r"""Squared hinge loss, ``f(eta) = max(0, 1 - (2y - 1) eta)^2`` for labels ``y`` in {0, 1}.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.losses import SquaredHinge
    >>> SquaredHinge().value(np.array([1.0, 0.0]), np.array([2.0, 0.0]))
    array([0., 1.])
    """

    binary = True
    curvature_floor = 1e-2  # as for Huber: none at all beyond the margin

    def value(self, y: Array, eta: Array) -> Array:
        """Return the loss of each sample."""
        m = np.maximum(0.0, 1.0 - (2.0 * y - 1.0) * eta)
        return m * m

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return the derivative and 2 inside the margin, 0 beyond."""
        sign = 2.0 * y - 1.0
        m = np.maximum(0.0, 1.0 - sign * eta)
        return -2.0 * sign * m, 2.0 * (m > 0.0)

    def infimum(self, y: Array) -> Array:
        """Return zeros."""
        return np.zeros_like(y)

    def conjugate(self, y: Array, v: Array) -> Array:
        """Return ``t + t^2 / 4`` with ``t = (2y - 1) v <= 0``."""
        t = (2.0 * y - 1.0) * v
        inside = t <= _DOMAIN_SLACK
        t = np.minimum(t, 0.0)
        return np.where(inside, t + 0.25 * t * t, np.inf)

    def check_target(self, y: Array) -> Array:
        """Require the labels 0 and 1."""
        return _require(y, (y == 0.0) | (y == 1.0), self._name(), "the labels 0 and 1")


_BY_NAME: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "log_loss": LogLoss,
    "poisson": Poisson,
    "gamma": Gamma,
    "tweedie": Tweedie,
    "huber": Huber,
    "squared_hinge": SquaredHinge,
}


POSITIVE_LOSSES = frozenset(name for name, loss in _BY_NAME.items() if loss.positive)


def get_loss(loss: str | Loss) -> Loss:
    """Return the loss object that a name stands for.

    Parameters
    ----------
    loss : str or Loss
        One of the names that `sparsereg.SparseRegressor` and `sparsereg.SparseClassifier` take; an object stands for
        itself.

    Returns
    -------
    Loss

    Examples
    --------
    >>> from sparsereg.losses import get_loss
    >>> get_loss("huber")
    Huber()
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in _BY_NAME:
        return _BY_NAME[loss]()
    raise ValueError(f"loss must be one of {sorted(_BY_NAME)} or a Loss object; got {loss!r}")


def _times(y: Array, x: Array) -> Array:
    """Multiply so that ``y = 0`` gives 0 even where ``x`` overflowed to inf."""
    return np.multiply(y, x, out=np.zeros_like(x), where=y > 0.0)


def _require(y: Array, good: Array, name: str, allowed: str) -> Array:
    if not good.all():
        bad = int(np.argmin(good))
        raise ValueError(f"y must hold {allowed} for the loss {name}; y[{bad}] is {float(y[bad])!r}")
    return y


def _require_counts(y: Array, name: str) -> Array:
    _require(y, y >= 0.0, name, "values >= 0")
    if not y.any():
        raise ValueError(f"y must hold a value > 0 for the loss {name}: with all zero there is no finite minimum")
    return y


def _require_number(name: str, value: object) -> None:
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r} of type {type(value).__name__}")

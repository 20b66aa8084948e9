"""Losses of classes."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, kl_div, softmax, xlogy

from sparsereg.losses.base import DOMAIN_SLACK, Loss, require

__all__ = ["LogLoss", "Softmax", "SquaredHinge"]

Array = np.ndarray


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
        inside = (t >= -DOMAIN_SLACK) & (t <= 1.0 + DOMAIN_SLACK)
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
        return require(y, (y >= 0.0) & (y <= 1.0), self._name(), "values in [0, 1]")


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
        return np.where(t >= -DOMAIN_SLACK, xlogy(np.maximum(t, 0.0), np.maximum(t, 0.0)), np.inf)

    def fenchel_young(self, y: Array, eta: Array, v: Array) -> Array:
        """Return the terms ``t log(t / p) - t + p >= 0`` of the divergence of ``t = y + v`` from ``p``."""
        t = y + v
        inside = t >= -DOMAIN_SLACK
        return np.where(inside, kl_div(np.maximum(t, 0.0), self.gradient_hessian(y, eta)[1]), np.inf)

    def recedes(self, y: Array, v: Array) -> bool:
        """Whether the direction raises the class of each sample above all others."""
        V, Y = v.reshape(self.n_classes, -1), y.reshape(self.n_classes, -1)
        others = np.where(Y > 0.0, -np.inf, V).max(axis=0)
        return bool((Y.max(axis=0) == 1.0).all() and (np.where(Y > 0.0, V, np.inf).min(axis=0) > others).all())

    def inverse_link(self, eta: Array) -> Array:
        """Return the probabilities of linear predictors of shape (n_samples, n_classes)."""
        return softmax(eta, axis=1)


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
        inside = t <= DOMAIN_SLACK
        t = np.minimum(t, 0.0)
        return np.where(inside, t + 0.25 * t * t, np.inf)

    def check_target(self, y: Array) -> Array:
        """Require the labels 0 and 1."""
        return require(y, (y == 0.0) | (y == 1.0), self._name(), "the labels 0 and 1")

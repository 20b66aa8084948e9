"""Losses of counts and amounts, whose mean is positive: ``mu = exp(eta)``."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from sparsereg.losses.base import DOMAIN_SLACK, Loss, require, require_counts, require_number, times

__all__ = ["Gamma", "Poisson", "Tweedie"]

Array = np.ndarray


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
        inside = t >= -DOMAIN_SLACK * (1.0 + np.abs(y))
        t = np.maximum(t, 0.0)
        return np.where(inside, xlogy(t, t) - t, np.inf)

    def recession(self, y: Array) -> tuple[Array, Array]:
        """Return: samples with ``y = 0`` may fall for ever, the others stay."""
        return np.where(y > 0.0, 0.0, -np.inf), np.zeros_like(y)

    def check_target(self, y: Array) -> Array:
        """Require values >= 0, not all zero."""
        return require_counts(y, self._name())


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
        inside = t >= -DOMAIN_SLACK
        t = np.maximum(t, 0.0)
        return np.where(inside, xlogy(t, t / y) - t, np.inf)

    def check_target(self, y: Array) -> Array:
        """Require values > 0."""
        return require(y, y > 0.0, self._name(), "values > 0")


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
        require_number("power", self.power)
        if not 1.0 <= self.power <= 2.0:
            raise ValueError(f"power must lie in [1, 2], where the loss is convex; got {self.power!r}")
        return {1.0: Poisson(), 2.0: Gamma()}.get(self.power)

    def value(self, y: Array, eta: Array) -> Array:
        """Return ``mu^(2-p) / (2-p) - y mu^(1-p) / (1-p)``."""
        if edge := self._edge():
            return edge.value(y, eta)
        p = self.power
        with np.errstate(over="ignore"):
            return np.exp((2.0 - p) * eta) / (2.0 - p) + times(y, np.exp((1.0 - p) * eta)) / (p - 1.0)

    def gradient_hessian(self, y: Array, eta: Array) -> tuple[Array, Array]:
        """Return ``mu^(2-p) - y mu^(1-p)`` and its derivative."""
        if edge := self._edge():
            return edge.gradient_hessian(y, eta)
        p = self.power
        with np.errstate(over="ignore"):
            rise, fall = np.exp((2.0 - p) * eta), times(y, np.exp((1.0 - p) * eta))
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
        return require_counts(y, self._name())

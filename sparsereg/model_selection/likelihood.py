r"""Log-likelihoods of what the losses model: ``-2 log L`` at its maximum over a dispersion, where there is one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, psi

from sparsereg.losses import Gamma, LogLoss, Loss, Poisson, SquaredError, Tweedie

__all__ = ["family_of", "minus_two_log_likelihood"]

Array = np.ndarray


def family_of(loss: Loss) -> Loss:
    """Return the loss that names the likelihood; ValueError if it has none that is known.

    Examples
    --------
    >>> from sparsereg.losses import Tweedie
    >>> family_of(Tweedie(power=2))
    Gamma()
    """
    if isinstance(loss, Tweedie) and loss.power in (1.0, 2.0):
        return Poisson() if loss.power == 1.0 else Gamma()
    if isinstance(loss, SquaredError | LogLoss | Poisson | Gamma):
        return loss
    name = type(loss).__name__
    if isinstance(loss, Tweedie):
        raise ValueError(
            f"loss {name} with a power between 1 and 2 has no closed likelihood, and its dispersion is not fitted: no "
            "information criterion. Choose the strength by cross-validation"
        )
    raise ValueError(
        f"loss {name} is not the logarithm of a likelihood: no information criterion. It exists for squared_error, "
        "log_loss, poisson and gamma; else choose the strength by cross-validation"
    )


def minus_two_log_likelihood(loss: Loss, y: Array, eta: Array, weights: Array) -> float:
    """Return ``-2 sum_i w_i log p(y_i | eta_i)``, -inf where the fit is saturated and the likelihood unbounded.

    Parameters
    ----------
    loss : Loss
        From `family_of`.
    y, eta : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,)
        Frequencies.
    """
    used = weights > 0.0
    y, eta, weights = y[used], eta[used], weights[used]
    n, excess = float(weights.sum()), float(weights @ (loss.value(y, eta) - loss.infimum(y)))
    if isinstance(loss, SquaredError):
        rounding = (100.0 * np.finfo(np.float64).eps) ** 2 * float(weights @ (y * y + eta * eta))
        return n * float(np.log(2.0 * np.pi * 2.0 * excess / n) + 1.0) if 2.0 * excess > rounding else -np.inf
    if isinstance(loss, LogLoss):
        return 2.0 * float(weights @ loss.value(y, eta))
    if isinstance(loss, Poisson):
        return 2.0 * float(weights @ (loss.value(y, eta) + gammaln(y + 1.0)))
    return _gamma(y, eta, weights, excess / n)


def _gamma(y: Array, eta: Array, weights: Array, excess: float) -> float:
    """Return -2 log L of the gamma distribution at the best shape ``k``: ``log k - psi(k) = excess``.

    ``log p = k log k - log Gamma(k) - k f(eta) + (k - 1) log y`` with the loss ``f = y exp(-eta) + eta``, whose mean is
    ``excess + 1 + mean log y``.
    """
    if excess <= 1e-14:
        return -np.inf
    n = float(weights.sum())
    # 1/(2k) < log k - psi(k) < 1/k
    low, high = -np.log(2.0 * excess) - 1e-3, -np.log(excess) + 1e-3
    k = float(np.exp(brentq(lambda t: t - psi(np.exp(t)) - excess, low, high, xtol=1e-14)))
    constant = k * np.log(k) - gammaln(k) - k * (excess + 1.0)
    return -2.0 * (n * float(constant) - float(weights @ np.log(y)))

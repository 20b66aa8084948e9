"""The base of all losses, and what they share: checks of targets and parameters."""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["DOMAIN_SLACK", "Loss", "require", "require_counts", "require_number", "times"]

Array = np.ndarray

# A dual value this far outside the domain of a conjugate (relative to 1 + |y|) is rounding, not infeasibility.
DOMAIN_SLACK = 1e-12


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


def times(y: Array, x: Array) -> Array:
    """Multiply so that ``y = 0`` gives 0 even where ``x`` overflowed to inf."""
    return np.multiply(y, x, out=np.zeros_like(x), where=y > 0.0)


def require(y: Array, good: Array, name: str, allowed: str) -> Array:
    """Return the target if all of it is good, else say what is allowed."""
    if not good.all():
        bad = int(np.argmin(good))
        raise ValueError(f"y must hold {allowed} for the loss {name}; y[{bad}] is {float(y[bad])!r}")
    return y


def require_counts(y: Array, name: str) -> Array:
    """Return the target if nothing is negative and something is positive."""
    require(y, y >= 0.0, name, "values >= 0")
    if not y.any():
        raise ValueError(f"y must hold a value > 0 for the loss {name}: with all zero there is no finite minimum")
    return y


def require_number(name: str, value: object) -> None:
    """Require a parameter to be a number."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; got {value!r} of type {type(value).__name__}")

r"""Losses: what a wrong prediction costs.

A loss knows the target ``y`` and the linear predictor ``eta = o + b + X w``; it knows nothing of ``X`` or ``w``.
Every method works elementwise on arrays of length ``n_samples``; sample weights are the solver's business.

Letters: ``g`` first and ``h`` second derivative with respect to ``eta``; ``v`` a dual variable, a value that ``g``
can take; ``f*(v) = sup_eta v eta - f(eta)`` the convex conjugate, which turns a gradient into a lower bound.
"""

from __future__ import annotations

from sparsereg.losses.amounts import Gamma as Gamma
from sparsereg.losses.amounts import Poisson as Poisson
from sparsereg.losses.amounts import Tweedie as Tweedie
from sparsereg.losses.base import Loss as Loss
from sparsereg.losses.labels import LogLoss as LogLoss
from sparsereg.losses.labels import Softmax as Softmax
from sparsereg.losses.labels import SquaredHinge as SquaredHinge
from sparsereg.losses.residuals import Huber as Huber
from sparsereg.losses.residuals import SquaredError as SquaredError

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

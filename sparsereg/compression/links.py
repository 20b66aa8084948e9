"""Inverse links: from the linear predictor ``eta = b + X w`` to what is predicted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, log_expit, softmax

__all__ = ["INVERSE_LINKS", "PROBABILITIES", "probabilities", "respond"]

Array = np.ndarray


def _normalised_expit(eta: Array) -> Array:
    """Return one-against-the-rest probabilities, ``p_k / sum_l p_l`` with ``p = 1 / (1 + exp(-eta))``.

    Computed as a softmax of ``log p``, so that rows where every p underflows keep their proportions.
    """
    return softmax(log_expit(eta), axis=1)


INVERSE_LINKS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda eta: eta,
    "exp": np.exp,
    "expit": expit,
    "softmax": lambda eta: softmax(eta, axis=1),
    "normalised_expit": _normalised_expit,
}
"""By name; from (n_samples, n_outputs) to the same shape. What a model predicts: a mean, or probabilities."""

PROBABILITIES = ("expit", "softmax", "normalised_expit")
"""Inverse links of classifiers; others have a decision function only, with "identity"."""


def respond(inverse_link: str, eta: Array) -> Array:
    """Return the response to a linear predictor of shape (n_samples, n_outputs); inf where exp overflows."""
    with np.errstate(over="ignore"):
        return INVERSE_LINKS[inverse_link](eta)


def probabilities(inverse_link: str, eta: Array) -> Array:
    """Return the probabilities of all classes; of two classes, eta has the log-odds of the second."""
    if inverse_link == "expit":
        eta = np.hstack([-eta, eta])  # 1 - p would lose the digits of small probabilities
    return respond(inverse_link, eta)

r"""Anderson extrapolation: the affine combination of the last iterates whose differences nearly cancel.

Q. Bertrand and M. Massias, *Anderson acceleration of coordinate descent*, AISTATS 2021.
"""

from __future__ import annotations

import numpy as np

__all__ = ["anderson_weights"]

Array = np.ndarray


def anderson_weights(trail: list[Array]) -> Array | None:
    """Return ``c`` of sum one that minimises ``|U c|``, ``U`` the differences of iterates; None if there is none.

    Whatever is affine in the iterates, as a residual, is combined by the same numbers.
    """
    U = np.diff(np.array(trail), axis=0)
    gram = U @ U.T
    try:
        c = np.linalg.solve(gram + 1e-12 * np.trace(gram) * np.eye(len(gram)), np.ones(len(gram)))
    except np.linalg.LinAlgError:
        return None
    return c / c.sum() if abs(c.sum()) > 0.0 else None

"""Working set: the columns that the next sub-problem may change."""

from __future__ import annotations

import numpy as np

__all__ = ["working_set"]

Array = np.ndarray


def working_set(violations: Array, keep: Array, size: int) -> Array:
    """Return the columns to keep and the worst violators among the others, at most ``max(size, len(keep))`` in all.

    Parameters
    ----------
    violations : ndarray of shape (m,)
        Distance to optimality per column: the one score, shared with the stopping rule.
    keep : ndarray of int
        Columns that stay whatever their score, in their order: the support, or what a Gram matrix already covers.
    size : int

    Examples
    --------
    >>> import numpy as np
    >>> working_set(np.array([0.0, 3.0, 1.0, 2.0]), keep=np.array([2]), size=3)
    array([2, 1, 3])
    """
    score = violations.copy()
    score[keep] = 0.0
    room = size - len(keep)
    if room <= 0:
        return keep
    candidates = np.flatnonzero(score > 0.0)
    if len(candidates) > room:
        candidates = candidates[np.argpartition(-score[candidates], room - 1)[:room]]
        candidates.sort()
    return np.concatenate([keep, candidates])

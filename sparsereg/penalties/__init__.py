r"""Penalties: what a weight costs.

A penalty comes in two shapes. The *spec* (`L1`, `ElasticNet`, `MCP`, ...) is what a user writes: parameters
only, so that ``get_params``, ``clone`` and grid searches work. `Penalty.bind` meets it with the strength ``alpha`` and
the columns at hand and returns a `BoundPenalty`: frozen arrays, ``alpha`` inside, one entry per occupied column.

Letters: ``w`` weights; ``z = X' g`` gradient of the loss part in ``w``; ``u`` a dual variable; ``omega_j`` the penalty
of one weight and ``omega_j*(u) = sup_w u w - omega_j(w)`` its conjugate.
"""

from __future__ import annotations

from sparsereg.penalties.base import BoundPenalty as BoundPenalty
from sparsereg.penalties.base import Coordinates as Coordinates
from sparsereg.penalties.base import Penalty as Penalty
from sparsereg.penalties.blocks import BlockPenalty as BlockPenalty
from sparsereg.penalties.concave import MCP as MCP
from sparsereg.penalties.concave import SCAD as SCAD
from sparsereg.penalties.concave import BentCoordinates as BentCoordinates
from sparsereg.penalties.concave import ConcavePenalty as ConcavePenalty
from sparsereg.penalties.groups import Group as Group
from sparsereg.penalties.groups import Rows as Rows
from sparsereg.penalties.groups import SparseGroup as SparseGroup
from sparsereg.penalties.separable import L1 as L1
from sparsereg.penalties.separable import L2 as L2
from sparsereg.penalties.separable import ElasticNet as ElasticNet
from sparsereg.penalties.separable import NoPenalty as NoPenalty
from sparsereg.penalties.separable import SeparablePenalty as SeparablePenalty

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "BentCoordinates",
    "BlockPenalty",
    "BoundPenalty",
    "ConcavePenalty",
    "Coordinates",
    "ElasticNet",
    "Group",
    "NoPenalty",
    "Penalty",
    "Rows",
    "SeparablePenalty",
    "SparseGroup",
    "get_penalty",
]

_BY_NAME: dict[str | None, type[Penalty]] = {
    "l1": L1,
    "l2": L2,
    "elasticnet": ElasticNet,
    "mcp": MCP,
    "scad": SCAD,
    None: NoPenalty,
}


def get_penalty(penalty: str | Penalty | None) -> Penalty:
    """Return the spec that a name stands for.

    Parameters
    ----------
    penalty : str, Penalty or None
        ``"l1"``, ``"l2"``, ``"elasticnet"``, ``"mcp"``, ``"scad"``, None for no penalty; an object stands for itself.

    Returns
    -------
    Penalty

    Examples
    --------
    >>> from sparsereg.penalties import get_penalty
    >>> get_penalty("elasticnet")
    ElasticNet()
    """
    if isinstance(penalty, Penalty):
        return penalty
    if (penalty is None or isinstance(penalty, str)) and penalty in _BY_NAME:
        return _BY_NAME[penalty]()
    names = sorted(name for name in _BY_NAME if name)
    raise ValueError(f"penalty must be one of {names}, None or a Penalty object; got {penalty!r}")

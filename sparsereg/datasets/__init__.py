"""Data sets at hand without a network: one that comes with the dependencies, one that is generated."""

from sparsereg.datasets._docstrings import load_docstrings
from sparsereg.datasets._globe import make_globe

__all__ = ["load_docstrings", "make_globe"]

"""Data sets that come with the dependencies: real, at hand without a network, nothing to download."""

from sparsereg.datasets._docstrings import load_docstrings

__all__ = ["load_docstrings"]

"""Selection of features by exactly nonzero coefficients."""

from sparsereg.feature_selection.select_nonzero import SelectNonzero as SelectNonzero

__all__ = ["SelectNonzero"]

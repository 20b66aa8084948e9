"""Paths over the penalty strength, and the choice of one."""

from sparsereg.model_selection.path import Path as Path
from sparsereg.model_selection.path import alpha_max as alpha_max
from sparsereg.model_selection.path import regularization_path as regularization_path

__all__ = ["Path", "alpha_max", "regularization_path"]

"""Paths over the penalty strength, and the choice of one."""

from sparsereg.model_selection.criteria import information_criterion as information_criterion
from sparsereg.model_selection.faces import ElasticNetCV as ElasticNetCV
from sparsereg.model_selection.faces import LassoCV as LassoCV
from sparsereg.model_selection.path import Path as Path
from sparsereg.model_selection.path import alpha_max as alpha_max
from sparsereg.model_selection.path import regularization_path as regularization_path
from sparsereg.model_selection.relax import relax as relax
from sparsereg.model_selection.results import one_standard_error as one_standard_error
from sparsereg.model_selection.search import PathSearchCV as PathSearchCV

__all__ = [
    "ElasticNetCV",
    "LassoCV",
    "Path",
    "PathSearchCV",
    "alpha_max",
    "information_criterion",
    "one_standard_error",
    "regularization_path",
    "relax",
]

"""Sparse regularised linear models for scikit-learn: any loss, any penalty, any X, certified optimal."""

from sparsereg.compression import CompactModel as CompactModel
from sparsereg.compression import compact as compact
from sparsereg.compression import prune as prune
from sparsereg.feature_selection import SelectNonzero as SelectNonzero
from sparsereg.linear_model import AdaptiveLasso as AdaptiveLasso
from sparsereg.linear_model import AdaptiveLassoClassifier as AdaptiveLassoClassifier
from sparsereg.linear_model import ElasticNet as ElasticNet
from sparsereg.linear_model import GroupLasso as GroupLasso
from sparsereg.linear_model import Lasso as Lasso
from sparsereg.linear_model import MultiTaskElasticNet as MultiTaskElasticNet
from sparsereg.linear_model import MultiTaskLasso as MultiTaskLasso
from sparsereg.linear_model import SparseClassifier as SparseClassifier
from sparsereg.linear_model import SparseGroupLasso as SparseGroupLasso
from sparsereg.linear_model import SparseRegressor as SparseRegressor
from sparsereg.model_selection import ElasticNetCV as ElasticNetCV
from sparsereg.model_selection import LassoCV as LassoCV
from sparsereg.model_selection import PathSearchCV as PathSearchCV
from sparsereg.model_selection import alpha_max as alpha_max
from sparsereg.model_selection import information_criterion as information_criterion
from sparsereg.model_selection import one_standard_error as one_standard_error
from sparsereg.model_selection import regularization_path as regularization_path
from sparsereg.model_selection import relax as relax
from sparsereg.preprocessing import FeatureCross as FeatureCross

__version__ = "0.1.0.dev0"

__all__ = [
    "AdaptiveLasso",
    "AdaptiveLassoClassifier",
    "CompactModel",
    "ElasticNet",
    "ElasticNetCV",
    "FeatureCross",
    "GroupLasso",
    "Lasso",
    "LassoCV",
    "MultiTaskElasticNet",
    "MultiTaskLasso",
    "PathSearchCV",
    "SelectNonzero",
    "SparseClassifier",
    "SparseGroupLasso",
    "SparseRegressor",
    "alpha_max",
    "compact",
    "information_criterion",
    "one_standard_error",
    "prune",
    "regularization_path",
    "relax",
]

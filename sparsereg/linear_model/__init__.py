"""Estimators: parameters, a loss and a penalty."""

from sparsereg.linear_model.adaptive import AdaptiveLasso as AdaptiveLasso
from sparsereg.linear_model.adaptive import AdaptiveLassoClassifier as AdaptiveLassoClassifier
from sparsereg.linear_model.classification import SparseClassifier as SparseClassifier
from sparsereg.linear_model.groups import GroupLasso as GroupLasso
from sparsereg.linear_model.groups import SparseGroupLasso as SparseGroupLasso
from sparsereg.linear_model.multitask import MultiTaskElasticNet as MultiTaskElasticNet
from sparsereg.linear_model.multitask import MultiTaskLasso as MultiTaskLasso
from sparsereg.linear_model.regression import ElasticNet as ElasticNet
from sparsereg.linear_model.regression import Lasso as Lasso
from sparsereg.linear_model.regression import SparseRegressor as SparseRegressor

__all__ = [
    "AdaptiveLasso",
    "AdaptiveLassoClassifier",
    "ElasticNet",
    "GroupLasso",
    "Lasso",
    "MultiTaskElasticNet",
    "MultiTaskLasso",
    "SparseClassifier",
    "SparseGroupLasso",
    "SparseRegressor",
]

"""Estimators: parameters, a loss and a penalty."""

from sparsereg.linear_model.classification import SparseClassifier as SparseClassifier
from sparsereg.linear_model.regression import ElasticNet as ElasticNet
from sparsereg.linear_model.regression import Lasso as Lasso
from sparsereg.linear_model.regression import SparseRegressor as SparseRegressor

__all__ = ["ElasticNet", "Lasso", "SparseClassifier", "SparseRegressor"]

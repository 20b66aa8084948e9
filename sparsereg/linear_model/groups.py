"""Regressors whose features stand or fall in groups."""

from __future__ import annotations

from typing import Any

from sparsereg.linear_model.base import check_model_settings
from sparsereg.linear_model.regression import RegressorBase
from sparsereg.losses import Loss, SquaredError
from sparsereg.penalties import Group, Penalty, SparseGroup

__all__ = ["GroupLasso", "SparseGroupLasso"]


class GroupLasso(RegressorBase):
    r"""Group lasso: least squares in which groups of features are used whole or not at all.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - o_i - b - x_i . w)^2 + alpha sum_g k_g |w_g|_2
    + alpha l2 |w|^2 / 2``. For other losses: ``SparseRegressor(loss, penalty=Group(groups))``, or `SparseClassifier`.

    Parameters
    ----------
    groups : array-like, list of lists, dict, "onehot" or None, default=None
        Labels of shape (n_features,); lists of column numbers or names, alone or as a dict by label; or ``"onehot"``:
        the columns that one categorical feature became, read from the names of the columns. Columns in no list are
        groups of one. None: all are, which is the lasso.
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    weights : dict or array-like, default=None
        Weights ``k_g >= 0``: in the order of the lists, or of the sorted labels; a dict changes those it names. None:
        the square root of the size of the group.
    l2 : float, default=0.0
        Strength of a ridge, relative to the norms.
    fit_intercept : bool, default=True
    standardize : bool, default=False
        Penalise the weights of standardised features; they are returned on the original scale.
    penalty_factor : array-like of shape (n_features,) or dict by name, default=None
        Multiplies `alpha`, the same for all features of a group; 0 never penalised, inf excluded.
    positive : bool, default=False
        Hold the coefficients at >= 0.
    tol : float, default=1e-8
        Stop when the duality gap is at most `tol` times the null deviance.
    max_iter : int, default=100
        Largest number of outer iterations.
    warm_start : bool, default=False

    Attributes
    ----------
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseRegressor`.
    n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Notes
    -----
    M. Yuan and Y. Lin, *Model selection and estimation in regression with grouped variables*, JRSS B 68 (2006), 49-67.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import GroupLasso
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> blood = ["s1", "s2", "s3", "s4", "s5", "s6"]
    >>> model = GroupLasso([["age", "sex"], blood], alpha=1.0).fit(X, y)
    >>> model.coef_.round()
    array([  0.,   0., 474.,  85.,   0.,   0.,   0.,   0.,   0.,   0.])
    """

    verbose = 0

    def __init__(
        self,
        groups: Any = None,
        alpha: float = 1.0,
        *,
        weights: Any = None,
        l2: float = 0.0,
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        positive: bool = False,
        tol: float = 1e-8,
        max_iter: int = 100,
        warm_start: bool = False,
    ):
        self.groups = groups
        self.alpha = alpha
        self.weights = weights
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.positive = positive
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def _loss(self) -> Loss:
        return SquaredError()

    def _penalty(self) -> Penalty:
        return Group(self.groups, self.weights, self.l2)

    def _check_settings(self) -> None:
        check_model_settings(self)

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "lower": 0.0 if self.positive else None}


class SparseGroupLasso(GroupLasso):
    r"""Sparse group lasso: few groups, and few features inside them.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - o_i - b - x_i . w)^2 + alpha (1 - l1_ratio) sum_g k_g |w_g|_2
    + alpha l1_ratio |w|_1``. For other losses: ``SparseRegressor(loss, penalty=SparseGroup(groups))``.

    Parameters
    ----------
    groups, alpha
        As in `GroupLasso`.
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1]: 0 is `GroupLasso`, 1 the lasso.
    weights, fit_intercept, standardize, penalty_factor, positive, tol, max_iter, warm_start
        As in `GroupLasso`.

    Attributes
    ----------
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseRegressor`.

    Notes
    -----
    N. Simon, J. Friedman, T. Hastie and R. Tibshirani, *A sparse-group lasso*, JCGS 22 (2013), 231-245.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import SparseGroupLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SparseGroupLasso([[0, 1], [4, 5, 6, 7, 8, 9]], alpha=1.0).fit(X, y)
    >>> model.coef_.round()
    array([  0.,   0., 452.,  73.,   0.,   0., -13.,  14.,  27.,  10.])
    """

    def __init__(
        self,
        groups: Any = None,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        weights: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        positive: bool = False,
        tol: float = 1e-8,
        max_iter: int = 100,
        warm_start: bool = False,
    ):
        self.groups = groups
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.weights = weights
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.positive = positive
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def _penalty(self) -> Penalty:
        return SparseGroup(self.groups, self.l1_ratio, self.weights)

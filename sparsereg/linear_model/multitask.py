"""Regressors of several tasks that choose their features together."""

from __future__ import annotations

from typing import Any

from sparsereg.linear_model.base import Data
from sparsereg.linear_model.regression import HouseholdRegressor
from sparsereg.linear_model.validation import check_number
from sparsereg.losses import Loss, SquaredError
from sparsereg.penalties import Penalty, Rows

__all__ = ["MultiTaskElasticNet", "MultiTaskLasso"]


class MultiTaskElasticNet(HouseholdRegressor):
    r"""The multi-task elastic net with scikit-learn's parameters, defaults and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i |y_i - b - W x_i|^2 + alpha l1_ratio sum_j |W_j|_2
    + alpha (1 - l1_ratio) / 2 |W|^2`` where ``W_j`` holds the weights of feature ``j`` for all tasks: a feature is used
    by all tasks or by none.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    l1_ratio : float, default=0.5
        Share of the norms, in [0, 1].
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of outer iterations (scikit-learn counts epochs; far fewer are needed here).
    tol : float, default=1e-4
        Stop when the duality gap is at most `tol` times the null deviance of all tasks.
    warm_start : bool, default=False

    Attributes
    ----------
    sparse_coef_ : csr_array of shape (n_tasks, n_features)
    coef_ : ndarray of shape (n_tasks, n_features)
        Dense, read-only, built at each access.
    intercept_ : ndarray of shape (n_tasks,)
    dual_gap_, relative_gap_, kkt_violation_ : float
        Of the one problem that all tasks are.
    n_iter_, history_, n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Notes
    -----
    Sparse X, sample weights and offsets are taken as well, which scikit-learn's class does not. G. Obozinski, B. Taskar
    and M. Jordan, *Joint covariate selection and joint subspace selection for multiple classification problems*,
    Statistics and Computing 20 (2010), 231-252.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sparsereg import MultiTaskElasticNet
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> model = MultiTaskElasticNet(alpha=100.0, l1_ratio=0.9).fit(X, Y)
    >>> model.coef_.round(3)
    array([[ 0.   , -0.17 ,  0.   ],
           [ 0.   , -0.029,  0.   ],
           [ 0.   ,  0.023,  0.   ]])
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start

    positive = False

    def _check_settings(self) -> None:
        super()._check_settings()
        check_number("l1_ratio", self.l1_ratio, high=1.0)

    def _penalty(self) -> Penalty:
        return Rows(l1_ratio=self.l1_ratio)

    def _joint_loss(self, n_outputs: int) -> Loss:
        return SquaredError()

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        data = super()._prepare(X, y, sample_weight, offset)
        if not self._two_dimensional:
            raise ValueError(
                "y must have shape (n_samples, n_tasks), a column per task; got one-dimensional y: for mono-task "
                "outputs, use ElasticNet or Lasso"
            )
        self._flat = False
        return data

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags


class MultiTaskLasso(MultiTaskElasticNet):
    r"""The multi-task lasso with scikit-learn's parameters, defaults and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i |y_i - b - W x_i|^2 + alpha sum_j |W_j|_2``; see `MultiTaskElasticNet`.

    Parameters
    ----------
    alpha, fit_intercept, max_iter, tol, warm_start
        As in `MultiTaskElasticNet`.

    Attributes
    ----------
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `MultiTaskElasticNet`.

    Examples
    --------
    >>> from sparsereg import MultiTaskLasso
    >>> model = MultiTaskLasso(alpha=0.1).fit([[0, 1], [1, 2], [2, 4]], [[0, 0], [1, 1], [2, 3]])
    >>> model.coef_.round(3)
    array([[0.   , 0.608],
           [0.   , 0.946]])
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start

    l1_ratio = 1.0

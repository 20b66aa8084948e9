"""Regressors: parameters and a docstring each; the work is in `SparseLinearModel`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from sparsereg.linear_model.base import Data, SparseLinearModel, check_model_settings
from sparsereg.linear_model.validation import (
    check_matrix,
    check_number,
    check_offset,
    check_sample_weight,
    check_targets_like,
)
from sparsereg.losses import POSITIVE_LOSSES, Loss, SquaredError
from sparsereg.penalties import L1, Penalty
from sparsereg.penalties import ElasticNet as ElasticNetPenalty
from sparsereg.solvers.null_model import null_model
from sparsereg.solvers.problem import Problem, Solution

__all__ = ["ElasticNet", "Lasso", "SparseRegressor"]

Array = np.ndarray


class RegressorBase(RegressorMixin, SparseLinearModel):
    """Fit, predict and score for targets that are numbers, in one or several columns."""

    _column_is_flat = False  # whether y of shape (n, 1) is treated as one-dimensional, as scikit-learn's Lasso does

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 and float64 are used as they are, dense in C or Fortran order, CSR or CSC; never copied for a change
            of layout that the solver does not need, never changed.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target; several columns are fitted one by one, or together where the penalty (`Rows`) binds them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; only their proportions matter.
        offset : array-like of shape (n_samples,) or float, default=None
            Known part of the linear predictor (for a Poisson rate: the log of the exposure).

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, offset)
        return self

    def _joint_loss(self, n_outputs: int) -> Loss | None:
        return self._loss() if n_outputs > 1 and self._penalty().joint else None

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        self._check_settings()
        X, y = check_matrix(self, X, y=y, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        self._two_dimensional = y.ndim == 2
        self._flat = y.ndim == 1 or (self._column_is_flat and y.shape[1] == 1)
        n = X.shape[0]
        Y = y.reshape(n, -1)
        return Data(X, Y, check_sample_weight(sample_weight, n), check_offset(offset, n, Y.shape[1]))

    def predict(self, X: Any, offset: Any = None) -> Array:
        """Predict the target: the linear predictor through the inverse link of the loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or float, default=None
            Required (``offset=0`` at least) if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._loss().inverse_link(self._linear_predictor(X, offset))

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return the fraction of the deviance explained, averaged over outputs: R^2 for squared error.

        ``D^2 = 1 - (F(model) - inf F) / (F(best intercept) - inf F)`` with the weighted mean loss ``F`` on this data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        float
        """
        eta = self._linear_predictor(X, offset)
        Y = check_targets_like(y, eta).reshape(len(eta), -1)
        eta = eta.reshape(len(eta), -1)
        weights, offset = check_sample_weight(sample_weight, len(eta)), check_offset(offset, len(eta), Y.shape[1])
        empty = np.zeros((len(eta), 0))
        scores = []
        for k in range(Y.shape[1]):
            known = offset if offset is None or offset.ndim == 1 else offset[:, k]
            problem = Problem.from_data(empty, Y[:, k], self._loss(), None, sample_weight=weights, offset=known)
            worst = problem.loss_value(null_model(problem).eta) - problem.infimum
            missing = problem.loss_value(eta[:, k].astype(np.float64)) - problem.infimum
            scores.append(1.0 - missing / worst if worst > 0.0 else float(missing <= 0.0))
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        # An unknown loss is for fit to refuse: tags are asked for a repr, too.
        loss = getattr(self, "loss", "squared_error")
        tags.target_tags.positive_only = loss in POSITIVE_LOSSES if isinstance(loss, str) else bool(loss.positive)
        return tags


class SparseRegressor(RegressorBase):
    r"""Sparse linear regression: any loss with any penalty, certified by a duality gap.

    Minimises ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + Omega_alpha(w)`` over weights ``w`` and intercept
    ``b``, where ``s`` are sample weights and ``o`` an offset.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        ``"squared_error"``, ``"poisson"``, ``"gamma"``, ``"tweedie"``, ``"huber"``, or an object from
        `sparsereg.losses` such as ``Tweedie(power=1.7)``.
    penalty : str, Penalty or None, default="l1"
        ``"l1"``, ``"l2"``, ``"elasticnet"``, ``"mcp"``, ``"scad"``, None, or an object from `sparsereg.penalties` such
        as ``ElasticNet(l1_ratio=0.9)``.
    alpha : float, default=1.0
        Strength of the penalty, >= 0, in scikit-learn's scaling of `Lasso` for every loss.
    fit_intercept : bool, default=True
        Whether to fit ``b``; it is never penalised.
    standardize : bool, default=False
        Penalise on the scale of standardised features (weighted population standard deviation). Coefficients are
        returned on the original scale, X is not copied; constant columns get coefficient 0.
    penalty_factor : array-like of shape (n_features,) or dict, default=None
        Multiplies `alpha` per feature: 0 never penalised, inf excluded. A dict goes by feature name. Never rescaled.
    lower, upper : float or array-like of shape (n_features,), default=None
        Bounds on the coefficients, ``lower <= 0 <= upper``.
    dropout : float, default=0.0
        Rate in [0, 1) at which inputs are dropped, in expectation (squared error only): adds
        ``dropout / (1 - dropout) / 2 sum_j mean(x_j^2) w_j^2``.
    tol : float, default=1e-8
        Stop when the duality gap is at most ``tol`` times the null deviance (half, per unit weight).
    max_iter : int, default=100
        Largest number of outer iterations.
    n_starts : int, default=1
        MCP and SCAD only, which have many stationary points: begin at so many points and keep the model with the
        smallest objective. The first is the null model (or the last fit), the second the end of a path down to `alpha`,
        the others are minima of lassos with random weights, from fixed seeds.
    warm_start : bool, default=False
        Start from the last fit (from scratch if the number of features differs).
    verbose : int, default=0
        1 prints a line per outer iteration.

    Attributes
    ----------
    sparse_coef_ : csr_array of shape (n_outputs, n_features)
        The weights; what is stored and pickled. In the dtype of X.
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Dense weights, read-only, built at each access; (n_features,) for one-dimensional y.
    intercept_ : float or ndarray of shape (n_outputs,)
    dual_gap_ : float or ndarray
        Bound on how far the objective is above its minimum; nan where no bound exists.
    relative_gap_ : float or ndarray
        The same in units of the null deviance (half, per unit weight): what `tol` is compared with.
    kkt_violation_ : float or ndarray
        Largest distance of a gradient to the subdifferential.
    n_iter_ : int
        Outer iterations.
    history_ : list of Record
        One entry per outer iteration, at most 1000.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X had string column names.

    See Also
    --------
    Lasso, ElasticNet : scikit-learn's names and defaults.
    SparseClassifier : two classes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import SparseRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SparseRegressor(loss="poisson", alpha=0.5).fit(X, y)
    >>> model.sparse_coef_.indices
    array([2, 3, 6, 8], dtype=int32)
    >>> bool(model.dual_gap_ < 1e-6)
    True
    """

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        penalty: str | Penalty | None = "l1",
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        dropout: float = 0.0,
        tol: float = 1e-8,
        max_iter: int = 100,
        n_starts: int = 1,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.lower = lower
        self.upper = upper
        self.dropout = dropout
        self.tol = tol
        self.max_iter = max_iter
        self.n_starts = n_starts
        self.warm_start = warm_start
        self.verbose = verbose

    def _check_settings(self) -> None:
        check_model_settings(self)
        if self._loss().binary:
            raise ValueError(f"loss {self.loss!r} is for two classes: use SparseClassifier")


class HouseholdRegressor(RegressorBase):
    """scikit-learn's names: squared error, its shapes for a single column of targets."""

    _column_is_flat = True
    verbose = 0
    positive: bool

    def _loss(self) -> Loss:
        return SquaredError()

    def _keep(self, solutions: Sequence[Solution]) -> None:
        super()._keep(solutions)
        if not self.fit_intercept:
            self.intercept_ = 0.0  # whatever the shape of y, as scikit-learn does

    def _options(self) -> dict[str, Any]:
        return {"lower": 0.0 if self.positive else None}


class Lasso(HouseholdRegressor):
    r"""The lasso with scikit-learn's parameters, defaults and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - b - x_i . w)^2 + alpha sum_j |w_j|``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of outer iterations (scikit-learn counts epochs; far fewer are needed here).
    tol : float, default=1e-4
        Stop when the duality gap is at most `tol` times the null deviance.
    warm_start : bool, default=False
    positive : bool, default=False
        Hold the coefficients at >= 0.

    Attributes
    ----------
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseRegressor`; ``y`` of shape (n, 1) gives ``coef_`` of shape (n_features,), as in scikit-learn.
    n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Notes
    -----
    scikit-learn's ``precompute``, ``copy_X``, ``selection`` and ``random_state`` are absent: X is never copied or
    changed, and the solver chooses for itself.

    Examples
    --------
    >>> from sparsereg import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0, 0], [1, 1], [2, 2]], [0, 1, 2])
    >>> model.coef_
    array([0.85, 0.  ])
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        warm_start: bool = False,
        positive: bool = False,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive

    def _penalty(self) -> Penalty:
        return L1()


class ElasticNet(HouseholdRegressor):
    r"""The elastic net with scikit-learn's parameters, defaults and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - b - x_i . w)^2 + alpha l1_ratio sum_j |w_j|
    + alpha (1 - l1_ratio) / 2 sum_j w_j^2``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1].
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of outer iterations.
    tol : float, default=1e-4
        Stop when the duality gap is at most `tol` times the null deviance.
    warm_start : bool, default=False
    positive : bool, default=False
        Hold the coefficients at >= 0.

    Attributes
    ----------
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseRegressor`; ``y`` of shape (n, 1) gives ``coef_`` of shape (n_features,), as in scikit-learn.
    n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import ElasticNet
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ElasticNet(alpha=0.01, l1_ratio=0.9).fit(X, y).sparse_coef_.nnz
    10
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
        positive: bool = False,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive

    def _check_settings(self) -> None:
        super()._check_settings()
        check_number("l1_ratio", self.l1_ratio, high=1.0)

    def _penalty(self) -> Penalty:
        return ElasticNetPenalty(l1_ratio=self.l1_ratio)

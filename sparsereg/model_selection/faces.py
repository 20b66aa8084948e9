"""LassoCV and ElasticNetCV: scikit-learn's names for a search over the strength."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.validation import column_or_1d

from sparsereg.linear_model.regression import ElasticNet, HouseholdRegressor, Lasso
from sparsereg.linear_model.validation import (
    all_or_nothing,
    check_matrix,
    check_number,
    check_offset,
    check_sample_weight,
)
from sparsereg.model_selection.folds import Experiment
from sparsereg.model_selection.grid import check_alphas, geometric_grid
from sparsereg.model_selection.path import prepare, top_of
from sparsereg.model_selection.results import warn_of_failures
from sparsereg.model_selection.runner import run_paths
from sparsereg.model_selection.scoring import Scorers

__all__ = ["ElasticNetCV", "LassoCV"]

Array = np.ndarray


class _HouseholdCV(HouseholdRegressor):
    """Fit at the strength (and l1_ratio) with the smallest mean over folds of the mean squared error."""

    warm_start = False
    eps: float
    alphas: Any
    cv: Any
    n_jobs: int | None

    def _model(self) -> Any:
        """Return the model to be fitted."""
        raise NotImplementedError

    def _settings(self) -> list[dict[str, Any]]:
        """Return the settings of what is chosen beside the strength."""
        return [{}]

    def _check_settings(self) -> None:
        name = type(self).__name__
        raise TypeError(f"{name} chooses its alpha, it has no path of its own: use {name.removesuffix('CV')}")

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, groups: Any = None):
        """Choose the strength by cross-validation and fit with it on all data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As in `Lasso.fit`.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0, also of the squared errors within a fold; the mean over folds is plain, as in scikit-learn.
        offset : array-like of shape (n_samples,) or float, default=None
            Known part of the target.
        groups : array-like of shape (n_samples,), default=None
            For a splitter that keeps groups together.

        Returns
        -------
        self
        """
        with all_or_nothing(self):
            check_number("eps", self.eps, high=1.0, strict=True)
            grid = check_alphas(self.alphas, self.eps)
            X, y = check_matrix(self, X, y=y, multi_output=True, y_numeric=True)
            if y.ndim > 1 and y.shape[1] > 1:
                raise ValueError(
                    f"y must be one-dimensional; got {y.shape[1]} columns: fit one {type(self).__name__} to each. "
                    "For multi-task outputs, use MultiTask models"
                )
            y = column_or_1d(y, warn=True)
            given = {
                "sample_weight": check_sample_weight(sample_weight, len(y)),
                "offset": check_offset(offset, len(y)),
            }
            self._search(grid, X, y, given, groups)
        return self

    def _search(self, grid: int | Array, X: Any, y: Array, given: dict[str, Any], groups: Any) -> None:
        model, settings = self._model(), self._settings()
        grids = [self._grid(grid, model.set_params(**setting), X, y, given) for setting in settings]
        splits = list(check_cv(self.cv).split(X, y, groups))
        weights = {} if given["sample_weight"] is None else {"sample_weight": given["sample_weight"]}
        experiment = Experiment(
            estimator=model,
            X=X,
            y=y,
            fit_params=given,
            scorers=Scorers(model, "neg_mean_squared_error", "raise"),
            score_params={"score": weights},
            offset=given["offset"],
            error_score="raise",
            return_train_score=False,
        )
        folds = run_paths(experiment, settings, grids, splits, self.n_jobs, self.verbose)
        warn_of_failures(folds, [len(alphas) for alphas in grids], "raise", model.tol)
        errors = -np.array([[fold.test for fold in at] for at in folds]).transpose(0, 2, 1)
        means = errors.mean(axis=2)
        best, at = np.unravel_index(np.argmin(means), means.shape)
        several = len(settings) > 1
        self.mse_path_ = errors if several else errors[0]
        self.alphas_ = np.array(grids) if several and isinstance(grid, int) else grids[0]
        self.alpha_ = float(grids[best][at])
        model.set_params(alpha=self.alpha_, **settings[best]).fit(X, y, **given)
        learnt = vars(model).keys() - model.get_params().keys() - {"n_features_in_", "feature_names_in_"}
        self.__dict__.update({name: vars(model)[name] for name in learnt})
        self._note(settings[best])

    def _note(self, setting: dict[str, Any]) -> None:
        """Keep what was chosen beside the strength."""

    def _grid(self, grid: int | Array, model: Any, X: Any, y: Array, given: dict[str, Any]) -> Array:
        """Return the strengths, descending."""
        if isinstance(grid, int):
            return geometric_grid(top_of(prepare(model, X, y, **given)[1]), grid, self.eps)
        return np.sort(grid)[::-1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


class LassoCV(_HouseholdCV):
    r"""The lasso with its strength chosen by cross-validation: scikit-learn's parameters, defaults and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - b - x_i . w)^2 + alpha sum_j |w_j|`` at the ``alpha`` with the
    smallest mean squared error on folds.

    Parameters
    ----------
    eps : float, default=1e-3
        Smallest strength in units of the largest, for a number of `alphas`.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithms from `alpha_max` down, or the strengths themselves.
    fit_intercept : bool, default=True
    max_iter : int, default=1000
        Largest number of outer iterations at each strength.
    tol : float, default=1e-4
        Stop when the duality gap is at most `tol` times the null deviance.
    cv : int, splitter or iterable, default=None
        5 folds by default.
    verbose : int, default=False
        Whether to show progress.
    n_jobs : int, default=None
        Number of threads, each with a fold.
    positive : bool, default=False
        Hold the coefficients at >= 0.

    Attributes
    ----------
    alpha_ : float
        The strength that was chosen.
    alphas_ : ndarray of shape (n_alphas,)
        The strengths, descending.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        Mean squared errors on the folds.
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        Of the fit at `alpha_` on all data, as in `Lasso`.
    n_features_in_, feature_names_in_
        As in `Lasso`.

    See Also
    --------
    PathSearchCV : any of our models, pipelines, scorers, and the one-standard-error rule.

    Notes
    -----
    scikit-learn's ``precompute``, ``copy_X``, ``selection`` and ``random_state`` are absent, as in `Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import LassoCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LassoCV(tol=1e-8).fit(X, y)
    >>> round(model.alpha_, 5), model.mse_path_.shape
    (0.00375, (100, 5))
    """

    def __init__(
        self,
        *,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Any = None,
        verbose: int = False,
        n_jobs: int | None = None,
        positive: bool = False,
    ):
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive

    def _model(self) -> Lasso:
        return Lasso(fit_intercept=self.fit_intercept, max_iter=self.max_iter, tol=self.tol, positive=self.positive)


class ElasticNetCV(_HouseholdCV):
    r"""The elastic net with strength and mix chosen by cross-validation: scikit-learn's parameters and answers.

    Minimises ``(1 / (2 sum_i s_i)) sum_i s_i (y_i - b - x_i . w)^2 + alpha l1_ratio sum_j |w_j|
    + alpha (1 - l1_ratio) / 2 sum_j w_j^2`` at the ``alpha`` and ``l1_ratio`` with the smallest mean squared error on
    folds.

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        Share of the absolute values, in [0, 1]; of several, the best is chosen.
    eps : float, default=1e-3
        Smallest strength in units of the largest, for a number of `alphas`.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, for each `l1_ratio` from its `alpha_max` down, or the strengths themselves.
    fit_intercept, max_iter, tol, cv, verbose, n_jobs, positive
        As in `LassoCV`.

    Attributes
    ----------
    alpha_ : float
        The strength that was chosen.
    l1_ratio_ : float
        The share that was chosen.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratio, n_alphas)
        The strengths, descending.
    mse_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratio, n_alphas, n_folds)
        Mean squared errors on the folds.
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        Of the fit at `alpha_` and `l1_ratio_` on all data, as in `Lasso`.
    n_features_in_, feature_names_in_
        As in `Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import ElasticNetCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ElasticNetCV(l1_ratio=[0.5, 0.9, 1.0], tol=1e-8).fit(X, y)
    >>> round(model.alpha_, 5), model.l1_ratio_, model.mse_path_.shape
    (0.00375, 1.0, (3, 100, 5))
    """

    def __init__(
        self,
        *,
        l1_ratio: Any = 0.5,
        eps: float = 1e-3,
        alphas: Any = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        cv: Any = None,
        verbose: int = False,
        n_jobs: int | None = None,
        positive: bool = False,
    ):
        self.l1_ratio = l1_ratio
        self.eps = eps
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.cv = cv
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.positive = positive

    def _model(self) -> ElasticNet:
        return ElasticNet(
            fit_intercept=self.fit_intercept, max_iter=self.max_iter, tol=self.tol, positive=self.positive
        )

    def _settings(self) -> list[dict[str, Any]]:
        try:
            ratios = np.atleast_1d(np.asarray(self.l1_ratio, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise TypeError(f"l1_ratio must be a number or a list of numbers; got {self.l1_ratio!r}") from error
        if ratios.ndim != 1 or len(ratios) == 0:
            raise ValueError(f"l1_ratio must be a number or a list of numbers; got {self.l1_ratio!r}")
        return [{"l1_ratio": float(ratio)} for ratio in ratios]

    def _note(self, setting: dict[str, Any]) -> None:
        self.l1_ratio_ = setting["l1_ratio"]

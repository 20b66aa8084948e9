"""PathSearchCV: cross-validation over the strength of the penalty, one warm path per fold and setting."""

from __future__ import annotations

from inspect import signature
from numbers import Integral, Real
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from sparsereg.linear_model.validation import all_or_nothing, check_flag, check_number
from sparsereg.model_selection.callbacks import CallbackSupportMixin, SearchTasks, with_callbacks
from sparsereg.model_selection.delegation import DELEGATED, BestEstimator, requested_offset
from sparsereg.model_selection.folds import Experiment, FoldScores
from sparsereg.model_selection.grid import check_alphas, geometric_grid
from sparsereg.model_selection.last_step import configured, last_step, routing_enabled
from sparsereg.model_selection.path import prepare, top_of
from sparsereg.model_selection.results import choose, format_results, warn_of_failures
from sparsereg.model_selection.runner import run_paths
from sparsereg.model_selection.scoring import Scorers

__all__ = ["PathSearchCV"]

Array = np.ndarray


class PathSearchCV(CallbackSupportMixin, BestEstimator):
    r"""Choose the strength of the penalty by cross-validation, with scikit-learn's ``GridSearchCV`` as the model.

    Finds the ``alpha`` (and other parameters) with the best mean score over folds. Answers are those of
    ``GridSearchCV(estimator, {"alpha": alphas, ...})``; the work is not: per fold and setting of the other parameters,
    preprocessing is fitted once and the model is solved at all strengths in turn, each from the last.

    Parameters
    ----------
    estimator : SparseRegressor, SparseClassifier, Lasso, ElasticNet or Pipeline
        A Pipeline, also nested or with ``memory``, must end in one of the former.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithms from `alpha_max` down, for each setting of `param_grid` on all
        data; or the strengths themselves, which keep their order in ``cv_results_``.
    alpha_min_ratio : float, default=1e-3
        Smallest strength in units of the largest, for a number of `alphas`.
    param_grid : dict or list of dict, default=None
        Other parameters to try, as in ``GridSearchCV``: of the transformers, or ``model__penalty__l1_ratio``.
    scoring : str, callable, list, tuple or dict, default=None
        As in ``GridSearchCV``; the estimator's own score by default.
    n_jobs : int, default=None
        Number of threads, each with a fold of a setting.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all data: True takes the best mean score, the first of equals; ``"1se"``
        the strongest penalty within one standard error of it (`one_standard_error`), for a single score; the name of a
        score where there are several; or a function of ``cv_results_`` that returns the number of a candidate.
    cv : int, splitter or iterable, default=None
        As in ``GridSearchCV``: 5 folds by default, stratified for classes.
    verbose : int, default=0
        Whether to show progress.
    error_score : "raise" or float, default=nan
        Score of a fold whose fit or scoring fails; "raise" lets the error through.
    return_train_score : bool, default=False
        Whether ``cv_results_`` has scores on the training rows, too.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in ``GridSearchCV``; candidates come setting by setting. The time of a path is shared out evenly.
    best_estimator_ : estimator
        The best candidate, fitted on all data; unless ``refit=False``.
    best_params_ : dict
    best_index_ : int
    best_score_ : float
        Mean score of the best candidate; absent if `refit` is a function.
    scorer_ : callable or dict
    n_splits_ : int
    multimetric_ : bool
    refit_time_ : float
        Seconds.
    classes_ : ndarray
        Of the best estimator, if it is a classifier.
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    See Also
    --------
    regularization_path : the path itself.
    one_standard_error : the rule behind ``refit="1se"``.
    LassoCV, ElasticNetCV : scikit-learn's names.

    Notes
    -----
    ``fit`` takes ``sample_weight``, ``offset`` and ``groups`` by name, also for the last step of a Pipeline; what is
    for other steps by ``step__name``. With scikit-learn's metadata routing, everything goes by request. Weights reach
    scorers that take them, as in scikit-learn 1.9; an offset reaches the predictions that are scored.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    >>> from sparsereg import Lasso, PathSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(PolynomialFeatures(2), StandardScaler(), Lasso())
    >>> search = PathSearchCV(model, alphas=30, cv=4, refit="1se").fit(X, y)
    >>> search.best_estimator_[-1].sparse_coef_.nnz, round(float(search.best_score_), 2)
    (9, 0.46)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        alphas: Any = 100,
        alpha_min_ratio: float = 1e-3,
        param_grid: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ):
        self.estimator = estimator
        self.alphas = alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.param_grid = param_grid
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.error_score = error_score
        self.return_train_score = return_train_score

    # --- Fitting

    def fit(self, X: Any, y: Any = None, **params: Any) -> PathSearchCV:
        """Cross-validate all candidates and fit the best one on all data.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame or list} of shape (n_samples, ...)
            What the estimator takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        **params
            ``sample_weight``, ``offset``, ``groups`` and other metadata; cut to the rows of each fold where they have
            one value per sample.

        Returns
        -------
        self
        """
        with all_or_nothing(self):
            self._fit(X, y, params)
        return self

    @with_callbacks
    def _fit(self, X: Any, y: Any, params: dict[str, Any]) -> None:
        self._forget()
        self._check_settings()
        alphas = check_alphas(self.alphas, self.alpha_min_ratio)
        prefix, model = last_step(self.estimator)
        settings = self._settings(prefix)
        scorers = Scorers(self.estimator, self.scoring, self.error_score)
        self._check_refit(scorers.by_name if scorers.several else None)
        X, y = indexable(X, y)
        fit_params, score_params, split_params, offset = self._route(params, prefix, model)
        tasks = SearchTasks(self, X, y)
        splits = list(check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y, **split_params))
        if not splits or not settings:
            raise ValueError(
                "No fits were performed: " + ("param_grid has no setting" if splits else "cv made no folds")
            )
        self.n_splits_ = len(splits)
        grids = Parallel(n_jobs=self.n_jobs, require="sharedmem")(
            delayed(self._grid)(alphas, setting, X, y, fit_params) for setting in settings
        )
        experiment = Experiment(
            estimator=self.estimator,
            X=X,
            y=y,
            fit_params=fit_params,
            scorers=scorers,
            score_params=scorers.metadata(score_params),
            offset=offset,
            error_score=self.error_score,
            return_train_score=bool(self.return_train_score),
        )
        folds = run_paths(experiment, settings, grids, splits, self.n_jobs, self.verbose, tasks)
        self._keep(folds, settings, grids, scorers, prefix)
        if self.refit is not False:
            tasks.refit(lambda: self._refit(X, y, fit_params))
        tasks.done()

    def _keep(
        self,
        folds: list[list[FoldScores]],
        settings: list[dict[str, Any]],
        grids: list[Array],
        scorers: Scorers,
        prefix: str,
    ) -> None:
        """Set the attributes that do not depend on the last fit."""
        sizes = [len(grid) for grid in grids]
        warn_of_failures(folds, sizes, self.error_score, last_step(self.estimator)[1].tol)
        alpha = _named(prefix, "alpha")
        candidates = [
            dict(sorted({**setting, alpha: float(value)}.items()))
            for setting, grid in zip(settings, grids, strict=True)
            for value in grid
        ]
        results, names = format_results(candidates, folds, sizes, self.error_score, bool(self.return_train_score))
        self.multimetric_ = names is not None
        if self.multimetric_:
            self._check_refit(names)
        self.scorer_, self.cv_results_ = scorers.fitted, results
        if self.refit is not False or not self.multimetric_:
            metric = self.refit if self.multimetric_ else "score"
            self.best_index_ = choose(self.refit, metric, results, alpha)
            self.best_params_ = candidates[self.best_index_]
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: dict[str, Any]) -> None:
        start = perf_counter()
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        self.best_estimator_ = best.fit(X, y, **fit_params)
        self.refit_time_ = perf_counter() - start
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    def _grid(self, alphas: int | Array, setting: dict[str, Any], X: Any, y: Any, fit_params: dict[str, Any]) -> Array:
        """Return the strengths of a setting: those given, or a grid made on all data."""
        given = None if isinstance(alphas, int) else alphas

        def make(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Array:
            _, problems = prepare(model, X, y, sample_weight, offset)
            return geometric_grid(top_of(problems), self.alphas, self.alpha_min_ratio)

        pipeline, stand_in = configured(self.estimator, setting, make)  # also finds parameters that do not exist
        if given is not None:
            return given
        pipeline.fit(X, y, **fit_params)
        return stand_in.result_

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    # --- Parameters and metadata

    def _check_settings(self) -> None:
        check_flag("return_train_score", self.return_train_score)
        check_number("verbose", int(self.verbose) if isinstance(self.verbose, bool) else self.verbose, Integral)
        if not isinstance(self.refit, bool | np.bool_ | str) and not callable(self.refit):
            raise TypeError(f"refit must be True, False, a name or a function; got {self.refit!r}")
        if self.error_score != "raise" and not isinstance(self.error_score, Real):
            raise ValueError(f"error_score must be 'raise' or a number; got {self.error_score!r}")

    def _check_refit(self, names: Any) -> None:
        """Check that `refit` says what to do with these scores (None: there is one, without a name)."""
        if self.refit is False or callable(self.refit):
            return
        if names is None:
            if self.refit not in (True, "1se") and not callable(self.scoring):
                raise ValueError(f"for a single score, refit must be a bool, '1se' or a function; got {self.refit!r}")
        elif not isinstance(self.refit, str) or self.refit not in names:
            hint = (
                " For '1se' on one of several scores, pass refit=functools.partial(one_standard_error, metric=...)."
                if isinstance(self.refit, str) and self.refit == "1se"
                else ""
            )
            raise ValueError(
                "For multi-metric scoring, the parameter refit must be set to a scorer key or a callable to refit an "
                "estimator with the best parameter setting on the whole data and make the best_* attributes available "
                "for that metric. If this is not needed, refit should be set to False explicitly. "
                f"{self.refit!r} was passed; the scorer keys are {list(names)}.{hint}"
            )

    def _settings(self, prefix: str) -> list[dict[str, Any]]:
        """Return the settings of the other parameters."""
        settings = [{}] if self.param_grid is None else list(ParameterGrid(self.param_grid))
        alpha = _named(prefix, "alpha")
        if any(alpha in setting for setting in settings):
            raise ValueError(f"param_grid must not hold {alpha!r}: the strengths are given by alphas")
        return settings

    def _route(
        self, params: dict[str, Any], prefix: str, model: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Any]:
        """Return the metadata of the estimator's fit, of scorers and of the splitter, and the offset of predictions."""
        if routing_enabled():
            routed = process_routing(self, "fit", **params)
            name = requested_offset(model)
            offset = None if name is None else params.get(name)
            return dict(routed.estimator.fit), dict(routed.scorer.score), dict(routed.splitter.split), offset
        split_params = {"groups": params.pop("groups", None)}
        taken = signature(model.fit).parameters.keys() - {"X", "y"}
        unknown = sorted(name for name in params if "__" not in name and name not in taken)
        if unknown:
            raise TypeError(
                f"fit takes groups, {', '.join(sorted(taken))} and, for steps of a pipeline, step__name; got {unknown}"
            )
        twice = [name for name in taken if prefix and name in params and _named(prefix, name) in params]
        if twice:
            raise TypeError(f"fit was given both {twice[0]} and {_named(prefix, twice[0])}: they are the same")
        fit_params = {_named(prefix, name) if name in taken else name: value for name, value in params.items()}
        score_params = {"sample_weight": params.get("sample_weight")}
        return fit_params, score_params, split_params, fit_params.get(_named(prefix, "offset"))

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing: of ``fit`` to estimator, scorer and splitter; of ``score`` to the scorer."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        for name in DELEGATED:
            mapping.add(caller=name, callee=name)
        router = MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)
        scorer = Scorers(self.estimator, self.scoring, self.error_score).scorer
        mapping = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        router.add(scorer=scorer, method_mapping=mapping)
        mapping = MethodMapping().add(caller="fit", callee="split")
        return router.add(splitter=self.cv, method_mapping=mapping)


def _named(prefix: str, name: str) -> str:
    """Return the name of a parameter of the last step."""
    return f"{prefix}__{name}" if prefix else name

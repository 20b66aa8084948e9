r"""Adaptive lasso: an L1 penalty whose weights a first model, the pilot, has found."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sparsereg.linear_model.base import Data, SparseLinearModel
from sparsereg.linear_model.classification import SparseClassifier
from sparsereg.linear_model.kept import stored_coefficients
from sparsereg.linear_model.regression import SparseRegressor
from sparsereg.linear_model.validation import check_number
from sparsereg.losses import Loss
from sparsereg.penalties import L1, Penalty, SeparablePenalty
from sparsereg.solvers import Design
from sparsereg.solvers.problem import standard_deviations

__all__ = ["AdaptiveLasso", "AdaptiveLassoClassifier"]

Array = np.ndarray


class _WeightedL1(Penalty):
    """L1 with weights of some features; the others are excluded, unless their factor is 0."""

    def __init__(self, index: Array, weight: Array):
        self.index, self.weight = index, weight

    def bind(self, alpha, n_features, *, columns=None, **others):
        """Return `L1` with ``l1_j`` times the weight of feature ``j``."""
        unit = L1().bind(1.0, n_features, columns=columns, **others)
        place = self.index if columns is None else np.searchsorted(columns, self.index)
        weight = np.full(len(unit.l1), np.inf)
        inside = place < len(weight)  # a pilot may weigh columns that hold no data
        if columns is not None:
            inside[inside] = columns[place[inside]] == self.index[inside]
        weight[place[inside]] = self.weight[inside]
        penalised = unit.l1 > 0.0
        excluded = np.isinf(weight) & penalised
        l1 = np.multiply(alpha * unit.l1, weight, out=np.zeros_like(unit.l1), where=penalised & ~excluded)
        lower, upper = np.where(excluded, 0.0, unit.lower), np.where(excluded, 0.0, unit.upper)
        return SeparablePenalty.of(l1, unit.l2, lower, upper)


class _Adaptive(MetaEstimatorMixin, SparseLinearModel):
    """What both models share: the pilot is fitted where the problems are made, so on the rows of each fold."""

    estimator: Any
    power: float

    def _check_settings(self) -> None:
        super()._check_settings()
        check_number("power", self.power, strict=True)
        _check_pilot(self.estimator)

    def _joint_loss(self, n_outputs: int) -> Loss | None:
        return None  # each output has a pilot of its own

    def _penalties(self, data: Data, design: Design) -> list[Penalty]:
        """Fit a pilot for each output, and weigh its features."""
        pilots = [self._fitted_pilot(data, y) for y in data.Y.T]
        found = [self._weighed(pilot, data, design) for pilot in pilots]
        self.estimator_ = pilots[0] if len(pilots) == 1 else pilots
        ends = np.cumsum([0, *(len(index) for index, _ in found)])
        index, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self.sparse_weights_ = sp.csr_array((weight, index, ends), shape=(len(found), design.n_features))
        return [_WeightedL1(*pair) for pair in found]

    @property
    def weights_(self) -> Array:
        """What multiplies ``alpha`` and the penalty factor, inf where a feature is excluded; built at each access."""
        stored = self.sparse_weights_
        weights = np.full(stored.shape, np.inf)
        weights[np.repeat(np.arange(stored.shape[0]), np.diff(stored.indptr)), stored.indices] = stored.data
        return weights[0] if self._flat else weights

    def _fitted_pilot(self, data: Data, y: Array) -> Any:
        pilot, params = clone(self.estimator), {}
        if data.sample_weight is not None and _takes(pilot, "sample_weight"):
            params["sample_weight"] = data.sample_weight
        if data.offset is not None:
            if not _takes(pilot, "offset"):
                raise ValueError(
                    f"the pilot {type(pilot).__name__} takes no offset in fit, and without it its coefficients answer "
                    "another question: use a pilot from sparsereg"
                )
            params["offset"] = data.offset
        try:
            with config_context(enable_metadata_routing=False):  # these are ours to give, not a user's to route
                return pilot.fit(data.X, y, **params)
        except Exception as error:
            raise ValueError(f"the pilot {pilot!r} failed to fit: {error}") from error

    def _weighed(self, pilot: Any, data: Data, design: Design) -> tuple[Array, Array]:
        """Return the features that a pilot uses, ascending, and their weights."""
        try:
            coef = stored_coefficients(getattr(pilot, "best_estimator_", pilot))
        except ValueError as error:
            raise ValueError(f"the pilot {type(pilot).__name__} must be a linear model: {error}") from error
        if coef.shape != (1, design.n_features):
            raise ValueError(
                f"the pilot {type(pilot).__name__} must have one coefficient for each of the {design.n_features} "
                f"features; it has coefficients of shape {coef.shape}"
            )
        if not np.isfinite(coef.data).all():
            raise ValueError(f"the pilot {type(pilot).__name__} has coefficients that are NaN or inf")
        index, size = coef.indices.astype(np.int64), np.abs(coef.data).astype(np.float64)
        if getattr(self, "standardize", False):
            size = size * self._scale(data, design, index)
        with np.errstate(divide="ignore", over="ignore"):
            weight = size**-self.power
        kept = np.isfinite(weight)
        return index[kept], weight[kept]

    def _scale(self, data: Data, design: Design, index: Array) -> Array:
        """Return the standard deviations of some features; one without data has none."""
        place = index if design.columns is None else np.searchsorted(design.columns, index)
        here = place < design.shape[1]
        if design.columns is not None:
            here[here] = design.columns[place[here]] == index[here]
        s = np.ones(design.shape[0]) if data.sample_weight is None else data.sample_weight
        scale = np.zeros(len(index))
        scale[here] = standard_deviations(design, s / s.sum(), place[here])
        return scale

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if isinstance(self.estimator, BaseEstimator):  # what else it may be is for fit to refuse
            tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags


def _check_pilot(pilot: Any) -> None:
    if isinstance(pilot, type) or not hasattr(pilot, "fit"):
        raise TypeError(
            f"estimator must be the pilot, a linear model such as Lasso(alpha=0.1) or sklearn's Ridge(); got {pilot!r}"
        )
    if isinstance(pilot, Pipeline):
        raise TypeError(
            "estimator must be a linear model, not a Pipeline: its coefficients are in the units that its steps make. "
            "Put the steps before the adaptive lasso, or use standardize=True"
        )


def _takes(pilot: Any, name: str) -> bool:
    """Whether ``fit`` takes a parameter, by name or, as searches do, on behalf of the model inside."""
    if has_fit_parameter(pilot, name):
        return True
    return hasattr(pilot, "best_estimator_") or (
        has_fit_parameter(pilot, "params") and has_fit_parameter(getattr(pilot, "estimator", pilot), name)
    )


class AdaptiveLasso(_Adaptive, SparseRegressor):
    r"""Adaptive lasso: what a pilot model found large is penalised little, what it found small much.

    Minimises ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + alpha sum_j f_j |w_j| / |pilot_j|^power``;
    features that the pilot does not use are excluded.

    Parameters
    ----------
    estimator : estimator
        The pilot: a linear model with ``coef_`` or ``sparse_coef_`` after ``fit``, such as scikit-learn's ``RidgeCV``
        or `LassoCV`, or a search for one. It is fitted on the same data, with the sample weights if it takes any.
    alpha : float, default=1.0
        Strength of the penalty, >= 0.
    power : float, default=1.0
        How much the pilot counts, > 0. For 0 it would be the lasso.
    loss : str or Loss, default="squared_error"
        As in `SparseRegressor`.
    fit_intercept, standardize, penalty_factor, lower, upper, dropout, tol, max_iter, warm_start, verbose
        As in `SparseRegressor`. Features with penalty factor 0 are always in. Under `standardize` the weights are those
        of the pilot's coefficients for standardised features, so that units of columns change nothing.

    Attributes
    ----------
    estimator_ : estimator
        The fitted pilot; a list of them for several outputs.
    weights_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        ``1 / |pilot_j|^power``, inf where a feature is excluded; built at each access.
    sparse_weights_ : csr_array of shape (n_outputs, n_features)
        What is stored of it: the finite ones.
    sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseRegressor`.
    n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Raises
    ------
    ValueError
        If the pilot fails, is no linear model, or was asked for an offset that it does not take.

    See Also
    --------
    AdaptiveLassoClassifier : two classes.
    sparsereg.penalties.MCP : unshrunk large coefficients without a pilot.

    Notes
    -----
    H. Zou, *The adaptive lasso and its oracle properties*, JASA 101 (2006), 1418-1429. In `PathSearchCV` and
    `regularization_path` the pilot is fitted on the training rows of each fold. A pilot that sets coefficients to zero
    decides for good; a ridge leaves all features in the race.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import RidgeCV
    >>> from sparsereg import AdaptiveLasso, Lasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = AdaptiveLasso(RidgeCV(), alpha=200.0).fit(X, y)
    >>> model.sparse_coef_.indices
    array([2, 3, 8], dtype=int32)
    """

    def __init__(
        self,
        estimator: Any,
        alpha: float = 1.0,
        *,
        power: float = 1.0,
        loss: str | Loss = "squared_error",
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        dropout: float = 0.0,
        tol: float = 1e-8,
        max_iter: int = 100,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.estimator = estimator
        self.power = power
        super().__init__(
            loss=loss,
            alpha=alpha,
            fit_intercept=fit_intercept,
            standardize=standardize,
            penalty_factor=penalty_factor,
            lower=lower,
            upper=upper,
            dropout=dropout,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            verbose=verbose,
        )
        del self.penalty, self.n_starts  # what an adaptive lasso does not need


class AdaptiveLassoClassifier(_Adaptive, SparseClassifier):
    r"""Adaptive lasso for two classes: what a pilot model found large is penalised little.

    Minimises ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + alpha sum_j f_j |w_j| / |pilot_j|^power``;
    features that the pilot does not use are excluded.

    Parameters
    ----------
    estimator : estimator
        The pilot, a linear classifier such as ``SparseClassifier(penalty="l2")``; it is fitted on classes 0 and 1, with
        sample and class weights if it takes weights.
    alpha : float, default=0.01
        Strength of the penalty, >= 0.
    power : float, default=1.0
        How much the pilot counts, > 0.
    loss : str or Loss, default="log_loss"
        As in `SparseClassifier`.
    class_weight, fit_intercept, standardize, penalty_factor, lower, upper, tol, max_iter, warm_start, verbose
        As in `SparseClassifier`.

    Attributes
    ----------
    estimator_, weights_, sparse_weights_
        As in `AdaptiveLasso`.
    classes_, sparse_coef_, coef_, intercept_, dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_
        As in `SparseClassifier`.
    n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sparsereg import AdaptiveLassoClassifier, SparseClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pilot = SparseClassifier(penalty="l2", alpha=0.1, standardize=True)
    >>> model = AdaptiveLassoClassifier(pilot, alpha=0.01, standardize=True).fit(X, y)
    >>> model.sparse_coef_.nnz, round(model.score(X, y), 3)
    (3, 0.963)
    """

    def __init__(
        self,
        estimator: Any,
        alpha: float = 0.01,
        *,
        power: float = 1.0,
        loss: str | Loss = "log_loss",
        class_weight: Any = None,
        fit_intercept: bool = True,
        standardize: bool = False,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        tol: float = 1e-8,
        max_iter: int = 100,
        warm_start: bool = False,
        verbose: int = 0,
    ):
        self.estimator = estimator
        self.power = power
        super().__init__(
            loss=loss,
            alpha=alpha,
            class_weight=class_weight,
            fit_intercept=fit_intercept,
            standardize=standardize,
            penalty_factor=penalty_factor,
            lower=lower,
            upper=upper,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            verbose=verbose,
        )
        del self.penalty, self.n_starts  # what an adaptive lasso does not need

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        data = super()._prepare(X, y, sample_weight, offset)
        if data.Y.shape[1] > 1:
            raise ValueError(
                "Only binary classification is supported by AdaptiveLassoClassifier. The type of the target is "
                f"multiclass: y has {data.Y.shape[1]} classes; wrap it in sklearn.multiclass.OneVsRestClassifier"
            )
        return data

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

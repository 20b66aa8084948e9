"""The classifier for two classes."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import log_expit
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sparsereg.linear_model.base import Data, SparseLinearModel, check_model_settings
from sparsereg.linear_model.validation import check_matrix, check_offset, check_sample_weight
from sparsereg.losses import LogLoss, Loss
from sparsereg.penalties import Penalty

__all__ = ["SparseClassifier"]

Array = np.ndarray


def _has_probabilities(model: Any) -> bool:
    if not isinstance(model._loss(), LogLoss):
        raise AttributeError(f"predict_proba exists for loss='log_loss' only, not for loss={model.loss!r}")
    return True


class SparseClassifier(ClassifierMixin, SparseLinearModel):
    r"""Sparse linear classification of two classes: any loss with any penalty, certified by a duality gap.

    Minimises ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + Omega_alpha(w)`` over weights ``w`` and intercept
    ``b``, where ``s`` are sample weights (times class weights) and ``o`` an offset; ``y_i`` is 1 for ``classes_[1]``.

    Parameters
    ----------
    loss : str or Loss, default="log_loss"
        ``"log_loss"`` (logistic regression), ``"squared_hinge"``, or an object from `sparsereg.losses`.
    penalty : str, Penalty or None, default="l1"
        ``"l1"``, ``"l2"``, ``"elasticnet"``, ``"mcp"``, ``"scad"``, None, or an object from `sparsereg.penalties`.
    alpha : float, default=0.01
        Strength of the penalty, >= 0. In terms of scikit-learn's ``LogisticRegression``: ``C = 1 / (alpha sum_i s_i)``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, times the sample weights.
    fit_intercept, standardize, penalty_factor, lower, upper, tol, max_iter, warm_start, verbose
        As in `SparseRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    sparse_coef_ : csr_array of shape (1, n_features)
    coef_ : ndarray of shape (1, n_features)
        Dense, read-only, built at each access.
    intercept_ : ndarray of shape (1,)
    dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    See Also
    --------
    sklearn.multiclass.OneVsRestClassifier : more than two classes.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sparsereg import SparseClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseClassifier(alpha=0.05, standardize=True).fit(X, y)
    >>> model.sparse_coef_.nnz, round(model.score(X, y), 3)
    (4, 0.958)
    """

    def __init__(
        self,
        loss: str | Loss = "log_loss",
        penalty: str | Penalty | None = "l1",
        alpha: float = 0.01,
        *,
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
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.lower = lower
        self.upper = upper
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.verbose = verbose

    def _check_settings(self) -> None:
        check_model_settings(self)
        if not self._loss().binary:
            raise ValueError(f"loss {self.loss!r} is not for classes: use SparseRegressor")

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> SparseClassifier:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As in `SparseRegressor.fit`.
        y : array-like of shape (n_samples,)
            Labels of two classes, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; only their proportions matter.
        offset : array-like of shape (n_samples,) or float, default=None
            Known part of the log-odds of ``classes_[1]``.

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, offset)
        return self

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        self._check_settings()
        X, y = check_matrix(self, X, y=y)
        sample_weight = check_sample_weight(sample_weight, X.shape[0])
        offset = check_offset(offset, X.shape[0])
        self.classes_, encoded = _encode(y)
        sample_weight = _times_class_weight(self.class_weight, y, encoded, sample_weight)
        _require_both(self.classes_, encoded, sample_weight)
        self._two_dimensional, self._flat = True, False
        return Data(X, encoded[:, None], sample_weight, offset)

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Return the linear predictor: positive where ``classes_[1]`` is more likely.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or float, default=None
            Required (``offset=0`` at least) if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._linear_predictor(X, offset)[:, 0]

    def predict(self, X: Any, offset: Any = None) -> Array:
        """Return the more likely class of each sample; parameters as in `decision_function`."""
        eta = self.decision_function(X, offset)
        return self.classes_[(eta > 0.0).astype(np.intp)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the probabilities of both classes, (n_samples, 2); parameters as in `decision_function`."""
        p = self._loss().inverse_link(self.decision_function(X, offset))
        return np.column_stack([1.0 - p, p])

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the logarithms of the probabilities, exact in the tails; parameters as in `decision_function`."""
        eta = self.decision_function(X, offset)
        return np.column_stack([log_expit(-eta), log_expit(eta)])

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Return the (weighted) share of samples whose class is predicted right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,) or float, default=None

        Returns
        -------
        float
        """
        predicted = self.predict(X, offset)
        y = column_or_1d(y)
        check_consistent_length(y, predicted)
        hits = predicted == y
        return float(np.average(hits, weights=check_sample_weight(sample_weight, len(hits))))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _encode(y: Array) -> tuple[Array, Array]:
    """Return the classes and 1.0 where the second is."""
    try:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        classes, encoded = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"y must hold labels of one kind, numbers or strings: {error}") from error
    if len(classes) > 2 or kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}: y has {len(classes)} classes; "
            "wrap the estimator in sklearn.multiclass.OneVsRestClassifier"
        )
    return classes, encoded.astype(np.float64)


def _times_class_weight(class_weight: Any, y: Array, encoded: Array, sample_weight: Array | None) -> Array | None:
    """Return sample weights times class weights; ``"balanced"`` gives both classes half the total weight."""
    if class_weight is None:
        return sample_weight
    s = np.ones(len(y)) if sample_weight is None else sample_weight
    if isinstance(class_weight, str) and class_weight == "balanced":
        share = np.bincount(encoded.astype(np.intp), weights=s, minlength=2)
        with np.errstate(divide="ignore"):
            return s * np.where(s > 0.0, (0.5 * s.sum() / share)[encoded.astype(np.intp)], 0.0)
    if not isinstance(class_weight, Mapping) or not all(
        isinstance(v, Real) and float(v) >= 0.0 for v in class_weight.values()
    ):
        raise ValueError(f"class_weight must be a dict of numbers >= 0, 'balanced' or None; got {class_weight!r}")
    return s * compute_sample_weight(class_weight, y)


def _require_both(classes: Array, encoded: Array, sample_weight: Array | None) -> None:
    seen = encoded if sample_weight is None else encoded[sample_weight > 0.0]
    if len(seen) == 0 or seen.min() == seen.max():
        label = classes[int(seen[0])] if len(seen) else None
        where = "" if len(classes) < 2 else " with sample_weight > 0"
        raise ValueError(f"y must hold two classes; the data contains only one class{where}: {label}")

"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sparsereg.linear_model.base import Data, SparseLinearModel, check_model_settings
from sparsereg.linear_model.validation import check_matrix, check_offset, check_sample_weight
from sparsereg.losses import LogLoss, Loss, Softmax
from sparsereg.penalties import Penalty

__all__ = ["SparseClassifier"]

Array = np.ndarray


def _has_probabilities(model: Any) -> bool:
    if not isinstance(model._loss(), LogLoss):
        raise AttributeError(f"predict_proba exists for loss='log_loss' only, not for loss={model.loss!r}")
    return True


class SparseClassifier(ClassifierMixin, SparseLinearModel):
    r"""Sparse linear classification: any loss with any penalty, certified by a duality gap.

    Minimises ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + Omega_alpha(w)`` over weights ``w`` and intercept
    ``b``, where ``s`` are sample weights (times class weights) and ``o`` an offset; ``y_i`` is 1 for ``classes_[1]``.

    With ``K > 2`` classes and ``loss="log_loss"`` it is one multinomial model: every class has weights and an intercept
    of its own, ``p_ik`` is proportional to ``exp(o_ik + b_k + x_i . w_k)``, and the loss of a sample is minus the log
    probability of its class. The penalty is the sum over the classes, or binds them (`Rows`).

    Parameters
    ----------
    loss : str or Loss, default="log_loss"
        ``"log_loss"`` (logistic regression), ``"squared_hinge"`` (two classes only), or an object from
        `sparsereg.losses`.
    penalty : str, Penalty or None, default="l1"
        ``"l1"``, ``"l2"``, ``"elasticnet"``, ``"mcp"``, ``"scad"``, None, or an object from `sparsereg.penalties`;
        `Rows` keeps or drops a feature for all classes together.
    alpha : float, default=0.01
        Strength of the penalty, >= 0. In terms of scikit-learn's ``LogisticRegression``: ``C = 1 / (alpha sum_i s_i)``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, times the sample weights.
    fit_intercept, standardize, penalty_factor, lower, upper, tol, max_iter, n_starts, warm_start, verbose
        As in `SparseRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    sparse_coef_ : csr_array of shape (1, n_features) or (n_classes, n_features)
        One row for two classes.
    coef_ : ndarray of the same shape
        Dense, read-only, built at each access.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Of several classes they sum to zero: only their differences matter.
    dual_gap_, relative_gap_, kkt_violation_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `SparseRegressor`.

    See Also
    --------
    sklearn.multiclass.OneVsRestClassifier : more than two classes with another loss.

    Notes
    -----
    With two classes the multinomial form would give the same probabilities at the same strength for L1, at twice the
    strength for a squared norm: its two weight vectors are ``w / 2`` and ``-w / 2``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sparsereg import SparseClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseClassifier(alpha=0.05, standardize=True).fit(X, y)
    >>> model.sparse_coef_.nnz, round(model.score(X, y), 3)
    (4, 0.958)

    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> model = SparseClassifier(alpha=0.02, standardize=True).fit(X, y)
    >>> model.coef_.shape, model.sparse_coef_.nnz, round(model.score(X, y), 3)
    ((3, 13), 11, 0.994)
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
        n_starts: int = 1,
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
        self.n_starts = n_starts
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
            Labels, numbers or strings.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; only their proportions matter.
        offset : array-like of shape (n_samples,) or float, default=None
            Known part of the log-odds of ``classes_[1]``; of more than two classes of shape (n_samples, n_classes).

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, offset)
        return self

    def _joint_loss(self, n_outputs: int) -> Loss | None:
        return Softmax(n_outputs) if n_outputs > 1 else None

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        self._check_settings()
        X, y = check_matrix(self, X, y=y)
        sample_weight = check_sample_weight(sample_weight, X.shape[0])
        self.classes_, codes = _encode(y, isinstance(self._loss(), LogLoss))
        sample_weight = _times_class_weight(self.class_weight, y, codes, sample_weight)
        _require_all(self.classes_, codes, sample_weight)
        K = len(self.classes_)
        Y = codes[:, None].astype(np.float64) if K == 2 else (codes[:, None] == np.arange(K)).astype(np.float64)
        self._two_dimensional, self._flat = True, False
        return Data(X, Y, sample_weight, _offset_of_classes(offset, *Y.shape))

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Return the linear predictor: positive where ``classes_[1]`` is more likely; of more classes, one for each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), or float, default=None
            Required (``offset=0`` at least) if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        eta = self._linear_predictor(X, offset)
        return eta[:, 0] if len(self.classes_) == 2 else eta

    def predict(self, X: Any, offset: Any = None) -> Array:
        """Return the most likely class of each sample; parameters as in `decision_function`."""
        eta = self.decision_function(X, offset)
        return self.classes_[(eta > 0.0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the probabilities of the classes, (n_samples, n_classes); parameters as in `decision_function`."""
        eta = self.decision_function(X, offset)
        if eta.ndim == 2:
            return Softmax(eta.shape[1]).inverse_link(eta)
        p = self._loss().inverse_link(eta)
        return np.column_stack([1.0 - p, p])

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the logarithms of the probabilities, exact in the tails; parameters as in `decision_function`."""
        eta = self.decision_function(X, offset)
        return log_softmax(eta, axis=1) if eta.ndim == 2 else np.column_stack([log_expit(-eta), log_expit(eta)])

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
        tags.classifier_tags.multi_class = isinstance(self.loss, LogLoss) or self.loss == "log_loss"
        return tags


def _encode(y: Array, several: bool) -> tuple[Array, Array]:
    """Return the classes and the number of the class of each sample."""
    try:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"y must hold labels of one kind, numbers or strings: {error}") from error
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"y must hold one label per sample; the type of the target is {kind}")
    if len(classes) > 2 and not several:
        raise ValueError(
            f"Only binary classification is supported with this loss. The type of the target is {kind}: y has "
            f"{len(classes)} classes; use loss='log_loss' or wrap the estimator in "
            "sklearn.multiclass.OneVsRestClassifier"
        )
    return classes, codes


def _times_class_weight(class_weight: Any, y: Array, codes: Array, sample_weight: Array | None) -> Array | None:
    """Return sample weights times class weights; ``"balanced"`` gives all classes the same share of the weight."""
    if class_weight is None:
        return sample_weight
    s = np.ones(len(y)) if sample_weight is None else sample_weight
    if isinstance(class_weight, str) and class_weight == "balanced":
        share = np.bincount(codes, weights=s)
        with np.errstate(divide="ignore"):
            return s * np.where(s > 0.0, (s.sum() / (len(share) * share))[codes], 0.0)
    if not isinstance(class_weight, Mapping) or not all(
        isinstance(v, Real) and float(v) >= 0.0 for v in class_weight.values()
    ):
        raise ValueError(f"class_weight must be a dict of numbers >= 0, 'balanced' or None; got {class_weight!r}")
    return s * compute_sample_weight(class_weight, y)


def _require_all(classes: Array, codes: Array, sample_weight: Array | None) -> None:
    """Require two classes at least, and a weight for each."""
    heard = np.bincount(codes, weights=sample_weight, minlength=len(classes)) > 0.0
    if heard.sum() < 2:
        label = classes[heard][0] if heard.any() else None
        where = "" if len(classes) < 2 else " with sample_weight > 0"
        raise ValueError(f"y must hold two classes; the data contains only one class{where}: {label}")
    if not heard.all():
        raise ValueError(
            f"every class in y must have a sample with a weight > 0: that of {classes[~heard][0]!r} is zero, so its "
            "intercept has no minimum; leave its samples out"
        )


def _offset_of_classes(offset: Any, n_samples: int, n_outputs: int) -> Array | None:
    """Return the offset: of several classes one number for each, as one for all of them would change nothing."""
    if n_outputs > 1 and np.ndim(offset) == 1:
        raise ValueError(
            f"offset must have shape ({n_samples}, {n_outputs}) with {n_outputs} classes, a number per sample and "
            f"class; got shape {np.shape(offset)}"
        )
    return check_offset(offset, n_samples, n_outputs)

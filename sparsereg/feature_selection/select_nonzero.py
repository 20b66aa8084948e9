"""SelectNonzero: keep the features whose coefficient is not exactly zero."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sparsereg.linear_model.kept import take_columns
from sparsereg.linear_model.validation import all_or_nothing, check_input_features, check_matrix, check_number
from sparsereg.solvers.design import check_sparse

__all__ = ["SelectNonzero"]

Array = np.ndarray


class SelectNonzero(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Keep the features whose coefficient in a sparse model is not exactly zero.

    Sparse in, sparse out; the work is O(entries of X + kept features), whatever the number of features.

    Parameters
    ----------
    estimator : estimator
        Any linear model with ``sparse_coef_`` or ``coef_`` after ``fit``, or a Pipeline that ends in one and whose
        earlier steps keep the features as they are (a scaler).
    prefit : bool, default=False
        Whether `estimator` is fitted already and used as it is.
    max_features : int, default=None
        Keep at most this many, those with the largest coefficients (Euclidean norm over outputs).
    groups : array-like of shape (n_features,), default=None
        Labels; a group is kept whole if any of its features is. With `max_features`, groups come in the order of
        their norm, as many as fit.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model.
    kept_ : ndarray of int64
        Numbers of the kept features, ascending.
    n_features_in_, feature_names_in_
        As the model saw them.

    Notes
    -----
    scikit-learn's ``SelectFromModel`` compares absolute coefficients with a threshold. It takes 1e-5 only if the
    *name* of the estimator's class contains "Lasso" or its ``penalty`` is ``"l1"``, else the mean of the absolute
    coefficients: it would drop small nonzero ones, or keep all of a ridge. Give it ``threshold=1e-10``, or use this.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, SelectNonzero
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> SelectNonzero(Lasso(alpha=1.0)).fit(X, y).get_feature_names_out()
    array(['bmi', 'bp', 's5'], dtype=object)
    """

    def __init__(self, estimator: Any, *, prefit: bool = False, max_features: int | None = None, groups: Any = None):
        self.estimator = estimator
        self.prefit = prefit
        self.max_features = max_features
        self.groups = groups

    def fit(self, X: Any, y: Any = None, **params: Any) -> SelectNonzero:
        """Fit the model (unless prefit) and note which features it keeps.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like, default=None
        **params
            Passed to the estimator's ``fit``: ``sample_weight``, ``offset``; by routing where that is enabled.

        Returns
        -------
        self
        """
        with all_or_nothing(self):
            if self.max_features is not None:
                check_number("max_features", self.max_features, Integral, 1)
            if self.prefit:
                check_is_fitted(self.estimator)
                self.estimator_ = self.estimator
            else:
                fit_params = params
                if params and get_config()["enable_metadata_routing"]:
                    fit_params = process_routing(self, "fit", **params).estimator.fit
                self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
            index, strength, n_features = _coefficients(self.estimator_)
            self.n_features_in_ = n_features
            self.__dict__.pop("feature_names_in_", None)
            names = getattr(self.estimator_, "feature_names_in_", None)
            if names is not None:
                self.feature_names_in_ = names
            self.kept_ = self._choose(index, strength, n_features)
        return self

    def _choose(self, index: Array, strength: Array, n_features: int) -> Array:
        if self.groups is not None:
            return self._choose_groups(index, strength, n_features)
        if self.max_features is not None and len(index) > self.max_features:
            index = index[np.argsort(-strength, kind="stable")[: self.max_features]]
        return np.sort(index)

    def _choose_groups(self, index: Array, strength: Array, n_features: int) -> Array:
        labels = np.asarray(self.groups)
        if labels.shape != (n_features,):
            raise ValueError(f"groups must have shape ({n_features},), one label per feature; got shape {labels.shape}")
        _, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        square = np.bincount(group[index], weights=strength**2, minlength=len(sizes))
        used = np.unique(group[index])
        chosen = used[np.argsort(-square[used], kind="stable")]
        if self.max_features is not None:
            room, fitting = self.max_features, []
            for g in chosen:
                if sizes[g] <= room:
                    fitting.append(g)
                    room -= sizes[g]
            chosen = np.array(fitting, dtype=np.intp)
        return np.flatnonzero(np.isin(group, chosen))

    def transform(self, X: Any) -> Any:
        """Return the kept columns of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples, n_kept)
            Sparse, and of the same kind, for sparse X.
        """
        check_is_fitted(self)
        return take_columns(check_matrix(self, X, reset=False, dtype=None), self.kept_)

    def inverse_transform(self, X: Any) -> Any:
        """Put kept columns back in their places, zeros elsewhere (sparse for sparse X)."""
        check_is_fitted(self)
        if sp.issparse(X):
            X, _ = check_sparse(X)
        X = check_array(
            X, accept_sparse="csr", accept_large_sparse=True, dtype=None, ensure_min_features=0, input_name="X"
        )
        if X.shape[1] != len(self.kept_):
            raise ValueError(f"X must have the {len(self.kept_)} kept columns; got {X.shape[1]}")
        shape = (X.shape[0], self.n_features_in_)
        if not sp.issparse(X):
            out = np.zeros(shape, dtype=X.dtype)
            out[:, self.kept_] = X
            return out
        container = sp.csr_array if isinstance(X, sp.sparray) else sp.csr_matrix
        return container((X.data.copy(), self.kept_[X.indices], X.indptr.copy()), shape=shape)

    def get_support(self, indices: bool = False) -> Array:
        """Return the kept features: a mask of length n_features, or their numbers if `indices`."""
        check_is_fitted(self)
        if indices:
            return self.kept_.copy()
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self.kept_] = True
        return mask

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the kept features: as given, as seen in fit, or ``x7`` for feature 7."""
        check_is_fitted(self)
        names = check_input_features(self, input_features)
        if names is not None:
            return names[self.kept_]
        return np.array([f"x{j}" for j in self.kept_], dtype=object)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing: ``fit`` hands its metadata to the estimator."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = not self.prefit
        return tags


def _coefficients(model: Any) -> tuple[Array, Array, int]:
    """Return numbers and norms of the nonzero coefficients, and the number of features."""
    if isinstance(model, Pipeline):
        model = model[-1]
    coef = getattr(model, "sparse_coef_", None)
    if coef is None:
        coef = getattr(model, "coef_", None)
    if coef is None:
        raise ValueError(f"estimator must have sparse_coef_ or coef_ after fit; {type(model).__name__} has neither")
    coef = sp.csr_array(coef if sp.issparse(coef) else np.atleast_2d(coef))
    used = coef.data != 0.0
    index, place = np.unique(coef.indices[used].astype(np.int64), return_inverse=True)
    return (
        index,
        np.sqrt(np.bincount(place, weights=coef.data[used] ** 2, minlength=len(index))),
        coef.shape[1],
    )

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

from sparsereg.linear_model.kept import largest_that_fit, stored_coefficients, take_columns
from sparsereg.linear_model.validation import all_or_nothing, check_input_features, check_matrix, check_number
from sparsereg.penalties.grouping import whole_groups
from sparsereg.solvers.layout import check_sparse

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
    groups : array-like, list of lists, dict or "onehot", default=None
        A group is kept whole if any of its coefficients is not zero, features without one included. Labels of shape
        (n_features,); or lists of indices or names, where features in no list are groups of one; or a dict of such
        lists by label; or ``"onehot"``: the columns that a ``OneHotEncoder`` made of one feature, as their names
        tell. With `max_features`, groups are taken by the norm of their coefficients, the largest first; one that
        has more features than there is room for is passed over, and the next is tried. None: every feature for
        itself, also if the penalty of `estimator` has groups.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model.
    kept_ : ndarray of int64
        Numbers of the kept features, ascending.
    kept_groups_ : list or None
        Labels of the kept groups, by their first feature; the number of a list; the name of a feature that stands
        alone. None without `groups`.
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
    >>> select = SelectNonzero(Lasso(alpha=1.0), groups={"blood": ["s1", "s2", "s3", "s4", "s5", "s6"]}).fit(X, y)
    >>> select.kept_groups_, len(select.kept_)
    (['bmi', 'bp', 'blood'], 8)
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
            self.kept_ = self._choose(index, strength)
        return self

    def _choose(self, index: Array, strength: Array) -> Array:
        """Return the features to keep, ascending."""
        self.kept_groups_: list | None = None
        if self.groups is not None:
            return self._choose_groups(index, strength)
        if self.max_features is not None and len(index) > self.max_features:
            index = index[np.argsort(-strength, kind="stable")[: self.max_features]]
        return np.sort(index)

    def _choose_groups(self, index: Array, strength: Array) -> Array:
        names = getattr(self, "feature_names_in_", None)
        columns, grouping = whole_groups(self.groups, self.n_features_in_, names, index)
        square = np.zeros(len(columns))
        square[np.searchsorted(columns, index)] = strength**2
        norms = np.add.reduceat(square[grouping.order], grouping.starts[:-1])
        sizes = np.diff(grouping.starts)
        chosen = np.ones(len(sizes), dtype=bool)
        if self.max_features is not None:
            chosen = largest_that_fit(norms, sizes, self.max_features)
        self.kept_groups_ = [name for name, is_chosen in zip(grouping.names, chosen, strict=True) if is_chosen]
        return np.sort(columns[grouping.order[np.repeat(chosen, sizes)]])

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
    """Return the features with a nonzero coefficient, the norms of these over outputs, and the number of features.

    Norms are relative to the largest coefficient: squares of very small or large ones would be zero or infinite.
    """
    if isinstance(model, Pipeline):
        model = model[-1]
    coef = stored_coefficients(model)
    index, place = np.unique(coef.indices.astype(np.int64), return_inverse=True)
    size = np.abs(coef.data)
    square = np.bincount(place, weights=(size / size.max(initial=0.0)) ** 2, minlength=len(index))
    return index, np.sqrt(square), coef.shape[1]

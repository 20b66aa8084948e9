"""compact: from a fitted model to a `CompactModel`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sparsereg.compression.compact_model import CompactModel
from sparsereg.compression.linear_parts import LinearParts, take_apart
from sparsereg.compression.probe import call
from sparsereg.compression.rounding import DTYPES, rounded
from sparsereg.compression.stored_weights import StoredWeights
from sparsereg.compression.weights import reach
from sparsereg.linear_model.kept import take_columns
from sparsereg.linear_model.validation import check_choice, check_matrix, check_offset

__all__ = ["compact"]

Array = np.ndarray


def compact(
    estimator: Any, *, dtype: str = "float64", X: Any = None, offset: Any = None, reference: Any = None
) -> CompactModel:
    r"""Keep the nonzero weights of a fitted linear model, and nothing else.

    Parameters
    ----------
    estimator : estimator
        Any fitted linear regressor or classifier with ``coef_`` (or ``sparse_coef_``), a Pipeline that ends in one
        (only that step is compacted: give the result what the steps before return) or a search over one. How it
        predicts is found out from its own predictions on a few made-up rows; a model that is not linear is refused.
    dtype : {"float64", "float32", "float16", "int8"}, default="float64"
        Of the weights. float16, float32: to nearest, times a power of two per output, so nothing overflows. int8: a
        scale per output times an integer; with `X`, integers that minimise the squared change of the linear predictor
        on these rows, by coordinate descent, never worse there than rounding to nearest. What is rounded to zero is
        dropped. Intercepts stay in double precision.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Rows on which int8 is rounded and the change of predictions is measured.
    offset : array-like of shape (n_samples,) or float, default=None
        For models fitted with one: required with `X`, as in their ``predict``.
    reference : estimator, default=None
        What `CompactModel.report` compares with on `X`, if not `estimator`: the model before ``prune``, say.

    Returns
    -------
    CompactModel

    Raises
    ------
    TypeError
        The estimator is not linear in its input.
    ValueError
        An unknown dtype, `offset` or `reference` without `X`.

    See Also
    --------
    prune : fewer weights.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sparsereg import SparseClassifier, compact
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = SparseClassifier(alpha=0.01, standardize=True).fit(X, y)
    >>> small = compact(model, dtype="int8", X=X)
    >>> small
    <CompactModel: classifier of 2 classes, 8 weights in int8 on 8 of 30 features>
    >>> bool((small.predict(X) == model.predict(X)).mean() > 0.99)
    True
    """
    check_choice("dtype", dtype, DTYPES)
    if X is None and (offset is not None or reference is not None):
        raise ValueError("offset and reference are for use with X: pass X, or neither")
    model, given = reach(estimator, X)
    parts = take_apart(model)
    data = None if X is None else check_matrix(model, given, reset=False)
    needed, weights = _store(parts, dtype, data)
    names = None if parts.feature_names is None else [str(name) for name in parts.feature_names[needed]]
    small = CompactModel(
        n_features_in_=int(parts.coef.shape[1]),
        needed_features_=needed,
        needed_feature_names_=names,
        weights_=weights,
        intercept_=parts.intercept,
        inverse_link=parts.inverse_link,
        classes_=parts.classes,
        flat=parts.flat,
        needs_offset=parts.needs_offset,
    )
    if data is None:
        return small
    method, offset = small.response_method, check_offset(offset, data.shape[0])
    before = call(estimator if reference is None else reference, method, X, offset)
    after = getattr(small, method)(data, offset)
    with np.errstate(invalid="ignore"):
        change = np.where(before == after, 0.0, np.abs(after - before))  # also where both are infinite
    return replace(small, change=(float(change.max()), float(change.mean())))


def _store(parts: LinearParts, dtype: str, X: Any) -> tuple[Array, StoredWeights]:
    """Return the needed features, and the weights rounded, without those that became zero."""
    coef, codes, scale = parts.coef, [], []
    for k in range(coef.shape[0]):
        entries = slice(coef.indptr[k], coef.indptr[k + 1])
        columns = None if X is None or dtype != "int8" else take_columns(X, coef.indices[entries])
        rounded_codes, rounded_scale = rounded(coef.data[entries].astype(np.float64), dtype, columns)
        codes.append(rounded_codes)
        scale.append(rounded_scale)
    kept = [part != 0 for part in codes]
    stays = np.concatenate(kept)
    needed, place = np.unique(coef.indices[stays].astype(np.int64), return_inverse=True)
    counts = np.array([part.sum() for part in kept], dtype=np.int64)
    return needed, StoredWeights(np.concatenate(codes)[stays], place, counts, np.array(scale), len(needed))

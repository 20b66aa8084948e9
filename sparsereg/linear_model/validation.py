"""Checks of what users pass, each with an error that names the argument, what it was and what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sparsereg.solvers.design import check_sparse

__all__ = ["all_or_nothing", "check_matrix", "check_number", "check_offset", "check_sample_weight", "check_settings"]

Array = np.ndarray

_X_OPTIONS = {"accept_sparse": ("csr", "csc"), "accept_large_sparse": True, "dtype": (np.float64, np.float32)}


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Give the estimator its old state back if what is inside fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def check_matrix(estimator: BaseEstimator, X: Any, **options: Any) -> Any:
    """Validate X (and y) with scikit-learn's tools, after a look at what those trust: the structure of a sparse matrix."""
    if sp.issparse(X):
        X, _ = check_sparse(X)
    return validate_data(estimator, X, **{**_X_OPTIONS, **options})


def check_number(
    name: str, value: Any, kind: type = Real, low: float = 0.0, high: float = np.inf, strict: bool = False
) -> None:
    """Require a number of a kind between bounds (the lower one excluded if strict)."""
    good = isinstance(value, kind) and not isinstance(value, bool | np.bool_)
    if not good:
        what = "an integer" if kind is Integral else "a number"
        raise TypeError(f"{name} must be {what}; got {value!r} of type {type(value).__name__}")
    if not (low < value if strict else low <= value) or not value <= high or np.isinf(value):
        bounds = f"{'>' if strict else '>='} {low:g}" + ("" if np.isinf(high) else f" and <= {high:g}") + " and finite"
        raise ValueError(f"{name} must be {bounds}; got {value!r}")


def check_settings(estimator: Any) -> None:
    """Check the parameters that all estimators share."""
    check_number("alpha", estimator.alpha)
    check_number("tol", estimator.tol, strict=True)
    check_number("max_iter", estimator.max_iter, Integral, 1)
    check_number("verbose", int(estimator.verbose) if isinstance(estimator.verbose, bool) else estimator.verbose, Integral)


def check_sample_weight(sample_weight: Any, n_samples: int) -> Array | None:
    """Return weights as float64, None for none."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, float(sample_weight))
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight must have shape ({n_samples},), one value per sample; got shape {weights.shape}"
        )
    if (weights < 0.0).any():
        raise ValueError(f"sample_weight must be >= 0; got {weights.min()!r}")
    if not weights.any():
        raise ValueError("sample_weight must have a value > 0: all samples are weighted zero")
    return weights


def check_offset(offset: Any, n_samples: int) -> Array | None:
    """Return the offset as float64, None for none; a single number serves all samples."""
    if offset is None:
        return None
    if isinstance(offset, Real):
        offset = np.full(n_samples, float(offset))
    values = check_array(offset, ensure_2d=False, dtype=np.float64, input_name="offset")
    if values.shape != (n_samples,):
        raise ValueError(f"offset must be a number or have shape ({n_samples},); got shape {values.shape}")
    return values

"""What users say per feature, checked and cut to the occupied columns: factors and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Terms", "terms_of_columns"]

Array = np.ndarray


class Terms(NamedTuple):
    """Per occupied column: what multiplies alpha, the unit of the weight, its bounds (both zero: excluded)."""

    factor: Array
    scale: Array
    lower: Array
    upper: Array


def terms_of_columns(
    n_features: int,
    feature_names: Sequence[str] | None,
    columns: Array | None,
    factor: Any,
    scale: Array | None,
    lower: Any,
    upper: Any,
) -> Terms:
    """Return the terms of the occupied columns; the arguments are those of `Penalty.bind`."""
    m = n_features if columns is None else len(columns)
    f = _factor(factor, n_features, feature_names, columns)
    lo = _bound("lower", lower, -np.inf, n_features, columns)
    up = _bound("upper", upper, np.inf, n_features, columns)
    excluded = np.zeros(m, dtype=bool)
    if f is not None:
        excluded |= np.isinf(f)
        f = np.where(excluded, 0.0, f)
    if scale is not None:
        excluded |= scale == 0.0  # a constant column has no standardised scale; without this it would cost nothing
    if excluded.any():
        lo, up = np.where(excluded, 0.0, lo), np.where(excluded, 0.0, up)
    return Terms(np.ones(m) if f is None else f, np.ones(m) if scale is None else scale, lo, up)


def _factor(factor: Any, n_features: int, names: Sequence[str] | None, columns: Array | None) -> Array | None:
    """Return the penalty factor of the occupied columns, None where all are one."""
    if factor is None:
        return None
    if isinstance(factor, Mapping):
        return _factor_by_name(factor, n_features, names, columns)
    return _by_position(_vector("penalty_factor", factor, n_features), columns)


def _by_position(f: Array, columns: Array | None) -> Array:
    if np.isnan(f).any() or (f < 0.0).any():
        raise ValueError("penalty_factor must hold values >= 0 (0: never penalised, inf: excluded)")
    return f if columns is None else f[columns]


def _factor_by_name(factor: Mapping, n_features: int, names: Sequence[str] | None, columns: Array | None) -> Array:
    if names is None:
        raise ValueError("penalty_factor by name needs X with feature names (a data frame); give an array instead")
    position = {name: j for j, name in enumerate(names)}
    unknown = [name for name in factor if name not in position]
    if unknown:
        raise ValueError(f"penalty_factor names features that X does not have: {unknown[:5]}")
    f = np.ones(n_features)
    f[[position[name] for name in factor]] = _numbers("penalty_factor", list(factor.values()))
    return _by_position(f, columns)


def _bound(name: str, bound: Any, default: float, n_features: int, columns: Array | None) -> Array:
    """Return the bounds of the occupied columns."""
    m = n_features if columns is None else len(columns)
    if bound is None:
        return np.full(m, default)
    values = _numbers(name, bound)
    if values.ndim > 0:
        values = _vector(name, values, n_features)
        values = values if columns is None else values[columns]
    sign = -1.0 if default < 0.0 else 1.0
    if not (sign * values >= 0.0).all():
        allowed = "<= 0" if default < 0.0 else ">= 0"
        raise ValueError(f"{name} must be {allowed}: zero has to stay a possible coefficient; got {bound!r}")
    return np.broadcast_to(values, (m,)).astype(np.float64)


def _numbers(name: str, values: Any) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from error


def _vector(name: str, values: Any, n_features: int) -> Array:
    array = _numbers(name, values)
    if array.shape != (n_features,):
        raise ValueError(f"{name} must have shape ({n_features},), one value per feature; got shape {array.shape}")
    return array

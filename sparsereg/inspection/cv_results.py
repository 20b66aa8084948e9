"""Curves out of the ``cv_results_`` of a search: scores against alpha, one curve per setting of all else."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ScoreCurve", "alpha_parameter", "best_of", "mean_and_errors", "score_curves"]

Array = np.ndarray


class ScoreCurve(NamedTuple):
    """Scores of one setting of all other parameters, alphas descending.

    `rows` are the places in ``cv_results_``; `std` and `se` the standard deviation over folds and the standard error of
    the mean.
    """

    label: str
    rows: Array
    alphas: Array
    mean: Array
    std: Array
    se: Array


def mean_and_errors(results: Any, metric: str) -> tuple[Array, Array, Array]:
    """Return mean, standard deviation and standard error of the test scores."""
    if f"mean_test_{metric}" not in results:
        known = sorted(key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_"))
        raise ValueError(f"metric must be one of the scores in cv_results, {known}; got {metric!r}")
    mean, std = (np.asarray(results[f"{what}_test_{metric}"], dtype=np.float64) for what in ("mean", "std"))
    if np.isnan(mean).all():
        raise ValueError(f"cv_results has no score that is a number: all of mean_test_{metric} are nan")
    n_splits = sum(re.fullmatch(rf"split\d+_test_{re.escape(metric)}", key) is not None for key in results)
    # `std` divides by the number of folds; one less gives the estimate whose root is the error of a mean.
    return mean, std, std / np.sqrt(n_splits - 1) if n_splits > 1 else np.zeros_like(std)


def alpha_parameter(results: Any, param: str | None) -> str:
    """Return the key of the parameter on the axis: `param_alpha`, or the one that ends in __alpha."""
    keys = [key for key in results if key.startswith("param_")]
    if param is not None:
        if f"param_{param}" not in keys:
            known = [key.removeprefix("param_") for key in keys]
            raise ValueError(f"param must be one of the parameters in cv_results, {known}; got {param!r}")
        return f"param_{param}"
    if "param_alpha" in keys:
        return "param_alpha"
    found = [key for key in keys if key.endswith("__alpha")]
    if len(found) != 1:
        known = [key.removeprefix("param_") for key in found or keys]
        count = len(found) or "no"
        raise ValueError(
            f"cv_results has {count} parameters called alpha; name the one on the axis by param, of {known}"
        )
    return found[0]


def score_curves(results: Any, key: str, metric: str) -> list[ScoreCurve]:
    """Return a curve per setting of the other parameters, those with the best scores first."""
    mean, std, se = mean_and_errors(results, metric)
    alphas = np.ma.masked_array(results[key])
    here = np.flatnonzero(~np.ma.getmaskarray(alphas))
    settings: dict[str, list[int]] = {}
    for row, label in zip(here, _labels(results, key, here), strict=True):
        settings.setdefault(label, []).append(int(row))
    curves = []
    for label, members in settings.items():
        values = alphas.data[members].astype(np.float64)
        rows = np.array(members)[np.argsort(-values, kind="stable")]
        curves.append(ScoreCurve(label, rows, alphas.data[rows].astype(np.float64), mean[rows], std[rows], se[rows]))
    return sorted(curves, key=lambda curve: (-np.nanmax(curve.mean, initial=-np.inf), curve.rows[best_of(curve)]))


def best_of(curve: ScoreCurve) -> int:
    """Return the place of the best score; of several, the one that comes first in ``cv_results_``."""
    highest = np.flatnonzero(curve.mean == np.nanmax(curve.mean, initial=-np.inf))
    return int(highest[np.argmin(curve.rows[highest])]) if len(highest) else 0


def _labels(results: Any, key: str, rows: Array) -> list[str]:
    """Return what tells the setting of each row from others, alpha apart: short names where they are no less clear."""
    others = [name.removeprefix("param_") for name in results if name.startswith("param_") and name != key]
    written = {name: [str(results["params"][row].get(name, "-")) for row in rows] for name in others}
    varied = {name: values for name, values in written.items() if len(set(values)) > 1}
    short = [name.rpartition("__")[2] for name in varied]
    names = short if len(set(short)) == len(short) else list(varied)
    columns = [[f"{name}={value}" for value in values] for name, values in zip(names, varied.values(), strict=True)]
    return [", ".join(row) for row in zip(*columns, strict=True)] if columns else [""] * len(rows)

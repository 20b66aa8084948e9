"""What a search found: scikit-learn's ``cv_results_``, and which of its candidates is to be taken."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from sparsereg.linear_model.base import NO_MINIMUM, how_exact
from sparsereg.model_selection.folds import FoldScores

__all__ = ["choose", "format_results", "one_standard_error", "warn_of_failures"]

Array = np.ndarray
Folds = Sequence[Sequence[FoldScores]]  # by setting, by fold


def warn_of_failures(folds: Folds, n_alphas: Sequence[int], error_score: Any, tol: float) -> None:
    """Raise if all fits failed; warn, once each, of folds that failed and of strengths that did not converge."""
    every = [(fold, n) for at, n in zip(folds, n_alphas, strict=True) for fold in at]
    errors = Counter({fold.error: 0 for fold, _ in every if fold.error is not None})
    for fold, n in every:
        if fold.error is not None:
            errors[fold.error] += n
    n_fits, n_failed = sum(n for _, n in every), sum(errors.values())
    line = "-" * 80
    details = "".join(f"{line}\n{n} fits failed with the following error:\n{error}\n" for error, n in errors.items())
    if n_failed == n_fits:
        raise ValueError(
            f"\nAll the {n_fits} fits failed.\nIt is very likely that your model is misconfigured.\n"
            "You can try to debug the error by setting error_score='raise'.\n\n"
            f"Below are more details about the failures:\n{details}"
        )
    if n_failed:
        warnings.warn(
            f"\n{n_failed} fits failed out of a total of {n_fits}.\nThe score on these train-test partitions for these "
            f"parameters will be set to {error_score}.\nIf these failures are not expected, you can try to debug them "
            f"by setting error_score='raise'.\n\nBelow are more details about the failures:\n{details}",
            FitFailedWarning,
            stacklevel=4,
        )
    endless = [fold.n_endless for fold, _ in every if fold.n_endless]
    if endless:
        warnings.warn(
            f"in {sum(endless)} of {n_fits} fits, on {len(endless)} of {len(every)} paths, {NO_MINIMUM}",
            ConvergenceWarning,
            stacklevel=4,
        )
    loose = [fold.loose for fold, _ in every if fold.loose]
    if loose:
        solutions = [solution for found in loose for solution in found]
        warnings.warn(
            f"{len(solutions)} of {n_fits} fits did not converge, on {len(loose)} of {len(every)} paths: largest "
            f"{how_exact(solutions)}, tol={tol:g} asked for. Increase max_iter, increase tol, bring the columns to a "
            "similar scale (standardize=True or a scaler) or end the path earlier (alpha_min_ratio).",
            ConvergenceWarning,
            stacklevel=4,
        )


def format_results(
    candidates: list[dict[str, Any]], folds: Folds, n_alphas: Sequence[int], error_score: Any, with_train: bool
) -> tuple[dict[str, Any], list[str] | None]:
    """Return ``cv_results_`` and, if scoring gave a dict, the names of the scores."""
    results: dict[str, Any] = {}
    _store(results, "fit_time", _table(folds, n_alphas, lambda fold, k: fold.fit_time))
    _store(results, "score_time", _table(folds, n_alphas, lambda fold, k: fold.score_times[k]))
    results |= _parameters(candidates)
    results["params"] = candidates
    good = [score for at in folds for fold in at if fold.test is not None for score in fold.test]
    names = next((list(score) for score in good if isinstance(score, dict)), None)
    for name in names or ["score"]:
        for part in ("test", "train") if with_train else ("test",):

            def value(fold: FoldScores, k: int, name: str = name, part: str = part) -> float:
                scores = getattr(fold, part)
                if scores is None:
                    return error_score
                return scores[k][name] if isinstance(scores[k], dict) else scores[k]

            _store(results, f"{part}_{name}", _table(folds, n_alphas, value), splits=True, rank=part == "test")
    return results, names


def _table(folds: Folds, n_alphas: Sequence[int], value: Any) -> Array:
    """Return one number per candidate and fold."""
    rows = [[value(fold, k) for fold in at] for at, n in zip(folds, n_alphas, strict=True) for k in range(n)]
    return np.array(rows, dtype=np.float64)


def _store(results: dict[str, Any], key: str, table: Array, splits: bool = False, rank: bool = False) -> None:
    if splits:
        results |= {f"split{i}_{key}": table[:, i] for i in range(table.shape[1])}
    means = results[f"mean_{key}"] = table.mean(axis=1)
    with np.errstate(invalid="ignore"):
        results[f"std_{key}"] = table.std(axis=1)
    if splits and not np.isfinite(means).all():
        warnings.warn(
            f"One or more of the {key.split('_')[0]} scores are non-finite: {means}", UserWarning, stacklevel=5
        )
    if rank:
        worst = 0.0 if np.isnan(means).all() else np.nanmin(means) - 1.0
        results[f"rank_{key}"] = rankdata(-np.where(np.isnan(means), worst, means), method="min").astype(np.int32)


def _parameters(candidates: list[dict[str, Any]]) -> dict[str, np.ma.MaskedArray]:
    """Return a masked array per parameter: of numbers where all values are, of objects else."""
    columns = {}
    for name in dict.fromkeys(name for params in candidates for name in params):
        places = [k for k, params in enumerate(candidates) if name in params]
        values = [candidates[k][name] for k in places]
        try:
            array = np.array(values)
        except ValueError:  # lists of different lengths
            array = np.empty(0, dtype=object)
        dtype = array.dtype if array.ndim == 1 and array.dtype.kind != "U" else np.dtype(object)
        column = np.ma.MaskedArray(np.empty(len(candidates), dtype=dtype), mask=True)
        for k, value in zip(places, values, strict=True):
            column[k] = value
        columns[f"param_{name}"] = column
    return columns


def choose(refit: Any, metric: str, results: dict[str, Any], alpha: str) -> int:
    """Return the candidate that `refit` asks for."""
    if callable(refit):
        index = refit(results)
        if not isinstance(index, Integral):
            raise TypeError(f"refit must return the number of a candidate, an integer; got {index!r}")
        index = int(index)
        if not 0 <= index < len(results["params"]):
            raise IndexError(f"refit must return the number of one of {len(results['params'])} candidates; got {index}")
        return index
    if refit == "1se" and metric == "score":
        return _strongest(results, "score", alpha)
    return int(results[f"rank_test_{metric}"].argmin())


def one_standard_error(cv_results: dict[str, Any], *, metric: str = "score") -> int:
    """Return the strongest penalty whose score is within one standard error of the best.

    Among the candidates that share all other parameters with the best one. The standard error is that of the best mean,
    ``std_test_score / sqrt(n_splits - 1)``; ties in strength go to the first.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of `PathSearchCV` or of scikit-learn's ``GridSearchCV``, over one parameter that is called
        ``alpha`` (large is strong) or ``C`` (small is strong), also with a prefix such as ``model__alpha``.
    metric : str, default="score"
        Which score, where there are several.

    Returns
    -------
    int
        Number of the candidate.

    Raises
    ------
    ValueError
        If there are no such scores, none that is finite, or not exactly one such parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sparsereg import Lasso, one_standard_error
    >>> X, y = load_diabetes(return_X_y=True)
    >>> grid = {"alpha": [0.03, 0.1, 0.3, 1.0, 3.0]}
    >>> GridSearchCV(Lasso(), grid).fit(X, y).best_params_
    {'alpha': 0.03}
    >>> GridSearchCV(Lasso(), grid, refit=one_standard_error).fit(X, y).best_params_
    {'alpha': 0.3}
    """
    if f"mean_test_{metric}" not in cv_results:
        known = [key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_")]
        raise ValueError(
            f"cv_results has no mean_test_{metric}; it has scores called {known}: choose one with metric=..., for "
            "example refit=functools.partial(one_standard_error, metric='r2')"
        )
    names = {name for params in cv_results["params"] for name in params}
    strengths = sorted(name for name in names if name.rsplit("__", 1)[-1] in ("alpha", "C"))
    if len(strengths) != 1:
        raise ValueError(
            "cv_results must be over exactly one penalty strength, a parameter called 'alpha' or 'C' or ending in "
            f"'__alpha' or '__C'; got {strengths or sorted(names)}"
        )
    return _strongest(cv_results, metric, strengths[0])


def _strongest(results: dict[str, Any], metric: str, strength: str) -> int:
    means = np.asarray(results[f"mean_test_{metric}"], dtype=np.float64)
    if not np.isfinite(means).any():
        raise ValueError(f"no mean_test_{metric} is finite: there is no best candidate")
    best = int(np.argmax(np.where(np.isfinite(means), means, -np.inf)))
    if strength not in results["params"][best]:
        return best
    n_splits = sum(bool(re.fullmatch(rf"split\d+_test_{re.escape(metric)}", key)) for key in results)
    error = float(results[f"std_test_{metric}"][best]) / np.sqrt(max(n_splits - 1, 1))
    params = results["params"]
    sign = -1.0 if strength.rsplit("__", 1)[-1] == "C" else 1.0
    close = [
        k
        for k in range(len(params))
        if strength in params[k] and means[k] >= means[best] - error and _same(params[k], params[best], strength)
    ]
    return max(close, key=lambda k: sign * params[k][strength])


def _same(one: dict[str, Any], other: dict[str, Any], apart_from: str) -> bool:
    """Return whether all parameters but one are the same."""
    if one.keys() != other.keys():
        return False
    pairs = [(value, other[name]) for name, value in one.items() if name != apart_from]
    return all(a is b or (type(a) is type(b) and bool(np.all(np.asarray(a == b)))) for a, b in pairs)

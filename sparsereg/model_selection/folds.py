"""One setting on one fold: preprocessing is fitted once, the path is solved warm, every model is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from traceback import format_exc
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sparsereg.model_selection.last_step import configured
from sparsereg.model_selection.path import Path, prepare
from sparsereg.model_selection.progress import Report
from sparsereg.model_selection.scoring import Examination, Scorers
from sparsereg.solvers import Solution, follow_path

__all__ = ["Experiment", "FoldScores", "n_rows", "take"]

Array = np.ndarray


class FoldScores(NamedTuple):
    """What came out of one setting on one fold: a score, or a dict of scores, for each strength in the given order."""

    test: list[Any] | None
    train: list[Any] | None
    fit_time: float
    score_times: Array
    error: str | None = None
    n_endless: int = 0  # strengths at which there is no finite minimum
    loose: tuple[Solution, ...] = ()  # others that did not converge, without their weights


@dataclass(frozen=True)
class Experiment:
    """What all folds and settings of a search share."""

    estimator: Any
    X: Any
    y: Any
    fit_params: dict[str, Any]
    scorers: Scorers
    score_params: dict[str, dict[str, Any]]
    offset: Any
    error_score: Any
    return_train_score: bool

    def run(
        self, setting: dict[str, Any], alphas: Array, train: Array, test: Array, reports: Sequence[Report] = ()
    ) -> FoldScores:
        """Fit a setting on the training rows at all strengths and score it on the others."""
        order = np.argsort(-alphas, kind="stable")
        start = perf_counter()

        def solve(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Path:
            model, problems = prepare(model, X, y, sample_weight, offset)
            return _descend(model, problems, alphas[order], reports)

        try:
            pipeline, stand_in = configured(self.estimator, setting, solve)
            X, y, fit_params = self._part(train, self.fit_params)
            pipeline.fit(X, y, **fit_params)
        except Exception:
            if self.error_score == "raise":
                raise
            share = (perf_counter() - start) / len(alphas)
            return FoldScores(None, None, share, np.zeros(len(alphas)), format_exc())
        path: Path = stand_in.result_
        fit_time = (perf_counter() - start) / len(alphas)
        back = np.argsort(order, kind="stable")
        scores, times = self._examine(pipeline, path, test, back)
        train_scores = self._examine(pipeline, path, train, back)[0] if self.return_train_score else None
        worst = [max(at, key=lambda s: (s.status == "no_finite_minimum", not s.converged)) for at in path._solutions]
        endless = sum(s.status == "no_finite_minimum" for s in worst)
        none = np.empty(0, dtype=np.int64)
        loose = tuple(
            replace(s, coef_index=none, coef_value=none, history=())
            for s in worst
            if not s.converged and s.status != "no_finite_minimum"
        )
        return FoldScores(scores, train_scores, fit_time, times, None, endless, loose)

    def _examine(self, pipeline: Any, path: Path, rows: Array, back: Array) -> tuple[list[Any], Array]:
        """Return the scores on some rows, and the time each took."""
        X, y, _ = self._part(rows, {})
        n = n_rows(self.X)
        params = {name: take_all(given, rows, n) for name, given in self.score_params.items()}
        offset = take_all({"offset": self.offset}, rows, n)["offset"]
        examine = Examination(self.scorers, pipeline, X, y, params, offset).of_path(path)
        scores, times = [], np.empty(len(path))
        for k in range(len(path)):
            start = perf_counter()
            scores.append(examine(k))
            times[k] = perf_counter() - start
        return [scores[k] for k in back], times[back]

    def _part(self, rows: Array, params: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        y = None if self.y is None else take(self.y, rows)
        return take(self.X, rows), y, take_all(params, rows, n_rows(self.X))


def _descend(model: Any, problems: Sequence[Any], grid: Array, reports: Sequence[Report]) -> Path:
    paths = [follow_path(problem, grid, tol=model.tol, max_iter=model.max_iter) for problem in problems]
    solutions = []
    for k, at in enumerate(zip(*paths, strict=True)):
        solutions.append(at)
        for report in reports:
            report(float(grid[k]), at)
    return Path(model, grid, solutions)


def n_rows(values: Any) -> int | None:
    """Return the number of samples in something with samples, None for what has none."""
    shape = getattr(values, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        return None
    return len(values)


def take(values: Any, rows: Array) -> Any:
    """Return some rows of an array, a sparse matrix, a frame or a list, as the same kind of thing."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if sp.issparse(values):
        return (values if values.format == "csr" else values.tocsr())[rows]
    if hasattr(values, "shape"):
        return values[rows]
    return [values[i] for i in rows]


def take_all(params: dict[str, Any], rows: Array, n_samples: int | None) -> dict[str, Any]:
    """Return parameters of which those with a value per sample are cut to some rows; others are passed on whole."""
    return {name: take(value, rows) if n_rows(value) == n_samples else value for name, value in params.items()}

"""Record how the weights move, iteration by iteration, under no penalty, L2 and L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsereg._demo.compare import PENALTIES, Matrices, Result
from sparsereg._demo.console import Console
from sparsereg._demo.task import Task
from sparsereg.solvers import Problem, Progress, as_design, fista

ITERATIONS = 250  # twice as many with fewer columns than rows, where each costs less and they are slower to tell
_TOL = 1e-8  # nobody sees a weight move after that
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SHOWN_KEPT = 12
SHOWN_DROPPED = 18


@dataclass(frozen=True)
class Movement:
    """The path of some weights, and what became of all of them.

    Attributes
    ----------
    columns : ndarray of int
        The weights that were followed.
    kept : ndarray of bool
        Which of them the fitted L1 model keeps.
    paths : dict of ndarray of shape (n_iterations + 1, n_columns)
        Their values at the start and after each iteration, for each penalty.
    n_nonzero : dict of ndarray of shape (n_iterations + 1,)
        How many of all weights were not exactly zero.
    sizes : dict of ndarray of shape (n_iterations + 1, len(QUANTILES))
        Quantiles of the absolute values of all weights (of every k-th, if there are very many).
    """

    columns: np.ndarray
    kept: np.ndarray
    paths: dict[str, np.ndarray]
    n_nonzero: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]


def record_movement(task: Task, matrices: Matrices, results: dict[str, Result], console: Console) -> Movement:
    """Run the plainest solver that has iterations to look at (FISTA) for each penalty.

    All start from the weights that were fitted without a penalty. From zero, the usual start, one would see
    weights grow under all three; from here one sees what a penalty does to weights.
    """
    design = as_design(matrices.X_train)
    occupied = np.arange(design.n_features) if design.columns is None else design.columns
    columns = _choose_columns(results, occupied, task.seed)
    free = results["none"].model
    start = (results["none"].weights[occupied], float(np.ravel(free.intercept_)[0]))
    loss = "log_loss" if task.is_classification else "squared_error"
    paths, counts, sizes = {}, {}, {}
    n_iterations = ITERATIONS if len(occupied) > design.shape[0] else 2 * ITERATIONS
    with console.step(f"following the weights through {n_iterations} iterations") as result:
        for name, penalty in PENALTIES.items():
            problem = Problem.from_data(design, matrices.y_train, loss, penalty, results[name].alpha)
            recorder = _Recorder(np.searchsorted(occupied, columns))
            fista(problem, start, tol=_TOL, max_iter=n_iterations, callback=recorder)
            paths[name] = _filled(recorder.paths, n_iterations + 1)
            counts[name] = _filled(recorder.counts, n_iterations + 1)
            sizes[name] = _filled(recorder.sizes, n_iterations + 1)
        result.append(", ".join(f"{name} {count[-1]:,} left" for name, count in counts.items()))
    return Movement(columns, results["L1"].weights[columns] != 0, paths, counts, sizes)


class _Recorder:
    """A solver callback that keeps the weights at some places and a summary of all."""

    def __init__(self, at: np.ndarray) -> None:
        self._at = at
        self.paths: list[np.ndarray] = []
        self.counts: list[int] = []
        self.sizes: list[np.ndarray] = []

    def __call__(self, progress: Progress) -> None:
        self.paths.append(progress.coef[self._at])  # indexing by an array copies
        self.counts.append(int(np.count_nonzero(progress.coef)))
        # Quantiles of ten thousand weights are those of all to the eye, and cost less than the iteration.
        some = progress.coef[:: max(1, len(progress.coef) // 10_000)]
        self.sizes.append(np.quantile(np.abs(some), QUANTILES))


def _filled(values: list[Any], length: int) -> np.ndarray:
    """Repeat the last value where a run had arrived before all iterations were done."""
    return np.array(values + values[-1:] * (length - len(values)))


def _choose_columns(results: dict[str, Result], occupied: np.ndarray, seed: int) -> np.ndarray:
    """Choose weights worth following: the largest that L1 keeps, then some of those that it drops.

    Of the latter a random choice from the larger half: the smallest cannot be seen on any picture, and the
    largest are not typical.
    """
    l1, free = (np.abs(results[name].weights[occupied]) for name in ("L1", "none"))
    kept = np.argsort(-l1, kind="stable")[: min(SHOWN_KEPT, np.count_nonzero(l1))]
    dropped = np.flatnonzero((l1 == 0) & (free > 0))
    dropped = dropped[np.argsort(-free[dropped], kind="stable")]
    dropped = dropped[: max(SHOWN_DROPPED, len(dropped) // 2)]
    some = np.random.default_rng(seed).permutation(len(dropped))[:SHOWN_DROPPED]
    return occupied[np.concatenate([kept, dropped[np.sort(some)]])]

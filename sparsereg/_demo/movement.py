"""Record how the weights move, iteration by iteration, under no penalty, L2 and L1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..solvers import Problem, Progress, fista
from ..solvers.design import as_design
from .compare import PENALTIES, Matrices, Result
from .console import Console
from .task import Task

SHARED = 30  # iterations without penalty that all three have in common
OWN = 120
SHOWN_KEPT = 12
SHOWN_DROPPED = 18


@dataclass(frozen=True)
class Movement:
    """The path of some weights, and what became of all of them.

    Attributes
    ----------
    columns : ndarray of int
        The weights that were followed.
    paths : dict of ndarray of shape (SHARED + OWN, n_columns)
        Their values after each iteration, for each penalty.
    n_nonzero : dict of ndarray of shape (SHARED + OWN,)
        How many of all weights were not exactly zero.
    """

    columns: np.ndarray
    paths: dict[str, np.ndarray]
    n_nonzero: dict[str, np.ndarray]


def choose_columns(results: dict[str, Result], seed: int) -> np.ndarray:
    """Choose weights worth following: the largest that L1 keeps, then some that it drops.

    Among those that it drops, a random choice of the larger half under L2: the smallest cannot be seen on any
    picture, the largest are not typical.
    """
    l1, l2 = np.abs(results["L1"].weights), np.abs(results["L2"].weights)
    kept = np.argsort(-l1, kind="stable")[: min(SHOWN_KEPT, np.count_nonzero(l1))]
    dropped = np.flatnonzero((l1 == 0) & (l2 > 0))
    dropped = dropped[np.argsort(-l2[dropped], kind="stable")][: max(SHOWN_DROPPED, len(dropped) // 2)]
    some = np.random.default_rng(seed).permutation(len(dropped))[:SHOWN_DROPPED]
    return np.concatenate([kept, np.sort(dropped[some])])


def record_movement(task: Task, matrices: Matrices, results: dict[str, Result], console: Console) -> Movement:
    """Run the plainest solver that has iterations to look at (FISTA) for each penalty.

    All three go on from the same weights, those of the first iterations without penalty. From zero, the usual
    start, one would see weights grow under all three; from here one sees what a penalty does to weights.
    """
    design = as_design(matrices.X_train)
    columns = choose_columns(results, task.seed)
    at = columns if design.columns is None else np.searchsorted(design.columns, columns)
    loss = "log_loss" if task.is_classification else "squared_error"
    paths, counts = {}, {}
    with console.step(f"following the weights for {SHARED + OWN} iterations") as result:
        free = Problem.from_data(design, matrices.y_train, loss, None)
        shared = _Recorder(at)
        start = fista(free, tol=0.0, max_iter=SHARED, callback=shared)
        for name, penalty in PENALTIES.items():
            problem = Problem.from_data(design, matrices.y_train, loss, penalty, results[name].alpha)
            own = _Recorder(at)
            fista(problem, start, tol=0.0, max_iter=OWN, callback=own)
            paths[name] = np.array(shared.paths + own.paths)
            counts[name] = np.array(shared.counts + own.counts)
        result.append(", ".join(f"{name} {count[-1]:,} left" for name, count in counts.items()))
    return Movement(columns, paths, counts)


class _Recorder:
    """A solver callback that keeps the weights at some places and the number of nonzero ones."""

    def __init__(self, at: np.ndarray) -> None:
        self._at = at
        self.paths: list[np.ndarray] = []
        self.counts: list[int] = []

    def __call__(self, progress: Progress) -> None:
        self.paths.append(progress.coef[self._at])
        self.counts.append(int(np.count_nonzero(progress.coef)))

"""All paths of a search, side by side, with those who watch them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from sparsereg.model_selection.callbacks import PathTask, SearchTasks
from sparsereg.model_selection.folds import Experiment, FoldScores
from sparsereg.model_selection.progress import ProgressLine, Report

__all__ = ["run_paths"]

Array = np.ndarray


def run_paths(
    experiment: Experiment,
    settings: list[dict[str, Any]],
    grids: list[Array],
    splits: list[Any],
    n_jobs: int | None = None,
    verbose: int = 0,
    tasks: SearchTasks | None = None,
) -> list[list[FoldScores]]:
    """Return what came out, by setting and fold."""
    n_settings, n_splits = len(settings), len(splits)
    sizes = [len(grid) for grid in grids for _ in splits]
    watched: list[PathTask | None] = [None] * len(sizes) if tasks is None else tasks.paths(sizes)
    # Threads, because the kernels hold no lock. Other backends are for the user to choose, unless someone watches.
    hints = {"require": "sharedmem"} if verbose or any(watched) else {"prefer": "threads"}
    with ProgressLine(sum(sizes)) if verbose else nullcontext() as line:
        out = Parallel(n_jobs=n_jobs, **hints)(
            delayed(_run_path)(
                experiment,
                settings[i],
                grids[i],
                splits[j],
                watched[i * n_splits + j],
                line and line.path(_label(i, n_settings, j, n_splits), grids[i]),
            )
            for i in range(n_settings)
            for j in range(n_splits)
        )
    if tasks is not None:
        tasks.paths_done()
    return [out[k : k + n_splits] for k in range(0, len(out), n_splits)]


def _run_path(
    experiment: Experiment,
    setting: dict[str, Any],
    grid: Array,
    split: tuple[Array, Array],
    task: PathTask | None,
    report: Report | None,
) -> FoldScores:
    """Follow one path."""
    if task is None:
        return experiment.run(setting, grid, *split, reports=[report] if report else [])
    with task:
        return experiment.run(setting, grid, *split, reports=[report, task.report] if report else [task.report])


def _label(i: int, n_settings: int, j: int, n_splits: int) -> str:
    setting = f"setting {i + 1}/{n_settings}  " if n_settings > 1 else ""
    return f"{setting}fold {j + 1}/{n_splits}"

"""Draw how the weights move, where matplotlib is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sparsereg._demo.compare import PENALTIES, Matrices
from sparsereg._demo.movement import Movement
from sparsereg._demo.report import shorten
from sparsereg._demo.task import Task

_MOST_LABELS = 8
_LABEL_WIDTH = 22
_KEPT, _DROPPED = "#c1440e", "#8d99ae"
_TITLES = {"none": "no penalty", "L2": "L2", "L1": "L1"}
_SAYS = {
    "none": "weights only grow",
    "L2": "every weight shrinks, none reaches zero",
    "L1": "most weights end at exactly zero",
}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def save_picture(path: Path, task: Task, matrices: Matrices, movement: Movement) -> None:
    """Save the paths of the weights: above as they are, below their size on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.5), layout="constrained", dpi=130)
    axes = figure.subplots(2, len(PENALTIES), sharex=True, sharey="row")
    kept = movement.paths["L1"][-1] != 0
    names = task.feature_names(matrices.features, movement.columns)
    bottom = _smallest(movement)
    for k, name in enumerate(PENALTIES):
        paths = movement.paths[name]
        _draw_weights(axes[0, k], paths, kept)
        _draw_sizes(axes[1, k], paths, kept, bottom)
        count, n = movement.n_nonzero[name][-1], movement.n_nonzero[name].max()
        axes[0, k].set_title(
            f"{_TITLES[name]}: {_SAYS[name]}\n{count:,} of {n:,} weights are not zero", fontsize=11
        )
        axes[1, k].set_xlabel("iteration")
    # Only when all panels are drawn is the common scale known.
    for k, name in enumerate(PENALTIES):
        axes[0, k].set_xlim(0, 1.3 * len(movement.paths[name]))
        _label_largest(axes[0, k], movement.paths[name], kept, names)
    axes[0, 0].set_ylabel("weight")
    axes[1, 0].set_ylabel("size of the weight (log scale)")
    axes[1, 0].set_ylim(bottom=bottom)
    figure.suptitle(task.question, fontsize=12)
    figure.savefig(path)


def _draw_weights(axis: Any, paths: np.ndarray, kept: np.ndarray) -> None:
    steps = np.arange(len(paths))
    axis.axhline(0, color="black", linewidth=0.6)
    axis.plot(steps, paths[:, ~kept], color=_DROPPED, linewidth=0.9)
    axis.plot(steps, paths[:, kept], color=_KEPT, linewidth=1.4)
    _plain(axis)


def _draw_sizes(axis: Any, paths: np.ndarray, kept: np.ndarray, bottom: float) -> None:
    """Draw sizes on a logarithmic scale; a line ends in a cross where its weight becomes exactly zero."""
    steps = np.arange(len(paths))
    for k in np.argsort(kept):
        size = np.abs(paths[:, k])
        color = _KEPT if kept[k] else _DROPPED
        axis.plot(steps, np.where(size > 0, size, np.nan), color=color, linewidth=1.4 if kept[k] else 0.9)
        ends = np.flatnonzero((size[:-1] > 0) & (size[1:] == 0))
        axis.plot(steps[ends + 1], np.full(len(ends), bottom), "x", color=color, clip_on=False, markersize=5)
    axis.set_yscale("log"); axis.set_xscale("symlog", linthresh=10)
    _plain(axis)


def _plain(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)


def _label_largest(axis: Any, paths: np.ndarray, kept: np.ndarray, names: Any) -> None:
    """Name the largest weights at the end of their lines, as long as the names do not collide."""
    taken: list[float] = []
    height = np.ptp(axis.get_ylim())
    for k in np.argsort(-np.abs(paths[-1]) * kept, kind="stable")[:_MOST_LABELS]:
        value = paths[-1, k]
        if value != 0 and all(abs(value - other) > 0.055 * height for other in taken):
            taken.append(value)
            label = axis.annotate(
                f" {shorten(names[k], _LABEL_WIDTH)}",
                (len(paths) - 1, value),
                fontsize=8,
                va="center",
                color=_KEPT,
            )
            label.set_in_layout(False)  # the axis makes room; else a long name would squeeze the panels


def _smallest(movement: Movement) -> float:
    """Return the bottom of the logarithmic scale: a thousandth of the largest weight, or what L2 needs."""
    l2 = np.abs(movement.paths["L2"][-1])
    largest = max(float(np.abs(path).max()) for path in movement.paths.values())
    return float(min(largest * 1e-3, l2[l2 > 0].min(initial=largest) / 3))

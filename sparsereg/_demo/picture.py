"""Draw how the weights move, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sparsereg._demo.compare import PENALTIES, Matrices
from sparsereg._demo.movement import Movement
from sparsereg._demo.report import shorten
from sparsereg._demo.task import Task

_MOST_LABELS = 10
_LABEL_WIDTH = 28
_KEPT, _DROPPED = "#c1440e", "#7b8ba3"
_TITLES = {
    "none": "no penalty: nothing holds the weights",
    "L2": "L2: weights shrink, none becomes zero",
    "L1": "L1: one weight after the other becomes zero",
}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def save_picture(path: Path, task: Task, matrices: Matrices, movement: Movement) -> None:
    """Save the paths of the weights: above as they are, below their size on a logarithmic scale."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(13, 7.5), dpi=130, layout="constrained")
    axes = figure.subplots(2, len(PENALTIES), sharex=True, sharey="row")
    names = task.feature_names(matrices.features, movement.columns)
    height = 1.15 * max(np.abs(movement.paths[name]).max() for name in ("L2", "L1"))
    bottom = _smallest(movement.paths["L2"][-1])
    room = 1.35 if all(len(name) < _LABEL_WIDTH for name in names) else 1.6
    for (upper, lower), name in zip(axes.T, PENALTIES, strict=True):
        paths, count = movement.paths[name], movement.n_nonzero[name]
        _draw_weights(upper, paths, movement.kept)
        _draw_sizes(lower, paths, movement.kept, bottom)
        upper.set_title(f"{_TITLES[name]}\n{count[-1]:,} of {count.max():,} are not zero", fontsize=11)
        lower.set_xlabel("iteration")
        upper.set(xlim=(0, room * len(paths)), ylim=(-height, height))
        upper.set_xticks(np.linspace(0, len(paths) - 1, 6))
        _label_largest(upper, paths, movement.kept, names)
    axes[0, 0].set_ylabel("weight")
    axes[1, 0].set_ylabel("size of the weight (log scale)")
    axes[1, 0].set(yscale="log", ylim=(bottom, 3 * height))
    legend = [
        Line2D([], [], color=_KEPT, label="the largest that L1 keeps"),
        Line2D([], [], color=_DROPPED, label="some that L1 drops (x: exactly zero from here on)"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(task.question, fontsize=12)
    figure.savefig(path)


def _draw_weights(axis: Any, paths: np.ndarray, kept: np.ndarray) -> None:
    steps = np.arange(len(paths))
    axis.axhline(0, color="black", linewidth=0.6)
    axis.plot(steps, paths[:, ~kept], color=_DROPPED, linewidth=0.9)
    axis.plot(steps, paths[:, kept], color=_KEPT, linewidth=1.4)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_sizes(axis: Any, paths: np.ndarray, kept: np.ndarray, bottom: float) -> None:
    """Draw sizes for a logarithmic scale, off which zeros fall: a cross where a weight is zero for good."""
    steps = np.arange(len(paths))
    for k in np.argsort(kept, kind="stable"):
        size = np.abs(paths[:, k])
        color, width = (_KEPT, 1.4) if kept[k] else (_DROPPED, 0.9)
        axis.plot(steps, np.where(size > 0, size, np.nan), color=color, linewidth=width)
        last = np.flatnonzero(size)[-1] if size.any() else -1
        if last + 1 < len(paths):
            axis.plot([last + 1], [1.12 * bottom], "x", color=color, markersize=5)
    axis.spines[["top", "right"]].set_visible(False)


def _label_largest(axis: Any, paths: np.ndarray, kept: np.ndarray, names: Sequence[str]) -> None:
    """Name the largest weights at the end of their lines, as long as the names do not collide."""
    taken: list[float] = []
    low, high = axis.get_ylim()
    for k in np.argsort(-np.abs(paths[-1]) * kept, kind="stable")[:_MOST_LABELS]:
        value = paths[-1, k]
        lines = [f" {shorten(part, _LABEL_WIDTH)}" for part in names[k].split(" & ")]
        apart = all(abs(value - other) > 0.055 * len(lines) * (high - low) for other in taken)
        if kept[k] and low < value < high and apart:
            taken.append(value)
            size = 8 if len(lines) == 1 else 6.5
            text = "\n".join(lines)
            label = axis.text(len(paths) - 1, value, text, fontsize=size, va="center", color=_KEPT)
            label.set_in_layout(False)  # the axis leaves room; else a long name would squeeze the panels


def _smallest(l2: np.ndarray) -> float:
    """Return a bottom of the logarithmic scale below all weights that L2 leaves."""
    size = np.abs(l2)
    return float(size[size > 0].min(initial=1.0) / 6)

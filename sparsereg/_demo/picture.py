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
_KEPT, _DROPPED, _ALL = "#c1440e", "#7b8ba3", "#2a5d9f"
_TITLES = {
    "none": "no penalty: nothing holds the weights",
    "L2": "L2: weights shrink, none becomes zero",
    "L1": "L1: one weight after the other becomes zero",
}


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def save_picture(path: Path, task: Task, matrices: Matrices, movement: Movement) -> None:
    """Save the picture: above the paths of some weights, below the sizes of all on a logarithmic scale."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(13, 7.5), dpi=130, layout="constrained")
    axes = figure.subplots(2, len(PENALTIES), sharex=True, sharey="row")
    names = task.feature_names(matrices.features, movement.columns)
    height = 1.15 * max(np.abs(movement.paths[name]).max() for name in ("L2", "L1"))
    bottom = _bottom(movement.sizes["L2"])
    room = 1.35 if all(len(name) < _LABEL_WIDTH for name in names) else 1.6
    for (upper, lower), name in zip(axes.T, PENALTIES, strict=True):
        paths, count = movement.paths[name], movement.n_nonzero[name]
        _draw_weights(upper, paths, movement.kept)
        _draw_sizes(lower, movement.sizes[name], bottom)
        upper.set_title(f"{_TITLES[name]}\n{count[-1]:,} of {count.max():,} are not zero", fontsize=11)
        lower.set_xlabel("iteration")
        upper.set(xlim=(0, room * len(paths)), ylim=(-height, height))
        upper.set_xticks(np.linspace(0, len(paths) - 1, 6))
        _label_largest(upper, paths, movement.kept, names)
    axes[0, 0].set_ylabel("some weights")
    axes[1, 0].set_ylabel("sizes of all weights (log scale)")
    axes[1, 0].set(yscale="log", ylim=(bottom, 3 * height))
    legend = [
        Line2D([], [], color=_KEPT, label="above: the largest weights that L1 keeps"),
        Line2D([], [], color=_DROPPED, label="above: some that L1 drops"),
        Line2D([], [], color=_ALL, label="below: median, half and nine tenths of all; the floor is exactly zero"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(task.question, fontsize=12)
    figure.savefig(path)


def _draw_weights(axis: Any, paths: np.ndarray, kept: np.ndarray) -> None:
    steps = np.arange(len(paths))
    axis.axhline(0, color="black", linewidth=0.6)
    axis.plot(steps, paths[:, ~kept], color=_DROPPED, linewidth=0.9)
    axis.plot(steps, paths[:, kept], color=_KEPT, linewidth=1.4)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_sizes(axis: Any, sizes: np.ndarray, bottom: float) -> None:
    """Draw the median and two bands for a logarithmic scale; where a part of all is zero, it meets the floor."""
    steps = np.arange(len(sizes))
    low, lower, median, upper, high = np.maximum(sizes, bottom).T
    axis.fill_between(steps, low, high, color=_ALL, alpha=0.15, linewidth=0)
    axis.fill_between(steps, lower, upper, color=_ALL, alpha=0.3, linewidth=0)
    axis.plot(steps, median, color=_ALL, linewidth=1.8)
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
            size = 8 if len(names[k]) < 22 else 6.5
            text = "\n".join(lines)
            label = axis.text(len(paths) - 1, value, text, fontsize=size, va="center", color=_KEPT)
            label.set_in_layout(False)  # the axis leaves room; else a long name would squeeze the panels


def _bottom(l2: np.ndarray) -> float:
    """Return a bottom of the logarithmic scale below all but the smallest twentieth that L2 leaves."""
    size = l2[l2 > 0]
    return float(size.min(initial=1.0) / 10)

"""Tell a person what happened: the table, the movement, the columns that decide, and all in plain words."""

from __future__ import annotations

import numpy as np

from sparsereg._demo.compare import PENALTIES, Matrices, Result
from sparsereg._demo.console import Console, human_bytes, human_number, table
from sparsereg._demo.movement import Movement
from sparsereg._demo.task import Task

_SPARK_WIDTH = 20
_MOST_NAMES = 10
_NAME_WIDTH = 30


def show_comparison(console: Console, task: Task, results: dict[str, Result]) -> None:
    """Print the models side by side, and what needs explaining about them."""
    console.heading("Side by side, on the held-out rows")
    score_names = list(results["L1"].scores)
    header = ["penalty", *score_names, "nonzero\nweights", "on disk", "in memory", "fit time", "alpha"]
    rows = []
    for name, result in results.items():
        scores = [_score(result.scores[score]) for score in score_names]
        if name == "no model":
            rows.append([name, *scores, "", "", "", "", ""])
            continue
        rows.append(
            [
                name,
                *scores,
                f"{result.n_nonzero:,}",
                human_bytes(result.disk),
                human_bytes(result.memory),
                f"{result.seconds:.2f} s",
                human_number(result.alpha) if result.alpha else "-",
            ]
        )
    for line in table(header, rows):
        console.line(line)
    console.line()
    for note in _notes(task, results):
        console.paragraph(note)


def show_movement(console: Console, task: Task, matrices: Matrices, movement: Movement) -> None:
    """Print how some weights move under the three penalties, one row of blocks each."""
    console.heading("How the weights move, iteration by iteration")
    console.paragraph(
        "All three start from the weights that were fitted without a penalty. The height is the size of a "
        "weight; a blank is exactly zero. Then the last value."
    )
    console.line()
    shown = [*np.flatnonzero(movement.kept)[:5], *np.flatnonzero(~movement.kept)[:5]]
    names = task.feature_names(matrices.features, movement.columns[shown])
    rows = []
    for k, name in zip(shown, names, strict=True):
        # Each model on its own scale: without a penalty weights outgrow the others' by far.
        cells = []
        for path in (movement.paths[penalty][:, k] for penalty in PENALTIES):
            spark = console.spark(path, _SPARK_WIDTH, np.abs(path).max())
            cells.append(f"{spark} {_signed(path[-1]):>8}")
        rows.append([shorten(name), *cells])
    rows.append(["", "", "", ""])
    counts = []
    for name in PENALTIES:
        count = movement.n_nonzero[name]
        counts.append(f"{console.spark(count, _SPARK_WIDTH, count.max())} {count[-1]:>8,}")
    rows.append(["weights that are not zero", *counts])
    for line in table(["", *(f"{name}{' ' * (_SPARK_WIDTH + 9 - len(name))}" for name in PENALTIES)], rows):
        console.line(line)


def show_deciding(console: Console, task: Task, matrices: Matrices, l1: Result) -> None:
    """Print the columns with the largest weights of the L1 model, for and against."""
    order = np.argsort(l1.weights, kind="stable")
    up = [k for k in order[::-1][:_MOST_NAMES] if l1.weights[k] > 0]
    down = [k for k in order[:_MOST_NAMES] if l1.weights[k] < 0]
    if task.labels is None:
        titles = ("what raises the prediction", "what lowers it")
    else:
        titles = (f"for {task.labels[1]}", f"for {task.labels[0]}")
    what = task.columns if task.columns != "columns" else "columns"
    console.heading(f"The {what} that decide, by their weight in the L1 model")
    if not up and not down:
        console.line("None: at this strength every weight is zero.")
        return
    top = float(np.abs(l1.weights).max())
    sides = [_bars(console, task, matrices, l1.weights, side, top) for side in (up, down)]
    depth = max(map(len, sides))
    sides = [side + [""] * (depth - len(side)) for side in sides]
    width = max(map(len, [*sides[0], titles[0]])) + 3
    console.line(f"{titles[0]:<{width}}{titles[1]}")
    for left, right in zip(*sides, strict=True):
        console.line(f"{left:<{width}}{right}".rstrip())


def show_summary(console: Console, task: Task, results: dict[str, Result]) -> None:
    """Say in plain words what the table says."""
    console.heading("In short")
    score = "accuracy" if task.is_classification else "R2"
    none, l2, l1, dummy = (results[name] for name in ("none", "L2", "L1", "no model"))
    share = l1.n_nonzero / max(l2.n_nonzero, 1)
    console.paragraph(
        f"L1 answers with {l1.n_nonzero:,} of {l2.n_nonzero:,} weights ({_percent(share)}): "
        f"{score} {_score(l1.scores[score])} against {_score(l2.scores[score])} for L2 and "
        f"{_score(none.scores[score])} without a penalty; {_score(dummy.scores[score])} is what a model that "
        f"always says the same gets. It needs {human_bytes(l1.disk)} on disk, L2 {human_bytes(l2.disk)}."
    )
    console.paragraph(
        "L2 makes every weight smaller and none of them zero: all columns are needed for ever. L1 sets most "
        "weights to exactly zero: the columns without a weight need not be computed, stored or explained."
    )


def shorten(name: str, width: int = _NAME_WIDTH) -> str:
    """Cut a long name, so that tables keep their shape."""
    return name if len(name) <= width else name[: width - 2] + ".."


def _notes(task: Task, results: dict[str, Result]) -> list[str]:
    notes = []
    if results["none"].unfinished and task.is_classification:
        notes.append(
            "none: stopped early, as it must be. Enough columns tell the training rows apart without error;"
            " then larger weights are always better, the minimum lies at infinity, and the model grows ever"
            " surer of itself."
        )
    elif results["none"].unfinished:
        notes.append(
            "none: stopped early. Some columns are combinations of others or nearly so; the best fit to the"
            " training rows is far away and not worth reaching."
        )
    gaps = " and ".join(f"{name}'s more than {results[name].model.dual_gap_:.1e}" for name in ("L2", "L1"))
    notes.append(f"Certified by the duality gap: no other weights could bring {gaps} below the objective reached.")
    for name in ("L2", "L1"):
        if results[name].unfinished:
            notes.append(f"{name}: stopped before its tolerance was reached.")
        if results[name].at_edge:
            notes.append(f"{name}: the alpha chosen is the first or last of those tried.")
    return notes


def _bars(
    console: Console, task: Task, matrices: Matrices, weights: np.ndarray, columns: list[int], top: float
) -> list[str]:
    names = task.feature_names(matrices.features, np.array(columns, dtype=int))
    full = console.ramp[-1]
    return [
        f"{_signed(weights[k]):>8} {full * max(1, round(8 * abs(weights[k]) / top)):<8} {shorten(name)}"
        for k, name in zip(columns, names, strict=True)
    ]


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else '-'}{human_number(abs(value))}"


def _score(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"

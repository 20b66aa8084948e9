"""Tell a person what happened: the table, the movement, the columns that decide, and all in plain words."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from sparsereg._demo.compare import PENALTIES, Matrices, Result
from sparsereg._demo.console import WIDTH, Console, human_bytes, human_number, table
from sparsereg._demo.movement import Movement
from sparsereg._demo.task import Task

_SPARK_WIDTH = 12
_VALUE_WIDTH = 9
_NAME_WIDTH = 26
_LONG_NAME_WIDTH = 72
_MOST_NAMES = 10
_MOST_PATHS = 5


def show_comparison(console: Console, task: Task, results: dict[str, Result]) -> None:
    """Print the models side by side, and what needs explaining about them."""
    console.heading("Side by side, on the held-out rows")
    score_names = list(results["L1"].scores)
    header = ["penalty", *score_names, "nonzero\nweights", "on disk", "in memory", "fit time", "alpha"]
    rows = []
    for name, result in results.items():
        row = [name, *(_score(result.scores[score]) for score in score_names)]
        if name in PENALTIES:
            row += [
                f"{result.n_nonzero:,}",
                human_bytes(result.disk),
                human_bytes(result.memory),
                f"{result.seconds:.2f} s",
                human_number(result.alpha) if result.alpha else "-",
            ]
        rows.append(row)
    for line in table(header, rows):
        console.line(line)
    console.line()
    for note in _notes(task, results):
        console.paragraph(note)


def show_movement(console: Console, task: Task, matrices: Matrices, movement: Movement, l1: Result) -> None:
    """Print how some weights move under the three penalties, one row of blocks each."""
    console.heading("How the weights move, iteration by iteration")
    console.paragraph(
        "All three start from the weights that were fitted without a penalty. The height is the size of a "
        "weight, each row of blocks on its own scale; a blank is exactly zero. Behind it the last value."
    )
    console.line()
    dropped = np.flatnonzero(~movement.kept)
    # First those that have arrived at zero: near it FISTA's momentum makes weights bounce for a while.
    dropped = dropped[np.argsort(movement.paths["L1"][-1, dropped] != 0, kind="stable")]
    shown = [*np.flatnonzero(movement.kept)[:_MOST_PATHS], *dropped[:_MOST_PATHS]]
    names = task.feature_names(matrices.features, movement.columns[shown])
    rows: list[list[str]] = []
    for k, name in zip(shown, names, strict=True):
        paths = (movement.paths[penalty][:, k] for penalty in PENALTIES)
        cells = [_spark_and_last(console, path, _signed(path[-1])) for path in paths]
        if len(name) > _NAME_WIDTH:
            rows += [[shorten(name, _LONG_NAME_WIDTH)], ["", *cells]]
        else:
            rows.append([name, *cells])
    counts = (movement.n_nonzero[penalty] for penalty in PENALTIES)
    rows += [[], ["how many are not zero", *(_spark_and_last(console, c, f"{c[-1]:,}") for c in counts)]]
    width = _SPARK_WIDTH + 1 + _VALUE_WIDTH
    for line in table(["weight of", *(name.ljust(width) for name in PENALTIES)], rows):
        console.line(line)
    count = movement.n_nonzero["L1"]
    if count[-1] != l1.n_nonzero:
        console.line()
        console.paragraph(
            f"After {len(count) - 1} iterations of this plain method (FISTA) L1 is on its way to the "
            f"{l1.n_nonzero:,} weights of the table above."
        )


def show_deciding(console: Console, task: Task, matrices: Matrices, l1: Result) -> None:
    """Print the columns with the largest weights of the L1 model, for and against."""
    console.heading(f"The {task.columns} that decide, by their weight in the L1 model")
    weights = l1.weights
    order = np.argsort(weights, kind="stable")
    up = [k for k in order[::-1][:_MOST_NAMES] if weights[k] > 0]
    down = [k for k in order[:_MOST_NAMES] if weights[k] < 0]
    if not up and not down:
        console.line("None: at this strength every weight is zero.")
        return
    titles = ("raises the prediction", "lowers the prediction")
    if task.labels is not None:
        titles = (f"speaks for {task.labels[1]}", f"speaks for {task.labels[0]}")
    left, right = (
        [title, *_bars(console, task, matrices, weights, columns)]
        for title, columns in zip(titles, (up, down), strict=True)
    )
    width = max(map(len, left)) + 4
    if width + max(map(len, right)) <= WIDTH:
        lines = [f"{a:<{width}}{b}" for a, b in zip_longest(left, right, fillvalue="")]
    else:
        lines = [*left, *right]
    for line in lines:
        console.line(line.rstrip())


def show_summary(console: Console, task: Task, results: dict[str, Result]) -> None:
    """Say in plain words what the table says."""
    console.heading("In short")
    none, l2, l1, constant = (results[name] for name in ("none", "L2", "L1", "no model"))
    score = next(iter(l1.scores))
    share = l1.n_nonzero / max(l2.n_nonzero, 1)
    many = "most" if share < 0.5 else "some"
    console.paragraph(
        f"L1 needs {l1.n_nonzero:,} of {l2.n_nonzero:,} weights ({_percent(share)}) and "
        f"{human_bytes(l1.disk)} instead of {human_bytes(l2.disk)}. On rows that no model had seen its {score} is "
        f"{_score(l1.scores[score])}; L2 has {_score(l2.scores[score])}, no penalty "
        f"{_score(none.scores[score])}, and always giving the same answer {_score(constant.scores[score])}."
    )
    console.paragraph(
        "L2 holds all weights down and sets none to zero, so every column must be computed and stored for ever. "
        f"L1 sets {many} weights to exactly zero: their columns can be forgotten, and what is left can be read."
    )


def shorten(name: str, width: int) -> str:
    """Cut a long name, so that tables and pictures keep their shape."""
    return name if len(name) <= width else name[: width - 3] + "..."


def _notes(task: Task, results: dict[str, Result]) -> list[str]:
    """Return what the table does not say by itself."""
    notes = []
    none = results["none"]
    if none.separates:
        notes.append(
            f"none: it tells all {len(task.train):,} training rows apart without an error. Then larger weights "
            "are better without end: there is no finite minimum, and the fit was stopped early."
        )
    elif "no finite minimum" in none.warning:
        notes.append(
            "none: some columns are filled in rows of one class only. Their weights could grow without end and "
            "the fit to the training rows would still get better: there is no finite minimum."
        )
    elif none.warning:
        notes.append(
            "none: stopped early. Some columns are combinations of others, or nearly so; the best fit to the "
            "training rows is far away and not worth reaching."
        )
    certified = [name for name in ("L2", "L1") if not results[name].warning]
    if certified:
        notes.append(
            f"{' and '.join(certified)}: certified by the duality gap. No other weights could lower the "
            f"objective by more than a millionth of what the model without any {task.columns} starts from."
        )
    for name in ("L2", "L1"):
        if results[name].warning:
            notes.append(f"{name}: stopped before its tolerance was reached.")
        if results[name].at_edge:
            notes.append(f"{name}: the alpha chosen is the first or last of those tried.")
    return notes


def _spark_and_last(console: Console, path: np.ndarray, last: str) -> str:
    return f"{console.spark(path, _SPARK_WIDTH, np.abs(path).max())} {last:>{_VALUE_WIDTH}}"


def _bars(console: Console, task: Task, matrices: Matrices, weights: np.ndarray, columns: list[int]) -> list[str]:
    names = task.feature_names(matrices.features, np.array(columns, dtype=int))
    top = float(np.abs(weights).max())
    full = console.ramp[-1]
    return [
        f"{_signed(weights[k]):>8} {full * max(1, round(8 * abs(weights[k]) / top)):<8} "
        f"{shorten(name, _LONG_NAME_WIDTH)}"
        for k, name in zip(columns, names, strict=True)
    ]


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{'+' if value > 0 else '-'}{human_number(abs(value))}"


def _score(value: float) -> str:
    # Adding zero turns the -0.0 that rounding leaves into 0.0.
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"

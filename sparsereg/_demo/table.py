"""Read the user's CSV file into a task."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np

from sparsereg._demo.columns import (
    Column,
    as_numbers,
    is_missing,
    table_feature_names,
    table_features,
    understand,
)
from sparsereg._demo.console import Console
from sparsereg._demo.task import InputError, Task, TaskOptions, check_rows, encode_target, hold_out

_SEPARATORS = ",;\t|"


def open_text(path: Path) -> TextIO:
    """Open a text file, gzipped or not; bytes that are not UTF-8 are replaced, not fatal."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    raw = gzip.open(path, "rb") if zipped else open(path, "rb")  # noqa: SIM115 - the wrapper closes it
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")


def table_task(console: Console, path: Path, target: str | None, options: TaskOptions) -> Task:
    """Read a CSV file and ask for its column `target`."""
    with console.step(f"reading {path.name}") as result:
        header, rows, n_read = read_table(path, options.max_rows, options.seed)
        if target is None:
            raise InputError(f"--target is needed: which column is to be predicted? {_columns(header)}")
        if target not in header:
            raise InputError(f"{path.name} has no column {target!r}. {_columns(header)}")
        at = header.index(target)
        kept = [row for row in rows if not is_missing(row[at])]
        sampled = f" (a sample of {n_read:,})" if n_read > len(rows) else ""
        result.append(f"{len(rows):,} rows{sampled}, {len(header)} columns")
        if len(kept) < len(rows):
            result.append(f"{len(rows) - len(kept):,} rows without {target} left out")
    y, labels = _target([row[at] for row in kept], options, f"the column {target!r}")
    check_rows(y, labels is not None, path.name)
    understood = [understand(name, [row[k] for row in kept]) for k, name in enumerate(header) if k != at]
    _describe(console, understood)
    columns = [column for column in understood if column.kind != "unused"]
    if not columns:
        raise InputError(f"{path.name} has no column to learn {target!r} from")
    train, test = hold_out(y, labels is not None, options.seed)
    question = f"What is {target}?" if labels is None else f"Is {target} {labels[1]} or {labels[0]}?"
    return Task(
        question=f"{question} (from the {len(columns)} other columns of {path.name})",
        X=np.column_stack([column.values for column in columns]),
        y=y,
        train=train,
        test=test,
        features=table_features(columns, len(train)),
        feature_names=partial(table_feature_names, columns),
        labels=labels,
        seed=options.seed,
    )


def read_table(path: Path, max_rows: int, seed: int) -> tuple[list[str], list[list[str]], int]:
    """Return the header, the rows (a random sample if more than `max_rows`), and how many there are."""
    with open_text(path) as file:
        first = file.readline()
        if not first.strip():
            raise InputError(f"{path.name} is empty, or its first line is: the names of the columns belong there")
        separator = max(_SEPARATORS, key=first.count)
        header = [name.strip() for name in next(csv.reader([first], delimiter=separator))]
        repeated = sorted({name for name in header if header.count(name) > 1})
        if repeated:
            raise InputError(f"{path.name} has more than one column called {repeated[0]!r}")
        reader = csv.reader(file, delimiter=separator)
        draw = random.Random(seed)
        sample: list[tuple[int, list[str]]] = []
        count = 0
        try:
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise InputError(
                        f"{path.name}, line {reader.line_num + 1}: {len(row)} fields where the header has "
                        f"{len(header)} (separator {separator!r})"
                    )
                # Reservoir sampling: every row has the same chance, and only max_rows are ever held.
                if count < max_rows:
                    sample.append((count, row))
                elif (place := draw.randrange(count + 1)) < max_rows:
                    sample[place] = (count, row)
                count += 1
        except csv.Error as error:
            raise InputError(f"{path.name}, line {reader.line_num + 1}: {error}") from error
    return header, [row for _, row in sorted(sample)], count


def _target(cells: Sequence[str], options: TaskOptions, where: str) -> tuple[np.ndarray, tuple[str, str] | None]:
    if not cells:
        raise InputError(f"{where} has no values")
    numbers = as_numbers(cells)
    values = np.array([cell.strip() for cell in cells]) if numbers is None else numbers
    return encode_target(values, options, where)


def _columns(header: Sequence[str]) -> str:
    return "Its columns: " + ", ".join(header)


def _describe(console: Console, columns: Sequence[Column]) -> None:
    """Say what every column was taken for, so that a wrong guess is seen."""
    for kind in ("number", "category", "text", "unused"):
        names = [f"{c.name} ({c.note})" if c.note else c.name for c in columns if c.kind == kind]
        if names:
            more = f" and {len(names) - 12} more" if len(names) > 12 else ""
            console.detail(kind, ", ".join(names[:12]) + more)

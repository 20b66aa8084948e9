"""What the demo writes: steps with their time, tables, and numbers that a person can read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import numpy as np

WIDTH = 98

_BLOCKS = " ▁▂▃▄▅▆▇█"
_LETTERS = " .:-=+*#@"  # for terminals that cannot write blocks


class Console:
    """Write plain text to a stream, a terminal or not, and time what happens.

    Parameters
    ----------
    stream : text file
        Where to write. Characters that its encoding lacks are replaced, so that no demo dies of a dash.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._start = time.perf_counter()
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            _BLOCKS.encode(self._encoding)
            self.ramp = _BLOCKS
        except UnicodeEncodeError:
            self.ramp = _LETTERS

    def line(self, text: str = "") -> None:
        """Write a line."""
        self._write(text + "\n")

    def heading(self, text: str) -> None:
        """Write a heading with a rule under it, set off from what came before."""
        self._write(f"\n{text}\n{'-' * len(text)}\n")

    def paragraph(self, text: str) -> None:
        """Write text wrapped to the width of the page."""
        for line in wrap(text, WIDTH):
            self.line(line)

    def detail(self, name: str, text: str) -> None:
        """Write something about the last step, under it."""
        for k, line in enumerate(wrap(text, WIDTH - 21)):
            self.line(f"{'':11}{name if k == 0 else '':<10}{line}")

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Say what begins, at once, and on the same line how it ended.

        Yields a list; what is appended to it ends the line.
        """
        self._write(f"[{self.elapsed:5.1f} s] {what} ... ")
        result: list[str] = []
        ended = "failed"
        try:
            yield result
            ended = ", ".join(result) or "done"
        finally:
            self._write(ended + "\n")

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def spark(self, values: Sequence[float] | np.ndarray, width: int, top: float) -> str:
        """Draw values between 0 and `top` as a row of blocks.

        Only an exact zero is blank: the smallest weight that is still there shows as the lowest block.
        """
        sizes = np.abs(np.asarray(values, dtype=float))
        at = np.round(np.linspace(0, len(sizes) - 1, width)).astype(int)
        full = len(self.ramp) - 1
        level = np.ceil(sizes[at] / top * full) if top > 0 else np.zeros(width)
        return "".join(self.ramp[int(k)] for k in np.clip(level, 0, full))

    def _write(self, text: str) -> None:
        self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))
        self._stream.flush()


def wrap(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` characters at its spaces."""
    lines, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, current] if current else lines


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table, the first column to the left and the others to the right.

    A heading may have two lines, parted by a newline. A row may be short; one cell alone may be of any length.
    """
    heads = [name.split("\n") for name in header]
    depth = max(map(len, heads))
    stacked = [[""] * (depth - len(head)) + head for head in heads]
    widths = [
        max(len(cell) for cell in (*head, *(row[k] for row in rows if len(row) > max(k, 1))))
        for k, head in enumerate(heads)
    ]
    body = [*zip(*stacked, strict=True), ["-" * width for width in widths], *rows]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in body
    ]


def human_bytes(count: int) -> str:
    """Write a number of bytes with the unit that leaves it between 1 and 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def human_number(value: float) -> str:
    """Write a number with about three significant digits, without needless zeros or exponents."""
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 1e-3 else f"{value:.1e}"

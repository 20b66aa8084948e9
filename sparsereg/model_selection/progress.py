"""What ``verbose=1`` shows of paths: one live line on a terminal, about ten plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from shutil import get_terminal_size
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np

from sparsereg.solvers import Solution

__all__ = ["ProgressLine", "Report", "watched"]

Array = np.ndarray
Report = Callable[[float, Sequence[Solution]], None]

_REFRESH = 0.05  # seconds between two states of a live line
_PLAIN_LINES = 10


class ProgressLine:
    """Where some paths are, on standard output like scikit-learn's ``verbose``.

    A live line is taken away at the end. Paths may be followed by several threads; the time left is what is left of
    the strengths at the pace so far.

    Parameters
    ----------
    total : int
        Number of strengths, over all paths.
    """

    def __init__(self, total: int):
        self.total = total
        self._lock, self._start = Lock(), perf_counter()
        self._done: dict[str, int] = {}
        self._shown = self._width = 0
        self._time = -np.inf

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._width:
            sys.stdout.write("\r" + " " * self._width + "\r")
            sys.stdout.flush()

    def path(self, label: str, grid: Array) -> Report:
        """Return what one path is to call after each strength; its label tells it from the others."""

        def report(alpha: float, solutions: Sequence[Solution]) -> None:
            k = int(np.count_nonzero(grid >= alpha))
            with self._lock:
                self._done[label] = k
                self._show(f"{label + '  ' if label else ''}alpha {k}/{len(grid)} = {alpha:.3g}  {_facts(solutions)}")

        return report

    def _show(self, text: str) -> None:
        done, now = sum(self._done.values()), perf_counter()
        left = (now - self._start) / done * (self.total - done) if done else 0.0
        text = f"{100 * done // self.total:3d} %  {_clock(left)} left  {text}"
        if getattr(sys.stdout, "isatty", bool)():
            if now - self._time >= _REFRESH:
                text = text[: get_terminal_size().columns - 1]
                sys.stdout.write("\r" + text.ljust(self._width))
                sys.stdout.flush()
                self._time, self._width = now, len(text)
        elif _PLAIN_LINES * done // self.total > self._shown:
            self._shown = _PLAIN_LINES * done // self.total
            sys.stdout.write(text + "\n")


def watched(points: Iterable[tuple[Any, ...]], grid: Array, verbose: int) -> Iterator[tuple[Any, ...]]:
    """Yield the points of a path, which begin with strength and solutions, and show where it is if `verbose`."""
    if not verbose:
        yield from points
        return
    with ProgressLine(len(grid)) as line:
        report = line.path("", grid)
        for point in points:
            report(point[0], point[1])
            yield point


def _facts(solutions: Sequence[Solution]) -> str:
    used = np.unique(np.concatenate([s.coef_index for s in solutions]))
    return f"nonzeros {len(used)}  gap {max(s.relative_gap for s in solutions):.0e}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"

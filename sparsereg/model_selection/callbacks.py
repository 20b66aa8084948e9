"""The tasks of a search as scikit-learn's callbacks see them, where it has those (1.9); elsewhere nothing happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparsereg.solvers import Solution

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = ["CallbackSupportMixin", "PathTask", "SearchTasks", "with_callbacks"]


class PathTask:
    """The path of one setting on one fold; its subtasks are the strengths."""

    def __init__(self, search: Any, context: Any):
        self._search, self._context = search, context

    def __enter__(self) -> PathTask:
        self._context.call_on_fit_task_begin(estimator=self._search)
        return self

    def __exit__(self, *_: Any) -> None:
        self._context.call_on_fit_task_end(estimator=self._search)

    def report(self, alpha: float, solutions: Sequence[Solution]) -> None:
        """Say that a strength is done."""
        step = self._context.subcontext(task_name="alpha")
        step.call_on_fit_task_begin(estimator=self._search)
        step.call_on_fit_task_end(estimator=self._search)


class SearchTasks:
    """The whole of `fit`: a search of ``settings x folds`` paths and, unless ``refit=False``, the fit on all data."""

    def __init__(self, search: Any, X: Any, y: Any):
        self._search, self._about = search, {"X": X, "y": y}
        self.active = bool(getattr(search, "_skl_callbacks", None))
        self._root: Any = None
        if hasattr(search, "_init_callback_context"):
            self._root = search._init_callback_context(max_subtasks=1 + (search.refit is not False))
            self._root.call_on_fit_task_begin(estimator=search, **self._about)

    def paths(self, sizes: Sequence[int]) -> list[PathTask | None]:
        """Begin the search; return a task for each path, by its number of strengths."""
        if not self.active:
            return [None] * len(sizes)
        self._paths = self._root.subcontext(task_name="search", max_subtasks=len(sizes), sequential_subtasks=False)
        self._paths.call_on_fit_task_begin(estimator=self._search)
        return [
            PathTask(self._search, self._paths.subcontext(task_name="path", task_id=k, max_subtasks=size))
            for k, size in enumerate(sizes)
        ]

    def paths_done(self) -> None:
        """End the search."""
        if self.active:
            self._paths.call_on_fit_task_end(estimator=self._search)

    def refit(self, fit: Any) -> None:
        """Call a function as the task of fitting on all data."""
        if not self.active:
            fit()
            return
        task = self._root.subcontext(task_name="refit-with-best-params")
        task.call_on_fit_task_begin(estimator=self._search, **self._about)
        fit()
        task.call_on_fit_task_end(estimator=self._search, **self._about)

    def done(self) -> None:
        """End the whole."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._search, **self._about)

"""Journal of a run: the start, the history, the verdict. Shared by all solvers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from sparsereg.solvers.certificate import Certificate
from sparsereg.solvers.problem import Problem, Progress, Record, Solution
from sparsereg.solvers.recession import has_no_minimum
from sparsereg.solvers.reference import Reference

__all__ = ["Journal"]

Array = np.ndarray

_HISTORY = 1000
_EPS = np.finfo(np.float64).eps


class Journal:
    """Keeps what every solver must tell, and decides when it may stop.

    Gaps are measured in units of `Reference.scale`; where none exists, violations in units of `Reference.unit`. A run
    is given up after `patience` outer iterations in a row without any progress.
    """

    def __init__(
        self,
        problem: Problem,
        reference: Reference,
        tol: float,
        callback: Callable[[Progress], None] | None = None,
        patience: int = 5,
    ):
        self.problem = problem
        self.reference = reference
        self.tol = tol
        self.callback = callback
        self.history: deque[Record] = deque(maxlen=_HISTORY)
        self.n_iter = -1  # the first note is the start
        self.idle = 0
        self.patience = patience
        self.n_epochs = 0
        self._set, self._epochs, self._step = 0, 0, 0.0
        self._began = time.perf_counter()

    def start(self, start: tuple[Array, float] | None) -> tuple[Array, float, Array]:
        """Return the point to begin at: the null model, or a copy of what the caller gave."""
        if start is None:
            null = self.reference.null
            return null.w.copy(), null.b, null.eta.copy()
        w, b = np.array(start[0], dtype=np.float64), float(start[1])
        m = self.problem.design.shape[1]
        if w.shape != (m,) or not np.isfinite(w).all() or not np.isfinite(b):
            raise ValueError(
                f"start must be finite weights of the {m} occupied columns and an intercept; got {start!r}"
            )
        w = np.clip(w, *self.problem.penalty.box)
        b = b if self.problem.fit_intercept else 0.0
        return w, b, self.problem.eta(w, b)

    def working(self, size: int, epochs: int, step: float) -> None:
        """Note a sub-problem."""
        self._set, self._step = size, step
        self._epochs += epochs
        self.n_epochs += epochs

    def note(self, cert: Certificate, w: Array, b: float, steps: int = 1) -> str:
        """Note the point after some steps (the first call: the start); return the verdict, empty to go on."""
        self.n_iter = self.n_iter + steps if self.history else 0
        record = Record(
            self.n_iter,
            cert.objective,
            cert.gap,
            cert.violation,
            int(np.count_nonzero(w != 0.0)),
            self._set,
            self._epochs,
            self._step,
            time.perf_counter() - self._began,
        )
        self._epochs = 0
        self._watch(record)
        self.history.append(record)
        if self.callback is not None:
            self.callback(Progress(record, w, b))
        return self._verdict(cert)

    def _watch(self, record: Record) -> None:
        """Count the iterations in a row that brought neither objective nor gap nor violation down."""
        if self.history:
            last = self.history[-1]
            fell = last.objective - record.objective > 4.0 * _EPS * abs(last.objective)
            closer = record.gap < 0.9 * last.gap or record.violation < 0.9 * last.violation
            self.idle = 0 if fell or closer else self.idle + 1

    def _verdict(self, cert: Certificate) -> str:
        scale, unit = self.reference.scale, self.reference.unit
        if not np.isfinite(scale + cert.objective):
            return "stalled"
        # Where the null model is (nearly) the answer the unit is (nearly) zero: rounding must do.
        if cert.gap <= self.tol * scale + self.reference.rounding + 4.0 * _EPS * abs(cert.objective):
            return "converged"
        if np.isnan(cert.gap) and cert.violation <= self.tol * unit + self.reference.noise:
            return "stationary"
        if cert.violation <= 64.0 * _EPS * min(self.tol, 1.0) * unit:
            return "converged"
        return "stalled" if self.idle >= self.patience else ""

    def solution(self, w: Array, b: float, cert: Certificate, status: str, columns: Array | None = None) -> Solution:
        """Freeze the result; the weights are those of some `columns`, ascending, or of all."""
        if has_no_minimum(self.problem, w, b):
            status, cert = "no_finite_minimum", cert._replace(gap=np.nan)
        design, scale = self.problem.design, self.reference.scale
        if columns is None:
            ids, values, intercept = design.report(w, b)
        else:
            used = np.flatnonzero(w != 0.0)
            ids, values, intercept = design.feature_ids(columns[used]), w[used], float(b)
        missing = cert.loss - self.problem.infimum
        return Solution(
            coef_index=ids,
            coef_value=values,
            n_features=design.n_features,
            intercept=intercept,
            gap=float(cert.gap),
            violation=float(cert.violation),
            scale=float(scale),
            explained=1.0 if self.reference.perfect else 1.0 - missing / scale,
            status=status,
            n_iter=max(self.n_iter, 1),
            n_epochs=self.n_epochs,
            history=tuple(self.history),
        )

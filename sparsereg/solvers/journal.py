"""Journal of a run: the start, the unit of the tolerance, the history, the verdict. Shared by all solvers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from sparsereg.solvers.certificate import Certificate, polished_gradients
from sparsereg.solvers.null_model import null_model
from sparsereg.solvers.problem import Problem, Progress, Record, Solution
from sparsereg.solvers.recession import has_no_minimum

__all__ = ["Journal"]

Array = np.ndarray

_HISTORY = 1000
_EPS = np.finfo(np.float64).eps


class Journal:
    """Keeps what every solver must tell, and decides when it may stop.

    The unit of the tolerance is ``P_null - inf F``, half the null deviance per unit weight: it has no units and is
    positive for every loss. Where no gap exists, violations are measured against the largest gradient of the null
    model. A run is given up after `patience` outer iterations in a row without any progress.
    """

    def __init__(self, problem: Problem, tol: float, callback: Callable[[Progress], None] | None, patience: int = 5):
        self.problem = problem
        self.tol = tol
        self.callback = callback
        self.history: deque[Record] = deque(maxlen=_HISTORY)
        self.n_iter = -1  # the first note is the start
        self.idle = 0
        self.patience = patience
        self.n_epochs = 0
        self._set, self._epochs, self._step = 0, 0, 0.0
        self._began = time.perf_counter()
        self.null = null_model(problem)
        self.null_gradient = problem.design.rmatvec(self.null.g)
        self.scale = max(problem.objective(self.null.w, self.null.eta) - problem.infimum, 0.0)
        # 64 units in the last place of eta, and what an error of that size costs: no gap below can be told from zero.
        blur = 64.0 * _EPS * (float(np.abs(self.null.eta).max(initial=0.0)) + abs(self.null.b))
        self.polished = polished_gradients(problem, self.null.g, self.null.h, blur)
        self._rounding = 0.5 * float(self.null.h.sum()) * blur * blur
        self.unit = float(np.abs(self.null_gradient).max(initial=0.0))

    def start(self, start: tuple[Array, float] | None) -> tuple[Array, float, Array]:
        """Return the point to begin at: the null model, or a copy of what the caller gave."""
        if start is None:
            return self.null.w.copy(), self.null.b, self.null.eta.copy()
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
            int(np.count_nonzero(w)),
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
        if not np.isfinite(self.scale + cert.objective):
            return "stalled"
        # Where the null model is (nearly) the answer the unit is (nearly) zero: rounding must do.
        if cert.gap <= self.tol * self.scale + self._rounding + 4.0 * _EPS * abs(cert.objective):
            return "converged"
        if np.isnan(cert.gap) and cert.violation <= self.tol * self.unit:
            return "stationary"
        if cert.violation <= 64.0 * _EPS * min(self.tol, 1.0) * self.unit:
            return "converged"
        return "stalled" if self.idle >= self.patience else ""

    def solution(self, w: Array, b: float, cert: Certificate, status: str) -> Solution:
        """Freeze the result."""
        if has_no_minimum(self.problem, w, b):
            status, cert = "no_finite_minimum", cert._replace(gap=np.nan)
        used = np.flatnonzero(w)
        design = self.problem.design
        return Solution(
            coef_index=design.feature_ids(used),
            coef_value=w[used],
            n_features=design.n_features,
            intercept=float(b),
            gap=float(cert.gap),
            violation=float(cert.violation),
            scale=float(self.scale),
            status=status,
            n_iter=max(self.n_iter, 1),
            n_epochs=self.n_epochs,
            history=tuple(self.history),
        )

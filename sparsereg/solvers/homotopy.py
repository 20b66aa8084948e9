r"""The lasso path, exactly: from breakpoint to breakpoint as ``alpha`` falls.

    minimise over v    1/2 v'Gv - c.v + sum_j alpha f_j |v_j| + l2_j v_j^2 / 2,        lower_j <= v_j <= upper_j

is piecewise linear in ``alpha`` when the ridge ``l2`` does not move with it: between two breakpoints the free weights
solve a linear system whose right side is linear in ``alpha``. At a breakpoint a weight leaves zero (or a bound) or
reaches it. See M. R. Osborne, B. Presnell and B. A. Turlach, *A new approach to variable selection in least squares
problems*, IMA Journal of Numerical Analysis 20 (2000), and B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, *Least
angle regression*, Annals of Statistics 32 (2004).

What makes such paths fail is known: ties (integer data, duplicated columns), supports that are nearly singular,
rounding. What cannot be followed is said, with a point that is still optimal; coordinate descent does the rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri, dpstrf

from sparsereg.solvers._kernels.homotopy import (
    FREE,
    FULL,
    IGNORED,
    INACCURATE,
    PAUSED,
    REACHED,
    REST,
    SINGULAR,
    TIE,
    EventLoop,
)
from sparsereg.solvers.unit_columns import UnitColumns

__all__ = ["Breakpoint", "Descent", "Homotopy"]

Array = np.ndarray

_STATUS = {REACHED: "reached", TIE: "tie", SINGULAR: "singular"}
_WORK = 2e8  # multiplications in one call of the kernel: an interrupt waits no longer than a fraction of a second
_EVENTS = 50  # per column, at most: there are paths with 3^k breakpoints, but they are not to be followed
_ROUNDS = 20  # exchanges of free and resting columns that turn a point close to the path into one on it
_INDEPENDENT = 1e-12  # the least square of a pivot, in units of a unit diagonal
_VALID = 1e-9  # the largest violation of a point that is handed out, in units of the largest c_j


class Breakpoint(NamedTuple):
    """A kink of the path: its nonzero weights by column."""

    alpha: float
    columns: Array
    values: Array


class Descent(NamedTuple):
    """How far the path was followed.

    Attributes
    ----------
    alpha : float
        Reached.
    events : int
        Columns that were freed, ignored or brought to rest on the way.
    status : str
        ``"reached"``; ``"tie"`` (events that coincide could not be told apart); ``"singular"`` (a column in the span of
        the support wants to enter); ``"stuck"`` (the start is not on the path, or rounding blocks it).
    """

    alpha: float
    events: int
    status: str


class Homotopy:
    """The path of one problem on working sets that may grow: state is kept between calls of `descend`.

    Parameters
    ----------
    f : ndarray of shape (m,)
        Cost of ``alpha |w_j|``, >= 0; zero: never penalised.
    l2 : ndarray of shape (m,)
        Fixed ridge, >= 0.
    lower, upper : ndarray of shape (m,)
        Bounds, ``lower <= 0 <= upper``. Both zero: the column is excluded, whatever its `f`.
    """

    def __init__(self, f: Array, l2: Array, lower: Array, upper: Array):
        excluded = (lower >= upper) | ~np.isfinite(f)
        f = np.where(excluded, 0.0, f)
        # Inside, alpha is measured so that the largest f is one: then nothing underflows.
        self._unit = float(f.max(initial=0.0)) or 1.0
        self._f, self._l2 = f / self._unit, l2
        self._lower, self._upper = np.where(excluded, 0.0, lower), np.where(excluded, 0.0, upper)
        self._bounded = bool(np.isfinite(self._lower).any() or np.isfinite(self._upper).any())
        self._numbers = np.empty(0, dtype=np.int64)
        self._end: tuple[float, Array] | None = None  # alpha and weights as they were handed out
        self._set: UnitColumns
        self._loop = EventLoop()
        self._grow_support(64)

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is not valid, and not handed out
    def descend(
        self,
        G: Array,
        columns: Array,
        w: Array,
        z: Array,
        alpha: float,
        target: float,
        record: list[Breakpoint] | None = None,
    ) -> Descent:
        """Follow the path from `alpha` down to `target`, changing `w` and `z` in place.

        Parameters
        ----------
        G : ndarray of shape (k, k)
            Gram matrix of `columns`, C-contiguous.
        columns : ndarray of shape (k,)
            Numbers among the ``m``. Where they begin with those of the last call, and `alpha` and `w` are what it left,
            the path goes on; else it starts anew from the support of `w`.
        w, z : ndarray of shape (k,)
            The optimum on these columns at `alpha`, and ``G w - c``. A point that is only close is made exact.
        alpha, target : float
            ``alpha >= target >= 0``.
        record : list, default=None
            Takes a `Breakpoint` for every kink that is passed.

        Returns
        -------
        Descent
            Whatever its status, `w` is the optimum at its ``alpha``; at ``"stuck"`` with no events `w` and `z` are as
            they came.
        """
        if not 0.0 <= target <= alpha < np.inf:
            raise ValueError(f"target must lie in [0, alpha]; got {target!r} with alpha={alpha!r}")
        numbers, loop = np.array(columns), self._loop
        if len(numbers) == 0 and len(G) == 0:
            return Descent(float(target), 0, "reached")
        if not self._begin(G, numbers, w, z, alpha):
            return Descent(float(alpha), 0, "stuck")
        end, passed = target * self._unit, len(record or ())
        status = self._follow(end, record)
        if status != "reached" and self._violation(end) <= 0.1 * _VALID * self._scale:  # what is left is rounding
            status = "reached"
        reached = float(target if status == "reached" else min(max(loop.alpha / self._unit, target), alpha))
        if not self._settle(reached * self._unit):
            if record:
                del record[passed:]
            return Descent(float(alpha), 0, "stuck")
        self._leave(w, z)
        self._end = reached, w.copy()
        return Descent(reached, loop.events, status)

    @np.errstate(over="ignore", invalid="ignore")
    def visit(self, G: Array, columns: Array, w: Array, z: Array, alpha: float, stops: Array) -> tuple[Array, Array]:
        """Return the weights at some strengths below `alpha`, as far as the path can be followed, (k', k), and events.

        The events are those before each stop. Nothing is changed in place; `G`, `columns`, `w` and `z` are as for
        `descend`, `stops` descend. Whether a point is optimal is for the caller to certify.
        """
        numbers, loop = np.array(columns), self._loop
        V, events, reached = np.empty((len(stops), len(numbers))), np.zeros(len(stops), dtype=np.int64), 0
        if V.size == 0 or not self._begin(G, numbers, w, z, alpha):
            return V[:0], events[:0]
        for stop in stops:
            if self._follow(stop * self._unit, None) != "reached":
                break
            loop.snapshot(V[reached])
            events[reached] = loop.events
            reached += 1
        if reached == len(stops) and self._settle(stops[-1] * self._unit):
            V[-1] = self._set.w
            self._end = float(stops[-1]), self._original(V[-1], w)
        return self._original(V[:reached], w), np.diff(events[:reached], prepend=0)

    def _begin(self, G: Array, numbers: Array, w: Array, z: Array, alpha: float) -> bool:
        """Take the columns and make the start exact; False if it is not on the path."""
        k = len(numbers)
        for name, array, shape in (("G", G, (k, k)), ("w", w, (k,)), ("z", z, (k,))):
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, one entry per column; got {array.shape}")
        goes_on = self._goes_on(numbers, w, alpha)
        self._numbers, self._end = numbers, None  # until the call ends well
        self._enter(G, w, z, goes_on)
        start = alpha * self._unit
        if not (goes_on and self._valid(start)) and not self._restart(start):
            return False
        self._loop.resume(start)
        return True

    def _goes_on(self, numbers: Array, w: Array, alpha: float) -> bool:
        """Whether this call starts where the last one ended, on its columns and perhaps more."""
        if self._end is None or self._end[0] != alpha:
            return False
        known = len(self._numbers)
        same = np.array_equal(self._numbers, numbers[:known]) and np.array_equal(self._end[1], w[:known])
        return same and not w[known:].any()

    def _enter(self, G: Array, w: Array, z: Array, goes_on: bool) -> None:
        """Bring the columns to units of unit curvature and hand them to the event loop."""
        f, l2, lower, upper = (of_all[self._numbers] for of_all in (self._f, self._l2, self._lower, self._upper))
        k = len(w)
        unit = np.sqrt(np.maximum(G.diagonal() + l2, 0.0))
        curved = unit > 0.0
        scale = np.divide(1.0, unit, out=np.zeros(k), where=curved)
        with np.errstate(invalid="ignore"):  # inf * 0
            lower, upper = np.where(curved, lower * unit, 0.0), np.where(curved, upper * unit, 0.0)
        f, l2 = f * scale, l2 * scale * scale
        state, kink = np.full(k, REST, dtype=np.int8), np.zeros(k)
        if goes_on:
            known = len(self._set.w)
            state[:known], kink[:known] = self._set.state, self._set.kink
        self._set = here = UnitColumns(
            G, unit, scale, f, l2, lower, upper, w * unit, z * scale, np.zeros(k), state, kink
        )
        self._loop.set_columns(here, np.zeros((2, k)))
        here.c = self._image() - here.q
        here.q += l2 * here.w
        self._scale = float(np.abs(here.c).max())
        self._loop.tol = 1e-14 * (self._scale + float(np.abs(here.w).max()))

    def _leave(self, w: Array, z: Array) -> None:
        """Write weights and gradients in the caller's units."""
        here, curved = self._set, self._set.unit > 0.0
        w[:] = self._original(here.w, w)
        z[:] = np.where(curved, (here.q - here.l2 * here.w) * here.unit, z)

    def _original(self, w: Array, came: Array) -> Array:
        """Return weights in the caller's units; those without curvature or cost are as they came."""
        here = self._set
        v = self._scaled(w)
        stay = (here.unit == 0.0) & (here.f == 0.0)
        return np.where(stay, came, v) if stay.any() else v

    def _scaled(self, w: Array) -> Array:
        """Return weights in the caller's units; one that is at a bound is exactly there."""
        here = self._set
        v = w * here.scale
        for bound, original in ((here.lower, self._lower), (here.upper, self._upper)):
            if self._bounded:
                v = np.where(w == bound, original[self._numbers], v)
        return v

    def _image(self) -> Array:
        """Return ``G w``."""
        w = self._set.w
        support = np.flatnonzero(w != 0.0).astype(np.intc)
        image = np.zeros(len(w))
        if len(support):
            self._loop.times(support, w[support], image)
        return image

    def _violation(self, alpha: float) -> float:
        return float(self._set.violation(alpha).max())

    def _valid(self, alpha: float) -> bool:
        """Whether the point is optimal; nan is not."""
        return self._violation(alpha) <= _VALID * self._scale

    def _clip(self) -> None:
        """Put free weights that are outside their room by rounding on its edge; compute the gradient afresh."""
        here = self._set
        free = here.state == FREE
        here.w[free] = np.clip(here.w, *here.room())[free]
        self._refresh()

    def _refresh(self) -> None:
        here = self._set
        here.q[:] = self._image() - here.c + here.l2 * here.w

    def _follow(self, target: float, record: list[Breakpoint] | None) -> str:
        """Run the event loop; return how it ended."""
        loop = self._loop
        limit = _EVENTS * len(self._numbers) + 1000
        rebuilt_at = -1
        while loop.events < limit:
            code = loop.follow(target, limit if record is None else 1, _WORK)
            if record is not None and code != REACHED:
                self._record(record)
            if code == FULL:
                self._grow_support(2 * loop.size)
            elif code == INACCURATE:
                if rebuilt_at == loop.events or not self._factor():
                    return "singular"
                rebuilt_at = loop.events
                loop.correct(loop.alpha)
            elif code != PAUSED:
                return _STATUS[code]
        return "stuck"

    def _record(self, record: list[Breakpoint]) -> None:
        """Append the present point, unless it is there already."""
        alpha = self._loop.alpha / self._unit
        if record and record[-1].alpha <= alpha:
            return
        v = self._scaled(self._set.w)
        support = np.flatnonzero(v != 0.0)
        record.append(Breakpoint(alpha, self._numbers[support], v[support]))

    def _settle(self, alpha: float) -> bool:
        """Rid the point of the rounding that has accumulated; return whether it is optimal.

        Where the support is nearly singular a correction can do harm: then the point stays as it came.
        """
        here = self._set
        self._clip()
        came, violation = here.w.copy(), self._violation(alpha)
        self._loop.correct(alpha)
        self._clip()
        if not self._violation(alpha) <= violation:
            here.w[:] = came
            self._refresh()
        return self._valid(alpha)

    def _restart(self, alpha: float) -> bool:
        """Find the free columns from a point close to the path, and the point on it; False if it is not close.

        In rounds, since the support may be that of a neighbouring piece: weights that leave their room come to rest,
        columns that want to move are freed.
        """
        here = self._set
        free = (here.w > here.lower) & (here.w < here.upper) & ((here.w != 0.0) | (here.f == 0.0))
        here.state[:] = np.where(free, FREE, REST)
        here.kink[:] = np.where(free, here.f * np.sign(here.w), 0.0)
        for _ in range(_ROUNDS):
            if not self._factor():
                if not self._thin_out():
                    return False
                continue
            for _ in range(2):
                self._refresh()
                self._loop.correct(alpha)
            low, high = here.room()
            leaving = (here.state == FREE) & ((here.w < low) | (here.w > high))
            here.w[leaving] = np.clip(here.w, low, high)[leaving]
            here.state[leaving], here.kink[leaving] = REST, 0.0
            self._refresh()
            if not leaving.any() and not self._free_all_that_want(alpha):
                return self._valid(alpha)
        return False

    def _free_all_that_want(self, alpha: float) -> bool:
        """Free the columns at rest that want to move, each with its kink; return whether there are any."""
        here = self._set
        up, down = here.wishes(alpha)
        wants = (here.state == REST) & (np.maximum(up, down) > 100.0 * self._loop.tol)
        sign = np.where(here.w != 0.0, np.sign(here.w), np.where(up > 0.0, 1.0, -1.0))
        here.state[wants], here.kink[wants] = FREE, (here.f * sign)[wants]
        return bool(wants.any())

    def _matrix(self, free: Array) -> Array:
        here = self._set
        M = here.G[np.ix_(free, free)] * np.outer(here.scale[free], here.scale[free])
        M[np.diag_indices(len(free))] = 1.0
        return M

    def _factor(self) -> bool:
        """Give the event loop the free columns and the inverse of their matrix; False if that is singular."""
        free = np.flatnonzero(self._set.state == FREE).astype(np.intc)
        if len(free) == 0:
            self._loop.set_inverse(np.empty((0, 0)), free)
            return True
        L, info = dpotrf(self._matrix(free), lower=True, clean=False)
        if info != 0 or not np.diag(L).min() ** 2 > _INDEPENDENT:
            return False
        inverse, info = dpotri(L, lower=True)
        if info != 0:
            return False
        self._grow_support(len(free) + 1)
        self._loop.set_inverse(np.ascontiguousarray(inverse), free)
        return True

    def _thin_out(self) -> bool:
        """Move weights within the span of the free columns, ``X w`` unchanged, until what is free is independent.

        At an optimum such a move costs nothing, so it goes on until a weight comes to rest: that of the dependent
        column at zero, or one of the others where its room ends. Returns whether anything was brought to rest.
        """
        here = self._set
        free = np.flatnonzero(here.state == FREE)
        L, order, rank, _ = dpstrf(self._matrix(free), lower=True, tol=_INDEPENDENT)
        base, dependent = free[order[:rank] - 1], free[order[rank:] - 1]
        L = np.tril(L)
        coefficients = solve_triangular(L[:rank, :rank], L[rank:, :rank].T, lower=True, trans="T", check_finite=False)
        low, high = (bound[base] for bound in here.room())
        for j, beta in zip(dependent, coefficients.T, strict=True):
            move = here.w[j] * beta
            space = np.where(move > 0.0, high - here.w[base], low - here.w[base])
            share = np.divide(space, move, out=np.full(rank, np.inf), where=move != 0.0)
            first = int(share.argmin()) if rank else 0
            if rank and share[first] < 1.0:
                here.w[base] += share[first] * move
                here.w[j] -= share[first] * here.w[j]
                i = base[first]
                here.w[i] = (high if move[first] > 0.0 else low)[first]
                here.state[i], here.kink[i] = REST, 0.0
                return True  # the base has changed
            here.w[base] += move
            here.w[j], here.state[j], here.kink[j] = 0.0, IGNORED, 0.0
        return len(dependent) > 0

    def _grow_support(self, least: int) -> None:
        """Make room for as many free columns."""
        if least > self._loop.capacity:
            n = least + least // 4 + 8
            self._loop.grow(np.empty((n, n)), np.zeros((5, n)), np.zeros(n, dtype=np.intc))

"""Refits of supports without their penalty, and blends of them with the penalised fits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor
from sklearn.exceptions import ConvergenceWarning

from sparsereg.solvers import Problem, Solution, solve
from sparsereg.solvers.outputs import OutputsDesign

if TYPE_CHECKING:
    from sparsereg.model_selection.path import Path

__all__ = ["refuse_joint", "relaxed"]

Array = np.ndarray

_SINGULAR = 1e-13  # squared pivot of a Gram matrix of columns in units of their norms
_FLAT = 1e-14  # share of a centred sum of squares in the raw one that is rounding


class NoRefitError(Exception):
    """Why a support cannot be refitted."""


def relaxed(path: Path, problems: Sequence[Problem], gamma: float) -> Path:
    """Return the relaxed path; public functions call it, a warning points at their caller.

    Parameters
    ----------
    path : Path
        Not relaxed yet.
    problems : sequence of Problem
        One per output, on the data of the path.
    gamma : float
        Share of the penalised fit, in [0, 1].
    """
    refuse_joint(problems)
    model, solutions, reason = path._model, [], ""
    refits = [_Refits(problem, model.tol, model.max_iter) for problem in problems]
    for alpha, at in zip(path.alphas, path._solutions, strict=True):
        try:
            solutions.append(tuple(refit.blend(fit, gamma) for refit, fit in zip(refits, at, strict=True)))
        except NoRefitError as error:
            reason = f"at alpha={alpha:.6g} {error}"
            break
    if not solutions:
        raise ValueError(f"the path cannot be relaxed: already {reason}")
    if reason:
        reason = f"the relaxed path ends after {len(solutions)} of {len(path)} alphas: {reason}"
    else:
        failed = sum(refit.failures for refit in refits)
        reason = f"{failed} refits of supports did not converge: increase max_iter or tol" if failed else ""
    if reason:
        warnings.warn(reason, ConvergenceWarning, stacklevel=3)
    return type(path)(model, path.alphas[: len(solutions)], solutions, relax=gamma)


def refuse_joint(problems: Sequence[Problem]) -> None:
    """Require outputs that are problems of their own."""
    if isinstance(problems[0].design, OutputsDesign):
        raise ValueError(
            "path must be of outputs that are fitted one by one: refits and information criteria are not offered for "
            "tasks or classes that are one problem"
        )


class _Refits:
    """The refits of one output along a path: warm, and made only where the support changes."""

    def __init__(self, problem: Problem, tol: float, max_iter: int):
        if not problem.separable:
            raise TypeError(
                f"the penalty {type(problem.penalty).__name__} cannot be relaxed: it is no sum over single weights, so "
                "what its support is without it is not known"
            )
        self.problem, self.tol, self.max_iter = problem, tol, max_iter
        self.penalty = problem.at(0.0).penalty  # bounds, exclusions, a fixed ridge
        one, two = (problem.at(alpha).coordinates for alpha in (1.0, 2.0))
        excluded = (one.lower == 0.0) & (one.upper == 0.0)
        same = (one.l1 == two.l1) & (one.l2 == two.l2)
        if problem.penalty.blocks == "groups":
            same &= problem.at(1.0).penalty.kinkless
        self.always = np.flatnonzero(same & ~excluded)
        self.support: Array | None = None
        self.failures = 0

    def blend(self, fit: Solution, gamma: float) -> Solution:
        """Return ``gamma`` times a penalised fit plus ``1 - gamma`` times the refit of its support."""
        if gamma == 1.0:
            return fit
        places, w = self._on_support(fit)
        n_iter = self._refit(places, w, fit)
        refit, problem = self.refit, self.part
        values = gamma * w + (1.0 - gamma) * refit.coef
        intercept = gamma * fit.intercept + (1.0 - gamma) * refit.intercept
        explained = refit.explained
        if fit.scale > 0.0:
            missing = problem.loss_value(problem.eta(values, intercept)) - problem.infimum
            explained = 1.0 - missing / fit.scale
        kept = values != 0.0
        return replace(
            fit,
            coef_index=self.problem.design.feature_ids(places[kept]),
            coef_value=values[kept],
            intercept=float(intercept),
            gap=refit.gap if gamma == 0.0 else np.nan,
            violation=refit.violation if gamma == 0.0 else np.nan,
            explained=explained,
            status=refit.status if fit.converged else fit.status,
            n_iter=fit.n_iter + n_iter,
        )

    def _on_support(self, fit: Solution) -> tuple[Array, Array]:
        """Return the occupied columns to refit, those never penalised among them, and the fit there."""
        columns = self.problem.design.columns
        nonzero = fit.coef_index if columns is None else np.searchsorted(columns, fit.coef_index)
        places = np.union1d(nonzero, self.always)
        w = np.zeros(len(places))
        w[np.searchsorted(places, nonzero)] = fit.coef_value
        return places, w

    def _refit(self, places: Array, w: Array, fit: Solution) -> int:
        """Refit, unless it is the last support still; return the iterations it took."""
        if self.support is not None and np.array_equal(places, self.support):
            return 0
        whole = self.problem
        part = Problem(
            whole.design.take_columns(places),
            whole.y,
            whole.weights,
            whole.offset,
            whole.loss,
            self.penalty.take(places),
            whole.fit_intercept,
        )
        if not _full_rank(part):
            raise NoRefitError(f"the {len(places)} features of the support are linearly dependent")
        refit = solve(part, self._start(places, w, fit), tol=self.tol, max_iter=self.max_iter)
        if refit.gap > self.tol * fit.scale > 0.0:  # measured by the path's null model, which may know more columns
            tighter = self.tol * fit.scale / refit.scale
            refit = solve(part, (refit.coef, refit.intercept), tol=tighter, max_iter=self.max_iter)
        if refit.status == "no_finite_minimum":
            raise NoRefitError(
                f"the loss has no finite minimum on the {len(places)} features of the support (separable)"
            )
        self.failures += not refit.converged
        self.support, self.part, self.refit = places, part, refit
        return refit.n_iter

    def _start(self, places: Array, w: Array, fit: Solution) -> tuple[Array, float]:
        """Return the last refit where the support has it, the penalised fit elsewhere."""
        if self.support is None:
            return w, fit.intercept
        w = w.copy()
        known = np.isin(places, self.support)
        w[known] = self.refit.coef[np.searchsorted(self.support, places[known])]
        return w, self.refit.intercept


def _full_rank(problem: Problem) -> bool:
    """Whether columns and intercept determine their weights: no pivot of the Gram matrix, plus ridge, is rounding."""
    design, s = problem.design, problem.weights
    n, k = design.shape
    ridge = problem.coordinates.l2
    if k == 0:
        return True
    if not ridge.all() and k + problem.fit_intercept > n:
        return False
    columns = np.arange(k)
    mean = design.dot(columns, s) if problem.fit_intercept else np.zeros(k)
    G = np.empty((k, k))
    design.gram(columns, s, mean, 0, G)
    squares = G.diagonal().copy()
    squares[squares <= _FLAT * mean * mean] = 0.0
    squares += ridge
    if not squares.all():
        return False
    G[columns, columns] = squares
    G /= np.sqrt(np.outer(squares, squares))
    try:
        factor, _ = cho_factor(G, check_finite=False)
    except np.linalg.LinAlgError:
        return False
    return bool(np.diag(factor).min() ** 2 > _SINGULAR)

r"""Regularisation paths: one model at many strengths, for about the price of a few."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sparsereg.inspection import PathDisplay
from sparsereg.linear_model.base import NO_MINIMUM, SparseLinearModel, coefficients, how_exact
from sparsereg.linear_model.validation import check_flag, check_number
from sparsereg.model_selection.convexity import convex_down_to
from sparsereg.model_selection.grid import check_alphas, geometric_grid
from sparsereg.model_selection.progress import watched
from sparsereg.model_selection.refit import relaxed
from sparsereg.solvers import Problem, Solution, follow_path
from sparsereg.solvers.exact_path import follow_exactly
from sparsereg.solvers.path import alpha_max as largest_alpha

__all__ = ["Path", "alpha_max", "regularization_path"]

Array = np.ndarray


class Path:
    """One model at many strengths. `regularization_path` makes it.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        Strengths, descending.
    coefs : list of csr_array of shape (n_outputs, n_features)
        Coefficients at each strength, as ``sparse_coef_``.
    intercepts : ndarray of shape (n_alphas,) or (n_alphas, n_outputs)
        As ``intercept_`` at each strength.
    dual_gaps, relative_gaps : ndarray of shape (n_alphas,) or (n_alphas, n_outputs)
        As ``dual_gap_`` and ``relative_gap_`` at each strength; several columns for several outputs only.
    n_nonzero : ndarray of shape (n_alphas,)
        Number of features with a nonzero coefficient (in any output).
    explained : ndarray of shape (n_alphas,)
        Fraction of the deviance explained on the data of the path, averaged over outputs.
    n_iter : ndarray of shape (n_alphas,)
        Outer iterations at each strength.
    exact : bool
        Whether every breakpoint is in `alphas`, so that `interpolate` is exact in between.
    relax : float or None
        Share of the penalised fit in a relaxed path, None if it is not one; see `relax` for its gaps.
    convex_alpha : float or None
        Under a penalty that is not convex: down to this strength the objective is convex in the weights of the features
        in use (those of a strength and of the one before), so that no other model of these features is stationary.
        Below, coefficients may jump, and others may be as good. The last of `alphas` where nothing is concave; None
        where not even the first is, and where it was not looked at, as in relaxed paths.
    feature_names_in_ : ndarray of str
        Names of the features, where X had any.

    See Also
    --------
    regularization_path : makes one.
    PathSearchCV : chooses a strength by cross-validation.
    """

    def __init__(
        self,
        model: SparseLinearModel,
        alphas: Array,
        solutions: Sequence[Sequence[Solution]],
        exact: bool = False,
        relax: float | None = None,
        convex_alpha: float | None = None,
    ):
        self._model, self._solutions = model, solutions
        self.alphas, self.exact, self.relax, self.convex_alpha = alphas, exact, relax, convex_alpha
        intercepts = np.array([np.concatenate([np.atleast_1d(s.intercept) for s in at]) for at in solutions])
        intercepts = intercepts.astype(model._dtype)
        self.intercepts = intercepts if model._two_dimensional else intercepts[:, 0]
        self.dual_gaps = self._per_output("gap")
        self.relative_gaps = self._per_output("relative_gap")
        self.n_nonzero = np.array([self._n_used(at, intercepts.shape[1]) for at in solutions])
        self.explained = np.array([[s.explained for s in at] for at in solutions]).mean(axis=1)
        self.n_iter = np.array([max(s.n_iter for s in at) for at in solutions])
        if hasattr(model, "feature_names_in_"):
            self.feature_names_in_ = model.feature_names_in_

    @cached_property
    def coefs(self) -> list[sp.csr_array]:
        """The coefficients; a search asks for none of them."""
        return [coefficients(at, self._model._dtype)[0] for at in self._solutions]

    @staticmethod
    def _n_used(at: Sequence[Solution], n_outputs: int) -> int:
        """Return the number of features with a weight in any output."""
        if n_outputs == 1:
            return len(at[0].coef_index)
        n_features = max(sum(s.n_features for s in at) // n_outputs, 1)
        return len(np.unique(np.concatenate([s.coef_index for s in at]) % n_features))

    def _per_output(self, name: str) -> Array:
        values = np.array([[getattr(s, name) for s in at] for at in self._solutions])
        return values[:, 0] if values.shape[1] == 1 else values

    def __len__(self) -> int:
        return len(self.alphas)

    def __repr__(self) -> str:
        worst = how_exact(s for at in self._solutions for s in at)
        proof = f"largest {worst}" if self.relax is None else f"relax={self.relax:g}"
        if self.convex_alpha is not None and self.convex_alpha > self.alphas[-1]:
            proof += f", convex on the support down to alpha={self.convex_alpha:.3g}"
        return (
            f"<Path of {type(self._model).__name__}: {len(self)} alphas from {self.alphas[0]:.3g} to "
            f"{self.alphas[-1]:.3g}, {self.n_nonzero.min()} to {self.n_nonzero.max()} of {self.coefs[0].shape[1]} "
            f"features, explained deviance up to {self.explained.max():.3f}, {proof}>"
        )

    def estimator(self, alpha: float) -> SparseLinearModel:
        """Return the fitted estimator at one of the strengths.

        Parameters
        ----------
        alpha : float
            One of `alphas` (to 1e-9 of itself).

        Returns
        -------
        estimator
            As if fitted with this `alpha`.

        Raises
        ------
        ValueError
            If `alpha` is not on the path; see `interpolate`.
        """
        at = int(np.argmin(np.abs(self.alphas - alpha)))
        if not abs(self.alphas[at] - alpha) <= 1e-9 * self.alphas[at]:
            raise ValueError(
                f"alpha must be one of the path's alphas; got {alpha!r}, the nearest is {self.alphas[at]!r}. "
                "interpolate(alpha) gives coefficients in between"
            )
        return self._estimator_at(at)

    def _estimator_at(self, at: int) -> SparseLinearModel:
        model = clone(self._model)
        fitted = {name: value for name, value in vars(self._model).items() if name not in vars(model)}
        vars(model).update(fitted)
        model.alpha = float(self.alphas[at])
        model._keep(self._solutions[at])
        return model

    def interpolate(self, alpha: float) -> tuple[sp.csr_array, Any]:
        """Return coefficients and intercept at any strength between the ends, linear between neighbours.

        Exact where `exact` is True, else an approximation that has no certificate.

        Parameters
        ----------
        alpha : float
            Between the smallest and the largest of `alphas`.

        Returns
        -------
        coef : csr_array of shape (n_outputs, n_features)
        intercept : float or ndarray of shape (n_outputs,)
        """
        if not self.alphas[-1] <= alpha <= self.alphas[0]:
            raise ValueError(
                f"alpha must lie on the path, between {self.alphas[-1]!r} and {self.alphas[0]!r}; got {alpha!r}"
            )
        right = int(np.searchsorted(-self.alphas, -alpha))  # the first that is not larger
        if self.alphas[right] == alpha:
            return self.coefs[right], self.intercepts[right]
        high, low = self.alphas[right - 1], self.alphas[right]
        share = (high - alpha) / (high - low)
        coef = sp.csr_array((1.0 - share) * self.coefs[right - 1] + share * self.coefs[right])
        return coef, (1.0 - share) * self.intercepts[right - 1] + share * self.intercepts[right]

    def coef_matrix(self, output: int = 0) -> sp.csr_array:
        """Return the coefficients of one output at all strengths, sparse, (n_alphas, n_features)."""
        return sp.csr_array(sp.vstack([coef[[output]] for coef in self.coefs], format="csr"))

    def plot(self, ax: Any = None, **kwargs: Any) -> PathDisplay:
        """Draw the coefficients against alpha.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **kwargs
            As in `sparsereg.inspection.PathDisplay.from_path`: `output`, `scale`, `n_named`, `line_kw`.

        Returns
        -------
        display : PathDisplay
        """
        return PathDisplay.from_path(self, ax=ax, **kwargs)


def alpha_max(estimator: SparseLinearModel, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
    """Return the smallest strength at which the model is empty.

    ``max_j |x_j . g0| / (l1_j / alpha)`` with the derivatives ``g0`` of the weighted mean loss at the null model, which
    holds the intercept and the features that are never penalised.

    Parameters
    ----------
    estimator : SparseRegressor, SparseClassifier, Lasso or ElasticNet
        Its `alpha` plays no part.
    X, y, sample_weight, offset
        As in its ``fit``.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the penalty empties the model at no strength, as L2.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, alpha_max
    >>> X, y = load_diabetes(return_X_y=True)
    >>> top = alpha_max(Lasso(), X, y)
    >>> Lasso(alpha=top).fit(X, y).sparse_coef_.nnz, Lasso(alpha=0.9 * top).fit(X, y).sparse_coef_.nnz
    (0, 2)
    """
    _, problems = prepare(estimator, X, y, sample_weight, offset)
    top = top_of(problems)
    if top is None:
        raise ValueError(
            f"{type(estimator).__name__} has no alpha_max here: its penalty sets no coefficient to zero at any "
            "strength, or a feature has bounds and no penalty (penalty_factor=0)"
        )
    return top


def regularization_path(
    estimator: SparseLinearModel,
    X: Any,
    y: Any,
    *,
    alphas: Any = 100,
    alpha_min_ratio: float = 1e-3,
    sample_weight: Any = None,
    offset: Any = None,
    exact: bool = False,
    relax: float | None = None,
    min_gain: float = 0.0,
    verbose: int = 0,
) -> Path:
    """Solve a model at many strengths, each from the last, each certified.

    Parameters
    ----------
    estimator : SparseRegressor, SparseClassifier, Lasso or ElasticNet
        Loss, penalty, tolerance and all else; its `alpha` plays no part. It is not changed.
    X, y
        As in its ``fit``.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, evenly spaced in logarithms from `alpha_max` down, or the strengths themselves.
    alpha_min_ratio : float, default=1e-3
        Smallest strength in units of the largest, for a number of `alphas`.
    sample_weight, offset
        As in ``fit``.
    exact : bool, default=False
        Add every breakpoint between the largest and the smallest strength: in between, coefficients are linear in
        alpha. Squared error with an L1 penalty only, and strengths > 0.
    relax : float, default=None
        Refit every support without penalty and return the blend with this share, in [0, 1], of the penalised fit: see
        `relax`.
    min_gain : float, default=0.0
        End the path where the fraction of the deviance explained rises by less than this from one strength to the next
        (glmnet: 1e-5); 0 goes on to the end.
    verbose : int, default=0
        Whether to show progress.

    Returns
    -------
    Path

    Warns
    -----
    ConvergenceWarning
        If some strengths did not reach the tolerance of the estimator; ``Path.relative_gaps`` has each.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(Lasso(), X, y, alphas=5, alpha_min_ratio=0.01)
    >>> path.n_nonzero
    array([0, 4, 5, 7, 8])
    >>> path.estimator(path.alphas[2]).sparse_coef_.indices
    array([1, 2, 3, 6, 8], dtype=int32)
    """
    grid = check_alphas(alphas, alpha_min_ratio)
    check_number("min_gain", min_gain)
    check_flag("exact", exact)
    if relax is not None:
        check_number("relax", relax, high=1.0)
    model, problems = prepare(estimator, X, y, sample_weight, offset)
    if isinstance(grid, int):
        grid = geometric_grid(top_of(problems), grid, alpha_min_ratio)
    grid = np.sort(grid)[::-1]
    follow = _exactly if exact else _on_grid
    visited: list[float] = []
    solutions: list[tuple[Solution, ...]] = []
    bent: list[float] = []
    for alpha, at, linear in watched(follow(model, problems, grid), grid, verbose):
        if exact and solutions and not linear:
            bent.append(alpha)
        visited.append(alpha)
        solutions.append(at)
        if min_gain > 0.0 and len(solutions) > 1 and _gain(solutions) < min_gain:
            break
    straight = exact and not bent and all(s.converged for at in solutions for s in at)
    path = Path(
        model, np.array(visited), solutions, straight, convex_alpha=convex_down_to(problems, visited, solutions)
    )
    _warn(path, bent)
    return path if relax is None else relaxed(path, problems, float(relax))


def _on_grid(
    model: SparseLinearModel, problems: Sequence[Problem], grid: Array
) -> Iterator[tuple[float, tuple[Solution, ...], bool]]:
    """Yield each strength and its solutions, all outputs side by side."""
    paths = [follow_path(problem, grid, tol=model.tol, max_iter=model.max_iter) for problem in problems]
    for alpha, at in zip(grid, zip(*paths, strict=True), strict=True):
        yield float(alpha), at, False


def _exactly(
    model: SparseLinearModel, problems: Sequence[Problem], grid: Array
) -> Iterator[tuple[float, tuple[Solution, ...], bool]]:
    """Yield each strength and breakpoint, its solution, and whether the path leads straight to it."""
    if len(problems) > 1:
        raise ValueError(
            f"exact=True finds the breakpoints of one output; y has {len(problems)} columns: make a path of each"
        )
    for point in follow_exactly(problems[0], grid, tol=model.tol, max_iter=model.max_iter):
        yield point.alpha, (point.solution,), point.linear


def prepare(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, offset: Any = None
) -> tuple[SparseLinearModel, list[Problem]]:
    """Return a copy of the estimator that has seen the data, and its problems, one per output."""
    if not isinstance(estimator, SparseLinearModel):
        raise TypeError(
            "estimator must be one of sparsereg's linear models; "
            f"got {type(estimator).__name__}. For a pipeline see PathSearchCV"
        )
    model = clone(estimator)
    return model, model._problems(model._prepare(X, y, sample_weight, offset))


def top_of(problems: Sequence[Problem]) -> float | None:
    """Return the smallest strength at which all outputs are empty, None if there is none."""
    tops = [largest_alpha(problem) for problem in problems]
    known = [top for top in tops if top is not None]
    return max(known) if len(known) == len(tops) else None


def _gain(solutions: Sequence[Sequence[Solution]]) -> float:
    """Return how much more of the deviance the last strength explains, the largest among outputs."""
    return max(new.explained - old.explained for old, new in zip(*solutions[-2:], strict=True))


def _warn(path: Path, bent: list[float]) -> None:
    if bent:
        warnings.warn(
            f"the path could not be followed exactly on {len(bent)} stretches, the first ending at alpha={bent[0]:.3g} "
            "(events that coincide, a support that is nearly singular, or columns far from zero): its points have "
            "their certificates, but may be joined by more than a straight line",
            ConvergenceWarning,
            stacklevel=3,
        )
    endless = [k for k, at in enumerate(path._solutions) if any(s.status == "no_finite_minimum" for s in at)]
    if endless:
        message = f"at {len(endless)} of {len(path)} alphas, the largest {path.alphas[endless[0]]:.3g}, {NO_MINIMUM}"
        warnings.warn(message, ConvergenceWarning, stacklevel=3)
    failed = [k for k, at in enumerate(path._solutions) if k not in endless and not all(s.converged for s in at)]
    if failed:
        worst = how_exact(s for k in failed for s in path._solutions[k] if not s.converged)
        warnings.warn(
            f"{len(failed)} of {len(path)} alphas did not converge, the largest {path.alphas[failed[0]]:.3g}: largest "
            f"{worst}, tol={path._model.tol:g} asked for. Increase max_iter, increase tol, "
            "bring the columns to a similar scale (standardize=True or a scaler) or end the path earlier.",
            ConvergenceWarning,
            stacklevel=3,
        )

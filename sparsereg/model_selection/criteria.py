r"""Information criteria along a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import betaln

from sparsereg.linear_model.base import SparseLinearModel
from sparsereg.linear_model.validation import check_number
from sparsereg.losses import Gamma, SquaredError
from sparsereg.model_selection.degrees import DegreesOfFreedom
from sparsereg.model_selection.likelihood import family_of, minus_two_log_likelihood
from sparsereg.model_selection.path import Path
from sparsereg.model_selection.path_data import same_data
from sparsereg.model_selection.support import linear_predictor, occupied_places
from sparsereg.solvers import Problem, Solution

__all__ = ["information_criterion"]

Array = np.ndarray

_CRITERIA = ("aic", "bic", "ebic")


def information_criterion(
    path: Path,
    X: Any,
    y: Any,
    criterion: str = "aic",
    *,
    ebic_gamma: float = 1.0,
    sample_weight: Any = None,
    offset: Any = None,
) -> Array:
    r"""Return AIC, BIC or EBIC of every model on a path; the smallest is best.

    ``AIC = -2 log L + 2 df``, ``BIC = -2 log L + df log n``,
    ``EBIC = BIC + 2 ebic_gamma log C(p, k)``.

    Parameters
    ----------
    path : Path
        From `regularization_path` or `relax`.
    X, y
        What the path was made with.
    criterion : {"aic", "bic", "ebic"}, default="aic"
        EBIC is for many features: BIC alone takes in too many of them when ``p`` is large beside ``n``.
    ebic_gamma : float, default=1.0
        From 0 (BIC) to 1; read by ``"ebic"`` only.
    sample_weight, offset
        What the path was made with. Weights are frequencies here: ``n`` is their sum, and a weight of two is a sample
        that occurs twice.

    Returns
    -------
    ndarray of shape (n_alphas,)
        inf where the fit has no likelihood to speak of: it is saturated (no residual is left, or ``df >= n`` where a
        dispersion is fitted) or has no finite minimum. Several outputs are summed.

    Raises
    ------
    ValueError
        If the loss has no likelihood: Huber, squared hinge, Tweedie with a power between 1 and 2.

    Notes
    -----
    **Likelihood**, with all constants. Squared error: Gaussian, ``-2 log L = n log(RSS / n) + n (1 + log 2 pi)``, its
    variance profiled. Log loss: Bernoulli. Poisson: with ``log y!``. Gamma: at its best shape. A fitted dispersion is
    not counted in ``df``: it is the same in all models. Class weights multiply the sample weights.

    **Degrees of freedom.** L1: the number of nonzero weights, unpenalised ones included [1]_. L2, elastic net and
    dropout: ``tr H (H + L)^-1`` on the nonzero weights, with ``H = X' W X`` the curvature at the fit and ``L`` the l2
    part; for ridge regression this is ``sum_j d_j^2 / (d_j^2 + n l2)``. MCP and SCAD: as L1, the usual count, though a
    search among concave fits has more freedom. Adaptive weights count as if given. No penalty: the rank. The intercept
    counts one. A weight at a bound does not move and does not count. Relaxed paths: the blend of the two; as if the
    support had not been searched for, hence too small.

    **EBIC** [2]_. ``p`` is the number of features that can be selected, columns without data included; those with
    penalty factor 0 or inf and those that bounds hold at zero are no candidates. ``k`` is the part of ``df`` that
    penalised features add; where it is no integer, ``C`` is continued by the gamma function.

    scikit-learn's ``LassoLarsIC`` does not count the intercept and takes the variance from ordinary least squares,
    where it is profiled here. With more features than samples the profiled likelihood grows without limit towards the
    end of a path: look at the whole curve, or end the path early.

    References
    ----------
    .. [1] H. Zou, T. Hastie and R. Tibshirani, *On the "degrees of freedom" of the lasso*, Annals of Statistics 35
       (2007), 2173-2192.
    .. [2] J. Chen and Z. Chen, *Extended Bayesian information criteria for model selection with large model spaces*,
       Biometrika 95 (2008), 759-771.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, information_criterion, regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(Lasso(), X, y)
    >>> best = information_criterion(path, X, y, "bic").argmin()
    >>> path.estimator(path.alphas[best]).sparse_coef_.indices
    array([1, 2, 3, 4, 6, 8, 9], dtype=int32)
    """
    if criterion not in _CRITERIA:
        raise ValueError(f"criterion must be one of {list(_CRITERIA)}; got {criterion!r}")
    check_number("ebic_gamma", ebic_gamma, high=1.0)
    data, problems = same_data(path, X, y, sample_weight, offset)
    n = float(len(data.Y) if data.sample_weight is None else data.sample_weight.sum())
    if n <= 1.0:
        raise ValueError(
            f"sample_weight are frequencies and must sum to more than 1; the sum is {n:g}. If only their proportions "
            "are meant, multiply them by n_samples / sum"
        )
    candidates = _n_candidates(path._model) if criterion == "ebic" else 0
    total = np.zeros(len(path))
    for k, problem in enumerate(problems):
        solutions = [at[k] for at in path._solutions]
        fit, df, selected = _likelihoods_and_degrees(problem, path.alphas, solutions, n, path.relax)
        total += fit + (2.0 if criterion == "aic" else np.log(n)) * df
        if criterion == "ebic":
            total += 2.0 * ebic_gamma * _log_binomial(candidates, selected)
    return total


def _likelihoods_and_degrees(
    problem: Problem, alphas: Array, solutions: list[Solution], n: float, share: float | None
) -> tuple[Array, Array, Array]:
    """Return ``-2 log L`` (inf where there is none), ``df`` with the intercept, and the part of the selected ones."""
    loss = family_of(problem.loss)
    dispersion = isinstance(loss, SquaredError | Gamma)
    degrees, rows = DegreesOfFreedom(problem), []
    for alpha, solution in zip(alphas, solutions, strict=True):
        places = occupied_places(problem, solution.coef_index)
        assert places is not None  # else the data would not be those of the path
        eta = linear_predictor(problem, places, solution.coef_value, solution.intercept)
        df = degrees.at(float(alpha), places, solution.coef_value, eta, share)
        total = df.total + problem.fit_intercept
        fit = minus_two_log_likelihood(loss, problem.y, eta, n * problem.weights)
        if fit == -np.inf or solution.status == "no_finite_minimum" or (dispersion and total >= n):
            fit = np.inf
        rows.append((fit, total, df.selected))
    fit, total, selected = np.array(rows).T
    return fit, total, selected


def _n_candidates(model: SparseLinearModel) -> int:
    """Return how many features can be selected; what is counted are arrays that the user made."""
    p, options = model.n_features_in_, model._options()
    factor, low, high = (options.get(name) for name in ("penalty_factor", "lower", "upper"))
    apart = np.zeros(1, dtype=bool)
    if isinstance(factor, Mapping):
        names = [name for name, f in factor.items() if f == 0.0 or np.isinf(f)]
        if low is None or high is None:
            return p - len(names)
        apart = np.isin(model.feature_names_in_, names)
    elif factor is not None:
        factor = np.asarray(factor, dtype=np.float64)
        apart = (factor == 0.0) | np.isinf(factor)
    if low is not None and high is not None:
        apart = apart | ((np.asarray(low) == 0.0) & (np.asarray(high) == 0.0))
    return p - int(apart.sum()) * (p if apart.size == 1 else 1)


def _log_binomial(p: int, k: Array) -> Array:
    """Return ``log C(p, k)`` for real ``k``, by a beta function: differences of log-gammas lose seven digits at 1e8."""
    k = np.clip(k, 0.0, p)
    return -betaln(p - k + 1.0, k + 1.0) - np.log(p + 1.0)

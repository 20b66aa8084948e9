"""Relaxed paths: what the penalty selects, without its shrinkage."""

from __future__ import annotations

from typing import Any

from sparsereg.linear_model.validation import check_number
from sparsereg.model_selection.path import Path
from sparsereg.model_selection.path_data import same_data
from sparsereg.model_selection.refit import relaxed

__all__ = ["relax"]


def relax(path: Path, X: Any, y: Any, *, gamma: float = 0.0, sample_weight: Any = None, offset: Any = None) -> Path:
    """Refit the support of every model on a path without penalty, and blend the two.

    ``eta = gamma * eta_penalised + (1 - gamma) * eta_refit``, so coefficients and intercepts likewise: the relaxed
    lasso [1]_ in the form of glmnet. 1 is the penalised fit, 0 the refit: what is selected is not shrunk.

    Parameters
    ----------
    path : Path
        From `regularization_path`.
    X, y
        What the path was made with.
    gamma : float, default=0.0
        Share of the penalised fit, in [0, 1].
    sample_weight, offset
        What the path was made with.

    Returns
    -------
    Path
        With the blended coefficients, its ``relax`` is `gamma`. It ends before the first strength whose refit does not
        exist. For ``gamma=0`` the ``dual_gaps`` are those of the refits, in the problem without penalty on the support;
        between 0 and 1 they are nan: the blend of two certified minima minimises nothing itself.

    Raises
    ------
    ValueError
        If the data are not those of the path, or the refit of its first model does not exist already.

    Warns
    -----
    ConvergenceWarning
        Once, if the path ends early, with the strength and the reason: the features of the support are linearly
        dependent (more of them than samples, duplicates), or the loss has no finite minimum on them (separable
        classes).

    Notes
    -----
    Loss, intercept, weights, offset, bounds, exclusions and dropout hold in refits; features that are never penalised
    take part in all. A refit is made where the support changes, from the last one.

    References
    ----------
    .. [1] N. Meinshausen, *Relaxed lasso*, Computational Statistics & Data Analysis 52 (2007), 374-393; T. Hastie, R.
       Tibshirani and R. Tibshirani, *Best subset, forward stepwise or lasso?*, Statistical Science 35 (2020), 579-592.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, regularization_path, relax
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = regularization_path(Lasso(), X, y, alphas=5, alpha_min_ratio=0.01)
    >>> relaxed = relax(path, X, y)
    >>> relaxed.n_nonzero
    array([0, 4, 5, 7, 8])
    >>> bool((relaxed.explained >= path.explained).all())
    True
    """
    check_number("gamma", gamma, high=1.0)
    _, problems = same_data(path, X, y, sample_weight, offset)
    if path.relax is not None:
        raise ValueError(f"path must not be relaxed yet; this one has relax={path.relax!r}")
    return relaxed(path, problems, float(gamma))

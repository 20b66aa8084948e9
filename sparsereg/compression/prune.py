"""prune: fewer weights, chosen by their size, their number, or what their removal changes."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sparsereg.compression.choice import Units, kept_above, kept_largest, kept_within
from sparsereg.compression.refit import refitted
from sparsereg.compression.weights import best_of_search, reach, stored_weights, subset, with_weights
from sparsereg.linear_model.validation import check_matrix, check_number, check_offset, check_sample_weight
from sparsereg.model_selection.last_step import with_last_step

__all__ = ["prune"]

Array = np.ndarray


def prune(
    estimator: Any,
    *,
    threshold: float | None = None,
    n_nonzero: int | None = None,
    max_change: float | None = None,
    groups: Any = None,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    refit: Any = False,
    n_rounds: int = 1,
) -> Any:
    r"""Set weights of a fitted linear model to exactly zero, and return the model that is left.

    Exactly one of `threshold`, `n_nonzero` and `max_change` says which:

    - ``threshold``: those with ``|w| < threshold``;
    - ``n_nonzero``: all but the largest. This is the nearest model, in Euclidean distance of the weights, with so many.
      With `X`, size is ``|w_j| sqrt(mean_i x_ij^2)``, what the removal of ``w_j`` alone changes. It minimises, over all
      choices of so many weights, the sum of these sizes over what goes, which bounds the root mean square change of
      the linear predictor; where the columns of X are orthogonal, it minimises that change itself;
    - ``max_change``: as many as can go while no prediction on `X` changes by more than it: a greedy choice, to which no
      single weight could be added.

    Parameters
    ----------
    estimator : estimator
        Any fitted linear regressor or classifier with ``coef_`` (or ``sparse_coef_``), a Pipeline that ends in one
        (that step is pruned) or a search over one (its ``best_estimator_`` is pruned and returned). Not changed.
    threshold : float, default=None
        Smallest size that stays, >= 0.
    n_nonzero : int, default=None
        Number of weights that stay, over all outputs.
    max_change : float, default=None
        Bound on the largest absolute change, over the rows of `X` and the outputs, of ``predict`` (regressors),
        ``predict_proba`` (classifiers that have it) or ``decision_function`` (other classifiers), in their units.
        Weights of columns that are zero throughout `X` change nothing there and go first: let `X` be like the data to
        come.
    groups : array-like, list of lists, dict, "onehot" or "features", default=None
        The weights of a group, in all outputs, go or stay together, by their Euclidean norm. Labels, lists, a dict or
        "onehot" as in `SelectNonzero`; "features": the weights of each feature in all outputs. With `n_nonzero`, groups
        stay in the order of their norm, as many as fit. None: every weight for itself, also if the penalty has groups.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Needed by `max_change` and `refit`; used by `n_nonzero` if given.
    y : array-like, default=None
        Needed by `refit`.
    sample_weight : array-like of shape (n_samples,), default=None
        For `refit`.
    offset : array-like of shape (n_samples,) or float, default=None
        For `max_change` and `refit` of models fitted with an offset: required, as in their ``predict``.
    refit : bool or estimator, default=False
        Fit what is left to `X` and `y`: a clone of the model, or of the estimator given (one without penalty undoes
        the shrinkage). Pruned columns are shown to it as zeros. A bound on the change holds before it, not after. With
        several outputs it needs ``groups="features"``, or groups.
    n_rounds : int, default=1
        Prune and refit so many times, a part each: the number of weights falls geometrically to `n_nonzero`;
        `max_change` is shared equally; a threshold is applied until all weights are above it, `n_rounds` times at most.

    Returns
    -------
    estimator
        A copy with fewer weights. Of a model of ours that was not refitted, gap and violation become nan: they were
        those of other weights.

    Raises
    ------
    ValueError
        Not exactly one criterion, missing `X` or `y`, arguments without use.
    TypeError
        The estimator is no linear model, or has no weights that can be set.

    Notes
    -----
    Why the bound holds: a set of weights is accepted only after the change of all predictions that it touches, together
    with all accepted before, was measured and found within the bound. Floating point is no exception: at the end
    predictions of the pruned and the given model are compared, and the last weights put back if need be. Finding the
    largest set is a subset-sum problem; weights are tried in the order of ``max_i |x_ij w_j|``, again until none fits.

    See Also
    --------
    compact : store what is left in few bytes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from sparsereg import prune
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegression().fit(X, y)
    >>> small = prune(model, max_change=10.0, X=X)
    >>> bool(abs(small.predict(X) - model.predict(X)).max() <= 10.0), int((small.coef_ != 0).sum())
    (True, 8)
    >>> int((prune(model, n_nonzero=3).coef_ != 0).sum())
    3
    """
    criteria = {"threshold": threshold, "n_nonzero": n_nonzero, "max_change": max_change}
    criterion, amount = _check_criteria(criteria, X, y, refit, n_rounds)
    model, given = reach(estimator, X)
    check_is_fitted(model)
    data = None if X is None else check_matrix(model, given, reset=False)
    n_samples = 0 if data is None else data.shape[0]
    params = _per_sample(criterion, n_samples, sample_weight, offset, refit)
    coef = stored_weights(model)
    _check_outputs(groups, coef.shape[0], refit)
    if refit is not False and getattr(model, "_with_offset", False) and offset is None:
        raise ValueError("this model was fitted with an offset and is refitted with one: pass offset=..., or offset=0")
    names, frame = getattr(model, "feature_names_in_", None), type(given) if hasattr(given, "columns") else None
    pruned, n_before = model, coef.nnz
    for k in range(n_rounds):
        units = Units(coef, groups, names)
        if criterion == "threshold":
            kept = kept_above(coef, units, amount)
        elif criterion == "n_nonzero":
            kept = kept_largest(coef, units, _target(n_before, int(amount), (k + 1) / n_rounds), data)
        else:
            kept = kept_within(pruned, coef, units, amount / n_rounds, data, params.get("offset"))
        if criterion == "threshold" and kept.all() and k > 0:
            break
        if not kept.all():
            pruned = with_weights(pruned, subset(coef, kept))
        if refit is not False:
            columns = np.unique(coef.indices[kept])
            pruned = refitted(model if refit is True else refit, columns, data, y, params, names, frame)
        coef = stored_weights(pruned)
    return with_last_step(best_of_search(estimator), pruned)


def _target(n_before: int, n_nonzero: int, share: float) -> int:
    """Return how many weights stay after a share of the rounds: from all to `n_nonzero`, geometrically."""
    if share == 1.0 or n_before <= n_nonzero:
        return n_nonzero
    return max(n_nonzero, round(n_before * (max(n_nonzero, 1) / n_before) ** share))


def _check_criteria(criteria: dict[str, Any], X: Any, y: Any, refit: Any, n_rounds: int) -> tuple[str, float]:
    """Return the name of the one criterion and its value; refuse what has no use."""
    given = [name for name, value in criteria.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of threshold, n_nonzero and max_change; got {given or 'none'}")
    name = given[0]
    check_number(name, criteria[name], Integral if name == "n_nonzero" else Real)
    check_number("n_rounds", n_rounds, Integral, 1)
    if not isinstance(refit, bool | np.bool_) and not (isinstance(refit, BaseEstimator) and hasattr(refit, "fit")):
        raise TypeError(f"refit must be True, False or an estimator; got {refit!r}")
    if refit is False:
        if n_rounds > 1:
            raise ValueError("n_rounds > 1 needs refit: without it, rounds do no more than one")
        if y is not None:
            raise ValueError("y is for refit: pass refit=True, or no y")
        if name == "threshold" and X is not None:
            raise ValueError("X has no use with threshold unless refit=True: a threshold looks at the weights only")
    elif X is None or y is None:
        raise ValueError("refit needs X and y")
    if name == "max_change" and X is None:
        raise ValueError("max_change needs X: it bounds the change of predictions on these rows")
    return name, criteria[name]


def _check_outputs(groups: Any, n_outputs: int, refit: Any) -> None:
    if groups is None and refit is not False and n_outputs > 1:
        raise ValueError(
            f"refit of a model with {n_outputs} outputs fits whole features: pass groups='features', or groups"
        )


def _per_sample(criterion: str, n_samples: int, sample_weight: Any, offset: Any, refit: Any) -> dict[str, Array]:
    """Return sample weights and offset by name, those that are given."""
    if sample_weight is not None and refit is False:
        raise ValueError("sample_weight is for refit: pass refit=True, or no sample_weight")
    if offset is not None and refit is False and criterion != "max_change":
        raise ValueError("offset is for max_change and refit")
    values = {
        "sample_weight": check_sample_weight(sample_weight, n_samples),
        "offset": check_offset(offset, n_samples),
    }
    return {name: value for name, value in values.items() if value is not None}

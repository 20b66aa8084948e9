r"""Group penalties as users write them: groups of features, sparse groups, and rows across outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from sparsereg.penalties.base import Penalty
from sparsereg.penalties.blocks import BlockPenalty, Blocks
from sparsereg.penalties.columns import Terms, terms_of_columns
from sparsereg.penalties.grouping import Grouping, grouping_of
from sparsereg.penalties.separable import SeparablePenalty, check_share

__all__ = ["Group", "Rows", "SparseGroup"]

Array = np.ndarray


class _GroupSpec(Penalty):
    """Specs of the form ``alpha (norm sum_g k_g |w_g| + l1 |w|_1 + l2 |w|^2 / 2)``."""

    groups: Any
    weights: Any

    def _strengths(self) -> tuple[float, float, float]:
        """Return the strengths of norms, absolute values and squares per unit of alpha."""
        raise NotImplementedError

    def bind(
        self,
        alpha,
        n_features,
        *,
        feature_names=None,
        columns=None,
        factor=None,
        scale=None,
        lower=None,
        upper=None,
    ):
        """Return the `BlockPenalty` ``norm_g = alpha f_g k_g``; a penalty factor must be one number per group."""
        norm, l1, l2 = (float(alpha) * strength for strength in self._strengths())
        groups = np.arange(n_features) if self.groups is None else self.groups
        grouping = grouping_of(groups, n_features, feature_names, columns)
        terms = terms_of_columns(n_features, feature_names, columns, factor, scale, lower, upper)
        _check_signs(terms)
        m = len(grouping.order)
        of = np.empty(m, dtype=np.int64)
        of[grouping.order] = np.repeat(np.arange(len(grouping.sizes)), np.diff(grouping.starts))
        excluded = (terms.lower == 0.0) & (terms.upper == 0.0)
        k = _weights(self.weights, groups, grouping, lambda: grouping_of(groups, n_features, feature_names).names)
        norms = norm * k * _factor_of_groups(terms, of, excluded, grouping)
        # What no norm binds is a block of its own: solvers may then take it apart from its group.
        alone = excluded | (norms[of] == 0.0)
        labels = np.where(alone, len(norms) + np.arange(m), of)
        block = Blocks.of_labels(labels)
        first = labels[block.order[block.starts[:-1]]]
        return BlockPenalty(
            block,
            np.where(first < len(norms), norms[np.minimum(first, len(norms) - 1)], 0.0) if m else np.zeros(0),
            terms.scale,
            l1 * terms.factor * terms.scale,
            l2 * terms.factor * terms.scale**2,
            terms.lower,
            terms.upper,
        )


class Group(_GroupSpec):
    r"""Group lasso, ``Omega(w) = sum_g k_g |w_g|_2 + l2 |w|^2 / 2``: groups of features stand or fall together.

    Parameters
    ----------
    groups : array-like, list of lists, dict, "onehot" or None, default=None
        Labels of shape (n_features,); or lists of column numbers or of column names; or ``"onehot"``: the columns that
        one categorical feature became, read from the names that scikit-learn's encoders write. Columns in no list are
        groups of one; None: all are.
    weights : dict or array-like, default=None
        Weights ``k_g >= 0`` of the groups: in the order of the lists, or of the sorted labels; a dict by label (or
        number of the list) changes some. None: the square root of the group's size, columns without data included.
    l2 : float, default=0.0
        Strength of a ridge beside the norms, relative to them.

    Notes
    -----
    Under ``standardize`` the norm is that of the standardised weights. M. Yuan and Y. Lin, *Model selection and
    estimation in regression with grouped variables*, JRSS B 68 (2006), 49-67.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import Group
    >>> Group(["a", "a", "b"], weights=[1.0, 1.0]).bind(alpha=0.5, n_features=3).value(np.array([3.0, 4.0, -2.0]))
    3.5
    """

    def __init__(self, groups: Any = None, weights: Any = None, l2: float = 0.0):
        self.groups = groups
        self.weights = weights
        self.l2 = l2

    def _strengths(self) -> tuple[float, float, float]:
        check_share("l2", self.l2, np.inf)
        return 1.0, 0.0, float(self.l2)


class SparseGroup(_GroupSpec):
    r"""Sparse group lasso, ``Omega(w) = (1 - l1_ratio) sum_g k_g |w_g|_2 + l1_ratio |w|_1``.

    Few groups, and few features inside them.

    Parameters
    ----------
    groups : array-like, list of lists, dict, "onehot" or None, default=None
        As in `Group`.
    l1_ratio : float, default=0.5
        Share of the absolute values, in [0, 1]; 0 is `Group`, 1 is `L1`.
    weights : dict or array-like, default=None
        As in `Group`.

    Notes
    -----
    N. Simon, J. Friedman, T. Hastie and R. Tibshirani, *A sparse-group lasso*, JCGS 22 (2013), 231-245.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import SparseGroup
    >>> SparseGroup([[0, 1]], weights=[1.0]).bind(alpha=1.0, n_features=2).value(np.array([3.0, 4.0]))
    6.0
    """

    def __init__(self, groups: Any = None, l1_ratio: float = 0.5, weights: Any = None):
        self.groups = groups
        self.l1_ratio = l1_ratio
        self.weights = weights

    def _strengths(self) -> tuple[float, float, float]:
        check_share("l1_ratio", self.l1_ratio, 1.0)
        return 1.0 - float(self.l1_ratio), float(self.l1_ratio), 0.0


def _weights(weights: Any, groups: Any, grouping: Grouping, all_names: Callable[[], list]) -> Array:
    """Return the weight of each group that has data; `all_names` are those of the groups without data, too."""
    k = np.sqrt(grouping.sizes)
    if weights is None:
        return k
    if not isinstance(weights, Mapping):
        weights = _by_name(weights, groups)
    position = {name: g for g, name in enumerate(grouping.names)}
    absent = [name for name in weights if name not in position]
    unknown = sorted(set(absent).difference(all_names()), key=absent.index) if absent else []
    if unknown:
        raise ValueError(f"weights names groups that are not there: {unknown[:5]}")
    for name, weight in weights.items():
        check_share("weights", weight, np.inf)
        if name in position:
            k[position[name]] = weight
    return k


def _by_name(weights: Any, groups: Any) -> dict[Any, float]:
    """Return weights by the name of their group: number or key of the list, or label, sorted."""
    if isinstance(groups, str):
        raise ValueError(f"weights must be a dict by name where groups={groups!r}; got {type(weights).__name__}")
    first = next(iter(groups))
    names: list
    if isinstance(groups, Mapping):
        names = list(groups)
    elif isinstance(first, Collection) and not isinstance(first, str):
        names = list(range(len(groups)))
    else:
        names = np.unique(np.asarray(groups)).tolist()
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (len(names),):
        raise ValueError(f"weights must hold one number for each of the {len(names)} groups; got shape {values.shape}")
    return dict(zip(names, values.tolist(), strict=True))


def _factor_of_groups(terms: Terms, of: Array, excluded: Array, grouping: Grouping) -> Array:
    """Return the penalty factor of each group, that of its columns that are not excluded."""
    n = len(grouping.sizes)
    low, high = np.full(n, np.inf), np.zeros(n)
    np.minimum.at(low, of[~excluded], terms.factor[~excluded])
    np.maximum.at(high, of[~excluded], terms.factor[~excluded])
    if (low < high).any():
        g = int(np.flatnonzero(low < high)[0])
        raise ValueError(
            f"penalty_factor must be the same for all features of a group (inf excludes single ones); in the group "
            f"{grouping.names[g]!r} it lies between {low[g]} and {high[g]}"
        )
    return np.where(np.isfinite(low), low, 1.0)


def _check_signs(terms: Terms) -> None:
    for name, bound in (("lower", terms.lower), ("upper", terms.upper)):
        if not ((bound == 0.0) | np.isinf(bound)).all():
            raise ValueError(
                f"{name} must be 0 or infinite with a group penalty: with other bounds the step on a group has no "
                f"closed form; got {bound[np.isfinite(bound) & (bound != 0.0)][0]}"
            )


class RowsPenalty(SeparablePenalty):
    """`Rows` of one output, and of several."""

    def across(self, n_outputs: int, n_free: int = 0) -> BlockPenalty:
        """Return the penalty of `n_outputs` copies of the columns, one after the other: a block per column."""
        m = len(self.l1)
        _check_signs(Terms(self.l1, self.l2, self.lower, self.upper))
        alone = self.excluded | (self.l1 == 0.0)
        number = m + np.arange(n_outputs * m + n_free)
        labels = np.where(np.tile(alone, n_outputs), number[: n_outputs * m], np.tile(np.arange(m), n_outputs))
        block = Blocks.of_labels(np.concatenate([labels, number[n_outputs * m :]]))
        first = block.order[block.starts[:-1]]
        costs = super().across(n_outputs, n_free).kernel_arguments()
        assert costs is not None
        l1, l2, lower, upper, _ = costs
        return BlockPenalty(block, l1[first], np.ones_like(l1), np.zeros_like(l1), l2, lower, upper)


class Rows(Penalty):
    r"""Rows across outputs, ``Omega(W) = l1_ratio sum_j |W_j|_2 + (1 - l1_ratio) |W|^2 / 2``.

    ``W_j`` holds the weights of feature ``j`` for all outputs (tasks, classes): a feature is used by all or by none.
    With one output it is `ElasticNet`.

    Parameters
    ----------
    l1_ratio : float, default=1.0
        Share of the norms, in [0, 1].

    Notes
    -----
    G. Obozinski, B. Taskar and M. Jordan, *Joint covariate selection and joint subspace selection for multiple
    classification problems*, Statistics and Computing 20 (2010), 231-252.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties import Rows
    >>> bound = Rows().bind(alpha=1.0, n_features=2).across(2)
    >>> bound.value(np.array([3.0, 0.0, 4.0, 1.0]))
    6.0
    """

    joint = True

    def __init__(self, l1_ratio: float = 1.0):
        self.l1_ratio = l1_ratio

    def bind(
        self,
        alpha,
        n_features,
        *,
        feature_names=None,
        columns=None,
        factor=None,
        scale=None,
        lower=None,
        upper=None,
    ):
        """Return the `RowsPenalty`: ``l1_j = alpha l1_ratio f_j sd_j``, ``l2_j = alpha (1 - l1_ratio) f_j sd_j^2``."""
        check_share("l1_ratio", self.l1_ratio, 1.0)
        terms = terms_of_columns(n_features, feature_names, columns, factor, scale, lower, upper)
        strength = float(alpha) * terms.factor * terms.scale
        l1, l2 = self.l1_ratio * strength, (1.0 - self.l1_ratio) * strength * terms.scale
        return RowsPenalty.of(l1, l2, terms.lower, terms.upper)

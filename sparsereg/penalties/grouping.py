"""Which features form a group: what users say, checked, and cut to the columns that hold data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sparsereg.penalties.membership import Membership, membership_of, name_of

__all__ = ["Grouping", "grouping_of", "whole_groups"]

Array = np.ndarray


class Grouping(NamedTuple):
    """The groups of the occupied columns; every column is in exactly one.

    Groups come in the order of their first occupied column: ``order[starts[:-1]]`` ascends.
    """

    order: Array
    """(m,) int64: positions 0..m-1 of the occupied columns, group by group, ascending inside each."""
    starts: Array
    """(G + 1,) int64: group g is ``order[starts[g]:starts[g + 1]]``."""
    sizes: Array
    """(G,) float64: true sizes. Columns without data count: weights must not depend on which columns are empty."""
    names: list
    """G labels as the user gave them; the number of a list; the name of a feature that stands alone (``x7``)."""


def grouping_of(
    groups: Any, n_features: int, feature_names: Sequence[str] | None = None, columns: Array | None = None
) -> Grouping:
    """Return the groups of the occupied columns.

    Parameters
    ----------
    groups : array-like, list of lists, dict or "onehot"
        - Labels of shape (n_features,): integers or strings in any order, a group need not be contiguous.
        - Lists of indices, or of feature names, each at most once. Features in no list are groups of one.
        - A dict of such lists; its keys are the labels.
        - ``"onehot"``: the columns of each categorical feature, read from the names that a fitted ``OneHotEncoder``
          or ``ColumnTransformer`` wrote. `sparsereg.penalties.onehot_names` has the rule, and what names cannot tell.
    n_features : int
        True number of features.
    feature_names : sequence of str of length n_features, default=None
        Needed for lists of names and ``"onehot"``.
    columns : ndarray of int64 of shape (m,), default=None
        The columns that hold data, ascending; None means all. Groups without any do not appear.

    Returns
    -------
    Grouping

    Raises
    ------
    TypeError, ValueError
        If `groups` is none of these, of another length, empty, or names a feature twice or one that is not there.

    Notes
    -----
    The work is O(k log k) in the k listed and occupied columns; only labels, and names, are as long as n_features.

    Examples
    --------
    >>> from sparsereg.penalties.grouping import grouping_of
    >>> grouping_of(["size", "place", "size"], n_features=3)
    Grouping(order=array([0, 2, 1]), starts=array([0, 2, 3]), sizes=array([2., 1.]), names=['size', 'place'])
    >>> grouping_of([[0, 2]], n_features=4).names
    [0, 'x1', 'x3']
    """
    return _grouping(membership_of(groups, n_features, feature_names), n_features, feature_names, columns)


def whole_groups(
    groups: Any, n_features: int, feature_names: Sequence[str] | None, features: Array
) -> tuple[Array, Grouping]:
    """Return all features of the groups that hold one of `features`, and how they are grouped.

    Parameters
    ----------
    groups, n_features, feature_names
        As in `grouping_of`.
    features : ndarray of int64
        Features, ascending.

    Returns
    -------
    columns : ndarray of int64 of shape (m,)
        Those features and the others of their groups, ascending.
    grouping : Grouping
        The groups of `columns`, each complete.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.penalties.grouping import whole_groups
    >>> columns, grouping = whole_groups([[1, 5], [2, 7]], 10, None, features=np.array([3, 5]))
    >>> columns, grouping.names
    (array([1, 3, 5]), [0, 'x3'])
    """
    member = membership_of(groups, n_features, feature_names)
    if member.features is None:
        columns = np.flatnonzero(np.isin(member.group, member.group[features]))
    else:
        touched = member.group[np.isin(member.features, features)]
        columns = np.union1d(features, member.features[np.isin(member.group, touched)])
    return columns, _grouping(member, n_features, feature_names, columns)


def _grouping(member: Membership, n_features: int, names: Sequence[str] | None, columns: Array | None) -> Grouping:
    """Sort the columns by group, the groups by their first column."""
    number = _numbers(member, n_features, columns)
    group, first, inverse, counts = np.unique(number, return_index=True, return_inverse=True, return_counts=True)
    by_first = np.argsort(first)
    rank = np.empty_like(by_first)
    rank[by_first] = np.arange(len(by_first))
    order = np.argsort(rank[inverse], kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts[by_first])])
    group, first = group[by_first], first[by_first]
    listed = group < len(member.labels)
    sizes = np.ones(len(group))
    sizes[listed] = np.bincount(member.group)[group[listed]]
    alone = first if columns is None else columns[first]
    names_of_groups = [
        member.labels[g] if is_listed else name_of(j, names)
        for g, is_listed, j in zip(group.tolist(), listed.tolist(), alone.tolist(), strict=True)
    ]
    return Grouping(order.astype(np.int64), starts.astype(np.int64), sizes, names_of_groups)


def _numbers(member: Membership, n_features: int, columns: Array | None) -> Array:
    """Return the number of the group of each column; those from L on are groups of one."""
    if member.features is None:
        return member.group if columns is None else member.group[columns]
    number = len(member.labels) + np.arange(n_features if columns is None else len(columns))
    if columns is None:
        number[member.features] = member.group
    else:
        occupied = np.isin(member.features, columns)
        number[np.searchsorted(columns, member.features[occupied])] = member.group[occupied]
    return number

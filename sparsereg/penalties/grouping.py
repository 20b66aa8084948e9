"""Which features form a group: what users say, checked, and cut to the columns that hold data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from sparsereg.penalties.onehot_names import features_of_names

__all__ = ["Grouping", "grouping_of"]

Array = np.ndarray

_ALLOWED = (
    "labels of shape (n_features,) (integers or strings), lists of indices, lists of feature names, a dict of such "
    'lists by label, or "onehot"'
)


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


class _Groups(NamedTuple):
    """Group of each occupied column, and sizes and labels of groups 0..L-1; a number >= L is a group of one."""

    group: Array
    sizes: Array
    labels: Sequence[Any]


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
    if isinstance(groups, str):
        found = _from_onehot(groups, n_features, feature_names, columns)
    elif isinstance(groups, Mapping):
        found = _from_lists(list(groups), list(groups.values()), n_features, feature_names, columns)
    else:
        elements = _elements(groups)
        if _are_lists(elements):
            found = _from_lists(range(len(elements)), elements, n_features, feature_names, columns)
        else:
            found = _from_labels(elements, n_features, columns)
    return _in_order(found, feature_names, columns)


def _elements(groups: Any) -> Any:
    """Return what `groups` holds: an array of plain values, or a list."""
    if isinstance(groups, list | tuple):
        elements: Any = groups
    else:
        elements = np.asarray(groups)
        if elements.ndim == 0:
            raise TypeError(f"groups must be {_ALLOWED}; got {groups!r} of type {type(groups).__name__}")
        if elements.ndim > 1:
            raise ValueError(f"groups as an array must hold one label per feature; got shape {elements.shape}")
        if elements.dtype.kind == "O":
            elements = elements.tolist()
    if len(elements) == 0:
        raise ValueError(f"groups is empty; it must be {_ALLOWED}")
    return elements


def _are_lists(elements: Any) -> bool:
    if isinstance(elements, np.ndarray):
        return False
    lists = [_is_list(element) for element in elements]
    if any(lists) and not all(lists):
        odd = elements[lists.index(not lists[0])]
        raise TypeError(f"groups must be labels or lists, not both; got {elements[0]!r} and {odd!r}")
    return lists[0]


def _is_list(element: Any) -> bool:
    if isinstance(element, np.ndarray):
        return element.ndim > 0
    return isinstance(element, Collection) and not isinstance(element, str | bytes | Mapping)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return "integer"
    return "other"


def _only_kind(values: Collection[Any], what: str) -> str:
    """Return whether all values are integers or all are strings; refuse the rest by name."""
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1 or "other" in kinds:
        odd = [value for value in values if _kind(value) == "other"]
        got = f"{odd[0]!r} of type {type(odd[0]).__name__}" if odd else "both"
        raise TypeError(f"groups must {what}, all integers or all strings; got {got}")
    return kinds.pop()


# --- Labels


def _from_labels(labels: Any, n_features: int, columns: Array | None) -> _Groups:
    is_array = isinstance(labels, np.ndarray)
    if is_array and labels.dtype.kind not in "iuU":
        raise TypeError(
            f"groups must hold labels, all integers or all strings; got an array of {labels.dtype}: convert it "
            "(np.unique(labels, return_inverse=True)[1] numbers labels of any kind)"
        )
    if not is_array:
        _only_kind(labels, "hold labels")
    if len(labels) != n_features:
        hint = ". To list the features of a group, give a list of lists" if len(labels) < n_features else ""
        raise ValueError(f"groups must hold {n_features} labels, one per feature; got {len(labels)}{hint}")
    if is_array:
        unique, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        return _Groups(_cut(group, columns), sizes, unique.tolist())
    number: dict[Any, int] = {}
    group = np.array([number.setdefault(label, len(number)) for label in labels])
    return _Groups(_cut(group, columns), np.bincount(group), list(number))


# --- Lists of indices or names


def _from_lists(
    labels: Sequence[Any], lists: Sequence[Any], n_features: int, names: Sequence[str] | None, columns: Array | None
) -> _Groups:
    lists = [_members(label, members) for label, members in zip(labels, lists, strict=True)]
    if not lists:
        raise ValueError(f"groups is empty; it must be {_ALLOWED}")
    members = list(chain.from_iterable(lists))
    if _only_kind(members, "list features by index or by name") == "string":
        members = _positions(members, n_features, names)
    features = _distinct(members, n_features, names)
    sizes = np.array([len(group) for group in lists])
    owner = np.repeat(np.arange(len(lists)), sizes)
    m = n_features if columns is None else len(columns)
    group = len(lists) + np.arange(m)  # alone, until a list says otherwise
    if columns is not None:
        place = np.searchsorted(columns, features)
        occupied = np.isin(features, columns)
        features, owner = place[occupied], owner[occupied]
    group[features] = owner
    return _Groups(group, sizes, labels)


def _members(label: Any, members: Any) -> list:
    """Return the features of one list."""
    if not _is_list(members):
        raise TypeError(f"groups must give a list of features for each label; got {members!r} for {label!r}")
    members = members.tolist() if isinstance(members, np.ndarray) else list(members)
    if not members:
        raise ValueError(f"groups must not have empty lists; that of {label!r} is: leave it out")
    return members


def _positions(members: list[str], n_features: int, names: Sequence[str] | None) -> list[int]:
    """Return the indices of features given by name."""
    if names is None:
        raise ValueError("groups by feature name need X with feature names (a data frame); give indices instead")
    position = {name: j for j, name in enumerate(names)}
    unknown = [name for name in dict.fromkeys(members) if name not in position]
    if unknown:
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        raise ValueError(f"groups names features that X does not have: {unknown[:10]}{more}")
    if len(position) < n_features:
        times = Counter(names)
        doubled = [name for name in members if times[name] > 1]
        if doubled:
            raise ValueError(f"groups names {doubled[0]!r}, as several columns of X are called; give indices instead")
    return [position[name] for name in members]


def _distinct(members: list[int], n_features: int, names: Sequence[str] | None) -> Array:
    """Return the features as an array, each in range and there once."""
    low, high = min(members), max(members)
    if low < 0 or high >= n_features:
        wrong = low if low < 0 else high
        raise ValueError(f"groups must list indices from 0 to {n_features - 1}; got {wrong}")
    features = np.array(members, dtype=np.int64)
    values, counts = np.unique(features, return_counts=True)
    if len(values) < len(features):
        twice = int(values[counts > 1][0])
        raise ValueError(f"groups must list a feature once; {_name(twice, names)!r} is there more often")
    return features


# --- Names of one-hot columns


def _from_onehot(groups: str, n_features: int, names: Sequence[str] | None, columns: Array | None) -> _Groups:
    if groups != "onehot":
        raise ValueError(f"groups must be {_ALLOWED}; got the string {groups!r}")
    if names is None:
        raise ValueError(
            'groups="onehot" needs feature names: X must be a data frame. For the output of a transformer, ask for one '
            'with transformer.set_output(transform="pandas") and OneHotEncoder(sparse_output=False), or give labels'
        )
    sizes, labels = features_of_names(names)
    return _Groups(_cut(np.repeat(np.arange(len(sizes)), sizes), columns), np.array(sizes), labels)


# --- All of them


def _cut(group: Array, columns: Array | None) -> Array:
    return group if columns is None else group[columns]


def _in_order(found: _Groups, names: Sequence[str] | None, columns: Array | None) -> Grouping:
    """Sort the columns by group, the groups by their first column."""
    group, first, inverse, counts = np.unique(found.group, return_index=True, return_inverse=True, return_counts=True)
    by_first = np.argsort(first)
    rank = np.empty_like(by_first)
    rank[by_first] = np.arange(len(by_first))
    order = np.argsort(rank[inverse], kind="stable")
    group, first = group[by_first], first[by_first]
    listed = group < len(found.sizes)
    sizes = np.ones(len(group))
    sizes[listed] = found.sizes[group[listed]]
    alone = first if columns is None else columns[first]
    labels = [
        found.labels[g] if is_listed else _name(j, names)
        for g, is_listed, j in zip(group.tolist(), listed.tolist(), alone.tolist(), strict=True)
    ]
    starts = np.concatenate([[0], np.cumsum(counts[by_first])])
    return Grouping(order.astype(np.int64), starts.astype(np.int64), sizes, labels)


def _name(feature: int, names: Sequence[str] | None) -> str:
    return f"x{feature}" if names is None else str(names[feature])

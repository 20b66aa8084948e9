"""What users say about groups, checked: labels, lists of indices or names, dicts of lists, names of one-hot columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from sparsereg.penalties.onehot_names import features_of_names

__all__ = ["Membership", "membership_of", "name_of"]

Array = np.ndarray

_ALLOWED = (
    "labels of shape (n_features,) (integers or strings), lists of indices, lists of feature names, a dict of such "
    'lists by label, or "onehot"'
)


class Membership(NamedTuple):
    """Features that are in groups 0..L-1; every other feature is a group of one."""

    features: Array | None
    """Features, in any order; None: all, in their order."""
    group: Array
    """The group of each of them."""
    labels: Sequence[Any]
    """L labels: as the user gave them; the number of a list."""


def membership_of(groups: Any, n_features: int, feature_names: Sequence[str] | None) -> Membership:
    """Return which features are in which group; the arguments are those of `grouping_of`."""
    if isinstance(groups, str):
        return _from_onehot(groups, feature_names)
    if isinstance(groups, Mapping):
        return _from_lists(list(groups), list(groups.values()), n_features, feature_names)
    elements = _elements(groups)
    if _are_lists(elements):
        return _from_lists(range(len(elements)), elements, n_features, feature_names)
    return _from_labels(elements, n_features)


def name_of(feature: int, names: Sequence[str] | None) -> str:
    """Return the name of a feature, ``x7`` if it has none."""
    return f"x{feature}" if names is None else str(names[feature])


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


def _from_labels(labels: Any, n_features: int) -> Membership:
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
        unique, group = np.unique(labels, return_inverse=True)
        return Membership(None, group, unique.tolist())
    number: dict[Any, int] = {}
    group = np.array([number.setdefault(label, len(number)) for label in labels])
    return Membership(None, group, list(number))


# --- Lists of indices or names


def _from_lists(
    labels: Sequence[Any], lists: Sequence[Any], n_features: int, names: Sequence[str] | None
) -> Membership:
    lists = [_members(label, members) for label, members in zip(labels, lists, strict=True)]
    if not lists:
        raise ValueError(f"groups is empty; it must be {_ALLOWED}")
    members = list(chain.from_iterable(lists))
    if _only_kind(members, "list features by index or by name") == "string":
        members = _positions(members, n_features, names)
    features = _distinct(members, n_features, names)
    return Membership(features, np.repeat(np.arange(len(lists)), [len(group) for group in lists]), labels)


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
        raise ValueError(f"groups must list a feature once; {name_of(twice, names)!r} is there more often")
    return features


# --- Names of one-hot columns


def _from_onehot(groups: str, names: Sequence[str] | None) -> Membership:
    if groups != "onehot":
        raise ValueError(f"groups must be {_ALLOWED}; got the string {groups!r}")
    if names is None:
        raise ValueError(
            'groups="onehot" needs feature names: X must be a data frame. For the output of a transformer, ask for one '
            'with transformer.set_output(transform="pandas") and OneHotEncoder(sparse_output=False), or give labels'
        )
    sizes, labels = features_of_names(names)
    return Membership(None, np.repeat(np.arange(len(sizes)), sizes), labels)

"""Groups of features: however they are said, the same groups; cut to the occupied columns; bad ones refused by name."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sparsereg.penalties.grouping import grouping_of

NAMES = list("abcdef")
LABELS = ["u", "v", "u", "w", "v", "u"]


def as_dict(grouping):
    """Label to the positions, and the true size."""
    starts = grouping.starts.tolist()
    parts = [grouping.order[start:end].tolist() for start, end in zip(starts[:-1], starts[1:], strict=True)]
    return {name: (part, size) for name, part, size in zip(grouping.names, parts, grouping.sizes, strict=True)}


# --- The same groups, said in different ways


def test_groups_come_in_the_order_of_their_first_column():
    grouping = grouping_of(["b", "a", "b", "c", "a"], 5)
    assert grouping.order.tolist() == [0, 2, 1, 4, 3]
    assert grouping.starts.tolist() == [0, 2, 4, 5]
    assert grouping.sizes.tolist() == [2, 2, 1]
    assert grouping.names == ["b", "a", "c"]
    assert (grouping.order.dtype, grouping.starts.dtype, grouping.sizes.dtype) == (np.int64, np.int64, np.float64)


NUMBERS = [7, -2, 7, 100, -2, 7]
SAID = {
    "list of strings": LABELS,
    "tuple": tuple(LABELS),
    "array of strings": np.array(LABELS),
    "array of objects": np.array(LABELS, dtype=object),
    "numpy strings": [np.str_(label) for label in LABELS],
    "series": pd.Series(LABELS, index=range(6, 0, -1)),
    "string series": pd.Series(LABELS, dtype="string"),
    "index": pd.Index(LABELS),
    "categorical": pd.Categorical(LABELS),
    "polars": pl.Series(LABELS),
    "integers": NUMBERS,
    "array of integers": np.array(NUMBERS, dtype=np.int8),
    "unsigned": np.array([7, 0, 7, 100, 0, 7], dtype=np.uint64),
    "nullable integers": pd.Series(NUMBERS, dtype="Int64"),
    "numpy integers": [np.int32(number) for number in NUMBERS],
    "larger than int64": [2**70, 0, 2**70, -(2**70), 0, 2**70],
    "indices": [[5, 0, 2], [4, 1]],
    "indices, all": [[3], [0, 2, 5], [1, 4]],
    "arrays of indices": [np.array([0, 2, 5]), range(1, 5, 3)],
    "sets of indices": [{0, 2, 5}, (1, 4)],
    "array of lists": np.array([[0, 2, 5], [1, 4]], dtype=object),
    "names": [["a", "f", "c"], ["b", "e"]],
    "indices of names": [pd.Index(["a", "c", "f"]), np.array(["b", "e"])],
    "dict of names": {"u": ["a", "c", "f"], "v": ["b", "e"]},
    "dict of indices": {"u": [0, 2, 5], 3: [1, 4]},
}


@pytest.mark.parametrize("groups", SAID.values(), ids=SAID)
def test_however_they_are_said(groups):
    grouping = grouping_of(groups, 6, NAMES)
    expected = grouping_of(LABELS, 6)
    for got, wanted in zip(grouping[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_labels_are_those_of_the_user():
    assert grouping_of(LABELS, 6).names == ["u", "v", "w"]
    assert grouping_of(np.array(LABELS), 6).names == ["u", "v", "w"]
    assert grouping_of(np.array(NUMBERS), 6).names == NUMBERS[:2] + [100]
    assert grouping_of([[4, 1], [2, 5]], 6).names == ["x0", 0, 1, "x3"]
    assert grouping_of([["e", "b"], ["c", "f"]], 6, NAMES).names == ["a", 0, 1, "d"]
    assert grouping_of({"place": ["e", "b"], "size": ["c"]}, 6, NAMES).names == ["a", "place", "size", "d", "f"]


def test_one_group_of_all_and_a_group_per_feature():
    whole = grouping_of(np.zeros(4, dtype=int), 4)
    assert (whole.order.tolist(), whole.starts.tolist(), whole.sizes.tolist()) == ([0, 1, 2, 3], [0, 4], [4])
    each = grouping_of([3, 2, 1, 0], 4)
    assert (each.order.tolist(), each.starts.tolist(), each.sizes.tolist()) == ([0, 1, 2, 3], [0, 1, 2, 3, 4], [1] * 4)


# --- Occupied columns


def test_columns_without_data_count_in_the_size_and_nowhere_else():
    grouping = grouping_of(LABELS, 6, columns=np.array([2, 4, 5]))
    assert as_dict(grouping) == {"u": ([0, 2], 3), "v": ([1], 2)}
    assert as_dict(grouping_of([[0, 1], [3, 4]], 6, columns=np.array([1, 2, 5]))) == {
        0: ([0], 2),
        "x2": ([1], 1),
        "x5": ([2], 1),
    }


@pytest.mark.parametrize("groups", [LABELS, [[0, 2], [1, 5]], {"a": ["c", "a"]}, [["f"]]])
def test_no_column_holds_data(groups):
    grouping = grouping_of(groups, 6, NAMES, columns=np.array([], dtype=np.int64))
    assert [len(part) for part in grouping] == [0, 1, 0, 0]
    assert grouping.starts.tolist() == [0]


@pytest.mark.parametrize("seed", range(30))
def test_against_the_definition(seed):
    rng = np.random.default_rng(seed)
    n_features = int(rng.integers(1, 40))
    labels = rng.integers(rng.integers(1, 20), size=n_features)
    columns = np.flatnonzero(rng.random(n_features) < rng.random())
    expected = {}
    for position, column in enumerate(columns):
        members, _ = expected.setdefault(labels[column], ([], np.count_nonzero(labels == labels[column])))
        members.append(position)
    grouping = grouping_of(labels, n_features, columns=columns)
    assert as_dict(grouping) == expected
    assert grouping.names == list(expected)
    listed = [rng.permutation(np.flatnonzero(labels == label)) for label in rng.permutation(np.unique(labels))]
    alone = rng.random(len(listed)) < 0.3  # groups of one need not be listed
    listed = [group for group, skip in zip(listed, alone, strict=True) if not (skip and len(group) == 1)]
    if listed:
        for got, wanted in zip(grouping_of(listed, n_features, columns=columns)[:3], grouping[:3], strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_lists_over_very_many_features_cost_what_is_listed_and_occupied():
    n_features = 10**12
    columns = np.array([3, 5, 10**9, n_features - 1])
    tracemalloc.start()
    grouping = grouping_of([range(4, 10), [n_features - 1, 3], [77]], n_features, columns=columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert as_dict(grouping) == {1: ([0, 3], 2), 0: ([1], 6), "x1000000000": ([2], 1)}
    assert peak < 100_000


# --- What is refused

REFUSED = {
    "nothing": (None, TypeError, "got None"),
    "a number": (3, TypeError, "got 3 of type int"),
    "a set": ({0, 1}, TypeError, "of type set"),
    "a generator": ((j for j in [1]), TypeError, "generator"),
    "empty": ([], ValueError, "is empty"),
    "an empty array": (np.array([], dtype=int), ValueError, "is empty"),
    "an empty dict": ({}, ValueError, "is empty"),
    "an empty list in it": ([[0], []], ValueError, "empty lists; that of 1"),
    "an empty list in a dict": ({"size": []}, ValueError, "empty lists; that of 'size'"),
    "too few labels": ([0, 1], ValueError, "6 labels, one per feature; got 2. To list"),
    "too many labels": (np.zeros(7, dtype=int), ValueError, "6 labels, one per feature; got 7$"),
    "names instead of a list of names": (["a", "b"], ValueError, "give a list of lists"),
    "floats": ([0.0] * 6, TypeError, "got 0.0 of type float"),
    "an array of floats": (np.zeros(6), TypeError, "array of float64: convert"),
    "NaN": ([0, 1, 2, 3, 4, np.nan], TypeError, "got nan of type float"),
    "NaN among strings": (np.array(["a", np.nan] * 3, dtype=object), TypeError, "got nan"),
    "missing strings": (pd.Series(["a", None] * 3), TypeError, "all integers or all strings; got "),
    "missing integers": (pd.Series([1, None] * 3, dtype="Int64"), TypeError, "all integers or all strings; got "),
    "None": ([None] * 6, TypeError, "got None of type NoneType"),
    "bools": ([True] * 6, TypeError, "got True of type bool"),
    "an array of bools": (np.ones(6, dtype=bool), TypeError, "array of bool"),
    "bytes": ([b"a"] * 6, TypeError, "of type bytes"),
    "both kinds of label": (["a", 1] * 3, TypeError, "got both"),
    "a column": (np.zeros((6, 1), dtype=int), ValueError, r"got shape \(6, 1\)"),
    "a frame": (pd.DataFrame({"group": range(6)}), ValueError, r"got shape \(6, 1\)"),
    "labels and lists": ([[0, 1], 2], TypeError, r"not both; got \[0, 1\] and 2"),
    "lists and labels": ([2, [0, 1]], TypeError, r"not both; got 2 and \[0, 1\]"),
    "a dict of labels": ({"a": 1}, TypeError, "list of features for each label; got 1 for 'a'"),
    "a dict of strings": ({"a": "size"}, TypeError, "got 'size' for 'a'"),
    "a dict in a list": ([{0: 1}] * 6, TypeError, "of type dict"),
    "lists in lists": ([[[0], [1, 2]]], TypeError, r"got \[0\] of type list"),
    "an array of two axes in a list": ([np.eye(2, dtype=int)], TypeError, "of type list"),
    "arrays without axes": ([np.array(1)] * 6, TypeError, "of type ndarray"),
    "a negative index": ([[0, -1]], ValueError, "from 0 to 5; got -1"),
    "an index too far": ([[0], [6]], ValueError, "from 0 to 5; got 6"),
    "an index much too far": ([[2**70]], ValueError, "from 0 to 5; got 1180591620717411303424"),
    "an index twice in a list": ([[1, 2, 1]], ValueError, "feature once; 'b'"),
    "an index in two lists": ([[1, 2], [0, 2]], ValueError, "feature once; 'c'"),
    "a name in two lists": ([["a"], ["b", "a"]], ValueError, "feature once; 'a'"),
    "floats as indices": ([[0.0, 1.0]], TypeError, "by index or by name.*got 0.0"),
    "a mask": ([[True, False]], TypeError, "got True of type bool"),
    "indices and names": ([[0], ["a"]], TypeError, "by index or by name.*got both"),
    "unknown names": ([["a", "q"], ["r", "q"]], ValueError, r"X does not have: \['q', 'r'\]$"),
    "many unknown names": ([[f"q{j}" for j in range(12)]], ValueError, "'q9'] and 2 more"),
    "another word": ("one-hot", ValueError, "got the string 'one-hot'"),
}


@pytest.mark.parametrize(("groups", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(groups, error, message):
    with pytest.raises(error, match=f"^groups.*{message}"):
        grouping_of(groups, 6, NAMES)


@pytest.mark.parametrize("groups", [[["a"]], {"g": ["a", "b"]}, "onehot"])
def test_names_need_names(groups):
    with pytest.raises(ValueError, match="groups.*data frame.*; give|groups.*data frame.*or give"):
        grouping_of(groups, 6)


def test_a_name_of_several_columns():
    names = ["a", "b", "a", "c"]
    assert grouping_of([["b", "c"]], 4, names).order.tolist() == [0, 1, 3, 2]
    with pytest.raises(ValueError, match="groups names 'a', as several columns"):
        grouping_of([["b", "a"]], 4, names)


def test_anything_raises_or_partitions():
    """Random nonsense: a TypeError or a ValueError that names the argument, or a partition of the columns."""
    rng = np.random.default_rng(0)
    pieces = [0, 1, 5, 6, -1, 2.0, np.nan, None, True, "a", "f", "q", "", b"a", [], [0], ["a"], (1, 2), {3}, {"a": [1]}]
    pieces += [np.array(2), np.arange(3), np.eye(2), range(2, 4), 10**30, slice(3), 1j, {}, [[1]], np.int8(4)]
    partitions, complaints = 0, set()
    for _ in range(3000):
        chosen = [pieces[k] for k in rng.integers(len(pieces), size=rng.integers(1, 7))]
        if rng.random() < 0.5:  # of one kind, or nothing but mixtures would be tried
            kind = type(chosen[0])
            chosen = [piece for piece in chosen if type(piece) is kind]
        groups = dict(enumerate(chosen)) if rng.random() < 0.2 else chosen
        columns = None if rng.random() < 0.5 else np.flatnonzero(rng.random(6) < 0.5)
        try:
            grouping = grouping_of(groups, 6, NAMES, columns)
        except (TypeError, ValueError) as error:
            complaints.add(str(error)[:6])
            continue
        partitions += 1
        m = 6 if columns is None else len(columns)
        assert sorted(grouping.order) == list(range(m))
        assert grouping.starts[0] == 0
        assert grouping.starts[-1] == m
        assert (np.diff(grouping.starts) > 0).all()
        assert (np.diff(grouping.starts) <= grouping.sizes).all()
        assert (np.diff(grouping.order[grouping.starts[:-1]]) > 0).all()
    assert partitions > 100
    assert complaints == {"groups"}

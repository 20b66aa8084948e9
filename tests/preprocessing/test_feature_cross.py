"""FeatureCross: buckets against scikit-learn's, crosses as products, numbers of columns by mixed radix."""

import itertools
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsereg.preprocessing import FeatureCross

CHECKED = [
    FeatureCross([(0,)], quantiles={0: 4}),
    FeatureCross([(0,)], missing="bucket"),
    FeatureCross([(0,)], width={0: 0.5}, missing="error", main_effects=False),
]


@parametrize_with_checks(CHECKED)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def block(cross, Z, *columns, level=0):
    """The dense block of a cross."""
    (found,) = (b for b in cross.blocks_ if b.columns == columns and max(b.levels) == level)
    return Z[:, found.start : found.stop].toarray()


def products(*blocks):
    """The row-wise Kronecker product: what a cross is by definition."""
    rows = [[math.prod(parts) for parts in itertools.product(*row)] for row in zip(*blocks, strict=True)]
    return np.array(rows)


def table(n=60, seed=0):
    """Numbers, small integers and text, with values missing in each."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "latitude": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(-3, 3, n)),
            "rooms": rng.integers(1, 5, n).astype(float),
            "kind": rng.choice(["flat", "house", "boat"], n),
        }
    )
    frame.loc[[3, 7], "rooms"] = np.nan
    frame.loc[[3, 9], "kind"] = None
    return frame


def polar(frame):
    """The same as a polars frame, with nulls."""
    return pl.DataFrame(frame.astype(object).where(frame.notna(), None).to_dict("list"), strict=False)


# --- What a cross is


@pytest.mark.parametrize("missing", ["ignore", "bucket"])
@pytest.mark.parametrize("outside", ["clip", "ignore"])
def test_a_cross_is_the_product_of_its_main_effects(outside, missing):
    frame, columns = table(), ("latitude", "rooms", "kind")
    cross = FeatureCross(
        [columns[:2], columns], width={"latitude": 1.0}, edges={"rooms": [1, 2, 4]}, outside=outside, missing=missing
    ).fit(frame[:30])
    Z = cross.transform(frame)
    single = [block(cross, Z, column) for column in columns]
    assert all(part.sum() > 20 for part in single)
    np.testing.assert_array_equal(block(cross, Z, *columns[:2]), products(*single[:2]))
    np.testing.assert_array_equal(block(cross, Z, *columns), products(*single))
    assert [b.columns for b in cross.blocks_] == [(c,) for c in columns] + [columns[:2], columns]
    assert [b.start for b in cross.blocks_] == [0, *np.cumsum([math.prod(b.shape) for b in cross.blocks_])[:-1]]
    assert Z.shape == (60, cross.n_features_out_) == (60, cross.blocks_[-1].stop)


def test_no_main_effects():
    frame = table()
    options = {"width": {"latitude": 1.0}, "missing": "bucket"}
    both = FeatureCross([("latitude", "kind")], **options).fit_transform(frame)
    alone = FeatureCross([("latitude", "kind")], main_effects=False, **options).fit(frame)
    assert [b.columns for b in alone.blocks_] == [("latitude", "kind")]
    np.testing.assert_array_equal(alone.transform(frame).toarray(), both[:, -alone.n_features_out_ :].toarray())
    chosen = FeatureCross([("kind",), ("latitude", "kind")], main_effects=False, **options).fit(frame)
    assert [b.columns for b in chosen.blocks_] == [("kind",), ("latitude", "kind")]
    same = FeatureCross([("kind",), ("latitude", "kind")], **options).fit(frame)  # a tuple of one is a main effect
    assert [b.columns for b in same.blocks_] == [("kind",), ("latitude",), ("latitude", "kind")]


def test_rows_have_one_in_each_block():
    X = np.random.default_rng(0).normal(size=(50, 4))
    cross = FeatureCross([(0, 1), (1, 2, 3)], quantiles={0: 3, 1: 4, 2: 2, 3: 5}).fit(X)
    Z = cross.transform(X)
    assert Z.has_canonical_format
    copy = Z.copy()
    copy.has_canonical_format = copy.has_sorted_indices = False
    copy.sum_duplicates()
    np.testing.assert_array_equal(copy.indices, Z.indices)
    np.testing.assert_array_equal(np.diff(Z.indptr), 6)
    for part in cross.blocks_:
        np.testing.assert_array_equal(Z[:, part.start : part.stop].sum(axis=1), 1)


# --- Buckets


def test_buckets_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=500), rng.exponential(size=500), rng.integers(5, size=500)])
    new = rng.normal(size=(200, 3)) + [0, 1, 0]
    new[:, 2] = rng.integers(7, size=200)
    cross = FeatureCross([(0,), (1,), (2,)], quantiles={0: 7, 1: 4}).fit(X)
    linear = {"quantile_method": "linear"} if "quantile_method" in KBinsDiscretizer().get_params() else {}
    for column, n_bins in ((0, 7), (1, 4)):
        bins = KBinsDiscretizer(n_bins, encode="onehot-dense", **linear).fit(X[:, [column]])
        expected = bins.transform(new[:, [column]])
        np.testing.assert_array_equal(block(cross, cross.transform(new), column), expected)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(X[:, [2]])
    np.testing.assert_array_equal(block(cross, cross.transform(new), 2), encoder.transform(new[:, [2]]))


def test_edges_are_those_of_digitize_and_histogram():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-2, 6, 300), [0.0, 1.0, 2.5, 5.0]])
    edges = [0.0, 1.0, 2.5, 5.0]
    Z = FeatureCross([(0,)], edges={0: edges}, outside="ignore").fit_transform(x[:, None])
    np.testing.assert_array_equal(Z.sum(axis=0), np.histogram(x, edges)[0])
    Z = FeatureCross([(0,)], width={0: 0.25}, range={0: (-1.0, 5.0)}, outside="ignore").fit_transform(x[:, None])
    np.testing.assert_array_equal(Z.sum(axis=0), np.histogram(x, 24, (-1.0, 5.0))[0])
    Z = FeatureCross([(0,)], edges={0: [-np.inf, *edges, np.inf]}, outside="error").fit_transform(x[:, None])
    assert Z.indices.tolist() == np.digitize(x, edges).tolist()


@pytest.mark.parametrize("width", [1 / 60, 0.1, 1.0, 1 / 3, 7.3, 1e-5, 1e5])
@pytest.mark.parametrize("span", [None, (-90.0, 90.0), (-1.1, 2.7)])
def test_values_lie_within_the_bounds_of_their_bucket(width, span):
    """Also values that are edges up to rounding, such as 51.7 = 3102 / 60."""
    rng = np.random.default_rng(0)
    on_edges = rng.integers(-5000, 5000, 400) * width
    x = np.concatenate([rng.uniform(-90, 90, 400), on_edges, np.nextafter(on_edges, np.inf), rng.integers(-90, 90, 99)])
    x = x if span is None else x[(x >= span[0]) & (x <= span[1])]
    cross = FeatureCross([(0,)], width={0: width}, range=span and {0: span}, outside="error").fit(x[:, None])
    low, high = cross.bounds(cross.transform(x[:, None]).indices)[0].T
    last = high == (np.inf if span is None else span[1])
    assert ((low <= x) & ((x < high) | (last & (x == high)))).all()
    if span is None:
        assert (low == width * np.round(low / width)).all()
    else:
        ends = cross.bounds([0, cross.n_features_out_ - 1])[0]
        assert (ends[0, 0], ends[1, 1]) == span
        assert cross.n_features_out_ == math.ceil(round((span[1] - span[0]) / width, 6))


def test_bounds_of_neighbours_meet():
    X = np.random.default_rng(0).normal(size=(99, 3))
    cross = FeatureCross([(0,), (1,), (2,)], width={0: 0.07}, quantiles={1: 9}, edges={2: [-9, 0, 0.5, np.inf]}).fit(X)
    for part in cross.blocks_:
        bounds = cross.bounds(np.arange(part.start, part.stop))
        (column,) = part.columns
        np.testing.assert_array_equal(bounds[column][1:, 0], bounds[column][:-1, 1])
        assert (bounds[column][:, 0] < bounds[column][:, 1]).all()
        assert all(np.isnan(other).all() for name, other in bounds.items() if name != column)


def test_one_bucket():
    X = np.full((5, 2), 3.7)
    cross = FeatureCross([(0, 1)], width={0: 10.0}, quantiles={1: 4}).fit(X)
    np.testing.assert_array_equal(cross.transform(X).toarray(), np.ones((5, 3)))
    assert cross.describe([0, 1, 2]) == ["x0 0..10", "x1 3.7..3.7", "x0 0..10 x x1 3.7..3.7"]
    wide = FeatureCross([(0,)], width={0: 1e300}, range={0: (0, 1)}).fit(X)
    assert wide.transform(X).toarray().tolist() == [[1.0]] * 5


def test_quantiles_that_coincide():
    x = np.array([0.0] * 90 + [1.0] * 8 + [2.0, 3.0])
    cross = FeatureCross([(0,)], quantiles={0: 10}).fit(x[:, None])
    assert cross.n_features_out_ == 2
    assert cross.transform(x[:, None]).sum(axis=0).tolist() == [90, 10]


# --- Several widths


def test_several_widths_are_several_crosses():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(40, 2))
    widths = [1.0, 0.5, 0.25]
    spans = {0: (-2, 2), 1: (-2, 2)}
    cross = FeatureCross([(0, 1)], width={0: widths, 1: widths}, range=spans).fit(X)
    Z = cross.transform(X)
    assert [(b.columns, b.levels) for b in cross.blocks_] == [
        *(((0,), (k,)) for k in range(3)),
        *(((1,), (k,)) for k in range(3)),
        *(((0, 1), (k, k)) for k in range(3)),
    ]
    for level, width in enumerate(widths):
        alone = FeatureCross([(0, 1)], width={0: width, 1: width}, range=spans).fit(X)
        expected = block(alone, alone.transform(X), 0, 1)
        np.testing.assert_array_equal(block(cross, Z, 0, 1, level=level), expected)
    coarse, fine = block(cross, Z, 0, 1), block(cross, Z, 0, 1, level=2)
    assert ((fine.T @ coarse > 0).sum(axis=1) <= 1).all()  # each fine cell lies in one coarse cell
    mixed = FeatureCross([(0, 1)], width={0: widths}, quantiles={1: 3}, main_effects=False).fit(X)
    assert [b.levels for b in mixed.blocks_] == [(0, 0), (1, 0), (2, 0)]
    by_quantile = FeatureCross([(0, 1)], quantiles={0: [2, 4], 1: [3, 9]}, main_effects=False).fit(X)
    assert [b.shape for b in by_quantile.blocks_] == [(2, 3), (4, 9)]


# --- Outside and missing


def test_outside():
    X = np.array([[-5.0], [0.0], [0.9], [2.0], [2.1], [1e308], [-1e308]])
    options = {"width": {0: 1.0}, "range": {0: (0.0, 2.0)}}
    clip, ignore = (FeatureCross([(0,)], outside=o, **options).fit_transform(X).toarray() for o in ("clip", "ignore"))
    assert clip.argmax(axis=1).tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert clip.sum() == 7
    assert ignore.tolist() == [[0, 0], [1, 0], [1, 0], [0, 1], [0, 0], [0, 0], [0, 0]]
    cross = FeatureCross([(0,)], outside="error", **options)
    with pytest.raises(ValueError, match=r"column 0 has the value -5.0 in row 0, outside 0..2; outside='clip'"):
        cross.fit(X)
    cross.fit(X[1:4])
    with pytest.raises(ValueError, match=r"value 2.1 in row 1, outside 0..2"):
        cross.transform(X[3:])


def test_outside_what_fit_saw():
    """Without a range the buckets of fit are all there are: 0..3 here, although 2.5 was the largest value."""
    fitted = {o: FeatureCross([(0,)], width={0: 1.0}, outside=o).fit([[0.2], [2.5]]) for o in ("clip", "ignore")}
    new = [[-0.1], [2.99], [3.0], [1.5]]
    assert fitted["clip"].transform(new).indices.tolist() == [0, 2, 2, 1]
    assert np.diff(fitted["ignore"].transform(new).indptr).tolist() == [0, 1, 0, 1]


def test_all_rows_outside():
    X = np.array([[50.0, 1.0], [60.0, 2.0]])
    cross = FeatureCross([(0, 1)], width={0: 1.0}, range={0: (0, 3)}, outside="ignore").fit(X)
    Z = cross.transform(X)
    assert Z.shape == (2, 3 + 2 + 6)
    assert Z.indices.tolist() == [3, 4]  # the main effect of the other column is as usual
    alone = FeatureCross([(0, 1)], width={0: 1.0}, range={0: (0, 3)}, outside="ignore", main_effects=False)
    assert alone.fit_transform(X).nnz == 0


@pytest.mark.parametrize("outside", ["clip", "ignore"])
@pytest.mark.parametrize("kind", [float, str, object])
def test_a_category_never_seen_is_ignored(kind, outside):
    X = np.array([[1, 2], [2, 3], [5, 4]]).astype(kind)
    new = np.array([[2, 3], [3, 3], [9, 4], [0, 2]]).astype(kind)
    cross = FeatureCross([(0, 1)], outside=outside).fit(X)
    Z = cross.transform(new)
    assert block(cross, Z, 0).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert block(cross, Z, 1).sum() == 4
    assert block(cross, Z, 0, 1).sum() == 1
    strict = FeatureCross([(0, 1)], outside="error").fit(X)
    with pytest.raises(ValueError, match="column 0 has the value 3.* in row 1, outside the 3 categories seen in fit"):
        strict.transform(new)


@pytest.mark.parametrize("gap", [None, np.nan, float("nan"), pd.NA, pd.NaT])
def test_missing_in_text(gap):
    X = np.array([["a", 1.0], [gap, 2.0], ["b", gap]], dtype=object)
    ignore = FeatureCross([(0, 1)], edges={1: [0, 1.5, 3]}).fit(X)
    assert ignore.n_features_out_ == 2 + 2 + 4
    assert np.diff(ignore.transform(X).indptr).tolist() == [3, 1, 1]
    bucket = FeatureCross([(0, 1)], edges={1: [0, 1.5, 3]}, missing="bucket").fit(X)
    Z = bucket.transform(X)
    assert bucket.n_features_out_ == 3 + 3 + 9
    assert np.diff(Z.indptr).tolist() == [3, 3, 3]
    assert bucket.describe(Z[[1]].indices) == ["x0 missing", "x1 1.5..3", "x0 missing x x1 1.5..3"]
    assert bucket.describe(Z[[2]].indices) == ["x0 b", "x1 missing", "x0 b x x1 missing"]
    np.testing.assert_array_equal(bucket.bounds(Z[[2]].indices)[1], np.full((3, 2), np.nan))
    for column in (0, 1):
        strict = FeatureCross([(column,)], edges={1: [0, 1.5, 3]} if column else None, missing="error")
        with pytest.raises(ValueError, match=rf"column {column} has a missing value \(NaN\) in row {1 + column}"):
            strict.fit(X)


def test_missing_only_later():
    """The bucket of missing values is there before the first of them."""
    cross = FeatureCross([(0, 1)], width={0: 1.0}, missing="bucket").fit([[0.5, 1.0], [1.5, 2.0]])
    assert cross.describe(cross.transform([[np.nan, 3.0]]).indices) == ["x0 missing"]  # 3 is a new category: no cross
    assert cross.describe(cross.transform([[np.nan, 2.0]]).indices)[-1] == "x0 missing x x1 2.0"


def test_only_missing_values():
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    for options in ({"width": {0: 1.0}}, {"quantiles": {0: 3}}, {}):
        with pytest.raises(ValueError, match="column 0 has no value that is not missing"):
            FeatureCross([(0, 1)], **options).fit(X)
    assert FeatureCross([(0,)], width={0: 1.0}, range={0: (0, 3)}).fit_transform(X).nnz == 0
    cross = FeatureCross([(0, 1)], missing="bucket").fit(X)
    assert cross.describe(cross.transform(X).indices[:3]) == ["x0 missing", "x1 1.0", "x0 missing x x1 1.0"]
    assert cross.describe(cross.transform([[7.0, 2.0]]).indices) == ["x1 2.0"]


# --- Kinds of X


def test_every_kind_of_x_gives_the_same():
    frame = table()[["latitude", "rooms"]]
    array = frame.to_numpy()
    options = {"width": {0: 0.5}, "missing": "bucket"}
    cross = FeatureCross([(0, 1)], **options)
    expected = cross.fit_transform(array)
    assert isinstance(expected, sparse.csr_array)
    kinds = [frame, polar(frame), array.astype(object), array.tolist()]
    kinds += [np.asfortranarray(array), frame.convert_dtypes(), pl.DataFrame(frame)]
    kinds += [make(array) for make in (sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.lil_array)]
    for X in kinds:
        Z = clone(cross).fit_transform(X)
        assert type(Z) is type(expected)
        np.testing.assert_array_equal(Z.indices, expected.indices)
        np.testing.assert_array_equal(Z.indptr, expected.indptr)
    assert isinstance(clone(cross).fit_transform(sparse.csr_matrix(array)), sparse.csr_matrix)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_by_name(library):
    frame = table()
    X = frame if library == "pandas" else polar(frame)
    cross = FeatureCross([("kind", "latitude"), ("rooms", "kind")], width={"latitude": 1.0}).fit(X)
    assert cross.feature_names_in_.tolist() == ["latitude", "rooms", "kind"]
    positions = FeatureCross([(2, 0), (1, 2)], width={0: 1.0}).fit(X)
    np.testing.assert_array_equal(cross.transform(X).indices, positions.transform(X).indices)
    assert cross.describe(3) == positions.describe(3) == "latitude -3..-2"
    assert cross.describe(0) == "kind boat"
    with pytest.raises(ValueError, match="feature names should match"):
        cross.transform(X[["kind", "rooms", "latitude"]])
    mixed = FeatureCross([("kind", 0), (1, "kind"), ("latitude", "rooms")], width={"latitude": 1.0}).fit(X)
    assert list(mixed.bounds(0)) == [0]  # a column has the name that it has first
    assert mixed.n_features_out_ > cross.n_features_out_


def test_columns_of_many_kinds():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-01"]),
            "flag": [True, False, True, True],
            "code": pd.Categorical(["x", "y", "x", None]),
            "level": pd.array([1, None, 3, 1], dtype="Int64"),
            "text": pd.array(["u", None, "v", "u"], dtype="string"),
            "whole": np.array([3, 3, 4, 4], dtype=np.uint8),
        }
    )
    cross = FeatureCross([(name,) for name in frame]).fit(frame)
    assert [b.shape for b in cross.blocks_] == [(2,), (2,), (2,), (2,), (2,), (2,)]
    Z = cross.transform(frame)
    assert np.diff(Z.indptr).tolist() == [6, 4, 5, 5]
    words = cross.describe(Z[[0]].indices)
    assert words[1:] == ["flag True", "code x", "level 1.0", "text u", "whole 3"]
    assert words[0].startswith("day 2020-01-01")
    buckets = FeatureCross([("level", "whole")], width={"level": 2.0, "whole": 2.0}).fit(frame)
    assert np.diff(buckets.transform(frame).indptr).tolist() == [3, 1, 3, 3]
    with pytest.raises(TypeError, match=r"column 'day' must hold numbers to be put into buckets; got dates"):
        FeatureCross([("day",)], width={"day": 1.0}).fit(frame)
    with pytest.raises(ValueError, match="column 'text' must hold numbers to be put into buckets"):
        FeatureCross([("text",)], width={"text": 1.0}).fit(frame)


def test_sparse_input_counts_its_zeros():
    rng = np.random.default_rng(0)
    X = sparse.csr_array(rng.random((30, 5)) * (rng.random((30, 5)) < 0.3))
    edges = {0: [0.0, 0.3, 1.0], 3: [-1.0, 0.0, 0.5, 1.0]}
    cross = FeatureCross([(0, 3)], edges=edges)
    np.testing.assert_array_equal(cross.fit_transform(X).toarray(), cross.fit_transform(X.toarray()).toarray())


def test_a_very_wide_input_with_long_indices():
    """Five columns of data beside 2e9 empty ones, as hstack makes them: only those that are crossed are read."""
    data = sparse.csr_array(np.random.default_rng(0).integers(1, 4, size=(50, 5)).astype(float))
    X = sparse.hstack([data, sparse.csr_array((50, 2**33)), data[:, [0]]], format="csr")
    assert X.indices.dtype == np.int64
    cross = FeatureCross([(0, 2**33 + 5, 3)]).fit(X)
    Z = cross.transform(X)
    np.testing.assert_array_equal(block(cross, Z, 0), block(cross, Z, 2**33 + 5))
    assert Z.indices.dtype == np.int32
    expected = FeatureCross([(0, 1, 2)]).fit_transform(data[:, [0, 0, 3]].toarray())
    np.testing.assert_array_equal(Z.toarray(), expected.toarray())


@pytest.mark.parametrize("dtype", [np.float32, "float32", np.float64, np.dtype("float64")])
def test_dtype(dtype):
    X = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    assert FeatureCross([(0, 1)], width={0: 1.0, 1: 1.0}, dtype=dtype).fit_transform(X).dtype == dtype


def test_input_is_left_alone():
    X = np.random.default_rng(0).normal(size=(20, 2))
    X[3, 0] = np.nan
    before = X.copy()
    X.setflags(write=False)
    FeatureCross([(0, 1)], width={0: 1.0}, quantiles={1: 3}, missing="bucket").fit_transform(X)
    np.testing.assert_array_equal(X, before)


# --- Very many columns


def test_numbers_of_columns_are_computed():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(-90, 90, 300), rng.uniform(-180, 180, 300), rng.integers(1000, size=300)])
    degrees = {0: 1 / 60, 1: 1 / 60}
    spans = {0: (-90, 90), 1: (-180, 180)}
    two = FeatureCross([(0, 1)], width=degrees, range=spans).fit(X)
    assert two.n_features_out_ == 10_800 + 21_600 + 10_800 * 21_600
    Z = two.transform(X)
    assert Z.indices.dtype == Z.indptr.dtype == np.int32
    three = FeatureCross([(0, 1, 2)], width=degrees, range=spans).fit(X)
    Z = three.transform(X)
    assert three.n_features_out_ > 5e10
    assert Z.indices.dtype == np.int64
    last = three.blocks_[-1]
    levels = len(np.unique(X[:, 2]))
    assert last.shape == (10_800, 21_600, levels)
    minutes = np.floor((X[:, :2] + [90, 180]) * 60 + 1e-9).astype(int)
    category = np.searchsorted(np.unique(X[:, 2]), X[:, 2])
    expected = [  # Python's integers
        last.start + (int(a) * 21_600 + int(b)) * levels + int(c) for (a, b), c in zip(minutes, category, strict=True)
    ]
    assert Z.indices[3::4].tolist() == expected
    bounds = three.bounds(Z.indices[3::4])
    assert set(bounds) == {0, 1}
    for column in (0, 1):
        low, high = bounds[column].T
        assert ((low <= X[:, column]) & (X[:, column] < high)).all()
    words = three.describe(expected[:5])
    assert [text.split(" x ")[2] for text in words] == [f"x2 {value}" for value in X[:5, 2]]
    assert len(pickle.dumps(three)) < 20_000


def test_two_to_the_62_columns_and_not_one_more():
    X = np.array([[0.0, 0.0], [2.0**31, 2.0**31]])
    options = {"width": {0: 1.0, 1: 1.0}, "main_effects": False, "outside": "error"}
    cross = FeatureCross([(0, 1)], range={0: (0, 2**31), 1: (0, 2**31)}, **options).fit(X)
    assert cross.n_features_out_ == 2**62
    Z = cross.transform(X)
    assert Z.indices.tolist() == [0, 2**62 - 1]
    assert cross.describe(2**62 - 1) == "x0 2147483647..2147483648 x x1 2147483647..2147483648"
    message = r"at most 2\*\*62 output columns.*\(0, 1\): 2,147,483,648 x 2,147,483,649.*[Ww]iden"
    with pytest.raises(ValueError, match=message):
        FeatureCross([(0, 1)], range={0: (0, 2**31), 1: (0, 2**31 + 1)}, **options).fit(X)
    with pytest.raises(ValueError, match=r"at most 2\*\*62 output columns"):
        FeatureCross([(0, 1)], **{**options, "main_effects": True}, range={0: (0, 2**31), 1: (0, 2**31)}).fit(X)


def test_width_too_small_to_count():
    with pytest.raises(ValueError, match=r"width of column 0 .* 2\*\*53 buckets"):
        FeatureCross([(0,)], width={0: 1e-300}).fit([[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"width of column 0 .* 2\*\*53 buckets"):
        FeatureCross([(0,)], width={0: 1e-3}).fit([[1e300], [2.0]])


# --- Names


def test_names_tell_columns_apart():
    frame = table()
    options = {"width": {"latitude": [1.0, 0.25]}, "quantiles": {"rooms": 3}, "missing": "bucket"}
    cross = FeatureCross([("latitude", "kind", "rooms")], **options).fit(frame)
    names = cross.get_feature_names_out()
    assert len(set(names)) == len(names) == cross.n_features_out_
    assert names.tolist() == cross.describe(np.arange(cross.n_features_out_))
    assert cross.describe(5) == names[5]
    for row, text in zip(cross.transform(frame).tolil().rows, frame["kind"], strict=True):
        assert f"kind {'missing' if pd.isna(text) else text}" in names[row]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"width": {0: 1 / 60}, "range": {0: (51.5, 51.55)}}, ["51.50..51.52", "51.52..51.53", "51.53..51.55"]),
        ({"width": {0: 0.25}, "range": {0: (-0.25, 0.5)}}, ["-0.25..0.00", "0.00..0.25", "0.25..0.50"]),
        ({"width": {0: 1000}, "range": {0: (0, 2500)}}, ["0..1000", "1000..2000", "2000..2500"]),
        ({"edges": {0: [-np.inf, 0, 5, np.inf]}}, ["below 0", "0..5", "5 and above"]),
        ({"edges": {0: [-np.inf, np.inf]}}, ["any number"]),
        ({"edges": {0: [1.00001, 1.00002, 1.00003]}}, ["1.00001..1.00002", "1.00002..1.00003"]),
    ],
)
def test_labels(options, expected):
    cross = FeatureCross([(0,)], **options).fit(np.zeros((1, 1)))
    assert cross.get_feature_names_out().tolist() == [f"x0 {text}" for text in expected]
    assert cross.get_feature_names_out(["size"]).tolist() == [f"size {text}" for text in expected]


def test_very_many_names_are_refused():
    cross = FeatureCross([(0, 1)], width={0: 1 / 60, 1: 1 / 60}).fit([[-90, -180], [90, 180]])
    with pytest.raises(ValueError, match=r"names of 233,\d\d\d,\d\d\d columns.*describe\(ids\)"):
        cross.get_feature_names_out()
    with pytest.raises(ValueError, match="input_features should have length"):
        cross.get_feature_names_out(["a"])


def test_ids_are_checked():
    cross = FeatureCross([(0, 1)], width={0: 1.0}).fit([[0.0, 1.0], [2.0, 2.0]])
    for method in (cross.describe, cross.bounds):
        with pytest.raises(ValueError, match="ids must be output columns, 0 to 10; got -1 to 3"):
            method([3, -1])
        with pytest.raises(ValueError, match="0 to 10; got 11 to 11"):
            method(11)
        with pytest.raises(TypeError, match="ids must be an integer"):
            method([0.5])
        with pytest.raises(TypeError, match="one-dimensional"):
            method([[0]])
    assert cross.describe([]) == []
    assert cross.bounds([])[0].shape == (0, 2)


# --- Errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"crosses": [("a", "b")]}, ValueError, "crosses name the column 'a', but X has 'x', 'y', 'z'"),
        ({"crosses": [(0, 3)]}, ValueError, r"column 3, but X has 3 feature\(s\)"),
        ({"crosses": [(0, -1)]}, ValueError, "crosses name the column -1"),
        ({"crosses": [(0, 1.0)]}, TypeError, "strings or integers; got 1.0"),
        ({"crosses": [(0, True)]}, TypeError, "strings or integers; got True"),
        ({"crosses": []}, TypeError, "crosses must be a list of tuples"),
        ({"crosses": ("x", "y")}, TypeError, "crosses must be a list of tuples"),
        ({"crosses": "xy"}, TypeError, "crosses must be a list of tuples"),
        ({"crosses": 3}, TypeError, "crosses must be a list of tuples"),
        ({"crosses": [()]}, ValueError, "one or more different columns"),
        ({"crosses": [("x", "x")]}, ValueError, "one or more different columns"),
        ({"crosses": [("x", 0)]}, ValueError, "one or more different columns"),
        ({"crosses": [("x", "y"), ("y", "x")]}, ValueError, "crosses must differ"),
        ({"width": {"x": -1.0}}, ValueError, "width of column 'x' must be > 0.*got -1.0"),
        ({"width": {"x": [1.0, 0.0]}}, ValueError, "width of column 'x' must be > 0.*got 0.0"),
        ({"width": {"x": np.nan}}, ValueError, "width of column 'x' must be > 0.*got nan"),
        ({"width": {"x": []}}, ValueError, "width of column 'x' must be a number or a list"),
        ({"width": {"x": "1"}}, TypeError, "width of column 'x' must be a number"),
        ({"width": {"z": 1.0}}, ValueError, "width has the column 'z', which is in no cross"),
        ({"width": {"w": 1.0}}, ValueError, "name the column 'w'"),
        ({"width": 1.0}, TypeError, "width must be a dict by column"),
        ({"width": {"x": [1, 2], "y": [1, 2, 3]}}, ValueError, "equally many widths"),
        ({"width": {"x": 1.0}, "edges": {"x": [0, 1]}}, ValueError, "one of width, edges and quantiles"),
        ({"edges": {"x": [0]}}, ValueError, "edges of column 'x' must be two or more numbers that ascend"),
        ({"edges": {"x": [0, 1, 1]}}, ValueError, "that ascend"),
        ({"edges": {"x": [0, np.nan, 1]}}, ValueError, "that ascend"),
        ({"edges": {"x": ["a", "b"]}}, ValueError, "edges of column 'x' must be numbers"),
        ({"quantiles": {"x": 0}}, ValueError, "quantiles of column 'x' must be >= 1"),
        ({"quantiles": {"x": 2.5}}, TypeError, "quantiles of column 'x' must be an integer"),
        ({"range": {"x": (0, 1)}}, ValueError, "range is for columns with a width; column 'x' has categories"),
        ({"range": {"x": (0, 1)}, "quantiles": {"x": 3}}, ValueError, "range is for columns with a width"),
        ({"range": {"x": (1, 0)}, "width": {"x": 1.0}}, ValueError, "range of column 'x' must be finite, low < high"),
        ({"range": {"x": (0, np.inf)}, "width": {"x": 1.0}}, ValueError, "range of column 'x' must be finite"),
        ({"range": {"x": 3}, "width": {"x": 1.0}}, ValueError, "range of column 'x' must be a pair"),
        ({"outside": "nearest"}, ValueError, "outside must be one of 'clip', 'ignore', 'error'; got 'nearest'"),
        ({"missing": None}, ValueError, "missing must be one of"),
        ({"main_effects": "yes"}, TypeError, "main_effects must be True or False"),
        ({"dtype": np.int8}, ValueError, "dtype must be"),
    ],
)
def test_bad_settings(options, error, message):
    frame = pd.DataFrame({"x": [0.0, 1.0], "y": [1.0, 2.0], "z": [1.0, 2.0]})
    cross = FeatureCross([("x", "y")], width={"x": 0.5}).fit(frame)
    before = dict(vars(cross))
    cross.set_params(**{"width": None, **options})
    with pytest.raises(error, match=message):
        cross.fit(frame)
    cross.set_params(**{name: before[name] for name in cross.get_params(deep=False)})
    assert vars(cross) == before  # a failed fit leaves the estimator as it was


def test_bad_data():
    with pytest.raises(ValueError, match="column 0 must be finite; it contains infinity, in row 1"):
        FeatureCross([(0,)], width={0: 1.0}).fit(pd.DataFrame([[0.0], [np.inf]]))
    with pytest.raises(ValueError, match="infinity"):
        FeatureCross([(0,)], width={0: 1.0}).fit([[0.0], [np.inf]])
    with pytest.raises(ValueError, match="crosses name the column 'a', but X has no names"):
        FeatureCross([("a",)]).fit([[0.0]])
    with pytest.raises(TypeError, match="column 0 has no width.*categories.*of one kind"):
        FeatureCross([(0,)]).fit(np.array([["a"], [1]], dtype=object))
    with pytest.raises(TypeError, match="hashable"):
        FeatureCross([(0,)]).fit(np.array([[{}], [1]], dtype=object))
    with pytest.raises(ValueError, match="several of that name|unique column names"):
        FeatureCross([("a",)]).fit(pd.DataFrame([[0.0, 1.0, 2.0]], columns=["a", "a", 3]))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        FeatureCross([("a",)]).fit(pd.DataFrame({"a": []}))
    bad = sparse.csr_array(np.eye(3))
    bad.indices[1] = 7
    with pytest.raises(ValueError, match="malformed sparse matrix"):
        FeatureCross([(0, 1)]).fit(bad)


# --- As an estimator


def test_clone_pickle_and_refit():
    frame = table()
    cross = FeatureCross([("latitude", "kind")], width={"latitude": 1.0}, missing="bucket").fit(frame)
    twin = pickle.loads(pickle.dumps(cross))
    np.testing.assert_array_equal(twin.transform(frame).indices, cross.transform(frame).indices)
    assert clone(cross).get_params() == cross.get_params()
    assert not hasattr(clone(cross), "blocks_")
    refit = cross.set_params(width={"latitude": 0.5}).fit(frame[:20])
    assert refit.n_features_out_ == clone(cross).fit(frame[:20]).n_features_out_


def test_one_row_and_fit_on_others():
    cross = FeatureCross([(0, 1)], width={0: 0.1}).fit([[0.3, 1.0]])
    assert cross.transform([[0.3, 1.0]]).toarray().tolist() == [[1.0, 1.0, 1.0]]
    assert cross.transform(np.tile([5.0, 1.0], (7, 1))).shape == (7, 3)


def test_frames_out_are_refused_as_by_other_sparse_transformers():
    cross = FeatureCross([("rooms", "kind")]).set_output(transform="pandas")
    with pytest.raises(ValueError, match="sparse"):
        cross.fit_transform(table())

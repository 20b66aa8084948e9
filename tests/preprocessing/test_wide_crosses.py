"""Two hundred million columns end to end: the same answers as on the occupied ones, in no more memory.

Every action here is watched: one byte per column would be 233 MB, and `LIMIT` is far below.
"""

import pickle
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline

from sparsereg import (
    LassoCV,
    PathSearchCV,
    SelectNonzero,
    SparseClassifier,
    SparseRegressor,
    information_criterion,
    regularization_path,
)
from sparsereg.inspection import ConvergenceDisplay, CVPathDisplay
from sparsereg.preprocessing import FeatureCross

LIMIT = 20.0
RANGES = {"range": {"latitude": (-90, 90), "longitude": (-180, 180)}}
MINUTES = {"width": {"latitude": 1 / 60, "longitude": 1 / 60}, **RANGES}
PLACE = ("latitude", "longitude")


def watched(act):
    """The result of an action that must take less than LIMIT megabytes above what is there."""
    tracemalloc.start()
    try:
        result = act()
        assert tracemalloc.get_traced_memory()[1] / 1e6 < LIMIT
    finally:
        tracemalloc.stop()
    return result


def houses(n=800, seed=0):
    """Houses in a few villages; a few cells are dear, and size matters."""
    rng = np.random.default_rng(seed)
    village = rng.integers(12, size=n)
    centre = np.random.default_rng(1).uniform([-50, -170], [60, 170], size=(12, 2))
    place = centre[village] + rng.uniform(0, 0.05, size=(n, 2))
    frame = pd.DataFrame(place, columns=list(PLACE)).assign(
        area=rng.normal(size=n), age=rng.normal(size=n), agent=rng.integers(1000, size=n)
    )
    price = 1.5 * (village == 3) - 2.0 * (village == 7) + 0.5 * frame["area"] + 0.1 * rng.normal(size=n)
    return frame, price.to_numpy()


def wide(crosses=(PLACE,), **options):
    """The place at the minute, beside two numbers."""
    cross = FeatureCross(list(crosses), **{**MINUTES, **options})
    columns = sorted({column for names in crosses for column in names})
    return ColumnTransformer([("place", cross, columns), ("number", "passthrough", ["area", "age"])])


def occupied(Z):
    """The columns that hold data, as a matrix of their own, and which they are."""
    ids, place = np.unique(Z.indices, return_inverse=True)
    return sparse.csr_array((Z.data, place, Z.indptr), shape=(Z.shape[0], len(ids))), ids


@pytest.fixture(scope="module")
def data():
    frame, y = houses()
    return frame, wide().fit_transform(frame), y


# --- Exact


@pytest.mark.parametrize("crosses", [[PLACE], [(*PLACE, "agent")]])
def test_the_answer_is_that_on_the_occupied_columns(crosses):
    frame, y = houses()
    encode = wide(crosses)
    Z = watched(lambda: encode.fit_transform(frame))
    assert Z.shape[1] > 2e8
    assert Z.indices.dtype == (np.int32 if len(crosses[0]) == 2 else np.int64)
    model = watched(lambda: SparseRegressor(alpha=0.02).fit(Z, y))
    assert model.relative_gap_ <= model.tol
    small, ids = occupied(Z)
    alone = SparseRegressor(alpha=0.02).fit(small, y)
    assert model.dual_gap_ == pytest.approx(alone.dual_gap_, abs=1e-12)
    np.testing.assert_array_equal(model.sparse_coef_.indices, ids[alone.sparse_coef_.indices])
    np.testing.assert_allclose(model.sparse_coef_.data, alone.sparse_coef_.data, rtol=1e-9)
    np.testing.assert_allclose(watched(lambda: model.predict(Z)), alone.predict(small), rtol=1e-9)
    assert model.score(Z, y) > 0.8


def test_the_cells_that_matter_are_found():
    frame, y = houses()
    encode = wide(main_effects=False).fit(frame)
    cross = encode.named_transformers_["place"]
    model = SparseRegressor(alpha=0.005).fit(encode.transform(frame), y)
    is_cell = model.sparse_coef_.indices < cross.n_features_out_
    cells, effect = model.sparse_coef_.indices[is_cell], model.sparse_coef_.data[is_cell]
    bounds = cross.bounds(cells)
    assert len(cells) > 3
    for (south, north), (west, east), weight in zip(*(bounds[name] for name in PLACE), effect, strict=True):
        here = frame["latitude"].between(south, north) & frame["longitude"].between(west, east)
        assert here.any()
        assert np.sign(weight) == np.sign(y[here].mean())
    assert all(text.startswith("latitude ") and " x longitude " in text for text in cross.describe(cells))


# --- In little memory


def test_models(data):
    frame, Z, y = data
    for model in (
        SparseRegressor(alpha=0.02, standardize=True, lower=-1.0, dropout=0.1),
        SparseRegressor("huber", "elasticnet", alpha=0.02, warm_start=True),
        SparseRegressor("poisson", alpha=0.02),
        SparseClassifier(alpha=0.01, class_weight="balanced"),
    ):
        target = y > 0 if isinstance(model, SparseClassifier) else np.exp(y)
        fitted = watched(lambda model=model, target=target: model.fit(Z, target).fit(Z, target))
        assert 0 < fitted.sparse_coef_.nnz < 400
        watched(lambda fitted=fitted: fitted.predict(Z))
        assert len(watched(lambda fitted=fitted: pickle.dumps(fitted))) < 40_000
        watched(lambda fitted=fitted: ConvergenceDisplay.from_estimator(fitted))
    two = watched(lambda: SparseRegressor(alpha=0.02).fit(Z, np.column_stack([y, -y])))
    np.testing.assert_allclose(watched(lambda: two.predict(Z)).sum(axis=1), 0.0, atol=1e-4)
    plt.close("all")


def test_paths(data):
    _, Z, y = data
    path = watched(lambda: regularization_path(SparseRegressor(), Z, y, alphas=8, alpha_min_ratio=0.1))
    exact = watched(lambda: regularization_path(SparseRegressor(), Z, y, alphas=8, alpha_min_ratio=0.1, exact=True))
    relaxed = watched(lambda: regularization_path(SparseRegressor(), Z, y, alphas=8, alpha_min_ratio=0.1, relax=0.5))
    assert path.n_nonzero[-1] > 0
    assert watched(path.coef_matrix).shape == (8, Z.shape[1])
    small, ids = occupied(Z)
    beside = regularization_path(SparseRegressor(), small, y, alphas=path.alphas)
    np.testing.assert_array_equal(path.coefs[-1].indices, ids[beside.coefs[-1].indices])
    for one in (path, exact, relaxed):
        watched(lambda one=one: one.estimator(one.alphas[4]).predict(Z))
        watched(lambda one=one: pickle.loads(pickle.dumps(one)))
        watched(one.plot)
    watched(lambda: path.interpolate(0.9 * path.alphas[3]))
    values = watched(lambda: information_criterion(path, Z, y, criterion="ebic"))
    assert np.isfinite(values).all()
    plt.close("all")


def test_searches(data):
    frame, Z, y = data
    pipe = make_pipeline(wide(), SparseRegressor())
    settings = {"columntransformer__place__width": [MINUTES["width"], {"latitude": 1, "longitude": 1}]}
    options = {"alphas": 6, "alpha_min_ratio": 0.05, "cv": 3}
    search = watched(lambda: PathSearchCV(pipe, param_grid=settings, **options).fit(frame, y))
    assert search.best_params_["columntransformer__place__width"] == settings["columntransformer__place__width"][1]
    watched(lambda: CVPathDisplay.from_estimator(search))
    watched(lambda: search.predict(frame))
    assert len(pickle.dumps(search)) < 100_000
    same = watched(lambda: PathSearchCV(pipe, **options).fit(frame, y))
    grid = {"sparseregressor__alpha": same.cv_results_["param_sparseregressor__alpha"].astype(float)}
    plain = watched(lambda: GridSearchCV(pipe, grid, cv=3).fit(frame, y))
    np.testing.assert_allclose(same.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"], atol=1e-5)
    watched(lambda: LassoCV(alphas=6, cv=3).fit(Z, y).predict(Z))
    watched(lambda: cross_val_score(make_pipeline(wide(), SparseClassifier()), frame, y > 0, cv=3))
    plt.close("all")


def test_selection(data):
    _, Z, y = data
    select = watched(lambda: SelectNonzero(SparseRegressor(alpha=0.02)).fit(Z, y))
    kept = watched(lambda: select.transform(Z))
    assert kept.shape == (len(y), len(select.kept_))
    back = watched(lambda: select.inverse_transform(kept))
    assert back.shape == Z.shape
    assert back.nnz == kept.nnz
    names = watched(select.get_feature_names_out)
    assert names[-1] == f"x{Z.shape[1] - 2}"  # the area, last but one
    assert len(watched(lambda: select.get_support(indices=True))) == len(names)


# --- Beside other transformers


def test_numbers_may_stand_before_the_cross(data):
    frame, Z, y = data
    cross = FeatureCross([PLACE], **MINUTES)
    turned = ColumnTransformer([("number", "passthrough", ["area", "age"]), ("place", cross, list(PLACE))])
    Z2 = watched(lambda: turned.fit_transform(frame))
    assert turned.output_indices_["place"] == slice(2, Z.shape[1])
    one, two = (SparseRegressor(alpha=0.02).fit(matrix, y) for matrix in (Z, Z2))
    np.testing.assert_allclose(one.predict(Z), two.predict(Z2), atol=1e-6)
    assert set(two.sparse_coef_.indices) == {(j + 2) % Z.shape[1] for j in one.sparse_coef_.indices}


def test_sparse_threshold_is_no_trap(data):
    """ColumnTransformer makes its output dense from a density of `sparse_threshold` on; that of a cross is 1e-8."""
    _, Z, _ = data
    assert sparse.issparse(Z)
    assert Z.nnz == 5 * Z.shape[0]


def test_resolutions_in_a_union():
    """One cross per width side by side is the cross with a list of widths; int64 as soon as there are 2**31 columns."""
    frame, y = houses()
    widths = [1, 1 / 6, 1 / 60]
    crosses = [
        (str(k), FeatureCross([PLACE], width=dict.fromkeys(PLACE, w), main_effects=False, **RANGES))
        for k, w in enumerate(widths)
    ]
    union = watched(lambda: FeatureUnion(crosses).fit_transform(frame))
    together = FeatureCross([PLACE], width=dict.fromkeys(PLACE, widths), main_effects=False, **RANGES)
    listed = watched(lambda: together.fit_transform(frame))
    assert union.shape == listed.shape == (len(y), 180 * 360 * (1 + 36 + 3600))
    np.testing.assert_array_equal(union.indices, listed.indices)
    three = FeatureCross([(*PLACE, "agent")], main_effects=False, **MINUTES)
    union = watched(lambda: FeatureUnion([*crosses, ("agents", three)]).fit_transform(frame))
    assert union.indices.dtype == np.int64
    assert union.indices.max() >= 2**32
    model = watched(lambda: SparseRegressor(alpha=0.02).fit(union, y))
    small, ids = occupied(union)
    np.testing.assert_array_equal(
        model.sparse_coef_.indices, ids[SparseRegressor(alpha=0.02).fit(small, y).sparse_coef_.indices]
    )


def test_weights_of_a_union_are_penalty_factors():
    """A block times 1/f has weights that are f times as dear: how to make fine cells pay for their number."""
    frame, y = houses()
    parts = [
        (name, FeatureCross([PLACE], width=dict.fromkeys(PLACE, w), main_effects=False, **RANGES))
        for name, w in (("coarse", 10), ("fine", 2))
    ]
    dear = FeatureUnion(parts, transformer_weights={"fine": 0.25}).fit(frame)
    plain = FeatureUnion(parts).fit(frame)
    n_coarse = 18 * 36
    factor = np.repeat([1.0, 4.0], [n_coarse, dear.transform(frame).shape[1] - n_coarse])
    one = SparseRegressor(alpha=0.01).fit(dear.transform(frame), y)
    two = SparseRegressor(alpha=0.01, penalty_factor=factor).fit(plain.transform(frame), y)
    np.testing.assert_allclose(one.predict(dear.transform(frame)), two.predict(plain.transform(frame)), atol=1e-4)


def test_blocks_from_hstack_with_long_indices(data):
    frame, Z, y = data
    stacked = watched(lambda: sparse.hstack([Z, sparse.csr_array((len(y), 2**40)), Z[:, -2:]], format="csr"))
    assert stacked.indices.dtype == np.int64
    model = watched(lambda: SparseRegressor(alpha=0.02).fit(Z, y))
    other = watched(lambda: SparseRegressor(alpha=0.02).fit(stacked, y))
    np.testing.assert_allclose(watched(lambda: other.predict(stacked)), model.predict(Z), atol=1e-5)


# --- Dense again, on purpose


def test_from_a_cross_to_a_dense_model():
    frame, y = houses()
    model = make_pipeline(
        wide(), SelectNonzero(SparseRegressor(alpha=0.01)), TruncatedSVD(8, random_state=0), KNeighborsRegressor()
    )
    watched(lambda: model.fit(frame[:600], y[:600]))
    kept, dense = model[:2].transform(frame), model[:3].transform(frame)
    assert sparse.issparse(kept)
    assert kept.shape[1] < 200
    assert isinstance(dense, np.ndarray)
    assert dense.shape == (800, 8)
    assert watched(lambda: model.score(frame[600:], y[600:])) > 0.8


def test_a_place_becomes_the_number_that_its_cells_are_worth():
    """The supervised embedding: out of fold, by scikit-learn's stacking."""
    frame, y = houses()
    columns = ColumnTransformer([("place", FeatureCross([PLACE], **MINUTES), list(PLACE))])
    place = make_pipeline(columns, SparseRegressor(alpha=0.002))
    stack = StackingRegressor([("worth", place)], LinearRegression(), passthrough=True)
    watched(lambda: stack.fit(frame[:600], y[:600]))
    features = stack.transform(frame)
    assert features.shape == (800, 1 + 5)
    cells = stack.named_estimators_["worth"]
    Z, model = cells[0].transform(frame), cells[1]
    kept = SelectNonzero(model, prefit=True).fit(Z).transform(Z)
    np.testing.assert_allclose(features[:, 0], kept @ model.sparse_coef_.data + model.intercept_, rtol=1e-12)
    assert stack.score(frame[600:], y[600:]) > 0.9
    assert LinearRegression().fit(frame[:600], y[:600]).score(frame[600:], y[600:]) < 0.6

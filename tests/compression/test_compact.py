"""compact and CompactModel: the same predictions from few bytes, whatever holds the columns."""

import copy
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_models import KINDS, model_of, predictor, random_case
from scipy import sparse
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import (
    CompactModel,
    ElasticNet,
    GroupLasso,
    Lasso,
    LassoCV,
    MultiTaskLasso,
    PathSearchCV,
    SparseClassifier,
    SparseRegressor,
    compact,
    prune,
)
from sparsereg.compression.rounding import rounded

X, y = load_diabetes(return_X_y=True)
IRIS, SPECIES = load_iris(return_X_y=True)
METHODS = ("predict", "decision_function", "predict_proba")
LAYOUTS = ("dense", "csr", "csc")


def assert_same(model, small, X, rtol=1e-12, atol=1e-12, **offset):
    """Every method of the model has the same values and shapes."""
    for method in METHODS:
        if hasattr(model, method):
            expected, got = getattr(model, method)(X, **offset), getattr(small, method)(X, **offset)
            assert got.shape == expected.shape
            if expected.dtype.kind == "f":
                np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
            else:
                assert (got == expected).all()
    if hasattr(model, "predict_proba"):
        logs = small.predict_log_proba(X, **offset)
        np.testing.assert_allclose(np.exp(logs), small.predict_proba(X, **offset), rtol=1e-9, atol=1e-300)
        assert np.isfinite(logs).all()


# --- The same predictions


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS),
    dtype=st.sampled_from(["float64", "float32", "float16", "int8"]),
    size=st.sampled_from([1e-280, 1e-20, 1.0, 1e6]),
)
def test_predictions_of_any_weights(seed, kind, layout, dtype, size):
    W, b, X = random_case(seed, kind, layout=layout)
    small = compact(model_of(kind, W * size, b), dtype=dtype)
    X = X / size
    stored = np.zeros_like(W)
    stored[small.weights_.output, small.needed_features_[small.weights_.place]] = small.weights_.values
    precision = {"float64": 0.0, "float32": 2**-24, "float16": 2**-11, "int8": 0.66 / 127}[dtype]
    largest = np.abs(W).max(axis=1, keepdims=True)
    relative_to = largest if dtype == "int8" else np.abs(W) + largest * 1e-7
    assert (np.abs(stored / size - W) <= precision * relative_to * (1 + 1e-9) + 1e-15).all()
    assert not stored[W == 0].any()
    response = predictor(kind, stored, b, X)
    if kind in ("binary", "multinomial", "one against the rest"):
        np.testing.assert_allclose(small.predict_proba(X), response, rtol=1e-10, atol=1e-12)
    elif kind == "no probabilities":
        np.testing.assert_allclose(small.decision_function(X), response[:, 0], rtol=1e-9, atol=1e-12)
    else:
        np.testing.assert_allclose(small.predict(X).reshape(response.shape), response, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        *(Lasso(alpha=0.5), ElasticNet(alpha=0.01), LassoCV(alphas=5, cv=2)),
        *(SparseRegressor("poisson", alpha=0.1), SparseRegressor("huber"), SparseRegressor("gamma", alpha=0.01)),
        *(GammaRegressor(), TweedieRegressor(power=0, link="log", max_iter=10_000), TweedieRegressor(power=1.5)),
        make_pipeline(StandardScaler(), Lasso(alpha=0.5)),
        PathSearchCV(SparseRegressor("poisson"), alphas=5, cv=2),
        GridSearchCV(Lasso(), {"alpha": [0.1, 1.0]}, cv=2),
    ],
)
def test_regressors(model):
    model.fit(X, y)
    small = compact(model)
    rows = model[0].transform(X) if hasattr(model, "steps") else X
    np.testing.assert_allclose(small.predict(rows), model.predict(X), rtol=1e-11)
    assert small.classes_ is None
    with pytest.raises(AttributeError, match="no probabilities"):
        small.predict_proba(rows)


@pytest.mark.parametrize(
    ("n_classes", "labels"),
    [(2, "truth"), *((n, kind) for n in (2, 3) for kind in ("numbers", "strings", "objects"))],
)
@pytest.mark.parametrize(
    "model",
    [
        *(LogisticRegression(max_iter=1000), LinearDiscriminantAnalysis(), RidgeClassifier(), Perceptron()),
        *(SGDClassifier(loss="log_loss", random_state=0), OneVsRestClassifier(SparseClassifier(alpha=0.01))),
        SGDClassifier(loss="modified_huber", random_state=0),
    ],
)
def test_classifiers(model, n_classes, labels):
    species = np.minimum(SPECIES, n_classes - 1)
    names = np.array(["a", "bb", "c"], dtype=object)
    species = {
        "numbers": species * 10 - 5,
        "strings": names.astype(str)[species],
        "objects": names[species],
        "truth": species > 0,
    }[labels]
    model.fit(IRIS, species)
    small = compact(model)
    if getattr(model, "loss", "") == "modified_huber":
        np.testing.assert_allclose(small.decision_function(IRIS), model.decision_function(IRIS), rtol=1e-9, atol=1e-9)
        with pytest.raises(AttributeError, match="no logistic function"):
            small.predict_proba(IRIS)
        return
    assert_same(model, small, IRIS, rtol=1e-9, atol=1e-9)
    assert small.classes_.dtype == model.classes_.dtype


def test_ours_with_everything():
    frame, offset = pd.DataFrame(X).add_prefix("c"), np.linspace(-1, 1, len(y))
    for model, target in (
        (SparseRegressor("poisson", alpha=0.01), y),
        (SparseClassifier(alpha=0.001, standardize=True), y > 100),
        (SparseClassifier("squared_hinge", alpha=0.001, standardize=True), y > 100),
        (SparseRegressor(alpha=0.1, fit_intercept=False), np.c_[y, -y, y * 0]),
    ):
        model.fit(frame, target, offset=offset)
        small = compact(model, X=frame, offset=offset)
        assert_same(model, small, frame, offset=offset)
        assert_same(model, small, frame, offset=0)
        with pytest.raises(ValueError, match="needs one here"):
            small.predict(frame)
        assert small.report().largest_change < 1e-10


def test_ours_with_blocks():
    """Classes by softmax, tasks that share features, groups of features: whole ones stay, whole ones go."""
    classes = SparseClassifier(alpha=0.01).fit(IRIS, SPECIES)
    assert_same(classes, compact(classes, X=IRIS), IRIS)
    assert compact(classes).inverse_link == "softmax"
    tasks = MultiTaskLasso(alpha=1.0).fit(X, np.c_[y, -y, X[:, 0]])
    assert_same(tasks, compact(tasks, X=X), X)
    groups = GroupLasso(groups=[[0, 1, 2], [3, 4, 5]], alpha=0.5).fit(X, y)
    assert_same(groups, compact(groups, X=X), X)
    for model, rows in ((classes, IRIS), (tasks, X), (groups, X)):
        method = compact(model).response_method
        pruned = prune(model, max_change=0.3, X=rows, groups="features")
        moved = np.abs(getattr(pruned, method)(rows) - getattr(model, method)(rows)).max()
        assert moved <= 0.3
        pruned = prune(model, n_nonzero=3, groups="features", X=rows)
        assert 0 < pruned.sparse_coef_.nnz <= 3 < model.sparse_coef_.nnz
        assert np.isnan(pruned.dual_gap_).all()


def test_models_without_weights():
    none = Lasso(alpha=1e9)
    for model, target in ((none, y), (SparseClassifier(alpha=1e9), y > 100), (none, np.c_[y, y])):
        small = compact(model.fit(X, target), dtype="int8", X=X)
        assert small.needed_features_.tolist() == []
        assert_same(model, small, X)
        assert_same(model, small, sparse.csr_array(X))
        assert len(small.predict({})) == 1
        assert len(small.predict({"anything": np.arange(4)})) == 4


def test_float32_models():
    model = SparseRegressor(alpha=0.1).fit(X.astype(np.float32), y)
    small = compact(model)
    np.testing.assert_allclose(small.predict(X), model.predict(X), rtol=1e-6)
    assert (compact(model, dtype="float32").weights_.values == model.sparse_coef_.data).all()


# --- What holds the columns

MODEL = SparseRegressor(alpha=1.0).fit(X, y)
SMALL = compact(MODEL)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, bool])
def test_sparse_matrices(form, index, dtype):
    rows = sparse.csr_array((X > 0.03).astype(dtype))
    rows.indices, rows.indptr = rows.indices.astype(index), rows.indptr.astype(index)
    expected = MODEL.predict(rows.toarray().astype(float))
    np.testing.assert_allclose(SMALL.predict(rows.asformat(form)), expected, rtol=1e-6)
    np.testing.assert_allclose(SMALL.predict(sparse.csr_matrix(rows).asformat(form)), expected, rtol=1e-6)


def test_dense_arrays():
    expected = MODEL.predict(X)
    for rows in (X, np.asfortranarray(X), X.tolist(), X.astype(object), X[::-1][::-1]):
        np.testing.assert_allclose(SMALL.predict(rows), expected)
    np.testing.assert_allclose(SMALL.predict(X.astype(np.float32)), expected, rtol=1e-6)
    assert SMALL.predict(X[:0]).shape == (0,)
    assert SMALL.predict(X > 0).shape == (442,)


def test_only_what_is_needed():
    assert SMALL.needed_features_.tolist() == [2, 3, 8]
    assert SMALL.needed_features_.dtype == np.int64
    expected = MODEL.predict(X)
    columns = {j: X[:, j] for j in (8, 2, 3)}
    np.testing.assert_allclose(SMALL.predict(columns), expected)
    np.testing.assert_allclose(SMALL.predict({**columns, 0: None, "other": "text"}), expected)
    np.testing.assert_allclose(SMALL.predict({np.int64(j): list(X[:, j]) for j in (2, 3, 8)}), expected)
    np.testing.assert_allclose(SMALL.predict({j: float(X[0, j]) for j in (2, 3, 8)}), expected[:1])
    np.testing.assert_allclose(SMALL.predict(pd.DataFrame(columns)), expected)
    np.testing.assert_allclose(SMALL.predict(pd.DataFrame(X)), expected)
    np.testing.assert_allclose(SMALL.predict(pd.DataFrame(X).add_prefix("c")), expected)  # by place
    np.testing.assert_allclose(SMALL.predict(pl.DataFrame(X)), expected)
    spoilt = X.copy()
    spoilt[:, 0] = np.nan
    np.testing.assert_allclose(SMALL.predict(spoilt), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, dict])
def test_names(frame):
    names = [f"c{j}" for j in range(10)]
    small = compact(SparseRegressor(alpha=1.0).fit(pd.DataFrame(X, columns=names), y))
    assert small.needed_feature_names_ == ["c2", "c3", "c8"]
    for chosen in (names, ["c8", "c3", "c2"], [*names[::-1]]):
        rows = frame({name: X[:, int(name[1:])] for name in chosen})
        np.testing.assert_allclose(small.predict(rows), MODEL.predict(X))
    np.testing.assert_allclose(small.predict(X), MODEL.predict(X))
    with pytest.raises(ValueError, match=r"lacks features that the model needs: \['c3'\]"):
        small.predict(frame({"c2": X[:, 2], "c8": X[:, 8]}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "3 features, but the model was fitted with 10"),
        (X[0], "two-dimensional"),
        (sparse.csr_array(X[:, :3]), "3 features"),
        ({2: 1.0, 3: 1.0}, r"lacks features that the model needs: \[8\]"),
        ({2: 1.0, 3: [1.0, 2.0], 8: 1.0}, "of one length"),
        ({2: X, 3: X, 8: X}, "one-dimensional"),
        ({2: 1.0, 3: 1.0, 8: "high"}, "must hold numbers"),
        ({2: 1.0, 3: 1.0, 8: np.nan}, "finite"),
        ({2: 1.0, 3: 1.0, 8: 1j}, "must hold numbers"),
        (np.where(np.arange(10) == 8, np.inf, X), "finite"),
        (sparse.csr_array(np.where(np.arange(10) == 8, np.nan, X)), "finite"),
        (X.astype(str).astype(object) + "x", "must hold numbers"),
        (pd.DataFrame(X, columns=[0, 1, 2, 2, 4, 5, 6, 7, 8, 3]), "two columns of one name"),
        (pd.DataFrame(X[:, :4]).add_prefix("c"), "4 features"),
    ],
)
def test_rows_that_do_not_fit(rows, message):
    with pytest.raises(ValueError, match=message):
        SMALL.predict(rows)


def test_malformed_sparse_matrices_are_refused():
    rows = sparse.csr_array(X)
    rows.indices[5] = 99
    with pytest.raises(ValueError, match="malformed"):
        SMALL.predict(rows)


def test_offsets_that_do_not_fit():
    for offset in (np.zeros(3), np.nan, [[0.0]] * len(X)):
        with pytest.raises(ValueError, match="offset must be"):
            SMALL.predict(X, offset=offset)


# --- Rounding


def worst(w, X, codes, scale):
    return np.linalg.norm(X @ (scale * codes.astype(float) - w))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), layout=st.sampled_from(LAYOUTS), m=st.integers(1, 25), rows=st.sampled_from([1, 5, 60])
)
def test_int8_is_no_worse_on_the_rows_than_nearest_and_no_code_could_be_better(seed, layout, m, rows):
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(m) * 10.0 ** rng.integers(-3, 3, m)
    common = rng.standard_normal((rows, 1)) * rng.integers(0, 3)
    Z = (rng.standard_normal((rows, m)) + common) * (rng.random((rows, m)) < 0.7)
    as_given = {"dense": np.asarray, "csr": sparse.csr_array, "csc": sparse.csc_matrix}[layout](Z)
    codes, scale = rounded(w, "int8", as_given)
    assert codes.dtype == np.int8
    plain = np.abs(w).max() / 127
    mine = worst(w, Z, codes, scale)
    assert mine <= worst(w, Z, np.rint(w / plain), plain) * (1 + 1e-9) + 1e-12 * np.abs(w).max()
    for j in range(m):
        for step in (-1, 1):
            other = codes.astype(float)
            other[j] += step
            if abs(other[j]) <= 127:
                assert worst(w, Z, other, scale) >= mine * (1 - 1e-9) - 1e-12 * np.abs(w).max()


def test_int8_by_rows_is_much_better_where_columns_are_correlated():
    pixels, digit = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=5000).fit(pixels, digit == 3)
    nearest, by_rows = compact(model, dtype="int8"), compact(model, dtype="int8", X=pixels)

    def moved(small, method):
        return np.abs(getattr(small, method)(pixels) - getattr(model, method)(pixels)).mean()

    assert moved(by_rows, "decision_function") < 0.6 * moved(nearest, "decision_function")
    assert by_rows.report().mean_change == pytest.approx(moved(by_rows, "predict_proba"))


@pytest.mark.parametrize("exponent", [-1000, -150, 0, 126, 1000, 1023])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_no_size_of_weights_overflows_or_vanishes(exponent, dtype):
    w = np.array([1.5, -0.5, 0.25]) * 2.0**exponent
    codes, scale = rounded(w, dtype)
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(codes.astype(float) * scale, w, rtol=0.02)
    if dtype != "int8":
        assert (codes.astype(float) * scale == w).all()  # powers of two lose nothing


def test_weights_that_round_to_zero_are_dropped():
    W = np.array([[1.0, 1e-4, -0.3, 0.0], [1e-4, 1e-5, 0.0, 1.0]])
    small = compact(model_of("two outputs", W, [0.0, 0.0]), dtype="int8")
    assert small.needed_features_.tolist() == [0, 2, 3]
    assert small.weights_.codes.all()
    assert small.report().n_weights == 3


# --- What is said of it


def test_the_report():
    rng = np.random.default_rng(0)
    Z = sparse.random_array((300, 40_000), density=0.002, random_state=rng, format="csr")
    model = SparseRegressor(alpha=0.001).fit(Z, Z[:, :50].sum(axis=1) + 0.01 * rng.standard_normal(300))
    pruned = prune(model, max_change=0.02, X=Z)
    small = compact(pruned, dtype="int8", X=Z, reference=model)
    report = small.report()
    assert report.bytes_before == 8 * 40_001
    assert report.bytes_after < report.bytes_before / 100
    assert (report.n_features, report.n_needed) == (40_000, len(small.needed_features_))
    moved = np.abs(small.predict(Z) - model.predict(Z))
    assert report.largest_change == moved.max()
    assert report.mean_change == moved.mean()
    assert f"{report.bytes_after:,}" in str(report)
    assert compact(pruned).report().largest_change is None
    assert "change" not in str(compact(pruned).report())
    assert repr(small).startswith("<CompactModel: regressor, ")


def test_copies():
    for other in (pickle.loads(pickle.dumps(SMALL)), copy.deepcopy(SMALL)):
        assert (other.predict(X) == SMALL.predict(X)).all()


def test_nothing_is_as_long_as_there_are_features():
    n, p = 200, 200_000_000
    rng = np.random.default_rng(0)
    columns = rng.choice(rng.integers(p, size=40), 10 * n)
    wide = sparse.csr_array((rng.standard_normal(10 * n), (np.repeat(np.arange(n), 10), columns)), shape=(n, p))
    model = SparseRegressor(alpha=0.01).fit(wide, wide.sum(axis=1))
    tracemalloc.start()
    small = compact(model, dtype="int8", X=wide)
    predicted = small.predict(wide)
    size = small.report().bytes_after
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
    assert size < 2000
    np.testing.assert_allclose(predicted, model.predict(wide), atol=0.1)


# --- Errors


def test_arguments_that_make_no_sense():
    with pytest.raises(ValueError, match="dtype must be one of"):
        compact(MODEL, dtype="int4")
    with pytest.raises(ValueError, match="pass X"):
        compact(MODEL, offset=1.0)
    with pytest.raises(ValueError, match="pass X"):
        compact(MODEL, reference=MODEL)
    with pytest.raises(ValueError, match="3 features"):
        compact(MODEL, X=X[:, :3])
    with pytest.raises(TypeError, match="regressor or classifier"):
        compact(StandardScaler().fit(X))
    with pytest.raises(TypeError, match="regressor or classifier"):
        compact(SMALL)


def test_models_that_are_not_what_their_weights_say():
    with pytest.raises(TypeError, match="centre or transform"):
        compact(PLSRegression().fit(X + 5.0, y))

    class Clipped(Lasso):
        def predict(self, X):
            return np.maximum(super().predict(X), 150.0)

    with pytest.raises(TypeError, match="the predict of Clipped"):
        compact(Clipped(alpha=0.1).fit(X, y))
    several = RidgeClassifier().fit(IRIS, np.c_[SPECIES == 0, SPECIES == 1, SPECIES == 2].astype(int))
    with pytest.raises(TypeError, match="only one class per sample"):
        compact(several)


def test_a_model_is_sound_or_not_made():
    fields = {name: getattr(SMALL, name) for name in CompactModel.__dataclass_fields__}
    for changes, message in (
        ({"needed_features_": np.array([3, 2, 8])}, "ascend"),
        ({"needed_features_": np.array([2, 3, 10])}, "among the features"),
        ({"needed_features_": np.array([2, 3])}, "one for each place"),
        ({"intercept_": np.array([np.nan])}, "finite intercept"),
        ({"intercept_": np.zeros(2)}, "intercept"),
        ({"needed_feature_names_": ["a", "a", "b"]}, "names"),
        ({"inverse_link": "probit"}, "inverse link"),
        ({"inverse_link": "expit"}, "regressor"),
        ({"classes_": np.array([1, 1]), "inverse_link": "expit"}, "differ"),
        ({"classes_": np.array([1, 2]), "inverse_link": "softmax"}, "is not for a classifier"),
    ):
        with pytest.raises(ValueError, match=message):
            CompactModel(**{**fields, **changes})

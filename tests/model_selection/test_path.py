"""Paths: every strength certified by the oracle, grids, what a Path knows, and that it costs what it should."""

import pickle
import tracemalloc
from functools import cache

import helpers
import numpy as np
import oracles
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import lasso_path
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import ElasticNet, Lasso, SparseClassifier, SparseRegressor, alpha_max, regularization_path
from sparsereg.model_selection import Path
from sparsereg.model_selection.grid import check_alphas, geometric_grid

FLOOR = 2e-12  # of scale: what the oracle's own bounds lose to rounding
# A feature that is not penalised but bounded is in no null model of a closed form: it has a test of its own.
KINKED = [c for c in helpers.CASES if c.penalty in ("l1", "elasticnet") and c.extra != "factor+bounds"]

every_case = pytest.mark.parametrize("case", helpers.CASES, ids=str)
every_kinked_case = pytest.mark.parametrize("case", KINKED, ids=str)

X, y = load_diabetes(return_X_y=True)
ROWS = np.arange(len(y))


def estimator_of(case, **changes):
    """What a user writes for a row of the case table."""
    kind = SparseClassifier if case.loss in ("log_loss", "squared_hinge") else SparseRegressor
    options = {k: v for k, v in case.options.items() if k not in ("alpha", "sample_weight", "offset")}
    return kind(case.loss_spec, case.penalty_spec, **{**options, **changes})


def data_of(case):
    return {"sample_weight": case.options["sample_weight"], "offset": case.options["offset"]}


def grid_of(case):
    """Strengths from an empty model to a rich one."""
    if case.penalty in (None, "l2"):
        return np.array([1.0, 0.1, 0.01])
    return oracles.null_alpha(case.with_options(alpha=1.0), 1.0) * np.array([1.05, 0.5, 0.1, 0.03])


def judge(reference, coef, intercept, tol):
    """The oracle's gap is within the tolerance."""
    v = reference.pack(coef, intercept)
    assert oracles.gap(reference, v) <= (tol + FLOOR) * oracles.scale(reference)


def wide(n=200, p=10_000_000, occupied=100_000, seed=0):
    """A sparse matrix of which one column in a hundred holds data, a few entries each."""
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.choice(p // 8, size=occupied, replace=False)) * 8
    rows = rng.integers(n, size=3 * occupied)
    which = np.r_[np.arange(occupied), rng.integers(occupied, size=2 * occupied)]
    X = sparse.csr_array((rng.normal(size=3 * occupied), (rows, columns[which])), shape=(n, p))
    X.sum_duplicates()
    few = columns[:: occupied // 10]
    return X, X[:, few] @ np.arange(1.0, 1 + len(few)) + 0.1 * rng.normal(size=n)


# --- Every strength is solved, and certified


@every_case
def test_every_strength_is_optimal_by_the_oracle(case):
    model = estimator_of(case)
    path = regularization_path(model, case.X, case.y, alphas=grid_of(case), **data_of(case))
    # Coefficients come back in the dtype of X: in float32 their rounding shows, also where they are at a bound.
    tol = model.tol if case.dtype == "float64" else 1e-4
    low, high = case.options.get("lower", -np.inf), case.options.get("upper", np.inf)
    for k, alpha in enumerate(path.alphas):
        assert path.relative_gaps[k] <= model.tol
        coef, intercept = np.clip(path.coefs[k].toarray()[0], low, high), float(np.ravel(path.intercepts[k])[0])
        judge(case.with_options(alpha=alpha), coef, intercept if case.fit_intercept else 0.0, tol)


@every_case
def test_every_strength_is_what_fit_gives(case):
    model = estimator_of(case, tol=1e-11)
    path = regularization_path(model, case.X, case.y, alphas=grid_of(case), **data_of(case))
    dense, offset = helpers.features().astype(case.dtype), {"offset": 0.0} if case.offset else {}
    predict = "decision_function" if isinstance(model, SparseClassifier) else "predict"
    for k in (1, -1):
        alone = clone(model).set_params(alpha=path.alphas[k]).fit(case.X, case.y, **data_of(case))
        # Of duplicated columns the weights need not be unique: predictions are.
        expected = getattr(alone, predict)(dense, **offset)
        found = getattr(path.estimator(path.alphas[k]), predict)(dense, **offset)
        np.testing.assert_allclose(found, expected, atol=3e-5 * (1 + np.abs(expected).max()))


# --- alpha_max


@every_kinked_case
def test_alpha_max_is_where_the_model_becomes_empty(case):
    model = estimator_of(case)
    top = alpha_max(model, case.X, case.y, **data_of(case))
    assert top == pytest.approx(oracles.null_alpha(case.with_options(alpha=1.0), 1.0), rel=1e-8)
    penalised = np.ones(helpers.N_FEATURES, bool)
    if case.extra == "factor":
        penalised[helpers.FREE] = False
    path = regularization_path(model, case.X, case.y, alphas=[2 * top, top, 0.999 * top], **data_of(case))
    support = [np.count_nonzero(coef.toarray()[0][penalised]) for coef in path.coefs]
    assert support[:2] == [0, 0]
    assert support[2] > 0
    assert path.n_iter[1] == 1


@pytest.mark.parametrize("penalty", ["l2", None])
def test_without_a_kink_there_is_no_alpha_max_and_no_grid(penalty):
    model = SparseRegressor(penalty=penalty)
    with pytest.raises(ValueError, match="SparseRegressor has no alpha_max"):
        alpha_max(model, X, y)
    with pytest.raises(ValueError, match="no alpha_max.*Pass alphas as an array"):
        regularization_path(model, X, y)
    assert len(regularization_path(model, X, y, alphas=[1.0, 0.1])) == 2


def test_a_feature_with_bounds_and_no_penalty_is_in_at_any_strength():
    model = SparseRegressor(penalty_factor=[1, 1, 0, *[1] * 7], upper=50)
    with pytest.raises(ValueError, match="has no alpha_max"):
        alpha_max(model, X, y)
    with pytest.raises(ValueError, match="no alpha_max"):
        regularization_path(model, X, y)
    path = regularization_path(model, X, y, alphas=[100.0, 1.0])
    assert path.coefs[0].indices.tolist() == [2]
    assert path.coefs[0].data.tolist() == [50.0]


def test_alpha_max_of_the_household_names_is_that_of_scikit_learn():
    for l1_ratio in (1.0, 0.5):
        ours = alpha_max(ElasticNet(l1_ratio=l1_ratio), X, y)
        centred = X - X.mean(axis=0)
        assert ours == pytest.approx(np.abs(centred.T @ y).max() / len(y) / l1_ratio)
    assert alpha_max(Lasso(positive=True), X, y) == pytest.approx((centred.T @ y).max() / len(y))


def test_alpha_max_of_several_outputs_empties_them_all():
    Y = np.column_stack([y, 3 * y[::-1], np.ones_like(y)])
    top = alpha_max(Lasso(), X, Y)
    assert top == max(alpha_max(Lasso(), X, column) for column in Y.T)
    path = regularization_path(Lasso(), X, Y, alphas=3)
    assert path.alphas[0] == top
    assert path.n_nonzero[0] == 0 < path.n_nonzero[1]


# --- Grids


def test_a_number_of_strengths_is_an_even_grid_in_logarithms():
    path = regularization_path(Lasso(), X, y, alphas=7, alpha_min_ratio=0.01)
    assert path.alphas[0] == alpha_max(Lasso(), X, y)
    np.testing.assert_allclose(path.alphas, np.geomspace(path.alphas[0], 0.01 * path.alphas[0], 7))
    assert path.n_nonzero[0] == 0 < path.n_nonzero[1]
    assert len(regularization_path(Lasso(), X, y)) == 100
    np.testing.assert_array_equal(regularization_path(Lasso(), X, y, alphas=1).alphas, path.alphas[:1])


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_given_strengths_are_followed_downwards(kind):
    path = regularization_path(Lasso(), X, y, alphas=kind([0.1, 2, 0.5]))
    np.testing.assert_array_equal(path.alphas, [2, 0.5, 0.1])
    assert path.alphas.dtype == np.float64
    assert (np.diff(path.n_nonzero) > 0).all()


def test_the_last_strength_may_be_zero():
    for penalty in ("l1", "l2", "elasticnet"):
        path = regularization_path(SparseRegressor(penalty=penalty), X, y, alphas=[0, 1.0, 0.01])
        plain = SparseRegressor(penalty=None).fit(X, y)
        np.testing.assert_allclose(path.coefs[-1].toarray()[0], plain.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("alphas", "error", "message"),
    [
        (0, ValueError, "alphas must be >= 1 and finite; got 0"),
        (-3, ValueError, "alphas must be >= 1"),
        (True, TypeError, "alphas must be an integer; got True"),
        (2.0, ValueError, "alphas must be an integer or a one-dimensional array of strengths; got 2.0"),
        ("auto", TypeError, "alphas must be an integer or a one-dimensional array of strengths; got 'auto'"),
        (["a", "b"], TypeError, "alphas must be an integer or a one-dimensional array"),
        (None, ValueError, "alphas must be an integer or a one-dimensional array of strengths; got None"),
        ([], ValueError, "alphas is empty"),
        ([[1.0, 0.5]], ValueError, "one-dimensional"),
        ([1.0, [0.5]], TypeError, "one-dimensional"),
        ([1.0, -0.5], ValueError, r"alphas must be finite and >= 0; got \[-0.5\]"),
        ([1.0, np.nan], ValueError, r"alphas must be finite and >= 0; got \[nan\]"),
        ([np.inf, 1.0], ValueError, r"alphas must be finite and >= 0; got \[inf\]"),
        ([1.0, 0.5, 1.0], ValueError, r"alphas must differ from one another; given more than once: \[1.0\]"),
    ],
)
def test_bad_grids_are_named(alphas, error, message):
    with pytest.raises(error, match=message):
        regularization_path(Lasso(), X, y, alphas=alphas)


@pytest.mark.parametrize(
    ("ratio", "error"),
    [
        (0.0, ValueError),
        (-0.1, ValueError),
        (1.0, ValueError),
        (1.5, ValueError),
        (np.nan, ValueError),
        ("x", TypeError),
    ],
)
def test_bad_ratios_are_named(ratio, error):
    with pytest.raises(error, match="alpha_min_ratio must be"):
        regularization_path(Lasso(), X, y, alpha_min_ratio=ratio)


@pytest.mark.parametrize(("value", "error"), [(-1.0, ValueError), (np.inf, ValueError), ("x", TypeError)])
def test_bad_gains_are_named(value, error):
    with pytest.raises(error, match="min_gain must be"):
        regularization_path(Lasso(), X, y, min_gain=value)


def test_the_pieces_of_grids():
    given = np.array([1.0, 3.0, 2.0])
    kept = check_alphas(given, 1e-3)
    np.testing.assert_array_equal(kept, given)  # in their order, and a copy
    assert kept is not given
    assert check_alphas(np.int64(5), 1e-3) == 5
    grid = geometric_grid(0.1 + 0.2, 50, 1e-3)
    assert grid[0] == 0.1 + 0.2  # not one rounding below, where a feature could be in
    assert (np.diff(grid) < 0).all()


# --- Warm starts


@pytest.mark.parametrize(
    "model",
    [SparseRegressor(tol=1e-10), SparseRegressor("huber", "elasticnet"), SparseRegressor("poisson"), Lasso(tol=1e-8)],
    ids=str,
)
def test_strengths_start_from_one_another(model):
    rng = np.random.default_rng(0)
    Z = np.cumsum(rng.normal(size=(100, 300)), axis=1)
    t = np.exp(0.02 * Z[:, 50] - 0.02 * Z[:, 200] + 0.1 * rng.normal(size=100))
    path = regularization_path(model, Z, t, alphas=20, alpha_min_ratio=0.02)
    work = np.zeros((2, 2), int)
    for k, alpha in enumerate(path.alphas):
        alone = clone(model).set_params(alpha=alpha).fit(Z, t)
        work[0] += path.n_iter[k], path._solutions[k][0].n_epochs
        work[1] += alone.n_iter_, sum(record.epochs for record in alone.history_)
    assert work[0, 0] < work[1, 0]  # outer iterations
    assert work[0, 1] < work[1, 1]  # epochs of the inner solver


def test_a_strength_at_which_nothing_changes_costs_one_certificate():
    top = alpha_max(Lasso(), X, y)
    path = regularization_path(Lasso(), X, y, alphas=top * np.array([8.0, 4.0, 2.0, 1.0]))
    np.testing.assert_array_equal(path.n_iter, 1)
    assert all(solution.n_epochs == 0 for (solution,) in path._solutions)


def test_a_path_ends_where_little_is_gained():
    whole = regularization_path(SparseRegressor(), X, y, alphas=50)
    early = regularization_path(SparseRegressor(), X, y, alphas=50, min_gain=1e-3)
    k = len(early)
    assert 5 < k < 50
    gains = np.diff(whole.explained)
    assert gains[k - 2] < 1e-3 <= gains[: k - 2].min()
    np.testing.assert_array_equal(early.alphas, whole.alphas[:k])
    np.testing.assert_array_equal(early.coefs[-1].toarray(), whole.coefs[k - 1].toarray())


# --- What comes back


@cache
def diabetes_path(**options):
    return regularization_path(SparseRegressor(**options), X, y, alphas=20)


def test_shapes():
    path = diabetes_path()
    assert len(path) == 20 == len(path.coefs)
    assert all(isinstance(coef, sparse.csr_array) and coef.shape == (1, 10) for coef in path.coefs)
    for name in ("alphas", "intercepts", "dual_gaps", "relative_gaps", "n_nonzero", "explained", "n_iter"):
        assert getattr(path, name).shape == (20,)
    assert path.exact is False
    assert path.relax is None
    assert not hasattr(path, "feature_names_in_")
    np.testing.assert_array_equal(path.n_nonzero, [coef.nnz for coef in path.coefs])


def test_explained_is_the_score_of_each_model():
    path = diabetes_path()
    scores = [path.estimator(alpha).score(X, y) for alpha in path.alphas]
    np.testing.assert_allclose(path.explained, scores, atol=1e-12)
    assert (np.diff(path.explained) > 0).all()


def test_the_estimator_of_a_strength_is_as_if_fitted():
    path = diabetes_path()
    model, fitted = path.estimator(path.alphas[9]), SparseRegressor(alpha=path.alphas[9]).fit(X, y)
    assert model.get_params() == fitted.get_params()
    assert {name for name in vars(model) if name.endswith("_")} == {name for name in vars(fitted) if name.endswith("_")}
    np.testing.assert_allclose(model.coef_, fitted.coef_, rtol=1e-3, atol=1e-2)
    assert model.intercept_ == pytest.approx(fitted.intercept_)
    assert model.relative_gap_ <= model.tol
    np.testing.assert_allclose(model.predict(X), fitted.predict(X), rtol=1e-4)
    assert model.set_params(alpha=0.5).fit(X, y).alpha == 0.5  # it can be fitted again
    assert path.estimator(path.alphas[9]).alpha == path.alphas[9]


def test_the_estimator_of_a_strength_finds_it_up_to_rounding():
    path = diabetes_path()
    assert path.estimator(path.alphas[3] * (1 + 1e-12)).alpha == path.alphas[3]
    with pytest.raises(
        ValueError, match=r"alpha must be one of the path's alphas; got 0.7, the nearest is .*interpolate"
    ):
        path.estimator(0.7)
    with pytest.raises(ValueError, match="got nan"):
        path.estimator(np.nan)
    with_zero = regularization_path(Lasso(), X, y, alphas=[1.0, 0.0])
    assert with_zero.estimator(0).alpha == 0


def test_interpolation_is_linear_between_neighbours():
    path = diabetes_path()
    (left, right), (a, b) = path.coefs[4:6], path.alphas[4:6]
    coef, intercept = path.interpolate(0.25 * a + 0.75 * b)
    np.testing.assert_allclose(coef.toarray(), 0.25 * left.toarray() + 0.75 * right.toarray())
    assert intercept == pytest.approx(0.25 * path.intercepts[4] + 0.75 * path.intercepts[5])
    for k in (0, 7, 19):
        coef, intercept = path.interpolate(path.alphas[k])
        np.testing.assert_array_equal(coef.toarray(), path.coefs[k].toarray())
        assert intercept == path.intercepts[k]
    for outside in (1.01 * path.alphas[0], 0.99 * path.alphas[-1], np.nan):
        with pytest.raises(ValueError, match="alpha must lie on the path, between"):
            path.interpolate(outside)


def test_the_matrix_of_coefficients():
    matrix = diabetes_path().coef_matrix()
    assert isinstance(matrix, sparse.csr_array)
    np.testing.assert_array_equal(matrix.toarray(), np.vstack([coef.toarray() for coef in diabetes_path().coefs]))
    many = regularization_path(Lasso(), X, np.column_stack([y, y[::-1]]), alphas=4)
    np.testing.assert_array_equal(many.coef_matrix(1).toarray(), np.vstack([c.toarray()[1] for c in many.coefs]))


def test_the_repr_says_what_there_is():
    text = repr(diabetes_path())
    assert text.startswith("<Path of SparseRegressor: 20 alphas from 2.15 to 0.00215, 0 to 10 of 10 features")
    assert "largest relative duality gap" in text


def test_a_path_survives_a_pickle_and_holds_no_data():
    Z = np.tile(X, (20, 1))
    path = regularization_path(Lasso(), Z, np.tile(y, 20), alphas=10)
    stored = pickle.dumps(path)
    assert len(stored) < 30_000  # y alone has 70 kB
    again = pickle.loads(stored)
    assert repr(again) == repr(path)
    np.testing.assert_array_equal(again.coef_matrix().toarray(), path.coef_matrix().toarray())
    np.testing.assert_array_equal(again.estimator(path.alphas[4]).predict(X), path.estimator(path.alphas[4]).predict(X))


def test_a_path_is_close_to_that_of_scikit_learn():
    path = regularization_path(Lasso(fit_intercept=False, tol=1e-10), X, y, alphas=20)
    _, coefs, _ = lasso_path(X, y, alphas=path.alphas, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(path.coef_matrix().toarray(), coefs.T, atol=1e-4 * np.abs(coefs).max())


# --- Targets, weights, offsets, types


def test_several_outputs_are_paths_side_by_side():
    Y = np.column_stack([y, 2 * y[::-1], np.roll(y, 7)])
    path = regularization_path(SparseRegressor(), X, Y, alphas=[2.0, 0.5, 0.1])
    assert path.coefs[0].shape == (3, 10)
    assert path.intercepts.shape == path.dual_gaps.shape == path.relative_gaps.shape == (3, 3)
    for k, column in enumerate(Y.T):
        single = regularization_path(SparseRegressor(), X, column, alphas=[2.0, 0.5, 0.1])
        np.testing.assert_allclose(path.coef_matrix(k).toarray(), single.coef_matrix().toarray(), atol=1e-9)
        np.testing.assert_allclose(path.intercepts[:, k], single.intercepts)
    np.testing.assert_array_equal(path.n_nonzero, [len(np.unique(coef.indices)) for coef in path.coefs])
    model = path.estimator(0.5)
    assert model.coef_.shape == (3, 10)
    assert model.predict(X).shape == Y.shape
    np.testing.assert_allclose(path.explained[1], model.score(X, Y))
    coef, intercept = path.interpolate(0.3)
    assert coef.shape == (3, 10)
    assert intercept.shape == (3,)


def test_string_labels_come_back():
    Z, t = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[t]
    path = regularization_path(SparseClassifier(standardize=True), Z, names, alphas=10)
    model = path.estimator(path.alphas[-1])
    assert model.classes_.tolist() == ["benign", "malignant"]
    assert model.score(Z, names) > 0.97
    assert path.intercepts.shape == (10, 1)
    np.testing.assert_allclose(model.predict_proba(Z).sum(axis=1), 1.0)


def test_weights_are_repetitions_and_offsets_shift():
    s = ROWS % 3
    weighted = regularization_path(SparseRegressor(), X, y, alphas=8, sample_weight=s)
    repeated = regularization_path(SparseRegressor(), np.repeat(X, s, axis=0), np.repeat(y, s), alphas=8)
    np.testing.assert_allclose(weighted.alphas, repeated.alphas)
    np.testing.assert_allclose(weighted.coef_matrix().toarray(), repeated.coef_matrix().toarray(), atol=1e-4)
    o = np.linspace(-50, 50, len(y))
    shifted = regularization_path(SparseRegressor(), X, y, alphas=8, offset=o)
    plain = regularization_path(SparseRegressor(), X, y - o, alphas=8)
    np.testing.assert_allclose(shifted.coef_matrix().toarray(), plain.coef_matrix().toarray(), atol=1e-4)
    model = shifted.estimator(shifted.alphas[3])
    with pytest.raises(ValueError, match="offset"):
        model.predict(X)
    np.testing.assert_allclose(model.predict(X, offset=o) - o, plain.estimator(plain.alphas[3]).predict(X), rtol=1e-5)


def test_float32_is_kept():
    path = regularization_path(SparseRegressor(), X.astype(np.float32), y, alphas=5)
    assert {coef.dtype for coef in path.coefs} == {path.intercepts.dtype} == {np.dtype(np.float32)}
    assert path.estimator(path.alphas[2]).coef_.dtype == np.float32
    assert path.coef_matrix().dtype == np.float32
    assert path.alphas.dtype == np.float64


def test_names_of_features_are_kept():
    frame = load_diabetes(as_frame=True).data
    path = regularization_path(SparseRegressor(penalty_factor={"bmi": 0}), frame, y, alphas=5)
    assert path.feature_names_in_.tolist() == frame.columns.tolist()
    assert path.coefs[0].indices.tolist() == [2]
    assert path.estimator(path.alphas[0]).feature_names_in_.tolist() == frame.columns.tolist()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_two_hundred_million_columns(dtype):
    rng = np.random.default_rng(0)
    columns = np.sort(rng.choice(10**6, size=40, replace=False)) * 199
    Z = sparse.csr_array(rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.5))
    few = (Z.data, columns[Z.indices].astype(dtype), Z.indptr.astype(dtype))
    big = sparse.csr_array(few, shape=(60, 200_000_000))
    t = Z @ np.r_[np.ones(5), np.zeros(35)] + 0.1 * rng.normal(size=60)
    path, small = (regularization_path(SparseRegressor(), A, t, alphas=20) for A in (big, Z))
    np.testing.assert_allclose(path.alphas, small.alphas)
    assert path.coefs[-1].shape == (1, 200_000_000)
    for a, b in zip(path.coefs, small.coefs, strict=True):
        np.testing.assert_array_equal(a.indices, columns[b.indices])
        np.testing.assert_allclose(a.data, b.data, atol=1e-6)
    assert path.coef_matrix().shape == (20, 200_000_000)
    assert len(pickle.dumps(path)) < 100_000
    np.testing.assert_allclose(
        path.estimator(path.alphas[9]).predict(big), small.estimator(small.alphas[9]).predict(Z), atol=1e-5
    )


def test_a_path_over_ten_million_features_holds_little():
    Z, t = wide()
    assert len(np.unique(Z.indices)) == 100_000
    tracemalloc.start()
    try:
        path = regularization_path(Lasso(), Z, t, alphas=100, alpha_min_ratio=0.05)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(path) == 100
    assert held < 10e6  # one dense coefficient alone would have 80 MB
    assert peak < 60e6
    assert path.relative_gaps.max() <= 1e-4


# --- Edges and refusals


@pytest.mark.parametrize(
    "model", [Lasso(), SparseRegressor("huber"), SparseRegressor("poisson", "elasticnet")], ids=str
)
def test_a_constant_target_is_an_empty_model_at_any_strength(model):
    path = regularization_path(model, X, np.full(len(y), 3.0), alphas=5)
    np.testing.assert_array_equal(path.n_nonzero, 0)
    expected = np.log(3.0) if model._loss().positive else 3.0
    np.testing.assert_allclose(path.intercepts, expected)


def hard():
    """Too many correlated columns for one iteration."""
    Z = np.cumsum(np.random.default_rng(0).normal(size=(100, 400)), axis=1)
    return Z, Z[:, 50] - Z[:, 200]


def test_one_warning_for_all_strengths_that_did_not_converge():
    Z, t = hard()
    model = SparseRegressor("huber", max_iter=1, tol=1e-12)
    with pytest.warns(ConvergenceWarning) as record:
        path = regularization_path(model, Z, np.column_stack([t, -t]), alphas=10)
    assert len(record) == 1
    assert record[0].filename == __file__
    failed = (path.relative_gaps > 1e-12).any(axis=1)
    text = str(record[0].message)
    assert text.startswith(f"{failed.sum()} of 10 alphas did not converge, the largest {path.alphas[failed][0]:.3g}")
    assert (
        f"largest relative duality gap {path.relative_gaps.max():.1e}, tol=1e-12 asked for. Increase max_iter" in text
    )


def test_nothing_given_is_changed():
    factor = np.linspace(0.5, 2, 10)
    model = SparseRegressor(alpha=0.3, penalty_factor=factor, warm_start=True).fit(X, y)
    before, grid, Z = dict(vars(model)), np.array([0.1, 1.0]), X.copy()
    for array in (factor, grid, Z):
        array.setflags(write=False)
    path = regularization_path(model, Z, y, alphas=grid)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    path.estimator(1.0).set_params(alpha=7.0).fit(X, -y)
    assert path.estimator(1.0).alpha == 1.0


@pytest.mark.parametrize("function", [regularization_path, alpha_max])
@pytest.mark.parametrize("estimator", [make_pipeline(StandardScaler(), Lasso()), SklearnLasso(), Lasso, "l1"], ids=str)
def test_other_estimators_are_refused(function, estimator):
    with pytest.raises(TypeError, match=r"estimator must be one of sparsereg's linear models; got .*see PathSearchCV"):
        function(estimator, X, y)


@pytest.mark.parametrize("function", [regularization_path, alpha_max])
def test_bad_data_are_named(function):
    for arguments, message in [
        ({"y": y[:-1]}, "inconsistent numbers of samples"),
        ({"X": np.where(np.isclose(X, X[3, 3]), np.nan, X)}, "NaN"),
        ({"sample_weight": -np.ones(len(y))}, "sample_weight must be >= 0"),
        ({"offset": np.ones(3)}, "offset must be a number or have shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            function(Lasso(), **{"X": X, "y": y, **arguments})
    with pytest.raises(ValueError, match="tol must be > 0"):
        function(Lasso(tol=0.0), X, y)


def test_paths_are_made_by_the_function():
    assert isinstance(diabetes_path(), Path)
    assert "regularization_path" in Path.__doc__


def test_where_there_is_no_finite_minimum_the_warning_says_so():
    x = np.arange(10.0)[:, None]
    with pytest.warns(ConvergenceWarning, match=r"at 1 of 2 alphas, the largest 0, there is no finite minimum"):
        regularization_path(SparseClassifier(), x, x[:, 0] > 4, alphas=[0.1, 0.0])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_a_matrix_without_data_has_null_models_only(container):
    path = regularization_path(Lasso(), container(np.zeros((len(y), 3))), y, alphas=4)
    assert path.n_nonzero.tolist() == [0] * 4
    np.testing.assert_allclose(path.intercepts, y.mean())
    assert alpha_max(Lasso(), container(np.zeros((len(y), 3))), y) == 0.0

"""Adaptive lasso: weights from a pilot are penalty factors; the pilot sees what it may, and fails with clear words."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, OrthogonalMatchingPursuit, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import (
    AdaptiveLasso,
    AdaptiveLassoClassifier,
    ElasticNet,
    Lasso,
    PathSearchCV,
    SelectNonzero,
    SparseClassifier,
    SparseRegressor,
    alpha_max,
    information_criterion,
    regularization_path,
)


def data(n=80, p=15, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.linspace(0.3, 3, p)
    return X, X[:, ::4] @ np.array([2.0, -1.0, 1.5, 1.0]) + rng.normal(size=n) + 3


class Dummy(BaseEstimator):
    """A pilot that has the coefficients that it is given."""

    def __init__(self, coef=None):
        self.coef = coef

    def fit(self, X, y):
        self.coef_ = self.coef
        return self


PILOTS = [
    Ridge(),
    LinearRegression(),
    Lasso(alpha=0.05),
    ElasticNet(alpha=0.05),
    OrthogonalMatchingPursuit(),
    RidgeCV(),
]


@pytest.mark.parametrize("pilot", PILOTS, ids=str)
@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_weights_are_penalty_factors(pilot, power):
    X, y = data()
    model = AdaptiveLasso(pilot, alpha=0.02, power=power).fit(X, y)
    coef = clone(pilot).fit(X, y).coef_
    with np.errstate(divide="ignore"):
        weights = np.abs(coef) ** -power
    np.testing.assert_allclose(model.weights_, weights, rtol=1e-12)
    np.testing.assert_allclose(model.estimator_.coef_, coef)
    assert model.sparse_weights_.nnz == np.isfinite(weights).sum()
    by_hand = SparseRegressor(alpha=0.02, penalty_factor=weights).fit(X, y)
    np.testing.assert_allclose(model.coef_, by_hand.coef_, atol=1e-9)
    assert model.relative_gap_ <= 1e-8


def test_penalty_factors_multiply():
    """A factor of zero is stronger than a pilot that does not use the feature."""
    X, y = data()
    coef = np.where(np.arange(15) % 2, 0.5, 0.0)
    factor = np.ones(15)
    factor[[0, 1, 3, 5]] = 0, 0, 2, np.inf
    model = AdaptiveLasso(Dummy(coef), alpha=0.01, penalty_factor=factor).fit(X, y)
    total = np.where(coef, 2.0, np.inf) * np.where(factor == 0, 1.0, factor)
    total[factor == 0] = 0
    expected = SparseRegressor(alpha=0.01, penalty_factor=total).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-9)
    assert model.coef_[0] != 0
    assert (model.coef_[[2, 4, 5]] == 0).all()


def test_excluded_at_alpha_zero_too():
    X, y = data()
    coef = np.where(np.arange(15) < 4, 1.0, 0.0)
    model = AdaptiveLasso(Dummy(coef), alpha=0.0).fit(X, y)
    expected = LinearRegression().fit(X[:, :4], y)
    np.testing.assert_allclose(model.coef_[:4], expected.coef_, rtol=1e-6)
    assert (model.coef_[4:] == 0).all()


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_standardize_makes_units_irrelevant(power):
    X, y = data()
    units = np.geomspace(1e-2, 1e2, X.shape[1])
    model = AdaptiveLasso(LinearRegression(), alpha=0.02, power=power, standardize=True)
    one, other = clone(model).fit(X, y), clone(model).fit(X * units, y)
    np.testing.assert_allclose(other.weights_, one.weights_, rtol=1e-6)
    np.testing.assert_allclose(other.coef_ * units, one.coef_, atol=1e-6)
    scaled = StandardScaler().fit(X)
    by_hand = AdaptiveLasso(LinearRegression(), alpha=0.02, power=power).fit(scaled.transform(X), y)
    np.testing.assert_allclose(one.coef_ * scaled.scale_, by_hand.coef_, atol=1e-7)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_is_dense(kind):
    X, y = data()
    X = X * (np.random.default_rng(1).random(X.shape) < 0.5)
    X[:, 7] = 0
    for pilot in (Lasso(alpha=0.01), Ridge()):
        for standardize in (False, True):
            model = AdaptiveLasso(pilot, alpha=0.01, standardize=standardize)
            dense, thin = clone(model).fit(X, y), clone(model).fit(kind(X), y)
            np.testing.assert_allclose(thin.coef_, dense.coef_, atol=1e-4)


def test_pilots_may_weigh_columns_without_data():
    X, y = data()
    X[:, 2] = 0
    both = [sparse.csr_array(X), X]
    coefs = [AdaptiveLasso(Dummy(np.ones(15)), alpha=0.01).fit(Z, y).coef_ for Z in both]
    np.testing.assert_allclose(coefs[0], coefs[1], atol=1e-9)
    np.testing.assert_allclose(coefs[0], Lasso(alpha=0.01, tol=1e-10).fit(X, y).coef_, atol=1e-6)


def test_wide_sparse_data_cost_what_holds_data():
    """With a pilot that has sparse_coef_ nothing of the size of n_features is made."""
    rng = np.random.default_rng(0)
    n, p = 60, 200_000_000
    columns = np.sort(rng.choice(p, 30, replace=False))
    few = rng.normal(size=(n, 30))
    rows, places = np.nonzero(few)
    X = sparse.csr_array((few[rows, places], (rows, columns[places])), shape=(n, p))
    y = few[:, ::10] @ np.array([3.0, -2.0, 2.0]) + 0.1 * rng.normal(size=n)
    tracemalloc.start()
    for standardize in (False, True):
        model = AdaptiveLasso(Lasso(alpha=0.1), alpha=0.1, standardize=standardize).fit(X, y)
        np.testing.assert_array_equal(model.sparse_coef_.indices, columns[::10])
        path = regularization_path(model, X, y, alphas=5)
        np.testing.assert_array_equal(path.coefs[-1].indices, columns[np.flatnonzero(few.any(0))][::10])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_weights_and_offset_reach_the_pilot():
    X, y = data()
    counts = np.random.default_rng(2).integers(0, 3, len(y))
    offset = np.linspace(-1, 1, len(y))
    model = AdaptiveLasso(Lasso(alpha=0.05, tol=1e-12), alpha=0.02)
    weighted = clone(model).fit(X, y, sample_weight=counts, offset=offset)
    rows = np.repeat(np.arange(len(y)), counts)
    repeated = clone(model).fit(X[rows], y[rows], offset=offset[rows])
    shifted = clone(model).fit(X[rows], (y - offset)[rows])
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, rtol=1e-5)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    np.testing.assert_allclose(repeated.coef_, shifted.coef_, atol=1e-6)


@pytest.mark.parametrize(
    "search", [PathSearchCV(Lasso(), alphas=10, cv=3), GridSearchCV(Ridge(), {"alpha": [0.1, 1]}, cv=3)]
)
def test_pilots_may_be_searches(search):
    X, y = data()
    weight = np.linspace(0.1, 2, len(y))
    model = AdaptiveLasso(search, alpha=0.01).fit(X, y, sample_weight=weight)
    expected = clone(search).fit(X, y, sample_weight=weight).best_estimator_.coef_
    np.testing.assert_allclose(model.estimator_.best_estimator_.coef_, expected)


@pytest.mark.parametrize("shape", [(1,), (3,)])
def test_each_output_has_a_pilot(shape):
    X, y = data()
    Y = np.column_stack([y * (k + 1) + k * X[:, k] for k in range(*shape)])
    model = AdaptiveLasso(Ridge(), alpha=0.05).fit(X, Y)
    for k in range(*shape):
        alone = AdaptiveLasso(Ridge(), alpha=0.05).fit(X, Y[:, k])
        np.testing.assert_allclose(model.weights_[k], alone.weights_)
        np.testing.assert_allclose(model.coef_[k], alone.coef_, atol=1e-9)


@pytest.mark.parametrize("loss", ["poisson", "huber", "gamma"])
def test_every_loss(loss):
    X, y = data()
    y = np.exp(0.2 * y)
    pilot = SparseRegressor(loss, "l2", alpha=0.1)
    model = AdaptiveLasso(pilot, alpha=0.02, loss=loss).fit(X, y)
    weights = 1 / np.abs(clone(pilot).fit(X, y).coef_)
    expected = SparseRegressor(loss, alpha=0.02, penalty_factor=weights).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-7)


@pytest.mark.parametrize("pilot", [SparseClassifier(penalty="l2"), LogisticRegression()], ids=str)
def test_classes(pilot):
    X, y = data(n=150)
    labels = np.where(y > 3, "high", "low")
    options = {"alpha": 0.01, "class_weight": {"high": 2.0, "low": 1.0}}
    model = AdaptiveLassoClassifier(pilot, **options).fit(X, labels)
    found = clone(pilot).fit(X, labels, sample_weight=np.where(labels == "high", 2.0, 1.0)).coef_[0]
    np.testing.assert_allclose(model.weights_[0] if model.weights_.ndim == 2 else model.weights_, 1 / np.abs(found))
    by_hand = SparseClassifier(penalty_factor=1 / np.abs(found), **options).fit(X, labels)
    np.testing.assert_allclose(model.coef_, by_hand.coef_, atol=1e-6)
    assert set(model.predict(X)) == {"high", "low"}


# --- Paths and searches


def test_paths_have_one_pilot():
    X, y = data()
    model = AdaptiveLasso(Ridge())
    path = regularization_path(model, X, y, alphas=20, alpha_min_ratio=0.01)
    assert path.alphas[0] == pytest.approx(alpha_max(model, X, y))
    for at in (5, 15):
        found = path.estimator(path.alphas[at])
        alone = AdaptiveLasso(Ridge(), alpha=path.alphas[at]).fit(X, y)
        np.testing.assert_allclose(found.coef_, alone.coef_, atol=1e-6)
        np.testing.assert_allclose(found.weights_, alone.weights_)
    assert np.isfinite(information_criterion(path, X, y, "ebic")).all()
    exact = regularization_path(model, X, y, alphas=path.alphas[:10], exact=True)
    assert exact.exact


def test_searches_fit_the_pilot_per_fold():
    """Scores are those of an explicit loop in which the pilot never sees a test row."""
    X, y = data()
    cv = KFold(4)
    alphas = [0.3, 0.05, 0.01]
    search = PathSearchCV(AdaptiveLasso(Lasso(alpha=0.1)), alphas=alphas, cv=cv).fit(X, y)
    for k, alpha in enumerate(alphas):
        for fold, (train, test) in enumerate(cv.split(X)):
            score = AdaptiveLasso(Lasso(alpha=0.1), alpha=alpha).fit(X[train], y[train]).score(X[test], y[test])
            assert search.cv_results_[f"split{fold}_test_score"][k] == pytest.approx(score, abs=1e-8)
    assert search.best_estimator_.estimator_.coef_.shape == (15,)


def test_parameters_of_the_pilot_can_be_searched():
    X, y = data()
    model = make_pipeline(StandardScaler(), AdaptiveLasso(Ridge()))
    grid = {"adaptivelasso__estimator__alpha": [0.1, 100.0], "adaptivelasso__power": [1.0, 2.0]}
    search = PathSearchCV(model, alphas=5, param_grid=grid, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) == 20
    assert "adaptivelasso__estimator__alpha" in search.best_params_


def test_selection():
    X, y = data()
    kept = SelectNonzero(AdaptiveLasso(Ridge(), alpha=0.1)).fit(X, y).get_support(indices=True)
    np.testing.assert_array_equal(kept, np.flatnonzero(AdaptiveLasso(Ridge(), alpha=0.1).fit(X, y).coef_))


def test_a_pilot_without_features_gives_the_null_model():
    X, y = data()
    model = AdaptiveLasso(Lasso(alpha=100.0), alpha=0.1).fit(X, y)
    assert model.sparse_coef_.nnz == 0
    assert np.isinf(model.weights_).all()
    assert model.intercept_ == pytest.approx(y.mean())
    assert alpha_max(model, X, y) == 0
    path = regularization_path(model, X, y, alphas=5)
    assert (path.n_nonzero == 0).all()
    assert PathSearchCV(model, alphas=5, cv=3).fit(X, y).best_estimator_.sparse_coef_.nnz == 0


# --- Errors


class Failing(BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("out of order")


@pytest.mark.parametrize(
    ("pilot", "message"),
    [
        (Failing(), r"pilot Failing\(\) failed to fit: out of order"),
        (RandomForestRegressor(n_estimators=2), "pilot RandomForestRegressor must be a linear model"),
        (Dummy(None), "pilot Dummy must be a linear model"),
        (Dummy(np.ones(3)), r"one coefficient for each of the 15 features; it has coefficients of shape \(1, 3\)"),
        (Dummy(np.ones((2, 15))), r"of shape \(2, 15\)"),
        (Dummy(np.r_[np.nan, np.ones(14)]), "NaN or inf"),
    ],
)
def test_pilots_that_do_not_serve(pilot, message):
    X, y = data()
    model = AdaptiveLasso(pilot)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "estimator_")


@pytest.mark.parametrize("pilot", [None, Ridge, "ridge", make_pipeline(StandardScaler(), Ridge())])
def test_what_is_no_pilot(pilot):
    with pytest.raises(TypeError, match="estimator must be"):
        AdaptiveLasso(pilot).fit(*data())


def test_a_pilot_without_offset():
    X, y = data()
    with pytest.raises(ValueError, match="pilot Ridge takes no offset"):
        AdaptiveLasso(Ridge()).fit(X, y, offset=np.ones(len(y)))


@pytest.mark.parametrize("power", [0.0, -1.0, np.nan, np.inf])
def test_bad_power(power):
    with pytest.raises(ValueError, match="power must be > 0"):
        AdaptiveLasso(Ridge(), power=power).fit(*data())

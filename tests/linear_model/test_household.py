"""Lasso and ElasticNet are scikit-learn's: parameters, defaults, coefficients, shapes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import datasets
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.preprocessing import StandardScaler

from sparsereg import ElasticNet, Lasso

ABSENT = {"copy_X", "precompute", "selection", "random_state"}
TIGHT = {"tol": 1e-13, "max_iter": 100_000}

# On this data with max|X'(y - mean)| / n as unit, these strengths keep few features, some, nearly all.
STRENGTHS = (0.5, 0.05, 0.001)


def diabetes():
    return datasets.load_diabetes(return_X_y=True)


def diabetes_unscaled():
    return datasets.load_diabetes(return_X_y=True, scaled=False)


def breast_cancer():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def wine():
    X, y = datasets.load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def digits():
    """Counts, with columns that are always zero."""
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400], y[:400]


def regression():
    return datasets.make_regression(150, 300, n_informative=12, noise=5.0, random_state=0)


def shifted():
    """Columns far from centred: the intercept is fitted without centring a copy."""
    X, y = datasets.make_regression(80, 30, n_informative=5, noise=5.0, bias=1000.0, random_state=1)
    return X + np.linspace(-50, 50, 30), y


def friedman():
    return datasets.make_friedman1(120, 12, noise=1.0, random_state=2)


DATA = [diabetes, diabetes_unscaled, breast_cancer, wine, digits, regression, shifted, friedman]
PAIRS = [(Lasso, SklearnLasso, {}), (ElasticNet, SklearnElasticNet, {"l1_ratio": 0.7})]


def strength(X, y, share, fit_intercept=True):
    residual = y - y.mean(axis=0) if fit_intercept else y
    return share * np.abs(X.T @ residual).max() / len(y)


def assert_same_answer(model, peer, X):
    largest = np.abs(peer.coef_).max()
    assert largest > 0
    assert model.coef_.shape == peer.coef_.shape
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=0, atol=1e-6 * largest)
    predicted = peer.predict(X)
    assert model.predict(X).shape == predicted.shape
    np.testing.assert_allclose(model.predict(X), predicted, rtol=0, atol=1e-6 * np.abs(predicted).max())


@pytest.mark.parametrize(("ours", "theirs"), [(Lasso, SklearnLasso), (ElasticNet, SklearnElasticNet)])
def test_parameters_and_defaults(ours, theirs):
    expected = {name: value for name, value in theirs().get_params().items() if name not in ABSENT}
    assert ours().get_params() == expected


@pytest.mark.parametrize(("ours", "theirs", "options"), PAIRS)
@pytest.mark.parametrize("share", STRENGTHS)
@pytest.mark.parametrize("load", DATA)
def test_same_coefficients(load, share, ours, theirs, options):
    X, y = load()
    options = {"alpha": strength(X, y, share), **TIGHT, **options}
    peer = theirs(**options).fit(np.asfortranarray(X), y)
    for container in (np.asarray, np.asfortranarray, sparse.csc_array, sparse.csr_matrix):
        assert_same_answer(ours(**options).fit(container(X), y), peer, X)


@pytest.mark.parametrize(("ours", "theirs", "options"), PAIRS)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("load", [diabetes, shifted, digits])
def test_same_coefficients_with_options(load, weighted, positive, fit_intercept, ours, theirs, options):
    X, y = load()
    rng = np.random.default_rng(0)
    sample_weight = np.where(rng.random(len(y)) < 0.1, 0, rng.gamma(1.0, size=len(y))) if weighted else None
    alpha = strength(X, y, 0.03, fit_intercept)
    options = {"alpha": alpha, "positive": positive, "fit_intercept": fit_intercept, **TIGHT, **options}
    peer = theirs(**options).fit(np.asfortranarray(X), y, sample_weight)
    for container in (np.asarray, sparse.csc_matrix, sparse.csr_array):
        model = ours(**options).fit(container(X), y, sample_weight)
        assert_same_answer(model, peer, X)
        assert not positive or (model.coef_ >= 0).all()
        np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-6, atol=1e-6 * np.abs(y).max())
        score = peer.score(X, y, sample_weight)
        assert model.score(container(X), y, sample_weight) == pytest.approx(score, rel=1e-6)


@pytest.mark.parametrize(("ours", "theirs", "options"), PAIRS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_two_dimensional_targets(ours, theirs, options, fit_intercept):
    X, Y = datasets.load_linnerud(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    options = {"alpha": 0.3, "fit_intercept": fit_intercept, **TIGHT, **options}
    for y in (Y[:, 0], Y[:, :1], Y):
        peer, model = theirs(**options).fit(X, y), ours(**options).fit(X, y)
        assert_same_answer(model, peer, X)
        assert np.shape(model.intercept_) == np.shape(peer.intercept_)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, rtol=1e-6)
        assert np.shape(model.dual_gap_) == np.shape(peer.dual_gap_)
        assert model.sparse_coef_.shape == peer.sparse_coef_.shape
        assert model.score(X, y) == pytest.approx(peer.score(X, y))


@pytest.mark.parametrize(("ours", "theirs", "options"), PAIRS)
def test_default_tolerance_is_no_looser(ours, theirs, options):
    """tol means the same: a bound on the gap relative to the null deviance."""
    X, y = diabetes()
    options = {"alpha": 0.01, **options}
    exact = theirs(**options).set_params(**TIGHT).fit(X, y)
    model = ours(**options).fit(X, y)
    unit = 0.5 * np.var(y)

    def objective(m):
        l1_ratio = options.get("l1_ratio", 1.0)
        penalty = l1_ratio * np.abs(m.coef_).sum() + (1 - l1_ratio) / 2 * m.coef_ @ m.coef_
        return 0.5 * np.mean((y - m.predict(X)) ** 2) + 0.01 * penalty

    assert model.dual_gap_ <= 1e-4 * unit
    assert -1e-12 * unit <= objective(model) - objective(exact) <= model.dual_gap_ + 1e-12 * unit


def test_least_squares_at_alpha_zero():
    X, y = diabetes()
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)[0]
    model = Lasso(alpha=0, **TIGHT).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected, atol=1e-6 * np.abs(expected).max())

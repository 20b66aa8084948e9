"""Paths of MCP and SCAD: where they are convex, their criteria, refits, searches, and several starts."""

import matplotlib as mpl
import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV, KFold

from sparsereg import (
    Lasso,
    PathSearchCV,
    SparseClassifier,
    SparseRegressor,
    alpha_max,
    information_criterion,
    regularization_path,
    relax,
)
from sparsereg.inspection import PathDisplay
from sparsereg.penalties import MCP, SCAD

mpl.use("Agg")

SPECS = [MCP(), MCP(1.5), SCAD(), SCAD(2.2)]
every_spec = pytest.mark.parametrize("spec", SPECS, ids=str)


def data(n=100, p=200, rho=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    return X, X[:, :: p // 8] @ rng.choice([-2.0, 2.0], len(X[0, :: p // 8])) + 2 * rng.normal(size=n)


def convex_by_eigenvalues(path, X, y, spec, loss="squared_error"):
    """The least strength before which every centred H_A has eigenvalues above the concavity, written out."""
    bend = 1 / spec.gamma if isinstance(spec, MCP) else 1 / (spec.gamma - 1)
    coefs, before, last = path.coef_matrix().toarray(), np.zeros(X.shape[1], dtype=bool), None
    for alpha, w, b in zip(path.alphas, coefs, np.ravel(path.intercepts), strict=True):
        used = (w != 0) | before
        p = 1 / (1 + np.exp(-(X @ w + b)))
        h = (np.ones(len(y)) if loss == "squared_error" else p * (1 - p)) / len(y)
        centred = X[:, used] - h @ X[:, used] / h.sum()
        if used.any() and np.linalg.eigvalsh(centred.T @ (h[:, None] * centred)).min() <= bend:
            break
        before, last = w != 0, alpha
    return last


@every_spec
def test_convex_alpha(spec):
    X, y = data()
    path = regularization_path(SparseRegressor(penalty=spec, tol=1e-6), X, y, alphas=40, alpha_min_ratio=0.05)
    assert path.convex_alpha == convex_by_eigenvalues(path, X, y, spec)
    assert path.alphas[-1] < path.convex_alpha < path.alphas[0]
    assert f"convex on the support down to alpha={path.convex_alpha:.3g}" in repr(path)
    thin = regularization_path(SparseRegressor(penalty=spec, tol=1e-6), sparse.csr_array(X), y, alphas=path.alphas)
    assert thin.convex_alpha == path.convex_alpha


def test_convex_alpha_of_a_logistic_path():
    X, y = data(n=400, p=50)
    labels = y + 6 * np.random.default_rng(1).normal(size=400) > 0
    spec = MCP(20.0)
    path = regularization_path(SparseClassifier(penalty=spec, tol=1e-6), X, labels, alphas=30, alpha_min_ratio=0.05)
    assert path.convex_alpha == convex_by_eigenvalues(path, X, labels, spec, "log_loss")
    assert path.alphas[-1] < path.convex_alpha


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_convex_alpha_of_several_classes(layout, fit_intercept):
    """By the eigenvalues of the softmax Hessian, written out; most columns of the sparse X hold nothing."""
    X, y = data(n=300, p=12, rho=0.2)
    labels = np.digitize(y + 6 * np.random.default_rng(1).normal(size=300), [-5, 5])
    n, spec = len(X), MCP(20.0)
    places = 7 * np.arange(12)
    spread = np.zeros((n, 90))
    spread[:, places] = X
    model = SparseClassifier(penalty=spec, tol=1e-8, fit_intercept=fit_intercept)
    path = regularization_path(model, layout(spread), labels, alphas=15, alpha_min_ratio=0.02)
    expected, before = None, np.zeros((3, 12), dtype=bool)
    for alpha, coef, b in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        w = coef.toarray()[:, places]
        p = np.exp(X @ w.T + b)
        p /= p.sum(axis=1, keepdims=True)
        ones = np.c_[X, np.ones(n)]
        H = np.einsum("ikl,ij,im->kjlm", p[:, :, None] * (np.eye(3) - p[:, None, :]) / n, ones, ones).reshape(39, 39)
        used = np.c_[(w != 0) | before, np.zeros((3, 1), dtype=bool)].ravel()
        free = np.c_[np.zeros((3, 12), dtype=bool), np.full((3, 1), fit_intercept)].ravel()
        A, B, C = H[np.ix_(used, used)], H[np.ix_(used, free)], H[np.ix_(free, free)]
        if used.any() and np.linalg.eigvalsh(A - B @ np.linalg.pinv(C, rcond=1e-10) @ B.T).min() <= 1 / spec.gamma:
            break
        expected, before = alpha, w != 0
    assert path.convex_alpha == expected
    assert path.alphas[-1] < expected < path.alphas[0]
    assert len(path.plot().ax_.lines) > 0


def test_convex_alpha_with_units():
    """Under standardize the concavity is that of the standardised weights."""
    X, y = data()
    X = (X - X.mean(0)) / X.std(0)
    units = np.geomspace(0.01, 100, X.shape[1])
    options = {"alphas": 40, "alpha_min_ratio": 0.05}
    plain = regularization_path(SparseRegressor(penalty="mcp", tol=1e-6), X, y, **options)
    scaled = regularization_path(SparseRegressor(penalty="mcp", standardize=True, tol=1e-6), X * units, y, **options)
    assert scaled.convex_alpha == pytest.approx(plain.convex_alpha)


def test_convex_alpha_of_convex_paths():
    X, y = data()
    path = regularization_path(Lasso(), X, y, alphas=10)
    assert path.convex_alpha == path.alphas[-1]
    assert "convex" not in repr(path)
    assert relax(path, X, y).convex_alpha is None
    first = regularization_path(SparseRegressor(penalty="mcp", tol=1e-4), X, y, alphas=[0.05])
    assert first.convex_alpha is None


def test_the_part_that_is_not_convex_is_shaded():
    X, y = data()
    path = regularization_path(SparseRegressor(penalty="mcp", tol=1e-6), X, y, alphas=40, alpha_min_ratio=0.05)
    display = path.plot()
    left = display.shade_.get_x()
    lines = display.lines_[0].get_xdata()
    first = np.sum(path.alphas >= path.convex_alpha)
    assert lines[first - 1] > left > lines[first]
    assert left + display.shade_.get_width() == pytest.approx(lines[-1])
    assert regularization_path(Lasso(), X, y, alphas=10).plot().shade_ is None
    assert PathDisplay(alphas=path.alphas, coefs=path.coef_matrix()).plot().shade_ is None


@every_spec
def test_criteria_count_weights(spec):
    X, y = data()
    path = regularization_path(SparseRegressor(penalty=spec, tol=1e-6), X, y, alphas=20, alpha_min_ratio=0.2)
    n, k = len(y), path.n_nonzero
    residual = y[:, None] - X @ path.coef_matrix().toarray().T - path.intercepts
    expected = n * np.log(np.mean(residual**2, axis=0)) + n * (1 + np.log(2 * np.pi)) + (k + 1) * np.log(n)
    np.testing.assert_allclose(information_criterion(path, X, y, "bic"), expected, rtol=1e-10)


@every_spec
def test_relaxed_paths_are_least_squares_on_the_support(spec):
    X, y = data()
    path = regularization_path(SparseRegressor(penalty=spec, tol=1e-6), X, y, alphas=10, alpha_min_ratio=0.3)
    refits = relax(path, X, y)
    for coef, refit in zip(path.coefs, refits.coefs, strict=True):
        support = coef.indices
        np.testing.assert_array_equal(np.sort(refit.indices), np.sort(support))
        A = np.c_[np.ones(len(y)), X[:, support]]
        np.testing.assert_allclose(refit.toarray()[0, support], np.linalg.lstsq(A, y, rcond=None)[0][1:], atol=1e-7)


@pytest.mark.parametrize("name", ["mcp", "scad"])
def test_searches_agree_with_grid_search_where_convex(name):
    X, y = data(n=200, p=20)
    model, cv = SparseRegressor(penalty=name, standardize=True), KFold(4)
    alphas = alpha_max(model, X, y) * np.geomspace(0.9, 0.05, 6)
    search = PathSearchCV(model, alphas=alphas, cv=cv).fit(X, y)
    grid = GridSearchCV(model, {"alpha": alphas}, cv=cv).fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"], atol=1e-6)
    gammas = PathSearchCV(model, alphas=3, param_grid={"penalty": [MCP(2.0), MCP(5.0)]}, cv=3).fit(X, y)
    assert gammas.best_params_["penalty"].gamma in (2.0, 5.0)


# --- Several starts


def test_more_starts_are_never_worse_and_sometimes_better():
    X, y = data(p=300, rho=0.9)
    for alpha in (0.8, 0.2):
        found = [
            SparseRegressor(penalty="mcp", alpha=alpha, n_starts=k).fit(X, y).history_[-1].objective for k in (1, 2, 10)
        ]
        assert found[0] >= found[1] >= found[2]
    assert found[2] < 0.99 * found[0]
    again = SparseRegressor(penalty="mcp", alpha=0.2, n_starts=10).fit(X, y)
    assert again.history_[-1].objective == found[2]
    assert again.kkt_violation_ <= 1e-8 * alpha_max(again, X, y)


def test_starts_of_convex_penalties_are_one():
    X, y = data()
    one, many = (SparseRegressor(alpha=0.1, n_starts=k).fit(X, y) for k in (1, 5))
    np.testing.assert_array_equal(one.coef_, many.coef_)
    assert one.n_iter_ == many.n_iter_


def test_starts_with_factors_bounds_and_sparse_data():
    X, y = data(p=40)
    factor = np.r_[0.0, np.inf, np.ones(38)]
    thin = sparse.csr_array(X * (np.abs(X) > 1))
    options = {"penalty": "scad", "alpha": 0.2, "penalty_factor": factor, "lower": -1.5, "upper": 1.5}
    one, many = (SparseRegressor(**options, n_starts=k).fit(thin, y) for k in (1, 6))
    assert many.history_[-1].objective <= one.history_[-1].objective
    assert many.coef_[1] == 0
    assert np.abs(many.coef_).max() <= 1.5
    empty = SparseRegressor(penalty="mcp", alpha=1e3, n_starts=4).fit(X, y)
    assert empty.sparse_coef_.nnz == 0


@pytest.mark.parametrize("bad", [0, -1, 1.5, "two", True])
def test_bad_number_of_starts(bad):
    X, y = data(p=10)
    with pytest.raises((TypeError, ValueError), match="n_starts must be"):
        SparseRegressor(penalty="mcp", n_starts=bad).fit(X, y)

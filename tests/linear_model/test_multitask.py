"""Several tasks as one problem: scikit-learn's answers, one task alone, shapes, bad input, paths."""

import pickle

import helpers
import numpy as np
import pytest
import sklearn.linear_model
from sklearn.base import clone
from sklearn.datasets import load_linnerud
from sklearn.multioutput import MultiOutputRegressor

from sparsereg import (
    ElasticNet,
    Lasso,
    MultiTaskElasticNet,
    MultiTaskLasso,
    PathSearchCV,
    SparseRegressor,
    regularization_path,
)
from sparsereg.penalties import ElasticNet as ElasticNetPenalty
from sparsereg.penalties import Group, Rows

EXACT = {"tol": 1e-14}


def tasks(n=60, p=12, K=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    W = np.zeros((K, p))
    W[:, :3] = rng.normal(size=(K, 3))
    return X, X @ W.T + rng.normal(size=(n, K)) + np.arange(K)


# --- Equal to what is known


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(60, 12, 4), (20, 40, 3)])
def test_as_scikit_learn(fit_intercept, alpha, shape):
    X, Y = tasks(*shape)
    given = {"alpha": alpha, "fit_intercept": fit_intercept}
    for name, more in (("MultiTaskLasso", {}), ("MultiTaskElasticNet", {"l1_ratio": 0.6})):
        theirs = getattr(sklearn.linear_model, name)(**given, **more, tol=1e-13, max_iter=100_000).fit(X, Y)
        ours = {"MultiTaskLasso": MultiTaskLasso, "MultiTaskElasticNet": MultiTaskElasticNet}[name]
        for layout in ("C", "csr"):
            model = ours(**given, **more, **EXACT).fit(helpers.with_layout(X, layout), Y)
            np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-6)
            np.testing.assert_allclose(model.intercept_, theirs.intercept_, atol=1e-6)
            assert model.coef_.shape == theirs.coef_.shape
            assert np.shape(model.intercept_) == np.shape(theirs.intercept_)
            np.testing.assert_allclose(model.predict(X), theirs.predict(X), atol=1e-6)
        assert model.score(X, Y) == pytest.approx(theirs.score(X, Y), abs=1e-6)


def test_defaults_are_those_of_scikit_learn():
    for name, ours in (("MultiTaskLasso", MultiTaskLasso()), ("MultiTaskElasticNet", MultiTaskElasticNet())):
        theirs = getattr(sklearn.linear_model, name)().get_params()
        assert {key: value for key, value in theirs.items() if key in ours.get_params()} == ours.get_params()


def test_one_task_is_the_lasso():
    X, Y = tasks()
    y = Y[:, :1]
    lasso, net = Lasso(alpha=0.2, **EXACT).fit(X, y[:, 0]), ElasticNet(alpha=0.2, l1_ratio=0.6, **EXACT).fit(X, y[:, 0])
    multi = MultiTaskLasso(alpha=0.2, **EXACT).fit(X, y)
    assert multi.coef_.shape == (1, 12)
    np.testing.assert_allclose(multi.coef_[0], lasso.coef_, atol=1e-10)
    mixed = MultiTaskElasticNet(alpha=0.2, l1_ratio=0.6, **EXACT).fit(X, y)
    np.testing.assert_allclose(mixed.coef_[0], net.coef_, atol=1e-10)
    rows = SparseRegressor(penalty=Rows(0.6), alpha=0.2, tol=1e-13).fit(X, y[:, 0])
    np.testing.assert_allclose(rows.coef_, net.coef_, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber", "gamma", "tweedie"])
def test_rows_of_one_output_are_the_elastic_net(loss):
    X, y = helpers.features(), helpers.target(loss)
    rows, net = (
        SparseRegressor(loss, spec, alpha=0.03, tol=1e-13).fit(X, y) for spec in (Rows(0.7), ElasticNetPenalty(0.7))
    )
    np.testing.assert_allclose(rows.coef_, net.coef_, atol=1e-7)


def test_equal_tasks_are_one_task_at_the_root_of_their_number():
    """K copies: |W_j| = sqrt(K) |w_j| and K times the loss, so that alpha counts as alpha / sqrt(K)."""
    X, Y = tasks()
    copies = MultiTaskLasso(alpha=0.4, **EXACT).fit(X, np.repeat(Y[:, :1], 4, axis=1))
    alone = Lasso(alpha=0.4 / 2, **EXACT).fit(X, Y[:, 0])
    np.testing.assert_allclose(copies.coef_, np.broadcast_to(alone.coef_, (4, 12)), atol=1e-9)


def test_a_rotation_of_the_tasks_rotates_the_answer():
    X, Y = tasks()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    one, other = (MultiTaskLasso(alpha=0.3, **EXACT).fit(X, T) for T in (Y, Y @ turn))
    np.testing.assert_allclose(other.coef_, turn.T @ one.coef_, atol=1e-8)


def test_separable_penalties_of_tasks_are_a_fit_each():
    X, Y = tasks()
    joint = SparseRegressor(penalty=Group([[0, 1], [2, 3, 4]]), alpha=0.2, tol=1e-12).fit(X, Y)
    each = MultiOutputRegressor(SparseRegressor(penalty=Group([[0, 1], [2, 3, 4]]), alpha=0.2, tol=1e-12)).fit(X, Y)
    np.testing.assert_allclose(joint.predict(X), each.predict(X), atol=1e-6)


def test_weights_are_repetitions_and_layouts_do_not_matter():
    X, Y = tasks()
    weight = np.arange(60) % 3
    weighted = MultiTaskLasso(alpha=0.3, **EXACT).fit(X, Y, sample_weight=weight)
    repeated = MultiTaskLasso(alpha=0.3, **EXACT).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-9)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-9)
    for layout in helpers.AXES["layout"]:
        again = MultiTaskLasso(alpha=0.3, **EXACT).fit(helpers.with_layout(X, layout), Y, sample_weight=weight)
        np.testing.assert_allclose(again.coef_, weighted.coef_, atol=1e-9)
        X32 = helpers.with_layout(X.astype(np.float32), layout)
        single = MultiTaskLasso(alpha=0.3, **EXACT).fit(X32, Y, sample_weight=weight)
        assert single.coef_.dtype == np.float32
        np.testing.assert_allclose(single.coef_, weighted.coef_, atol=1e-4)


def test_offset_is_a_shift_of_y():
    X, Y = tasks()
    known = np.random.default_rng(0).normal(size=Y.shape)
    shifted, given = (
        SparseRegressor(penalty=Rows(), alpha=0.3, tol=1e-12).fit(X, Y - known),
        SparseRegressor(penalty=Rows(), alpha=0.3, tol=1e-12).fit(X, Y, offset=known),
    )
    np.testing.assert_allclose(given.coef_, shifted.coef_, atol=1e-8)
    np.testing.assert_allclose(given.predict(X, offset=known), shifted.predict(X) + known, atol=1e-7)
    common = SparseRegressor(penalty=Rows(), alpha=0.3, tol=1e-12).fit(X, Y, offset=known[:, 0])
    for_all = SparseRegressor(penalty=Rows(), alpha=0.3, tol=1e-12).fit(X, Y, offset=known[:, [0] * 4])
    np.testing.assert_allclose(common.coef_, for_all.coef_, atol=1e-10)


# --- What tasks share


def test_a_feature_is_used_by_all_tasks_or_none():
    X, Y = tasks()
    X = np.c_[X, np.zeros(60), np.full(60, 2.0), X[:, 0]]
    for layout in helpers.AXES["layout"]:
        model = MultiTaskLasso(alpha=0.4).fit(helpers.with_layout(X, layout), Y)
        used = (model.coef_ != 0).sum(axis=0)
        assert set(used) == {0, 4}
        assert not used[[12, 13]].any()
        assert model.relative_gap_ <= 1e-4
        assert np.shape(model.dual_gap_) == ()


def test_standardize_and_signs():
    X, Y = tasks()
    X = X * np.geomspace(0.01, 100, 12)
    model = SparseRegressor(penalty=Rows(), alpha=0.3, standardize=True, tol=1e-12).fit(X, Y)
    sd = X.std(axis=0)
    outside = MultiTaskLasso(alpha=0.3, **EXACT).fit((X - X.mean(axis=0)) / sd, Y)
    np.testing.assert_allclose(model.coef_ * sd, outside.coef_, atol=1e-7)
    positive = SparseRegressor(penalty=Rows(), alpha=0.01, lower=0.0).fit(X, Y)
    assert (positive.coef_ >= 0).all()
    assert positive.coef_.any()


@pytest.mark.parametrize("model", [MultiTaskLasso(), MultiTaskElasticNet()], ids=str)
def test_one_dimensional_y_is_refused(model):
    X, Y = tasks()
    with pytest.raises(ValueError, match=r"y must have shape \(n_samples, n_tasks\).*Lasso"):
        model.fit(X, Y[:, 0])


@pytest.mark.parametrize(
    ("model", "params", "match"),
    [
        (MultiTaskElasticNet(l1_ratio=1.5), {}, "l1_ratio"),
        (MultiTaskLasso(alpha=-1), {}, "alpha"),
        (MultiTaskLasso(), {"offset": np.zeros((60, 3))}, "offset"),
        (MultiTaskLasso(), {"offset": np.zeros(59)}, "offset"),
        (MultiTaskLasso(), {"sample_weight": np.ones(59)}, "sample_weight"),
        (SparseRegressor(penalty=Rows(), lower=-0.5), {}, "lower must be 0 or infinite"),
    ],
    ids=str,
)
def test_refused(model, params, match):
    X, Y = tasks()
    with pytest.raises(ValueError, match=match):
        model.fit(X, Y, **params)


# --- Paths and the rest of the house


def test_path():
    X, Y = tasks()
    path = regularization_path(MultiTaskElasticNet(l1_ratio=0.9, tol=1e-10), X, Y, alphas=8)
    Z = (X - X.mean(axis=0)).T @ (Y - Y.mean(axis=0)) / len(Y)
    assert path.alphas[0] == pytest.approx(np.linalg.norm(Z, axis=1).max() / 0.9, rel=1e-12)
    for alpha in path.alphas[1::3]:
        single = MultiTaskElasticNet(alpha=alpha, l1_ratio=0.9, tol=1e-10).fit(X, Y)
        member = path.estimator(alpha)
        np.testing.assert_allclose(member.coef_, single.coef_, atol=1e-4)
        assert member.predict(X).shape == Y.shape
    np.testing.assert_array_equal(path.n_nonzero[:1], 0)
    assert path.n_nonzero[-1] == 12
    assert path.n_iter.sum() <= 40


def test_search_warm_start_pickle():
    X, Y = load_linnerud(return_X_y=True)
    search = PathSearchCV(MultiTaskLasso(), alphas=10, cv=3).fit(X, Y)
    assert search.predict(X).shape == Y.shape
    X, Y = tasks()
    model = MultiTaskLasso(alpha=0.3, warm_start=True).fit(X, Y)
    coef = model.coef_
    model.fit(X, Y)
    assert model.n_iter_ == 1
    np.testing.assert_allclose(model.coef_, coef, atol=1e-3)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert clone(model).get_params() == model.get_params()

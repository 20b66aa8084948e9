"""Group penalties through the estimators: what they must equal, awkward groups, real tables, paths."""

import pickle

import helpers
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparsereg import (
    ElasticNet,
    GroupLasso,
    Lasso,
    PathSearchCV,
    SparseClassifier,
    SparseGroupLasso,
    SparseRegressor,
    regularization_path,
)
from sparsereg.penalties import Group, SparseGroup

GROUPS = [[0, 3, 5], [1, 2], [4], [6, 7, 8, 9]]
EXACT = {"tol": 1e-14}


def table(n=80, p=10, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.4 * rng.normal(size=(n, 1))
    return X, X[:, 0] - 2 * X[:, 3] + X[:, 1] + rng.normal(size=n)


# --- Equal to what is known


@pytest.mark.parametrize("groups", [None, [[j] for j in range(10)], list(range(10))])
def test_groups_of_one_are_the_lasso(groups):
    X, y = table()
    lasso = Lasso(alpha=0.2, **EXACT).fit(X, y)
    assert 0 < lasso.sparse_coef_.nnz < 10
    for model in (GroupLasso(groups, alpha=0.2, **EXACT), SparseGroupLasso(groups, alpha=0.2, l1_ratio=0.3, **EXACT)):
        model.fit(X, y)
        np.testing.assert_allclose(model.coef_, lasso.coef_, atol=1e-10)
        assert model.intercept_ == pytest.approx(lasso.intercept_, abs=1e-10)
    net = ElasticNet(alpha=0.3, l1_ratio=0.5, **EXACT).fit(X, y)
    ridge = GroupLasso(groups, alpha=0.15, l2=1.0, **EXACT).fit(X, y)
    np.testing.assert_allclose(ridge.coef_, net.coef_, atol=1e-10)


@pytest.mark.parametrize("loss", ["poisson", "huber", "gamma", "tweedie"])
def test_groups_of_one_are_the_lasso_for_every_loss(loss):
    X, y = helpers.features(), helpers.target(loss)
    group, lasso = (SparseRegressor(loss, p, alpha=0.03, tol=1e-13).fit(X, y) for p in (Group(), "l1"))
    np.testing.assert_allclose(group.predict(X), lasso.predict(X), rtol=1e-5)


@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_groups_of_one_are_the_lasso_for_classes(loss):
    X, y = helpers.features(), helpers.target(loss)
    group, lasso = (SparseClassifier(loss, p, alpha=0.03, tol=1e-13).fit(X, y) for p in (Group(), "l1"))
    np.testing.assert_allclose(group.decision_function(X), lasso.decision_function(X), atol=1e-5)


def test_all_absolute_values_are_the_lasso_and_none_the_group_lasso():
    X, y = table()
    lasso = Lasso(alpha=0.2, **EXACT).fit(X, y).coef_
    group = GroupLasso(GROUPS, alpha=0.2, **EXACT).fit(X, y).coef_
    for ratio, expected in ((1.0, lasso), (0.0, group)):
        model = SparseGroupLasso(GROUPS, alpha=0.2, l1_ratio=ratio, **EXACT).fit(X, y)
        np.testing.assert_allclose(model.coef_, expected, atol=1e-10)


def test_one_group_of_all_is_zero_until_its_closed_condition():
    X, y = table()
    z = (X - X.mean(axis=0)).T @ (y - y.mean()) / len(y)
    top = np.linalg.norm(z) / np.sqrt(10)
    assert GroupLasso([list(range(10))], alpha=top * (1 + 1e-6)).fit(X, y).sparse_coef_.nnz == 0
    assert GroupLasso([list(range(10))], alpha=top * (1 - 1e-3)).fit(X, y).sparse_coef_.nnz == 10
    path = regularization_path(GroupLasso([list(range(10))]), X, y, alphas=3)
    assert path.alphas[0] == pytest.approx(top, rel=1e-12)


def test_orthonormal_columns_have_a_closed_form():
    """With X'X = n I the answer of each group is its least squares fit, shrunk: (1 - alpha k / |b|)+ b."""
    rng = np.random.default_rng(0)
    X = np.linalg.qr(rng.normal(size=(50, 10)))[0] * np.sqrt(50)
    y = X @ rng.normal(size=10) + rng.normal(size=50)
    free = X.T @ y / 50
    expected = np.zeros(10)
    for g in GROUPS:
        expected[g] = max(0, 1 - 0.6 * np.sqrt(len(g)) / np.linalg.norm(free[g])) * free[g]
    model = GroupLasso(GROUPS, alpha=0.6, fit_intercept=False, **EXACT).fit(X, y)
    np.testing.assert_allclose(model.coef_, expected, atol=1e-9)
    assert 0 < np.count_nonzero(expected) < 10


def test_columns_in_any_order():
    X, y = table()
    order = np.random.default_rng(1).permutation(10)
    place = np.argsort(order)
    model = GroupLasso(GROUPS, alpha=0.2, weights=[1.0, 2.0, 0.5, 1.5], **EXACT).fit(X, y)
    moved = [place[g].tolist() for g in GROUPS]
    other = GroupLasso(moved, alpha=0.2, weights=[1.0, 2.0, 0.5, 1.5], **EXACT).fit(X[:, order], y)
    np.testing.assert_allclose(other.coef_[place], model.coef_, atol=1e-9)


@pytest.mark.parametrize(
    "model", [GroupLasso(GROUPS, alpha=0.2), SparseGroupLasso(GROUPS, alpha=0.2, standardize=True)]
)
def test_weights_are_repetitions_and_layouts_do_not_matter(model):
    X, y = table()
    weight = np.arange(80) % 3
    weighted = clone(model).set_params(**EXACT).fit(X, y, sample_weight=weight)
    repeated = clone(model).set_params(**EXACT).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-9)
    for layout in helpers.AXES["layout"]:
        again = clone(model).set_params(**EXACT).fit(helpers.with_layout(X, layout), y, sample_weight=weight)
        np.testing.assert_allclose(again.coef_, weighted.coef_, atol=1e-9)
        single = clone(model).fit(helpers.with_layout(X.astype(np.float32), layout), y, sample_weight=weight)
        assert single.coef_.dtype == np.float32
        np.testing.assert_allclose(single.coef_, weighted.coef_, atol=1e-4)


def test_standardize_is_a_scaler():
    X, y = table()
    X = X * np.geomspace(0.01, 100, 10)
    inside = GroupLasso(GROUPS, alpha=0.2, standardize=True, **EXACT).fit(X, y)
    scaler = StandardScaler().fit(X)
    outside = GroupLasso(GROUPS, alpha=0.2, **EXACT).fit(scaler.transform(X), y)
    np.testing.assert_allclose(inside.coef_ * scaler.scale_, outside.coef_, atol=1e-9)


def test_dropout_is_rows_below_X():
    """The squares differ within a group: sqrt(rate / (1 - rate) sum_i x_ij^2) as a row of its own for each column."""
    X, y = table()
    ridge = np.diag(np.sqrt(0.3 / 0.7 * (X**2).sum(axis=0)))
    dropped = SparseRegressor(penalty=Group(GROUPS), alpha=0.2, dropout=0.3, fit_intercept=False, tol=1e-13).fit(X, y)
    # The mean is over 80 rows, not 90.
    below = GroupLasso(GROUPS, alpha=0.2 * 80 / 90, fit_intercept=False, **EXACT).fit(
        np.r_[X, ridge], np.r_[y, np.zeros(10)]
    )
    np.testing.assert_allclose(dropped.coef_, below.coef_, atol=1e-7)


def test_a_rotation_inside_a_group_changes_nothing():
    """The norm of a group does not see one: what a lasso does not have."""
    X, y = table()
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    turned = X.copy()
    turned[:, GROUPS[3]] = X[:, GROUPS[3]] @ turn
    one, other = (GroupLasso(GROUPS, alpha=0.05, **EXACT).fit(Z, y) for Z in (X, turned))
    assert one.coef_[GROUPS[3]].all()
    np.testing.assert_allclose(other.predict(turned), one.predict(X), atol=1e-8)


# --- Awkward groups


def test_zero_constant_duplicated():
    X, y = table()
    X[:, [6, 7, 8, 9]] = 0
    X[:, 4] = 3
    X = np.c_[X, X[:, [0, 3, 5]]]
    groups = [*GROUPS, [10, 11, 12]]
    for layout in helpers.AXES["layout"]:
        model = GroupLasso(groups, alpha=0.2).fit(helpers.with_layout(X, layout), y)
        assert not model.coef_[[4, 6, 7, 8, 9]].any()
        assert model.relative_gap_ <= 1e-8
        together = model.coef_[[0, 3, 5]] + model.coef_[[10, 11, 12]]
        alone = GroupLasso(GROUPS, alpha=0.2).fit(X[:, :10], y)
        np.testing.assert_allclose(together, alone.coef_[[0, 3, 5]], atol=1e-3)


def test_every_group_empty():
    model = GroupLasso(GROUPS).fit(sparse.csc_array((20, 10)), np.arange(20.0))
    assert model.sparse_coef_.nnz == 0
    assert model.intercept_ == 9.5


def test_one_row_and_one_column():
    assert GroupLasso([[0, 1]]).fit([[1.0, 2.0]], [3.0]).intercept_ == 3
    X, y = table()
    one, lasso = GroupLasso([[0]], alpha=0.1).fit(X[:, [0]], y), Lasso(alpha=0.1, tol=1e-10).fit(X[:, [0]], y)
    np.testing.assert_allclose(one.coef_, lasso.coef_, atol=1e-6)


def test_positive():
    X, y = table()
    for model in (GroupLasso(GROUPS, alpha=0.1, positive=True), SparseGroupLasso(GROUPS, alpha=0.1, positive=True)):
        model.fit(X, y)
        assert (model.coef_ >= 0).all()
        assert model.coef_.any()
        assert model.relative_gap_ <= 1e-8


def test_penalty_factor_of_groups():
    X, y = table()
    factor = np.array([1, 0, 0, 1, 2, 1, np.inf, 1, 1, 1])
    model = GroupLasso(GROUPS, alpha=10.0, penalty_factor=factor).fit(X, y)
    np.testing.assert_array_equal(np.flatnonzero(model.coef_), [1, 2])
    free = np.linalg.lstsq(np.c_[np.ones(80), X[:, [1, 2]]], y, rcond=None)[0]
    np.testing.assert_allclose(model.coef_[[1, 2]], free[1:], atol=1e-6)
    used = GroupLasso(GROUPS, alpha=0.001, penalty_factor=factor).fit(X, y)
    np.testing.assert_array_equal(used.coef_ == 0, np.isinf(factor))


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (GroupLasso([0, 1]), ValueError, "groups must hold 10 labels"),
        (GroupLasso([[0, 10]]), ValueError, "indices from 0 to 9; got 10"),
        (GroupLasso([["a", "b"]]), ValueError, "feature names"),
        (GroupLasso("onehot"), ValueError, "feature names"),
        (GroupLasso("nonsense"), ValueError, "groups must be"),
        (GroupLasso(GROUPS, weights=[1.0]), ValueError, "each of the 4 groups"),
        (GroupLasso(GROUPS, weights={9: 1.0}), ValueError, "weights names groups that are not there"),
        (GroupLasso(GROUPS, l2=-1), ValueError, "l2 must be >= 0"),
        (GroupLasso(GROUPS, alpha=-1), ValueError, "alpha"),
        (SparseGroupLasso(GROUPS, l1_ratio=2), ValueError, r"l1_ratio must lie in \[0, 1\]"),
        (GroupLasso(GROUPS, penalty_factor=np.arange(10.0)), ValueError, "penalty_factor must be the same"),
        (SparseRegressor(penalty=Group(GROUPS), lower=-1.0), ValueError, "lower must be 0 or infinite"),
        (SparseRegressor(penalty=SparseGroup(GROUPS), upper=1.0), ValueError, "upper must be 0 or infinite"),
    ],
    ids=str,
)
def test_refused(model, error, match):
    X, y = table()
    with pytest.raises(error, match=match):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


# --- Tables with names


def people(n=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"town": rng.choice(list("abcde"), n), "trade": rng.choice(list("xyz"), n), "age": rng.normal(size=n)}
    )
    y = frame["town"].map(dict(zip("abcde", [0, 2, -1, 1, 3], strict=True))) + 0.3 * frame["age"] + rng.normal(size=n)
    return frame, y


def test_all_columns_of_a_categorical_stand_or_fall_together():
    frame, y = people()
    encode = ColumnTransformer(
        [("onehot", OneHotEncoder(sparse_output=False), ["town", "trade"])], remainder="passthrough"
    ).set_output(transform="pandas")
    X = encode.fit_transform(frame)
    path = regularization_path(GroupLasso("onehot"), X, y, alphas=30)
    town, trade = (np.array([part in name for name in X.columns]) for part in ("town", "trade"))
    for coef in path.coefs:
        used = coef.toarray()[0] != 0
        assert used[town].all() or not used[town].any()
        assert used[trade].all() or not used[trade].any()
    model = GroupLasso("onehot", alpha=0.1).fit(X, y)
    assert model.coef_[town].all()
    assert not model.coef_[trade].any()
    lists = {"town": X.columns[town].tolist(), "trade": X.columns[trade].tolist()}
    for groups in (lists, list(lists.values())):
        np.testing.assert_allclose(GroupLasso(groups, alpha=0.1).fit(X, y).coef_, model.coef_, atol=1e-5)


# --- Paths and searches


@pytest.mark.parametrize(
    "model",
    [
        GroupLasso(GROUPS),
        GroupLasso(GROUPS, l2=0.2, standardize=True),
        SparseGroupLasso(GROUPS),
        SparseRegressor("huber", Group(GROUPS)),
        SparseRegressor(penalty=SparseGroup(GROUPS), lower=0.0),
    ],
    ids=str,
)
def test_every_model_of_a_path_is_the_fit_there(model):
    X, y = table()
    path = regularization_path(clone(model).set_params(tol=1e-10), X, y, alphas=8)
    for alpha in path.alphas[1::3]:
        single = clone(model).set_params(alpha=alpha, tol=1e-10).fit(X, y)
        member = path.estimator(alpha)
        assert type(member) is type(model)
        np.testing.assert_allclose(member.coef_, single.coef_, atol=1e-4)
        np.testing.assert_allclose(member.predict(X), single.predict(X), atol=1e-3)
        assert member.relative_gap_ <= 1e-10
    assert path.estimator(path.alphas[0]).sparse_coef_.nnz == 0
    assert path.estimator(path.alphas[1]).sparse_coef_.nnz > 0


def test_search_over_strength_and_share():
    X, y = table()
    search = PathSearchCV(SparseGroupLasso(GROUPS), alphas=10, param_grid={"l1_ratio": [0.1, 0.9]}, cv=3).fit(X, y)
    assert search.best_estimator_.l1_ratio in (0.1, 0.9)
    assert search.best_score_ > 0.5
    direct = clone(search.best_estimator_).fit(X, y)
    np.testing.assert_allclose(search.best_estimator_.coef_, direct.coef_, atol=1e-4)


def test_warm_start_and_pickle():
    X, y = table()
    model = GroupLasso(GROUPS, alpha=0.2, warm_start=True).fit(X, y)
    coef = model.coef_
    model.fit(X, y)
    assert model.n_iter_ == 1
    np.testing.assert_allclose(model.coef_, coef, atol=1e-5)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert clone(model).get_params() == model.get_params()

"""What every estimator promises: scikit-learn's contract, attributes, state after success and failure."""

import pickle
import re
import signal
import subprocess
import sys
import textwrap

import block_oracles
import numpy as np
import oracles
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsereg import (
    AdaptiveLasso,
    AdaptiveLassoClassifier,
    ElasticNet,
    GroupLasso,
    Lasso,
    MultiTaskElasticNet,
    MultiTaskLasso,
    SelectNonzero,
    SparseClassifier,
    SparseGroupLasso,
    SparseRegressor,
)
from sparsereg.losses import SquaredError
from sparsereg.penalties import SCAD, Group, Rows
from sparsereg.penalties import ElasticNet as ElasticNetPenalty

# Poisson, gamma and Tweedie are not here: check_regressor_multioutput fits negative targets whatever the tag
# `positive_only` says, and those losses refuse them. They are in ALL below.
CHECKED = [
    SparseRegressor(),
    SparseRegressor(penalty="l2"),
    SparseRegressor(penalty=None),
    SparseRegressor(penalty="elasticnet"),
    SparseRegressor(penalty=ElasticNetPenalty(l1_ratio=0.9), alpha=0.1, warm_start=True),
    SparseRegressor(penalty="mcp"),
    SparseRegressor("huber", penalty=SCAD(2.5), alpha=0.1, standardize=True),
    SparseClassifier("squared_hinge", penalty="mcp"),
    SparseRegressor("huber", alpha=0.1),
    SparseRegressor(standardize=True, dropout=0.2),
    SparseRegressor(lower=0.0, upper=2.0, penalty_factor=None),
    SparseClassifier(),
    SparseClassifier("squared_hinge"),
    SparseClassifier(penalty="elasticnet"),
    SparseClassifier(penalty="l2", class_weight="balanced", standardize=True),
    Lasso(),
    ElasticNet(),
    AdaptiveLasso(Ridge()),
    AdaptiveLasso(Lasso(alpha=0.01), power=0.5, standardize=True),
    AdaptiveLassoClassifier(SparseClassifier(penalty="l2")),
    SelectNonzero(Lasso(alpha=0.01)),
    SelectNonzero(Lasso(alpha=0.01), groups=[[0]]),
    GroupLasso([[0]], alpha=0.1),
    GroupLasso(positive=True, standardize=True, l2=0.1, warm_start=True),
    SparseGroupLasso([[0]], alpha=0.1),
    SparseRegressor(penalty=Rows(l1_ratio=0.9), alpha=0.1),
    SparseRegressor("huber", Rows(), alpha=0.1),
    SparseClassifier(penalty=Rows(l1_ratio=0.9)),
    SparseClassifier(penalty=Group([[0]])),
    MultiTaskLasso(),
    MultiTaskElasticNet(alpha=0.1, warm_start=True),
]

ALL = [
    Lasso(alpha=0.1),
    ElasticNet(alpha=0.1),
    SparseRegressor(alpha=0.1),
    SparseRegressor("poisson", "elasticnet", alpha=0.01),
    SparseRegressor("gamma", alpha=0.01),
    SparseRegressor("tweedie", alpha=0.01),
    SparseRegressor("huber", "l2", alpha=0.1),
    SparseRegressor(penalty="mcp", alpha=0.1),
    SparseRegressor("gamma", "scad", alpha=0.1),
    SparseClassifier(alpha=0.01),
    SparseClassifier("squared_hinge", alpha=0.01),
    GroupLasso([[0, 1], [2, 3]], alpha=0.1),
    SparseGroupLasso([[0, 1], [2, 3]], alpha=0.1),
    SparseRegressor("poisson", Group([[0, 1], [2, 3]], l2=0.1), alpha=0.01),
    SparseClassifier(penalty=Group([[0, 1], [2, 3]]), alpha=0.01),
]


@parametrize_with_checks(CHECKED)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def data(estimator, n=60, p=8, seed=0):
    """X and a y that this estimator accepts."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    eta = X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=n)
    y = np.where(eta > 0, "yes", "no") if isinstance(estimator, SparseClassifier) else np.exp(eta)
    return X, y


def wide(n=100, p=10_000_000, k=10, seed=0):
    """A sparse matrix of many columns of which a few hold data, and a target that needs ten of them."""
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.choice(p, size=3 * k, replace=False))
    few = rng.normal(size=(n, 3 * k))
    rows, places = np.nonzero(few)
    X = sparse.csr_array((few[rows, places], (rows, columns[places])), shape=(n, p))
    return X, few[:, ::3] @ np.arange(5.0, 5 + k), columns[::3]


# --- Fitted attributes


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_coef_is_read_only_and_built_on_demand(estimator):
    X, y = data(estimator)
    model = clone(estimator).fit(X, y)
    coef = model.coef_
    assert "coef_" not in vars(model)
    assert coef is not model.coef_
    assert not coef.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        coef[...] = 0
    np.testing.assert_array_equal(np.atleast_2d(coef), model.sparse_coef_.toarray())


def test_coef_needs_a_fit():
    assert not hasattr(SparseRegressor(), "coef_")
    with pytest.raises(AttributeError, match="SparseRegressor is not fitted"):
        _ = SparseRegressor().coef_
    with pytest.raises(NotFittedError):
        SparseRegressor().predict([[1.0]])


@pytest.mark.parametrize(
    ("estimator", "outputs", "coef_shape", "intercept_shape"),
    [
        (SparseRegressor(), None, (8,), ()),
        (SparseRegressor(), 1, (1, 8), (1,)),
        (SparseRegressor(), 3, (3, 8), (3,)),
        (SparseClassifier(), None, (1, 8), (1,)),
        (Lasso(), 1, (8,), (1,)),
        (Lasso(), 3, (3, 8), (3,)),
        (GroupLasso([[0, 1]]), None, (8,), ()),
        (GroupLasso([[0, 1]]), 3, (3, 8), (3,)),
    ],
)
def test_shapes(estimator, outputs, coef_shape, intercept_shape):
    X, y = data(estimator)
    y = y if outputs is None else np.column_stack([y + k * X[:, k] for k in range(outputs)])
    model = clone(estimator).set_params(alpha=0.01).fit(X, y)
    assert model.coef_.shape == coef_shape
    assert np.shape(model.intercept_) == intercept_shape
    assert model.sparse_coef_.shape == (outputs or 1, 8)
    assert isinstance(model.sparse_coef_, sparse.csr_array)
    assert np.shape(model.dual_gap_) == np.shape(model.kkt_violation_) == (() if outputs in (None, 1) else (outputs,))
    household_column = isinstance(model, Lasso) and outputs == 1
    assert model.predict(X).shape == ((60,) if household_column else y.shape)


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_float32_is_kept(estimator):
    X, y = data(estimator)
    model = clone(estimator).fit(X.astype(np.float32), y)
    reference = clone(estimator).fit(X, y)
    assert model.coef_.dtype == model.sparse_coef_.dtype == model.intercept_.dtype == np.float32
    decide = "decision_function" if hasattr(model, "decision_function") else "predict"
    assert getattr(model, decide)(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=3e-5 * np.abs(reference.coef_).max())


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_the_model_holds_neither_X_nor_y(estimator):
    X, y = data(estimator, n=5000)
    model = clone(estimator).fit(X, y)
    assert len(pickle.dumps(model)) < 10_000  # y alone has 40 kB


def test_a_model_of_ten_weights_over_ten_million_features_is_small():
    X, y, columns = wide()
    model = SparseRegressor(alpha=0.5).fit(X, y)
    np.testing.assert_array_equal(model.sparse_coef_.indices, columns)
    stored = pickle.dumps(model)
    assert len(stored) < 10_000
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))


# --- Work is counted


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_at_alpha_max_one_certificate_is_all(estimator):
    if isinstance(estimator, SparseRegressor) and estimator.penalty == "l2":
        estimator = clone(estimator).set_params(penalty="l1")  # a ridge has no alpha_max
    X, y = data(estimator)
    null_alpha = null_strength(estimator, X, y)
    model = clone(estimator).set_params(alpha=1.0001 * null_alpha, tol=1e-8).fit(X, y)
    assert model.sparse_coef_.nnz == 0
    assert model.n_iter_ == 1  # scikit-learn wants at least one
    assert [record.iteration for record in model.history_] == [0]
    assert model.history_[0].epochs == 0
    assert model.set_params(alpha=0.99 * null_alpha).fit(X, y).sparse_coef_.nnz > 0


def null_strength(estimator, X, y):
    """alpha_max by the oracle."""
    loss = getattr(estimator, "loss", "squared_error")
    enet = isinstance(estimator, ElasticNet) or getattr(estimator, "penalty", "") == "elasticnet"
    y = y == "yes" if isinstance(estimator, SparseClassifier) else y
    spec = getattr(estimator, "penalty", estimator)
    if hasattr(spec, "groups"):
        groups = [*spec.groups, *([j] for j in range(4, 8))]
        kind = "sparse_group" if isinstance(spec, SparseGroupLasso) else "group"
        made = block_oracles.reference(X, np.c_[y], block_oracles.make_loss(loss), kind, groups=groups)
        return block_oracles.null_alpha(made, 1.0)
    return oracles.null_alpha(oracles.reference(X, y, loss, "elasticnet" if enet else "l1"), 1.0)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_a_warm_refit_does_nothing(estimator, container):
    X, y = data(estimator)
    X = container(X)
    model = clone(estimator).set_params(warm_start=True, tol=1e-8).fit(X, y)
    coef, sparse_coef = model.coef_, model.sparse_coef_
    model.fit(X, y)
    assert len(model.history_) == 1
    assert sum(record.epochs for record in model.history_) == 0
    np.testing.assert_array_equal(model.coef_, coef)
    assert model.sparse_coef_ is not sparse_coef


def test_warm_start_follows_a_path_with_less_work():
    X, y = load_diabetes(return_X_y=True)
    X = np.hstack([X, X**2, X[:, :5] * X[:, 5:]])
    warm, cold = SparseRegressor("huber", warm_start=True), SparseRegressor("huber")
    steps = {warm: 0, cold: 0}
    for alpha in np.geomspace(0.02, 0.0005, 10):
        for model in steps:
            steps[model] += model.set_params(alpha=alpha, tol=1e-10).fit(X, y).n_iter_
        np.testing.assert_allclose(warm.predict(X), cold.predict(X), rtol=1e-4)
    assert steps[warm] < steps[cold]


def test_warm_start_is_cold_when_the_number_of_features_differs():
    X, y = load_diabetes(return_X_y=True)
    model = Lasso(alpha=0.1, warm_start=True).fit(X, y).fit(X[:, :7], y)
    cold = Lasso(alpha=0.1).fit(X[:, :7], y)
    np.testing.assert_array_equal(model.coef_, cold.coef_)
    assert model.n_iter_ == cold.n_iter_


def test_warm_start_finds_its_columns_among_others():
    """The same features, but other ones hold data: the start is what is left of the last fit."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 12))
    y = X @ np.linspace(-2, 2, 12)
    first, second = X.copy(), X.copy()
    first[:, [0, 5, 11]], second[:, [1, 5, 10]] = 0, 0
    model = SparseRegressor(alpha=0.05, warm_start=True, tol=1e-12).fit(sparse.csr_array(first), y)
    left = np.where(second.any(axis=0), model.coef_, 0)
    assert np.count_nonzero(left) < np.count_nonzero(model.coef_)
    model.fit(sparse.csr_array(second), y)
    started = 0.5 * np.var(y - second @ left) + 0.05 * np.abs(left).sum()
    assert model.history_[0].objective == pytest.approx(started)
    cold = SparseRegressor(alpha=0.05, tol=1e-12).fit(second, y)
    np.testing.assert_allclose(model.coef_, cold.coef_, atol=1e-8)
    assert len(model.fit(sparse.csr_array(second), y).history_) == 1


def test_a_refit_leaves_earlier_arrays_alone():
    X, y = load_diabetes(return_X_y=True)
    model = Lasso(alpha=0.5, warm_start=True).fit(X, y)
    dense, stored = model.coef_, model.sparse_coef_
    before = dense.copy()
    model.set_params(alpha=0.01).fit(X, y)
    np.testing.assert_array_equal(dense, before)
    np.testing.assert_array_equal(stored.toarray()[0], before)
    assert not np.array_equal(model.coef_, before)


class FirstOrderSquaredError(SquaredError):
    """Squared error that hides its curvature: proximal gradient, which needs many steps."""

    curvature = "none"
    quadratic = False


def test_history_is_bounded():
    X = np.cumsum(np.random.default_rng(0).normal(size=(12, 12)), axis=1) * np.geomspace(1, 1e-4, 12)
    model = SparseRegressor(FirstOrderSquaredError(), "l2", alpha=1e-12, tol=1e-14, max_iter=110)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, np.arange(12.0) ** 2)
    assert model.n_iter_ > 1000
    assert len(model.history_) == 1000
    assert model.history_[-1].iteration > 1000


# --- What is said while fitting and after


@pytest.mark.parametrize("estimator", [SparseRegressor("huber"), SparseClassifier()], ids=str)
def test_verbose_prints_a_line_per_iteration(estimator, capsys):
    X, y = data(estimator)
    model = clone(estimator).set_params(alpha=0.01, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_ + 1
    for number, line in enumerate(lines):
        assert re.match(rf"iteration +{number}  objective \d\S*  gap \S+  violation \S+  nonzeros \d+", line)
        assert len(line) < 160
    assert f"{model.history_[-1].gap:.1e}" in lines[-1]


def test_silent_by_default(capfd):
    X, y = load_diabetes(return_X_y=True)
    SparseRegressor(alpha=0.01).fit(X, y)
    assert capfd.readouterr() == ("", "")


def hard():
    """Too many correlated columns for one iteration."""
    X = np.cumsum(np.random.default_rng(0).normal(size=(100, 400)), axis=1)
    return X, np.exp(0.1 * X[:, 50] - 0.05 * X[:, 200])


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_the_warning_says_what_was_reached_and_what_to_do(estimator):
    if getattr(estimator, "penalty", "") == "l2":
        estimator = clone(estimator).set_params(penalty="l1")  # a ridge is few Newton steps
    X, y = hard()
    y = y > 1 if isinstance(estimator, SparseClassifier) else y
    model = clone(estimator).set_params(alpha=1e-4, max_iter=1, tol=1e-9)
    with pytest.warns(ConvergenceWarning) as record:
        model.fit(X, y)
    assert len(record) == 1
    assert record[0].filename == __file__
    text = str(record[0].message)
    concave = getattr(estimator, "penalty", "") in ("mcp", "scad")
    measure = "violation of the optimality conditions" if concave else "relative duality gap"
    assert re.search(measure + r" \d\S* after 1 iterations?, tol=1e-09", text)
    assert re.search(r"Increase max_iter \(now 1\)", text)
    assert "alpha" in text
    assert model.n_iter_ == 1
    assert np.isnan(model.dual_gap_) if concave else model.dual_gap_ > 0
    assert model.kkt_violation_ > 0


@pytest.mark.parametrize("estimator", [Lasso(), SparseRegressor()], ids=str)
def test_one_warning_for_many_outputs(estimator):
    X, y = hard()
    Y = np.column_stack([y, y**2, np.sqrt(y)])
    with pytest.warns(ConvergenceWarning) as record:
        clone(estimator).set_params(alpha=1e-4, max_iter=1, tol=1e-9).fit(X, Y)
    assert len(record) == 1


@pytest.mark.parametrize(
    ("estimator", "X", "y"),
    [
        (SparseClassifier(penalty=None), [[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]),  # separable
        (SparseRegressor("poisson", None), np.eye(4)[:, :2], [1, 0, 2, 3]),  # x_1 occurs where y = 0 only
    ],
)
def test_it_is_said_that_there_is_no_finite_minimum(estimator, X, y):
    with pytest.warns(ConvergenceWarning, match=r"no finite minimum.*Add a penalty") as record:
        estimator.fit(X, y)
    assert len(record) == 1


# --- All or nothing


def bad_refits(estimator):
    """Ways in which a second fit fails, at validation, in the target and late."""
    X, y = data(estimator)
    other = pd.DataFrame(np.c_[X, X], columns=[f"new{j}" for j in range(16)])
    holed = other.copy()
    holed.iloc[3, 2] = np.nan
    yield {"X": holed, "y": y}
    yield {"X": other, "y": y[:-1]}
    yield {"X": other, "y": np.where(np.arange(60) == 4, np.nan, 1.0)}
    yield {"X": other, "y": y, "sample_weight": -np.ones(60)}
    yield {"X": other, "y": y, "offset": np.zeros(3)}
    if isinstance(estimator, SparseClassifier):
        yield {"X": other, "y": np.full(60, "yes")}
    elif estimator._loss().positive:
        yield {"X": other, "y": -y}


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_a_failed_refit_changes_nothing(estimator):
    X, y = data(estimator)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    model = clone(estimator).fit(frame, y)
    before, predicted = dict(vars(model)), model.predict(frame)
    for arguments in bad_refits(estimator):
        with pytest.raises(ValueError):
            model.fit(**arguments)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.feature_names_in_, list("abcdefgh"))
    np.testing.assert_array_equal(model.predict(frame), predicted)


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_a_failed_first_fit_leaves_an_unfitted_model(estimator):
    X, _ = data(estimator)
    model = clone(estimator)
    with pytest.raises(ValueError):
        model.fit(X, np.full(60, np.nan))
    assert vars(model).keys() == vars(clone(estimator)).keys()
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_control_c_stops_a_long_fit_and_leaves_the_model_as_it_was():
    script = """
        import sys
        import numpy as np
        from sparsereg import SparseRegressor

        rng = np.random.default_rng(0)
        X = np.cumsum(rng.normal(size=(300, 3000)), axis=1)
        y = X[:, ::200].sum(axis=1) + rng.normal(size=300)
        model = SparseRegressor(alpha=10.0).fit(X[:, :50], y)
        model.set_params(alpha=1e-4, tol=1e-13, max_iter=10**6, verbose=1)
        before = dict(vars(model))
        try:
            model.fit(X, y)
        except KeyboardInterrupt:
            same = vars(model).keys() == before.keys() and all(vars(model)[k] is before[k] for k in before)
            model.predict(X[:, :50])
            sys.exit(0 if same else 3)
        sys.exit(4)
    """
    process = subprocess.Popen([sys.executable, "-u", "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("iteration")  # it is in the middle of fit
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0  # 3: changed, 4: not interrupted


def test_no_target_but_labels_reach_classes():
    X, y = load_breast_cancer(return_X_y=True)
    model = SparseClassifier(alpha=0.05, standardize=True).fit(X, np.array(["malignant", "benign"])[y])
    assert model.classes_.tolist() == ["benign", "malignant"]
    assert set(model.predict(X)) == {"benign", "malignant"}

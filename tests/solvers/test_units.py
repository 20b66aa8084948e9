"""Answers and certificates must not depend on the units of columns, targets and offsets."""

import numpy as np
import pytest

from sparsereg import Lasso, SparseClassifier, SparseRegressor
from sparsereg.losses import Tweedie
from sparsereg.penalties import ElasticNet
from sparsereg.solvers import Problem, solve


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    return X, X @ [1.0, 1.0, 1.0] + 0.1 * rng.standard_normal(200)


@pytest.mark.parametrize("ratio", [1e4, 1e7, 1e8, 1e10])
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_unpenalised_fits_do_not_see_the_units_of_columns(data, ratio, loss):
    X, y = data
    units = np.array([ratio, 1.0, 1.0])
    here = SparseRegressor(loss, penalty=None).fit(X, y)
    there = SparseRegressor(loss, penalty=None).fit(X * units, y)
    np.testing.assert_allclose(there.coef_ * units, here.coef_, rtol=1e-6)
    assert there.relative_gap_ <= 1e-8


def test_unpenalised_columns_of_large_units_are_certified(data):
    X, y = data
    units = np.array([1e8, 1.0, 1.0])
    here, there = (SparseRegressor(alpha=0.1, penalty_factor=[0, 0, 1]).fit(Z, y) for Z in (X, X * units))
    np.testing.assert_allclose(there.coef_ * units, here.coef_, rtol=1e-6)
    assert there.relative_gap_ <= 1e-8


def test_a_warm_start_is_not_certified_because_another_column_is_large():
    A = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 2)))[0]
    X = A * [1e10, 1.0]
    model = SparseRegressor(penalty=None, lower=0.0, warm_start=True).fit(X, A[:, 0])
    model.fit(X, A[:, 0] + A[:, 1])
    assert model.score(X, A[:, 0] + A[:, 1]) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("unit", [1e-100, 1e-14, 1e10, 1e100])
def test_targets_in_any_unit(data, unit):
    X, y = data
    here, there = SparseRegressor(alpha=0.01).fit(X, y), SparseRegressor(alpha=0.01 * unit).fit(X, y * unit)
    np.testing.assert_allclose(there.coef_ / unit, here.coef_, rtol=1e-9)
    assert there.relative_gap_ <= 1e-8


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "gamma", Tweedie(1.5), Tweedie(1.01)], ids=str)
@pytest.mark.parametrize(("penalty", "alpha"), [(None, 1.0), ("l1", 0.0), ("l1", 0.1)])
@pytest.mark.parametrize("value", [1e-12, 0.3, 1e5])
def test_a_constant_target_is_the_null_model(data, loss, penalty, alpha, value):
    X, _ = data
    y = np.full(len(X), value)
    np.testing.assert_allclose(SparseRegressor(loss, penalty, alpha).fit(X, y).predict(X), y, rtol=1e-6)


@pytest.mark.parametrize("start", [(np.zeros(2), 0.0), (np.full(3, np.nan), 0.0), (np.zeros(3), np.inf)])
def test_a_bad_start_is_refused(data, start):
    with pytest.raises(ValueError, match="start must be finite weights of the 3 occupied columns"):
        solve(Problem.from_data(*data, alpha=0.1), start)


def test_a_start_cannot_bring_an_intercept_where_there_is_none():
    problem = Problem.from_data(np.eye(3), [3.0, 0.0, 0.1], alpha=0.1, fit_intercept=False)
    solution = solve(problem, (np.zeros(3), 5.0))
    assert solution.intercept == 0.0
    np.testing.assert_allclose(solution.coef, [2.7, 0.0, 0.0], atol=1e-12)


def test_warm_start_from_a_fit_of_several_outputs_without_intercept(data):
    X, y = data
    Y = np.c_[y, -y]
    model = Lasso(alpha=0.1, fit_intercept=False, warm_start=True).fit(X, Y)
    model.set_params(fit_intercept=True).fit(X, Y)
    np.testing.assert_allclose(model.coef_, Lasso(alpha=0.1).fit(X, Y).coef_, atol=1e-4)


def test_counts_that_are_zero_wherever_the_weight_is_not(data):
    X, _ = data
    y, weight = np.r_[np.zeros(150), np.ones(50)], np.r_[np.ones(150), np.zeros(50)]
    with pytest.raises(ValueError, match="y must hold a value > 0 with a weight > 0"):
        SparseRegressor("poisson").fit(X, y, sample_weight=weight)


def test_confident_predictions_are_not_taken_for_separation():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    X[:5, 0] = 60.0  # far out, on the right side: their derivative vanishes
    y = (X[:, 0] + rng.standard_normal(500) > 0).astype(int)
    model = SparseClassifier(penalty=None).fit(X, y)  # a warning would be an error
    assert model.relative_gap_ <= 1e-8


@pytest.mark.parametrize("seed", [155, 156, 157])
def test_columns_in_small_units_do_not_crawl(seed):
    # Seed 156 took 37 iterations while sub-problems left the same part of the violation each time.
    rng = np.random.default_rng(seed)
    X = rng.standard_normal(15) + rng.standard_normal((10, 15)) * 10.0 ** rng.uniform(-3.5, 1.5, 15)
    y = rng.gamma(2.0, size=10)
    options = {"loss": "gamma", "penalty": ElasticNet(0.7), "alpha": 1e-3, "standardize": True}
    half = solve(Problem.from_data(X[:5], y[:5], **options), tol=1e-8)
    solution = solve(Problem.from_data(X, y, **options), (half.coef, half.intercept), tol=1e-8)
    assert solution.status == "converged"
    assert solution.n_iter <= 15

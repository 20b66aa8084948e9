"""The judge judged: the oracle against numerical derivatives, scipy.optimize, scikit-learn and itself.

No solver of sparsereg runs here.
"""

from itertools import product

import helpers
import numpy as np
import oracles
import pytest
from scipy.optimize import minimize
from sklearn.metrics import (
    log_loss,
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_squared_error,
    mean_tweedie_deviance,
)
from sklearn.preprocessing import StandardScaler

one_of_each_pair = pytest.mark.parametrize("case", helpers.PAIRS, ids=str)

LOSSES = {name: oracles.make_loss(name) for name in helpers.AXES["loss"]} | {
    "tweedie 1.1": oracles.tweedie(1.1),
    "tweedie 1.9": oracles.tweedie(1.9),
}
TARGETS = {"log_loss": [0, 0.3, 1], "squared_hinge": [0, 1], "gamma": [0.01, 1, 30], "huber": [-2, 0, 3]}


def test_every_pair_of_values_is_in_the_table():
    assert not helpers.uncovered_pairs()
    assert len({(case.loss, case.penalty) for case in helpers.CASES}) == 28
    assert len({(case.layout, case.dtype) for case in helpers.CASES}) == 8
    assert len(helpers.PAIRS) == 28
    assert helpers.uncovered_pairs(helpers.CASES[:40])


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss = LOSSES[name]
    y, eta = (a.ravel() for a in np.meshgrid(TARGETS.get(name, [0.0, 1, 30]), np.linspace(-4, 4, 82)))
    gradient = loss.gradient(y, eta)
    near = {"rtol": 1e-7, "atol": 1e-7}
    np.testing.assert_allclose(gradient, oracles.central_difference(lambda t: loss.value(y, t), eta), **near)
    np.testing.assert_allclose(
        loss.hessian(y, eta), oracles.central_difference(lambda t: loss.gradient(y, t), eta), **near
    )
    size = 1 + np.abs(gradient * eta) + np.abs(loss.value(y, eta))
    conjugate = loss.conjugate(y, gradient)
    assert (np.abs(loss.value(y, eta) + conjugate - gradient * eta) <= 1e-13 * size).all()
    for v in np.random.default_rng(0).normal(size=(5, len(y))):
        assert (loss.value(y, eta) + loss.conjugate(y, v) - v * eta >= -1e-13 * size).all()
    np.testing.assert_allclose(loss.conjugate(y, 0 * y), -loss.infimum(y), rtol=1e-12, atol=1e-12)


def test_tweedie_ends_in_poisson_and_gamma():
    """The open formula, close to the ends, less its constant: y / (1 - p) at 1, 1 / (2 - p) at 2."""
    y, eta = np.full(9, 2.5), np.linspace(-1, 1, 9)
    near = 2.0**-20  # exact in 1 + near and 2 - near
    for power, other, constant in (
        (1 + near, oracles.poisson(), 2.5 / near),
        (2 - near, oracles.gamma(), 1 / near),
    ):
        value = oracles.tweedie(power).value(y, eta) - constant
        np.testing.assert_allclose(value, other.value(y, eta), atol=1e-5)
    assert oracles.tweedie(1).value(y, eta).tolist() == oracles.poisson().value(y, eta).tolist()


@pytest.mark.parametrize("step", [0.1, 3.0])
def test_penalty(step):
    rows = list(product([0, 0.4], [0, 0.7], [-np.inf, -0.5, 0], [np.inf, 0.3, 0]))
    penalty = oracles.Penalty(*np.array(rows, float).T)
    rng = np.random.default_rng(0)
    v = rng.normal(scale=2, size=(50, len(rows)))
    x = penalty.prox(v, step)
    np.testing.assert_allclose(x, oracles.search_prox(penalty.value, v, step), atol=1e-6)
    other = np.clip(rng.normal(size=v.shape), penalty.lower, penalty.upper)
    assert (oracles.three_point_excess(penalty.value, x, v, other, step) <= 1e-13).all()
    u = (v - x) / step  # a subgradient at x
    free = (penalty.l1 == 0) & (penalty.l2 == 0) & (np.isinf(penalty.lower) | np.isinf(penalty.upper))
    slack = oracles.fenchel_young(penalty.value, penalty.conjugate, x, u * (1 - 1e-15))
    np.testing.assert_allclose(slack[:, ~free], 0, atol=1e-12)
    assert (oracles.fenchel_young(penalty.value, penalty.conjugate, other, v) >= -1e-13).all()
    np.testing.assert_allclose(penalty.violation(x, -u), 0, atol=1e-12)
    # Further off, the violation is a slope: moving by d gains at most violation * |d|.
    gain = penalty.value(x) - penalty.value(other) - v * (x - other)
    assert (gain <= penalty.violation(x, -v) * np.abs(other - x) + 1e-12).all()
    moreau = oracles.moreau_residual(x, penalty.conjugate, v, step)
    np.testing.assert_allclose(moreau[:, ~free], 0, atol=1e-6)


@one_of_each_pair
def test_gradient(case):
    problem = case.reference
    v = np.random.default_rng(0).normal(scale=0.3, size=problem.A.shape[1])
    np.testing.assert_allclose(problem.gradient(v), oracles.numerical_gradient(problem.smooth, v), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", helpers.CASES, ids=str)
def test_minimise(case):
    """The reference solver ends at an optimum, for every case."""
    problem, v, unit = case.reference, case.optimum, oracles.scale(case.reference)
    assert oracles.gap(problem, v) <= 2e-12 * unit
    assert problem.violation(v).max() <= 1e-6 * np.abs(problem.gradient(oracles.null_point(problem))).max()
    assert problem.objective(v) <= problem.objective(oracles.null_point(problem))
    assert unit > 1e-2
    assert np.abs(problem.unpack(v)[0]).max() < 20  # the minimum is finite


@one_of_each_pair
def test_every_bound_holds(case):
    """Each form bounds P(v) - P* from above, at random points, at points near the optimum and on the way."""
    problem, pen, best = case.reference, case.reference.penalty, case.optimum
    rng = np.random.default_rng(0)
    applied = set()
    for size in (1, 1e-2, 1e-5):
        for v in (best + size * rng.normal(size=len(best)), (1 - size) * best, pen.prox(best, size)):
            v = np.clip(v, pen.lower, pen.upper)
            excess = problem.objective(v) - problem.objective(best)
            bounds = oracles.gap_bounds(problem, v)
            applied |= {form for form, bound in bounds.items() if bound < np.inf}
            for bound in (*bounds.values(), oracles.gap(problem, v)):
                assert bound >= excess - 1e-12 * oracles.scale(problem)
    assert "loss" in applied
    assert "infimum" in applied


@one_of_each_pair
def test_gap_is_tight(case):
    """It falls to nothing with the distance to the optimum: a bound that stayed large would judge nothing."""
    problem, pen, best = case.reference, case.reference.penalty, case.optimum
    direction = np.random.default_rng(0).normal(size=len(best))
    gaps = [oracles.gap(problem, np.clip(best + size * direction, pen.lower, pen.upper)) for size in (1e-2, 1e-4, 1e-6)]
    assert gaps[1] < 0.1 * gaps[0]
    assert gaps[2] < 1e-3 * oracles.scale(problem)


@one_of_each_pair
def test_scipy_finds_nothing_better(case):
    """L-BFGS-B, each coordinate split into a positive and a negative part so that |v| is linear."""
    problem, pen, best = case.reference, case.reference.penalty, case.optimum
    m = len(best)

    def value_gradient(parts):
        v = parts[:m] - parts[m:]
        value = problem.smooth(v) + pen.l1 @ parts[:m] + pen.l1 @ parts[m:] + pen.l2 @ v**2 / 2
        slope = problem.gradient(v) + pen.l2 * v
        return value, np.r_[slope + pen.l1, pen.l1 - slope]

    bounds = [(0, max(u, 0)) for u in pen.upper] + [(0, max(-u, 0)) for u in pen.lower]
    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(value_gradient, np.zeros(2 * m), jac=True, bounds=bounds, options=options)
    excess = found.fun - problem.objective(best)
    assert -1e-13 <= excess <= 1e-7 * oracles.scale(problem)


@pytest.mark.parametrize("name", helpers.PEERS)
def test_scikit_learn_agrees(name):
    peer = helpers.PEERS[name]
    X, y, options, alpha = helpers.peer_problem(peer)
    weight = options["sample_weight"]
    estimator = peer.estimator(alpha, weight.sum()).fit(X, y, sample_weight=weight)
    loss = helpers.oracle_loss(peer.loss)
    problem = oracles.reference(X, y, loss, peer.penalty, alpha, l1_ratio=helpers.L1_RATIO, **options)
    coef, intercept = problem.unpack(oracles.minimise(problem))
    np.testing.assert_allclose(coef, estimator.coef_.ravel(), atol=peer.precision)
    np.testing.assert_allclose(intercept, np.ravel(estimator.intercept_)[0], atol=peer.precision)


def test_scale_is_half_the_null_deviance():
    weight = np.random.default_rng(4).uniform(0.3, 2, helpers.N_SAMPLES)
    deviance = {
        "squared_error": mean_squared_error,
        "poisson": mean_poisson_deviance,
        "gamma": mean_gamma_deviance,
        "tweedie": lambda *args, **kwargs: mean_tweedie_deviance(*args, power=helpers.POWER, **kwargs),
        "log_loss": lambda *args, **kwargs: 2 * log_loss(*args, **kwargs),
    }
    for name, metric in deviance.items():
        y = helpers.target(name)
        mean = np.full(len(y), weight @ y / weight.sum())
        loss = helpers.oracle_loss(name)
        problem = oracles.reference(helpers.features(), y, loss, "l1", 0.1, sample_weight=weight)
        assert oracles.scale(problem) == pytest.approx(metric(y, mean, sample_weight=weight) / 2, rel=1e-12)


def test_weights_are_repetitions():
    X, y = helpers.features(), helpers.target("poisson")
    weight = np.arange(helpers.N_SAMPLES) % 4
    weighted = oracles.reference(X, y, "poisson", "elasticnet", 0.1, sample_weight=weight, standardize=True)
    repeated = oracles.reference(
        np.repeat(X, weight, 0), np.repeat(y, weight), "poisson", "elasticnet", 0.1, standardize=True
    )
    v = oracles.minimise(weighted)
    there = repeated.pack(*weighted.unpack(v))
    assert repeated.objective(there) == pytest.approx(weighted.objective(v), rel=1e-14)
    assert oracles.scale(weighted) == pytest.approx(oracles.scale(repeated), rel=1e-14)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_standardize_is_a_scaler_before_the_fit(fit_intercept):
    X, y = np.delete(helpers.features(), helpers.DUPLICATE, axis=1), helpers.target("gamma")
    options = {"loss": "gamma", "penalty": "elasticnet", "alpha": 0.05, "fit_intercept": fit_intercept}
    inner = oracles.reference(X, y, standardize=True, lower=-0.1, **options)
    coef, intercept = inner.unpack(oracles.minimise(inner))
    scaler = StandardScaler(with_mean=fit_intercept).fit(X)
    factor = np.ones(X.shape[1])
    factor[helpers.CONSTANT] = np.inf  # the scaler leaves it as it is; it must not stand in for an intercept
    outer = oracles.reference(
        scaler.transform(X),
        y,
        penalty_factor=factor,
        lower=-0.1 * scaler.scale_,  # bounds are on the original scale
        **options,
    )
    scaled, shifted = outer.unpack(oracles.minimise(outer))
    np.testing.assert_allclose(coef, scaled / scaler.scale_, atol=1e-6)
    mean = scaler.mean_ if fit_intercept else np.zeros(X.shape[1])
    assert intercept == pytest.approx(shifted - mean @ coef, abs=1e-5)


@pytest.mark.parametrize("penalty", ["l1", None])
@pytest.mark.parametrize("standardize", [False, True])
def test_dropout_is_the_mean_over_all_masks(penalty, standardize):
    """Every mask of three features with its probability; kept features are scaled by 1 / (1 - d)."""
    rng, rate = np.random.default_rng(0), 0.3
    X, y, weight = rng.normal(size=(7, 3)) + 1, rng.normal(size=7), rng.uniform(0.5, 2, 7)
    ours = oracles.reference(
        X,
        y,
        "squared_error",
        penalty,
        0.1,
        sample_weight=weight,
        standardize=standardize,
        dropout=rate,
    )
    masks = np.array(list(product([0, 1], repeat=3)))
    probability = np.prod(np.where(masks, 1 - rate, rate), axis=1)
    sd = np.sqrt(np.average((X - np.average(X, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    every = oracles.reference(
        np.concatenate([X * mask / (1 - rate) for mask in masks]),
        np.tile(y, 8),
        "squared_error",
        penalty,
        0.1,
        sample_weight=np.kron(probability, weight),
        penalty_factor=sd if standardize else None,
    )
    for coef in rng.normal(size=(5, 3)):
        there = every.objective(every.pack(coef, 0.4))
        assert ours.objective(ours.pack(coef, 0.4)) == pytest.approx(there, rel=1e-13)


def test_dropout_is_a_row_per_feature():
    X, y = helpers.features(), helpers.target("squared_error")
    ours = oracles.reference(X, y, "squared_error", "l1", 0.02, dropout=0.3, fit_intercept=False)
    n, p = X.shape
    rows = np.diag(np.sqrt(0.3 / 0.7 * (X**2).sum(axis=0) * (n + p) / n))
    below = oracles.reference(
        np.r_[X * np.sqrt((n + p) / n), rows],
        np.r_[y * np.sqrt((n + p) / n), np.zeros(p)],
        "squared_error",
        "l1",
        0.02,
        fit_intercept=False,
    )
    best = oracles.minimise(ours)
    assert ours.objective(best) == pytest.approx(below.objective(best), rel=1e-13)
    assert oracles.gap(below, best) <= 1e-6 * oracles.scale(below)


KINKED = [case for case in helpers.PAIRS if case.penalty in ("l1", "elasticnet")]


@pytest.mark.parametrize("case", KINKED, ids=str)
def test_null_alpha(case):
    def problem(alpha):
        return case.with_options(alpha=alpha, lower=None, upper=None)  # a box on a free feature has no null

    largest = oracles.null_alpha(problem(1.0), 1.0)
    for alpha, n_kinked in ((1.0001 * largest, 0), (0.99 * largest, 1)):
        v = oracles.minimise(problem(alpha))
        kinked = problem(alpha).penalty.l1 > 0
        assert np.count_nonzero(v[kinked]) >= n_kinked
        assert n_kinked or not v[kinked].any()


def test_infimum_bound_is_attained():
    """Huber far out is a line: sum l1 |v*| is all of P(v) - inf F, and the bound has no slack but 1 / 0.9."""
    problem = oracles.reference([[1.0]], [1000.0], "huber", "l1", 0.9 * 1.35, fit_intercept=False)
    start = np.zeros(1)
    excess = problem.objective(start) - problem.objective(oracles.minimise(problem))
    assert excess <= oracles.gap_bounds(problem, start)["infimum"] <= 1.2 * excess


def test_free_columns_are_projected_out():
    """Off the optimum along the intercept alone, the projected dual point is still the optimal one."""
    problem = oracles.reference(helpers.features(), helpers.target("squared_error"), "squared_error", "l1", 0.05)
    v = oracles.minimise(problem)
    v[0] += 0.1
    excess = 0.1**2 / 2
    assert oracles.gap_bounds(problem, v)["loss"] == pytest.approx(excess, rel=1e-6)

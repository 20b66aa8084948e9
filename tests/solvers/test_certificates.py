"""The case table through `solve` and `fista`: every certificate recomputed by an oracle that shares no code.

float32: X is used as it is and all else is done in float64, so a float32 case is the float64 problem of the
same numbers. It is judged so, to the same tolerance: the floor below is the oracle's own rounding, for both.
"""

from functools import cache
from itertools import product

import helpers
import numpy as np
import oracles
import pytest
from scipy import sparse
from scipy.optimize import nnls

from sparsereg.solvers import Problem, fista, solve

FLOOR = 2e-12  # of scale: what the oracle's own bounds lose to rounding
SOLVERS = {"solve": solve, "fista": fista}

every_case = pytest.mark.parametrize("case", helpers.CASES, ids=str)
one_of_each_pair = pytest.mark.parametrize("case", helpers.PAIRS, ids=str)
both_solvers = pytest.mark.parametrize("solver", SOLVERS)


def problem_of(case, **changes):
    return Problem.from_data(case.X, case.y, case.loss_spec, case.penalty_spec, **{**case.options, **changes})


@cache
def solved(case, solver, tol):
    return SOLVERS[solver](problem_of(case), tol=tol)


def judge(reference, solution, tol, best=None):
    """Converged, by the oracle's measure too; and the gap that is claimed bounds the true distance."""
    unit = oracles.scale(reference)
    v = reference.pack(solution.coef, solution.intercept)
    assert solution.status == "converged"
    assert solution.scale == pytest.approx(unit, rel=1e-9)
    assert solution.gap <= tol * solution.scale
    assert oracles.gap(reference, v) <= (tol + FLOOR) * unit
    if best is not None:
        assert reference.objective(v) - reference.objective(best) <= solution.gap + FLOOR * unit
        assert reference.objective(best) - reference.objective(v) <= FLOOR * unit


# --- The table


@every_case
@both_solvers
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-10])
def test_certificate(case, solver, tol):
    judge(case.reference, solved(case, solver, tol), tol, case.optimum)


@every_case
@both_solvers
def test_zeros_and_bounds_are_exact(case, solver):
    coef, options = solved(case, solver, 1e-6).coef, case.options
    assert coef.shape == (helpers.N_FEATURES,)
    assert coef[helpers.ZERO] == 0
    if case.standardize:
        assert coef[helpers.CONSTANT] == 0
    if "penalty_factor" in options:
        assert coef[helpers.EXCLUDED] == 0
    if "lower" in options:
        assert (coef >= options["lower"]).all()
        assert (coef <= options["upper"]).all()
    if case.penalty in ("l1", "elasticnet"):
        kinked = case.reference.penalty.l1[int(case.fit_intercept) :] > 0
        if case.strength == "strong" and case.extra != "factor+bounds":  # a box keeps a free one from the null
            assert not coef[kinked].any()
        if case.strength == "weak":
            assert np.count_nonzero(coef[kinked]) >= 3


@every_case
@both_solvers
def test_solution_says_what_is_true(case, solver):
    solution, reference = solved(case, solver, 1e-6), case.reference
    np.testing.assert_array_equal(solution.coef_index, np.flatnonzero(solution.coef))
    np.testing.assert_array_equal(solution.coef_value, solution.coef[solution.coef_index])
    assert solution.converged
    assert solution.n_iter >= 1
    assert solution.history[-1].gap == solution.gap
    v = reference.pack(solution.coef, solution.intercept)
    assert solution.history[-1].objective == pytest.approx(reference.objective(v), rel=1e-12)
    per_weight = np.ones(len(v))
    per_weight[int(case.fit_intercept) :] = reference.unit  # dP/dw_j = unit_j dP/dv_j
    violation = (per_weight * reference.violation(v)).max()
    assert solution.violation == pytest.approx(violation, rel=1e-6, abs=1e-11)


@every_case
def test_fista_agrees(case):
    """Two solvers, one objective: the difference is at most what the two gaps leave open."""
    one, other = solved(case, "solve", 1e-6), solved(case, "fista", 1e-6)
    objectives = [case.reference.objective(case.reference.pack(s.coef, s.intercept)) for s in (one, other)]
    rounding = FLOOR * one.scale
    assert objectives[0] - objectives[1] <= one.gap + rounding
    assert objectives[1] - objectives[0] <= other.gap + rounding


# --- Certificates before the end


@one_of_each_pair
@both_solvers
def test_every_gap_on_the_way_is_a_bound(case, solver):
    problem, reference, best = problem_of(case), case.reference, case.optimum
    columns = problem.design.columns
    seen = []

    def callback(progress):
        coef = np.zeros(helpers.N_FEATURES)
        coef[slice(None) if columns is None else columns] = progress.coef
        seen.append((reference.pack(coef, progress.intercept), progress.gap))

    SOLVERS[solver](problem, tol=1e-8, max_iter=60, callback=callback)
    lowest = reference.objective(best) + FLOOR * oracles.scale(reference)
    assert seen
    for v, gap in seen:
        assert reference.objective(v) - lowest <= gap or np.isinf(gap)


@one_of_each_pair
@both_solvers
def test_stopped_early_is_said(case, solver):
    solution = SOLVERS[solver](problem_of(case), tol=1e-15, max_iter=1)
    assert solution.status in ("max_iter", "converged")
    if solution.status == "max_iter":
        assert not solution.converged
        assert not solution.gap <= 1e-15 * solution.scale


@one_of_each_pair
def test_warm_start_at_the_solution_does_nothing(case):
    dense = Problem.from_data(
        np.asarray(case.X) if isinstance(case.X, np.ndarray) else case.X.toarray(),
        case.y,
        case.loss_spec,
        case.penalty_spec,
        **case.options,
    )
    first = solve(dense, tol=1e-9)
    coef = first.coef
    coef.setflags(write=False)
    again = solve(dense, (coef, first.intercept), tol=1e-6)
    assert again.n_iter == 1
    assert again.n_epochs == 0
    judge(case.reference, again, 1e-6)


@one_of_each_pair
def test_deterministic(case):
    one, other = solve(problem_of(case)), solve(problem_of(case))
    np.testing.assert_array_equal(one.coef, other.coef)
    assert one.intercept == other.intercept


# --- One problem in other clothes


@one_of_each_pair
def test_every_layout_and_dtype(case):
    """The same numbers, eight ways: certified by one oracle; equal in what the minimum determines."""
    case = case.with_dtype("float32")
    numbers, reference, fitted = helpers.features().astype(np.float32), case.reference, []
    for layout, dtype in product(helpers.AXES["layout"], helpers.AXES["dtype"]):
        X = helpers.with_layout(numbers.astype(dtype), layout)
        problem = Problem.from_data(X, case.y, case.loss_spec, case.penalty_spec, **case.options)
        solution = solve(problem, tol=1e-12)
        judge(reference, solution, 1e-12)
        eta = reference.A @ reference.pack(solution.coef, solution.intercept)
        unique = case.penalty in ("l2", "elasticnet")  # else what duplicated columns share is free
        fitted.append(np.r_[eta, solution.coef] if unique else eta)
    np.testing.assert_allclose(fitted, np.broadcast_to(fitted[0], np.shape(fitted)), atol=2e-5)


@pytest.mark.parametrize("loss", helpers.AXES["loss"])
@pytest.mark.parametrize("layout", ["F", "csr"])
def test_weights_are_repetitions(loss, layout):
    weight = np.arange(helpers.N_SAMPLES) % 4
    X, y = helpers.features(), helpers.target(loss)
    options = {"penalty": "l1", "alpha": 0.02, "standardize": True}
    weighted = {"X": X, "y": y, "sample_weight": weight, **options}
    repeated = {"X": np.repeat(X, weight, axis=0), "y": np.repeat(y, weight), **options}
    for data, judged_by in ((weighted, repeated), (repeated, weighted)):
        data = {**data, "X": helpers.with_layout(data["X"], layout)}
        solution = solve(Problem.from_data(loss=helpers.loss_spec(loss), **data), tol=1e-9)
        judge(oracles.reference(loss=helpers.oracle_loss(loss), **judged_by), solution, 1e-9)


@pytest.mark.parametrize("loss", helpers.AXES["loss"])
def test_constant_offset_moves_the_intercept(loss):
    X, y = helpers.features(), helpers.target(loss)
    plain, moved = (
        solve(Problem.from_data(X, y, helpers.loss_spec(loss), "l1", 0.02, offset=offset), tol=1e-12)
        for offset in (None, np.full(len(y), 0.7))
    )
    reference = oracles.reference(X, y, helpers.oracle_loss(loss), "l1", 0.02)
    judge(reference, plain, 1e-12)
    shifted = reference.pack(moved.coef, moved.intercept + 0.7)
    assert oracles.gap(reference, shifted) <= 1e-11 * oracles.scale(reference)


def test_offset_of_squared_error_is_a_shift_of_y():
    rng = np.random.default_rng(0)
    X, y, offset = helpers.features(), helpers.target("squared_error"), rng.normal(size=helpers.N_SAMPLES)
    solution = solve(Problem.from_data(X, y, alpha=0.02, offset=offset), tol=1e-9)
    judge(oracles.reference(X, y - offset, "squared_error", alpha=0.02), solution, 1e-9)


@pytest.mark.parametrize("layout", helpers.AXES["layout"])
@pytest.mark.parametrize("dtype", helpers.AXES["dtype"])
@pytest.mark.parametrize("penalty", helpers.AXES["penalty"])
def test_dropout(layout, dtype, penalty):
    """The quadratic form against rows written below X; raw second moments, though the fit centres."""
    case = helpers.Case(
        "squared_error", penalty, layout, dtype, True, True, True, layout in ("F", "csr"), "bounds", "weak"
    )
    dropped = case.with_options(dropout=0.3)
    judge(dropped, solve(problem_of(case, dropout=0.3), tol=1e-9), 1e-9)
    assert dropped.objective(case.optimum) > case.reference.objective(case.optimum)


@pytest.mark.parametrize("name", helpers.PEERS)
def test_scikit_learn_agrees(name):
    peer = helpers.PEERS[name]
    X, y, options, alpha = helpers.peer_problem(peer)
    weight = options["sample_weight"]
    theirs = peer.estimator(alpha, weight.sum()).fit(X, y, sample_weight=weight)
    loss, penalty = helpers.loss_spec(peer.loss), helpers.penalty_spec(peer.penalty)
    ours = solve(Problem.from_data(X, y, loss, penalty, alpha, **options), tol=1e-14)
    np.testing.assert_allclose(ours.coef, theirs.coef_.ravel(), atol=peer.precision)
    np.testing.assert_allclose(ours.intercept, np.ravel(theirs.intercept_)[0], atol=peer.precision)


# --- Awkward problems


def random_problem(seed):
    """Sizes from one column to more columns than samples, correlated, sparse, badly scaled or of integers."""
    rng = np.random.default_rng(seed)
    n, p = rng.choice([3, 8, 20, 60]), rng.choice([1, 2, 5, 12, 40])
    X = rng.normal(size=(n, p))
    kind = rng.integers(5)
    if kind == 1:
        X += 3 * rng.normal(size=(n, 1))
    elif kind == 2:
        X *= rng.random((n, p)) < 0.2
    elif kind == 3:
        X *= 10.0 ** rng.integers(-2, 3, p)
    elif kind == 4:
        X = rng.integers(-1, 2, (n, p)).astype(float)
    X = X.astype(rng.choice(helpers.AXES["dtype"]))
    loss = str(rng.choice(helpers.AXES["loss"]))
    penalty = ("l1", "l2", "elasticnet")[rng.integers(3)]
    y = helpers.draw(rng, loss, 0.5 * X[:, :5].sum(axis=1) / (1e-3 + np.abs(X).max()))
    if loss != "gamma":
        y[:2] = 0, 1  # two classes, a count
    factor, lower, upper = rng.uniform(0.5, 2, p), np.full(p, -np.inf), np.full(p, np.inf)
    factor[rng.integers(p)], lower[rng.integers(p)], upper[rng.integers(p)] = np.inf, -0.1, 0.2
    options = {
        "sample_weight": rng.uniform(0.2, 2, n) if rng.integers(2) else None,
        "offset": rng.normal(scale=0.3, size=n) if rng.integers(2) else None,
        "fit_intercept": bool(rng.integers(2)),
        "standardize": bool(rng.integers(2)),
        **({"penalty_factor": factor, "lower": lower, "upper": upper} if rng.integers(2) else {}),
    }
    alpha = 10.0 ** rng.uniform(-3, 0)
    loss_oracle = helpers.oracle_loss(loss)
    reference = oracles.reference(X, y, loss_oracle, penalty, alpha, l1_ratio=helpers.L1_RATIO, **options)
    X = helpers.with_layout(X, rng.choice(helpers.AXES["layout"]))
    problem = Problem.from_data(X, y, helpers.loss_spec(loss), helpers.penalty_spec(penalty), alpha, **options)
    return problem, reference


@pytest.mark.parametrize("seed", range(100))
def test_random_problems(seed):
    problem, reference = random_problem(seed)
    judge(reference, solve(problem, tol=1e-7), 1e-7)


@pytest.mark.parametrize("loss", helpers.AXES["loss"])
@pytest.mark.parametrize("layout", helpers.AXES["layout"])
@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_more_features_than_samples(loss, layout, penalty):
    """Two hundred correlated columns: several working sets, several batches of every kernel."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 200)) + rng.normal(size=(40, 1))
    if layout in ("csc", "csr"):
        X *= rng.random(X.shape) < 0.3
    y = helpers.draw(rng, loss, X[:, :3].sum(axis=1) / 3)
    loss_oracle = helpers.oracle_loss(loss)
    reference = oracles.reference(X, y, loss_oracle, penalty, 1.0, l1_ratio=helpers.L1_RATIO)
    alpha = 0.1 * oracles.null_alpha(reference, 1.0)
    reference = oracles.reference(X, y, loss_oracle, penalty, alpha, l1_ratio=helpers.L1_RATIO)
    problem = Problem.from_data(
        helpers.with_layout(X, layout), y, helpers.loss_spec(loss), helpers.penalty_spec(penalty), alpha
    )
    judge(reference, solve(problem, tol=1e-8), 1e-8)


@pytest.mark.parametrize(("dtype", "ratio"), [("float64", 1e4), ("float64", 1e6), ("float32", 1e3)])
@pytest.mark.parametrize("layout", helpers.AXES["layout"])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_columns_far_from_zero(dtype, ratio, layout, loss):
    """Lazy centring loses about (mean / sd)^2 of the digits, unless it is renewed."""
    rng = np.random.default_rng(0)
    X = (ratio + rng.normal(size=(60, 8))).astype(dtype)
    signal = X.astype(float) - ratio
    y = helpers.draw(rng, loss, signal[:, 0] - signal[:, 1])
    solution = solve(Problem.from_data(helpers.with_layout(X, layout), y, loss, alpha=0.01), tol=1e-6)
    moved = oracles.reference(signal, y, loss, alpha=0.01)  # the same problem, b moved by ratio * sum(w)
    assert solution.status == "converged"
    v = moved.pack(solution.coef, solution.intercept + ratio * solution.coef.sum())
    rounding = 1e-15 * ratio  # of the intercept that was returned, in units of eta
    assert oracles.gap(moved, v) <= (1e-6 + rounding) * oracles.scale(moved)


@pytest.mark.parametrize("layout", helpers.AXES["layout"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_column_constant_where_there_is_weight(layout, fit_intercept):
    """Standardised, it has no scale: excluded. A sample without weight does not change that."""
    X, y = helpers.features().copy(), helpers.target("squared_error")
    weight = np.random.default_rng(0).uniform(0.3, 2, len(y))
    weight[:3] = 0
    X[:3, helpers.CONSTANT] = 0, 5, -7
    options = {"alpha": 0.02, "sample_weight": weight, "standardize": True, "fit_intercept": fit_intercept}
    solution = solve(Problem.from_data(helpers.with_layout(X, layout), y, **options), tol=1e-9)
    assert solution.coef[helpers.CONSTANT] == 0
    judge(oracles.reference(X, y, "squared_error", **options), solution, 1e-9)


@pytest.mark.parametrize("loss", helpers.AXES["loss"])
@pytest.mark.parametrize("layout", ["C", "csc"])
@pytest.mark.parametrize("seed", range(3))
def test_bounds_without_a_penalty(loss, layout, seed):
    """Nonnegative least squares and its kin: free where positive, held at zero, no cost anywhere."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 6))
    y = helpers.draw(rng, loss, X[:, 0] - X[:, 1] + 0.5 * X[:, 2])
    solution = solve(
        Problem.from_data(helpers.with_layout(X, layout), y, helpers.loss_spec(loss), None, lower=0.0),
        tol=1e-8,
    )
    loss_oracle = helpers.oracle_loss(loss)
    judge(oracles.reference(X, y, loss_oracle, None, lower=0.0), solution, 1e-8)


def test_scipy_nnls_agrees():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    problem = Problem.from_data(X, y, penalty=None, lower=0.0, fit_intercept=False)
    np.testing.assert_allclose(solve(problem, tol=1e-12).coef, nnls(X, y)[0], atol=1e-6)


@pytest.mark.parametrize("layout", helpers.AXES["layout"])
@pytest.mark.parametrize("loss", helpers.AXES["loss"])
@pytest.mark.parametrize("penalty", helpers.AXES["penalty"])
def test_nothing_to_find(layout, loss, penalty):
    """No column holds data: the answer is the intercept."""
    y = helpers.target(loss)
    X = helpers.with_layout(np.zeros((len(y), 3)), layout)
    solution = solve(Problem.from_data(X, y, helpers.loss_spec(loss), penalty, 0.1))
    assert not solution.coef.any()
    loss_oracle = helpers.oracle_loss(loss)
    judge(oracles.reference(np.zeros((len(y), 3)), y, loss_oracle, penalty, 0.1), solution, 1e-6)


@both_solvers
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_constant_target_is_the_null_model(solver, fit_intercept):
    y = np.full(helpers.N_SAMPLES, 3.0 if fit_intercept else 0.0)
    problem = Problem.from_data(helpers.features(), y, alpha=0.1, fit_intercept=fit_intercept)
    solution = SOLVERS[solver](problem)
    assert solution.status == "converged"
    assert not solution.coef.any()
    assert solution.intercept == pytest.approx(y[0])


@pytest.mark.parametrize("loss", ["log_loss", "poisson", "tweedie"])
@pytest.mark.parametrize("layout", ["C", "csc"])
def test_no_finite_minimum_is_found_out(loss, layout):
    """A column that is positive for y = 0 alone: without a penalty its coefficient falls for ever."""
    X, y = helpers.features().copy(), helpers.target(loss)
    X[:, 11] = (y == 0) * (1 + np.arange(len(y)) % 3)
    X = helpers.with_layout(X, layout)
    assert solve(Problem.from_data(X, y, helpers.loss_spec(loss), None)).status == "no_finite_minimum"
    assert solve(Problem.from_data(X, y, helpers.loss_spec(loss), "l2", 0.1)).status == "converged"


def test_alpha_zero_is_no_penalty():
    X, y = helpers.features(), helpers.target("poisson")
    reference = oracles.reference(X, y, "poisson", None)
    for penalty in ("l1", "l2", "elasticnet"):
        solution = solve(Problem.from_data(X, y, "poisson", penalty, 0.0), tol=1e-9)
        judge(reference, solution, 1e-9)


@pytest.mark.parametrize("layout", helpers.AXES["layout"])
def test_data_stay_as_they_were(layout):
    X, y = helpers.with_layout(helpers.features(), layout), helpers.target("gamma").copy()
    arrays = [y] + ([X.data, X.indices, X.indptr] if sparse.issparse(X) else [X])
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    options = {"alpha": 0.02, "standardize": True, "sample_weight": before[0], "offset": before[0]}
    for solver in SOLVERS.values():
        assert solver(Problem.from_data(X, y, "gamma", "l1", **options)).status == "converged"
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)

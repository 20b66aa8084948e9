"""Solving with MCP and SCAD: stationary by the oracle, never uphill, exact where the answer is known."""

import helpers
import numpy as np
import oracles
import pytest
from helpers import with_layout
from scipy import sparse

from sparsereg.losses import Softmax
from sparsereg.penalties import MCP, SCAD, get_penalty
from sparsereg.solvers import Problem, fista, follow_path, joint_problem, solve
from sparsereg.solvers.path import alpha_max

TOL = 1e-8
SPECS = [("mcp", 3.0), ("mcp", 1.5), ("scad", 3.7), ("scad", 2.2)]
every_spec = pytest.mark.parametrize(("name", "gamma"), SPECS)

# Each loss twice, in other layouts; between them all weights, offsets, factors, bounds, scales and precisions.
CASES = [case for case in helpers.CASES if case.penalty == "l1" and case.layout in ("C", "csr")]


def spec_of(name, gamma):
    return get_penalty(name).set_params(gamma=gamma)


def rises(solution):
    """By how much the objective rose between outer steps, in units of rounding."""
    objective = np.array([record.objective for record in solution.history])
    return np.max(np.diff(objective) / (1 + np.abs(objective[1:])), initial=0.0)


def correlated(n=60, p=150, seed=0, rho=0.6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    y = X[:, ::30] @ np.array([3.0, -2.0, 2.0, 1.5, -1.0]) + rng.normal(size=n)
    return X, y


@every_spec
@pytest.mark.parametrize("case", CASES, ids=str)
def test_stationary_by_the_oracle(case, name, gamma):
    """On the case table, with all its awkward columns, at a third of alpha_max."""
    alpha = 0.3 * oracles.null_alpha(case.with_options(alpha=1.0), 1.0)
    options = {**case.options, "alpha": alpha}
    solution = solve(Problem.from_data(case.X, case.y, case.loss_spec, spec_of(name, gamma), **options), tol=TOL)
    reference = oracles.concave_reference(case.with_options(alpha=alpha), name, gamma)
    v = reference.pack(solution.coef, solution.intercept)
    unit = np.abs(reference.gradient(oracles.null_point(case.with_options(alpha=alpha)))).max()
    assert solution.status == "stationary"
    assert np.isnan(solution.gap)
    assert (reference.violation(v) <= 1.01 * TOL * unit + 1e-13).all()
    assert reference.objective(v) == pytest.approx(solution.history[-1].objective, rel=1e-12)
    assert reference.objective(v) <= reference.objective(oracles.null_point(case.with_options(alpha=alpha))) + 1e-14
    assert rises(solution) <= 1e-14


@every_spec
@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
def test_paths_are_stationary_and_never_go_up(loss, name, gamma):
    X, y = correlated()
    y = np.random.default_rng(1).poisson(np.exp(np.clip(0.4 * y, -4, 2))).astype(float) if loss == "poisson" else y
    problem = Problem.from_data(X, y, loss, spec_of(name, gamma))
    alphas = alpha_max(problem) * np.geomspace(1, 0.1, 15)
    written = oracles.reference(X, y, loss, "l1", 1.0)
    unit = np.abs(written.gradient(oracles.null_point(written))).max()
    for alpha, solution in zip(alphas, follow_path(problem, alphas, tol=TOL), strict=True):
        reference = oracles.concave_reference(oracles.reference(X, y, loss, "l1", alpha), name, gamma)
        v = reference.pack(solution.coef, solution.intercept)
        assert solution.status == "stationary"
        assert (reference.violation(v) <= 1.01 * TOL * unit).all()
        assert rises(solution) <= 1e-14


@every_spec
def test_alpha_max_is_that_of_the_lasso(name, gamma):
    X, y = correlated()
    problem = Problem.from_data(X, y, penalty=spec_of(name, gamma))
    top = alpha_max(problem)
    assert top == alpha_max(Problem.from_data(X, y))
    assert len(solve(problem.at(1.0001 * top)).coef_index) == 0
    assert len(solve(problem.at(0.999 * top)).coef_index) > 0


@pytest.mark.parametrize("name", ["mcp", "scad"])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_large_gamma_is_the_lasso(name, loss):
    """The curvature falls as 1 / gamma, and the distance to the lasso with it."""
    X, y = correlated()
    y = np.abs(y) if loss == "poisson" else y
    options = {"alpha": 0.2 * alpha_max(Problem.from_data(X, y, loss))}
    lasso = solve(Problem.from_data(X, y, loss, **options), tol=1e-14).coef
    away = []
    for gamma in (1e3, 1e5):
        solution = solve(Problem.from_data(X, y, loss, spec_of(name, gamma), **options), tol=1e-10)
        away.append(np.abs(solution.coef - lasso).max())
    assert len(lasso[lasso != 0]) > 5
    assert away[1] < 1e-3 * np.abs(lasso).max()
    assert away[1] < 0.02 * away[0]


@pytest.mark.parametrize("name", ["mcp", "scad"])
@pytest.mark.parametrize("excess", [0.001, 0.1, 1.0, 3.0, 1e6])
@pytest.mark.parametrize("standardize", [False, True])
def test_orthonormal_designs_have_a_closed_form(name, excess, standardize):
    """X'X / n = 1, where each coordinate is the threshold function of its gradient at zero."""
    rng = np.random.default_rng(0)
    n, p, alpha = 64, 20, 0.5
    gamma = {"mcp": 1.0, "scad": 2.0}[name] + excess
    X = np.sqrt(n) * np.linalg.qr(np.c_[np.ones(n), rng.normal(size=(n, p))])[0][:, 1:]
    y = X @ rng.normal(scale=1.5, size=p) + 3 + 0.1 * rng.normal(size=n)
    expected = oracles.concave_threshold(name, X.T @ y / n, alpha, gamma)
    units = np.linspace(0.1, 10, p) if standardize else np.ones(p)
    problem = Problem.from_data(X * units, y, penalty=spec_of(name, gamma), alpha=alpha, standardize=standardize)
    solution = solve(problem, tol=1e-12)
    assert 0 < np.count_nonzero(expected) < p
    # The closer gamma to its bound, the flatter the middle piece: an error in a gradient is divided by the excess.
    np.testing.assert_allclose(solution.coef * units, expected, atol=1e-10 / min(excess, 1))


@every_spec
@pytest.mark.parametrize("loss", ["squared_error", "huber", "log_loss", "poisson"])
@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("standardize", [False, True])
def test_nothing_to_find_is_no_failure(name, gamma, loss, fill, standardize):
    """Columns that are empty or constant: the null model, whose gradient is rounding."""
    y = np.random.default_rng(0).normal(size=50)
    y = {"log_loss": (y > 0) * 1.0, "poisson": np.abs(y)}.get(loss, y)
    X = np.full((50, 8), fill)
    options = {"penalty": spec_of(name, gamma), "alpha": 0.1, "standardize": standardize}
    problem = Problem.from_data(X, y, loss, **options)
    for solution in (solve(problem), fista(problem)):
        assert solution.status == "stationary"
        assert len(solution.coef_index) == 0
        if loss == "squared_error":
            assert solution.intercept == pytest.approx(y.mean())


@every_spec
def test_excluded_columns_are_as_good_as_deleted(name, gamma):
    """However large their gradients: they set no unit."""
    X, y = correlated()
    huge = np.c_[X, 1e6 * (X[:, :1] + X[:, 1:2])]
    factor = np.append(np.ones(X.shape[1]), np.inf)
    options = {"loss": "huber", "penalty": spec_of(name, gamma), "alpha": 0.3}
    plain = solve(Problem.from_data(X, y, **options), tol=TOL)
    solution = solve(Problem.from_data(huge, y, penalty_factor=factor, **options), tol=TOL)
    np.testing.assert_allclose(solution.coef[:-1], plain.coef, atol=1e-9)
    assert solution.coef[-1] == 0
    assert solution.violation == pytest.approx(plain.violation, rel=1e-2, abs=1e-12)


@every_spec
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
@pytest.mark.parametrize("layout", ["F", "csc"])
@pytest.mark.parametrize("rows", [60, 10])
def test_standardize_is_scaling_whatever_the_units(name, gamma, loss, layout, rows):
    """Columns in units from 1e-4 to 1e4: a violation counts as much in each; ten sparse rows need no Gram matrix."""
    X, y = correlated()
    X, y = X[:rows], y[:rows]
    units = 10 ** np.random.default_rng(7).uniform(-4, 4, X.shape[1])
    alpha = 0.5 * oracles.null_alpha(oracles.reference(X, y, loss, "l1", 1.0, standardize=True), 1.0)
    wide = with_layout(X * units, layout)
    solution = solve(Problem.from_data(wide, y, loss, spec_of(name, gamma), alpha=alpha, standardize=True), tol=TOL)
    written = oracles.reference(X * units, y, loss, "l1", alpha, standardize=True)
    reference = oracles.concave_reference(written, name, gamma)
    v = reference.pack(solution.coef, solution.intercept)
    unit = np.abs(reference.gradient(oracles.null_point(written))).max()
    assert solution.status == "stationary"
    assert len(solution.coef_index) > 0
    assert (reference.violation(v) <= 1.01 * TOL * unit).all()
    assert solution.violation <= TOL * unit


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "log_loss"])
@pytest.mark.parametrize("layout", ["F", "csc"])
@pytest.mark.parametrize("seed", range(4))
def test_standardize_takes_the_way_of_scaled_columns(loss, layout, seed):
    """Where there are several minima the way decides: powers of two change no bit of it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 40))
    eta = X[:, :4] @ [2, -2, 1, 1] + rng.normal(size=150)
    y = {"log_loss": (eta > 0) * 1.0, "poisson": rng.poisson(np.exp(eta / 2)).astype(float)}.get(loss, eta)
    sd = X.std(axis=0)
    X = (X - X.mean(axis=0)) / sd
    units = 2.0 ** rng.integers(-9, 10, 40)
    options = {"penalty": MCP(1.5), "alpha": 0.05, "standardize": True}
    plain = solve(Problem.from_data(with_layout(X, layout), y, loss, **options), tol=1e-8)
    scaled = solve(Problem.from_data(with_layout(X * units, layout), y, loss, **options), tol=1e-8)
    np.testing.assert_allclose(scaled.coef * units, plain.coef, atol=1e-9)
    assert scaled.n_epochs == plain.n_epochs
    assert scaled.violation == pytest.approx(plain.violation, rel=1e-6, abs=1e-15)


def test_a_step_that_crawls_gives_way_to_the_tangent():
    """Over many pieces a step may go down for 1e-11 of its length only, again and again."""
    rng = np.random.default_rng(34)
    X = rng.normal(size=(60, 200)) + rng.normal(size=(60, 1))
    y = X[:, :8] @ rng.choice([-2.0, 2.0], 8) + 3 * rng.standard_t(2, 60)
    problem = Problem.from_data(X, y, "huber", MCP(), standardize=True)
    alphas = alpha_max(problem) * np.geomspace(1, 0.1, 20)
    assert {solution.status for solution in follow_path(problem, alphas, tol=1e-8)} == {"stationary"}


@pytest.mark.parametrize("layout", ["F", "csc"])
@pytest.mark.parametrize("size", [150, 40])
def test_several_classes_take_the_way_of_scaled_columns(layout, size):
    """The same with softmax, whose blocks have units of their own."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(size, 40))
    Y = np.eye(3)[np.digitize(X[:, 0] + rng.normal(size=size), [-0.5, 0.5])]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    units = 2.0 ** rng.integers(-9, 10, 40)
    top = alpha_max(joint_problem(X, Y, Softmax(3), MCP(), 1.0, standardize=True))

    def fit(X):
        return solve(joint_problem(with_layout(X, layout), Y, Softmax(3), MCP(), 0.7 * top, standardize=True), tol=1e-8)

    plain, scaled = fit(X), fit(X * units)
    assert plain.status == scaled.status == "stationary"
    assert len(plain.coef_index) > 0
    np.testing.assert_allclose(scaled.coef.reshape(3, 40) * units, plain.coef.reshape(3, 40), atol=1e-9)


@every_spec
def test_layouts_agree(name, gamma):
    """Where the objective is convex on what is selected; elsewhere other roundings may end elsewhere."""
    X, y = correlated(n=200)
    X = X * (np.random.default_rng(2).random(X.shape) < 0.3) / np.sqrt(0.3)
    options = {"penalty": spec_of(name, gamma), "alpha": 0.5}
    expected = solve(Problem.from_data(X, y, **options), tol=1e-12).coef
    assert 2 < np.count_nonzero(expected) < 60
    for layout in ("F", "csc", "csr"):
        coef = solve(Problem.from_data(with_layout(X, layout), y, **options), tol=1e-12).coef
        np.testing.assert_allclose(coef, expected, atol=1e-8)
    wide = sparse.csr_array((X.shape[0], 10**6))
    both = sparse.hstack([sparse.csr_array(X), wide], format="csr")
    solution = solve(Problem.from_data(both, y, **options), tol=1e-12)
    np.testing.assert_array_equal(solution.coef_index, np.flatnonzero(expected))


@every_spec
def test_float32(name, gamma):
    """The single-precision matrix is the problem: in double precision it has the same answer."""
    X, y = correlated()
    X32 = X.astype(np.float32)
    for loss in ("squared_error", "huber"):
        options = {"loss": loss, "penalty": spec_of(name, gamma), "alpha": 0.2}
        coef = solve(Problem.from_data(X32, y, **options), tol=TOL).coef
        np.testing.assert_allclose(
            coef, solve(Problem.from_data(X32.astype(float), y, **options), tol=TOL).coef, atol=1e-5
        )


@every_spec
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_weights_are_repetitions(name, gamma, loss):
    X, y = correlated()
    counts = np.random.default_rng(3).integers(0, 4, size=len(y))
    options = {"loss": loss, "penalty": spec_of(name, gamma), "alpha": 0.3, "standardize": True}
    weighted = solve(Problem.from_data(X, y, sample_weight=counts, **options), tol=1e-11)
    repeated = solve(Problem.from_data(np.repeat(X, counts, 0), np.repeat(y, counts), **options), tol=1e-11)
    assert len(weighted.coef_index) > 2
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-7)


@every_spec
def test_fista_descends_to_a_stationary_point(name, gamma):
    """Its steps use the prox of the penalty itself; where prox-Newton ended, it does not move."""
    X, y = correlated()
    problem = Problem.from_data(X, y, penalty=spec_of(name, gamma), alpha=0.4)
    solution = fista(problem, tol=1e-7)
    assert solution.status == "stationary"
    assert rises(solution) <= 1e-14
    reference = oracles.concave_reference(oracles.reference(X, y, "squared_error", "l1", 0.4), name, gamma)
    v = reference.pack(solution.coef, solution.intercept)
    written = oracles.reference(X, y, "squared_error", "l1", 0.4)
    unit = np.abs(written.gradient(oracles.null_point(written))).max()
    assert (reference.violation(v) <= 1.01e-7 * unit).all()
    newton = solve(problem, tol=TOL)
    again = fista(problem, (newton.coef, newton.intercept), tol=TOL)
    np.testing.assert_allclose(again.coef, newton.coef, atol=1e-10)


def test_large_effects_are_kept_whole():
    """Beyond gamma alpha nothing is shrunk: the fit on its support is least squares."""
    X, y = correlated(n=400)
    for spec in (MCP(), SCAD()):
        solution = solve(Problem.from_data(X, y, penalty=spec, alpha=0.2), tol=1e-12)
        support = solution.coef_index
        assert np.abs(solution.coef_value).min() > spec.gamma * 0.2
        A = np.c_[np.ones(len(y)), X[:, support]]
        np.testing.assert_allclose(solution.coef_value, np.linalg.lstsq(A, y, rcond=None)[0][1:], rtol=1e-8)


def test_a_flat_penalty_does_not_hold_separable_classes():
    """Where the weights that separate are beyond gamma alpha, they cost no more for ever: there is no minimum."""
    X = np.r_[np.linspace(-3, -1, 20), np.linspace(1, 3, 20)][:, None]
    y = (X[:, 0] > 0).astype(float)
    assert solve(Problem.from_data(X, y, "log_loss", MCP(), alpha=0.01)).status == "no_finite_minimum"
    bounded = solve(Problem.from_data(X, y, "log_loss", MCP(), alpha=0.01, upper=2.0))
    assert bounded.status == "stationary"
    assert bounded.coef[0] == 2.0
    lasso = solve(Problem.from_data(X, y, "log_loss", "l1", alpha=0.01))
    assert lasso.status == "converged"


@every_spec
@pytest.mark.parametrize("factor", [None, "one free"])
def test_nothing_to_explain(name, gamma, factor):
    X, _ = correlated()
    factor = None if factor is None else np.r_[0.0, np.ones(X.shape[1] - 1)]
    y = np.full(len(X), 0.1) if factor is None else 0.3 + 0.1 * X[:, 0]
    solution = solve(Problem.from_data(X, y, penalty=spec_of(name, gamma), alpha=0.1, penalty_factor=factor))
    assert solution.converged
    assert len(solution.coef_index) == (factor is not None)


@every_spec
def test_alpha_zero_ends_a_path_at_least_squares(name, gamma):
    X, y = correlated()
    X = X[:, ::10]
    solutions = list(follow_path(Problem.from_data(X, y, penalty=spec_of(name, gamma)), [1.0, 0.1, 0.0], tol=1e-12))
    assert [s.status for s in solutions] == ["stationary", "stationary", "converged"]
    A = np.c_[np.ones(len(y)), X]
    np.testing.assert_allclose(solutions[-1].coef, np.linalg.lstsq(A, y, rcond=None)[0][1:], rtol=1e-7)

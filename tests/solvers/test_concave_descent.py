"""The descent under MCP and SCAD inside a sub-problem: exact steps, never uphill, stationary, and what it costs."""

import sys

import numpy as np
import oracles
import pytest
from scipy import sparse
from sparsereg.solvers._kernels.features import cd_features
from sparsereg.solvers._kernels.gram import gram_features

from sparsereg.penalties import MCP, SCAD, get_penalty
from sparsereg.solvers import Problem, follow_path, quadratic, residual_descent, solve
from sparsereg.solvers.concave_descent import descend_concave
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.normal_equations import NormalEquations
from sparsereg.solvers.path import alpha_max
from sparsereg.solvers.prox_newton import ProxNewton

SPECS = [("mcp", 3.0), ("mcp", 1.5), ("scad", 3.7), ("scad", 2.2)]
every_spec = pytest.mark.parametrize(("name", "gamma"), SPECS)
FACTOR = np.array([0.0, 0.5, 1.0, 2.0])
BOX = np.array([-0.4, 0.0, -2.0]), np.array([0.6, 1.5, 0.0])


def quadratic_of(k, n, seed=0, rho=0.9):
    """A Gram matrix of correlated columns, singular where k > n, and a linear part."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, k))
    for j in range(1, k):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    y = X[:, :: max(k // 5, 1)].sum(axis=1) + rng.normal(size=n)
    return np.ascontiguousarray(X.T @ X) / n, X.T @ y / n


def bound(name, gamma, k, alpha, *, free=False):
    spec = get_penalty(name).set_params(gamma=gamma)
    factor = np.resize(FACTOR, k)
    low, high = np.full(k, -np.inf), np.full(k, np.inf)
    if not free:
        low[-len(BOX[0]) :], high[-len(BOX[0]) :] = BOX
    penalty = spec.bind(alpha, k, factor=factor, lower=low, upper=high)
    return penalty, oracles.Concave(name, gamma, alpha * factor, np.zeros(k), low, high)


@every_spec
@pytest.mark.parametrize("curvature", [0.1, 0.3, 0.7, 1.0, 4.0])
def test_steps_are_minima_or_go_down(name, gamma, curvature):
    """One weight: above the concavity the least of a fine grid, below it not above where it came from."""
    rng = np.random.default_rng(1)
    penalty, oracle = bound(name, gamma, len(FACTOR) + 3, 0.5)
    bend = {"mcp": 1 / gamma, "scad": 1 / (gamma - 1)}[name]
    for _ in range(60):
        j = rng.integers(len(FACTOR) + 3)
        low, high = max(oracle.lower[j], -9.0), min(oracle.upper[j], 9.0)
        start, pull = np.clip(rng.normal(scale=1.5), low, high), rng.normal(scale=2.0) * curvature

        def value(v, j=j, pull=pull):
            cost = oracles.Concave(name, gamma, oracle.threshold[j], 0.0, low, high).value(v)
            return 0.5 * curvature * v**2 - pull * v + cost

        w, costs = np.array([start]), penalty.take(np.array([j])).bent
        gradient = np.array([curvature * start - pull])
        gram_features(np.array([[curvature]]), gradient, w, np.arange(1), 1, 0.0, *costs)
        assert value(w[0]) <= value(start) + 1e-14
        assert gradient[0] == pytest.approx(curvature * w[0] - pull, abs=1e-12)
        if curvature > bend or oracle.threshold[j] == 0.0:
            assert value(w[0]) <= value(np.linspace(low, high, 20001)).min() + 1e-12


@every_spec
@pytest.mark.parametrize(("k", "n"), [(30, 200), (60, 40)])
def test_the_descent_ends_where_it_is_stationary_and_never_rises(name, gamma, k, n):
    G, c = quadratic_of(k, n)
    penalty, oracle = bound(name, gamma, k, 0.3)
    start = np.clip(np.random.default_rng(2).normal(size=k), oracle.lower, oracle.upper)

    def value(w):
        return 0.5 * w @ G @ w - c @ w + oracle.value(w).sum()

    last = value(start)
    for epochs in (1, 2, 5, 20, 100):
        w, done = descend_concave(G, G @ start - c, start, penalty, 1e-10, epochs)
        assert done <= epochs
        assert value(w) <= last + 1e-12
        start, last = w, value(w)
    w, _ = descend_concave(G, G @ start - c, start, penalty, 1e-10, 20_000)
    assert oracle.violation(w, G @ w - c).max() <= 1.1e-10
    assert value(w) <= last + 1e-12


@every_spec
def test_residuals_and_the_gram_matrix_take_the_same_steps(name, gamma):
    """An epoch over the entries of sparse columns is the epoch of their Gram matrix."""
    rng = np.random.default_rng(3)
    n, k = 50, 12
    X = sparse.random_array((n, k), density=0.4, random_state=rng, format="csc")
    h = rng.uniform(0.5, 1.5, size=n) / n
    y = 3 * rng.normal(size=n)
    penalty, _ = bound(name, gamma, k, 0.02)
    G = np.ascontiguousarray((X.T @ (X * h[:, None])).toarray())
    w, gradient = np.zeros(k), -(X.T @ (h * y))
    other, q = np.zeros(k), h * y
    rows, starts = X.indices.astype(np.int32), X.indptr.astype(np.int64)
    for _ in range(5):
        gram_features(G, gradient, w, np.arange(k), 1, 0.0, *penalty.bent)
        zeros, at = np.zeros(k), np.arange(k)
        moments = h, 0.0, h.sum(), zeros, G.diagonal().copy()
        cd_features(X.data, rows, starts, at, at, other, q, 0.0, 1, 0.0, *moments, *penalty.bent)
        np.testing.assert_allclose(other, w, atol=1e-12)
    assert np.count_nonzero(w) > 3


@every_spec
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_without_a_gram_matrix(name, gamma, loss, monkeypatch):
    """Sparse working sets that keep their entries: stationary by the oracle, never uphill."""
    outer = sys.modules[ProxNewton.__module__]  # the package has a function of that name
    for module in (outer, quadratic):
        monkeypatch.setattr(module, "use_gram", lambda *_: False)
    rng = np.random.default_rng(4)
    X = sparse.random_array((120, 300), density=0.1, random_state=rng, format="csr", data_sampler=rng.standard_normal)
    y = X[:, :6] @ np.full(6, 3.0) + 0.5 * rng.normal(size=120)
    y = y if loss == "squared_error" else (y + rng.logistic(size=120) > 0).astype(float)
    alpha = 0.3 * alpha_max(Problem.from_data(X, y, loss))
    spec = get_penalty(name).set_params(gamma=gamma)
    solution = solve(Problem.from_data(X, y, loss, spec, alpha=alpha, upper=20.0, lower=-20.0), tol=1e-8, max_iter=1000)
    written = oracles.reference(X.toarray(), y, loss, "l1", alpha, lower=-20.0, upper=20.0)
    reference = oracles.concave_reference(written, name, gamma)
    unit = np.abs(written.gradient(oracles.null_point(written))).max()
    assert solution.status == "stationary"
    assert (reference.violation(reference.pack(solution.coef, solution.intercept)) <= 1.01e-8 * unit).all()
    objective = np.array([record.objective for record in solution.history])
    assert (np.diff(objective) <= 1e-14).all()
    assert len(solution.coef_index) > 3


@every_spec
def test_anderson_sees_the_concave_cost(name, gamma):
    """Extrapolated iterates pass only if they are lower under the penalty itself."""
    rng = np.random.default_rng(5)
    costs = bound(name, gamma, 8, 0.5, free=True)[0].bent
    oracle = bound(name, gamma, 8, 0.5, free=True)[1]
    X, y, h = rng.normal(size=(30, 8)), rng.normal(size=30), np.full(30, 1 / 30)
    trail = [rng.normal(size=8)]
    for _ in range(5):
        trail.append(0.7 * trail[-1] + 0.05 * rng.normal(size=8))
    residuals = [h * (y - X @ w) for w in trail]
    better = residual_descent._extrapolate(trail, residuals, h, costs)

    def value(w):
        return 0.5 * h @ (y - X @ w) ** 2 + oracle.value(w).sum()

    if better is not None:
        assert value(better[0]) < value(trail[-1])
    assert costs.value(trail[-1]) == pytest.approx(oracle.value(trail[-1]).sum(), rel=1e-13)


# --- What it costs


def correlated(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = 0.8 * X[:, j - 1] + 0.6 * X[:, j]
    return X, X[:, :: p // 10] @ np.resize([2.0, -2.0, 1.0], len(range(0, p, p // 10))) + rng.normal(size=n)


@pytest.fixture
def builds(monkeypatch):
    """Number of Gram matrices that were made or grown so far."""
    counts, original = [], DenseDesign.gram

    def counted(self, *arguments):
        counts.append(1)
        return original(self, *arguments)

    monkeypatch.setattr(DenseDesign, "gram", counted)
    return counts


@pytest.mark.parametrize("spec", [MCP(), SCAD()], ids=str)
@pytest.mark.parametrize("loss", ["huber", "poisson"])
def test_a_path_of_another_loss_costs_few_models(loss, spec, builds):
    """A model of the loss is minimised under the concave penalty itself: no Gram matrix for each tangent."""
    X, y = correlated(200, 400)
    y = np.random.default_rng(1).poisson(np.exp(np.clip(0.3 * y, -4, 2))).astype(float) if loss == "poisson" else y
    made = []
    for penalty in ("l1", spec):
        problem = Problem.from_data(X, y, loss, penalty)
        builds.clear()
        solutions = list(follow_path(problem, alpha_max(problem) * np.geomspace(1, 0.1, 15), tol=1e-6))
        assert all(s.converged for s in solutions)
        made.append(len(builds))
    assert made[1] <= 2.5 * made[0]


@pytest.mark.parametrize("spec", [MCP(), SCAD()], ids=str)
def test_a_path_of_squares_verifies_most_strengths_once(spec):
    X, y = correlated(200, 1000)
    problem = Problem.from_data(X, y, penalty=spec)
    solutions = list(follow_path(problem, alpha_max(problem) * np.geomspace(1, 0.1, 30), tol=1e-6))
    assert {s.status for s in solutions} == {"stationary"}
    assert sum(s.n_iter for s in solutions) <= 45
    assert sum(s.n_epochs for s in solutions) <= 2000


def test_a_step_that_begins_uphill_is_taken_on_the_tangent(monkeypatch):
    """Where the line search refuses all steps under the penalty itself, those under tangents arrive."""
    X, y = correlated(100, 60)
    refused = []
    original = ProxNewton._search

    def search(self, step, g):
        if self.model.problem is self.problem:
            refused.append(1)
            return 0.0
        return original(self, step, g)

    monkeypatch.setattr(ProxNewton, "_search", search)
    solution = solve(Problem.from_data(X, y, "huber", MCP(), alpha=0.1), tol=1e-8, max_iter=1000)
    assert refused
    assert solution.status == "stationary"
    objective = np.array([record.objective for record in solution.history])
    assert (np.diff(objective) <= 1e-14).all()


@every_spec
def test_tall_data_are_read_once(name, gamma, monkeypatch):
    """Many strengths on few columns come from the normal equations, stationary by the oracle."""
    made = []
    original = NormalEquations.__init__
    monkeypatch.setattr(NormalEquations, "__init__", lambda self, *rest: (made.append(1), original(self, *rest))[1])
    X, y = correlated(600, 30)
    problem = Problem.from_data(X, y, penalty=get_penalty(name).set_params(gamma=gamma))
    alphas = alpha_max(problem) * np.geomspace(1, 0.01, 20)
    for alpha, solution in zip(alphas, follow_path(problem, alphas, tol=1e-8), strict=True):
        written = oracles.reference(X, y, "squared_error", "l1", alpha)
        reference = oracles.concave_reference(written, name, gamma)
        assert solution.status == "stationary"
        assert (reference.violation(reference.pack(solution.coef, solution.intercept)) <= 1.01e-8 * alphas[0]).all()
    assert made == [1]


def test_a_cold_fit_goes_by_way_of_the_lasso(monkeypatch):
    """From the null model the first step is that under the tangent: what it leads to is lower, summed over data."""
    totals = []
    for cold in (True, False):
        if not cold:
            original = ProxNewton.majorise
            monkeypatch.setattr(ProxNewton, "majorise", lambda self, tangent=False: original(self))  # noqa: B023
        total = 0.0
        for seed in range(6):
            X, y = correlated(100, 200, seed)
            problem = Problem.from_data(X, y, penalty=MCP(1.5))
            solution = solve(problem.at(0.1 * alpha_max(problem)), tol=1e-8)
            assert solution.status == "stationary"
            total += solution.history[-1].objective
        totals.append(total)
    assert totals[0] < 0.99 * totals[1]

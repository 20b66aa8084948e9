"""Paths as solvers follow them: what they cost, and the exact ones, breakpoint by breakpoint."""

import numpy as np
import oracles
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path

from sparsereg import Lasso, SparseClassifier, SparseRegressor, regularization_path
from sparsereg.solvers import Problem, as_design, follow_path, solve
from sparsereg.solvers import exact_path as exact_module
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.exact_path import follow_exactly, piecewise_linear
from sparsereg.solvers.homotopy import Descent, Homotopy
from sparsereg.solvers.normal_equations import NormalEquations, normal_equations_pay
from sparsereg.solvers.path import alpha_max
from sparsereg.solvers.quadratic import QuadraticModel
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.sparse_design import SparseDesign


def data(n=60, p=200, seed=0, dense=True):
    """Random columns with a duplicate, a mirror image, a constant and an empty one."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    if not dense:
        X[rng.random((n, p)) < 0.8] = 0.0
    X[:, 5], X[:, 7], X[:, 9], X[:, 11] = X[:, 3], -X[:, 3], 1.0, 0.0
    y = X[:, :8] @ rng.standard_normal(8) + rng.standard_normal(n)
    return X if dense else sparse.csc_array(X), y


def grid(problem, n_alphas=50, ratio=0.01):
    return np.geomspace(1.0, ratio, n_alphas) * alpha_max(problem)


@pytest.fixture
def passes(monkeypatch):
    """Count the products of the whole of X' with a vector."""
    counts = []
    for design in (DenseDesign, SparseDesign):

        def counted(self, v, _original=design.rmatvec):
            counts.append(1)
            return _original(self, v)

        monkeypatch.setattr(design, "rmatvec", counted)
    return counts


# --- What paths cost


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_an_easy_path_takes_one_pass_per_strength(passes, dense, loss):
    X, y = data(n=300, p=2000, dense=dense)
    problem = Problem.from_data(X, y if loss == "squared_error" else (y > 0) * 1.0, loss)
    alphas = grid(problem)
    passes.clear()
    solutions = list(follow_path(problem, alphas, tol=1e-6))
    assert all(s.converged for s in solutions)
    assert len(passes) <= 1.04 * len(alphas)


@pytest.mark.parametrize("dense", [True, False])
def test_tall_data_are_read_once_for_all_strengths(passes, dense):
    X, y = data(n=2000, p=30, dense=dense)
    problem = Problem.from_data(X, y)
    alphas = grid(problem, 100)
    passes.clear()
    solutions = list(follow_path(problem, alphas, tol=1e-10))
    assert max(s.relative_gap for s in solutions) <= 1e-10
    assert len(passes) <= 3  # gradient of the null model, means, gradient at zero
    reference = oracles.reference(X if dense else X.toarray(), y, "squared_error", alpha=alphas[60])
    v = reference.pack(solutions[60].coef, solutions[60].intercept)
    assert oracles.gap(reference, v) <= 2e-10 * oracles.scale(reference)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "poisson"])
def test_a_warm_start_takes_few_epochs(loss):
    X, y = data(n=200, p=1000)
    y = {"squared_error": y, "log_loss": (y > 0) * 1.0, "poisson": np.round(np.exp(y / 4))}[loss]
    problem = Problem.from_data(0.3 * X, y, loss)
    solutions = list(follow_path(problem, alpha_max(problem) * np.array([0.1, 0.099]), tol=1e-6))
    cold = solve(problem.at(0.099 * alpha_max(problem)), tol=1e-6)
    assert solutions[1].converged
    assert solutions[1].n_epochs < 0.7 * cold.n_epochs
    assert solutions[1].n_iter < cold.n_iter


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_secant_and_whole_steps_save_models_and_line_searches(loss, monkeypatch):
    X, y = data(n=150, p=400)
    y = (y > 0) * 1.0 if loss == "log_loss" else np.exp(0.2 * y)
    problem = Problem.from_data(X, y, loss)
    work = {"minimise": 0, "value": 0}
    for owner, name in ((QuadraticModel, "minimise"), (type(problem.loss), "value")):
        original = vars(owner)[name]

        def counted(*arguments, name=name, original=original, **options):
            work[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)
    alphas = grid(problem, 100)
    assert all(s.converged for s in follow_path(problem, alphas, tol=1e-7))
    assert work["minimise"] <= 1.9 * len(alphas)
    assert work["value"] <= 3.0 * len(alphas)


def test_a_column_far_from_zero_is_not_left_to_the_gram_matrix_of_all():
    X, y = data(n=500, p=20, dense=False)
    X = X.toarray()
    X[:, 2] += 1e5
    problem = Problem.from_data(sparse.csc_array(X), y)
    assert normal_equations_pay(problem, 100)
    assert not NormalEquations(problem, Reference.of(problem), 1e-6).accurate
    alphas = grid(problem, 20)
    for solution, alpha in zip(follow_path(problem, alphas, tol=1e-8), alphas, strict=True):
        reference = oracles.reference(X, y, "squared_error", alpha=alpha)
        v = reference.pack(solution.coef, solution.intercept)
        assert oracles.gap(reference, v) <= 1e-7 * oracles.scale(reference)


@pytest.mark.parametrize("far", [1e7, 1e9])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_column_that_is_flat_to_rounding_is_not_certified_away(far, container):
    rng = np.random.default_rng(0)
    t = rng.standard_normal(100)
    y = t + 0.1 * rng.standard_normal(100)
    X = container(np.column_stack([t + far, rng.standard_normal((100, 2))]))
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        path = regularization_path(Lasso(tol=1e-6), X, y, alphas=5, alpha_min_ratio=0.01)
    assert path.relative_gaps[-1] > 0.1
    with pytest.warns(ConvergenceWarning) as caught:
        path = regularization_path(Lasso(tol=1e-6), X, y, alphas=2, alpha_min_ratio=0.01, exact=True)
    assert any("did not converge" in str(w.message) for w in caught)
    assert not path.exact
    assert path.relative_gaps[-1] > 0.1


def test_what_the_forecast_misses_the_full_pass_finds(monkeypatch):
    X, y = data(n=100, p=500)
    problem = Problem.from_data(X, y)
    alphas = grid(problem, 4, 1e-3)  # strides so long that the strong rule must fail
    for solution, alpha in zip(follow_path(problem, alphas, tol=1e-9), alphas, strict=True):
        reference = oracles.reference(X, y, "squared_error", alpha=alpha)
        assert oracles.gap(reference, reference.pack(solution.coef, solution.intercept)) <= 2e-9 * oracles.scale(
            reference
        )


@pytest.mark.parametrize("status", ["tie", "singular", "stuck"])
def test_where_the_homotopy_gives_up_coordinate_descent_goes_on(monkeypatch, status):
    X, y = data()
    problem = Problem.from_data(X, y)
    alphas = grid(problem, 20)
    expected = list(follow_path(problem, alphas, tol=1e-10))
    monkeypatch.setattr(
        Homotopy, "descend", lambda self, G, columns, w, z, alpha, target, record=None: Descent(alpha, 0, status)
    )
    monkeypatch.setattr(Homotopy, "visit", lambda self, G, columns, w, *_: (np.empty((0, len(w))), np.empty(0, int)))
    for ours, theirs in zip(follow_path(problem, alphas, tol=1e-10), expected, strict=True):
        assert ours.converged
        np.testing.assert_allclose(X @ ours.coef, X @ theirs.coef, atol=1e-3)
        assert ours.n_epochs == 0 or theirs.n_epochs < 20


# --- Exact paths


def excess(problem, points):
    """How far the middle of each straight piece is above the minimum there, at most, and of how many pieces."""
    worst, count = 0.0, 0
    for left, right in zip(points, points[1:], strict=False):
        if not right.linear:
            continue
        here = problem.at(0.5 * (left.alpha + right.alpha))
        w = 0.5 * (left.solution.coef + right.solution.coef)
        w = w if here.design.columns is None else w[here.design.columns]
        b = 0.5 * (left.solution.intercept + right.solution.intercept)
        best = solve(here, tol=1e-13)
        least = best.history[-1].objective - best.gap
        worst = max(worst, (here.objective(w, here.eta(w, b)) - least) / best.scale)
        count += 1
    return worst, count


OPTIONS = {
    "plain": {},
    "weights and offset": {"sample_weight": np.arange(60) % 4, "offset": np.sin(np.arange(60.0))},
    "factors": {"penalty_factor": np.r_[0.0, np.inf, 2.0, np.ones(197)]},
    "bounds": {"lower": -0.05, "upper": np.r_[0.0, 0.1, np.full(198, np.inf)]},
    "standardize": {"standardize": True},
    "ridge": {"dropout": 0.3},
    "no intercept": {"fit_intercept": False},
}


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_between_breakpoints_the_path_is_straight(options, dense):
    X, y = data(dense=dense)
    problem = Problem.from_data(X, y, **options)
    points = list(follow_exactly(problem, grid(problem, 2, 0.02)))
    assert len(points) > 20
    assert all(p.solution.converged for p in points)
    assert all(left.alpha > right.alpha for left, right in zip(points, points[1:], strict=False))
    assert max(p.solution.relative_gap for p in points) <= 1e-11
    worst, count = excess(problem, points)
    assert worst <= 1e-11
    assert count >= len(points) - 2


@pytest.mark.parametrize("seed", range(5))
def test_integer_data_whose_events_coincide(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, size=(12, 15)).astype(float)
    y = rng.integers(-3, 4, size=12).astype(float)
    problem = Problem.from_data(X, y)
    points = list(follow_exactly(problem, grid(problem, 2, 1e-3)))
    assert all(p.solution.converged for p in points)
    assert excess(problem, points)[0] <= 1e-9


def test_breakpoints_are_those_of_least_angle_regression():
    X, y = load_diabetes(return_X_y=True)
    centred = X - X.mean(axis=0)
    alphas, _, coefs = lars_path(centred, y - y.mean(), method="lasso")
    path = regularization_path(Lasso(), X, y, alphas=[alphas[0], 0.9 * alphas[-2]], exact=True)
    np.testing.assert_allclose(path.alphas[:-1], alphas[:-1], rtol=1e-10)
    np.testing.assert_allclose(path.coef_matrix().toarray()[:-1], coefs.T[:-1], atol=1e-8)
    assert path.exact
    middle = 0.5 * (path.alphas[3] + path.alphas[4])
    coef, intercept = path.interpolate(middle)
    alone = Lasso(alpha=middle, tol=1e-13).fit(X, y)
    np.testing.assert_allclose(coef.toarray()[0], alone.coef_, atol=1e-6)
    assert intercept == pytest.approx(alone.intercept_)


def test_given_strengths_are_on_an_exact_path_too():
    X, y = data()
    few = regularization_path(Lasso(tol=1e-12), X, y, alphas=10, alpha_min_ratio=0.1)
    path = regularization_path(Lasso(tol=1e-12), X, y, alphas=few.alphas, exact=True)
    assert set(few.alphas) < set(path.alphas)
    for k, alpha in enumerate(few.alphas):
        at = int(np.flatnonzero(path.alphas == alpha)[0])
        np.testing.assert_allclose(X @ path.coefs[at].toarray()[0], X @ few.coefs[k].toarray()[0], atol=1e-5)


def test_a_column_that_was_no_candidate_sends_the_path_back(monkeypatch):
    X, y = data(n=80, p=40)
    problem = Problem.from_data(X, y)
    alphas = grid(problem, 2, 0.01)
    expected = list(follow_exactly(problem, alphas))
    monkeypatch.setattr(
        exact_module._ExactPath,
        "_candidates",
        lambda self, ahead: np.union1d(np.flatnonzero(self.w), np.argsort(-np.abs(self.z))[:1]),
    )
    points = list(follow_exactly(problem, alphas))
    np.testing.assert_allclose([p.alpha for p in points], [p.alpha for p in expected], rtol=1e-9)


def test_a_path_that_cannot_be_followed_exactly_says_so(monkeypatch):
    X, y = data(n=80, p=40)
    monkeypatch.setattr(
        Homotopy, "descend", lambda self, G, columns, w, z, alpha, target, record=None: Descent(alpha, 0, "stuck")
    )
    with pytest.warns(ConvergenceWarning, match="could not be followed exactly on .* stretches"):
        path = regularization_path(Lasso(), X, y, alphas=2, alpha_min_ratio=0.5, exact=True)
    assert not path.exact
    assert (path.relative_gaps <= Lasso().tol).all()


@pytest.mark.parametrize(
    "estimator",
    [
        SparseRegressor(penalty="elasticnet"),
        SparseRegressor("poisson"),
        SparseClassifier(),
        SparseRegressor(penalty="l2"),
    ],
    ids=str,
)
def test_other_paths_are_not_piecewise_linear(estimator):
    X, y = data()
    y = np.round(np.abs(y)) if isinstance(estimator, SparseRegressor) else y > 0
    with pytest.raises(ValueError, match="exact=True needs squared error and an L1 penalty"):
        regularization_path(estimator, X, y, alphas=[1.0, 0.1], exact=True)


def test_an_exact_path_ends_above_zero():
    X, y = data()
    with pytest.raises(ValueError, match="exact=True needs alphas > 0"):
        regularization_path(Lasso(), X, y, alphas=[1.0, 0.0], exact=True)


def test_an_exact_path_of_columns_far_from_zero_keeps_its_digits():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    y = X @ [1, -1, 0.5, 0, 0, 0.3] + 0.1 * rng.standard_normal(40)
    X[:, [0, 2]] += 1e6
    path = regularization_path(Lasso(tol=1e-8), X, y, alphas=5, alpha_min_ratio=0.01, exact=True)
    assert path.exact
    assert path.relative_gaps.max() <= 1e-8


def test_no_strength_is_there_twice_where_descents_stop_early():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 6))
    X[:, 1] = X[:, 0] + 1e-7 * rng.standard_normal(30)
    X[:, 3] = -X[:, 2] + 1e-7 * rng.standard_normal(30)
    points = list(follow_exactly(Problem.from_data(X, X[:, 0] + X[:, 2] + rng.standard_normal(30)), [0.5, 0.01]))
    assert (np.diff([p.alpha for p in points]) < 0.0).all()
    assert all(p.solution.converged for p in points)


def test_at_zero_strength_the_units_are_those_of_the_path():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 5))
    y = X @ [3, 1, 0.5, 0.2, 0] + 0.3 * rng.standard_normal(100)
    model = SparseRegressor(upper=[np.inf] * 4 + [5.0])
    path = regularization_path(model, X, y, alphas=[0.01, 0.0])
    scores = [path.estimator(alpha).score(X, y) for alpha in path.alphas]
    np.testing.assert_allclose(path.explained, scores, rtol=1e-6)


def test_strengths_descend():
    with pytest.raises(ValueError, match="alphas must descend; got"):
        follow_path(Problem.from_data(*data()), [0.1, 0.2])


def test_several_outputs_have_a_path_each():
    X, y = data()
    with pytest.raises(ValueError, match="exact=True finds the breakpoints of one output; y has 2 columns"):
        regularization_path(Lasso(), X, np.column_stack([y, -y]), exact=True)


def test_piecewise_linear_is_asked_of_the_penalty_itself():
    X, y = data()
    assert piecewise_linear(Problem.from_data(X, y))
    assert piecewise_linear(Problem.from_data(X, y, dropout=0.2, standardize=True, lower=0.0))
    assert not piecewise_linear(Problem.from_data(X, y, penalty=None))
    assert not piecewise_linear(Problem.from_data(X, y > 0, "log_loss"))


def test_a_problem_at_one_strength_says_how_to_get_another():
    X, y = data()
    known = Problem.from_data(X, y)
    alone = Problem(as_design(X), known.y, known.weights, None, known.loss, known.penalty)
    with pytest.raises(ValueError, match="one strength only: build it with Problem.from_data"):
        alone.at(0.5)

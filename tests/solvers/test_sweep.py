"""Several strengths at once: what is followed together and certified by one product is what one by one gives."""

import numpy as np
import oracles
import pytest
from scipy import sparse

from sparsereg import Lasso, regularization_path
from sparsereg.penalties import BoundPenalty, Coordinates, Penalty
from sparsereg.solvers import Problem, as_design, follow_path, solve
from sparsereg.solvers import path as path_module
from sparsereg.solvers import verification as verification_module
from sparsereg.solvers.certificate import certificate
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.homotopy import Homotopy
from sparsereg.solvers.normal_equations import NormalEquations
from sparsereg.solvers.path import alpha_max
from sparsereg.solvers.reference import Reference
from sparsereg.solvers.sparse_design import SparseDesign
from sparsereg.solvers.sweep import Sweep
from sparsereg.solvers.verification import Verifier

RNG = np.random.default_rng(0)
N, P = 60, 400
OPTIONS = {
    "plain": {},
    "nointercept": {"fit_intercept": False},
    "weights": {"sample_weight": np.where(np.arange(N) < 5, 0.0, RNG.uniform(0.5, 2.0, N))},
    "offset": {"offset": RNG.standard_normal(N)},
    "unpenalised": {"penalty_factor": np.where(np.arange(P) < 2, 0.0, 1.0)},
    "positive": {"lower": 0.0},
    "bounds": {"lower": -0.05, "upper": 0.1},
    "excluded": {"penalty_factor": np.where(np.arange(P) % 3 == 0, np.inf, 1.0)},
    "standardize": {"standardize": True},
    "dropout": {"dropout": 0.1},
    "ridge alone": {"dropout": 0.1, "penalty_factor": np.where(np.arange(P) < 2, 0.0, 1.0)},
}
FORMS = {
    "F": np.asfortranarray,
    "C": np.ascontiguousarray,
    "csc": sparse.csc_array,
    "float32": lambda X: np.asfortranarray(X, dtype=np.float32),
}


def data(seed=0):
    """Correlated columns, a duplicate, a mirror image, a constant and an empty one among them; some zeros."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, P)) + rng.standard_normal((N, 1))
    X[rng.random((N, P)) < 0.3] = 0.0
    X[:, 15], X[:, 17], X[:, 19], X[:, 21] = X[:, 13], -X[:, 13], 1.0, 0.0
    return X, X[:, :20] @ rng.standard_normal(20) + rng.standard_normal(N)


def grid(problem, n_alphas=40, ratio=0.05):
    return np.geomspace(1.0, ratio, n_alphas) * alpha_max(problem)


@pytest.fixture
def products(monkeypatch):
    """Record the numbers of vectors that all of X' was multiplied with."""
    sizes = []
    for design in (DenseDesign, SparseDesign):

        def one(self, v, _original=design.rmatvec):
            sizes.append(1)
            return _original(self, v)

        def many(self, columns, V, _original=design.dot_many):
            sizes.append(len(V))
            return _original(self, columns, V)

        monkeypatch.setattr(design, "rmatvec", one)
        monkeypatch.setattr(design, "dot_many", many)
    return sizes


@pytest.fixture
def swept(monkeypatch):
    """Record how many strengths each sweep took, and how many columns its candidates lacked."""
    counts = []

    def counted(self, run, last, alphas, _original=Sweep.follow):
        solutions, close = _original(self, run, last, alphas)
        counts.append((len(solutions), len(self._missing)))
        return solutions, close

    monkeypatch.setattr(Sweep, "follow", counted)
    return counts


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_strengths_at_once_are_those_one_by_one(monkeypatch, swept, form, options):
    X, y = data()
    problem = Problem.from_data(FORMS[form](X), y, **options)
    alphas = grid(problem)
    together = list(follow_path(problem, alphas, tol=1e-9))
    assert sum(taken for taken, _ in swept) > 0.7 * len(alphas)
    monkeypatch.setattr(path_module, "sweeps", lambda problem: False)
    alone = list(follow_path(problem, alphas, tol=1e-9))
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.status == theirs.status == "converged"
        assert ours.n_iter == 1
        assert ours.gap <= 1e-9 * ours.scale
        assert ours.history[-1].objective == pytest.approx(theirs.history[-1].objective, rel=1e-8)
        assert (np.diff(ours.coef_index) > 0).all()
        # Of duplicated columns the weights need not be unique: predictions are.
        expected = X @ theirs.coef + theirs.intercept
        np.testing.assert_allclose(X @ ours.coef + ours.intercept, expected, atol=1e-4 * np.abs(y).max())
        assert ours.explained == pytest.approx(theirs.explained, abs=1e-8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["plain", "weights", "offset"])
def test_what_a_sweep_certifies_an_oracle_finds(form, name):
    X, y = data()
    problem = Problem.from_data(FORMS[form](X), y, **OPTIONS[name])
    alphas = grid(problem)
    for alpha, solution in zip(alphas[::7], list(follow_path(problem, alphas, tol=1e-9))[::7], strict=True):
        exact = X.astype(np.float32).astype(float) if form == "float32" else X
        reference = oracles.reference(exact, y, "squared_error", alpha=alpha, **OPTIONS[name])
        gap = oracles.gap(reference, reference.pack(solution.coef, solution.intercept))
        assert gap <= 2e-9 * oracles.scale(reference)


@pytest.mark.parametrize("form", ["F", "C", "csc"])
def test_an_easy_path_reads_x_once_for_several_strengths(products, form):
    X, y = data()
    problem = Problem.from_data(FORMS[form](X), y)
    alphas = grid(problem, 100)
    products.clear()
    assert all(s.converged for s in follow_path(problem, alphas, tol=1e-6))
    assert len(products) <= len(alphas) / 3
    assert sum(products) <= 1.2 * len(alphas)


@pytest.mark.parametrize("form", ["F", "csc"])
def test_a_column_that_was_not_forecast_is_found(monkeypatch, swept, form):
    X, y = data()
    problem = Problem.from_data(FORMS[form](X), y)
    alphas = grid(problem)
    expected = [s.history[-1].objective for s in follow_path(problem, alphas, tol=1e-9)]
    monkeypatch.setattr(Sweep, "_forecast", lambda self, z, last, stop: np.empty(0, dtype=np.int64))
    swept.clear()
    solutions = list(follow_path(problem, alphas, tol=1e-9))
    assert any(missing > 0 for _, missing in swept)
    assert any(taken > 0 and missing > 0 for taken, missing in swept)
    assert all(s.converged for s in solutions)
    np.testing.assert_allclose([s.history[-1].objective for s in solutions], expected, rtol=1e-9)


@pytest.mark.parametrize("form", ["F", "csc"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_certificates_of_rows_are_those_of_single_points(form, options):
    """Far from optimal, nearly so, and at zero: every bound has its turn."""
    X, y = data()
    problem = Problem.from_data(FORMS[form](X), y, **options)
    alphas = grid(problem, 6, 0.2)
    W = np.array([solution.coef for solution in follow_path(problem, alphas, tol=1e-3)])
    W = np.vstack([W, 0.9 * W[-1], 0.0 * W[0], W[-1]])
    alphas = np.concatenate([alphas, [alphas[3], alphas[4], alphas[2]]])
    assert problem.design.columns is None or len(problem.design.columns) == P - 1  # one holds no data
    W = W if problem.design.columns is None else W[:, problem.design.columns]
    verifier = Verifier(problem, Reference.of(problem), 1e-9)
    finite = 0
    for alpha, found in zip(alphas, verifier.verify(np.arange(W.shape[1]), alphas, W), strict=True):
        point, here = found.point, problem.at(alpha)
        one = certificate(here, point.w, point.eta, point.g, found.z, verifier.reference.polished)
        ours, scale = found.solution, verifier.reference.scale
        assert ours.gap == pytest.approx(one.gap, rel=1e-9, abs=1e-14 * scale)
        assert ours.violation == pytest.approx(one.violation, rel=1e-9, abs=1e-15)
        assert ours.history[-1].objective == pytest.approx(one.objective, rel=1e-14)
        assert here.loss_value(point.eta) == pytest.approx(one.loss, rel=1e-14)
        finite += 0.0 < ours.gap < np.inf
    assert finite >= 4


def test_the_verifier_names_the_columns_that_are_missing():
    X, y = data()
    problem = Problem.from_data(X, y)
    alphas = grid(problem, 2, 0.3)[1:]
    (full,) = follow_path(problem, alphas, tol=1e-12)
    verifier = Verifier(problem, Reference.of(problem), 1e-9)
    columns = np.flatnonzero(full.coef)
    (verified,) = verifier.verify(columns[::-1], alphas, full.coef[None, columns[::-1]])
    assert len(verified.missing) == 0
    assert verified.solution.converged
    np.testing.assert_array_equal(verified.solution.coef, full.coef)
    few = columns[1:]
    part = Problem.from_data(X[:, few], y)
    (small,) = follow_path(part, alphas, tol=1e-12)
    (verified,) = verifier.verify(few, alphas, small.coef[None])
    z = X.T @ ((X[:, few] @ small.coef + small.intercept - y) / N)
    violating = np.flatnonzero(np.abs(z) > alphas[0] * (1.0 + 1e-6))
    assert columns[0] in violating
    assert set(verified.missing) == set(violating) - set(few)
    assert not verified.solution.converged
    assert verified.solution.violation == pytest.approx(np.abs(z).max() - alphas[0], rel=1e-6)


@pytest.mark.parametrize("rows", [1, 3])
def test_small_blocks_give_the_same(monkeypatch, rows):
    X, y = data()
    problem = Problem.from_data(X, y)
    alphas = grid(problem)
    expected = list(follow_path(problem, alphas, tol=1e-9))
    monkeypatch.setattr(verification_module, "_BLOCK", rows * P)
    for ours, theirs in zip(follow_path(problem, alphas, tol=1e-9), expected, strict=True):
        np.testing.assert_allclose(X @ ours.coef, X @ theirs.coef, atol=1e-4)
    path = regularization_path(Lasso(tol=1e-9), X, y, alphas=3, alpha_min_ratio=0.3, exact=True)
    assert path.exact
    assert path.relative_gaps.max() <= 1e-9


def test_a_path_that_ends_between_two_stops_keeps_those_before(monkeypatch):
    X, y = data()
    problem = Problem.from_data(X, y)
    alphas = grid(problem)
    expected = [s.history[-1].objective for s in follow_path(problem, alphas, tol=1e-9)]
    follow = Homotopy._follow
    calls = []

    def fails_now_and_then(self, target, record):
        calls.append(target)
        return "tie" if len(calls) % 5 == 0 else follow(self, target, record)

    monkeypatch.setattr(Homotopy, "_follow", fails_now_and_then)
    solutions = list(follow_path(problem, alphas, tol=1e-9))
    assert all(s.converged for s in solutions)
    np.testing.assert_allclose([s.history[-1].objective for s in solutions], expected, rtol=1e-8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("options", [{}, {"lower": -0.05, "upper": 0.1}, {"dropout": 0.1}], ids=str)
def test_on_tall_data_breakpoints_and_descent_agree(monkeypatch, form, options):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((500, 20)) + rng.standard_normal((500, 1))
    X[:, 5], X[:, 9] = X[:, 3], 1.0
    y = X[:, :6] @ rng.standard_normal(6) + rng.standard_normal(500)
    problem = Problem.from_data(FORMS[form](X), y, **options)
    alphas = np.append(grid(problem, 30, 0.01), 0.0)
    taken = []
    follow = NormalEquations.follow
    monkeypatch.setattr(NormalEquations, "follow", lambda *given: taken.append(follow(*given)) or taken[-1])
    together = list(follow_path(problem, alphas, tol=1e-9))
    assert sum(map(len, taken)) >= 28
    monkeypatch.setattr(NormalEquations, "follow", lambda *given: [])
    alone = list(follow_path(problem, alphas, tol=1e-9))
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.gap <= 1e-9 * ours.scale
        expected = X @ theirs.coef + theirs.intercept
        np.testing.assert_allclose(X @ ours.coef + ours.intercept, expected, atol=2e-4 * np.abs(y).max())


@pytest.mark.parametrize("k", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_with_many_vectors_are_those_with_one(k, dtype):
    rng = np.random.default_rng(k)
    X = sparse.random_array((30, 50), density=0.2, random_state=rng, dtype=dtype, format="csc")
    design = as_design(X)
    V = rng.standard_normal((k, 30))
    np.testing.assert_allclose(design.dot_many(None, V), [design.rmatvec(v) for v in V], atol=1e-13)
    assert as_design(sparse.csc_array((30, 4))).dot_many(None, V).shape == (k, 0)


def test_a_sample_without_weight_may_hold_anything():
    """0 * inf is not zero: the batch is certified all the same, and the scale of a gap does not hear it either."""
    X, y = data()
    weight, loud, offset = np.ones(N), y.copy(), np.zeros(N)
    weight[3], loud[3] = 0.0, 1e200
    problem = Problem.from_data(X, loud, sample_weight=weight)
    plain = Problem.from_data(X, y, sample_weight=weight)
    alphas = grid(plain)
    with np.errstate(over="ignore"):  # its own loss is infinite
        found = list(follow_path(problem, alphas, tol=1e-9))
    for ours, theirs in zip(found, follow_path(plain, alphas, tol=1e-9), strict=True):
        assert ours.status == "converged"
        assert ours.n_epochs == theirs.n_epochs
        np.testing.assert_allclose(ours.coef, theirs.coef, atol=1e-9)
    offset[3] = 1e200
    alpha = 0.3 * alphas[0]
    shifted = Problem.from_data(X, y, sample_weight=weight, offset=offset, alpha=alpha)
    with np.errstate(over="ignore"):
        solution = solve(shifted, tol=1e-9)
    np.testing.assert_allclose(solution.coef, solve(plain.at(alpha), tol=1e-9).coef, atol=1e-6)


def test_a_penalty_of_somebodys_own_is_certified_at_each_strength():
    """Linear at the strengths where one looked, not at all: nothing may be claimed on that ground."""

    class Own(BoundPenalty):
        def __init__(self, l1, m):
            self.l1, self.m = l1, m

        def value(self, w):
            return self.l1 * np.abs(w).sum()

        def prox(self, v, step):
            return np.sign(v) * np.maximum(np.abs(v) - step * self.l1, 0.0)

        def take(self, columns):
            return Own(self.l1, len(columns))

        def kernel_arguments(self):
            return Coordinates(np.full(self.m, self.l1), np.zeros(self.m), *np.full((2, self.m), [[-np.inf], [np.inf]]))

    class Floored(Penalty):
        def bound(self, alpha, m):
            return Own(max(alpha, 1.0), m)

    X, y = data()
    alphas = grid(Problem.from_data(X, y))
    at_floor = solve(Problem.from_data(X, y, alpha=1.0), tol=1e-10).history[-1].objective
    assert (alphas < 1.0).sum() > 10
    problem = Problem.from_data(X, y, penalty=Floored(), alpha=1.0)
    for alpha, solution in zip(alphas, follow_path(problem, alphas, tol=1e-9), strict=True):
        assert solution.status == "stationary"
        if alpha <= 1.0:
            assert solution.history[-1].objective == pytest.approx(at_floor, rel=1e-6)


@pytest.mark.parametrize(("n_alphas", "lacks"), [(6, True), (14, False)])
def test_coarse_grids_carry_few_columns(monkeypatch, n_alphas, lacks):
    """The strong rule then wants nearly all of them; what is missing at the first strength is found from there."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 1500))
    for j in range(1, 1500):
        X[:, j] += 0.5 * X[:, j - 1]
    y = X[:, ::10] @ rng.standard_normal(150) + 10 * rng.standard_normal(300)
    problem = Problem.from_data(np.asfortranarray(X), y)
    alphas = grid(problem, n_alphas)
    sizes, begun = [], []

    def counted(self, *args, _original=Sweep._candidates):
        columns, count = _original(self, *args)
        sizes.append(len(columns))
        return columns, count

    def follow(self, *args, _original=Sweep.follow):
        solutions, close = _original(self, *args)
        begun.append(close)
        return solutions, close

    monkeypatch.setattr(Sweep, "_candidates", counted)
    monkeypatch.setattr(Sweep, "follow", follow)
    together = list(follow_path(problem, alphas, tol=1e-9))
    assert 0 < max(sizes, default=0) < 1000
    assert any(begun) == lacks
    for alpha, solution in zip(alphas, together, strict=True):
        assert solution.status == "converged"
        assert solution.gap <= 1e-9 * solution.scale
        expected = solve(problem.at(alpha), tol=1e-11)
        np.testing.assert_allclose(solution.coef, expected.coef, atol=1e-4)

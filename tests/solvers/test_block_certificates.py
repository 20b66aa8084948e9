"""The table of blocks through every way to a solution: each certificate recomputed by an oracle that shares no code.

A Gram matrix, linear predictors ("residual"; "exact" where blocks can be rotated), and FISTA; float32 is judged as the
float64 problem of the same numbers.
"""

from functools import cache

import block_cases
import block_oracles
import helpers
import numpy as np
import pytest

from sparsereg.penalties import Group, SparseGroup
from sparsereg.solvers import block_exact, fista, follow_path, quadratic, solve
from sparsereg.solvers.path import alpha_max

FLOOR = 2e-12  # of scale: what the oracle's own bounds lose to rounding
REGIMES = ("gram", "residual", "exact")

every_case = pytest.mark.parametrize("case", block_cases.CASES, ids=str)
one_of_each_pair = pytest.mark.parametrize("case", block_cases.FIRST, ids=str)
both_regimes = pytest.mark.parametrize("regime", REGIMES)


@pytest.fixture
def forced(monkeypatch):
    """Return `solve` in one regime, whatever the costs say."""

    def solver(regime):
        monkeypatch.setattr(block_exact, "_WIDE", np.inf if regime == "exact" else 0.0)
        monkeypatch.setattr(quadratic, "use_gram", lambda *_: regime == "gram")
        if regime != "gram":
            monkeypatch.setattr(quadratic, "_MAX_GRAM", 0)
        return solve

    return solver


@cache
def tight(case):
    return solve(case.problem(), tol=1e-11)


def judge(reference, solution, tol):
    """Converged, by the oracle's measure too; returns the point."""
    unit = block_oracles.scale(reference)
    v = reference.pack(solution.coef, solution.intercept)
    assert solution.status == "converged"
    assert solution.scale == pytest.approx(unit, rel=1e-9)
    assert solution.gap <= tol * solution.scale
    assert block_oracles.gap(reference, v) <= (tol + FLOOR) * unit
    return v


@every_case
@both_regimes
@pytest.mark.parametrize("tol", [1e-4, 1e-9])
def test_certificate(case, regime, tol, forced):
    solution = forced(regime)(case.problem(), tol=tol)
    v = judge(case.reference, solution, tol)
    best = case.reference.pack(tight(case).coef, tight(case).intercept)
    excess = case.reference.objective(v) - case.reference.objective(best)
    assert excess <= solution.gap + FLOOR * solution.scale


@one_of_each_pair
def test_fista(case):
    judge(case.reference, fista(case.problem(), tol=1e-6), 1e-6)


@every_case
def test_zeros_and_signs_are_exact(case):
    solution, options, pen = tight(case), case.options, case.reference.penalty
    coef = solution.coef.reshape(case.Y.shape[1], -1)
    assert coef.shape[1] == helpers.N_FEATURES
    assert not coef[:, helpers.ZERO].any()
    if case.standardize:
        assert not coef[:, helpers.CONSTANT].any()
    if "penalty_factor" in options:
        assert not coef[:, helpers.EXCLUDED].any()
    if "lower" in options:
        assert (coef >= options["lower"]).all()
        assert (coef <= options["upper"]).all()
    v = case.reference.pack(solution.coef, solution.intercept)
    with_norm = pen.norm > 0
    if case.strength == "strong":
        assert not v[(with_norm[pen.of] | (pen.l1 > 0))].any() or case.penalty == "l2"
    elif case.penalty != "l2":
        assert np.count_nonzero(v) >= 3
    if "group" in case.penalty or "rows" in case.penalty:
        # A block is zero or it is used: without absolute values and signs every column that varies is.
        for g, norm in zip(pen.blocks, pen.norm, strict=True):
            varied = np.ptp(case.reference.A[:, g % case.reference.shape[1]], axis=0) > 0
            if norm > 0 and not pen.l1[g].any() and np.isinf(pen.lower[g]).all() and np.isinf(pen.upper[g]).all():
                assert np.count_nonzero(v[g][varied]) in (0, varied.sum())


@one_of_each_pair
def test_solution_says_what_is_true(case):
    solution, reference = solve(case.problem(), tol=1e-5), case.reference
    np.testing.assert_array_equal(solution.coef_index, np.flatnonzero(solution.coef))
    assert solution.history[-1].gap == solution.gap
    v = reference.pack(solution.coef, solution.intercept)
    assert solution.history[-1].objective == pytest.approx(reference.objective(v), rel=1e-12)
    K, q = reference.shape
    per_weight = np.ones((K, q))
    per_weight[:, q - helpers.N_FEATURES :] = reference.unit  # dP/dw_j = unit_j dP/dv_j
    largest = [per_weight.ravel()[g].max() for g in reference.penalty.blocks]
    violation = (reference.violation(v) * largest).max()
    assert solution.violation == pytest.approx(violation, rel=1e-5, abs=1e-10)


@one_of_each_pair
def test_every_gap_on_the_way_is_a_bound(case):
    problem, reference = case.problem(), case.reference
    design = getattr(problem.design, "base", problem.design)
    K, m, seen = reference.shape[0], design.shape[1], []

    def callback(progress):
        coef = np.zeros((K, helpers.N_FEATURES))
        columns = slice(None) if design.columns is None else design.columns
        coef[:, columns] = progress.coef[: K * m].reshape(K, m)
        seen.append((coef, progress))

    best = solve(problem, tol=1e-9, callback=callback)
    lowest = reference.objective(reference.pack(best.coef, best.intercept)) - best.gap - FLOOR * best.scale
    assert seen
    for _, progress in seen:
        assert progress.objective - best.gap - FLOOR * best.scale <= lowest + progress.gap + 2 * FLOOR * best.scale
    np.testing.assert_allclose(seen[-1][0].ravel(), best.coef, rtol=1e-12)


# --- The largest strength


@pytest.mark.parametrize("case", [c for c in block_cases.FIRST if c.penalty != "l2"], ids=str)
def test_alpha_max_is_exact(case):
    problem = case.problem()
    top = alpha_max(problem)
    assert top == pytest.approx(block_oracles.null_alpha(case.reference, case.options["alpha"]), rel=1e-7)
    pen = problem.penalty
    kinked = ~pen.kinkless if hasattr(pen, "kinkless") else pen.l1 > 0
    ids = np.flatnonzero(kinked)

    def used(share):
        solution = solve(problem.at(share * top), tol=1e-13)
        design = getattr(problem.design, "base", problem.design)
        K = case.Y.shape[1]
        columns = np.arange(helpers.N_FEATURES) if design.columns is None else design.columns
        w = solution.coef.reshape(K, -1)[:, columns].ravel()
        return w[ids[ids < len(w)]].any()

    assert not used(1.0001)
    assert used(0.999)


def test_ridge_has_no_largest_strength():
    case = next(c for c in block_cases.FIRST if c.penalty == "l2")
    assert alpha_max(case.problem()) is None


# --- Shapes


@both_regimes
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "log_loss"])
@pytest.mark.parametrize("layout", ["F", "csc"])
def test_groups_of_one_to_many(loss, layout, regime, forced):
    """Sizes 1, 2, 5, 40 and 700, their columns shuffled: more than samples, and than a bound is exact for."""
    rng = np.random.default_rng(0)
    sizes = np.array([1, 1, 2, 5, 5, 40, 700])
    X = rng.normal(size=(60, sizes.sum())) + 0.5 * rng.normal(size=(60, 1))
    if layout == "csc":
        X *= rng.random(X.shape) < 0.2
    order = rng.permutation(sizes.sum())
    groups = [part.tolist() for part in np.split(order, np.cumsum(sizes)[:-1])]
    y = helpers.draw(rng, loss, 0.4 * X[:, groups[3]].sum(axis=1) + 0.5 * X[:, groups[1][0]])[:, None]

    def make(alpha):
        return block_oracles.reference(X, y, block_cases.oracle_loss(loss), "group", alpha, groups=groups)

    alpha = 0.3 * block_oracles.null_alpha(make(1.0), 1.0)
    problem = block_cases.problem_of(helpers.with_layout(X, layout), y, loss, Group(groups), alpha)
    judge(make(alpha), forced(regime)(problem, tol=1e-7), 1e-7)


@both_regimes
@pytest.mark.parametrize("spec", [Group, SparseGroup])
def test_one_group_of_two_thousand(spec, regime, forced):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 2000))
    y = (X[:, :50].sum(axis=1) + rng.normal(size=40))[:, None]
    groups = [list(range(2000))]
    kind = "group" if spec is Group else "sparse_group"

    def make(alpha):
        return block_oracles.reference(X, y, block_cases.oracle_loss("squared_error"), kind, alpha, groups=groups)

    alpha = 0.7 * block_oracles.null_alpha(make(1.0), 1.0)
    solution = forced(regime)(block_cases.problem_of(X, y, "squared_error", spec(groups), alpha), tol=1e-6)
    judge(make(alpha), solution, 1e-6)
    if spec is Group:
        assert len(solution.coef_index) == 2000


def random_problem(seed):
    """Sizes, groups, outputs, scales and dtypes at random."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.choice([6, 20, 60])), int(rng.choice([1, 3, 12, 40]))
    X = rng.normal(size=(n, p))
    if rng.integers(2):
        X += 3 * rng.normal(size=(n, 1))
    if rng.integers(2):
        X *= rng.random((n, p)) < 0.3
    if rng.integers(2):  # without a Gram matrix a block of columns of very different size is a slow one
        X *= 10.0 ** rng.integers(-2, 3, p) if seed % 2 == 0 else 2.0 ** rng.integers(-2, 3, p)
    X = X.astype(rng.choice(helpers.AXES["dtype"]))
    loss, K = (block_cases.ONE_OUTPUT + block_cases.SEVERAL)[rng.integers(11)]
    labels = rng.integers(max(1, p // 3), size=p)
    groups = [np.flatnonzero(labels == g).tolist() for g in np.unique(labels)]
    name = rng.choice(list(block_cases.PENALTIES)[: 8 if K > 1 else 3])
    spec, stated = block_cases.PENALTIES[name]
    if "groups" in stated:
        spec, stated = spec.__class__(**{**spec.get_params(), "groups": groups}), {**stated, "groups": groups}
    eta = 0.5 * X[:, :5] @ rng.normal(size=(X[:, :5].shape[1], K)) / (1e-3 + np.abs(X).max())
    if loss == "softmax":
        Y = np.eye(K)[np.r_[np.arange(K), rng.integers(K, size=n - K)]]
    else:
        Y = np.stack([helpers.draw(rng, loss, e) for e in eta.T], axis=1)
        if loss != "gamma":
            Y[:2] = [[0], [1]]
    factor = np.ones(p)
    for group in groups:
        factor[group] = rng.uniform(0.5, 2)
    factor[rng.integers(p)] = np.inf
    options = {
        "sample_weight": rng.uniform(0.2, 2, n) if rng.integers(2) else None,
        "offset": rng.normal(scale=0.3, size=(n, K)) if rng.integers(2) else None,
        "fit_intercept": bool(rng.integers(2)),
        "standardize": bool(rng.integers(2)),
        "penalty_factor": factor if rng.integers(2) else None,
        "alpha": 10.0 ** rng.uniform(-2.5, 0),
    }
    reference = block_oracles.reference(X, Y, block_cases.oracle_loss(loss), **stated, **options)
    layout = rng.choice(helpers.AXES["layout"])
    return block_cases.problem_of(helpers.with_layout(X, layout), Y, loss, spec, **options), reference


@pytest.mark.parametrize("seed", range(60))
def test_random_problems(seed, forced):
    problem, reference = random_problem(seed)
    judge(reference, forced(REGIMES[seed % 2])(problem, tol=1e-7), 1e-7)


# --- Work


@pytest.mark.parametrize("penalty", ["group", "sparse group"])
def test_work_along_a_path(penalty):
    """Each strength starts from the last: a few outer iterations each, and no epochs without end."""
    rng = np.random.default_rng(0)
    groups = [list(range(5 * g, 5 * g + 5)) for g in range(60)]
    X = rng.normal(size=(100, 300)) + rng.normal(size=(100, 1))
    y = X[:, :10].sum(axis=1) + rng.normal(size=100)
    spec = Group(groups) if penalty == "group" else SparseGroup(groups)
    problem = block_cases.problem_of(X, y[:, None], "squared_error", spec, 1.0)
    alphas = alpha_max(problem) * np.geomspace(1, 0.05, 20)
    solutions = list(follow_path(problem, alphas, tol=1e-6))
    assert all(s.converged for s in solutions)
    assert sum(s.n_iter for s in solutions) <= 5 * len(alphas)
    assert sum(s.n_epochs for s in solutions) <= 100 * len(alphas)
    alone = solve(problem.at(alphas[-1]), tol=1e-6)
    assert solutions[-1].n_epochs <= alone.n_epochs + 100
    used = np.array([len(np.unique(s.coef_index // 5)) for s in solutions])
    assert used[0] == 0
    assert used[-1] > 5

"""The judge of blocks and several outputs judged: derivatives by differences, prox and conjugates by their laws.

No solver of sparsereg runs here.
"""

import block_cases
import block_oracles
import numpy as np
import oracles
import pytest
from scipy.optimize import minimize

one_of_each_pair = pytest.mark.parametrize("case", block_cases.FIRST, ids=str)


def test_every_pair_of_values_is_in_the_table():
    assert not block_cases.uncovered_pairs()
    assert {(case.model, case.penalty) for case in block_cases.CASES} == set(block_cases.PAIRS)
    assert block_cases.uncovered_pairs(block_cases.CASES[:30])


def test_softmax():
    rng = np.random.default_rng(0)
    loss, Y, T = block_oracles.Softmax(), np.eye(3)[[0, 2, 1, 1]], rng.normal(size=(4, 3))
    Y[3] = 0.2, 0.5, 0.3
    G, H = loss.gradient(Y, T), loss.hessian(Y, T)
    for i in range(4):

        def at(t, i=i):
            return loss.value(Y[i : i + 1], t[None])[0]

        np.testing.assert_allclose(G[i], oracles.numerical_gradient(at, T[i]), atol=1e-8)
        rows = [
            oracles.numerical_gradient(lambda t, i=i, k=k: loss.gradient(Y[i : i + 1], t[None])[0, k], T[i])
            for k in range(3)
        ]
        np.testing.assert_allclose(H[i], rows, atol=1e-8)
    np.testing.assert_allclose(loss.value(Y, T) + loss.conjugate(Y, G), (G * T).sum(axis=1), atol=1e-13)
    other = loss.gradient(Y, rng.normal(size=(4, 3)))
    assert (loss.value(Y, T) + loss.conjugate(Y, other) >= (other * T).sum(axis=1)).all()
    np.testing.assert_allclose(loss.conjugate(Y, 0 * Y), -loss.infimum(Y))
    assert np.isinf(loss.conjugate(Y, G + 0.1)).all()


def penalty(l2=0.0, n=7):
    lower, upper = np.full(n, -np.inf), np.full(n, np.inf)
    lower[1], upper[4] = 0, 0
    l1 = np.array([0.3, 0.1, 0, 0.2, 0.4, 0.5, 0.0])
    blocks = [np.array([0, 4, 1]), np.array([2, 3]), np.array([5]), np.array([6])]
    return block_oracles.BlockPenalty(blocks, np.array([0.8, 0.5, 0, 0.3]), l1, np.full(n, l2), lower, upper)


@pytest.mark.parametrize("l2", [0.0, 0.7])
@pytest.mark.parametrize("step", [0.1, 2.0])
def test_penalty(l2, step):
    pen, rng = penalty(l2), np.random.default_rng(0)
    for v in rng.normal(scale=1.5, size=(40, 7)):
        x = pen.prox(v, step)
        others = np.clip(x + rng.normal(scale=rng.uniform(0.01, 2), size=(20, 7)), pen.lower, pen.upper)
        for other in [*others, np.zeros(7)]:  # strongly convex: this says that x is the minimiser
            right = ((other - v) ** 2 - (other - x) ** 2 - (x - v) ** 2).sum() / 2
            assert step * (pen.value(x) - pen.value(other)) <= right + 1e-12
        u = (v - x) / step
        assert pen.violation(x, -u).max() <= 1e-12
        assert pen.value(x) + pen.conjugate(u * (1 - 1e-14)).sum() == pytest.approx(u @ x, abs=1e-11)
        other = others[0]
        assert pen.value(other) + pen.conjugate(v).sum() >= v @ other - 1e-12
        gain = pen.value(x) - pen.value(other) - v @ (x - other)
        moved = np.sqrt(np.bincount(pen.of, (other - x) ** 2))
        assert gain <= pen.violation(x, -v) @ moved + 1e-12


def test_dual_ratio_is_where_zero_becomes_optimal():
    pen = penalty()
    for u in np.random.default_rng(0).normal(size=(40, 7)):
        ratio = pen.dual_ratio(u)[pen.of]
        scaled = np.where(ratio > 0, u / np.maximum(ratio, 1e-300), u)
        assert pen.violation(np.zeros(7), -scaled * (1 - 1e-9)).max() == 0
        tight = pen.violation(np.zeros(7), -scaled * (1 + 1e-6))
        assert (tight[pen.dual_ratio(u) > 0] > 0).all()


@one_of_each_pair
def test_derivatives(case):
    problem = case.reference
    v = np.random.default_rng(0).normal(scale=0.3, size=len(problem.penalty.l1))
    near = {"rtol": 1e-6, "atol": 1e-7}
    np.testing.assert_allclose(problem.gradient(v), oracles.numerical_gradient(problem.smooth, v), **near)


@one_of_each_pair
def test_every_bound_holds(case):
    """Each form bounds P(v) - P(best found) from above: at random points, and along the way to the best."""
    problem, pen, rng = case.reference, case.reference.penalty, np.random.default_rng(0)
    best = block_oracles.minimise(problem, tol=1e-4, steps=300)
    assert block_oracles.gap(problem, best) <= 0.05 * block_oracles.scale(problem)
    for size in (1.0, 1e-2, 1e-5):
        v = np.clip(best + size * rng.normal(size=len(best)), pen.lower, pen.upper)
        for point in (v, pen.prox(v, size)):
            excess = problem.objective(point) - problem.objective(best)
            assert block_oracles.gap(problem, point) >= excess - 1e-12
            assert min(block_oracles.gap_bounds(problem, point).values()) >= excess - 1e-12


@pytest.mark.parametrize("kind", ["rows", "group"])
def test_minimum_by_scipy(kind):
    """Away from its kinks the problem is smooth: scipy's BFGS ends where the oracle's own method does."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(30, 4)), np.eye(3)[rng.integers(3, size=30)]
    groups = [[0, 1], [2, 3]] if kind == "group" else None
    problem = block_oracles.reference(X, Y, block_oracles.Softmax(), kind, 1e-3, groups=groups, l1_ratio=0.9)
    ours = block_oracles.minimise(problem)
    start = 0.1 * rng.normal(size=len(ours))
    theirs = minimize(problem.objective, start, method="BFGS", options={"gtol": 1e-8, "maxiter": 5000})
    assert problem.objective(ours) <= theirs.fun + 1e-10
    assert problem.objective(ours) == pytest.approx(theirs.fun, abs=1e-7)

"""What a screen leaves out cannot matter, and paths with one are the paths without."""

import numpy as np
import oracles
import pytest
from scipy import sparse

from sparsereg.penalties import L1, BlockPenalty, Group
from sparsereg.penalties.blocks import Blocks
from sparsereg.solvers import Problem, as_design, follow_path
from sparsereg.solvers import path as path_module
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.path import alpha_max
from sparsereg.solvers.screening import Screen
from sparsereg.solvers.sparse_design import SparseDesign

FORMS = {"dense": np.asfortranarray, "sparse": sparse.csc_array}
every_form = pytest.mark.parametrize("form", FORMS)


def matrix(rng, n=50, m=300):
    """Columns of many lengths, one of them empty, one constant, one so far from zero that its spread is noise."""
    X = rng.standard_normal((n, m)) * rng.lognormal(size=m) * (rng.random((n, m)) < 0.3)
    X[:, 0], X[:, 1], X[:, 2] = 0.0, 3.0, 1e9 + X[:, 2]
    X[:, 3] += 1e4
    return X


@every_form
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_is_below_the_limit(form, dtype, centre, seed):
    rng = np.random.default_rng(seed)
    X = matrix(rng).astype(dtype)
    design = as_design(FORMS[form](X))
    X = X.astype(float) if design.columns is None else X[:, design.columns].astype(float)
    screen = Screen(design, design.norms(centre), L1().bind(1.0, X.shape[1]))
    g, left_out = rng.standard_normal(len(X)), 0
    for step in range(30):
        g = 0.97 * g + 0.02 * rng.standard_normal(len(X))
        if centre:
            g -= g.mean()
        limit = 0.97**step * np.quantile(np.abs(X.T @ g), rng.uniform(0.5, 1.0, X.shape[1]))
        w = np.where(rng.random(X.shape[1]) < 0.02, 1.0, 0.0)
        z, exact = screen.gradient(g, limit, w), X.T @ g
        rounding = 1e-12 * (np.abs(X).T @ np.abs(g))
        near = np.ones(X.shape[1], dtype=bool)
        if screen.near is not None:
            near[:] = False
            near[screen.near] = True
        assert (np.abs(z - exact) <= rounding)[near].all()
        assert (np.abs(exact) <= limit + rounding)[~near].all()
        assert (np.abs(z) <= limit)[~near].all()
        assert near[w != 0.0].all()
        left_out += (~near).sum()
    assert left_out > 0.15 * 30 * X.shape[1]


@every_form
@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_of_groups_is_below_the_limit(form, seed):
    rng = np.random.default_rng(seed)
    X = matrix(rng)
    design = as_design(FORMS[form](X))
    X = X if design.columns is None else X[:, design.columns]
    of = rng.integers(0, 60, X.shape[1])
    of[:60] = np.arange(60)
    scale, zero, wide = rng.lognormal(size=X.shape[1]), np.zeros(X.shape[1]), np.full(X.shape[1], np.inf)
    penalty = BlockPenalty(Blocks.of_labels(of), np.ones(60), scale, zero, zero, -wide, wide)

    def norms(z):
        return np.sqrt(np.bincount(of, (z / scale) ** 2))

    screen, left_out = Screen(design, design.norms(False), penalty), 0
    g = rng.standard_normal(len(X))
    for _ in range(30):
        g = 0.99 * g + 0.005 * rng.standard_normal(len(X))
        limit = np.quantile(norms(X.T @ g), rng.uniform(0.7, 1.0, 60))
        w = np.where(rng.random(X.shape[1]) < 0.005, 1.0, 0.0)
        z, exact = screen.gradient(g, limit, w), X.T @ g
        rounding = 1e-12 * (np.abs(X).T @ np.abs(g))
        near = np.arange(X.shape[1]) if screen.near is None else screen.near
        far = np.setdiff1d(of, of[near])
        assert set(of[near]).isdisjoint(set(np.delete(of, near)))  # whole groups
        assert (np.abs(z - exact) <= rounding)[near].all()
        assert (norms(exact) <= limit + norms(rounding))[far].all()
        assert (norms(z) <= limit)[far].all()
        assert not w[np.isin(of, far)].any()
        left_out += len(far)
    assert left_out > 0.2 * 30 * 60


@every_form
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_paths_of_groups_with_and_without_are_the_same(form, loss, monkeypatch):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 1000)) * (rng.random((200, 1000)) < 0.5)
    y = X[:, 8:16] @ rng.standard_normal(8) + 0.1 * rng.standard_normal(len(X))
    y = y if loss == "squared_error" else (y > np.median(y)) * 1.0
    labels = np.arange(X.shape[1]) // 4
    factor = np.ones(X.shape[1])
    factor[:4], factor[4:8], factor[8:12] = 0.0, np.inf, 2.0
    problem = Problem.from_data(FORMS[form](X), y, loss, Group(labels), penalty_factor=factor)
    alphas = np.geomspace(1.0, 0.05, 20) * alpha_max(problem)
    parts = []
    monkeypatch.setattr(
        Screen, "gradient", lambda self, *a, f=Screen.gradient: [f(self, *a), parts.append(self.near)][0]
    )
    monkeypatch.setattr(path_module, "_LARGE", 0.0)
    screened = list(follow_path(problem, alphas, tol=1e-8))
    assert sum(near is not None for near in parts) >= 3
    monkeypatch.setattr(path_module, "_LARGE", np.inf)
    for one, other in zip(screened, follow_path(problem, alphas, tol=1e-8), strict=True):
        assert one.converged
        np.testing.assert_allclose(one.gap, other.gap, atol=1e-8 * one.scale)
        np.testing.assert_allclose(one.coef, other.coef, atol=1e-3 * np.abs(other.coef).max())


@every_form
@pytest.mark.parametrize(("loss", "penalty"), [("squared_error", "l1"), ("log_loss", "l1"), ("log_loss", "elasticnet")])
def test_paths_with_and_without_are_the_same(form, loss, penalty, monkeypatch):
    rng = np.random.default_rng(5)
    X = matrix(rng, n=80, m=900)[:, 3:]
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(len(X))
    y = y if loss == "squared_error" else (y > np.median(y)) * 1.0
    factor = np.ones(X.shape[1])
    factor[[0, 1, 2]] = 0.0, np.inf, 2.0
    lower = np.where(np.arange(X.shape[1]) % 3 == 0, 0.0, -np.inf)
    options = {"penalty": penalty, "penalty_factor": factor, "lower": np.where(factor == 0.0, -np.inf, lower)}
    options["sample_weight"] = rng.integers(1, 4, size=len(X))
    problem = Problem.from_data(FORMS[form](X), y, loss, **options)
    alphas = np.geomspace(1.0, 0.05, 20) * alpha_max(problem)
    monkeypatch.setattr(path_module, "_LARGE", 0.0)
    screened = list(follow_path(problem, alphas, tol=1e-8))
    monkeypatch.setattr(path_module, "_LARGE", np.inf)
    for one, other in zip(screened, follow_path(problem, alphas, tol=1e-8), strict=True):
        assert one.converged
        np.testing.assert_allclose(one.gap, other.gap, atol=1e-8 * one.scale)
        np.testing.assert_allclose(one.coef, other.coef, atol=1e-3 * np.abs(other.coef).max())
    for k in (5, 19):
        reference = oracles.reference(X, y, loss, alpha=alphas[k], **options)
        v = reference.pack(screened[k].coef, screened[k].intercept)
        assert oracles.gap(reference, v) <= 2e-8 * oracles.scale(reference)


@every_form
def test_a_path_reads_few_columns(form, monkeypatch):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((200, 3000)) * (rng.random((200, 3000)) < 0.5)
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(len(X))
    problem = Problem.from_data(FORMS[form](X), y)
    alphas = np.geomspace(1.0, 0.1, 100) * alpha_max(problem)
    read = []
    for design in (DenseDesign, SparseDesign):
        monkeypatch.setattr(
            design, "rmatvec", lambda self, v, f=design.rmatvec: [read.append(self.shape[1]), f(self, v)][1]
        )
        monkeypatch.setattr(design, "dot", lambda self, j, v, f=design.dot: [read.append(len(j)), f(self, j, v)][1])
    assert all(s.converged for s in follow_path(problem, alphas, tol=1e-6))
    assert sum(read) < 0.5 * len(alphas) * X.shape[1]


def test_rows_in_one_piece_are_read_whole():
    assert as_design(np.ones((3, 4))).norms(True) is None

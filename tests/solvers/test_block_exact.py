"""Blocks minimised exactly on the residual: the answers of a Gram matrix, without one."""

import numpy as np
import pytest
from scipy import sparse

from sparsereg.losses import LogLoss, SquaredError
from sparsereg.penalties import Group, SparseGroup
from sparsereg.solvers import Problem, block_exact, follow_path, quadratic
from sparsereg.solvers.path import alpha_max

LABELS = np.repeat(np.arange(30), [3, 1, 7] * 10)


def data(seed=0, n=40):
    rng = np.random.default_rng(seed)
    X = (
        rng.standard_normal((n, len(LABELS)))
        @ np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(*[LABELS] * 2)) + np.eye(len(LABELS)) * 0.2).T
    )
    return X, X[:, LABELS < 4].sum(axis=1) + rng.standard_normal(n), rng.uniform(0.5, 2.0, n)


def tall_means(X):
    return X + 1e5 * (np.arange(X.shape[1]) % 2)


def flat(X):
    X = X.copy()
    X[:, 4], X[:, 12:19] = 7.0, 0.0
    return X


WAYS = {
    "plain": {},
    "in C order": {"change": np.ascontiguousarray},
    "far from zero": {"change": tall_means},
    "constant columns": {"change": flat},
    "groups apart": {"labels": np.random.default_rng(1).permutation(LABELS)},
    "standardised": {"standardize": True},
    "no intercept": {"fit_intercept": False},
    "weights": {"weights": True},
    "ridge": {"l2": 0.1},
    "free columns": {"penalty_factor": (LABELS != 2).astype(float)},
    "excluded columns": {"penalty_factor": np.where(np.arange(len(LABELS)) == 5, np.inf, 1.0)},
    "logistic": {"loss": LogLoss()},
}


def problem(change=np.asfortranarray, labels=LABELS, weights=False, l2=0.0, loss=None, **options):
    X, y, s = data()
    y = (y > np.median(y)).astype(float) if loss else y
    X = change(X)
    options["sample_weight"] = s if weights else None
    return Problem.from_data(X, y, loss or SquaredError(), Group(labels, l2=l2), 1.0, **options)


def path(problem, n=12):
    alphas = alpha_max(problem) * np.geomspace(0.9, 0.03, n)
    return [(s.coef, s.intercept) for s in follow_path(problem, alphas, tol=1e-11)]


@pytest.mark.parametrize("way", WAYS)
def test_paths_are_those_of_a_gram_matrix(way, monkeypatch):
    calls = []
    solve = quadratic.solve_exact_blocks
    monkeypatch.setattr(quadratic, "solve_exact_blocks", lambda *a: calls.append(a) or solve(*a))
    found = {}
    for wide in (0.0, np.inf):
        monkeypatch.setattr(block_exact, "_WIDE", wide)
        assert not calls
        found[wide] = path(problem(**WAYS[way]))
    assert calls
    for (w, b), (v, c) in zip(found[0.0], found[np.inf], strict=True):
        size = np.abs(w).max()
        assert np.abs(w - v).max() <= 1e-4 * size
        assert ((np.abs(w) > 1e-9 * size) == (np.abs(v) > 1e-9 * size)).all()
        assert b == pytest.approx(c, rel=1e-4, abs=1e-4)


def test_wide_working_sets_need_no_gram_matrix(monkeypatch):
    sizes = []
    grown = quadratic.QuadraticModel.grown_gram

    def counted(self, columns, h, sum_h):
        sizes.append(len(columns))
        return grown(self, columns, h, sum_h)

    monkeypatch.setattr(quadratic.QuadraticModel, "grown_gram", counted)
    path(problem())
    assert not sizes
    monkeypatch.setattr(block_exact, "_WIDE", 0.0)
    path(problem())
    assert sizes


def test_what_cannot_be_rotated_is_left_alone(monkeypatch):
    monkeypatch.setattr(block_exact, "_WIDE", np.inf)
    X, y, _ = data()
    everything = np.arange(X.shape[1])

    def pays(X, penalty, **options):
        problem = Problem.from_data(X, y, SquaredError(), penalty, 1.0, **options)
        return block_exact.exact_pays(problem.design, problem.penalty, everything)

    assert pays(X, Group(LABELS))
    assert not pays(sparse.csc_array(X), Group(LABELS))
    assert not pays(X, SparseGroup(LABELS))
    assert not pays(X, Group(LABELS), lower=0.0)
    monkeypatch.setattr(block_exact, "_LARGEST", 6)
    assert not pays(X, Group(LABELS))

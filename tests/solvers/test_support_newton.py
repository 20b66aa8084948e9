"""Newton steps of classes by conjugate gradients: the Hessian they mean, and the answers of a Gram matrix."""

import numpy as np
import pytest
from scipy import sparse

from sparsereg.losses import Softmax
from sparsereg.penalties import L1, Group, Rows
from sparsereg.solvers import follow_path, joint_problem, quadratic, support_newton
from sparsereg.solvers.block_residual import Residual
from sparsereg.solvers.conjugate_gradients import conjugate_gradients
from sparsereg.solvers.path import alpha_max
from sparsereg.solvers.support_newton import Kept, _Support

FORMS = {"dense": np.asfortranarray, "sparse": sparse.csc_array, "many entries": sparse.csr_array}
SPECS = {"l1": L1(), "rows": Rows(), "elastic rows": Rows(l1_ratio=0.5), "groups": Group(np.arange(40) // 4)}
every_form = pytest.mark.parametrize("form", FORMS)
every_spec = pytest.mark.parametrize("spec", SPECS)


def joint(form, spec, n=90, m=40, **options):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((n, m)) @ np.linalg.cholesky(0.7 ** np.abs(np.subtract.outer(*[np.arange(m)] * 2))).T
    X *= rng.random((n, m)) < {"dense": 1.0, "sparse": 0.03, "many entries": 0.6}[form]
    y = (X[:, :6] @ rng.standard_normal((6, 4)) + rng.gumbel(size=(n, 4))).argmax(axis=1)
    Y = (y[:, None] == np.arange(4)).astype(float)
    return joint_problem(FORMS[form](X), Y, Softmax(4), SPECS[spec], 1.0, **options)


def path(problem):
    alphas = alpha_max(problem) * np.geomspace(0.9, 0.1, 10)
    return [solution.coef for solution in follow_path(problem, alphas, tol=1e-10)]


@pytest.fixture
def without_gram(monkeypatch):
    monkeypatch.setattr(quadratic, "use_gram", lambda *_: False)


@every_form
@every_spec
@pytest.mark.parametrize("options", [{}, {"standardize": True, "fit_intercept": False}], ids=["plain", "standardised"])
def test_paths_are_those_of_a_gram_matrix(form, spec, options, monkeypatch):
    found = []
    for gram in (True, False):
        monkeypatch.setattr(quadratic, "use_gram", lambda *_, gram=gram: gram)
        found.append(path(joint(form, spec, **options)))
    for w, v in zip(*found, strict=True):
        # Softmax does not see what all classes have in common, and of four an L1 norm does not say what that is.
        w, v = (x.reshape(4, -1) - x.reshape(4, -1).mean(axis=0) for x in (w, v))
        assert np.abs(w - v).max() <= 1e-3 * max(np.abs(w).max(), 1e-3)


@pytest.fixture
def model():
    """A sub-problem of rows with every third feature in use."""
    problem = joint("dense", "rows").at(0.01)
    design, rng = problem.design, np.random.default_rng(0)
    m = design.base.shape[1]
    columns = np.arange(design.shape[1])
    w = np.where(columns % m % 3 == 0, rng.standard_normal(len(columns)), 0.0)
    g, h = problem.gradient_hessian(problem.eta(w, 0.0))
    return Residual(problem, columns, w, g, h, Kept())


def test_products_are_those_of_the_second_derivative(model):
    support = _Support(model)
    A, v, rng = support.A, model.v.copy(), np.random.default_rng(1)
    d = rng.standard_normal(len(A))

    def slope(t):
        moved = v.copy()
        moved[A] += t * d
        model.move(moved, t * support.times(d).T)
        return _Support(model).slope

    near = (slope(1e-5) - slope(-1e-5)) / 2e-5
    np.testing.assert_allclose(support.product(d), near, rtol=1e-5, atol=1e-7 * np.abs(near).max())


def test_the_hessian_that_is_built_is_that_of_the_products(model):
    support = _Support(model)
    columns = np.array([support.product(e) for e in np.eye(len(support.A))])
    built = support._hessian(np.arange(len(support.A)))
    np.testing.assert_allclose(built, columns, atol=3e-5 * np.abs(columns).max())


def test_a_border_makes_up_for_new_weights(model):
    support = _Support(model)
    every = np.arange(len(support.A))
    kept, old = model.kept, every[every % 9 != 0]
    kept.factor = np.linalg.cholesky(support._hessian(old).astype(np.float64)).astype(np.float32)
    kept.ids = support.ids[old]
    r = np.random.default_rng(3).standard_normal(len(every))
    _, steps = conjugate_gradients(support.product, support._bordered(), r, 1e-2, 200)
    _, plain = conjugate_gradients(support.product, support._by_feature(), r, 1e-2, 200)
    assert 2 * steps < plain
    kept.ids = kept.ids[: len(every) // 2]
    assert support._bordered() is None


def test_conjugate_gradients_end_after_as_many_steps_as_eigenvalues():
    rng = np.random.default_rng(0)
    Q, _ = np.linalg.qr(rng.standard_normal((30, 30)))
    A, b = Q * np.repeat([1.0, 5.0, 20.0], 10) @ Q.T, rng.standard_normal(30)
    x, steps = conjugate_gradients(lambda p: A @ p, lambda r: r, b, 1e-10, 30)
    assert steps == 3
    np.testing.assert_allclose(A @ x, b, atol=1e-8)


def test_few_hessians_serve_a_path(without_gram, monkeypatch):
    """From one strength to the next, and from step to step, one is kept."""
    built, steps = [], []
    hessian, step = _Support._between, support_newton.conjugate_gradients
    counted = lambda self, a, b: (built.append(len(a)) if a is b else None, hessian(self, a, b))[1]  # noqa: E731
    monkeypatch.setattr(_Support, "_between", counted)
    monkeypatch.setattr(support_newton, "conjugate_gradients", lambda *a: steps.append(len(a[2])) or step(*a))
    path(joint("dense", "rows", n=400))
    whole = sum(size**2 for size in built)
    assert 0 < whole < 0.5 * sum(size**2 for size in steps)

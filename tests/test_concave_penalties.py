"""MCP and SCAD by the laws of mathematics: value, slope, majorizer, prox, optimality, null alpha."""

import numpy as np
import oracles
import pytest
from sklearn.base import clone

from sparsereg.penalties import L1, MCP, SCAD, ConcavePenalty, SeparablePenalty, get_penalty

# Per feature: the kinds of factor and of box, all at once.
FACTOR = np.array([1, 2.5, 0, np.inf, 1, 1, 0, 1, 0.5])
LOWER = np.array([-np.inf, -np.inf, -np.inf, -1, 0, -0.5, -0.3, 0, -np.inf])
UPPER = np.array([np.inf, np.inf, np.inf, 1, np.inf, 0.2, 0.4, 0, 0])
SD = np.array([1, 0.5, 3, 2, 1, 0.1, 1, 1, 4])
ALPHA, M = 0.6, len(FACTOR)
RIDGE = np.linspace(0, 0.3, M)

SPECS = [("mcp", MCP(1.2)), ("mcp", MCP(3)), ("scad", SCAD(2.1)), ("scad", SCAD(3.7))]
every_spec = pytest.mark.parametrize(("name", "spec"), SPECS, ids=[str(spec) for _, spec in SPECS])


def bound(spec, ridge=RIDGE):
    return spec.bind(ALPHA, M, factor=FACTOR, lower=LOWER, upper=UPPER, scale=SD).plus_ridge(ridge)


def as_oracle(name, spec, ridge=RIDGE):
    """The same in the units of standardised weights ``v = sd w``."""
    excluded = np.isinf(FACTOR)
    lower, upper = np.where(excluded, 0, LOWER * SD), np.where(excluded, 0, UPPER * SD)
    return oracles.Concave(name, spec.gamma, ALPHA * np.where(excluded, 0, FACTOR), ridge / SD**2, lower, upper)


def points(seed=0, n_rows=200, size=3.0):
    """Rows of weights within the boxes, some of them at the corners of the box or the ends of the pieces."""
    rng = np.random.default_rng(seed)
    v = rng.normal(scale=size, size=(n_rows, M))
    finite = np.where(np.isinf(FACTOR), 0, FACTOR) * ALPHA / SD
    special = np.stack([np.zeros(M), finite, 3 * finite, -2.1 * finite, LOWER, UPPER])
    chosen = special[rng.integers(len(special), size=v.shape), np.arange(M)]
    v = np.where((rng.random(v.shape) < 0.3) & np.isfinite(chosen), chosen, v)
    v = np.clip(v, LOWER, UPPER)
    v[:, np.isinf(FACTOR)] = 0
    return v


@every_spec
def test_value(name, spec):
    penalty, oracle = bound(spec), as_oracle(name, spec)
    for w in points():
        assert penalty.value(w) == pytest.approx(oracle.value(SD * w).sum(), rel=1e-14)
    outside = np.zeros(M)
    outside[5] = 0.21
    assert penalty.value(outside) == np.inf
    outside[5], outside[3] = 0, 1e-300  # excluded
    assert penalty.value(outside) == np.inf


@every_spec
def test_oracle_slope_is_the_derivative(name, spec):
    """Of the cost by central differences, so that the two formulas of the oracle check each other."""
    oracle = as_oracle(name, spec)
    for v in np.random.default_rng(1).normal(scale=2, size=(50, M)):
        np.testing.assert_allclose(np.sign(v) * oracle.slope(v), oracles.central_difference(oracle.cost, v), atol=2e-6)


@every_spec
def test_slope(name, spec):
    penalty, oracle = bound(spec), as_oracle(name, spec)
    for w in points():
        np.testing.assert_allclose(penalty.slope(w), SD * oracle.slope(SD * w), rtol=1e-12, atol=1e-15)


@every_spec
def test_majorizer_touches_and_lies_above(name, spec):
    """What the descent rests on: no point gains more under the penalty than under its majorizer."""
    penalty, others = bound(spec), points(1)
    for w in points(2, n_rows=50):
        above = penalty.majorizer(w)
        assert isinstance(above, SeparablePenalty)
        assert above.convex
        constant = penalty.value(w) - above.value(w)
        for other in others:
            assert penalty.value(other) <= above.value(other) + constant + 1e-12


@every_spec
@pytest.mark.parametrize("step", [0.01, 1.0, 30.0, "per coordinate"])
def test_prox(name, spec, step):
    """No better point on a fine grid, whether the one-dimensional problem is convex or not."""
    step = np.linspace(0.1, 5, M) if step == "per coordinate" else step
    penalty = bound(spec)
    grid = np.linspace(-12, 12, 4801)[:, None]
    inside = np.clip(grid, LOWER, UPPER) * ~np.isinf(FACTOR)
    one = [penalty.take(np.array([j])) for j in range(M)]
    cost = np.array([[one[j].value(inside[[k], j]) for j in range(M)] for k in range(len(grid))])
    for v in np.random.default_rng(3).normal(scale=3, size=(20, M)):
        x = penalty.prox(v, step)
        best = (cost + (inside - v) ** 2 / (2 * step)).min(axis=0)
        reached = np.array([one[j].value(x[[j]]) for j in range(M)]) + (x - v) ** 2 / (2 * step)
        assert (reached <= best + 1e-12 * (1 + np.abs(best))).all()


@pytest.mark.parametrize(("name", "gamma"), [("mcp", 1.01), ("mcp", 3), ("mcp", 50), ("scad", 2.01), ("scad", 20)])
def test_prox_is_the_closed_form(name, gamma):
    """Firm thresholding (Gao and Bruce 1997), and Fan and Li's for SCAD."""
    spec = get_penalty(name).set_params(gamma=gamma)
    v = np.linspace(-30, 30, 401)
    x = spec.bind(0.7, len(v)).prox(v, 1.0)
    np.testing.assert_allclose(x, oracles.concave_threshold(name, v, 0.7, gamma), atol=1e-12)


@every_spec
def test_violation(name, spec):
    penalty, oracle = bound(spec), as_oracle(name, spec)
    z = np.random.default_rng(5).normal(size=(200, M))
    for w, gradient in zip(points(6), z, strict=True):
        expected = oracle.violation(SD * w, gradient / SD)
        np.testing.assert_allclose(penalty.violation(w, gradient), expected, rtol=1e-12, atol=1e-14)


@every_spec
def test_null_alpha_is_that_of_l1(name, spec):
    """At zero the slope is that of L1."""
    z = np.random.default_rng(0).normal(size=M)
    z[[2, 6]] = 0
    l1 = L1().bind(ALPHA, M, factor=FACTOR, lower=LOWER, upper=UPPER, scale=SD)
    assert bound(spec).null_alpha(z) == l1.null_alpha(z) > 0


@every_spec
def test_masks(name, spec):
    """The same weights are free, without cost, or held as under L1."""
    penalty, l1 = bound(spec, np.zeros(M)), L1().bind(ALPHA, M, factor=FACTOR, lower=LOWER, upper=UPPER, scale=SD)
    for mask in ("unpenalised", "costless", "excluded"):
        np.testing.assert_array_equal(getattr(penalty, mask), getattr(l1, mask))
        some = np.array([1, 2, 6])
        np.testing.assert_array_equal(getattr(penalty.take(some), mask), getattr(l1.take(some), mask))
    assert not penalty.convex
    assert penalty.conjugate(np.zeros(M)) is None


@every_spec
def test_concavity(name, spec):
    """The largest fall of the slope, found on a fine grid."""
    penalty, w = bound(spec, np.zeros(M)), np.linspace(0, 40, 400_001)
    for j in (0, 1, 2, 5):
        one = spec.bind(ALPHA * FACTOR[j], len(w), scale=np.full(len(w), SD[j]))
        steepest = -np.diff(one.majorizer(w).l1).min() / (w[1] - w[0])
        assert penalty.concavity[j] == pytest.approx(steepest, rel=1e-3, abs=1e-12)
    np.testing.assert_allclose(bound(spec).concavity, penalty.concavity - RIDGE)


def test_nothing_concave_is_left_at_alpha_zero():
    for spec in (MCP(), SCAD()):
        for penalty in (spec.bind(0.0, 3), spec.bind(1.0, 3, factor=np.zeros(3))):
            assert isinstance(penalty, SeparablePenalty)
            assert penalty.unpenalised.all()
        assert isinstance(spec.bind(1e-300, 3), ConcavePenalty)


@pytest.mark.parametrize(("name", "kind", "gamma"), [("mcp", MCP, 3.0), ("scad", SCAD, 3.7)])
def test_names_and_parameters(name, kind, gamma):
    assert type(get_penalty(name)) is kind
    assert kind().get_params() == {"gamma": gamma}
    assert clone(kind(gamma=5.0)).gamma == 5.0


@pytest.mark.parametrize("gamma", [1.0, 0.5, -3.0, 0, np.nan, np.inf])
def test_bad_gamma_of_mcp(gamma):
    with pytest.raises(ValueError, match="gamma must be > 1 .* for MCP"):
        MCP(gamma).bind(1.0, 2)


@pytest.mark.parametrize("gamma", [2.0, 1.5, -3.0, np.nan, np.inf])
def test_bad_gamma_of_scad(gamma):
    with pytest.raises(ValueError, match="gamma must be > 2 .* for SCAD"):
        SCAD(gamma).bind(1.0, 2)


@pytest.mark.parametrize("gamma", ["3", None, True, [3.0]])
def test_gamma_of_another_type(gamma):
    for spec in (MCP(gamma), SCAD(gamma)):
        with pytest.raises(TypeError, match="gamma must be a number"):
            spec.bind(1.0, 2)

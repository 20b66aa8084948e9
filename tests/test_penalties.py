"""Penalties by the laws of mathematics: binding, prox, conjugate, subdifferential, null alpha."""

import numpy as np
import oracles
import pytest
from sklearn.base import clone

from sparsereg.penalties import L1, L2, ElasticNet, NoPenalty, SeparablePenalty, get_penalty

SPECS = {"l1": L1(), "l2": L2(), "elasticnet": ElasticNet(0.7), "none": NoPenalty()}
SHARES = {"l1": (1, 0), "l2": (0, 1), "elasticnet": (0.7, 0.3), "none": (0, 0)}  # of alpha: in l1_j, in l2_j
every_spec = pytest.mark.parametrize("name", SPECS)

# Per feature: the four kinds of factor and the kinds of box; every law is tested on all of them at once.
FACTOR = np.array([1, 2.5, 0, np.inf, 1, 1, 0, 1, 0.5])
LOWER = np.array([-np.inf, -np.inf, -np.inf, -1, 0, -0.5, -0.3, 0, -np.inf])
UPPER = np.array([np.inf, np.inf, np.inf, 1, np.inf, 0.2, 0.4, 0, 0])
SD = np.array([1, 0.5, 3, 2, 1, 0.1, 1, 1, 4])
ALPHA = 0.6


GIVEN = {"factor": FACTOR, "lower": LOWER, "upper": UPPER, "scale": SD}


def bound(name, **changes):
    return SPECS[name].bind(ALPHA, len(FACTOR), **{**GIVEN, **changes})


def as_oracle(penalty):
    return oracles.Penalty(penalty.l1, penalty.l2, penalty.lower, penalty.upper)


@every_spec
@pytest.mark.parametrize("changes", [{}, {"factor": None, "lower": None, "upper": None, "scale": None}])
def test_strength_times_a_factor(name, changes):
    once = bound(name, **changes)
    other, direct = once.times(2.5), SPECS[name].bind(2.5 * ALPHA, len(FACTOR), **{**GIVEN, **changes})
    for field in ("l1", "l2", "lower", "upper", "unpenalised"):
        np.testing.assert_allclose(getattr(other, field), getattr(direct, field), rtol=1e-15)
    for fact in ("bounded", "excluded", "ridged", "costless", "smooth", "homogeneous", "kinked"):
        np.testing.assert_array_equal(getattr(other, fact), getattr(direct, fact))


def points(seed=0, n_rows=200, size=3.0):
    """Rows of weights or dual variables, some on the kinks and corners of the boxes."""
    rng = np.random.default_rng(seed)
    v = rng.normal(scale=size, size=(n_rows, len(FACTOR)))
    special = np.stack([np.zeros(len(FACTOR)), LOWER, UPPER])
    chosen = special[rng.integers(3, size=v.shape), np.arange(len(FACTOR))]
    return np.where((rng.random(v.shape) < 0.2) & np.isfinite(chosen), chosen, v)


def feasible(seed=0):
    rows = np.clip(points(seed), LOWER, UPPER)
    rows[:, np.isinf(FACTOR)] = 0
    return rows


@every_spec
def test_what_binding_fixes(name):
    penalty = bound(name)
    f = np.where(np.isinf(FACTOR), 0, FACTOR)
    share = SHARES[name]
    np.testing.assert_allclose(penalty.l1, ALPHA * share[0] * f * SD, rtol=1e-15)
    np.testing.assert_allclose(penalty.l2, ALPHA * share[1] * f * SD**2, rtol=1e-15)
    excluded = np.isinf(FACTOR)
    np.testing.assert_array_equal(penalty.lower, np.where(excluded, 0, LOWER))
    np.testing.assert_array_equal(penalty.upper, np.where(excluded, 0, UPPER))
    without_cost = (FACTOR == 0) | (name == "none")
    free = without_cost & np.isinf(LOWER) & np.isinf(UPPER) & ~excluded
    np.testing.assert_array_equal(penalty.unpenalised, free)


@every_spec
def test_defaults_are_ones_and_no_bounds(name):
    penalty = SPECS[name].bind(ALPHA, 3)
    np.testing.assert_allclose(penalty.l1, np.full(3, ALPHA * SHARES[name][0]), rtol=1e-15)
    np.testing.assert_allclose(penalty.l2, np.full(3, ALPHA * SHARES[name][1]), rtol=1e-15)
    np.testing.assert_array_equal(penalty.lower, np.full(3, -np.inf))
    np.testing.assert_array_equal(penalty.upper, np.full(3, np.inf))


@every_spec
def test_occupied_columns(name):
    """Arguments are given for all features and kept for `columns`; `scale` is for these alone."""
    columns = np.array([1, 3, 5, 8])
    part, whole = bound(name, columns=columns, scale=SD[columns]), bound(name)
    for field in ("l1", "l2", "lower", "upper"):
        np.testing.assert_array_equal(getattr(part, field), getattr(whole, field)[columns])


@every_spec
def test_factor_by_name(name):
    names = [f"x{j}" for j in range(len(FACTOR))]
    by_name = {f"x{j}": f for j, f in enumerate(FACTOR) if f != 1}
    one, other = bound(name), bound(name, factor=by_name, feature_names=names)
    np.testing.assert_array_equal(one.l1, other.l1)
    np.testing.assert_array_equal(one.upper, other.upper)
    with pytest.raises(ValueError, match="nobody"):
        bound(name, factor={"nobody": 2.0}, feature_names=names)
    with pytest.raises(ValueError, match="names"):
        bound(name, factor=by_name)


@every_spec
def test_constant_columns_of_standardize_are_excluded(name):
    scale = np.where(np.arange(len(SD)) == 1, 0.0, SD)
    penalty = bound(name, scale=scale)
    assert penalty.lower[1] == penalty.upper[1] == 0
    assert not penalty.unpenalised[1]


@every_spec
def test_value(name):
    penalty = bound(name)
    for w in feasible():
        expected = as_oracle(penalty).value(w).sum()
        assert penalty.value(w) == pytest.approx(expected, rel=1e-14)
    outside = np.zeros(len(FACTOR))
    outside[5] = 0.21
    assert penalty.value(outside) == np.inf
    outside[5] = 0
    outside[3] = 1e-300  # excluded
    assert penalty.value(outside) == np.inf


@every_spec
@pytest.mark.parametrize("step", [0.01, 1.0, 30.0, "per coordinate"])
def test_prox(name, step):
    """The three-point inequality, which characterises it, and a search that knows nothing of it."""
    step = np.linspace(0.1, 5, len(FACTOR)) if step == "per coordinate" else step
    penalty, v, rng = bound(name), points(), np.random.default_rng(3)
    value = as_oracle(penalty).value
    x = np.array([penalty.prox(row, step) for row in v])
    assert (np.where(np.isinf(FACTOR), 0, LOWER) <= x).all()
    assert (x <= np.where(np.isinf(FACTOR), 0, UPPER)).all()
    for other in (feasible(1), x + 1e-3 * rng.normal(size=x.shape), np.zeros_like(x)):
        assert (oracles.three_point_excess(value, x, v, other, step) <= 1e-13 * (1 + v**2)).all()
    np.testing.assert_allclose(x, oracles.search_prox(value, v, step), atol=1e-6)


@every_spec
@pytest.mark.parametrize("step", [0.01, 1.0, 30.0])
def test_moreau(name, step):
    """v = prox of the penalty + step * prox of its conjugate, the second by search."""
    penalty, v = bound(name), points(n_rows=30)
    x = np.array([penalty.prox(row, step) for row in v])

    def conjugate(u):
        return np.array([penalty.conjugate(row) for row in u])

    free = penalty.unpenalised  # there the conjugate is finite at 0 alone, where a search cannot find it
    residual = oracles.moreau_residual(x, conjugate, v, step)
    np.testing.assert_allclose(residual[:, ~free], 0, atol=1e-5)
    np.testing.assert_array_equal(x[:, free], v[:, free])


@every_spec
def test_conjugate(name):
    """Fenchel-Young: nowhere below 0, and 0 at a subgradient, which (v - prox(v)) is."""
    penalty, u = bound(name), points(2)
    conjugate = np.array([penalty.conjugate(row) for row in u])
    np.testing.assert_allclose(conjugate, as_oracle(penalty).conjugate(u), rtol=1e-13, atol=1e-14)
    value = as_oracle(penalty).value
    for w in (feasible(3), feasible(4), np.zeros_like(u)):
        assert (value(w) + conjugate - u * w >= -1e-13).all()
    v = points(5)
    x = np.array([penalty.prox(row, 1.0) for row in v])
    inside = np.array([penalty.conjugate((1 - 1e-15) * row) for row in v - x])
    np.testing.assert_allclose(value(x) + inside - (v - x) * x, 0, atol=1e-12)


@every_spec
def test_violation(name):
    """Distance of -z to the subdifferential: the oracle's; zero at prox points; a bound on any gain."""
    penalty, w, z = bound(name), feasible(6), points(7)
    violation = np.array([penalty.violation(*pair) for pair in zip(w, z, strict=True)])
    np.testing.assert_allclose(violation, as_oracle(penalty).violation(w, z), rtol=1e-13, atol=1e-14)
    v = points(8)
    x = np.array([penalty.prox(row, 1.0) for row in v])
    optimal = np.array([penalty.violation(*pair) for pair in zip(x, x - v, strict=True)])
    np.testing.assert_allclose(optimal, 0, atol=1e-13)
    # Zero violation is optimality: no feasible point does better along any coordinate.
    value = as_oracle(penalty).value
    for other in (feasible(9), feasible(10)):
        lower_bound = -violation * np.abs(other - w)
        assert (value(other) - value(w) + z * (other - w) >= lower_bound - 1e-12).all()


@pytest.mark.parametrize("name", ["l1", "elasticnet"])
@pytest.mark.parametrize("seed", range(5))
def test_null_alpha(name, seed):
    """The factor on alpha from which zero is optimal for every penalised weight."""
    z = np.random.default_rng(seed).normal(size=len(FACTOR))
    z[[2, 6]] = 0  # factor 0: polished to zero, or held by a box that could not stay at zero for any alpha
    zero = np.zeros(len(FACTOR))
    factor = bound(name).null_alpha(z)
    assert factor > 0
    for change, optimal in ((1 + 1e-12, True), (1 - 1e-6, False)):
        strength = SPECS[name].bind(factor * change * ALPHA, len(z), factor=FACTOR, lower=LOWER, upper=UPPER, scale=SD)
        assert (strength.violation(zero, z).max() == 0) == optimal


def test_null_alpha_of_directions_that_bounds_close():
    """Only a gradient towards which a weight may move counts."""
    positive = L1().bind(2.0, 2, lower=0)
    assert positive.null_alpha(np.array([5.0, -3.0])) == 1.5
    assert positive.null_alpha(np.array([5.0, 3.0])) == 0
    assert L1().bind(2.0, 2, upper=0).null_alpha(np.array([5.0, -3.0])) == 2.5


@pytest.mark.parametrize("name", ["l2", "none"])
def test_no_kink_no_null_alpha(name):
    assert bound(name).null_alpha(np.ones(len(FACTOR))) is None


def test_elastic_net_joins_l1_and_l2():
    for l1_ratio, same in ((1.0, L1()), (0.0, L2())):
        one, other = ElasticNet(l1_ratio).bind(0.3, 4), same.bind(0.3, 4)
        np.testing.assert_array_equal(one.l1, other.l1)
        np.testing.assert_array_equal(one.l2, other.l2)


def test_bound_penalties_are_frozen():
    penalty = L1().bind(1.0, 2)
    assert isinstance(penalty, SeparablePenalty)
    with pytest.raises(AttributeError):
        penalty.l1 = np.ones(2)


@every_spec
def test_arguments_stay(name):
    arrays = [FACTOR.copy(), LOWER.copy(), UPPER.copy(), SD.copy()]
    for array in arrays:
        array.setflags(write=False)
    penalty = bound(name, **dict(zip(("factor", "lower", "upper", "scale"), arrays, strict=True)))
    w = np.zeros(len(FACTOR))
    w.setflags(write=False)
    (
        penalty.prox(w, 1.0),
        penalty.conjugate(w),
        penalty.violation(w, w),
        penalty.value(w),
        penalty.null_alpha(w),
    )


@pytest.mark.parametrize("name", ["l1", "l2", "elasticnet", None])
def test_names(name):
    spec = get_penalty(name)
    assert type(spec) is type(SPECS[name or "none"])
    assert get_penalty(spec) is spec
    assert repr(clone(spec)) == repr(spec)


def test_parameters_of_specs():
    assert ElasticNet().l1_ratio == 0.5
    assert clone(ElasticNet(0.2)).get_params() == {"l1_ratio": 0.2}
    assert ElasticNet().set_params(l1_ratio=0.1).bind(1.0, 1).l1 == 0.1


@pytest.mark.parametrize("name", ["L1", "", "none", 1, L1])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="penalty must be one of"):
        get_penalty(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factor": [1.0, -1.0]}, "penalty_factor"),
        ({"factor": [1.0, np.nan]}, "penalty_factor"),
        ({"factor": [1.0]}, "penalty_factor"),
        ({"lower": 0.1}, "lower"),
        ({"lower": [0.0, np.nan]}, "lower"),
        ({"lower": [0.0]}, "lower"),
        ({"upper": -0.1}, "upper"),
        ({"upper": [[1.0, 1.0]]}, "upper"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        L1().bind(1.0, 2, **changes)


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, np.nan])
def test_bad_l1_ratio(l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio"):
        ElasticNet(l1_ratio).bind(1.0, 2)


@pytest.mark.parametrize("name", ["l1", "none"])
@pytest.mark.parametrize("factor", [[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]])
def test_a_homogeneous_penalty_has_the_indicator_of_its_dual_ratio_as_conjugate(name, factor):
    penalty = SPECS[name].bind(ALPHA, 3, factor=factor)
    assert penalty.homogeneous
    for u in (np.zeros(3), 0.99 * penalty.l1, -1.01 * penalty.l1, np.array([0.0, 0.0, 1e-9]), np.ones(3)):
        expected = np.where(penalty.dual_ratio(u) <= 1.0, 0.0, np.inf)
        np.testing.assert_array_equal(penalty.conjugate(u), expected)
        assert penalty.value(2.0 * u) == pytest.approx(2.0 * penalty.value(u))


@every_spec
def test_bounds_and_squares_are_not_homogeneous(name):
    assert not bound(name).homogeneous
    assert not SPECS["l2"].bind(1.0, 3).homogeneous

"""Losses against their formulas (tests/oracles.py) and against the laws that hold for every loss."""

import helpers
import numpy as np
import oracles
import pytest
from sklearn.base import clone

from sparsereg.losses import Gamma, Huber, LogLoss, Poisson, SquaredError, SquaredHinge, Tweedie, get_loss

# (loss, its oracle, targets of its domain: at the edge of it and inside)
COUNTS = [0.0, 1.0, 3.0, 40.0]
POSITIVE = [1e-3, 0.5, 1.0, 30.0]
LOSSES = {
    "squared_error": (SquaredError(), oracles.squared_error(), [-3.0, 0.0, 2.5]),
    "log_loss": (LogLoss(), oracles.log_loss(), [0.0, 0.3, 1.0]),
    "poisson": (Poisson(), oracles.poisson(), COUNTS),
    "gamma": (Gamma(), oracles.gamma(), POSITIVE),
    "tweedie 1": (Tweedie(power=1), oracles.poisson(), COUNTS),
    "tweedie 1.1": (Tweedie(power=1.1), oracles.tweedie(1.1), COUNTS),
    "tweedie 1.5": (Tweedie(), oracles.tweedie(1.5), COUNTS),
    "tweedie 1.9": (Tweedie(power=1.9), oracles.tweedie(1.9), COUNTS),
    "tweedie 2": (Tweedie(power=2), oracles.gamma(), POSITIVE),
    "huber": (Huber(), oracles.huber(1.35), [-3.0, 0.0, 2.5]),
    "huber 0.1": (Huber(delta=0.1), oracles.huber(0.1), [-3.0, 0.0, 2.5]),
    "squared_hinge": (SquaredHinge(), oracles.squared_hinge(), [0.0, 1.0]),
}
every_loss = pytest.mark.parametrize(("loss", "oracle", "targets"), LOSSES.values(), ids=LOSSES.keys())


def grid(targets, low=-4.0, high=4.0, size=81):
    """Every target with every eta. 81 points are never where a Huber or a hinge has its corner."""
    y, eta = np.meshgrid(targets, np.linspace(low, high, size) + 0.0123)
    return y.ravel(), eta.ravel()


@every_loss
def test_formulas(loss, oracle, targets):
    y, eta = grid(targets)
    g, h = loss.gradient_hessian(y, eta)
    close = {"rtol": 1e-13, "atol": 1e-14}
    np.testing.assert_allclose(loss.value(y, eta), oracle.value(y, eta), **close)
    np.testing.assert_allclose(g, oracle.gradient(y, eta), **close)
    np.testing.assert_allclose(h, oracle.hessian(y, eta), **close)
    np.testing.assert_allclose(loss.infimum(y), oracle.infimum(y), **close)


@every_loss
def test_derivatives(loss, oracle, targets):
    y, eta = grid(targets)
    g, h = loss.gradient_hessian(y, eta)
    slope = oracles.central_difference(lambda t: loss.value(y, t), eta)
    curvature = oracles.central_difference(lambda t: loss.gradient_hessian(y, t)[0], eta)
    np.testing.assert_allclose(g, slope, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(h, curvature, rtol=1e-7, atol=1e-7)
    assert (h >= 0).all()


@every_loss
def test_infimum_is_the_greatest_lower_bound(loss, oracle, targets):
    y, eta = grid(targets, -60, 60, 24001)
    values = loss.value(y, eta).reshape(-1, len(targets))
    infimum = loss.infimum(np.array(targets))
    assert (values - infimum >= -1e-13 * (1 + np.abs(infimum))).all()
    reach = 0.05 if loss.get_params() == {"power": 1.9} else 1e-4  # y = 0: exp(-0.1 * 60) / 0.1 is left
    np.testing.assert_allclose(values.min(axis=0), infimum, atol=reach)


@every_loss
def test_conjugate_is_the_supremum(loss, oracle, targets):
    """Fenchel-Young: at least 0 for every pair, 0 at the gradient; outside the domain inf."""
    y, eta = grid(targets)
    g, _ = loss.gradient_hessian(y, eta)
    at_gradient = loss.conjugate(y, g)
    if at_gradient is None:
        assert isinstance(loss, Tweedie)
        assert 1 < loss.power < 2
        return
    size = 1 + np.abs(g * eta) + np.abs(loss.value(y, eta))
    assert np.abs(loss.value(y, eta) + at_gradient - g * eta).max(initial=0, where=size < 1e6) < 1e-9
    rng = np.random.default_rng(0)
    for v in (rng.permutation(g), rng.normal(size=len(y)), rng.uniform(-50, 50, len(y)), np.zeros(len(y))):
        conjugate = loss.conjugate(y, v)
        assert (loss.value(y, eta) + conjugate - v * eta >= -1e-13 * size).all()
        np.testing.assert_allclose(conjugate, oracle.conjugate(y, v), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(loss.conjugate(y, np.zeros(len(y))), -loss.infimum(y), rtol=1e-13, atol=1e-15)


@every_loss
def test_fenchel_young(loss, oracle, targets):
    """What the certificates sum: f(eta) + f*(v) - v eta at a multiple of the gradient, never below 0."""
    y, eta = grid(targets)
    for c in (1.0, 1 - 1e-6, 0.5, 0.0):
        v = c * loss.gradient_hessian(y, eta)[0]
        terms = loss.fenchel_young(y, eta, v)
        if terms is None:
            assert loss.conjugate(y, v) is None
            continue
        size = 1 + np.abs(v * eta) + np.abs(loss.value(y, eta))
        expected = oracle.value(y, eta) + oracle.conjugate(y, v) - v * eta
        assert (np.abs(terms - expected) <= 1e-12 * size).all()
        assert (terms >= -1e-13 * size).all()


def test_fenchel_young_of_squared_error_does_not_cancel():
    y, eta = np.array([1e6]), np.array([3e6])
    v = (1 - 1e-9) * (eta - y)
    np.testing.assert_allclose(SquaredError().fenchel_young(y, eta, v), (1e-9 * 2e6) ** 2 / 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "y", "inside", "outside"),
    [
        (LogLoss(), 0.0, [0, 1], [-1e-3, 1.001]),
        (LogLoss(), 1.0, [-1, 0], [-1.001, 1e-3]),
        (LogLoss(), 0.3, [-0.3, 0.7], [-0.31, 0.71]),
        (Poisson(), 2.0, [-2, 5], [-2.001]),
        (Gamma(), 2.0, [-5, 1], [1.001]),
        (Huber(delta=0.5), 2.0, [-0.5, 0.5], [-0.501, 0.501]),
        (SquaredHinge(), 1.0, [-5, 0], [1e-3]),
        (SquaredHinge(), 0.0, [0, 5], [-1e-3]),
    ],
)
def test_domain_of_the_conjugate(loss, y, inside, outside):
    assert np.isfinite(loss.conjugate(np.full(len(inside), y), np.array(inside, float))).all()
    assert np.isposinf(loss.conjugate(np.full(len(outside), y), np.array(outside, float))).all()


@every_loss
def test_far_from_zero(loss, oracle, targets):
    """No warning and no nan; beyond the range of exp inf at most."""
    y, eta = grid(targets, -800, 800, 33)
    value = loss.value(y, eta)
    g, h = loss.gradient_hessian(y, eta)
    assert not np.isnan(np.r_[value, g, h]).any()
    assert (value >= loss.infimum(y) - 1e-9 * (1 + np.abs(eta))).all()
    moderate = np.abs(eta) < 200
    assert np.isfinite(np.r_[value, g, h][np.tile(moderate, 3)]).all()


def test_log_loss_keeps_its_digits():
    """Where p rounds to 1, the loss of y = 1 and its slope are exp(-eta), not 0."""
    y, eta = np.array([1.0, 0.0]), np.array([50.0, -50.0])
    g, h = LogLoss().gradient_hessian(y, eta)
    tiny = np.exp(-50.0)
    np.testing.assert_allclose(LogLoss().value(y, eta), [tiny, tiny], rtol=1e-14)
    np.testing.assert_allclose(g, [-tiny, tiny], rtol=1e-14)
    np.testing.assert_allclose(h, [tiny, tiny], rtol=1e-14)


def test_inverse_link():
    eta = np.array([-2.0, 0.0, 3.0])
    for name in ("squared_error", "huber", "squared_hinge"):
        np.testing.assert_array_equal(get_loss(name).inverse_link(eta), eta)
    for name in ("poisson", "gamma", "tweedie"):
        np.testing.assert_allclose(get_loss(name).inverse_link(eta), np.exp(eta))
    np.testing.assert_allclose(LogLoss().inverse_link(eta), 1 / (1 + np.exp(-eta)))


@every_loss
def test_minimiser_of_one_sample_is_its_target(loss, oracle, targets):
    """The slope vanishes where the inverse link gives y."""
    y = np.array([t for t in targets if t not in (0.0, 1.0)] or [0.5])
    link = {"LogLoss": lambda y: np.log(y / (1 - y)), "SquaredError": lambda y: y, "Huber": lambda y: y}
    if isinstance(loss, SquaredHinge):
        assert not loss.gradient_hessian(np.array([0.0, 1.0]), np.array([-1.0, 1.0]))[0].any()
        return
    eta = link.get(type(loss).__name__, np.log)(y)
    np.testing.assert_allclose(loss.inverse_link(eta), y)
    np.testing.assert_allclose(loss.gradient_hessian(y, eta)[0], 0, atol=1e-13 * max(1, y.max()))
    np.testing.assert_allclose(loss.value(y, eta), loss.infimum(y), rtol=1e-13, atol=1e-15)


@every_loss
def test_recession(loss, oracle, targets):
    """Where a loss says that it never grows it does not; elsewhere it does, in the end."""
    t = np.linspace(0, 30, 301)
    for target in targets:
        bounds = loss.recession(np.array([target]))
        low, high = (0, 0) if bounds is None else (bounds[0].item(), bounds[1].item())
        for direction, held in ((-1, low == 0), (1, high == 0)):
            values = loss.value(np.full(301, target), direction * t)
            if not held:
                assert (np.diff(values) <= 0).all()
            elif not isinstance(loss, SquaredHinge):  # flat beyond the margin: its minimum is finite anyway
                assert values[-1] > values.min()


DOMAINS = {
    "log_loss": ([0.0, 0.5, 1.0], [-0.1, 1.1, np.nan]),
    "squared_hinge": ([0.0, 1.0], [0.5, -1.0, 2.0, np.nan]),
    "poisson": ([0.0, 2.5], [-1e-9, np.nan]),
    "gamma": ([1e-9, 2.0], [0.0, -1.0, np.nan]),
    "tweedie": ([0.0, 2.0], [-1.0, np.nan]),
    "squared_error": ([-1.0, 2.0], []),
    "huber": ([-1.0, 2.0], []),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_check_target(name):
    loss, (good, bad) = get_loss(name), DOMAINS[name]
    np.testing.assert_array_equal(loss.check_target(np.array(good)), good)
    for value in bad:
        with pytest.raises(ValueError, match="y"):
            loss.check_target(np.array([good[-1], value]))


def test_check_target_at_the_ends_of_tweedie():
    assert Tweedie(power=1).check_target(np.array([0.0, 1.0])) is not None
    with pytest.raises(ValueError, match="> 0"):
        Tweedie(power=2).check_target(np.array([0.0, 1.0]))


@pytest.mark.parametrize("loss", [*map(Tweedie, (0.9, 2.1, np.nan)), *map(Huber, (0.0, -1.0, np.nan))])
def test_bad_parameters(loss):
    with pytest.raises(ValueError, match="must"):
        loss.check_target(np.array([1.0]))


@pytest.mark.parametrize("name", helpers.AXES["loss"])
def test_names(name):
    loss = get_loss(name)
    assert type(loss).__name__.lower() == name.replace("_", "")
    assert get_loss(loss) is loss


@pytest.mark.parametrize("name", ["Poisson", "", None, 3, SquaredError])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="loss must be one of"):
        get_loss(name)


def test_specs_are_estimators():
    assert Tweedie(power=1.2).get_params() == {"power": 1.2}
    assert clone(Huber(delta=3.0)).set_params(delta=2.0).delta == 2.0
    assert Huber(delta=3.0).value(np.array([0.0]), np.array([2.5])) == 3.125


@every_loss
def test_arguments_stay(loss, oracle, targets):
    y, eta = grid(targets)
    y.setflags(write=False)
    eta.setflags(write=False)
    loss.value(y, eta), loss.gradient_hessian(y, eta), loss.conjugate(y, eta), loss.infimum(y)

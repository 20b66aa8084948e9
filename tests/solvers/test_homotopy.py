"""The exact lasso path against its optimality conditions, written out here, and against scikit-learn's LARS."""

import numpy as np
import pytest
from sklearn.linear_model import lars_path

from sparsereg.solvers.homotopy import Descent, Homotopy


class Case:
    """A problem from data: 1/2n |y - Xw|^2 + alpha f.|w| + l2.w^2 / 2 within bounds, observations weighted."""

    def __init__(self, X, y, f=None, l2=None, lower=None, upper=None, weights=None):
        n, k = X.shape
        s = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
        self.k = k
        self.G, self.c = np.ascontiguousarray((X.T * s) @ X), X.T @ (s * y)
        self.f = np.ones(k) if f is None else np.asarray(f, dtype=float)
        self.l2 = np.zeros(k) if l2 is None else np.asarray(l2, dtype=float)
        self.lower = np.full(k, -np.inf) if lower is None else np.array(lower, dtype=float)
        self.upper = np.full(k, np.inf) if upper is None else np.array(upper, dtype=float)
        excluded = np.isinf(self.f)
        self.lower[excluded] = self.upper[excluded] = 0.0
        self.unit = np.sqrt(self.G.diagonal() + self.l2)
        curved = self.unit > 0.0
        self.scale = np.abs(self.c[curved] / self.unit[curved]).max(initial=0.0) or 1.0
        penalised = (self.f > 0.0) & (self.lower < self.upper)
        self.alpha_max = (np.abs(self.c[penalised]) / self.f[penalised]).max(initial=0.0) or 1.0

    def homotopy(self):
        excluded = np.isinf(self.f)  # said by f alone
        return Homotopy(
            self.f, self.l2, np.where(excluded, -np.inf, self.lower), np.where(excluded, np.inf, self.upper)
        )

    def start(self):
        return np.zeros(self.k), -self.c

    def descend(self, targets, record=None, homotopy=None):
        """Return (Descent, weights) at every target from zero weights on."""
        homotopy = homotopy or self.homotopy()
        w, z = self.start()
        alpha, out = 1.01 * self.alpha_max, []
        for target in targets:
            descent = homotopy.descend(self.G, np.arange(self.k), w, z, alpha, target, record)
            alpha = descent.alpha
            np.testing.assert_allclose(z, self.G @ w - self.c, atol=1e-9 * self.scale * self.unit.max())
            out.append((descent, w.copy()))
        return out

    def violation(self, w, alpha):
        """What the best unit-curvature step of one weight gains, in units of the largest correlation."""
        slope = self.G @ w - self.c + self.l2 * w
        cost = alpha * np.where(np.isinf(self.f), 0.0, self.f)
        up = np.where(w < self.upper, -slope - np.where(w < 0.0, -cost, cost), 0.0)
        down = np.where(w > self.lower, slope - np.where(w > 0.0, -cost, cost), 0.0)
        gain = np.maximum(np.maximum(up, down), 0.0)
        gain = np.divide(gain, self.unit, out=np.zeros(self.k), where=self.unit > 0.0)
        assert ((w >= self.lower) & (w <= self.upper)).all()
        return gain.max() / self.scale


def gaussian(seed=0, n=40, k=25, correlation=0.5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, k)) + np.sqrt(correlation / (1 - correlation)) * rng.standard_normal((n, 1))
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    return X - X.mean(axis=0), y - y.mean()


VARIANTS = {
    "plain": {},
    "factors": {"f": np.resize([1.0, 0.3, 2.0, 0.0, 1.0, 5.0, np.inf], 25)},
    "tiny factors": {"f": np.full(25, 1e-300)},
    "ridge": {"l2": np.resize([0.0, 0.1, 3.0], 25)},
    "non-negative": {"lower": np.zeros(25)},
    "bounds": {"lower": np.resize([-0.05, 0.0, -np.inf], 25), "upper": np.resize([np.inf, 0.02, 0.1, 0.0], 25)},
    "excluded": {"lower": np.resize([0.0, -np.inf], 25), "upper": np.resize([0.0, np.inf], 25)},
    "bounded, never penalised": {"f": np.zeros(25), "lower": np.full(25, -0.1), "upper": np.resize([0.0, 0.2], 25)},
    "weights": {"weights": np.random.default_rng(3).exponential(size=40)},
    "all": {
        "f": np.resize([1.0, 0.0, 0.5, 2.0], 25),
        "l2": np.resize([0.2, 0.0, 0.0], 25),
        "lower": np.resize([-0.1, -np.inf, 0.0, -0.3, -np.inf], 25),
        "upper": np.resize([0.1, np.inf], 25),
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_target_is_optimal(variant):
    case = Case(*gaussian(), **VARIANTS[variant])
    targets = case.alpha_max * np.append(np.sort(np.random.default_rng(1).random(20))[::-1], [1e-3, 0.0])
    for descent, w in case.descend(targets):
        assert descent.status == "reached"
        assert case.violation(w, descent.alpha) <= 1e-12


@pytest.mark.parametrize("variant", VARIANTS)
def test_straight_between_breakpoints(variant):
    case = Case(*gaussian(), **VARIANTS[variant])
    kinks = []
    case.descend([0.0], kinks)
    alphas = [kink.alpha for kink in kinks]
    assert alphas == sorted(set(alphas), reverse=True)
    dense = np.zeros((len(kinks), case.k))
    for row, kink in zip(dense, kinks, strict=True):
        row[kink.columns] = kink.values
        assert case.violation(row, kink.alpha) <= 1e-12
    if variant != "bounded, never penalised":
        assert len(kinks) > (1 if variant == "non-negative" else 8)
        middles = [0.5 * (a + b) for a, b in zip(alphas[:-1], alphas[1:], strict=True)]
        for (_, w), mean in zip(case.descend(middles), 0.5 * (dense[:-1] + dense[1:]), strict=True):
            np.testing.assert_allclose(w, mean, atol=1e-11 * np.abs(dense).max())


@pytest.mark.parametrize(("n", "k"), [(60, 20), (30, 80)])
@pytest.mark.parametrize("positive", [False, True])
def test_agrees_with_lars(n, k, positive):
    X, y = gaussian(5, n, k)
    alphas, _, coefs = lars_path(X, y, method="lasso", positive=positive)
    case = Case(X, y, lower=np.zeros(k) if positive else None)
    kinks = []
    case.descend([alphas[-1]], kinks)
    np.testing.assert_allclose([kink.alpha for kink in kinks], alphas[: len(kinks)], rtol=1e-9)
    assert len(kinks) >= len(alphas) - 1  # the last one is the target
    for kink, coef in zip(kinks, coefs.T, strict=False):
        w = np.zeros(k)
        w[kink.columns] = kink.values
        np.testing.assert_allclose(w, coef, atol=1e-9)


def test_events_are_the_breakpoints():
    case = Case(*gaussian())
    kinks = []
    descents = case.descend(case.alpha_max * np.array([0.5, 0.1, 0.0]), kinks)
    assert sum(descent.events for descent, _ in descents) == len(kinks)
    assert [case.descend([0.0])[0][0].events] == [len(kinks)]


@pytest.mark.parametrize("variant", ["plain", "all", "factors"])
def test_candidates_may_come_late(variant):
    case = Case(*gaussian(), **VARIANTS[variant])
    entered = np.full(case.k, 0.0)  # the strength at which a column is first nonzero
    targets = case.alpha_max * np.linspace(0.99, 0.01, 50)
    everything = case.descend(targets)
    for (descent, w), target in zip(reversed(everything), reversed(targets), strict=True):
        assert descent.status == "reached"
        entered[w != 0.0] = target
    unpenalised = case.f == 0.0
    order = np.lexsort((-entered, ~unpenalised))
    homotopy, alpha = case.homotopy(), 1.01 * case.alpha_max
    w = np.zeros(0)
    for target, (_, whole) in zip(targets, everything, strict=True):
        k = int(np.count_nonzero((entered >= target) | unpenalised))
        columns = order[:k]
        w = np.append(w, np.zeros(k - len(w)))
        G = np.ascontiguousarray(case.G[np.ix_(columns, columns)])
        z = G @ w - case.c[columns]
        descent = homotopy.descend(G, columns, w, z, alpha, target)
        assert descent.status == "reached"
        np.testing.assert_allclose(w, whole[columns], atol=1e-11)
        alpha = target


@pytest.mark.parametrize("variant", VARIANTS)
def test_starts_anew_from_a_point(variant):
    case = Case(*gaussian(), **VARIANTS[variant])
    points = case.descend(case.alpha_max * np.linspace(0.95, 0.05, 10))
    for (first, w), (second, end) in zip(points[:-1], points[1:], strict=True):
        noisy = np.where((w == case.lower) | (w == case.upper), w, w * (1.0 + 1e-7))  # made exact on entry
        noisy = np.clip(noisy, case.lower, case.upper)
        z = case.G @ noisy - case.c
        descent = case.homotopy().descend(case.G, np.arange(case.k), noisy, z, first.alpha, second.alpha)
        assert descent.status == "reached"
        np.testing.assert_allclose(noisy, end, atol=1e-11)


def test_starts_anew_from_the_neighbouring_support():
    case = Case(*gaussian())
    kinks = []
    case.descend([0.0], kinks)
    for above, kink in zip(kinks[:-1], kinks[1:], strict=True):
        alpha = kink.alpha - 1e-4 * (above.alpha - kink.alpha)
        w = np.zeros(case.k)
        w[kink.columns] = kink.values
        descent = case.homotopy().descend(case.G, np.arange(case.k), w, case.G @ w - case.c, alpha, 0.9 * alpha)
        assert descent.status == "reached"
        assert case.violation(w, descent.alpha) <= 1e-12


def test_a_start_off_the_path_changes_nothing():
    case = Case(*gaussian(1, 30, 60))
    w = np.random.default_rng(0).standard_normal(case.k)
    z = case.G @ w - case.c
    before = w.copy(), z.copy()
    w[0] = np.nan
    descent = case.homotopy().descend(case.G, np.arange(case.k), w, z, 0.5 * case.alpha_max, 0.1 * case.alpha_max)
    assert descent == Descent(0.5 * case.alpha_max, 0, "stuck")
    np.testing.assert_array_equal(w[1:], before[0][1:])
    np.testing.assert_array_equal(z, before[1])


def test_changed_working_set():
    case = Case(*gaussian())
    homotopy = case.homotopy()
    (first, w), (_, end) = case.descend(case.alpha_max * np.array([0.5, 0.2]), homotopy=homotopy)
    columns = np.arange(case.k)[::-1]
    w, z = w[columns].copy(), (case.G @ w - case.c)[columns]
    G = np.ascontiguousarray(case.G[::-1, ::-1])
    assert homotopy.descend(G, columns, w, z, first.alpha, 0.2 * case.alpha_max).status == "reached"
    np.testing.assert_allclose(w, end[columns], atol=1e-11)


def test_duplicated_mirrored_and_constant_columns():
    X, y = gaussian(2, 30, 12)
    X = np.hstack([X, X[:, :6], -X[:, 3:9], np.zeros((30, 2))])
    case = Case(X, y)
    single = Case(X[:, :12], y)
    targets = case.alpha_max * np.linspace(0.9, 0.0, 10)
    for (descent, w), (_, alone) in zip(case.descend(targets), single.descend(targets), strict=True):
        assert descent.status == "reached"
        assert case.violation(w, descent.alpha) <= 1e-12
        np.testing.assert_allclose(X @ w, X[:, :12] @ alone, atol=1e-11)


def test_weights_spread_over_duplicates():
    X, y = gaussian(2, 30, 6)
    case = Case(np.repeat(X, 3, axis=1), y)
    (first, alone), (_, end) = Case(X, y).descend(case.alpha_max * np.array([0.4, 0.1]))
    w = np.repeat(alone / 3.0, 3)
    descent = case.homotopy().descend(case.G, np.arange(18), w, case.G @ w - case.c, first.alpha, 0.1 * case.alpha_max)
    assert descent.status == "reached"
    assert case.violation(w, descent.alpha) <= 1e-12
    np.testing.assert_allclose(w.reshape(6, 3).sum(axis=1), end, atol=1e-11)


def test_never_penalised_duplicates():
    X, y = gaussian(2, 30, 6)
    case = Case(np.repeat(X, 2, axis=1), y, f=np.repeat([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], 2))
    for descent, w in case.descend(case.alpha_max * np.array([0.8, 0.3, 0.0])):
        assert descent.status == "reached"
        assert case.violation(w, descent.alpha) <= 1e-12


def test_interpolation():
    X, y = gaussian(4, 20, 60)
    case = Case(X, y)
    descent, w = case.descend([0.0])[0]
    assert descent.status == "reached"
    np.testing.assert_allclose(X @ w, y, atol=1e-10)
    assert np.count_nonzero(w) <= 19  # the rank of centred columns


def test_supports_of_hundreds():
    X, y = gaussian(7, 300, 250)
    case = Case(X, y)
    (_, w), (descent, end) = case.descend(case.alpha_max * np.array([0.02, 0.0]))
    assert case.violation(w, 0.02 * case.alpha_max) <= 1e-12
    assert descent.status == "reached"
    np.testing.assert_allclose(end, np.linalg.lstsq(X, y, rcond=None)[0], atol=1e-10)


def test_nearly_duplicated_columns_end_with_a_valid_point():
    rng = np.random.default_rng(0)
    X, y = gaussian(6, 50, 20)
    X = X[:, rng.integers(0, 20, 80)] + 1e-8 * rng.standard_normal((50, 80))
    case = Case(X, y)
    descent, w = case.descend([0.01 * case.alpha_max])[0]
    assert descent.status in ("singular", "stuck")
    assert descent.alpha > 0.01 * case.alpha_max
    assert case.violation(w, descent.alpha) <= 1e-8


def test_nonsense_is_refused():
    case = Case(*gaussian())
    homotopy, (w, z) = case.homotopy(), case.start()
    with pytest.raises(ValueError, match="target must lie in"):
        homotopy.descend(case.G, np.arange(case.k), w, z, 1.0, 2.0)
    with pytest.raises(ValueError, match="z must have shape"):
        homotopy.descend(case.G, np.arange(case.k), w, z[1:], 1.0, 0.5)
    with pytest.raises(ValueError, match="G must have shape"):
        homotopy.descend(case.G[1:], np.arange(case.k), w, z, 1.0, 0.5)
    assert homotopy.descend(np.empty((0, 0)), [], w[:0], z[:0], 1.0, 0.5) == Descent(0.5, 0, "reached")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_followed(bad):
    case = Case(*gaussian())
    case.G[3, 3] = bad
    w, z = case.start()
    descent = case.homotopy().descend(case.G, np.arange(case.k), w, z, case.alpha_max, 0.1 * case.alpha_max)
    assert np.isfinite(w).all()
    if np.isnan(bad):
        assert descent.status == "stuck"


def random_case(rng):
    n, k = rng.integers(2, 20), rng.integers(1, 25)
    kind = rng.integers(5)
    if kind == 0:
        X = rng.standard_normal((n, k))
    elif kind == 1:
        X = rng.integers(-1, 2, (n, k)).astype(float)
    elif kind == 2:
        X = rng.standard_normal((n, k))[:, rng.integers(0, k, k)] * rng.choice([-1, 1], k)
    elif kind == 3:
        X = np.cumsum(rng.standard_normal((n, k)), axis=1)
    else:
        X = rng.integers(0, 2, (n, k)) * 10.0 ** rng.integers(-2, 3, k)
    y = rng.integers(-3, 4, n).astype(float) if rng.random() < 0.5 else rng.standard_normal(n)
    if rng.random() < 0.5:
        X, y = X - X.mean(axis=0), y - y.mean()
    X[:, rng.random(k) < 0.05] = 0.0
    half = rng.random(k) < 0.5
    return Case(
        X,
        y,
        f=np.where(half, rng.choice([0.0, 0.5, 1.0, 2.0], k), 1.0) if rng.random() < 0.4 else None,
        l2=np.where(half, rng.random(k), 0.0) if rng.random() < 0.3 else None,
        lower=np.where(half, -rng.random(k) * rng.integers(0, 2, k), -np.inf) if rng.random() < 0.3 else None,
        upper=np.where(half, rng.random(k) * rng.integers(0, 2, k), np.inf) if rng.random() < 0.3 else None,
    )


def test_random_problems_with_ties():
    reached = 0
    for seed in range(400):
        case = random_case(np.random.default_rng(seed))
        for descent, w in case.descend(case.alpha_max * np.array([1.0, 0.9, 0.5, 0.1, 0.01]), [] if seed % 2 else None):
            assert np.isfinite(w).all()
            assert descent.status in ("reached", "tie", "singular", "stuck")
            if descent.status != "reached":
                assert descent.events == 0 or case.violation(w, descent.alpha) <= 1e-8
                break
            reached += 1
            assert case.violation(w, descent.alpha) <= 1e-8
    assert reached >= 0.95 * 5 * 400

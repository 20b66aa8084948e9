"""Penalties on blocks by the laws of mathematics: prox, conjugate, dual ratio, and what is made of a penalty."""

import block_oracles
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone

from sparsereg.penalties import BlockPenalty, ElasticNet, Group, Rows, SparseGroup
from sparsereg.penalties.blocks import Blocks

LABELS = np.array([3, 0, 3, 1, 0, 2, 3, 4])
NAMES = {  # norm, l1 and l2 in proportion, and whether there are signs
    "norms": (1, 0, 0, False),
    "norms, squares": (1, 0, 0.7, False),
    "norms, absolute values": (1, 0.4, 0, False),
    "all, signs": (1, 0.4, 0.7, True),
    "norms, signs": (1, 0, 0, True),
    "no norms": (0, 0.4, 0.7, False),
}
every_penalty = pytest.mark.parametrize("name", NAMES)
units = pytest.mark.parametrize("scaled", [False, True])


def make(name, scaled=False):
    rng, m = np.random.default_rng(5), len(LABELS)
    norm, l1, l2, signs = NAMES[name]
    lower, upper = np.full(m, -np.inf), np.full(m, np.inf)
    if signs:
        lower[[0, 5]], upper[[2, 4]] = 0, 0
        lower[6] = upper[6] = 0
    scale = rng.uniform(0.3, 3, m) if scaled else np.ones(m)
    block = Blocks.of_labels(LABELS)
    strengths = norm * np.array([0.9, 0.5, 0.3, 1.2, 0.0])
    return BlockPenalty(block, strengths, scale, l1 * scale, l2 * rng.uniform(0.5, 2, m), lower, upper)


def points(n=60, size=2.0):
    rng = np.random.default_rng(0)
    return rng.normal(scale=size, size=(n, len(LABELS))) * (rng.random((n, len(LABELS))) < 0.8)


def omega(pen, w):
    """The definition, written out."""
    if ((w < pen.lower) | (w > pen.upper)).any():
        return np.inf
    norms = sum(k * np.linalg.norm((pen.scale * w)[g == LABELS]) for g, k in enumerate(pen.norm))
    return norms + (pen.l1 * np.abs(w) + pen.l2 / 2 * w**2).sum()


@every_penalty
@units
def test_value(name, scaled):
    pen = make(name, scaled)
    for w in points():
        inside = np.clip(w, pen.lower, pen.upper)
        assert pen.value(inside) == pytest.approx(omega(pen, inside), rel=1e-13)
        assert pen.value(w) == pytest.approx(omega(pen, w), rel=1e-13)


@every_penalty
@units
@pytest.mark.parametrize("step", [0.2, 3.0])
def test_prox_is_the_minimiser(name, scaled, step):
    """Strong convexity: x is the minimiser if and only if the three-point inequality holds for every other point."""
    pen, rng = make(name, scaled), np.random.default_rng(1)
    for v in points():
        x = pen.prox(v, step)
        near = x + rng.normal(scale=[[1e-4]] * 5 + [[0.1]] * 5 + [[2.0]] * 5, size=(15, len(v)))
        for other in [*np.clip(near, pen.lower, pen.upper), np.zeros(len(v))]:
            right = ((other - v) ** 2 - (other - x) ** 2 - (x - v) ** 2).sum() / 2
            assert step * (pen.value(x) - pen.value(other)) <= right + 1e-12
        np.testing.assert_allclose(pen.violation(x, (x - v) / step), 0, atol=1e-11)


@pytest.mark.parametrize("step", [0.2, 3.0])
def test_prox_by_search(step):
    """Along random lines through it, one-dimensional search finds nothing lower."""
    pen, rng = make("all, signs", True), np.random.default_rng(2)
    for v in points(10):
        x = pen.prox(v, step)

        def cost(w, v=v):
            return pen.value(w) + ((w - v) ** 2).sum() / (2 * step)

        for d in rng.normal(size=(5, len(v))) * (x != 0):

            def line(t, d=d, x=x, cost=cost):
                return cost(x + t * d)

            assert minimize(lambda t: line(t[0]), [0.1], method="Nelder-Mead").fun >= line(0.0) - 1e-10


@every_penalty
@units
def test_fenchel_young(name, scaled):
    pen = make(name, scaled)
    for v, w in zip(points(), points()[::-1], strict=True):
        x = pen.prox(v, 0.7)
        u = (v - x) / 0.7  # a subgradient at x
        u[np.abs(u) < 1e-13] = 0  # of a weight without cost it is nothing but rounding
        assert pen.value(x) + pen.conjugate(u * (1 - 1e-14)).sum() == pytest.approx(u @ x, abs=1e-11)
        other = np.clip(w, pen.lower, pen.upper)
        assert pen.value(other) + pen.conjugate(v).sum() >= v @ other - 1e-12


@every_penalty
def test_moreau(name):
    """v = prox of the penalty + step times prox of its conjugate: the second is a dual point with all its laws."""
    pen, rng = make(name), np.random.default_rng(3)
    for v in points(20):
        u = (v - pen.prox(v, 0.5)) / 0.5
        value = pen.conjugate(u * (1 - 1e-14)).sum() + 0.25 * ((u - v / 0.5) ** 2).sum()
        for other in u + rng.normal(scale=0.3, size=(20, len(u))):
            assert pen.conjugate(other).sum() + 0.25 * ((other - v / 0.5) ** 2).sum() >= value - 1e-11


@every_penalty
def test_conjugate_and_violation_as_the_oracle(name):
    """In units of one, with one l2 in a block, the oracle has closed forms."""
    pen = make(name)
    pen = pen.plus_ridge(pen.l2.max() - pen.l2)
    blocks = [np.flatnonzero(g == LABELS) for g in range(5)]
    judge = block_oracles.BlockPenalty(blocks, pen.norm, pen.l1, pen.l2, pen.lower, pen.upper)
    for v, w in zip(points(), points()[::-1], strict=True):
        x = pen.prox(w, 1.0)
        np.testing.assert_allclose(x, judge.prox(w, 1.0), atol=1e-12)
        np.testing.assert_allclose(pen.conjugate(v), judge.conjugate(v), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(pen.violation(x, v), judge.violation(x, v)[LABELS], rtol=1e-9, atol=1e-12)
        ratio, expected = pen.dual_ratio(v), judge.dual_ratio(v)
        ridged = np.isinf(expected)
        np.testing.assert_allclose(ratio[~ridged], expected[~ridged], rtol=1e-7, atol=1e-12)


@every_penalty
@units
def test_dual_ratio_is_the_edge_of_the_domain(name, scaled):
    pen = make(name, scaled)
    zero = np.zeros(len(LABELS))
    for v in points():
        ratio = pen.dual_ratio(v)
        for g in range(5):
            u = np.where(g == LABELS, v, 0.0)
            if np.isinf(ratio[g]):
                assert pen.violation(zero, -1e-6 * u)[g == LABELS].max() > 0
            elif ratio[g] == 0:
                assert pen.violation(zero, -1e6 * u).max() == 0
            else:
                assert pen.violation(zero, -u / ratio[g] * (1 - 1e-9)).max() == 0
                assert pen.violation(zero, -u / ratio[g] * (1 + 1e-6)).max() > 0


@every_penalty
@units
def test_violation_is_a_slope(name, scaled):
    """Moving a block by d gains at most violation times |d|; and it is zero only where nothing is gained."""
    pen, rng = make(name, scaled), np.random.default_rng(4)
    blocks = [np.flatnonzero(g == LABELS) for g in range(5)]
    unit = np.array([pen.scale[g].max() for g in blocks])
    for v, w in zip(points(), points()[::-1], strict=True):
        x = pen.prox(w, 1.0)
        slope = np.array([pen.violation(x, v)[g[0]] for g in blocks]) / unit
        other = np.clip(x + rng.normal(scale=0.5, size=len(x)), pen.lower, pen.upper)
        moved = [np.linalg.norm((pen.scale * (other - x))[g]) for g in blocks]
        assert pen.value(x) - pen.value(other) + v @ (x - other) <= slope @ moved + 1e-11


# --- What is made of a penalty


@every_penalty
def test_times_and_ridge(name):
    pen = make(name, True)
    w = np.clip(points(1)[0], pen.lower, pen.upper)
    assert pen.times(2.5).value(w) == pytest.approx(2.5 * pen.value(w), rel=1e-14)
    ridge = np.arange(8.0)
    assert pen.plus_ridge(ridge).value(w) == pytest.approx(pen.value(w) + ridge @ w**2 / 2, rel=1e-14)


@every_penalty
def test_take_and_whole(name):
    pen, rng = make(name, True), np.random.default_rng(0)
    columns = np.array([6, 3, 2, 0])  # blocks 3 and 1, in another order
    part = pen.take(columns)
    np.testing.assert_array_equal(pen.whole(np.array([3, 6])), [3, 0, 2, 6])
    np.testing.assert_array_equal(np.sort(pen.whole(columns)), np.sort(columns))
    assert len(part.block) == 2
    for w in rng.normal(size=(10, 4)):
        full = np.zeros(8)
        full[columns] = np.clip(w, part.lower, part.upper)
        assert part.value(full[columns]) == pytest.approx(pen.value(full), rel=1e-14)
        at = np.zeros(8)
        at[columns] = w
        np.testing.assert_allclose(part.prox(w, 0.4), pen.prox(at, 0.4)[columns], rtol=1e-13)
        np.testing.assert_allclose(part.violation(0 * w, w), pen.violation(0 * at, at)[columns], rtol=1e-13)


@every_penalty
def test_across(name):
    """Of three outputs it is the sum; the free weights at the end cost nothing."""
    pen = make(name, True)
    several = pen.across(3, n_free=2)
    W = np.clip(points(3), pen.lower, pen.upper)
    assert several.value(np.r_[W.ravel(), 7, -8]) == pytest.approx(sum(map(pen.value, W)), rel=1e-14)
    V = points(3)
    expected = np.r_[np.concatenate([pen.prox(v, 0.6) for v in V]), 3, 4]
    np.testing.assert_allclose(several.prox(np.r_[V.ravel(), 3, 4], 0.6), expected, rtol=1e-13)
    assert several.costless[-2:].all()
    assert several.unpenalised[-2:].all()


def test_rows_across():
    bound = Rows(l1_ratio=0.6).bind(0.5, 3, factor=np.array([1.0, 2.0, np.inf]))
    several = bound.across(2, n_free=2)
    W = np.array([[3.0, 1.0, 0.0], [4.0, -2.0, 0.0]])
    norms = 0.5 * 0.6 * (5 + 2 * np.sqrt(5))
    squares = 0.5 * 0.4 * (25 + 2 * 5) / 2
    assert several.value(np.r_[W.ravel(), 1, 1]) == pytest.approx(norms + squares, rel=1e-14)
    assert several.value(np.array([0, 0, 1e-9, 0, 0, 0, 0, 0])) == np.inf
    one = bound.across(1)
    for w in np.random.default_rng(0).normal(size=(5, 3)) * [1, 1, 0]:
        elastic = ElasticNet(0.6).bind(0.5, 3, factor=np.array([1.0, 2.0, np.inf]))
        assert one.value(w) == pytest.approx(elastic.value(w), rel=1e-14)
        assert bound.value(w) == pytest.approx(elastic.value(w), rel=1e-14)
        np.testing.assert_allclose(one.prox(w, 0.8), elastic.prox(w, 0.8), rtol=1e-13)


# --- Binding


GROUPS = ["b", "a", "b", "c", "a", "a"]


@pytest.mark.parametrize(
    "said",
    [
        GROUPS,
        [[1, 4, 5], [0, 2], [3]],
        [[5, 1, 4], [2, 0]],
        {"a": [1, 4, 5], "b": [2, 0]},
        np.array([7, 2, 7, 3, 2, 2]),
    ],
)
def test_one_penalty_said_in_five_ways(said):
    w = np.random.default_rng(0).normal(size=6)
    expected = 0.4 * (np.sqrt(2) * np.hypot(w[0], w[2]) + np.sqrt(3) * np.linalg.norm(w[[1, 4, 5]]) + abs(w[3]))
    assert Group(said).bind(0.4, 6).value(w) == pytest.approx(expected, rel=1e-14)
    mixed = SparseGroup(said, l1_ratio=0.25).bind(0.4, 6).value(w)
    assert mixed == pytest.approx(0.75 * expected + 0.25 * 0.4 * np.abs(w).sum(), rel=1e-14)


def test_weights_by_position_label_and_name():
    w = np.array([3.0, 0, 4, 0, 0, 2])

    def value(groups, weights):
        return Group(groups, weights=weights).bind(1.0, 6).value(w)

    assert value(GROUPS, [1.0, 10.0, 5.0]) == pytest.approx(2 + 50)  # labels sorted: a, b, c
    assert value(GROUPS, {"b": 10.0}) == pytest.approx(2 * np.sqrt(3) + 50)
    assert value([[0, 2], [5]], [10.0, 0.5]) == pytest.approx(50 + 1)
    assert value([[0, 2], [5]], {1: 0.5}) == pytest.approx(5 * np.sqrt(2) + 1)
    names = ["k_x", "v", "k_y", "u", "t", "s"]
    onehot = Group({"k": ["k_x", "k_y"]}, weights={"k": 2.0}).bind(1.0, 6, feature_names=names)
    assert onehot.value(w) == pytest.approx(10 + 2)


def test_units_go_inside_the_norms():
    sd, w = np.array([2.0, 0.5, 1.0]), np.array([1.0, 4.0, -3.0])
    bound = Group([[0, 1]], l2=0.5).bind(1.0, 3, scale=sd)
    expected = np.sqrt(2) * np.hypot(2, 2) + 3 + 0.25 * (4 + 4 + 9)
    assert bound.value(w) == pytest.approx(expected, rel=1e-14)


def test_what_is_empty_or_excluded_counts_in_the_size():
    """A weight must not depend on which columns happen to hold data, nor on which the user excludes."""
    full = Group([[0, 1, 2, 3]])
    w = np.array([1.0, 2.0])
    expected = 2 * np.sqrt(5)
    assert full.bind(1.0, 4, columns=np.array([1, 2])).value(w) == pytest.approx(expected)
    factor = np.array([np.inf, 1, 1, np.inf])
    assert full.bind(1.0, 4, factor=factor).value(np.r_[0, w, 0]) == pytest.approx(expected)


def test_groups_of_no_weight_are_free():
    bound = Group([[0, 1], [2]], weights=[0.0, 1.0]).bind(1.0, 3)
    np.testing.assert_array_equal(bound.unpenalised, [True, True, False])
    assert len(bound.block) == 3  # what no norm binds is a block of its own


def test_no_columns():
    bound = Group([[0, 1]]).bind(1.0, 2, columns=np.empty(0, dtype=np.int64))
    assert bound.value(np.empty(0)) == 0
    assert bound.null_alpha(np.empty(0)) == 0
    assert len(bound.prox(np.empty(0), 1.0)) == 0


@pytest.mark.parametrize(
    ("spec", "changes", "error", "match"),
    [
        (
            Group([[0, 1]]),
            {"factor": np.array([1.0, 2.0, 1.0])},
            ValueError,
            r"penalty_factor .*group 0 .*1\.0 and 2\.0",
        ),
        (Group([[0, 1]]), {"lower": -0.5}, ValueError, r"lower must be 0 or infinite.*-0\.5"),
        (SparseGroup([[0, 1]]), {"upper": 2.0}, ValueError, r"upper must be 0 or infinite.*2\.0"),
        (Group([[0, 1]], l2=-1.0), {}, ValueError, r"l2 must be >= 0.*-1\.0"),
        (Group([[0, 1]], l2="a"), {}, TypeError, "l2 must be a number"),
        (SparseGroup([[0, 1]], l1_ratio=1.5), {}, ValueError, r"l1_ratio must lie in \[0, 1\].*1\.5"),
        (Rows(l1_ratio=-0.1), {}, ValueError, r"l1_ratio must lie in \[0, 1\]"),
        (Group([[0, 1]], weights=[1.0, 2.0]), {}, ValueError, r"weights must hold one number for each of the 1 groups"),
        (Group([[0, 1]], weights=[-1.0]), {}, ValueError, "weights must be >= 0"),
        (Group([[0, 1]], weights={0: np.nan}), {}, ValueError, "weights must be >= 0"),
        (Group([0, 1]), {}, ValueError, "groups must hold 3 labels.*got 2"),
        (Group([[0, 3]]), {}, ValueError, "groups must list indices from 0 to 2; got 3"),
        (Group([[0, 1], [1]]), {}, ValueError, "groups must list a feature once.*x1"),
        (Group([["a"]]), {}, ValueError, "groups by feature name need X with feature names"),
        (
            Group([["a"]]),
            {"feature_names": list("bcd")},
            ValueError,
            r"groups names features that X does not have.*'a'",
        ),
        (Group("onehot"), {}, ValueError, "needs feature names"),
        (Group("onehot", weights=[1.0]), {"feature_names": ["k_a", "k_b", "u"]}, ValueError, "weights must be a dict"),
        (Group([]), {}, ValueError, "groups is empty"),
        (Group(3), {}, TypeError, "groups must be labels"),
        (Group([0.5, 1.0, 2.0]), {}, TypeError, "groups must hold labels.*float"),
    ],
)
def test_refused(spec, changes, error, match):
    with pytest.raises(error, match=match):
        spec.bind(1.0, 3, **changes)


def test_names_of_weights():
    """Of groups that are not there they are refused; of a group that is there, but has no data, they are not."""
    names = ["a", "b", "c"]
    with pytest.raises(ValueError, match="weights names groups that are not there.*nobody"):
        Group({"k": ["a", "b"]}, weights={"nobody": 2.0}).bind(1.0, 3, feature_names=names)
    with pytest.raises(ValueError, match="weights names groups"):
        Group(["u", "u", "v"], weights={"k": 2.0}).bind(1.0, 3)
    occupied = Group(["u", "u", "v"], weights={"v": 2.0}).bind(1.0, 3, columns=np.array([0, 1]))
    np.testing.assert_allclose(occupied.norm, [np.sqrt(2)])
    alone = Group([["a", "b"]], weights={"c": 3.0}).bind(1.0, 3, feature_names=names)
    np.testing.assert_allclose(np.sort(alone.norm), [np.sqrt(2), 3])


def test_weights_in_order():
    w = np.array([3.0, 4.0, 1.0])
    assert Group(weights=[1.0, 2.0, 5.0]).bind(1.0, 3).value(w) == 3 + 8 + 5
    assert Group({"z": [0, 1], "a": [2]}, weights=[1.0, 2.0]).bind(1.0, 3).value(w) == 5 + 2
    assert Group([{0, 1}, {2}], weights=[1.0, 2.0]).bind(1.0, 3).value(w) == 5 + 2
    assert Group(np.array(["z", "z", "a"]), weights=[1.0, 2.0]).bind(1.0, 3).value(w) == 10 + 1


@pytest.mark.parametrize(
    "spec", [Group(GROUPS, weights={"a": 2.0}, l2=0.1), SparseGroup(GROUPS, 0.2), Rows(0.3)], ids=str
)
def test_specs_are_cloned_whole(spec):
    other = clone(spec)
    assert other is not spec
    assert other.get_params() == spec.get_params()
    w = np.random.default_rng(0).normal(size=6)
    assert other.bind(1.0, 6).value(w) == spec.bind(1.0, 6).value(w)


def test_dual_ratio_at_any_size():
    """Against the oracle, by bisection, from tiny to huge gradients."""
    pen = make("norms, absolute values")
    blocks = [np.flatnonzero(g == LABELS) for g in range(5)]
    judge = block_oracles.BlockPenalty(blocks, pen.norm, pen.l1, pen.l2, pen.lower, pen.upper)
    for size in (1e-12, 1e-3, 1.0, 1e6, 1e12):
        for v in points(5, size):
            np.testing.assert_allclose(pen.dual_ratio(v), judge.dual_ratio(v), rtol=1e-9)


@every_penalty
@units
def test_a_homogeneous_penalty_has_the_indicator_of_its_dual_ratio_as_conjugate(name, scaled):
    pen = make(name, scaled)
    assert pen.homogeneous == (NAMES[name][2] == 0)
    if pen.homogeneous:
        for v in points():
            assert pen.value(2.0 * v) == pytest.approx(2.0 * pen.value(v))
            ratio = pen.dual_ratio(v)
            np.testing.assert_array_equal(pen.conjugate(v), np.where(ratio <= 1.0, 0.0, np.inf))

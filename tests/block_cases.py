"""The second case table, beside that of `helpers`: penalties on groups and rows, one output or several.

Every model x penalty occurs in two layouts; the other axes are chosen so that every pair of values occurs.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from functools import cached_property, lru_cache
from itertools import combinations, product

import block_oracles
import helpers
import numpy as np
from helpers import BOXED, CONSTANT, DUPLICATE, EXCLUDED, FREE, N_FEATURES, N_SAMPLES, ORIGINAL, SHIFTED, ZERO

from sparsereg.losses import Softmax, get_loss
from sparsereg.penalties import ElasticNet, Group, Rows, SparseGroup
from sparsereg.solvers import Problem, joint_problem

# A zero and a duplicated column in one group, a constant one in the next, an excluded one in the third.
GROUPS = [[8, ORIGINAL, ZERO, DUPLICATE], [SHIFTED, CONSTANT], [10, EXCLUDED, 11], [FREE], [9, BOXED]]
FACTORS = [1.5, 0.7, 2.0, 0.0, 1.0]

ONE_OUTPUT = tuple((loss, 1) for loss in helpers.AXES["loss"])
SEVERAL = (("softmax", 3), ("squared_error", 3), ("poisson", 2), ("huber", 2))

# What a user says, and the same for the oracle.
PENALTIES = {
    "group": (Group(GROUPS), {"kind": "group", "groups": GROUPS}),
    "group ridge": (Group(GROUPS, l2=0.3), {"kind": "group", "groups": GROUPS, "l2": 0.3}),
    "sparse group": (
        SparseGroup(GROUPS, l1_ratio=0.4),
        {"kind": "sparse_group", "groups": GROUPS, "l1_ratio": 0.4},
    ),
    "rows": (Rows(), {"kind": "rows", "l1_ratio": 1.0}),
    "rows ridge": (Rows(l1_ratio=0.7), {"kind": "rows", "l1_ratio": 0.7}),
    "l1": (ElasticNet(1.0), {"kind": "elasticnet", "l1_ratio": 1.0}),
    "elasticnet": (ElasticNet(0.7), {"kind": "elasticnet", "l1_ratio": 0.7}),
    "l2": (ElasticNet(0.0), {"kind": "elasticnet", "l1_ratio": 0.0}),
}
OF_GROUPS = tuple(PENALTIES)[:3]
PAIRS = [(model, penalty) for model in ONE_OUTPUT for penalty in OF_GROUPS] + list(product(SEVERAL, PENALTIES))

AXES = {
    "dtype": ("float32", "float64"),
    "fit_intercept": (True, False),
    "weighted": (False, True),
    "offset": (False, True),
    "standardize": (False, True),
    "extra": ("plain", "factor", "signs", "factor+signs"),
    "strength": ("strong", "weak"),
}


@dataclass(frozen=True)
class BlockCase:
    """One row of the table. A strong penalty with a kink leaves no support, a weak one a rich one."""

    model: tuple
    penalty: str
    layout: str
    dtype: str
    fit_intercept: bool
    weighted: bool
    offset: bool
    standardize: bool
    extra: str
    strength: str

    def __str__(self):
        flags = [f.name for f in fields(self) if getattr(self, f.name) is True]
        loss, n_outputs = self.model
        words = [loss, str(n_outputs), self.penalty, self.layout, self.dtype, *flags, self.extra, self.strength]
        return "-".join(words).replace(" ", "_")

    @cached_property
    def X(self):
        return helpers.with_layout(helpers.features().astype(self.dtype), self.layout)

    @cached_property
    def Y(self):
        return targets(*self.model)

    @cached_property
    def options(self):
        rng = np.random.default_rng(2)
        weight = np.where(np.arange(N_SAMPLES) % 17 == 3, 0, rng.uniform(0.3, 2, N_SAMPLES))
        offset = rng.normal(scale=0.3, size=self.Y.shape)
        options = {
            "sample_weight": weight if self.weighted else None,
            "offset": offset if self.offset else None,
            "fit_intercept": self.fit_intercept,
            "standardize": self.standardize,
            **extra_options(self.extra),
        }
        return {**options, "alpha": self._alpha(options)}

    def _alpha(self, options):
        if self.penalty == "l2":
            return 1.0 if self.strength == "strong" else 0.01
        unit = self._reference({**options, "alpha": 1.0})
        return (1.05 if self.strength == "strong" else 0.05) * block_oracles.null_alpha(unit, 1.0)

    def _reference(self, options):
        X = helpers.features().astype(self.dtype)
        return block_oracles.reference(X, self.Y, oracle_loss(self.model[0]), **PENALTIES[self.penalty][1], **options)

    @cached_property
    def reference(self):
        """The problem written out by the oracle."""
        return self._reference(self.options)

    def problem(self, **changes):
        """The problem as a user of `sparsereg.solvers` states it."""
        return problem_of(self.X, self.Y, self.model[0], PENALTIES[self.penalty][0], **{**self.options, **changes})


def problem_of(X, Y, loss, penalty, alpha, **options):
    """One output is a problem by itself, several are a joint one."""
    if Y.shape[1] > 1:
        loss = Softmax(Y.shape[1]) if loss == "softmax" else get_loss(helpers.loss_spec(loss))
        return joint_problem(X, Y, loss, penalty, alpha, **options)
    if options.get("offset") is not None:
        options["offset"] = options["offset"][:, 0]
    return Problem.from_data(X, Y[:, 0], helpers.loss_spec(loss), penalty, alpha, **options)


def oracle_loss(name):
    return block_oracles.make_loss(name, power=helpers.POWER, delta=helpers.DELTA)


@lru_cache
def targets(loss, n_outputs):
    """Targets with signal and noise: outputs share some features and differ in others."""
    if n_outputs == 1:
        return helpers.target(loss)[:, None]
    rng, X = np.random.default_rng(3), helpers.features()
    signal = 0.8 * X[:, ORIGINAL] - 0.6 * X[:, 11]
    eta = np.stack([(-1) ** k * signal + 0.7 * X[:, 7 + k] for k in range(n_outputs)], axis=1)
    if loss == "softmax":
        labels = np.argmax(1.5 * eta + rng.gumbel(size=eta.shape), axis=1)
        return (labels[:, None] == np.arange(n_outputs)).astype(float)
    return np.stack([helpers.draw(rng, loss, e) for e in eta.T], axis=1)


def extra_options(extra):
    """Penalty factors with 0 for a group and inf inside one; signs for some."""
    options = {}
    if "factor" in extra:
        factor = np.ones(N_FEATURES)
        for group, f in zip(GROUPS, FACTORS, strict=True):
            factor[group] = f
        factor[EXCLUDED] = np.inf
        options["penalty_factor"] = factor
    if "signs" in extra:
        options["lower"], options["upper"] = np.full(N_FEATURES, -np.inf), np.full(N_FEATURES, np.inf)
        options["lower"][[ORIGINAL, BOXED, 8]] = 0
        options["upper"][[10, 11]] = 0
    return options


def _pairs(row):
    return set(combinations(enumerate(row), 2))


def make_cases(seed=0):
    """Every pair in two layouts; the other axes chosen to cover all pairs of values early, then at random."""
    rng = np.random.default_rng(seed)
    layouts = helpers.AXES["layout"]
    models, penalties = ONE_OUTPUT + SEVERAL, list(PENALTIES)
    firm = [
        (model, penalty, layouts[(models.index(model) + penalties.index(penalty) + 2 * half) % 4])
        for model, penalty in PAIRS
        for half in range(2)
    ]
    covered, cases = set(), []
    for k in rng.permutation(len(firm)):
        fixed = firm[k]
        candidates = [(*fixed, *(v[rng.integers(len(v))] for v in AXES.values())) for _ in range(30)]
        row = max(candidates, key=lambda candidate: len(_pairs(candidate) - covered))
        covered |= _pairs(row)
        cases.append(BlockCase(*row))
    return sorted(cases, key=str)


CASES = make_cases()


def uncovered_pairs(cases=CASES):
    """Pairs of values of two axes, beside those of model and penalty, that no case has."""
    axes = [ONE_OUTPUT + SEVERAL, tuple(PENALTIES), helpers.AXES["layout"], *AXES.values()]
    everything = set()
    for (i, first), (j, second) in combinations(enumerate(axes), 2):
        if (i, j) != (0, 1):
            everything |= {((i, a), (j, b)) for a, b in product(first, second)}
    return everything - set().union(*(_pairs(astuple(case)) for case in cases))


# One case of each model x penalty.
FIRST = list({(case.model, case.penalty): case for case in CASES}.values())

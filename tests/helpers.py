"""The case table: which problems every solver is tested on, and how their data are made.

The full product of the axes has 28672 rows. `CASES` keeps every loss x penalty x layout; the other axes are
chosen greedily, so that every pair of values of any two axes occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields, replace
from functools import cached_property, lru_cache
from itertools import combinations, product

import numpy as np
import oracles
from scipy import sparse
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import (
    GammaRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC

from sparsereg.losses import Huber, Tweedie
from sparsereg.penalties import ElasticNet

POWER, DELTA, L1_RATIO = 1.3, 0.8, 0.7  # not the defaults and not symmetric: a swapped formula shows

AXES = {
    "loss": ("squared_error", "log_loss", "poisson", "gamma", "tweedie", "huber", "squared_hinge"),
    "penalty": ("l1", "l2", "elasticnet", None),
    "layout": ("C", "F", "csc", "csr"),
    "dtype": ("float32", "float64"),
    "fit_intercept": (True, False),
    "weighted": (False, True),
    "offset": (False, True),
    "standardize": (False, True),
    "extra": ("plain", "factor", "bounds", "factor+bounds"),
    "strength": ("strong", "weak"),
}

# Columns that every case has, and what the extras do to some of them.
ZERO, CONSTANT, ORIGINAL, DUPLICATE, SHIFTED, FREE, EXCLUDED, BOXED = range(8)
N_SAMPLES, N_FEATURES = 50, 12


@dataclass(frozen=True)
class Case:
    """One row of the table. A strong penalty with a kink leaves no support, a weak one a rich one."""

    loss: str
    penalty: str | None
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
        words = [self.loss, str(self.penalty), self.layout, self.dtype, *flags, self.extra, self.strength]
        return "-".join(words)

    @cached_property
    def X(self):
        return with_layout(features().astype(self.dtype), self.layout)

    @cached_property
    def y(self):
        return target(self.loss)

    @cached_property
    def options(self):
        """What `Problem.from_data` and `oracles.reference` both take, `alpha` included."""
        rng = np.random.default_rng(2)
        weight = np.where(np.arange(N_SAMPLES) % 17 == 3, 0, rng.uniform(0.3, 2, N_SAMPLES))
        offset = rng.normal(scale=0.3, size=N_SAMPLES)
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
        if self.penalty is None:
            return 1.0
        unit = self._reference({**options, "alpha": 1.0})
        return (1.05 if self.strength == "strong" else 0.03) * oracles.null_alpha(unit, 1.0)

    def _reference(self, options):
        X = features().astype(self.dtype)
        return oracles.reference(X, self.y, oracle_loss(self.loss), self.penalty, l1_ratio=L1_RATIO, **options)

    @cached_property
    def reference(self):
        """The problem written out by the oracle."""
        return self._reference(self.options)

    @cached_property
    def optimum(self):
        """The oracle's own minimiser."""
        return oracles.minimise(self.reference)

    def with_options(self, **changes):
        """The problem written out with other options."""
        return self._reference({**self.options, **changes})

    def with_dtype(self, dtype):
        """The same row of the table in another precision."""
        return replace(self, dtype=dtype)

    @property
    def loss_spec(self):
        return loss_spec(self.loss)

    @property
    def penalty_spec(self):
        return penalty_spec(self.penalty)


def oracle_loss(name):
    """The oracle's loss of this name, with the parameters of this table."""
    return oracles.make_loss(name, power=POWER, delta=DELTA)


def loss_spec(name):
    """What a user gives as `loss`, with the parameters of this table."""
    return {"tweedie": Tweedie(POWER), "huber": Huber(DELTA)}.get(name, name)


def penalty_spec(name):
    """What a user gives as `penalty`, with the parameters of this table."""
    return ElasticNet(L1_RATIO) if name == "elasticnet" else name


def _pairs(row):
    return set(combinations(enumerate(row), 2))


def make_cases(seed=0):
    """Every loss x penalty x layout; the other axes chosen to cover all pairs early, then at random."""
    rng = np.random.default_rng(seed)
    firm = list(product(*list(AXES.values())[:3]))
    loose = list(AXES.values())[3:]
    rng.shuffle(firm)
    covered, cases = set(), []
    for fixed in firm:
        candidates = [(*fixed, *(values[rng.integers(len(values))] for values in loose)) for _ in range(30)]
        row = max(candidates, key=lambda candidate: len(_pairs(candidate) - covered))
        covered |= _pairs(row)
        cases.append(Case(*row))
    return sorted(cases, key=str)


CASES = make_cases()

# One case of each loss x penalty, the layouts in turn.
_BY_KEY = {(case.loss, case.penalty, case.layout): case for case in CASES}
PAIRS = [
    _BY_KEY[(*pair, AXES["layout"][(k + k // 4) % 4])] for k, pair in enumerate(product(AXES["loss"], AXES["penalty"]))
]


def uncovered_pairs(cases=CASES):
    """Pairs of values of two axes that no case has."""
    everything = set()
    for (i, first), (j, second) in combinations(enumerate(AXES.values()), 2):
        everything |= {((i, a), (j, b)) for a, b in product(first, second)}
    return everything - set().union(*(_pairs(astuple(case)) for case in cases))


def extra_options(extra):
    """Penalty factors with 0 and inf; bounds on one side, on both, and at zero."""
    options = {}
    if "factor" in extra:
        factor = np.linspace(0.5, 2, N_FEATURES)
        factor[[FREE, EXCLUDED]] = 0, np.inf
        options["penalty_factor"] = factor
    if "bounds" in extra:
        lower, upper = np.full(N_FEATURES, -np.inf), np.full(N_FEATURES, np.inf)
        lower[[ORIGINAL, BOXED, 8, 9]] = 0, -0.05, 0, -0.1
        upper[[BOXED, 9, 10]] = 0.05, 0.3, 0.0
        options["lower"], options["upper"] = lower, upper
    if extra == "factor+bounds":
        options["penalty_factor"][BOXED] = 0  # unpenalised, but held by a box
    return options


@lru_cache
def features():
    """Dense columns, sparse ones, and the awkward ones: zero, constant, duplicated, far from centred."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)) * (rng.random((N_SAMPLES, N_FEATURES)) < 0.4)
    X[:, [ORIGINAL, 11]] = rng.normal(size=(N_SAMPLES, 2))
    X[:, ZERO] = 0
    X[:, CONSTANT] = 0.3
    X[:, DUPLICATE] = X[:, ORIGINAL]
    X[:, SHIFTED] = 4 + rng.normal(size=N_SAMPLES)
    X.setflags(write=False)
    return X


@lru_cache
def target(loss):
    """A target with signal and noise, for which the minimum is finite without a penalty."""
    rng = np.random.default_rng(1)
    X = features()
    eta = 0.8 * X[:, ORIGINAL] - 0.6 * X[:, 11] + 0.5 * X[:, BOXED] - 0.7 * X[:, 8] + 0.5 * X[:, FREE]
    return draw(rng, loss, eta)


def draw(rng, loss, eta):
    """One target per linear predictor, from the family that the loss belongs to."""
    n = len(eta)
    if loss in ("squared_error", "huber"):
        return eta + 0.5 * rng.standard_t(3, size=n)
    if loss in ("log_loss", "squared_hinge"):
        return (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    if loss == "poisson":
        return rng.poisson(np.exp(eta)).astype(float)
    positive = np.exp(eta) * rng.gamma(2.0, size=n) / 2 + 0.01
    return positive * (rng.random(n) < 0.8) if loss == "tweedie" else positive


def with_layout(X, layout):
    """X as the caller stores it. Both index types and both families of containers occur."""
    if layout in ("C", "F"):
        return np.array(X, order=layout)
    if layout == "csc":
        return sparse.csc_array(X) if X.dtype == np.float64 else sparse.csc_matrix(X)
    if X.dtype == np.float32:
        return sparse.csr_matrix(X)
    csr = sparse.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


@dataclass(frozen=True)
class Peer:
    """A scikit-learn estimator that minimises our objective, with the translation of alpha written out.

    `make` gets our alpha and the sum of the weights S. Our objective is the mean loss plus the penalty.
    """

    make: Callable
    loss: str
    penalty: str
    fit_intercept: bool = True
    precision: float = 1e-7  # of its coefficients, as tight as its solver can be made

    def estimator(self, alpha, total):
        return self.make(alpha, total).set_params(fit_intercept=self.fit_intercept)


PEERS = {
    # 1/(2S) sum s r^2 + alpha |w|_1: ours.
    "Lasso": Peer(lambda a, S: Lasso(alpha=a, tol=1e-13, max_iter=100_000), "squared_error", "l1"),
    # ... + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) / 2 |w|^2: ours.
    "ElasticNet": Peer(
        lambda a, S: SklearnElasticNet(alpha=a, l1_ratio=L1_RATIO, tol=1e-13, max_iter=100_000),
        "squared_error",
        "elasticnet",
    ),
    # sum s r^2 + alpha_R |w|^2, divided by 2S: alpha_R = alpha S.
    "Ridge": Peer(lambda a, S: Ridge(alpha=a * S, solver="cholesky"), "squared_error", "l2"),
    # C sum s loss + |w|_1, divided by C S: C = 1 / (alpha S).
    "LogisticRegression l1": Peer(
        lambda a, S: LogisticRegression(
            l1_ratio=1, C=1 / (a * S), solver="saga", tol=1e-9, max_iter=100_000, random_state=0
        ),
        "log_loss",
        "l1",
        precision=1e-5,
    ),
    # C sum s loss + |w|^2 / 2: the same C.
    "LogisticRegression l2": Peer(
        lambda a, S: LogisticRegression(C=1 / (a * S), solver="newton-cholesky", tol=1e-10), "log_loss", "l2"
    ),
    # (1/S) sum s half deviance + alpha / 2 |w|^2: ours up to a constant.
    "PoissonRegressor": Peer(
        lambda a, S: PoissonRegressor(alpha=a, solver="newton-cholesky", tol=1e-10), "poisson", "l2"
    ),
    "GammaRegressor": Peer(lambda a, S: GammaRegressor(alpha=a, solver="newton-cholesky", tol=1e-10), "gamma", "l2"),
    "TweedieRegressor": Peer(
        lambda a, S: TweedieRegressor(alpha=a, power=POWER, link="log", solver="newton-cholesky", tol=1e-10),
        "tweedie",
        "l2",
    ),
    # C sum s loss + |w|^2 / 2, or + |w|_1: C = 1 / (alpha S). Its intercept would be penalised: none.
    "LinearSVC l2": Peer(
        lambda a, S: LinearSVC(C=1 / (a * S), dual=False, tol=1e-12, max_iter=100_000, random_state=0),
        "squared_hinge",
        "l2",
        fit_intercept=False,
    ),
    "LinearSVC l1": Peer(
        lambda a, S: LinearSVC(C=1 / (a * S), penalty="l1", dual=False, tol=1e-10, max_iter=100_000, random_state=0),
        "squared_hinge",
        "l1",
        fit_intercept=False,
    ),
}
# HuberRegressor is absent: it estimates a scale beside the coefficients.


def peer_problem(peer):
    """Data without the columns that make the minimum a set; weights; an alpha with part of the support."""
    X = np.delete(features(), [ZERO, CONSTANT, DUPLICATE], axis=1)
    weight = np.random.default_rng(4).uniform(0.3, 2, N_SAMPLES)
    return X, target(peer.loss), {"sample_weight": weight, "fit_intercept": peer.fit_intercept}, 0.05

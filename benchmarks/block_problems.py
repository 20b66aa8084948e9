"""The problems of blocks: groups of features, tasks that share features, classes; see problems.py for the others.

A name is data-penalty: `group` (groups of features), `rows` (a feature for all outputs or none), `l1`.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from block_judge import alpha_max
from problems import SHARED, autoregressive, sparse_file, tfidf
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder


@dataclass(frozen=True)
class BlockProblem:
    """Minimise sum_i s_i f(y_i, W' x_i + b) + alpha sum_B k_B |W_B|_2 for all alphas; b is free.

    X is Fortran-ordered or CSC; Y has a column for each output; `labels`, of the shape of W, numbers the blocks, and
    `weights` are the k_B. `starts`: the first column of each group of features, one after the other; `names`: those of
    one-hot columns.
    """

    name: str
    X: np.ndarray | sp.csc_matrix
    Y: np.ndarray
    loss: str
    penalty: str
    s: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    alphas: np.ndarray
    names: np.ndarray | None = None
    fit_intercept = True

    @property
    def sizes(self):
        """The number of features of each group."""
        return np.diff(self.starts, append=self.X.shape[1])

    @property
    def group_labels(self):
        """The group of each feature."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @property
    def y(self):
        """The response as estimators want it: one-dimensional for one output, class numbers for classes."""
        if self.loss == "softmax":
            return self.Y.argmax(axis=1)
        return self.Y[:, 0] if self.Y.shape[1] == 1 else self.Y

    def shrunk(self, n_samples=60, n_features=40):
        """Return a small problem of the same types, to compile and warm up on."""
        n_outputs = self.Y.shape[1]
        every = max(1, self.X.shape[0] // max(n_samples, 3 * n_outputs))
        X = self.X[::every]
        if self.penalty != "group":  # the longest columns: others may be empty here
            X = X[:, np.argsort(-np.asarray(abs(X).sum(axis=0)).ravel())]
        X = X[:, :n_features]
        X = X.tocsc() if sp.issparse(X) else np.asfortranarray(X)
        numbers = np.arange(X.shape[0])[:, None]
        Y = (numbers % max(n_outputs, 2) == np.arange(n_outputs)).astype(float)
        starts, names = self.starts[self.starts < X.shape[1]], None if self.names is None else self.names[:n_features]
        return made("warm-up", X, Y, self.loss, self.penalty, starts=starts, names=names, n_alphas=3)


def made(name, X, Y, loss, penalty, s=None, starts=None, names=None, n_alphas=50, lowest=20):
    """Return the problem of these data: n_alphas from alpha_max to alpha_max / lowest."""
    shape = X.shape[1], Y.shape[1]
    starts = np.arange(X.shape[1]) if starts is None else starts
    sizes = np.diff(starts, append=X.shape[1])
    columns = np.arange(X.shape[1])
    if penalty == "group":
        labels, weights = np.repeat(np.arange(len(starts)), sizes)[:, None], np.sqrt(sizes)
    elif penalty == "rows":
        labels, weights = np.broadcast_to(columns[:, None], shape), np.ones(shape[0])
    else:
        labels, weights = np.arange(shape[0] * shape[1]).reshape(shape), np.ones(shape[0] * shape[1])
    s = np.ones(X.shape[0]) if s is None else s
    problem = BlockProblem(name, X, Y, loss, penalty, s / s.sum(), starts, labels, weights, np.ones(1), names)
    return replace(problem, alphas=np.geomspace(1, 1 / lowest, n_alphas) * alpha_max(problem))


def names():
    """Return the names of the problems that can be had here, and a message for each data set that cannot."""
    found, missing = [], []
    for data, (_, penalties, path) in DATA.items():
        if path and not (SHARED / path).exists():
            missing.append(f"{data}: skipped, no {SHARED / path}")
        else:
            found += [f"{data}-{penalty}" for penalty in penalties]
    return found, missing


def load(name):
    """Build the problem of this name."""
    data, penalty = name.rsplit("-", 1)
    make, _, path = DATA[data]
    return made(name, penalty=penalty, **(make(SHARED / path) if path else make()))


def groups(n_samples=1_000, n_groups=2_000, n_relevant=20, seed=4):
    """Return dense data in groups of 5 to 20 features, corr(x_j, x_k) = 0.9^|j - k|, signal to noise 3 (sd)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 21, n_groups)
    X, _ = autoregressive(n_samples, sizes.sum(), 0.9, 1, seed)("squared")
    starts = np.cumsum(sizes) - sizes
    relevant = np.isin(np.repeat(np.arange(n_groups), sizes), rng.choice(n_groups, n_relevant, replace=False))
    signal = X[:, relevant] @ rng.standard_normal(relevant.sum())
    y = 3 * signal / signal.std() + rng.standard_normal(n_samples)
    return {"X": X, "Y": y[:, None], "loss": "squared", "starts": starts}


def tasks(n_samples=500, n_features=5_000, n_tasks=20, n_relevant=50, seed=5):
    """Return dense data, corr(x_j, x_k) = 0.9^|j - k|, and tasks that share their relevant features."""
    rng = np.random.default_rng(seed)
    X, _ = autoregressive(n_samples, n_features, 0.9, 1, seed)("squared")
    relevant = rng.choice(n_features, n_relevant, replace=False)
    signal = X[:, relevant] @ rng.standard_normal((n_relevant, n_tasks))
    return {"X": X, "Y": 3 * signal / signal.std(0) + rng.standard_normal(signal.shape), "loss": "squared"}


def claims(path):
    """Return French motor claims: the yearly rate, weighted by exposure, on one-hot columns, a group per variable.

    For log-linear means that is the count with the log of the exposure as offset, divided by the sum of exposures.
    """
    table = pd.read_csv(path)
    exposure = table["Exposure"].clip(upper=1.0).to_numpy()
    cells = pd.DataFrame({name: table[name].clip(upper=most) for name, most in HIGHEST.items()})
    bins = KBinsDiscretizer(20, encode="ordinal", strategy="quantile", quantile_method="averaged_inverted_cdf")
    cells["Density"] = bins.fit_transform(table[["Density"]]).ravel()
    cells = cells.join(table[["Area", "Region", "VehBrand", "VehGas"]])
    encoder = OneHotEncoder()
    X = encoder.fit_transform(cells).tocsc()
    sizes = np.array([len(levels) for levels in encoder.categories_])
    rate = table["ClaimNb"].clip(upper=4).to_numpy() / exposure
    data = {"X": X, "Y": rate[:, None], "s": exposure, "names": encoder.get_feature_names_out()}
    return data | {"loss": "poisson", "starts": np.cumsum(sizes) - sizes}


HIGHEST = {"VehPower": 15, "VehAge": 25, "DrivAge": 90, "BonusMalus": 150}


def news20(path):
    """Return tf-idf of the newsgroups, 20 classes; 20 alphas."""
    X, y = sparse_file(path)
    return {"X": tfidf(X), "Y": one_hot(y), "loss": "softmax", "n_alphas": 20}


def mnist(path):
    """Return grey values from 0 to 1, 10 digits."""
    X, y = sparse_file(path)
    return {"X": X / 255, "Y": one_hot(y), "loss": "softmax"}


def khan(path):
    """Return standardised gene expressions, 4 classes of tumours."""
    with np.load(path) as file:
        X, y = file["X"].astype(np.float64), file["y"]
    return {"X": np.asfortranarray((X - X.mean(0)) / X.std(0)), "Y": one_hot(y), "loss": "softmax"}


def one_hot(y):
    """Return a column of zeros and ones for each class."""
    return (y[:, None] == np.unique(y)).astype(float)


DATA = {  # name: maker, penalties, file
    "groups": (groups, ("group",), None),
    "claims": (claims, ("group",), "freMTPL2freq.csv.gz"),
    "tasks": (tasks, ("rows",), None),
    "khan": (khan, ("l1", "rows"), "gene_khan.dense.npz"),
    "mnist5k": (mnist, ("l1", "rows"), "mnist5k.npz"),
    "news20": (news20, ("l1", "rows"), "news20_counts.npz"),
}

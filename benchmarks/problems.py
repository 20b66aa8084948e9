"""The problems: synthetic ones with fixed seeds, real ones from ../shared/data (skipped where it is missing).

A problem's name is data-loss-strength: `toep-squared-100` is the Lasso on `toep` at alpha = alpha_max / 100.
`path` for the strength is the whole path of `grid`, alpha_max to alpha_max / 100. A last `-nointercept` marks the
rows for peers that cannot leave an intercept unpenalised.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from judge import alpha_max
from scipy.signal import lfilter
from scipy.special import expit
from sklearn.datasets import load_diabetes
from sklearn.feature_extraction.text import TfidfTransformer

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LOSSES = {"squared": "squared_error", "logistic": "log_loss"}
STRENGTHS = ("10", "100")
PATH = "path"
N_ALPHAS, LOWEST = 100, 100  # of a path: alpha_max / 100 is its last


@dataclass(frozen=True)
class Problem:
    """Minimise mean loss + alpha * |w|_1; X is Fortran-ordered or CSC, as coordinate descent likes it."""

    name: str
    X: np.ndarray | sp.csc_matrix
    y: np.ndarray
    loss: str
    alpha: float
    fit_intercept: bool

    def dense(self):
        """Return the same problem with a dense X."""
        return replace(self, X=self.X.toarray(order="F")) if sp.issparse(self.X) else self

    def shrunk(self, size=40):
        """Return a small problem of the same types, to compile and warm up on."""
        X = self.X[:: max(1, self.X.shape[0] // size)][:, :: max(1, self.X.shape[1] // size)]
        X = X.tocsc() if sp.issparse(X) else np.asfortranarray(X)
        y = np.resize([-1.0, 1.0], X.shape[0])
        return Problem("warm-up", X, y, self.loss, self.alpha, self.fit_intercept)


def names(strengths=STRENGTHS):
    """Return the names of the problems that can be had here, and a message for each data set that cannot."""
    found, missing = [], []
    for data, (losses, _, path) in DATA.items():
        if path and not (SHARED / path).exists():
            missing.append(f"{data}: skipped, no {SHARED / path}")
            continue
        found += [f"{data}-{loss}-{strength}" for loss in losses for strength in strengths]
        if path and "logistic" in losses:
            found += [f"{data}-logistic-{strength}-nointercept" for strength in strengths]
    return found, missing


def load(name):
    """Build the problem of this name."""
    data, loss, strength, *rest = name.split("-")
    X, y = DATA[data][1](loss) if DATA[data][2] is None else DATA[data][1](SHARED / DATA[data][2])
    fit_intercept = not rest
    alpha = alpha_max(LOSSES[loss], X, y, fit_intercept) / (LOWEST if strength == PATH else int(strength))
    return Problem(name, X, y, LOSSES[loss], alpha, fit_intercept)


def grid(problem):
    """Return the strengths of the path that ends at the problem's own."""
    return np.geomspace(LOWEST * problem.alpha, problem.alpha, N_ALPHAS)


def autoregressive(n_samples, n_features, correlation, n_relevant, seed):
    """Return a maker of dense Gaussian data, corr(x_j, x_k) = correlation^|j - k|."""

    def make(loss):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((n_features, n_samples))
        noise[1:] *= np.sqrt(1 - correlation**2)
        X = lfilter([1], [1, -correlation], noise, axis=0).T  # the transpose is Fortran-ordered
        return X, response(X, np.arange(n_features), n_relevant, loss, rng)

    return make


def zipf_text(loss, n_samples=20_000, n_features=60_503, n_relevant=300, seed=3):
    """Return tf-idf of random documents: words by Zipf's law, lengths log-normal, columns in random order."""
    rng = np.random.default_rng(seed)
    frequency = 1 / (np.arange(n_features) + 5.0) ** 1.05
    lengths = np.clip(rng.lognormal(np.log(90), 0.6, n_samples), 10, 1000).astype(int)
    words = rng.choice(n_features, lengths.sum(), p=frequency / frequency.sum())
    words = rng.permutation(n_features)[words]
    documents = np.repeat(np.arange(n_samples), lengths)
    counts = sp.csr_matrix((np.ones(len(words)), (documents, words)), (n_samples, n_features))
    X = tfidf(counts)
    common = np.flatnonzero(np.diff(X.indptr) >= n_samples // 400)
    return X, response(X, common, n_relevant, loss, rng)


def response(X, candidates, n_relevant, loss, rng):
    """Return y from `n_relevant` true coefficients: signal to noise 3 (sd), or labels drawn at their odds."""
    relevant = rng.choice(candidates, n_relevant, replace=False)
    eta = X[:, relevant] @ rng.standard_normal(n_relevant)
    eta = 3 * (eta - eta.mean()) / eta.std()
    if loss == "squared":
        return eta + rng.standard_normal(len(eta))
    return np.where(rng.random(len(eta)) < expit(eta), 1.0, -1.0)


def diabetes(_):
    """Return scikit-learn's diabetes data: 442 x 10, where overhead is all there is."""
    return load_diabetes(return_X_y=True)


def sparse_file(path):
    """Return a sparse matrix from the shared data, and its labels -1 and 1."""
    y = np.load(path.with_suffix(".y.npy"))
    return sp.load_npz(path).astype(np.float64).tocsc(), y.astype(np.float64)


def news20(path, topic=14):
    """Return tf-idf of the newsgroups; topic 14, sci.space, against the rest."""
    X, y = sparse_file(path)
    return tfidf(X), np.where(y == topic, 1.0, -1.0)


def riboflavin(path):
    """Return expression levels as they are: means around 7, far from centred."""
    with np.load(path) as file:
        return np.asfortranarray(file["X"], dtype=np.float64), file["y"]


def golub(path):
    """Return standardised gene expressions, AML against ALL."""
    with np.load(path) as file:
        X, y = file["X"].astype(np.float64), file["y"]
    return np.asfortranarray((X - X.mean(0)) / X.std(0)), np.where(y == "AML", 1.0, -1.0)


def tfidf(counts):
    """Return log-idf weights with rows of unit length, as CSC."""
    return TfidfTransformer().fit_transform(counts).tocsc()


BOTH = ("squared", "logistic")
DATA = {  # name: losses, maker, file (a maker gets the loss, or the path of its file)
    "diabetes": (("squared",), diabetes, None),
    "toep": (BOTH, autoregressive(1_000, 10_000, 0.9, 100, seed=0), None),
    "gene": (BOTH, autoregressive(150, 20_000, 0.95, 30, seed=1), None),
    "tall": (BOTH, autoregressive(100_000, 200, 0.9, 50, seed=2), None),
    "text": (BOTH, zipf_text, None),
    "rcv1_small": (BOTH, sparse_file, "rcv1_small.npz"),
    "a9a": (BOTH, sparse_file, "a9a.npz"),
    "news20": (BOTH, news20, "news20_counts.npz"),
    "riboflavin": (("squared",), riboflavin, "riboflavin.dense.npz"),
    "golub": (BOTH, golub, "gene_golub.dense.npz"),
}

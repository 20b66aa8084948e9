"""Fitted linear models with given weights, without a fit: any weights, any kind, in no time."""

from copy import copy
from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, SGDClassifier
from sklearn.svm import LinearSVC

KINDS = ("linear", "two outputs", "poisson", "binary", "multinomial", "one against the rest", "no probabilities")
OUTPUTS = {"two outputs": 2, "multinomial": 3, "one against the rest": 3}


@lru_cache
def poisson():
    """A fitted model, for what it keeps beside its weights."""
    return PoissonRegressor().fit([[0.0], [1.0]], [1.0, 2.0])


def model_of(kind, W, b):
    """A scikit-learn model of a kind with weights W (n_outputs, n_features) and intercepts b."""
    if kind == "linear":
        model = LinearRegression()
        W, b = W[0], b[0]
    elif kind == "two outputs":
        model = LinearRegression()
    elif kind == "poisson":
        model = copy(poisson())
        W, b = W[0], b[0]
    elif kind in ("binary", "multinomial"):
        model = LogisticRegression()
    elif kind == "one against the rest":
        model = SGDClassifier(loss="log_loss")
    else:
        model = LinearSVC()
    if kind in ("binary", "multinomial", "one against the rest", "no probabilities"):
        model.classes_ = np.arange(max(2, len(W)))
    model.coef_, model.intercept_, model.n_features_in_ = W, b, np.shape(W)[-1]
    return model


def predictor(kind, W, b, X):
    """What such a model predicts, in naive numpy: (n_samples, n_responses)."""
    X = X.toarray() if sparse.issparse(X) else X
    eta = X @ W.T + b
    if kind == "poisson":
        return np.exp(eta)
    if kind == "binary":
        return np.hstack([expit(-eta), expit(eta)])
    if kind == "multinomial":
        return softmax(eta, axis=1)
    if kind == "one against the rest":
        p = expit(eta)
        return p / p.sum(axis=1, keepdims=True)
    return eta


def random_case(seed, kind, n=30, p=12, density=0.6, layout="dense"):
    """Random weights, intercepts and rows; some columns are zero, some weights too."""
    rng = np.random.default_rng(seed)
    K = OUTPUTS.get(kind, 1)
    W = rng.standard_normal((K, p)) * (rng.random((K, p)) < 0.8) * rng.choice([0.01, 0.3, 1.0], (K, p))
    b = rng.standard_normal(K)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < density) * (np.arange(p) != p // 2)
    return W, b, {"dense": np.asarray, "csr": sparse.csr_array, "csc": sparse.csc_matrix}[layout](X)

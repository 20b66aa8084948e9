"""The solvers, ours and the peers: `prepare(name, problem)` returns `fit`; `fit(tol)` returns (w, seconds).

Only `fit` is timed: the data lie in the layout that the peer likes, imports and compilation are done before.
The harness tightens `tol` until the judge is content, so its meaning may differ from peer to peer; iterations are
unlimited.
"""

import os
import subprocess
import tempfile
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import scipy.sparse as sp
from judge import alpha_max

UNLIMITED = 1_000_000
now = process_time if os.environ.get("BENCHMARK_CLOCK") == "cpu" else perf_counter  # set by run.py --clock


class UnsupportedError(Exception):
    """A solver has no answer to a problem, for the reason given."""


def sparsereg(problem):
    """Ours; its `tol` has the judge's own meaning."""
    from sparsereg import SparseClassifier, SparseRegressor

    model = SparseRegressor if problem.loss == "squared_error" else SparseClassifier
    options = {"alpha": problem.alpha, "fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED}
    return timed(lambda tol: model(tol=tol, **options), problem.X, problem.y)


def sklearn(problem):
    """Return scikit-learn's Lasso; for logistic loss see `liblinear` and `saga`."""
    from sklearn.linear_model import Lasso

    require(problem.loss == "squared_error", "for logistic loss see liblinear and saga")
    options = {"alpha": problem.alpha, "fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED}
    return timed(lambda tol: Lasso(tol=tol, **options), problem.X, problem.y)


def sklearn_gram(problem):
    """Return scikit-learn's Lasso on the Gram matrix of all features, its choice for tall data."""
    from sklearn.linear_model import Lasso

    require(problem.loss == "squared_error", "a Gram matrix serves squared loss only")
    require(problem.X.shape[1] <= min(2_000, problem.X.shape[0]), "a Gram matrix of all features pays when tall")
    options = {"alpha": problem.alpha, "fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED}
    return timed(lambda tol: Lasso(tol=tol, precompute=True, **options), problem.X, problem.y)


def liblinear(problem):
    """Return scikit-learn's LogisticRegression by liblinear."""
    require(problem.loss == "log_loss", "logistic loss only")
    require(not problem.fit_intercept, "it penalises the intercept; see the -nointercept rows")
    return logistic_regression(problem, "liblinear")


def saga(problem):
    """Return scikit-learn's LogisticRegression by SAGA."""
    require(problem.loss == "log_loss", "logistic loss only")
    return logistic_regression(problem, "saga")


def logistic_regression(problem, solver):
    """Hand the rows over as rows, as both solvers want them; their C multiplies the sum of the losses."""
    from sklearn.linear_model import LogisticRegression

    X = problem.X.tocsr() if sp.issparse(problem.X) else np.ascontiguousarray(problem.X)
    options = {"C": 1 / (problem.alpha * len(problem.y)), "l1_ratio": 1.0, "solver": solver}
    options |= {"fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED, "random_state": 0}
    return timed(lambda tol: LogisticRegression(tol=tol, **options), X, problem.y)


def celer(problem):
    """Celer: working sets with dual extrapolation; prox-Newton inside for logistic loss."""
    import celer as peer

    options = {"fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED, "max_epochs": UNLIMITED}
    if problem.loss == "squared_error":
        return timed(lambda tol: peer.Lasso(alpha=problem.alpha, tol=tol, **options), problem.X, problem.y)
    require(not problem.fit_intercept, "its logistic regression has no intercept; see the -nointercept rows")
    C = 1 / (problem.alpha * len(problem.y))
    return timed(lambda tol: peer.LogisticRegression(C=C, tol=tol, **options), problem.X, problem.y)


def skglm(problem):
    """Skglm: AndersonCD for squared loss, ProxNewton for logistic loss. Its tol is absolute."""
    from skglm import Lasso, SparseLogisticRegression

    model = Lasso if problem.loss == "squared_error" else SparseLogisticRegression
    unit = alpha_max(problem.loss, problem.X, problem.y, problem.fit_intercept)
    options = {"alpha": problem.alpha, "fit_intercept": problem.fit_intercept}
    options |= {"max_iter": UNLIMITED, "max_epochs": UNLIMITED}
    return timed(lambda tol: model(tol=tol * unit, **options), problem.X, problem.y)


def skglm_centred(problem):
    """Skglm on data centred by hand (timed): its own intercept is slow where columns are far from 0."""
    from skglm import Lasso

    X, y, dense = problem.X, problem.y, not sp.issparse(problem.X)
    require(problem.loss == "squared_error" and dense, "only squared loss on dense data can be centred")
    unit = alpha_max(problem.loss, X, y)
    options = {"alpha": problem.alpha, "fit_intercept": False, "max_iter": UNLIMITED, "max_epochs": UNLIMITED}

    class Centred(Lasso):
        def fit(self, X, y):
            return super().fit(X - X.mean(0), y - y.mean())

    return timed(lambda tol: Centred(tol=tol * unit, **options), X, y)


def glmnet(problem, per_decade=10):
    """Glmnet in R, timed inside R: a path of ten alphas per decade down to the one asked for.

    Its authors advise against single fits; `glmnet-short` takes one alpha per decade, often faster at a moderate gap.
    """
    top = alpha_max(problem.loss, problem.X, problem.y, problem.fit_intercept)
    n_alphas = 1 + round(per_decade * np.log10(top / problem.alpha))
    path = glmnet_path(problem, np.geomspace(top, problem.alpha, n_alphas))

    def fit(tol):
        coefs, seconds = path(tol)
        return coefs[:, [-1]].toarray().ravel(), seconds

    return fit


def glmnet_path(problem, alphas, family=None, kind=""):
    """Return fit(thresh) of a whole path, its answer a sparse matrix with a column for each alpha.

    Several outputs follow one another in a column; `kind` is glmnet's `type.multinomial`.

    With `standardize=FALSE` its lambda is our alpha for both families, for it undoes its own scaling of y. One R
    process answers all requests, so that the data are handed over once.
    """
    folder = tempfile.TemporaryDirectory(prefix="glmnet-")
    write_for_r(Path(folder.name), problem, alphas, family or FAMILIES[problem.loss], kind)
    script = Path(__file__).with_name("glmnet.R")
    try:
        process = subprocess.Popen(
            ["Rscript", script, folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        raise UnsupportedError("no Rscript here") from None
    require(process.stdout.readline() == "ready\n", "R has no glmnet")

    def fit(tol, _folder=folder):  # the folder lives as long as this function
        print(tol, file=process.stdin, flush=True)
        seconds = float(process.stdout.readline())
        return read_from_r(Path(folder.name)), seconds

    return fit


def read_from_r(folder):
    """Return the coefficients that glmnet.R wrote, one column for each alpha that it came to."""
    n_rows = int(np.fromfile(folder / "w_height", np.int32)[0])
    rows, starts = (np.fromfile(folder / name, np.int32) for name in ("w_rows", "w_starts"))
    return sp.csc_matrix((np.fromfile(folder / "w"), rows, starts), (n_rows, len(starts) - 1))


def write_for_r(folder, problem, alphas, family, kind):
    """Write the problem as raw binary files that glmnet.R reads."""
    X = problem.X
    if sp.issparse(X):
        X.data.tofile(folder / "data")
        X.indices.astype(np.int32).tofile(folder / "indices")
        X.indptr.astype(np.int32).tofile(folder / "indptr")
    else:
        X.ravel(order="F").tofile(folder / "dense")
    problem.y.astype(np.float64).ravel(order="F").tofile(folder / "y")
    alphas.tofile(folder / "alphas")
    (folder / "meta").write_text(f"{X.shape[0]}\n{X.shape[1]}\n{family}\n{int(problem.fit_intercept)}\n{kind}\n")


def timed(make, X, y):
    """Return fit(tol) of an estimator as scikit-learn's are."""

    def fit(tol):
        model = make(tol)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the judge says what was reached
            start = now()
            model.fit(X, y)
            seconds = now() - start
        return np.array(model.coef_, dtype=float).ravel(), seconds

    return fit


def require(condition, reason):
    """Raise UnsupportedError with the reason unless the condition holds."""
    if not condition:
        raise UnsupportedError(reason)


def prepare(name, problem, solvers=None):
    """Return fit(tol) of the solver, imported, compiled and warmed up; UnsupportedError says why not."""
    solver = (solvers or SOLVERS)[name]
    try:
        fit = solver(problem)
        if "glmnet" not in name:  # has nothing to compile
            solver(problem.shrunk())(1e-3)
    except ImportError as error:
        raise UnsupportedError(f"not installed: {error}") from None
    return fit


OURS = "sparsereg"
FAMILIES = {"squared_error": "gaussian", "log_loss": "binomial"}
SOLVERS = {
    OURS: sparsereg,
    "sklearn": sklearn,
    "sklearn-gram": sklearn_gram,
    "liblinear": liblinear,
    "saga": saga,
    "celer": celer,
    "skglm": skglm,
    "skglm-centred": skglm_centred,
    "glmnet": glmnet,
    "glmnet-short": partial(glmnet, per_decade=1),
}

"""The solvers of whole paths: `prepare(name, problem)` returns `fit`; `fit(tol)` returns (coefs, seconds).

`coefs` has a column for each alpha of `problems.grid`. The rules are those of solvers.py; where a peer has no path of
its own, its estimator is fitted at one alpha after the other with `warm_start=True`. What a peer needs done by hand, as
centring dense data where its path takes no intercept, is timed.
"""

import warnings
from functools import partial

import numpy as np
import scipy.sparse as sp
import solvers
from judge import alpha_max
from problems import grid
from solvers import OURS, UNLIMITED, now, require


def sparsereg(problem):
    """Ours, one call; its `tol` has the judge's own meaning."""
    from sparsereg import SparseClassifier, SparseRegressor, regularization_path

    model = SparseRegressor if problem.loss == "squared_error" else SparseClassifier
    options = {"fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED}

    def path(tol):
        return regularization_path(model(tol=tol, **options), problem.X, problem.y, alphas=grid(problem))

    return timed(path, lambda found: sp.vstack(found.coefs).T.tocsc())


def sklearn(problem):
    """Return scikit-learn's lasso_path; sparse data are centred as its own estimators have it done."""
    return lasso_path(problem, centred)


def sklearn_gram(problem):
    """Return lasso_path on the Gram matrix of all features; sparse data, for which it has none, are made dense."""
    n_samples, n_features = problem.X.shape
    require(n_features <= min(2_000, n_samples), "a Gram matrix of all features pays when tall")
    return lasso_path(problem, lambda problem: centred(problem.dense()), precompute=True)


def lasso_path(problem, arranged, precompute=False):
    """Return fit(tol) that has the data arranged, with the clock on."""
    from sklearn.linear_model import lasso_path

    require(problem.loss == "squared_error", "for logistic loss see liblinear and saga")
    options = {"alphas": grid(problem), "max_iter": UNLIMITED, "precompute": precompute, "copy_X": False}

    def path(tol):
        X, y, how = arranged(problem)
        return lasso_path(X, y, tol=tol, **how, **options)[1]

    return timed(path)


def liblinear(problem):
    """Return LogisticRegression by liblinear, which has no warm start: a hundred cold fits."""
    require(problem.loss == "log_loss", "logistic loss only")
    require(not problem.fit_intercept, "it penalises the intercept; see the -nointercept rows")
    return logistic_regression(problem, solver="liblinear")


def saga(problem):
    """Return LogisticRegression by SAGA."""
    require(problem.loss == "log_loss", "logistic loss only")
    return logistic_regression(problem, solver="saga", warm_start=True)


def logistic_regression(problem, **options):
    """Hand the rows over as rows, as both solvers want them; their C multiplies the sum of the losses."""
    from sklearn.linear_model import LogisticRegression

    X = problem.X.tocsr() if sp.issparse(problem.X) else np.ascontiguousarray(problem.X)
    options |= {"fit_intercept": problem.fit_intercept, "max_iter": UNLIMITED, "random_state": 0, "l1_ratio": 1.0}

    def path(tol):
        model, strengths = LogisticRegression(tol=tol, **options), 1 / (len(problem.y) * grid(problem))
        return columns(model.set_params(C=C).fit(X, problem.y) for C in strengths)

    return timed(path)


def celer(problem):
    """Return celer_path, with pruning as its estimators have it; Newton's method for logistic loss."""
    from celer.homotopy import celer_path

    X, y, alphas = problem.X, problem.y, grid(problem)
    options = {"max_iter": 10_000, "max_epochs": UNLIMITED, "prune": 1}  # it allocates max_iter gaps at each alpha
    if problem.loss == "log_loss":
        require(not problem.fit_intercept, "its logistic regression has no intercept; see the -nointercept rows")
        sums = alphas * len(y)  # its logistic loss is a sum, not a mean
        return timed(lambda tol: celer_path(X, y, "logreg", alphas=sums, tol=tol, use_PN=True, **options)[1])

    def path(tol):
        X, y, how = centred(problem)
        return celer_path(X, y, "lasso", alphas=alphas, tol=tol, **how, **options)[1]

    return timed(path)


def skglm(problem):
    """Return skglm's path of the Lasso; for logistic loss, that has none, warm-started fits. Its tol is absolute."""
    from skglm import Lasso, SparseLogisticRegression

    X, y, alphas, options = problem.X, problem.y, grid(problem), {"max_iter": UNLIMITED, "max_epochs": UNLIMITED}
    unit = alpha_max(problem.loss, X, y, problem.fit_intercept)
    if problem.loss == "log_loss":
        options |= {"fit_intercept": problem.fit_intercept, "warm_start": True}

        def warm(tol):
            model = SparseLogisticRegression(tol=tol * unit, **options)
            return columns(model.set_params(alpha=alpha).fit(X, y) for alpha in alphas)

        return timed(warm)
    options["fit_intercept"] = problem.fit_intercept and sp.issparse(X)

    def path(tol):
        X, y = (problem.X, problem.y) if sp.issparse(problem.X) else centred(problem)[:2]
        return Lasso(tol=tol * unit, **options).path(X, y, alphas)[1][: X.shape[1]]

    return timed(path)


def glmnet(problem):
    """Return one glmnet() with all the alphas."""
    return solvers.glmnet_path(problem, grid(problem))


def centred(problem):
    """Return centred X and y; a sparse X as it is, and the options that make the peers centre it."""
    X, y = problem.X, problem.y
    if not problem.fit_intercept:
        return X, y, {}
    if not sp.issparse(X):
        return X - X.mean(0), y - y.mean(), {}
    means = np.asarray(X.mean(0)).ravel()
    return X, y - y.mean(), {"X_offset": means, "X_scale": np.ones_like(means)}


def columns(models):
    """Return the coefficients of fitted models, each taken before the next is fitted, as columns."""
    return sp.hstack([sp.csc_matrix(model.coef_.reshape(-1, 1)) for model in models], format="csc")


def timed(path, coefs=lambda found: found):
    """Return fit(tol) that calls `path` with the clock on, and `coefs` on its answer with the clock off."""

    def fit(tol):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the judge says what was reached
            start = now()
            found = path(tol)
            seconds = now() - start
        return coefs(found), seconds

    return fit


SOLVERS = {
    OURS: sparsereg,
    "sklearn": sklearn,
    "sklearn-gram": sklearn_gram,
    "liblinear": liblinear,
    "saga": saga,
    "celer": celer,
    "skglm": skglm,
    "glmnet": glmnet,
}
prepare = partial(solvers.prepare, solvers=SOLVERS)

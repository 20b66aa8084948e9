"""The solvers of whole paths of blocks: `prepare(name, problem)` returns `fit`; `fit(tol)` returns (coefs, seconds).

`coefs` lists a matrix (n_features, n_outputs) for each alpha of the problem, dense or sparse. The rules are those of
path_solvers.py: where a peer has no path of its own, its estimator is fitted at one alpha after the other with
`warm_start=True`; centring dense data by hand, where its path takes no intercept, is timed.
"""

from functools import partial

import numpy as np
import pandas as pd
import scipy.sparse as sp
import solvers
from path_solvers import timed
from solvers import OURS, UNLIMITED, require


def sparsereg(problem):
    """Ours, one call; its `tol` has the judge's own meaning. One-hot columns are grouped by their names."""
    from sparsereg import GroupLasso, MultiTaskLasso, SparseClassifier, SparseRegressor, regularization_path
    from sparsereg.penalties import Group, Rows

    X, data = problem.X, {}
    if problem.loss == "squared":
        tasks = problem.penalty == "rows"
        make = MultiTaskLasso if tasks else partial(GroupLasso, problem.group_labels)
    elif problem.loss == "poisson":
        X = pd.DataFrame.sparse.from_spmatrix(X, columns=problem.names)
        make = partial(SparseRegressor, "poisson", Group("onehot"))
        data["sample_weight"] = problem.s
    else:
        make = partial(SparseClassifier, penalty=Rows() if problem.penalty == "rows" else "l1")

    def path(tol):
        return regularization_path(make(tol=tol, max_iter=UNLIMITED), X, problem.y, alphas=problem.alphas, **data)

    return timed(path, lambda found: [coef.T for coef in found.coefs])


def celer(problem):
    """Return its paths of the group lasso and the multi-task lasso, on centred data."""
    from celer.homotopy import celer_path, mtl_path

    require(problem.loss == "squared", "squared loss only")
    options = {"alphas": problem.alphas, "max_iter": 10_000, "max_epochs": UNLIMITED, "prune": True}

    def group_path(tol):
        X, Y = centred(problem)
        sizes, weights = problem.sizes.tolist(), problem.weights
        return celer_path(X, Y[:, 0], "grouplasso", groups=sizes, weights=weights, tol=tol, **options)[1]

    def task_path(tol):
        return mtl_path(*centred(problem), tol=tol, **options)[1]

    if problem.penalty == "group":
        return timed(group_path, lambda coefs: list(coefs.T[:, :, None]))
    return timed(task_path, lambda coefs: [coefs[:, :, k].T for k in range(coefs.shape[2])])


def skglm(problem):
    """Return warm fits of its GroupLasso, and the path of its MultiTaskLasso on centred data. Its tol is absolute."""
    from skglm import GroupLasso, MultiTaskLasso

    require(problem.loss != "softmax", "its classes are one against the rest")
    require(problem.loss == "squared", "its Poisson loss takes neither weights nor an offset")
    unit, options = problem.alphas[0], {"max_iter": UNLIMITED, "max_epochs": UNLIMITED}
    if problem.penalty == "group":
        options |= {"groups": problem.sizes.tolist(), "weights": problem.weights, "fit_intercept": False}

        def warm(tol):
            X, Y = centred(problem)
            return one_by_one(problem, GroupLasso(tol=tol * unit, warm_start=True, **options), X, Y[:, 0])

        return timed(warm)

    def path(tol):
        X, Y = (np.asfortranarray(data) for data in centred(problem))
        return MultiTaskLasso(tol=tol * unit, fit_intercept=False, **options).path(X, Y, problem.alphas)[1]

    return timed(path, lambda coefs: [coefs[:, :, k].T for k in range(coefs.shape[2])])


def adelie(problem):
    """Return its grpnet; the losses of several outputs are divided by their number there, so are the alphas.

    Tasks are centred by hand: its intercepts, columns of ones, would slow it down.
    """
    import adelie as ad

    require(problem.penalty != "l1", "its groups are of features, all classes of a feature together")
    K = problem.Y.shape[1]
    families = {"squared": ad.glm.multigaussian, "poisson": ad.glm.poisson, "softmax": ad.glm.multinomial}
    family = families[problem.loss] if K > 1 or problem.loss == "poisson" else ad.glm.gaussian
    matrix_of = partial(ad.matrix.sparse if sp.issparse(problem.X) else ad.matrix.dense, n_threads=1)
    options = {"groups": problem.starts, "penalty": problem.weights, "lmda_path": problem.alphas / K}
    options |= {"early_exit": False, "progress_bar": False, "max_iters": UNLIMITED, "irls_max_iters": UNLIMITED}

    def path(tol):
        by_hand = problem.penalty == "rows" and problem.loss == "squared"
        X, Y = centred(problem) if by_hand else (problem.X, problem.Y)
        glm = family(np.ascontiguousarray(Y if K > 1 else Y[:, 0]), weights=problem.s)
        return ad.grpnet(matrix_of(X), glm, tol=tol, irls_tol=tol, intercept=not by_hand, **options)

    return timed(path, lambda state: [beta.reshape(-1, K) for beta in state.betas])


def group_lasso(problem):
    """Return warm fits of group-lasso's estimators, accelerated proximal gradients."""
    from group_lasso import GroupLasso, LogisticGroupLasso

    require(problem.loss != "poisson", "it has no Poisson loss")
    model, Y = (LogisticGroupLasso, problem.y) if problem.loss == "softmax" else (GroupLasso, problem.Y)
    none = np.full(problem.X.shape[1], -1)
    groups = {"group": problem.group_labels, "rows": np.arange(len(none)), "l1": none}[problem.penalty]
    options = {"groups": groups, "n_iter": UNLIMITED, "warm_start": True, "supress_warning": True}

    def at(model, alpha):
        if problem.penalty == "l1":
            return model.set_params(l1_reg=alpha, group_reg=0.0)
        return model.set_params(l1_reg=0.0, group_reg=alpha * problem.weights)

    def path(tol):
        started = model(tol=tol, **options)
        return [at(started, alpha).fit(problem.X, Y).coef_.copy() for alpha in problem.alphas]

    return timed(path)


def skein(problem):
    """Return skein-glm's paths; for Poisson loss it takes counts and an offset, and a mean over rows."""
    import skein_glm as sk

    grouped = {"weights": problem.weights, "groups": problem.group_labels}
    options = {"lambdas": problem.alphas, "max_iter": UNLIMITED}
    X, Y = problem.X, problem.y
    if problem.loss == "squared" and problem.penalty == "group":
        make = partial(sk.GroupLassoPathRegressor, **options, **grouped)
    elif problem.loss == "squared":
        make = partial(sk.MultiTaskLassoPathRegressor, **options)
    elif problem.loss == "poisson":
        rows = problem.s * np.count_nonzero(problem.s)  # exposures over their mean
        options |= grouped | {"max_outer": UNLIMITED, "offset": np.log(rows)}
        make, Y = lambda tol: sk.PoissonGroupLassoPathRegressor(outer_tol=tol, tol=tol, **options), rows * Y
    else:
        require(problem.penalty == "l1", "its classes do not share features")
        options["max_outer"] = UNLIMITED

        def make(tol):
            return sk.MultinomialLassoPathClassifier(outer_tol=tol, tol=tol, **options)

    def path(tol):
        return make(tol=tol).fit(X, Y).coefs_

    return timed(path, lambda coefs: [coef.reshape(problem.Y.shape[1], -1).T for coef in coefs])


def sklearn(problem):
    """Return warm fits of scikit-learn's MultiTaskLasso; for classes see `saga`."""
    from sklearn.linear_model import MultiTaskLasso

    require(problem.loss == "squared" and problem.penalty == "rows", "tasks only; for classes see saga")

    def path(tol):
        return one_by_one(problem, MultiTaskLasso(tol=tol, max_iter=UNLIMITED, warm_start=True), problem.X, problem.Y)

    return timed(path)


def saga(problem):
    """Return warm fits of LogisticRegression by SAGA, rows in order; its other solvers have no L1 for all classes."""
    from sklearn.linear_model import LogisticRegression

    require(problem.loss == "softmax", "classes only")
    require(problem.penalty == "l1", "its classes do not share features")
    X = problem.X.tocsr() if sp.issparse(problem.X) else np.ascontiguousarray(problem.X)
    options = {"solver": "saga", "l1_ratio": 1.0, "max_iter": UNLIMITED, "warm_start": True, "random_state": 0}

    def path(tol):
        model = LogisticRegression(tol=tol, **options)
        strengths = 1 / (X.shape[0] * problem.alphas)
        return [model.set_params(C=C).fit(X, problem.y).coef_.T.copy() for C in strengths]

    return timed(path)


def glmnet(problem):
    """Return one glmnet() with all the alphas: mgaussian, or multinomial, ungrouped or grouped."""
    require(problem.penalty != "group", "it has no groups of features")
    family = "mgaussian" if problem.loss == "squared" else "multinomial"
    kind = "grouped" if problem.penalty == "rows" else "ungrouped"
    path = solvers.glmnet_path(problem, problem.alphas, family, kind)
    n_features, n_outputs = problem.X.shape[1], problem.Y.shape[1]

    def fit(tol):
        coefs, seconds = path(tol)
        return [coef.toarray().reshape(n_outputs, n_features).T for coef in sp.csr_matrix(coefs.T)], seconds

    return fit


def centred(problem):
    """Return centred dense X and Y."""
    return problem.X - problem.X.mean(0), problem.Y - problem.Y.mean(0)


def one_by_one(problem, model, X, Y):
    """Return the coefficients of warm fits, sparse, a column for each output."""
    shape = -1, problem.X.shape[1]
    return [
        sp.csr_matrix(np.reshape(model.set_params(alpha=alpha).fit(X, Y).coef_, shape)).T for alpha in problem.alphas
    ]


SOLVERS = {
    OURS: sparsereg,
    "adelie": adelie,
    "skglm": skglm,
    "celer": celer,
    "glmnet": glmnet,
    "skein": skein,
    "sklearn": sklearn,
    "saga": saga,
    "group-lasso": group_lasso,
}
prepare = partial(solvers.prepare, solvers=SOLVERS)

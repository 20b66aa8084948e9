"""Searches over alpha, ours and the peers': `prepare(name, search)` returns a searcher.

Called with a tolerance it solves a sample of what the search consists of, for the judge: the path of the first fold,
or single fits of its training data at every tenth alpha where the peer fits every alpha cold. It returns (alphas,
coefs) and the seconds of that times `multiple`, how often the whole search has it. `whole(found)` then runs the search
itself, or as much of it as is affordable, at the tolerance that was found, and says in "how" what was timed.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import path_solvers
from path_solvers import columns
from problems import grid
from search_problems import N_FOLDS
from sklearn.base import clone
from sklearn.metrics import get_scorer
from solvers import OURS, UNLIMITED, UnsupportedError, now, require

EVERY = 10  # a sample of cold fits has every tenth alpha
AFFORDABLE = 100  # seconds that a whole search may take by its sample; else the sample is multiplied up


class Ours:
    """PathSearchCV; `whole` times the fold paths and the scorer calls alone too."""

    multiple = 1

    def __init__(self, search):
        from sparsereg import PathSearchCV, SparseClassifier, SparseRegressor, regularization_path

        self.search, self.searcher, self.path = search, PathSearchCV, regularization_path
        self.model = SparseRegressor if search.loss == "squared_error" else SparseClassifier

    def estimator(self, tol):
        """Return the estimator whose alpha is searched for."""
        return self.model(tol=tol, fit_intercept=self.search.fit_intercept, max_iter=UNLIMITED)

    def __call__(self, tol):
        """Search, and solve the first fold's path again for the judge."""
        alphas, problem = self.search.alphas, self.search.first
        path = self.path(self.estimator(tol), problem.X, problem.y, alphas=alphas)
        coefs = columns(path.estimator(alpha) for alpha in path.alphas)
        return (alphas, coefs), self.seconds(tol)

    def seconds(self, tol):
        """Time the search, refit included."""
        search = self.search
        options = {"alphas": search.alphas, "cv": search.folds, "scoring": search.scoring}
        searcher = self.searcher(search.pipeline(self.estimator(tol)), **options)
        return seconds(lambda: searcher.fit(search.X, search.y))

    def whole(self, found):
        """Time searches and, in between, their parts alone: as often as takes ten seconds, twice at least."""
        tol, times, parts = found["tol"], [], []
        while len(times) < 2 or (sum(times) < 10 and len(times) < 10):
            times.append(self.seconds(tol))
            parts.append(self.parts(tol))
        best = {name: min(part[name] for part in parts) for name in parts[0]}
        return {"seconds": times, "parts": best, "how": "whole"}

    def parts(self, tol):
        """Time what no search can do without, summed over folds."""
        search, scorer = self.search, get_scorer(self.search.scoring)
        found = {"preprocessing": 0.0, "paths": 0.0, "scoring": 0.0}
        for train, test in search.folds:
            start = now()
            X, X_test = search.preprocessed(train, test)
            found["preprocessing"] += now() - start
            y, y_test = search.y[train], search.y[test]
            start = now()
            path = self.path(self.estimator(tol), X, y, alphas=search.alphas)
            found["paths"] += now() - start
            models = [path.estimator(alpha) for alpha in path.alphas]
            start = now()
            for model in models:
                scorer(model, X_test, y_test)
            found["scoring"] += now() - start
        return found


class Grid:
    """GridSearchCV over scikit-learn's estimator of the same model: all fits cold, scoring as ours."""

    multiple = N_FOLDS * EVERY

    def __init__(self, search, name, estimator, strengths):
        self.search, self.name, self.estimator, self.strengths = search, name, estimator, strengths
        self.sample = search.alphas[EVERY // 2 :: EVERY]

    def __call__(self, tol):
        """Fit the sample."""
        problem = self.search.first
        X = self.arranged(problem.X)
        models = []

        def fits():
            for strength in self.strengths(self.sample):
                model = clone(self.estimator).set_params(tol=tol, **{self.name: strength})
                models.append(model.fit(X, problem.y))

        spent = seconds(fits)
        return (self.sample, columns(models)), self.multiple * spent

    def arranged(self, X):
        """Return X in the layout that the estimator likes."""
        if self.name != "C":
            return X
        return X.tocsr() if hasattr(X, "tocsr") else np.ascontiguousarray(X)

    def whole(self, found):
        """Run the search itself, on the first fold and the sample of alphas where the whole is not affordable."""
        from sklearn.model_selection import GridSearchCV

        search, affordable = self.search, found["seconds"][0] <= AFFORDABLE
        alphas, folds = (search.alphas, search.folds) if affordable else (self.sample, search.folds[:1])
        pipeline = search.pipeline(clone(self.estimator).set_params(tol=found["tol"]))
        last = f"{pipeline.steps[-1][0]}__" if hasattr(pipeline, "steps") else ""
        options = {"cv": folds, "scoring": search.scoring, "refit": affordable}
        searcher = GridSearchCV(pipeline, {last + self.name: self.strengths(alphas)}, **options)
        spent = seconds(lambda: searcher.fit(search.X, search.y))
        if affordable:
            return {"seconds": [spent], "how": "whole"}
        return {"seconds": [self.multiple * spent], "how": f"{self.multiple} x every tenth alpha of one fold"}


@dataclass
class CV:
    """An estimator that has the search built in; the data are preprocessed before, for it has no pipeline inside."""

    search: object
    make: object  # tol -> the estimator, None where it does not work
    path: object  # the same solver's fit(tol) on a path

    multiple = N_FOLDS

    def __call__(self, tol):
        """Solve the first fold's path."""
        coefs, spent = self.path(tol)
        return (grid(self.search.first), coefs), self.multiple * spent

    def whole(self, found):
        """Run the search itself; where it is not affordable, only multiply the path of one fold up."""
        if self.make is None or found["seconds"][0] > AFFORDABLE:
            why = "" if self.make else " (its own search fails with this scikit-learn)"
            return {"how": f"{self.multiple} x the path of one fold{why}"}
        X, y, model = self.search.whole, self.search.y, self.make(found["tol"])
        return {"seconds": [seconds(lambda: model.fit(X, y))], "how": "whole"}


def grid_sklearn(search):
    """Return GridSearchCV over Lasso."""
    from sklearn.linear_model import Lasso

    require(search.loss == "squared_error", "for logistic loss see grid-liblinear and grid-saga")
    return Grid(search, "alpha", Lasso(max_iter=UNLIMITED, fit_intercept=search.fit_intercept), lambda alphas: alphas)


def grid_logistic(search, solver):
    """Return GridSearchCV over LogisticRegression."""
    from sklearn.linear_model import LogisticRegression

    check_logistic(search, solver)
    options = {"solver": solver, "max_iter": UNLIMITED, "random_state": 0, "l1_ratio": 1.0}
    model = LogisticRegression(fit_intercept=search.fit_intercept, **options)
    return Grid(search, "C", model, lambda alphas: 1 / (len(search.first.y) * alphas))


def cv_sklearn(search):
    """Return scikit-learn's LassoCV."""
    from sklearn.linear_model import LassoCV

    require(search.loss == "squared_error", "for logistic loss see cv-liblinear and cv-saga")
    options = {"alphas": search.alphas, "cv": search.folds, "max_iter": UNLIMITED}
    return CV(search, lambda tol: LassoCV(tol=tol, **options), path_solvers.prepare("sklearn", search.first))


def cv_celer(search):
    """Return celer's LassoCV; it has none for logistic regression."""
    from celer import LassoCV

    require(search.loss == "squared_error", "celer has no search for logistic regression")
    options = {"alphas": search.alphas, "cv": search.folds, "max_iter": 10_000, "max_epochs": UNLIMITED}
    path = path_solvers.prepare("celer", search.first)
    try:
        LassoCV(**options)
    except TypeError:  # celer 0.7.4 hands n_alphas, which scikit-learn 1.9 took away
        return CV(search, None, path)
    return CV(search, lambda tol: LassoCV(tol=tol, **options), path)


def cv_logistic(search, solver):
    """Return LogisticRegressionCV."""
    from sklearn.linear_model import LogisticRegressionCV

    check_logistic(search, solver)
    options = {"Cs": 1 / (len(search.first.y) * search.alphas), "cv": search.folds, "scoring": search.scoring}
    options |= {"l1_ratios": (1.0,), "solver": solver, "max_iter": UNLIMITED, "random_state": 0}
    options |= {"fit_intercept": search.fit_intercept, "use_legacy_attributes": False}
    return CV(search, lambda tol: LogisticRegressionCV(tol=tol, **options), path_solvers.prepare(solver, search.first))


def check_logistic(search, solver):
    """Refuse what the solver cannot do."""
    require(search.loss == "log_loss", "logistic loss only")
    require(solver != "liblinear" or not search.fit_intercept, "it penalises the intercept; see the -nointercept rows")


def seconds(call):
    """Return how long a call takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the judge says what was reached
        start = now()
        call()
        return now() - start


def prepare(name, search):
    """Return the searcher, imported; UnsupportedError says why not."""
    try:
        return SOLVERS[name](search)
    except ImportError as error:
        raise UnsupportedError(f"not installed: {error}") from None


SOLVERS = {
    OURS: Ours,
    "grid-sklearn": grid_sklearn,
    "grid-liblinear": partial(grid_logistic, solver="liblinear"),
    "grid-saga": partial(grid_logistic, solver="saga"),
    "cv-sklearn": cv_sklearn,
    "cv-celer": cv_celer,
    "cv-liblinear": partial(cv_logistic, solver="liblinear"),
    "cv-saga": partial(cv_logistic, solver="saga"),
}
MULTIPLES = {name: 1 if name == OURS else Grid.multiple if name.startswith("grid") else CV.multiple for name in SOLVERS}

"""PathSearchCV with sample weights, offsets, groups and scikit-learn's metadata routing."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.metrics import get_scorer, log_loss, max_error, mean_poisson_deviance, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from sparsereg import Lasso, PathSearchCV, SparseClassifier, SparseRegressor

FOLDS = KFold(3, shuffle=True, random_state=0)
ALPHAS = [0.3, 0.1, 0.03]
# In scikit-learn 1.9, weights by name reach scorers in GridSearchCV, and a pipeline's own score routes its metadata.
RECENT = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def counts(n=200, classes=False):
    """Counts, or two classes, with weights and an offset that matters."""
    rng = np.random.default_rng(0)
    X, offset = rng.normal(size=(n, 6)), rng.normal(size=n)
    eta = offset + 0.7 * X[:, 0] - 0.4 * X[:, 1]
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no") if classes else rng.poisson(np.exp(eta))
    return X, y, rng.integers(1, 4, n).astype(float), offset


def poisson():
    return SparseRegressor("poisson", tol=1e-12)


def classifier():
    return SparseClassifier(tol=1e-12)


def scaled(model):
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def mixed(model):
    """A sparse pipeline: one column of categories, the others scaled."""
    columns = ColumnTransformer(
        [("kind", OneHotEncoder(handle_unknown="ignore"), [0]), ("rest", MaxAbsScaler(), slice(1, None))]
    )
    return Pipeline([("columns", columns), ("model", model)])


def by_hand(estimator, X, y, score, alphas=ALPHAS, **params):
    """Mean over folds of ``score(fitted, X, y, **params)``, everything cut to the rows of a fold."""
    means = []
    for alpha in alphas:
        scores = []
        for train, test in FOLDS.split(X):
            cut = [{name: v[rows] for name, v in params.items()} for rows in (train, test)]
            pipe = clone(estimator)
            model = pipe[-1] if isinstance(pipe, Pipeline) else pipe
            model.set_params(alpha=alpha)
            X_train, X_test = X[train], X[test]
            if isinstance(pipe, Pipeline):
                X_train = pipe[:-1].fit_transform(X_train, y[train])
                X_test = pipe[:-1].transform(X_test)
            model.fit(X_train, y[train], **cut[0])
            scores.append(score(model, X_test, y[test], **cut[1]))
        means.append(np.mean(scores))
    return means


# --- By name


@pytest.mark.parametrize("wrap", [lambda model: model, scaled])
@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_weights_by_name(wrap, scoring):
    X, y, w, _ = counts()
    estimator = wrap(Lasso(tol=1e-12))
    search = PathSearchCV(estimator, alphas=ALPHAS, cv=FOLDS, scoring=scoring).fit(X, y, sample_weight=w)

    def score(model, X, y, sample_weight):
        if scoring is None:
            return model.score(X, y, sample_weight)
        return -mean_squared_error(y, model.predict(X), sample_weight=sample_weight)

    expected = by_hand(estimator, X, y, score, sample_weight=w)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-6)
    best = clone(estimator).set_params(**search.best_params_)
    best.fit(X, y, **({"sample_weight": w} if wrap is not scaled else {"model__sample_weight": w}))
    np.testing.assert_array_equal(search.predict(X), best.predict(X))
    if wrap is not scaled and RECENT:
        theirs = GridSearchCV(estimator, {"alpha": ALPHAS}, cv=FOLDS, scoring=scoring).fit(X, y, sample_weight=w)
        np.testing.assert_allclose(expected, theirs.cv_results_["mean_test_score"], rtol=1e-6)


def test_weights_for_a_step_do_not_reach_scores():
    X, y, w, _ = counts()
    given = {"model__sample_weight": w, "scale__sample_weight": w}
    ours = PathSearchCV(scaled(Lasso(tol=1e-12)), alphas=ALPHAS, cv=FOLDS).fit(X, y, **given)
    theirs = GridSearchCV(scaled(Lasso(tol=1e-12)), {"model__alpha": ALPHAS}, cv=FOLDS).fit(X, y, **given)
    for key in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_scorers_without_weights_are_named():
    X, y, w, _ = counts()
    search = PathSearchCV(Lasso(), alphas=ALPHAS, scoring=["neg_max_error", "r2"], refit="r2", cv=FOLDS)
    with pytest.warns(UserWarning, match="max_error.* takes no sample_weight") as caught:
        search.fit(X, y, sample_weight=w)
    assert len(caught) == 1
    plain = by_hand(Lasso(), X, y, lambda m, X, y, sample_weight: -max_error(y, m.predict(X)), sample_weight=w)
    np.testing.assert_allclose(search.cv_results_["mean_test_neg_max_error"], plain, rtol=1e-3)
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        PathSearchCV(Lasso(), alphas=[1.0], scoring=lambda m, X, y: m.score(X, y)).fit(X, y, sample_weight=w)
    seen = []

    def weighted(model, X, y, sample_weight=None):
        seen.append(sample_weight)
        return model.score(X, y, sample_weight)

    PathSearchCV(Lasso(), alphas=[1.0], scoring=weighted, cv=FOLDS).fit(X, y, sample_weight=w)
    np.testing.assert_array_equal(seen[0], w[next(FOLDS.split(X))[1]])


@pytest.mark.parametrize("wrap", [lambda model: model, scaled, mixed])
def test_offset_by_name_reaches_predictions_that_are_scored(wrap):
    X, y, w, o = counts()
    X[:, 0] = np.round(X[:, 0])
    estimator = wrap(poisson())
    options = {"alphas": ALPHAS, "cv": FOLDS, "return_train_score": True}
    search = PathSearchCV(estimator, **options).fit(X, y, offset=o)
    expected = by_hand(estimator, X, y, lambda m, X, y, offset: m.score(X, y, offset=offset), offset=o)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-6)

    def deviance(model, X, y, sample_weight, offset):
        return -mean_poisson_deviance(y, model.predict(X, offset=offset), sample_weight=sample_weight)

    def own(model, X, y, sample_weight=None):
        assert type(model) is type(estimator)
        return -mean_poisson_deviance(y, model.predict(X), sample_weight=sample_weight)

    expected = by_hand(estimator, X, y, deviance, sample_weight=w, offset=o)
    for scoring in ("neg_mean_poisson_deviance", own):
        scored = PathSearchCV(estimator, scoring=scoring, **options).fit(X, y, sample_weight=w, offset=o)
        np.testing.assert_allclose(scored.cv_results_["mean_test_score"], expected, rtol=1e-6)
    scoring = {"a": own, "b": "neg_mean_poisson_deviance", "c": "neg_mean_squared_error"}
    several = PathSearchCV(estimator, scoring=scoring, refit="c", **options).fit(X, y, sample_weight=w, offset=o)
    for name in "ab":
        np.testing.assert_allclose(several.cv_results_[f"mean_test_{name}"], expected, rtol=1e-6)
    assert np.isfinite(several.cv_results_["mean_train_c"]).all()


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc", ["neg_log_loss", "roc_auc", "accuracy"]])
def test_offset_of_classes(scoring):
    X, y, _, o = counts(classes=True)
    names = [scoring] if isinstance(scoring, str) else scoring
    search = PathSearchCV(scaled(classifier()), alphas=ALPHAS, scoring=scoring, cv=FOLDS, refit=names[0])
    if isinstance(scoring, str):
        search.set_params(refit=True)
    search.fit(X, y, offset=o)

    for name in names:

        def score(model, X, y, offset, name=name):
            if name == "neg_log_loss":
                return -log_loss(y, model.predict_proba(X, offset=offset), labels=model.classes_)
            if name == "accuracy":
                return np.mean(model.predict(X, offset=offset) == y)
            eta = model.decision_function(X, offset=offset)
            above = eta[y == "yes"][:, None] - eta[y == "no"]
            return np.mean((above > 0) + 0.5 * (above == 0))

        expected = by_hand(scaled(classifier()), X, y, score, offset=o)
        key = "mean_test_score" if isinstance(scoring, str) else f"mean_test_{name}"
        np.testing.assert_allclose(search.cv_results_[key], expected, rtol=1e-6)


def test_offset_for_a_step_is_the_same_offset():
    X, y, _, o = counts()
    plain = PathSearchCV(scaled(poisson()), alphas=ALPHAS, cv=FOLDS).fit(X, y, offset=o)
    named = PathSearchCV(scaled(poisson()), alphas=ALPHAS, cv=FOLDS).fit(X, y, model__offset=o)
    np.testing.assert_array_equal(plain.cv_results_["mean_test_score"], named.cv_results_["mean_test_score"])
    number = PathSearchCV(poisson(), alphas=ALPHAS, cv=FOLDS).fit(X, y, offset=0.5)
    assert np.isfinite(number.cv_results_["mean_test_score"]).all()


def test_predicting_and_scoring_with_an_offset():
    X, y, w, o = counts()
    search = PathSearchCV(scaled(poisson()), alphas=ALPHAS, cv=FOLDS).fit(X, y, offset=o)
    best = search.best_estimator_
    np.testing.assert_array_equal(search.predict(X, offset=o), best.predict(X, offset=o))
    direct = best[-1].score(best[:-1].transform(X), y, offset=o, sample_weight=w)
    assert search.score(X, y, offset=o, sample_weight=w) == direct
    for call in (lambda: search.predict(X), lambda: search.score(X, y)):
        with pytest.raises(ValueError, match="fitted with an offset"):
            call()
    search.set_params(scoring="neg_mean_poisson_deviance").fit(X, y, offset=o)
    expected = -mean_poisson_deviance(y, search.predict(X, offset=o), sample_weight=w)
    assert search.score(X, y, offset=o, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    two = PathSearchCV(classifier(), alphas=ALPHAS, cv=FOLDS)
    X, y, _, o = counts(classes=True)
    two.fit(X, y, offset=o)
    np.testing.assert_array_equal(two.predict_proba(X, offset=o), two.best_estimator_.predict_proba(X, offset=o))
    assert two.score(X, y, offset=o) == np.mean(two.predict(X, offset=o) == y)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"weights": 1.0}, TypeError, r"fit takes groups, offset, sample_weight.*\['weights'\]"),
        ({"offset": 0.0, "model__offset": 0.0}, TypeError, "both offset and model__offset"),
        ({"offset": np.zeros(5)}, ValueError, "offset must be a number or have shape"),
        ({"sample_weight": -np.ones(200)}, ValueError, "sample_weight must be >= 0"),
    ],
)
def test_bad_metadata(params, error, message):
    X, y, _, _ = counts()
    with pytest.raises(error, match=message):
        PathSearchCV(scaled(poisson()), alphas=3, cv=FOLDS).fit(X, y, **params)


# --- By request


def test_routed_weights_as_grid_search(routing):
    X, y, w, _ = counts()
    model = Lasso(tol=1e-12).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    scorer = get_scorer("neg_mean_absolute_error").set_score_request(sample_weight=True)
    unweighted = get_scorer("r2").set_score_request(sample_weight=False)
    scale = StandardScaler().set_fit_request(sample_weight=True)
    pipe = Pipeline([("scale", scale), ("model", model)])
    for estimator, alpha in ((model, "alpha"), (pipe, "model__alpha")):
        for scoring, refit in ((None, True), (scorer, True), ({"a": scorer, "b": unweighted}, "a")):
            if scoring is None and alpha != "alpha" and not RECENT:
                continue
            options = {"scoring": scoring, "refit": refit, "cv": FOLDS, "return_train_score": True}
            ours = PathSearchCV(estimator, alphas=ALPHAS, **options)
            theirs = GridSearchCV(estimator, {alpha: ALPHAS}, **options)
            for search in (ours, theirs):
                search.fit(X, y, sample_weight=w)
            for key, value in theirs.cv_results_.items():
                if "test" in key or "train" in key:
                    np.testing.assert_allclose(ours.cv_results_[key], value, rtol=1e-6, err_msg=key)
            np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
            assert ours.score(X, y, sample_weight=w) == theirs.score(X, y, sample_weight=w)


def test_routed_offset_as_grid_search(routing):
    """With the offset requested for scores, too, GridSearchCV can do it for the estimator's own score."""
    X, y, w, o = counts()
    model = poisson().set_fit_request(sample_weight=True, offset=True)
    model.set_score_request(sample_weight=True, offset=True)
    scale = StandardScaler().set_fit_request(sample_weight=False)
    pipe = Pipeline([("scale", scale), ("model", model)])
    for estimator, alpha in ((model, "alpha"), (pipe, "model__alpha"))[: 1 + RECENT]:
        ours = PathSearchCV(estimator, alphas=ALPHAS, cv=FOLDS).fit(X, y, sample_weight=w, offset=o)
        theirs = GridSearchCV(estimator, {alpha: ALPHAS}, cv=FOLDS).fit(X, y, sample_weight=w, offset=o)
        for key in ("mean_test_score", "std_test_score"):
            np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], rtol=1e-6)
        assert ours.best_params_ == theirs.best_params_
        given = {"sample_weight": w, "offset": o}
        assert ours.score(X, y, **given) == theirs.score(X, y, **given)


@pytest.mark.parametrize("name", ["offset", "exposure"])
@pytest.mark.parametrize("wrap", [lambda model: model, scaled])
def test_routed_offset_reaches_scorers_that_never_pass_it(routing, wrap, name):
    X, y, _, o = counts()
    model = poisson().set_fit_request(offset=True if name == "offset" else name)
    model.set_predict_request(offset=True if name == "offset" else name)
    search = PathSearchCV(wrap(model), alphas=ALPHAS, cv=FOLDS, scoring="neg_mean_poisson_deviance")
    search.fit(X, y, **{name: o})

    def deviance(model, X, y, offset):
        return -mean_poisson_deviance(y, model.predict(X, offset=offset))

    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], by_hand(wrap(poisson()), X, y, deviance, offset=o), rtol=1e-6
    )
    predicted = search.predict(X, **{name: o})
    assert search.score(X, y, **{name: o}) == pytest.approx(-mean_poisson_deviance(y, predicted), rel=1e-12)
    with pytest.raises(ValueError, match="fitted with an offset"):
        search.predict(X)


def test_routed_to_transformers_on_the_way(routing):
    class Shift(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.fitted_ = True
            return self

        def transform(self, X, shift=None):
            return X if shift is None else X + np.asarray(shift)[:, None]

        def fit_transform(self, X, y=None, shift=None):
            return self.fit(X, y).transform(X, shift)

    X, y, _, o = counts()
    shift = Shift().set_transform_request(shift=True)
    model = Lasso(tol=1e-12)
    pipe = Pipeline([("shift", shift), ("inner", Pipeline([("scale", MaxAbsScaler()), ("model", model)]))])
    ours = PathSearchCV(pipe, alphas=ALPHAS, cv=FOLDS).fit(X, y, shift=o)
    theirs = GridSearchCV(pipe, {"inner__model__alpha": ALPHAS}, cv=FOLDS).fit(X, y, shift=o)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)


def test_routed_groups_and_outer_tools(routing):
    X, y, w, _ = counts()
    groups = np.arange(len(y)) % 7
    model = Lasso(tol=1e-12).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = PathSearchCV(model, alphas=ALPHAS, cv=GroupKFold(3))
    params = {"sample_weight": w, "groups": groups}
    ours = cross_validate(search, X, y, cv=GroupKFold(2), params=params)
    theirs = cross_validate(
        GridSearchCV(model, {"alpha": ALPHAS}, cv=GroupKFold(3)), X, y, cv=GroupKFold(2), params=params
    )
    np.testing.assert_allclose(ours["test_score"], theirs["test_score"], rtol=1e-6)


def test_routed_predictions_of_a_search_in_a_pipeline(routing):
    X, y, _, o = counts()
    model = poisson().set_fit_request(offset=True).set_predict_request(offset=True).set_score_request(offset=False)
    pipe = make_pipeline(StandardScaler(), PathSearchCV(model, alphas=ALPHAS, cv=FOLDS))
    pipe.fit(X, y, offset=o)
    inner = pipe[-1].best_estimator_
    np.testing.assert_array_equal(pipe.predict(X, offset=o), inner.predict(pipe[:-1].transform(X), offset=o))


def test_what_nobody_asks_for_is_refused(routing):
    X, y, w, o = counts()
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        PathSearchCV(Lasso(), alphas=ALPHAS).fit(X, y, sample_weight=w)
    with pytest.raises(TypeError, match="nonsense"):
        PathSearchCV(Lasso(), alphas=ALPHAS).fit(X, y, nonsense=w)
    routes = PathSearchCV(poisson().set_fit_request(offset=True), cv=GroupKFold(2)).get_metadata_routing()
    assert routes.consumes("fit", ["offset", "groups", "nonsense"]) == {"offset", "groups"}

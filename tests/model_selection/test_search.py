"""PathSearchCV: the answers of scikit-learn's GridSearchCV, with each fold's preprocessing fitted once."""

import pickle
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from joblib import parallel_config
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsereg import ElasticNet, Lasso, PathSearchCV, SelectNonzero, SparseClassifier, SparseRegressor
from sparsereg.model_selection import one_standard_error
from sparsereg.penalties import ElasticNet as ElasticNetPenalty

FOLDS = KFold(3, shuffle=True, random_state=0)
DIABETES = load_diabetes(return_X_y=True)


# Some checks have one bad row: given strengths, a fold without it can be fitted, and only the fit on all data raises.
@pytest.mark.filterwarnings(
    *("ignore:invalid value encountered:RuntimeWarning", "ignore::sklearn.exceptions.FitFailedWarning"),
    *("ignore:Scoring failed:UserWarning", "ignore:One or more of the test scores:UserWarning"),
)
@parametrize_with_checks(
    [
        PathSearchCV(Lasso(), cv=2),
        PathSearchCV(SparseClassifier(), alphas=[0.1, 0.01], cv=2),
        PathSearchCV(make_pipeline(MaxAbsScaler(), SparseClassifier()), alphas=5, refit="1se", cv=2),
        PathSearchCV(make_pipeline(StandardScaler(with_mean=False), SparseRegressor()), alphas=5, n_jobs=2),
    ]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# --- Data and pipelines


def people(n=240, seed=0):
    """Columns of categories, with counts that depend on them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice([f"c{i}" for i in range(25)], n),
            "trade": rng.choice([f"t{i}" for i in range(8)], n),
            "age": rng.integers(18, 70, n),
        }
    )
    eta = 1.5 * X["city"].isin(["c1", "c2", "c3"]) - 1.0 * (X["trade"] == "t0") + 0.01 * X["age"]
    return X, eta.to_numpy(), rng


def encoded(model):
    columns = ColumnTransformer(
        [("kind", OneHotEncoder(handle_unknown="ignore"), ["city", "trade"]), ("number", MaxAbsScaler(), ["age"])]
    )
    return Pipeline([("columns", columns), ("model", model)])


def texts(n=150, seed=0):
    rng = np.random.default_rng(seed)
    words = np.array([f"word{i}" for i in range(40)])
    documents = [" ".join(rng.choice(words, 12)) for _ in range(n)]
    good = np.array(["word1" in d.split() or "word2" in d.split() for d in documents])
    return documents, np.where(good ^ (rng.random(n) < 0.1), "yes", "no")


def case(kind):
    """A pipeline whose last step is solved to the last digit, X, y, strengths and a scorer."""
    X, eta, rng = people()
    if kind == "regression":
        return encoded(Lasso(tol=1e-12)), X, eta + rng.normal(size=len(X)), [0.3, 0.1, 0.03, 0.01], None
    if kind == "poisson":
        model = SparseRegressor("poisson", tol=1e-12)
        return encoded(model), X, rng.poisson(np.exp(eta)), [0.5, 0.2, 0.05], "neg_mean_poisson_deviance"
    if kind == "two classes":
        y = np.where(rng.random(len(X)) < 1 / (1 + np.exp(1 - eta)), "buys", "leaves")
        return encoded(SparseClassifier(tol=1e-12)), X, y, [0.1, 0.03, 0.01, 0.003], "roc_auc"
    documents, y = texts()
    pipe = Pipeline(
        [
            ("text", Pipeline([("count", CountVectorizer()), ("tfidf", TfidfTransformer())])),
            ("end", Pipeline([("scale", MaxAbsScaler()), ("model", SparseClassifier(tol=1e-12))])),
        ]
    )
    return pipe, documents, y, [0.1, 0.03, 0.01], "neg_log_loss"


def name_of_alpha(pipe):
    return next(name for name in pipe.get_params() if name == "alpha" or name.endswith("__alpha"))


def assert_same_results(ours, theirs, rtol=1e-6):
    """Same keys, in this order, same kinds of arrays, same scores."""
    assert list(ours) == list(theirs)
    for key, expected in theirs.items():
        found = ours[key]
        assert type(found) is type(expected), key
        if key == "params":
            assert found == expected
            continue
        assert found.dtype == expected.dtype, key
        assert found.shape == expected.shape, key
        if key.startswith("param_"):
            np.testing.assert_array_equal(found.mask, expected.mask)
            assert found.tolist() == expected.tolist()
        elif key.startswith("rank_"):
            np.testing.assert_array_equal(found, expected)
        elif not key.endswith("_time"):
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9, err_msg=key)


# --- The answers of GridSearchCV


@pytest.mark.parametrize("kind", ["regression", "poisson", "two classes", "text in nested pipelines"])
@pytest.mark.parametrize("scored", [False, True])
def test_same_answers_as_grid_search(kind, scored):
    pipe, X, y, alphas, scoring = case(kind)
    options = {"scoring": scoring if scored else None, "cv": FOLDS, "return_train_score": True}
    ours = PathSearchCV(pipe, alphas=alphas, **options).fit(X, y)
    theirs = GridSearchCV(pipe, {name_of_alpha(pipe): alphas}, **options).fit(X, y)
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    for name in ("best_params_", "best_index_", "n_splits_", "multimetric_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, y) == theirs.score(X, y)
    assert repr(ours.scorer_) == repr(theirs.scorer_)
    assert ours.refit_time_ > 0
    if kind in ("two classes", "text in nested pipelines"):
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
        np.testing.assert_array_equal(ours.predict_log_proba(X), theirs.predict_log_proba(X))
        np.testing.assert_array_equal(ours.decision_function(X), theirs.decision_function(X))
    assert hasattr(ours, "feature_names_in_") == hasattr(theirs, "feature_names_in_")
    assert hasattr(ours, "n_features_in_") == hasattr(theirs, "n_features_in_")


def test_same_answers_with_other_parameters():
    documents, y = texts()
    pipe = Pipeline([("tfidf", TfidfVectorizer()), ("model", SparseClassifier(penalty=ElasticNetPenalty(), tol=1e-12))])
    alphas = [0.1, 0.02]
    other = {"tfidf__min_df": [1, 5], "model__penalty__l1_ratio": [0.5, 1.0]}
    ours = PathSearchCV(pipe, alphas=alphas, param_grid=other, cv=FOLDS).fit(documents, y)
    settings = [
        {"model__penalty__l1_ratio": [ratio], "tfidf__min_df": [least], "model__alpha": alphas}
        for ratio in (0.5, 1.0)
        for least in (1, 5)
    ]
    theirs = GridSearchCV(pipe, settings, cv=FOLDS).fit(documents, y)
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == theirs.best_params_
    product = GridSearchCV(pipe, {**other, "model__alpha": alphas}, cv=FOLDS).fit(documents, y)
    assert sorted(map(str, product.cv_results_["params"])) == sorted(map(str, ours.cv_results_["params"]))


def test_masked_parameters_of_several_grids():
    """Values of different kinds, steps as values, parameters that only some candidates have."""
    X, y = DIABETES
    pipe = Pipeline([("scale", StandardScaler()), ("model", SparseRegressor(tol=1e-12))])
    grids = [
        {"scale": ["passthrough", MaxAbsScaler()], "model__penalty": ["l1"]},
        {"model__penalty": [ElasticNetPenalty()], "model__penalty__l1_ratio": [0.5], "model__upper": [[5.0] * 10]},
    ]
    ours = PathSearchCV(pipe, alphas=[2.0, 1.0], param_grid=grids, cv=FOLDS).fit(X, y)
    strengths = [{**grid, "model__alpha": [2.0, 1.0]} for grid in grids]
    theirs = GridSearchCV(pipe, strengths, cv=FOLDS).fit(X, y)
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert ours.cv_results_["param_model__penalty__l1_ratio"].mask.tolist() == [True] * 4 + [False] * 2
    for key in ("param_model__alpha", "param_model__penalty__l1_ratio", "param_scale", "param_model__upper"):
        assert ours.cv_results_[key].dtype == theirs.cv_results_[key].dtype
    scores = [
        dict(zip(map(str, s.cv_results_["params"]), s.cv_results_["mean_test_score"], strict=True))
        for s in (ours, theirs)
    ]
    for params, score in scores[1].items():
        assert scores[0][params] == pytest.approx(score, rel=1e-6)


def test_the_model_itself_may_be_chosen():
    X, y = DIABETES
    pipe = Pipeline([("scale", StandardScaler()), ("model", Lasso())])
    grid = {"model": [Lasso(tol=1e-12), SparseRegressor("huber", tol=1e-12)]}
    search = PathSearchCV(pipe, alphas=[1.0], param_grid=grid, cv=FOLDS).fit(X, y)
    expected = [cross_val_score(clone(pipe).set_params(model=m), X, y, cv=FOLDS).mean() for m in grid["model"]]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-6)
    assert search.best_estimator_[-1] is not grid["model"][search.best_index_]


def test_a_grid_is_made_for_each_setting():
    X, y = DIABETES
    ratios = [0.2, 0.5, 1.0]
    search = PathSearchCV(
        ElasticNet(), alphas=4, alpha_min_ratio=0.01, param_grid={"l1_ratio": ratios}, cv=FOLDS, refit=False
    ).fit(X, y)
    grids = search.cv_results_["param_alpha"].data.reshape(3, 4)
    top = np.abs(X.T @ (y - y.mean())).max() / len(y)
    np.testing.assert_allclose(grids[:, 0], top / np.array(ratios))
    np.testing.assert_allclose(grids, grids[:, :1] * np.geomspace(1, 0.01, 4), rtol=1e-12)


def test_given_strengths_keep_their_order_and_ties_go_to_the_first():
    X, y = DIABETES
    alphas = [100.0, 1.0, 3000.0, 0.1, 200.0]
    search = PathSearchCV(Lasso(), alphas=alphas, cv=FOLDS).fit(X, y)
    assert [params["alpha"] for params in search.cv_results_["params"]] == alphas
    single = PathSearchCV(Lasso(), alphas=[1.0], cv=FOLDS).fit(X, y)
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(single.best_score_, rel=1e-3)
    empty = PathSearchCV(Lasso(), alphas=[100.0, 3000.0, 200.0], cv=FOLDS).fit(X, y)
    assert empty.best_index_ == 0
    assert empty.cv_results_["rank_test_score"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("alphas", "message"),
    [
        ([], "alphas is empty"),
        ([1.0, -1.0], "finite and >= 0"),
        ([1.0, np.nan], "finite and >= 0"),
        ([1.0, 2.0, 1.0], "more than once"),
        (0, "alphas must be >= 1"),
        ([[1.0]], "one-dimensional"),
    ],
)
def test_bad_strengths(alphas, message):
    with pytest.raises(ValueError, match=message):
        PathSearchCV(Lasso(), alphas=alphas).fit(*DIABETES)


def test_no_grid_without_a_largest_strength():
    with pytest.raises(ValueError, match=r"alpha_max.*alphas as an array"):
        PathSearchCV(SparseRegressor(penalty="l2")).fit(*DIABETES)
    PathSearchCV(SparseRegressor(penalty="l2"), alphas=[1.0, 0.1]).fit(*DIABETES)


def test_classes_are_stratified_and_splitters_are_taken():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), SparseClassifier())
    default = PathSearchCV(model, alphas=[0.1, 0.01]).fit(X, y)
    stratified = PathSearchCV(model, alphas=[0.1, 0.01], cv=StratifiedKFold(5)).fit(X, y)
    np.testing.assert_array_equal(default.cv_results_["mean_test_score"], stratified.cv_results_["mean_test_score"])
    listed = PathSearchCV(model, alphas=[0.1, 0.01], cv=list(StratifiedKFold(5).split(X, y))).fit(X, y)
    np.testing.assert_array_equal(default.cv_results_["mean_test_score"], listed.cv_results_["mean_test_score"])
    shuffled = PathSearchCV(
        model, alphas=[0.1], cv=ShuffleSplit(2), param_grid={"sparseclassifier__tol": [1e-8] * 3}
    ).fit(X, y)
    assert len(set(shuffled.cv_results_["mean_test_score"])) == 1  # the same folds for all settings
    assert shuffled.n_splits_ == 2


# --- Work: what is fitted how often


class Counting(TransformerMixin, BaseEstimator):
    """Notes on the class what it does: instances are cloned."""

    seen: Counter = Counter()

    def __init__(self, power=1):
        self.power = power

    def fit(self, X, y=None):
        self.seen["fit"] += 1
        self.fitted_ = True
        return self

    def transform(self, X):
        self.seen["transform"] += 1
        return X**self.power


@pytest.mark.parametrize("scoring", [None, "r2", ["r2", "neg_max_error"]])
def test_preprocessing_once_per_fold_and_setting(scoring):
    X, y = DIABETES
    Counting.seen.clear()
    pipe = make_pipeline(Counting(), Lasso())
    refit = "r2" if isinstance(scoring, list) else True
    grid = {"counting__power": [1, 2]}
    PathSearchCV(pipe, alphas=20, param_grid=grid, scoring=scoring, cv=4, refit=refit).fit(X, y)
    # a grid per setting, a path per fold and setting, the last fit; what is transformed besides are the test rows
    assert Counting.seen == {"fit": 2 + 2 * 4 + 1, "transform": 2 + 2 * 4 + 1 + 2 * 4}
    Counting.seen.clear()
    PathSearchCV(pipe, alphas=[1.0, 0.1], scoring=scoring, cv=4, refit=False).fit(X, y)
    assert Counting.seen == {"fit": 4, "transform": 8}


def test_a_cache_of_transformers_is_used(tmp_path):
    X, y = DIABETES
    Counting.seen.clear()
    pipe = Pipeline([("count", Counting()), ("model", ElasticNet())], memory=str(tmp_path))
    grid = {"model__l1_ratio": [0.1, 0.5, 0.9]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joblib is slow to write on some machines, and says so
        cached = PathSearchCV(pipe, alphas=3, param_grid=grid, cv=2).fit(X, y)
    assert Counting.seen["fit"] == 2 + 1  # folds, all data
    plain = PathSearchCV(clone(pipe).set_params(memory=None), alphas=3, param_grid=grid, cv=2).fit(X, y)
    np.testing.assert_array_equal(cached.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


# --- Scoring


def test_several_scores_as_grid_search():
    X, y = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), SparseClassifier(tol=1e-12))
    alphas = [0.3, 0.03]
    for scoring in (
        ["accuracy", "roc_auc"],
        {"hits": "accuracy", "own": make_scorer(accuracy_score), "plain": lambda e, X, y: e.score(X, y)},
    ):
        name = next(iter(scoring))
        options = {"scoring": scoring, "refit": name, "cv": FOLDS, "return_train_score": True}
        ours = PathSearchCV(pipe, alphas=alphas, **options).fit(X, y)
        theirs = GridSearchCV(pipe, {"sparseclassifier__alpha": alphas}, **options).fit(X, y)
        assert_same_results(ours.cv_results_, theirs.cv_results_)
        assert ours.scorer_.keys() == theirs.scorer_.keys()
        assert ours.multimetric_ is theirs.multimetric_ is True
        assert ours.best_score_ == theirs.best_score_
        assert ours.score(X, y) == theirs.score(X, y)


def test_a_function_may_return_several_scores():
    X, y = DIABETES

    def scoring(model, X, y):
        return {"r2": model.score(X, y), "size": -model.sparse_coef_.nnz}

    options = {"scoring": scoring, "refit": "size", "cv": FOLDS}
    ours = PathSearchCV(Lasso(tol=1e-12), alphas=[1.0, 0.1], **options).fit(X, y)
    theirs = GridSearchCV(Lasso(tol=1e-12), {"alpha": [1.0, 0.1]}, **options).fit(X, y)
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == {"alpha": 1.0}
    assert ours.score(X, y) == theirs.score(X, y)
    with pytest.raises(ValueError, match=r"multi-metric scoring.*'1se' was passed"):
        PathSearchCV(Lasso(), alphas=[1.0], scoring=scoring, refit="1se").fit(X, y)


def test_a_scorer_of_ones_own_sees_the_whole_pipeline_and_raw_data():
    X, y = DIABETES
    frame = pd.DataFrame(X, columns=[f"v{j}" for j in range(10)])
    seen = []

    def scoring(model, X, y):
        seen.append((type(model), type(X), model[0].mean_.shape, model[-1].alpha, model[-1].sparse_coef_.nnz))
        assert model.predict(X).shape == y.shape
        return model.score(X, y)

    pipe = make_pipeline(StandardScaler(), Lasso())
    search = PathSearchCV(pipe, alphas=[1.0, 10.0], scoring=scoring, cv=2, refit=False).fit(frame, y)
    assert {entry[:4] for entry in seen} == {(Pipeline, pd.DataFrame, (10,), alpha) for alpha in (1.0, 10.0)}
    plain = PathSearchCV(pipe, alphas=[1.0, 10.0], cv=2, refit=False).fit(frame, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scoring": ["r2", "neg_max_error"]}, ValueError, "multi-metric scoring.*True was passed"),
        ({"scoring": ["r2", "neg_max_error"], "refit": "mae"}, ValueError, "multi-metric scoring.*'mae' was passed"),
        ({"scoring": ["r2", "neg_max_error"], "refit": "1se"}, ValueError, "partial.one_standard_error, metric="),
        ({"refit": "r2"}, ValueError, "for a single score.*'r2'"),
        ({"refit": 3}, TypeError, "refit must be"),
        ({"refit": lambda results: "best"}, TypeError, "number of a candidate"),
        ({"refit": lambda results: 7}, IndexError, "one of 2 candidates; got 7"),
        ({"scoring": "r3"}, ValueError, "r3"),
        ({"scoring": []}, ValueError, "[Ee]mpty"),
        ({"scoring": accuracy_score}, ValueError, "looks like it is a metric"),
        ({"error_score": "ignore"}, ValueError, "error_score must be"),
        ({"return_train_score": "no"}, TypeError, "return_train_score"),
        ({"verbose": -1}, ValueError, "verbose"),
        ({"alpha_min_ratio": 0}, ValueError, "alpha_min_ratio"),
        ({"param_grid": {"alpha": [1.0]}}, ValueError, "param_grid must not hold 'alpha'"),
        ({"param_grid": {"beta": [1.0]}}, ValueError, "Invalid parameter 'beta'"),
        ({"param_grid": {"tol": 1.0}}, TypeError, "Parameter grid"),
        ({"param_grid": []}, ValueError, "No fits were performed: param_grid"),
        ({"cv": []}, ValueError, "No fits were performed: cv"),
    ],
)
def test_bad_options(options, error, message):
    X, y = DIABETES
    search = PathSearchCV(Lasso(), **{"alphas": [1.0, 0.1], **options})
    with pytest.raises(error, match=message):
        search.fit(X, y)
    assert not [name for name in vars(search) if name.endswith("_")]


@pytest.mark.parametrize(
    "estimator",
    [
        Ridge(),
        make_pipeline(StandardScaler(), Ridge()),
        TransformedTargetRegressor(Lasso()),
        PathSearchCV(Lasso()),
        make_pipeline(Lasso(), "passthrough"),
        "lasso",
    ],
)
def test_other_estimators_are_named(estimator):
    with pytest.raises(TypeError, match=r"must be one of sparsereg's linear models.*GridSearchCV"):
        PathSearchCV(estimator).fit(*DIABETES)


# --- Which candidate is fitted in the end


def test_refit_false_name_or_function():
    X, y = DIABETES
    without = PathSearchCV(Lasso(), alphas=[1.0, 0.1], refit=False).fit(X, y)
    assert without.best_params_ == {"alpha": 0.1}
    assert not hasattr(without, "best_estimator_")
    assert not hasattr(without, "predict")
    with pytest.raises(AttributeError, match="no attribute 'predict'") as raised:
        without.predict(X)
    assert "refit=False" in str(raised.value.__cause__)
    with pytest.raises(AttributeError, match="refit=False"):
        without.score(X, y)
    chosen = PathSearchCV(Lasso(), alphas=[1.0, 0.1], refit=lambda results: 0).fit(X, y)
    assert chosen.best_params_ == {"alpha": 1.0}
    assert chosen.best_estimator_.alpha == 1.0
    assert not hasattr(chosen, "best_score_")
    several = PathSearchCV(Lasso(), alphas=[1.0, 0.1], scoring=["r2", "neg_max_error"], refit=False).fit(X, y)
    assert not hasattr(several, "best_index_")


def test_one_standard_error_as_refit():
    X, y = DIABETES
    options = {"alphas": 40, "cv": 10, "param_grid": {"l1_ratio": [0.5, 1.0]}}
    best = PathSearchCV(ElasticNet(), **options).fit(X, y)
    search = PathSearchCV(ElasticNet(), refit="1se", **options).fit(X, y)
    assert search.best_index_ == one_standard_error(search.cv_results_)
    assert search.best_params_["alpha"] > best.best_params_["alpha"]
    assert search.best_params_["l1_ratio"] == best.best_params_["l1_ratio"]
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_] < best.best_score_
    assert search.best_estimator_.alpha == search.best_params_["alpha"]
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_other_strengths_in_a_pipeline_do_not_confuse_the_rule():
    X, y = DIABETES
    pipe = Pipeline([("select", SelectNonzero(Lasso())), ("model", Lasso())])
    grid = {"select__estimator__alpha": [0.1, 1.0]}
    search = PathSearchCV(pipe, alphas=10, param_grid=grid, refit="1se").fit(X, y)
    assert search.best_params_["model__alpha"] == search.best_estimator_[-1].alpha
    with pytest.raises(ValueError, match="exactly one penalty strength"):
        one_standard_error(search.cv_results_)


# --- Where things go wrong


class Fails(TransformerMixin, BaseEstimator):
    """Raises on folds where it meets a certain row."""

    def __init__(self, row=0.0, error=ValueError):
        self.row = row
        self.error = error

    def fit(self, X, y=None):
        if (X[:, 0] == self.row).any():
            raise self.error("this row")
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


def failing(row, error=ValueError):
    X, y = DIABETES
    return make_pipeline(Fails(X[row, 0] if row is not None else np.inf, error), Lasso()), X, y


def test_a_fold_that_fails_gets_the_error_score():
    pipe, X, y = failing(row=0)
    X = X.copy()
    X[:, 0] = np.arange(len(X))  # only the fold that has row 0 in its test part can be fitted
    pipe.set_params(fails__row=0.0)
    search = PathSearchCV(pipe, alphas=[1.0, 0.1], cv=KFold(3), error_score=-7.0, refit=False, return_train_score=True)
    with pytest.warns(FitFailedWarning, match=r"4 fits failed out of a total of 6[\s\S]*set to -7.0[\s\S]*this row"):
        search.fit(X, y)
    assert search.cv_results_["split1_test_score"].tolist() == [-7.0, -7.0]
    assert search.cv_results_["split2_train_score"].tolist() == [-7.0, -7.0]
    assert (search.cv_results_["split0_test_score"] > 0).all()
    search.set_params(error_score=np.nan, scoring=["r2", "neg_max_error"])
    with (
        pytest.warns(FitFailedWarning),
        pytest.warns(UserWarning, match="test scores are non-finite"),
        pytest.warns(UserWarning, match="train scores are non-finite"),
    ):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_r2"]).all()
    assert search.cv_results_["rank_test_neg_max_error"].tolist() == [1, 1]
    search.set_params(error_score="raise")
    with pytest.raises(ValueError, match="this row"):
        search.fit(X, y)


def test_all_folds_failing_raises():
    pipe, X, y = failing(row=0)
    search = PathSearchCV(pipe, alphas=[1.0, 0.1], cv=[(np.arange(9), np.arange(9, 20))] * 2)
    with pytest.raises(ValueError, match=r"All the 4 fits failed[\s\S]*4 fits failed with[\s\S]*this row"):
        search.fit(X, y)


def test_a_scorer_that_fails_gets_the_error_score():
    X, y = DIABETES

    def scoring(model, X, y):
        if model.alpha < 0.5:
            raise RuntimeError("too weak")
        return 1.0

    options = {"alphas": [1.0, 0.1], "cv": 2, "error_score": -1.0}
    with pytest.warns(UserWarning, match=r"Scoring failed[\s\S]*too weak"):
        search = PathSearchCV(Lasso(), scoring=scoring, **options).fit(X, y)
    assert search.cv_results_["mean_test_score"].tolist() == [1.0, -1.0]
    with pytest.warns(UserWarning, match="Scoring failed"):
        search = PathSearchCV(Lasso(), scoring={"a": scoring, "b": "r2"}, refit="a", **options).fit(X, y)
    assert search.cv_results_["mean_test_a"].tolist() == [1.0, -1.0]
    assert (search.cv_results_["mean_test_b"] > 0.0).all()
    with pytest.raises(RuntimeError, match="too weak"):
        PathSearchCV(Lasso(), scoring=scoring, **{**options, "error_score": "raise"}).fit(X, y)
    with pytest.raises(ValueError, match="scoring must return a number, got text"):
        PathSearchCV(Lasso(), scoring=lambda *_: "text", **options).fit(X, y)


def test_one_warning_for_all_that_did_not_converge():
    X, y = DIABETES
    model = SparseRegressor("poisson", max_iter=1, tol=1e-14)
    with pytest.warns(ConvergenceWarning) as caught:
        PathSearchCV(model, alphas=20, cv=4, refit=False).fit(X, y)
    assert len(caught) == 1
    assert "of 80 fits did not converge, on 4 of 4 paths: largest relative duality gap" in str(caught[0].message)


def test_one_warning_says_that_there_is_no_minimum():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 80)), rng.integers(0, 2, 60)
    with pytest.warns(ConvergenceWarning) as caught:
        PathSearchCV(SparseClassifier(penalty="mcp"), alphas=10, cv=3, refit=False).fit(X, y)
    (message,) = [str(warning.message) for warning in caught]
    assert " of 30 fits, on 3 of 3 paths, there is no finite minimum" in message


def test_a_failed_fit_leaves_the_last_one():
    X, y = DIABETES
    search = PathSearchCV(Lasso(), alphas=[1.0, 0.1], cv=2)
    with pytest.raises(ValueError, match="NaN"):
        search.set_params(alphas=3).fit(np.full_like(X, np.nan), y)
    assert not [name for name in vars(search) if name.endswith("_")]
    search.set_params(alphas=[1.0, 0.1]).fit(X, y)
    before = dict(vars(search))
    with pytest.raises(ValueError, match="All the 4 fits failed"):
        search.fit(np.full_like(X, np.nan), y)
    assert vars(search).keys() == before.keys()
    assert all(vars(search)[name] is before[name] for name in before)
    search.set_params(refit=False).fit(X, y)
    assert not hasattr(search, "best_estimator_")  # of the fit before


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("fitted", [False, True])
def test_an_interrupt_leaves_no_half_of_a_fit(n_jobs, fitted):
    X, y = DIABETES
    X = X.copy()
    X[:, 0] = np.arange(len(X))
    pipe = make_pipeline(Fails(np.inf), Lasso())
    search = PathSearchCV(pipe, alphas=[1.0, 0.1], cv=KFold(3), n_jobs=n_jobs)
    if fitted:
        search.fit(X, y)
    before = dict(vars(search))
    before["estimator"] = clone(pipe).set_params(fails__row=len(X) - 1.0, fails__error=KeyboardInterrupt)
    search.set_params(estimator=before["estimator"])
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert vars(search).keys() == before.keys()
    assert all(vars(search)[name] is before[name] for name in before)


def test_an_interrupt_inside_the_solver(monkeypatch):
    X, y = DIABETES
    import sparsereg.model_selection.folds as folds

    steps = []

    def follow(*args, **options):
        for solution in follow_path(*args, **options):
            steps.append(solution)
            if len(steps) == 7:
                raise KeyboardInterrupt
            yield solution

    follow_path = folds.follow_path
    monkeypatch.setattr(folds, "follow_path", follow)
    search = PathSearchCV(Lasso(), alphas=[1.0, 0.5, 0.2, 0.1], cv=3, verbose=1)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert len(steps) == 7
    with pytest.raises(NotFittedError):
        search.predict(X)


# --- As an estimator among others


def test_parameters_clone_and_repr():
    pipe = make_pipeline(StandardScaler(), Lasso())
    search = PathSearchCV(pipe, alphas=[1.0], refit="1se")
    copy = clone(search)
    assert copy.estimator is not pipe
    assert copy.get_params()["refit"] == "1se"
    assert copy.set_params(estimator__lasso__tol=1e-3).estimator[-1].tol == 1e-3
    assert "PathSearchCV(alphas=[1.0]" in repr(search)
    html = search._repr_html_()
    assert "StandardScaler" in html
    assert "Lasso" in html
    assert "PathSearchCV" in search.fit(*DIABETES)._repr_html_()


def test_methods_are_those_of_the_estimator():
    for estimator, methods in (
        (Lasso(), {"predict"}),
        (SparseClassifier(), {"predict", "predict_proba", "predict_log_proba", "decision_function"}),
        (SparseClassifier("squared_hinge"), {"predict", "decision_function"}),
        (make_pipeline(StandardScaler(), SparseClassifier()), {"predict", "predict_proba", "decision_function"}),
    ):
        search = PathSearchCV(estimator)
        for name in ("predict", "predict_proba", "decision_function", "transform", "inverse_transform"):
            assert hasattr(search, name) == (name in methods), (estimator, name)
        assert get_tags(search).estimator_type == get_tags(estimator).estimator_type
        assert get_tags(search).input_tags == get_tags(estimator).input_tags
        assert get_tags(search).target_tags == get_tags(estimator).target_tags
    unfitted = PathSearchCV(SparseClassifier())
    for name in ("classes_", "n_features_in_"):
        assert not hasattr(unfitted, name)
    with pytest.raises(NotFittedError):
        unfitted.predict(DIABETES[0])


def test_pickle_holds_no_data():
    X, y = DIABETES
    X, y = np.tile(X, (20, 1)), np.tile(y, 20)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(10)])
    search = PathSearchCV(make_pipeline(StandardScaler(), Lasso()), alphas=20, cv=3).fit(frame, y)
    saved = pickle.dumps(search)
    assert len(saved) < y.nbytes / 2
    copy = pickle.loads(saved)
    np.testing.assert_array_equal(copy.predict(frame), search.predict(frame))
    assert copy.feature_names_in_.tolist() == list(frame.columns)
    assert copy.n_features_in_ == 10
    assert copy.best_params_ == search.best_params_


def test_nested_in_other_tools():
    X, y = DIABETES
    search = PathSearchCV(make_pipeline(StandardScaler(), Lasso()), alphas=8, cv=3)
    scores = cross_val_score(search, X, y, cv=3, n_jobs=2)
    assert (scores > 0.4).all()
    outer = GridSearchCV(make_pipeline(PolynomialFeatures(), search), {"polynomialfeatures__degree": [1, 2]}, cv=2)
    outer.fit(X, y)
    assert outer.best_estimator_[-1].best_params_["lasso__alpha"] > 0


def test_threads_and_processes_give_the_same_bits():
    X, y = DIABETES
    search = PathSearchCV(make_pipeline(StandardScaler(), Lasso()), alphas=8, cv=3, refit=False)
    one = search.fit(X, y).cv_results_["mean_test_score"]
    threads = clone(search).set_params(n_jobs=3).fit(X, y).cv_results_["mean_test_score"]
    with parallel_config("loky", n_jobs=2):
        processes = clone(search).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(one, threads)
    np.testing.assert_array_equal(one, processes)


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X, columns=list("abcdefghij")),
        lambda X: pl.DataFrame(X, schema=list("abcdefghij")),
    ],
)
def test_containers(convert):
    X, y = DIABETES
    expected = PathSearchCV(Lasso(tol=1e-12), alphas=[1.0, 0.1], cv=3).fit(X, y)
    search = PathSearchCV(Lasso(tol=1e-12), alphas=[1.0, 0.1], cv=3).fit(convert(X), y.tolist())
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
    np.testing.assert_allclose(search.predict(convert(X)), expected.predict(X))


def test_groups_go_to_the_splitter():
    X, y = DIABETES
    groups = np.arange(len(y)) % 7
    options = {"cv": GroupKFold(3)}
    ours = PathSearchCV(Lasso(tol=1e-12), alphas=[1.0, 0.1], **options).fit(X, y, groups=groups)
    theirs = GridSearchCV(Lasso(tol=1e-12), {"alpha": [1.0, 0.1]}, **options).fit(X, y, groups=groups)
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    with pytest.raises(ValueError, match="groups"):
        PathSearchCV(Lasso(), **options).fit(X, y)


def test_several_targets():
    X, y = DIABETES
    Y = np.column_stack([y, -y + X[:, 3], y**2])
    ours = PathSearchCV(SparseRegressor(tol=1e-12), alphas=5, cv=3).fit(X, Y)
    grid = {"alpha": [params["alpha"] for params in ours.cv_results_["params"]]}
    theirs = GridSearchCV(SparseRegressor(tol=1e-12), grid, cv=3).fit(X, Y)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_output_as_frames_and_functions_as_steps():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    pipe = make_pipeline(FunctionTransformer(lambda X: X * 2.0), StandardScaler(), Lasso()).set_output(
        transform="pandas"
    )
    search = PathSearchCV(pipe, alphas=5, cv=3).fit(X, y)
    assert search.best_estimator_[-1].feature_names_in_.tolist() == list(X.columns)
    assert search.feature_names_in_.tolist() == list(X.columns)
    with sklearn.config_context(transform_output="pandas"):
        assert PathSearchCV(make_pipeline(StandardScaler(), Lasso()), alphas=5, cv=3, n_jobs=2).fit(X, y)

"""The estimators where users put them: pipelines, searches, other people's frames, threads and processes."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from joblib import Parallel, delayed, parallel_config
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from threadpoolctl import threadpool_limits

from sparsereg import ElasticNet, Lasso, SelectNonzero, SparseClassifier, SparseRegressor
from sparsereg.penalties import ElasticNet as ElasticNetPenalty

FOLDS = KFold(3, shuffle=True, random_state=0)


# --- Pipelines and searches


def test_grid_search_over_alpha_as_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    grid = {"lasso__alpha": [0.5, 1.0, 3.0, 10.0]}
    searches = []
    for lasso in (Lasso(tol=1e-10), SklearnLasso(tol=1e-10, max_iter=10_000)):
        pipe = Pipeline([("poly", PolynomialFeatures(2)), ("scale", StandardScaler()), ("lasso", lasso)])
        searches.append(GridSearchCV(pipe, grid, cv=FOLDS).fit(X, y))
    ours, theirs = searches
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5)


def test_grid_search_over_the_penalty_and_its_parameters():
    X, y = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), SparseClassifier(alpha=0.02))
    grid = [
        {"sparseclassifier__penalty": ["l1", "l2", None], "sparseclassifier__alpha": [0.05]},
        {
            "sparseclassifier__penalty": [ElasticNetPenalty()],
            "sparseclassifier__penalty__l1_ratio": [0.2, 0.8],
        },
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without a penalty the classes of a fold are separable
        search = GridSearchCV(pipe, grid, cv=FOLDS).fit(X, y)
    assert len(search.cv_results_["params"]) == 5
    assert search.best_score_ > 0.96
    for params, score in zip(search.cv_results_["params"][3:], search.cv_results_["mean_test_score"][3:], strict=True):
        ratio = params["sparseclassifier__penalty__l1_ratio"]
        model = SparseClassifier(penalty=ElasticNetPenalty(l1_ratio=ratio), alpha=0.02)
        assert score == cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=FOLDS).mean()


def test_cross_val_score_as_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    scores = [cross_val_score(lasso(alpha=0.05, tol=1e-10), X, y, cv=FOLDS) for lasso in (Lasso, SklearnLasso)]
    np.testing.assert_allclose(*scores, rtol=1e-6)


def test_one_versus_rest_on_three_classes():
    X, y = load_iris(return_X_y=True, as_frame=True)
    y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    model = OneVsRestClassifier(SparseClassifier(alpha=0.003, standardize=True)).fit(X, y)
    assert model.score(X, y) > 0.94
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert [part.coef_.shape for part in model.estimators_] == [(1, 4)] * 3


def test_pipeline_on_sparse_counts_keeps_them_sparse():
    X = sparse.random_array((120, 3000), density=0.01, random_state=np.random.default_rng(0), format="csr")
    y = np.asarray(X[:, :20].sum(axis=1)) > 0.05
    model = make_pipeline(MaxAbsScaler(), SelectNonzero(SparseClassifier(alpha=0.01)), SparseClassifier())
    model.fit(X, y)
    kept = model[:-1].transform(X)
    assert sparse.issparse(kept)
    assert kept.shape[1] == model[1].kept_.size < 3000
    assert model.score(X, y) > 0.8


def test_a_pipeline_that_leaves_sparsity_on_purpose():
    """Thousands of categories -> the few that matter -> a dense space -> any model of scikit-learn's."""
    rng = np.random.default_rng(0)
    cities, trades = rng.integers(1500, size=4000), rng.integers(1000, size=4000)
    X = pd.DataFrame({"city": [f"c{c}" for c in cities], "trade": [f"t{t}" for t in trades]})
    y = np.where(rng.random(4000) < np.where((cities % 50 < 4) ^ (trades % 20 < 2), 0.9, 0.1), "buys", "leaves")
    model = make_pipeline(
        OneHotEncoder(handle_unknown="ignore"),
        SelectNonzero(SparseClassifier(alpha=1e-4)),
        TruncatedSVD(20, random_state=0),
        LogisticRegression(),
    )
    model.fit(X, y)
    encoded, selected = model[:1].transform(X), model[:2].transform(X)
    assert sparse.issparse(selected)
    assert 20 < selected.shape[1] < encoded.shape[1]
    assert model[:3].transform(X).shape == (4000, 20)
    assert isinstance(model[:3].transform(X), np.ndarray)
    assert model.score(X, y) > (y == "leaves").mean()
    assert len(model[:2].get_feature_names_out()) == selected.shape[1]


# --- Frames


def mixed_frame(n=150):
    rng = np.random.default_rng(0)
    return (
        pd.DataFrame(
            {
                "size": rng.gamma(2.0, size=n),
                "age": rng.integers(1, 90, n),
                "kind": rng.choice(["flat", "house", "boat"], n),
            }
        ),
        rng,
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_column_transformer_and_names(library):
    frame, rng = mixed_frame()
    y = 3 * frame["size"].to_numpy() + 2 * (frame["kind"] == "boat") + 0.1 * rng.normal(size=len(frame))
    frame = pl.DataFrame(frame.to_dict("list")) if library == "polars" else frame
    encode = ColumnTransformer(
        [
            ("number", StandardScaler(), ["size", "age"]),
            ("kind", OneHotEncoder(sparse_output=False), ["kind"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform=library)
    model = make_pipeline(encode, SelectNonzero(Lasso(alpha=0.1)), SparseRegressor(alpha=0.01))
    model.set_output(transform=library).fit(frame, np.asarray(y))
    names = ["size", "kind_boat"]
    assert model[:-1].get_feature_names_out().tolist() == names
    assert model[-1].feature_names_in_.tolist() == names
    assert list(model[:-1].transform(frame).columns) == names
    assert isinstance(model[:-1].transform(frame), pl.DataFrame if library == "polars" else pd.DataFrame)
    assert model.score(frame, np.asarray(y)) > 0.95


@pytest.mark.parametrize("library", [pd.DataFrame, lambda X, columns: pl.DataFrame(X, schema=columns)])
def test_names_are_kept_and_checked(library):
    X, y = load_diabetes(return_X_y=True)
    names = [f"column {j}" for j in range(10)]
    model = SparseRegressor(alpha=0.1).fit(library(X, columns=names), y)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_allclose(model.coef_, SparseRegressor(alpha=0.1).fit(X, y).coef_, atol=1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(library(X, columns=names[::-1]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")


def test_selected_frames_are_frames():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    select = SelectNonzero(Lasso(alpha=1.0)).set_output(transform="pandas").fit(X, y)
    out = select.transform(X)
    pd.testing.assert_frame_equal(out, X[["bmi", "bp", "s5"]])
    polar = select.set_output(transform="polars").transform(X)
    assert polar.columns == ["bmi", "bp", "s5"]


# --- Copies


def test_clone_copies_parameters_only():
    X, y = load_diabetes(return_X_y=True)
    penalty = ElasticNetPenalty(l1_ratio=0.3)
    model = SparseRegressor("huber", penalty, alpha=0.2, lower=-1.0, penalty_factor=np.ones(10)).fit(X, y)
    copy = clone(model)
    assert not hasattr(copy, "sparse_coef_")
    assert copy.penalty is not penalty
    assert copy.get_params()["penalty__l1_ratio"] == 0.3
    assert copy.set_params(penalty__l1_ratio=0.9).penalty.l1_ratio == 0.9
    assert penalty.l1_ratio == 0.3
    assert "penalty__l1_ratio" not in SparseRegressor().get_params()


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize(
    "model", [Lasso(), ElasticNet(), SparseRegressor("huber"), SparseClassifier(), SelectNonzero(Lasso())]
)
def test_pickle(model, protocol):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = clone(model).fit(X, y > y.mean() if isinstance(model, SparseClassifier) else y)
    copy = pickle.loads(pickle.dumps(model, protocol))
    work = "transform" if isinstance(model, SelectNonzero) else "predict"
    np.testing.assert_array_equal(getattr(copy, work)(X), getattr(model, work)(X))
    assert copy.feature_names_in_.tolist() == list(X.columns)
    assert str(copy) == str(model)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_threads_and_processes_give_the_same_bits(container):
    X, y = load_diabetes(return_X_y=True)
    X = container(np.hstack([X, X[:, :5] * X[:, 5:]]))
    X = X if sparse.issparse(X) else np.asfortranarray(X)
    models = [SparseRegressor("huber", alpha=0.01), Lasso(alpha=0.1), ElasticNet(alpha=0.01)]
    models += [SparseRegressor("poisson", "elasticnet", alpha=alpha) for alpha in (0.3, 0.1)]
    work = [delayed(clone(model).fit)(X, y) for model in models]
    with threadpool_limits(1):
        serial = [model.fit(X, y) for model in models]
        with parallel_config("threading"):
            threads = Parallel(n_jobs=4)(work)
    with parallel_config("loky", inner_max_num_threads=1):
        processes = Parallel(n_jobs=2)(work)
    for one, other in [*zip(serial, threads, strict=True), *zip(serial, processes, strict=True)]:
        assert one.sparse_coef_.data.tobytes() == other.sparse_coef_.data.tobytes()
        np.testing.assert_array_equal(one.sparse_coef_.indices, other.sparse_coef_.indices)
        assert one.intercept_ == other.intercept_
        assert one.n_iter_ == other.n_iter_


def test_grid_search_in_threads():
    X, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(Lasso(), {"alpha": [0.01, 0.1, 1.0]}, cv=FOLDS)
    with threadpool_limits(1), parallel_config("threading"):
        serial = clone(search).fit(X, y).cv_results_["mean_test_score"]
        threads = clone(search).set_params(n_jobs=4).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(serial, threads)


# --- Metadata routing


def counts(n=200):
    """Counts over exposures, with weights."""
    rng = np.random.default_rng(0)
    X, exposure = rng.normal(size=(n, 6)), rng.gamma(2.0, size=n)
    y = rng.poisson(exposure * np.exp(0.7 * X[:, 0] - 0.4 * X[:, 1]))
    return X, y, rng.integers(1, 4, n).astype(float), np.log(exposure)


def fold_scores(model, X, y, sample_weight, offset):
    """What a search should find, fold by fold."""
    for train, test in FOLDS.split(X):
        fitted = clone(model).fit(X[train], y[train], sample_weight[train], offset[train])
        yield fitted.score(X[test], y[test], sample_weight[test], offset[test])


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_routing_through_grid_search(in_pipeline):
    X, y, sample_weight, offset = counts()
    with sklearn.config_context(enable_metadata_routing=True):
        model = SparseRegressor("poisson", tol=1e-10)
        model.set_fit_request(sample_weight=True, offset=True)
        model.set_score_request(sample_weight=True, offset=True)
        if in_pipeline:
            scaler = StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False)
            routed = Pipeline([("scale", scaler), ("model", model)])
            grid = {"model__alpha": [0.3, 0.03]}
        else:
            routed, grid = model, {"alpha": [0.3, 0.03]}
        search = GridSearchCV(routed, grid, cv=FOLDS)
        search.fit(X, y, sample_weight=sample_weight, offset=offset)
        scored = search.score(X, y, sample_weight=sample_weight, offset=offset)
    for k, alpha in enumerate([0.3, 0.03]):
        found = [search.cv_results_[f"split{i}_test_score"][k] for i in range(3)]
        plain = SparseRegressor("poisson", alpha=alpha, tol=1e-10)
        np.testing.assert_array_equal(found, list(fold_scores(plain, X, y, sample_weight, offset)))
    best = SparseRegressor("poisson", alpha=0.03, tol=1e-10).fit(X, y, sample_weight, offset)
    winner = search.best_estimator_[-1] if in_pipeline else search.best_estimator_
    assert winner.alpha == 0.03
    np.testing.assert_array_equal(winner.coef_, best.coef_)
    assert scored == best.score(X, y, sample_weight, offset)


def test_routing_of_predictions():
    X, y, _, offset = counts()
    with sklearn.config_context(enable_metadata_routing=True):
        model = SparseRegressor("poisson", alpha=0.03).set_fit_request(offset=True)
        pipe = make_pipeline(StandardScaler(), model.set_predict_request(offset=True)).fit(X, y, offset=offset)
        predicted = pipe.predict(X, offset=offset)
        with pytest.raises(ValueError, match="offset"):
            pipe.predict(X)
    scaled = StandardScaler().fit_transform(X)
    direct = SparseRegressor("poisson", alpha=0.03).fit(scaled, y, offset=offset)
    np.testing.assert_array_equal(predicted, direct.predict(scaled, offset=offset))


def test_a_scorer_that_forgets_the_offset_is_not_silently_wrong():
    X, y, _, offset = counts()
    with sklearn.config_context(enable_metadata_routing=True):
        model = SparseRegressor("poisson", alpha=0.03).set_fit_request(offset=True)
        search = GridSearchCV(model, {"alpha": [0.1]}, scoring="neg_mean_poisson_deviance", error_score="raise")
        with pytest.raises(ValueError, match="fitted with an offset"):
            search.fit(X, y, offset=offset)


def test_routing_through_the_selector():
    X, y, sample_weight, offset = counts()
    offset = np.where(X[:, 0] > 0, 3.0, 0.0)  # explains what x_0 explained
    with sklearn.config_context(enable_metadata_routing=True):
        model = SparseRegressor("poisson", alpha=0.2).set_fit_request(sample_weight=True, offset=True)
        select = SelectNonzero(model)
        pipe = make_pipeline(select, Lasso().set_fit_request(sample_weight=False, offset=False))
        pipe.fit(X, y, sample_weight=sample_weight, offset=offset)
    direct = SparseRegressor("poisson", alpha=0.2).fit(X, y, sample_weight, offset)
    np.testing.assert_array_equal(pipe[0].estimator_.coef_, direct.coef_)


def test_the_selector_passes_on_without_routing():
    X, y, sample_weight, offset = counts()
    select = SelectNonzero(SparseRegressor("poisson", alpha=0.2))
    select.fit(X, y, sample_weight=sample_weight, offset=offset)
    direct = SparseRegressor("poisson", alpha=0.2).fit(X, y, sample_weight, offset)
    np.testing.assert_array_equal(select.estimator_.coef_, direct.coef_)
    pipe = make_pipeline(SelectNonzero(Lasso(alpha=0.1)), Lasso())
    pipe.fit(X, y, selectnonzero__sample_weight=sample_weight)
    np.testing.assert_array_equal(
        pipe[0].estimator_.coef_, Lasso(alpha=0.1).fit(X, y, sample_weight=sample_weight).coef_
    )


def test_a_fold_that_cannot_be_fitted_is_reported_by_the_search():
    X, y = load_diabetes(return_X_y=True)
    bad = GridSearchCV(SparseRegressor("gamma"), {"alpha": [1.0, -1.0]}, cv=FOLDS)
    with pytest.warns((FitFailedWarning, UserWarning)):
        bad.fit(X, y)
    assert np.isfinite(bad.cv_results_["mean_test_score"]).tolist() == [True, False]

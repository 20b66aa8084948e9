"""LassoCV and ElasticNetCV: scikit-learn's answers."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.linear_model
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GroupKFold, KFold, cross_validate
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsereg import ElasticNetCV, Lasso, LassoCV, PathSearchCV, regularization_path

DIABETES = load_diabetes(return_X_y=True)
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(DIABETES[1])).astype(float)


@parametrize_with_checks([LassoCV(tol=1e-10, alphas=10), ElasticNetCV(tol=1e-10, l1_ratio=[0.5, 1.0], alphas=5)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def pair(kind, **params):
    """Ours and scikit-learn's, to the last digit."""
    ours = {"LassoCV": LassoCV, "ElasticNetCV": ElasticNetCV}[kind](tol=1e-12, **params)
    theirs = getattr(sklearn.linear_model, kind)(tol=1e-12, max_iter=100_000)
    if isinstance(params.get("alphas"), int) and "n_alphas" in theirs.get_params():  # scikit-learn before 1.9
        params = {**params, "n_alphas": params["alphas"]}
        del params["alphas"]
    return ours, theirs.set_params(**params)


def assert_same(ours, theirs, X):
    np.testing.assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-9)
    assert ours.alphas_.shape == theirs.alphas_.shape
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-6)
    assert ours.alpha_ == pytest.approx(theirs.alpha_, rel=1e-9)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.n_features_in_ == theirs.n_features_in_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("LassoCV", {}),
        ("LassoCV", {"alphas": [0.01, 1.0, 0.1], "cv": 3}),
        ("LassoCV", {"alphas": 20, "eps": 0.01, "fit_intercept": False}),
        ("LassoCV", {"alphas": 15, "cv": KFold(4, shuffle=True, random_state=0)}),
        ("ElasticNetCV", {"alphas": 20}),
        ("ElasticNetCV", {"alphas": 20, "l1_ratio": [0.3, 0.9, 1.0]}),
        ("ElasticNetCV", {"alphas": [0.001, 0.01], "l1_ratio": [0.3, 0.9]}),
        ("ElasticNetCV", {"alphas": 9, "l1_ratio": [0.7], "cv": 3}),
        ("ElasticNetCV", {"alphas": [0.01, 0.1], "l1_ratio": 0.1, "positive": True}),
    ],
)
def test_same_answers_as_scikit_learn(kind, params, weighted):
    X, y = DIABETES
    ours, theirs = pair(kind, **params)
    w = WEIGHTS if weighted else None
    assert_same(ours.fit(X, y, sample_weight=w), theirs.fit(X, y, sample_weight=w), X)
    if kind == "ElasticNetCV":
        assert ours.l1_ratio_ == theirs.l1_ratio_
    else:
        assert not hasattr(ours, "l1_ratio_")


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, np.asfortranarray])
def test_same_answers_on_other_containers(container):
    X, y = DIABETES
    X = np.where(np.abs(X) > 0.04, X, 0.0)
    ours, theirs = pair("LassoCV", alphas=10)
    assert_same(ours.fit(container(X), y), theirs.fit(sparse.csc_matrix(X), y), X)


def test_positive_grids():
    X, y = DIABETES
    model = LassoCV(positive=True, alphas=20, tol=1e-10).fit(X, y)
    top = (X.T @ (y - y.mean())).max() / len(y)
    assert model.alphas_[0] == pytest.approx(top)
    assert (model.coef_ >= 0).all()


def test_as_the_search_finds_it():
    X, y = DIABETES
    face = LassoCV(alphas=20, tol=1e-10, cv=4, n_jobs=2).fit(X, y, sample_weight=WEIGHTS)
    search = PathSearchCV(Lasso(tol=1e-10), alphas=20, cv=4, scoring="neg_mean_squared_error")
    search.fit(X, y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(face.mse_path_.mean(axis=1), -search.cv_results_["mean_test_score"], rtol=1e-9)
    assert face.alpha_ == search.best_params_["alpha"]
    np.testing.assert_array_equal(face.coef_, search.best_estimator_.coef_)
    np.testing.assert_allclose(face.predict(X), search.predict(X), rtol=1e-12)
    for name in ("sparse_coef_", "dual_gap_", "relative_gap_", "kkt_violation_", "n_iter_", "history_"):
        assert hasattr(face, name)


def test_offset():
    X, y = DIABETES
    offset = 100 * X[:, 2]
    plain = LassoCV(alphas=10, tol=1e-10).fit(X, y - offset)
    model = LassoCV(alphas=10, tol=1e-10).fit(X, y, offset=offset)
    np.testing.assert_allclose(model.mse_path_, plain.mse_path_, rtol=1e-6)
    np.testing.assert_allclose(model.predict(X, offset=offset), plain.predict(X) + offset, rtol=1e-6)
    with pytest.raises(ValueError, match="fitted with an offset"):
        model.predict(X)


def test_groups_frames_and_pickles():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    groups = np.arange(len(y)) % 7
    model = LassoCV(alphas=5, cv=GroupKFold(3)).fit(X, y, groups=groups)
    expected = PathSearchCV(Lasso(), alphas=5, cv=GroupKFold(3), scoring="neg_mean_squared_error")
    expected.fit(X, y, groups=groups)
    np.testing.assert_allclose(model.mse_path_.mean(axis=1), -expected.cv_results_["mean_test_score"])
    assert model.feature_names_in_.tolist() == list(X.columns)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert isinstance(X, pd.DataFrame)
    assert "cv=GroupKFold" in repr(clone(model))


def test_routing():
    X, y = DIABETES
    with sklearn.config_context(enable_metadata_routing=True):
        scores = []
        for model in pair("LassoCV", alphas=[0.01, 0.1, 1.0]):
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            scores.append(cross_validate(model, X, y, params={"sample_weight": WEIGHTS}, cv=3)["test_score"])
    np.testing.assert_allclose(*scores, rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (LassoCV(alphas=[]), ValueError, "alphas is empty"),
        (LassoCV(alphas=[-1.0]), ValueError, "alphas must be finite and >= 0"),
        (LassoCV(eps=0.0), ValueError, "eps must be > 0"),
        (LassoCV(tol=-1.0), ValueError, "tol must be > 0"),
        (LassoCV(positive="yes"), TypeError, "positive must be True or False"),
        (ElasticNetCV(l1_ratio=2.0), ValueError, "l1_ratio must be >= 0 and <= 1"),
        (ElasticNetCV(l1_ratio=[]), ValueError, "l1_ratio must be a number or a list"),
        (ElasticNetCV(l1_ratio="all"), TypeError, "l1_ratio must be a number or a list"),
        (ElasticNetCV(l1_ratio=0.0), ValueError, "alphas as an array"),
        (LassoCV(cv=1), ValueError, "at least one train/test split"),
    ],
)
def test_bad_parameters(model, error, message):
    with pytest.raises(error, match=message):
        model.fit(*DIABETES)
    assert not hasattr(model, "alpha_")
    assert not hasattr(model, "n_features_in_")


def test_targets_of_several_columns():
    X, y = DIABETES
    with pytest.raises(ValueError, match="y must be one-dimensional; got 2 columns"):
        LassoCV().fit(X, np.column_stack([y, y]))
    with pytest.warns(DataConversionWarning):
        column = LassoCV(alphas=5).fit(X, y[:, None])
    np.testing.assert_array_equal(column.coef_, LassoCV(alphas=5).fit(X, y).coef_)


def test_it_is_no_model_of_a_path():
    X, y = DIABETES
    with pytest.raises(TypeError, match="LassoCV chooses its alpha.*use Lasso"):
        regularization_path(LassoCV(), X, y)
    with pytest.raises(TypeError, match="must be one of sparsereg's linear models"):
        PathSearchCV(LassoCV()).fit(X, y)


def test_one_warning_and_interrupts(monkeypatch):
    X, y = DIABETES
    import sparsereg.model_selection.folds as folds

    follow_path = folds.follow_path
    with monkeypatch.context() as patch:
        patch.setattr(
            folds,
            "follow_path",
            lambda *args, **options: (replace(s, status="max_iter") for s in follow_path(*args, **options)),
        )
        with pytest.warns(ConvergenceWarning, match="50 of 50 fits did not converge, on 5 of 5 paths") as caught:
            LassoCV(alphas=10).fit(X, y)
    assert len(caught) == 1
    model = LassoCV(alphas=5).fit(X, y)
    before = dict(vars(model))

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(folds, "follow_path", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], y)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize("model", [LassoCV(alphas=5), ElasticNetCV(alphas=5)])
def test_attributes_are_those_documented(model):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model.fit(X, y)
    said = re.search(r"Attributes\n +-+\n(.*?)\n\n", model.__doc__, re.DOTALL)[1]
    names = {name for line in said.splitlines() for name in re.findall(r"^    ([\w, ]+_)(?: :|$)", line)}
    names = {name for line in names for name in line.split(", ")}
    assert names == {name for name in dir(model) if name.endswith("_") and not name.startswith("_")}

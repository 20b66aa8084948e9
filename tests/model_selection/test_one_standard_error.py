"""The one-standard-error rule, on searches of ours and of scikit-learn's."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sparsereg import ElasticNet, Lasso, PathSearchCV, one_standard_error
from sparsereg.penalties import ElasticNet as ElasticNetPenalty


def results(params, scores, metric="score"):
    """What a search stores, from scores by candidate and fold."""
    scores = np.array(scores, dtype=float)
    made = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return made | {
        f"mean_test_{metric}": scores.mean(axis=1),
        f"std_test_{metric}": scores.std(axis=1),
        "params": params,
    }


def test_by_hand():
    alphas = [3.0, 0.1, 1.0, 0.3]
    scores = [[4.0, 6.0, 5.0, 5.0], [8.0, 10.0, 9.0, 9.0], [8.0, 9.0, 8.0, 9.2], [10.0, 8.0, 10.0, 9.0]]
    found = results([{"alpha": a} for a in alphas], scores)
    # best: 9.25 at 0.3, standard error sd / sqrt(3) = 0.479 (population sd); 1.0 has 8.55, 0.1 has 9.0
    assert found["std_test_score"][3] / np.sqrt(3) == pytest.approx(np.std(scores[3], ddof=1) / 2)
    assert one_standard_error(found) == 3
    scores[2][3] = 10.2  # 8.8
    assert one_standard_error(results([{"alpha": a} for a in alphas], scores)) == 2
    assert one_standard_error(results([{"model__C": a} for a in alphas], scores)) == 1


def test_among_candidates_that_share_the_other_parameters():
    kept, other = ElasticNetPenalty(), np.array([1.0, 2.0])
    params = [
        {"m__alpha": 9.0, "m__penalty": ElasticNetPenalty(0.9), "bounds": other},
        {"m__alpha": 8.0, "m__penalty": kept, "bounds": None},
        {"m__alpha": 7.0, "m__penalty": kept},
        {"m__alpha": 2.0, "m__penalty": kept, "bounds": other.copy()},
        {"m__alpha": 1.0, "m__penalty": kept, "bounds": other},
    ]
    assert one_standard_error(results(params, [[1.0, 1.0]] * 4 + [[1.0, 1.1]])) == 3


def test_ties_folds_and_failures():
    same = [{"alpha": 1.0, "tol": 0.1}, {"alpha": 1.0, "tol": 0.1}]
    assert one_standard_error(results(same, [[1.0, 1.0]] * 2)) == 0
    assert one_standard_error(results([{"alpha": 1.0}, {"alpha": 2.0}], [[1.0], [0.9]])) == 0  # one fold: no error
    failed = results([{"alpha": a} for a in (9.0, 2.0, 1.0)], [[np.nan, 1.0], [2.0, 2.2], [2.0, 2.3]])
    assert one_standard_error(failed) == 1
    no_strength = results([{"alpha": 1.0}, {"tol": 1.0}], [[1.0, 1.0], [2.0, 2.0]])
    assert one_standard_error(no_strength) == 1  # the best has no strength to vary


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([{"tol": 1.0}], r"exactly one penalty strength.*got \['tol'\]"),
        ([{"a__alpha": 1.0, "b__alpha": 1.0}], r"exactly one penalty strength.*'a__alpha', 'b__alpha'"),
        ([{"alpha": 1.0, "C": 1.0}], "exactly one penalty strength"),
    ],
)
def test_no_strength_or_several(params, message):
    with pytest.raises(ValueError, match=message):
        one_standard_error(results(params, [[1.0, 2.0]]))


def test_scores_that_are_not_there():
    several = results([{"alpha": 1.0}], [[1.0, 2.0]], metric="r2")
    with pytest.raises(ValueError, match=r"no mean_test_score; it has scores called \['r2'\].*metric="):
        one_standard_error(several)
    assert one_standard_error(several, metric="r2") == 0
    with pytest.raises(ValueError, match="no mean_test_score is finite"):
        one_standard_error(results([{"alpha": 1.0}], [[np.nan, 2.0]]))


def test_in_grid_search():
    X, y = load_diabetes(return_X_y=True)
    alphas = np.geomspace(10, 0.01, 15)
    pipe = make_pipeline(StandardScaler(), Lasso(tol=1e-10))
    ours = PathSearchCV(pipe, alphas=alphas, refit="1se").fit(X, y)
    theirs = GridSearchCV(pipe, {"lasso__alpha": alphas}, refit=one_standard_error).fit(X, y)
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    best = GridSearchCV(pipe, {"lasso__alpha": alphas}).fit(X, y)
    assert theirs.best_params_["lasso__alpha"] > best.best_params_["lasso__alpha"]


def test_a_small_c_is_strong():
    X, y = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), LinearSVC(random_state=0, max_iter=20_000))
    grid = {"linearsvc__C": np.geomspace(1e-4, 1, 9)}
    best = GridSearchCV(pipe, grid).fit(X, y).best_params_["linearsvc__C"]
    simple = GridSearchCV(pipe, grid, refit=one_standard_error).fit(X, y).best_params_["linearsvc__C"]
    assert simple < best


def test_one_of_several_scores():
    X, y = load_diabetes(return_X_y=True)
    options = {"cv": ShuffleSplit(6, random_state=0), "param_grid": {"l1_ratio": [0.5, 1.0]}, "alphas": 20}
    rule = partial(one_standard_error, metric="r2")
    search = PathSearchCV(ElasticNet(), scoring=["r2", "neg_mean_absolute_error"], refit=rule, **options).fit(X, y)
    single = PathSearchCV(ElasticNet(), scoring="r2", refit="1se", **options).fit(X, y)
    assert search.best_params_ == single.best_params_
    with pytest.raises(ValueError, match="name of one of several scores"):
        search.score(X, y)

"""SelectNonzero: exactly the nonzero coefficients, sparse in and sparse out, whatever the number of features."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import ElasticNet, Lasso, SelectNonzero, SparseClassifier, SparseRegressor


class Given(RegressorMixin, BaseEstimator):
    """A fitted model whose coefficients are given."""

    def __init__(self, coef):
        self.coef_ = self.coef = np.asarray(coef, dtype=float)
        self.n_features_in_ = self.coef_.shape[-1]

    def fit(self, X, y=None):
        return self


def kept(coef, **options):
    X = np.zeros((2, np.shape(coef)[-1]))
    return SelectNonzero(Given(coef), prefit=True, **options).fit(X).kept_.tolist()


# --- Which features


def test_nonzero_means_not_exactly_zero():
    assert kept([0.0, 1e-300, -0.0, 5e-324, -2.0]) == [1, 3, 4]
    assert kept([0.0, 0.0]) == []
    assert kept([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1.0]]) == [1, 3]


def test_max_features_takes_the_largest():
    coef = [0.5, -3.0, 0.0, 2.0, 1.0]
    assert kept(coef, max_features=2) == [1, 3]
    assert kept(coef, max_features=4) == kept(coef, max_features=9) == kept(coef)
    assert kept([1.0, 1.0, 1.0], max_features=2) == [0, 1]  # ties go to the first
    assert kept([1e-200, 2e-200], max_features=1) == kept([1e200, 2e200], max_features=1) == [1]  # squares: 0, inf
    assert kept([[3.0, 2.2, 0.0], [0.0, 2.2, 2.9]], max_features=1) == [1]  # by norm over outputs


def test_groups_are_kept_whole():
    groups = ["a", "a", "b", "b", "c", "a"]
    assert kept([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], groups=groups) == [2, 3]
    assert kept([0.0, 0.0, 0.0, 0.0, 0.5, 1e-200], groups=groups) == [0, 1, 4, 5]
    assert kept([0.0] * 6, groups=groups) == []
    assert kept([1.0, 0, 0, 0, 0, 0], groups=np.arange(6)) == [0]


def test_groups_under_max_features():
    """In the order of their norms, as many as fit."""
    groups = [0, 0, 0, 1, 1, 2]
    coef = [1.0, 1.0, 1.0, 1.5, 0.0, 0.4]
    assert kept(coef, groups=groups, max_features=6) == [0, 1, 2, 3, 4, 5]
    assert kept(coef, groups=groups, max_features=5) == [0, 1, 2, 3, 4]
    assert kept(coef, groups=groups, max_features=4) == [0, 1, 2, 5]
    assert kept(coef, groups=groups, max_features=2) == [3, 4]
    assert kept(coef, groups=groups, max_features=1) == [5]


def test_as_the_model_says():
    X, y = load_diabetes(return_X_y=True)
    for model in (Lasso(alpha=1.0), ElasticNet(alpha=0.1), SparseRegressor("huber", alpha=0.3), SklearnLasso()):
        select = SelectNonzero(model).fit(X, y)
        coef = clone(model).fit(X, y).coef_
        np.testing.assert_array_equal(select.kept_, np.flatnonzero(coef))
        assert not hasattr(model, "coef_")
        np.testing.assert_array_equal(select.get_support(), coef != 0)
        np.testing.assert_array_equal(select.transform(X), X[:, coef != 0])


def test_classifiers_and_several_outputs():
    X, y = load_iris(return_X_y=True)
    select = SelectNonzero(SparseClassifier(alpha=0.1, standardize=True)).fit(X, y == 2)
    assert 0 < len(select.kept_) < 4
    noise = np.random.default_rng(0).normal(size=(200, 6))
    select = SelectNonzero(SparseRegressor(alpha=0.3)).fit(noise, noise[:, [4, 1]])
    assert select.kept_.tolist() == [1, 4]
    multinomial = LogisticRegression(C=0.05, l1_ratio=1, solver="saga", max_iter=5000, random_state=0)
    select = SelectNonzero(multinomial).fit(X, y)
    np.testing.assert_array_equal(select.get_support(), (select.estimator_.coef_ != 0).any(axis=0))


def test_the_last_step_of_a_pipeline():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    select = SelectNonzero(make_pipeline(StandardScaler(), Lasso(alpha=10.0))).fit(X, y)
    expected = Lasso(alpha=10.0).fit(StandardScaler().fit_transform(X), y).coef_ != 0
    np.testing.assert_array_equal(select.get_support(), expected)
    assert select.get_feature_names_out().tolist() == X.columns[expected].tolist()
    assert select.transform(X).shape == (442, expected.sum())


# --- The trap of SelectFromModel


class Pilot(SklearnLasso):
    """scikit-learn's Lasso under a name that does not contain the word."""


def test_select_from_model_goes_by_the_name_of_the_class():
    """The same coefficients, another name: the mean of the absolute coefficients becomes the threshold."""
    X, y = load_diabetes(return_X_y=True)
    by_name, by_mean = (SelectFromModel(model(alpha=0.1)).fit(X, y) for model in (SklearnLasso, Pilot))
    coef = by_name.estimator_.coef_
    np.testing.assert_array_equal(coef, by_mean.estimator_.coef_)
    assert by_name.threshold_ == 1e-5
    assert by_mean.threshold_ == np.abs(coef).mean()
    assert by_mean.get_support().sum() < by_name.get_support().sum() == np.count_nonzero(coef)
    for model in (SklearnLasso, Pilot, Lasso):
        np.testing.assert_array_equal(SelectNonzero(model(alpha=0.1)).fit(X, y).get_support(), coef != 0)


def test_select_from_model_with_our_estimators():
    """Ours under an object as penalty fall into the trap; a threshold above zero is the way out."""
    X, y = load_diabetes(return_X_y=True)
    ours = SparseRegressor(penalty="elasticnet", alpha=0.01)
    trapped = SelectFromModel(ours).fit(X, y)
    rescued = SelectFromModel(ours, threshold=1e-10).fit(X, y)
    nonzero = np.flatnonzero(trapped.estimator_.coef_)
    assert len(trapped.get_support(indices=True)) < len(nonzero)
    np.testing.assert_array_equal(rescued.get_support(indices=True), nonzero)
    np.testing.assert_array_equal(SelectNonzero(ours).fit(X, y).kept_, nonzero)


# --- What comes out


CONTAINERS = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix, np.asarray]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
@pytest.mark.parametrize("container", CONTAINERS)
def test_same_kind_out_as_in(container, dtype):
    rng = np.random.default_rng(0)
    X = ((rng.random((20, 6)) < 0.5) * rng.integers(1, 4, (20, 6))).astype(dtype)
    select = SelectNonzero(Given([0, 1.0, 0, 2.0, 3.0, 0]), prefit=True).fit(X)
    out = select.transform(container(X))
    assert type(out) is (np.ndarray if container is np.asarray else container)
    assert out.dtype == dtype
    dense = out if container is np.asarray else out.toarray()
    np.testing.assert_array_equal(dense, X[:, [1, 3, 4]])
    back = select.inverse_transform(out)
    assert sparse.issparse(back) == sparse.issparse(out)
    assert back.dtype == dtype
    expected = X * np.array([0, 1, 0, 1, 1, 0], dtype=dtype)
    np.testing.assert_array_equal(back if container is np.asarray else back.toarray(), expected)


@pytest.mark.parametrize("form", ["coo", "lil", "dok", "bsr", "dia"])
def test_other_sparse_formats_come_out_as_csr(form):
    X = sparse.random_array((20, 6), density=0.5, random_state=np.random.default_rng(0))
    select = SelectNonzero(Given([0, 1.0, 0, 2.0, 3.0, 0]), prefit=True).fit(X)
    out = select.transform(X.asformat(form))
    assert out.format == "csr"
    np.testing.assert_array_equal(out.toarray(), X.toarray()[:, [1, 3, 4]])


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_kept_and_everything_kept(container):
    X = np.random.default_rng(0).normal(size=(5, 3))
    for coef in (np.zeros(3), np.ones(3)):
        select = SelectNonzero(Given(coef), prefit=True).fit(X)
        out = select.transform(container(X))
        dense = out if container is np.asarray else out.toarray()
        np.testing.assert_array_equal(dense, X[:, coef != 0])
        back = select.inverse_transform(out)
        np.testing.assert_array_equal(back if container is np.asarray else back.toarray(), X * coef)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_output_is_a_copy(container):
    X = container(np.arange(12.0).reshape(4, 3))
    out = SelectNonzero(Given([1.0, 1.0, 1.0]), prefit=True).fit(X).transform(X)
    for one, other in ((X, out),) if container is np.asarray else ((X.data, out.data), (X.indices, out.indices)):
        assert not np.shares_memory(one, other)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("container", CONTAINERS[:4])
def test_unsorted_and_doubled_entries(container, index):
    X = container((2, 4) if "csr" in container.__name__ else (4, 2))
    X.data, X.indices = np.arange(1.0, 7.0), np.array([3, 0, 3, 1, 1, 2], dtype=index)
    X.indptr = np.array([0, 3, 6], dtype=index)
    coef = np.arange(X.shape[1]) % 2 == 1
    out = SelectNonzero(Given(coef), prefit=True).fit(X).transform(X)
    np.testing.assert_array_equal(out.toarray(), X.toarray()[:, coef])


@pytest.mark.parametrize("container", CONTAINERS[:4])
def test_entries_beyond_the_last_row_are_not_read(container):
    """scipy allows arrays that are longer than indptr says; what is there means nothing."""
    X = container(np.eye(4)[:, [0, 2, 3]])
    expected = X.toarray()
    X.data, X.indices = np.append(X.data, [5.0, 7.0]), np.append(X.indices, [99, -1]).astype(np.int32)
    select = SelectNonzero(Given([1.0, 1.0, 1.0]), prefit=True).fit(expected)
    np.testing.assert_array_equal(select.transform(X).toarray(), expected)
    np.testing.assert_array_equal(select.inverse_transform(X).toarray(), expected)


@pytest.mark.parametrize("n_features", [10**9, 10**12])
def test_more_features_than_int32(n_features):
    rng = np.random.default_rng(0)
    ids = np.sort(rng.choice(n_features, 40, replace=False)).astype(np.int64)
    few = rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.5)
    row, place = np.nonzero(few)
    X = sparse.csr_array((few[row, place], (row, ids[place])), shape=(60, n_features))
    y = few[:, 5] - few[:, 33]
    select = SelectNonzero(SparseRegressor(alpha=0.1)).fit(X, y)
    assert select.kept_.tolist() == ids[[5, 33]].tolist()
    assert select.kept_.dtype == np.int64
    out = select.transform(X)
    np.testing.assert_array_equal(out.toarray(), few[:, [5, 33]])
    assert select.get_support(indices=True).tolist() == ids[[5, 33]].tolist()
    assert select.get_feature_names_out().tolist() == [f"x{j}" for j in ids[[5, 33]]]
    back = select.inverse_transform(out)
    assert back.shape == X.shape
    np.testing.assert_array_equal(select.transform(back).toarray(), out.toarray())


# --- The rest of the contract


def test_prefit_uses_the_model_as_it_is():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = Lasso(alpha=1.0).fit(X, y)
    select = SelectNonzero(model, prefit=True).fit(X)
    assert select.estimator_ is model
    assert select.get_feature_names_out().tolist() == ["bmi", "bp", "s5"]
    assert select.n_features_in_ == 10
    pd.testing.assert_frame_equal(select.set_output(transform="pandas").transform(X), X[["bmi", "bp", "s5"]])
    again = SelectNonzero(Lasso(alpha=1.0)).fit(X, y)
    assert again.estimator_ is not again.estimator
    np.testing.assert_array_equal(again.kept_, select.kept_)


def test_support_is_the_callers():
    select = SelectNonzero(Given([0.0, 1.0, 2.0]), prefit=True).fit(np.zeros((1, 3)))
    assert select.get_support().dtype == bool
    select.get_support()[:] = False
    select.get_support(indices=True)[:] = 0
    np.testing.assert_array_equal(select.transform(np.array([[5, 6, 7]])), [[6, 7]])


def test_names():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    select = SelectNonzero(Lasso(alpha=1.0)).fit(X, y)
    assert select.feature_names_in_.tolist() == X.columns.tolist()
    assert select.get_feature_names_out(X.columns).tolist() == ["bmi", "bp", "s5"]
    assert select.get_feature_names_out().dtype == object
    select.fit(X.to_numpy(), y)
    assert not hasattr(select, "feature_names_in_")
    assert select.get_feature_names_out().tolist() == ["x2", "x3", "x8"]
    assert select.get_feature_names_out(list("abcdefghij")).tolist() == ["c", "d", "i"]


def test_a_failed_refit_changes_nothing():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    select = SelectNonzero(Lasso(alpha=1.0)).fit(X, y)
    before = dict(vars(select))
    with pytest.raises(ValueError):
        select.fit(X.rename(columns=str.upper), np.full(442, np.nan))
    with pytest.raises(ValueError, match="groups"):
        select.set_params(groups=[1]).fit(X, y)
    select.set_params(groups=None)
    assert vars(select).keys() == before.keys()
    assert all(vars(select)[name] is value for name, value in before.items())


def test_parameters_of_the_model_can_be_searched():
    select = SelectNonzero(Lasso(alpha=1.0))
    assert select.get_params()["estimator__alpha"] == 1.0
    X, y = load_diabetes(return_X_y=True)
    sizes = [len(select.set_params(estimator__alpha=alpha).fit(X, y).kept_) for alpha in (10.0, 1.0, 0.1, 0.001)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 0 < sizes[1] < sizes[-1] == 10

"""SelectNonzero(groups=...): whole groups, however they are said; the largest that fit; work by what is kept."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparsereg import GroupLasso, Lasso, SelectNonzero, SparseRegressor

NAMES = ["size", "kind_boat", "kind_car", "age", "place_here", "place_there"]


class Given(RegressorMixin, BaseEstimator):
    """A fitted model whose coefficients are given."""

    def __init__(self, coef, names=NAMES):
        self.coef_ = self.coef = np.asarray(coef, dtype=float)
        self.names = names
        self.n_features_in_ = self.coef_.shape[-1]
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)

    def fit(self, X, y=None):
        return self


def select(coef, groups, names=NAMES, **options):
    return SelectNonzero(Given(coef, names), prefit=True, groups=groups, **options).fit(
        np.zeros((2, np.shape(coef)[-1]))
    )


def kept(coef, groups, **options):
    return select(coef, groups, **options).kept_.tolist()


SAID = {
    "labels": ["size", "kind", "kind", "age", "place", "place"],
    "a series": pd.Series([1, 2, 2, 4, 3, 3]),
    "lists of indices": [[2, 1], [4, 5]],
    "lists of names": [["place_here", "place_there"], ["kind_boat", "kind_car"]],
    "a dict": {"kind": [1, 2], "place": [4, 5]},
    "one-hot columns": "onehot",
}
every_way = pytest.mark.parametrize("groups", SAID.values(), ids=SAID)


@every_way
def test_groups_are_kept_whole(groups):
    assert kept([0, 0, 1e-300, 0, 0, 0], groups) == [1, 2]
    assert kept([0, 0, 0, -2.0, 0, 5e-324], groups) == [3, 4, 5]
    assert kept([3.0, 0, 0, 0, 0, 0], groups) == [0]
    assert kept(np.ones(6), groups) == [0, 1, 2, 3, 4, 5]
    assert kept(np.zeros(6), groups) == kept(np.zeros(6), groups, max_features=3) == []
    assert kept([[0, 0, 1.0, 0, 0, 0], [0, 0, 0, 2.0, 0, 0]], groups) == [1, 2, 3]


@every_way
def test_the_largest_groups_that_fit(groups):
    """By norm: of the groups in order, each that there is still room for."""
    coef = [0.4, 1.5, 0.0, 0.0, 1.0, 1.4]
    assert kept(coef, groups, max_features=5) == [0, 1, 2, 4, 5]
    assert kept(coef, groups, max_features=4) == [1, 2, 4, 5]
    assert kept(coef, groups, max_features=3) == [0, 4, 5]
    assert kept(coef, groups, max_features=2) == [4, 5]
    assert kept(coef, groups, max_features=1) == [0]
    assert kept([0, 1.0, 0, 0, 1.0, 0], groups, max_features=3) == [1, 2]  # a tie goes to the first
    assert kept([0, 0, 0, 0, 0, 1.0], groups, max_features=1) == []


def test_kept_groups_have_the_labels_of_the_user():
    coef = [1.0, 0, 1.0, 0, 0, 2.0]
    assert select(coef, SAID["labels"]).kept_groups_ == ["size", "kind", "place"]
    assert select(coef, SAID["a series"]).kept_groups_ == [1, 2, 3]
    assert select(coef, SAID["lists of names"]).kept_groups_ == ["size", 1, 0]
    assert select(coef, SAID["lists of indices"], names=None).kept_groups_ == ["x0", 0, 1]
    assert select(coef, SAID["a dict"], max_features=3).kept_groups_ == ["size", "place"]
    assert select(coef, "onehot").kept_groups_ == ["size", "kind", "place"]
    again = select(coef, "onehot").set_params(groups=None).fit(np.zeros((2, 6)))
    assert again.kept_groups_ is None
    assert again.kept_.tolist() == [0, 2, 5]


@pytest.mark.parametrize("seed", range(20))
def test_against_the_definition(seed):
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 30))
    labels = rng.integers(8, size=p)
    coef = rng.normal(size=(2, p)) * (rng.random((2, p)) < 0.3)
    room = int(rng.integers(1, p + 1))
    used = [g for g in dict.fromkeys(labels) if coef[:, labels == g].any()]
    expected = [j for j in range(p) if labels[j] in used]
    assert kept(coef, labels, names=None) == expected
    fitting = []
    for g in sorted(used, key=lambda g: -np.linalg.norm(coef[:, labels == g])):
        if np.isin(labels, [*fitting, g]).sum() <= room:
            fitting.append(g)
    assert kept(coef, labels, names=None, max_features=room) == np.flatnonzero(np.isin(labels, fitting)).tolist()


def test_sizes_whose_squares_are_zero_or_infinite():
    for scale in (1e-200, 1e200):
        assert kept(scale * np.array([1.0, 3, 0, 0, 2, 0]), SAID["labels"], max_features=3) == [0, 1, 2]


# --- In and out


CONTAINERS = [sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.csc_matrix, np.asarray]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("container", CONTAINERS)
def test_same_kind_out_as_in_and_back(container, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 6)).astype(dtype)
    selector = select([0, 0, 1.0, 0, 0.5, 0], SAID["labels"], names=None)
    out = selector.transform(container(X))
    assert type(out) is (np.ndarray if container is np.asarray else container)
    assert out.dtype == dtype
    back = selector.inverse_transform(out)
    dense = [a if container is np.asarray else a.toarray() for a in (out, back)]
    np.testing.assert_array_equal(dense[0], X[:, [1, 2, 4, 5]])
    np.testing.assert_array_equal(dense[1], X * [0, 1, 1, 0, 1, 1])


@pytest.mark.parametrize("n_features", [2 * 10**8, 10**12])
def test_work_by_what_is_listed_and_kept(n_features):
    rng = np.random.default_rng(0)
    few = rng.normal(size=(60, 4))
    ids = np.array([7, 10**6, 10**8, n_features - 2])
    X = sparse.csr_array((few.ravel(), (np.repeat(np.arange(60), 4), np.tile(ids, 60))), shape=(60, n_features))
    model = SparseRegressor(alpha=0.1).fit(X, few[:, 1] - few[:, 3])
    groups = {"early": range(5, 10), "late": [n_features - 1, 10**8, n_features - 2], "none": [0, 1]}
    tracemalloc.start()
    selector = SelectNonzero(model, prefit=True, groups=groups).fit(X)
    out = selector.transform(X)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
    assert selector.kept_.tolist() == [10**6, 10**8, n_features - 2, n_features - 1]
    assert selector.kept_groups_ == ["x1000000", "late"]
    np.testing.assert_array_equal(out.toarray()[:, :3], few[:, 1:])
    np.testing.assert_array_equal(selector.transform(selector.inverse_transform(out)).toarray(), out.toarray())


def boats(n_samples=200):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(size=n_samples), "kind": rng.choice(["boat", "car", "van"], n_samples)})
    X["home_town"] = rng.choice(["Bath", "New York", "York"], n_samples)
    return X, 2.0 * (X["kind"] == "boat") + 0.1 * rng.normal(size=n_samples)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_one_hot_columns_stand_or_fall_together_in_a_pipeline(library):
    X, y = boats()
    encode = ColumnTransformer(
        [("number", StandardScaler(), ["age"]), ("onehot", OneHotEncoder(sparse_output=False), ["kind", "home_town"])]
    )
    selector = SelectNonzero(Lasso(alpha=0.1), groups="onehot")
    model = make_pipeline(encode, selector, Lasso(alpha=0.01)).set_output(transform=library).fit(X, y)
    assert np.count_nonzero(selector.fit(encode.transform(X), y).estimator_.coef_) < 3
    assert model[1].kept_groups_ == ["onehot__kind"]
    assert list(model[:-1].transform(X).columns) == ["onehot__kind_boat", "onehot__kind_car", "onehot__kind_van"]
    assert model[:-1].get_feature_names_out().tolist() == list(model[:-1].transform(X).columns)
    assert model.score(X, y) > 0.9


def test_a_group_lasso_selects_whole_groups_by_itself():
    X, y = boats()
    X = pd.get_dummies(X, dtype=float)
    model = GroupLasso("onehot", alpha=0.1).fit(X, y)
    alone, whole = (SelectNonzero(model, prefit=True, groups=groups).fit(X) for groups in (None, "onehot"))
    assert alone.kept_.tolist() == whole.kept_.tolist()
    assert alone.get_feature_names_out().tolist() == ["kind_boat", "kind_car", "kind_van"]
    assert (alone.kept_groups_, whole.kept_groups_) == (None, ["kind"])


def test_sparse_one_hot_columns_with_names():
    """A frame of sparse columns is sparse here, and has names."""
    X, y = boats()
    encoder = OneHotEncoder().fit(X[["kind", "home_town"]])
    columns = encoder.get_feature_names_out()
    encoded = pd.DataFrame.sparse.from_spmatrix(encoder.transform(X[["kind", "home_town"]]), columns=columns)
    selector = SelectNonzero(Lasso(alpha=0.1), groups="onehot").fit(encoded, y)
    assert selector.kept_groups_ == ["kind"]
    assert sparse.issparse(selector.transform(encoded))


def test_groups_need_what_they_name():
    X, y = boats()
    with pytest.raises(ValueError, match="groups names features that X does not have"):
        SelectNonzero(Lasso(), groups=[["age", "weight"]]).fit(X[["age"]], y)
    with pytest.raises(ValueError, match="groups.*needs feature names"):
        SelectNonzero(Lasso(), groups="onehot").fit(X[["age"]].to_numpy(), y)
    with pytest.raises(ValueError, match="groups must hold 1 labels"):
        SelectNonzero(Lasso(), groups=[1, 2]).fit(X[["age"]], y)

"""prune: the bound holds, the best subset where it can be known, groups, refits, every kind of model."""

import tracemalloc
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_models import KINDS, model_of, predictor, random_case
from scipy import sparse
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sparsereg import Lasso, PathSearchCV, SparseClassifier, SparseRegressor, prune

X, y = load_diabetes(return_X_y=True)
LAYOUTS = ("dense", "csr", "csc")


def weights(model):
    coef = model.coef_
    return np.atleast_2d(coef.toarray() if sparse.issparse(coef) else coef)


def change(model, pruned, X):
    """What a user measures: the largest change of probabilities, decisions or predictions."""
    method = next(m for m in ("predict_proba", "decision_function", "predict") if hasattr(model, m))
    return np.abs(getattr(pruned, method)(X) - getattr(model, method)(X)).max()


# --- max_change


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS),
    bound=st.sampled_from([0.0, 1e-9, 1e-3, 0.05, 0.5, 3.0]),
    rows=st.sampled_from([1, 2, 30]),
    grouped=st.sampled_from([None, "features", "labels"]),
)
def test_no_prediction_changes_by_more_than_the_bound(seed, kind, layout, bound, rows, grouped):
    W, b, X = random_case(seed, kind, n=rows, layout=layout)
    groups = np.arange(W.shape[1]) % 5 if grouped == "labels" else grouped
    pruned = prune(model_of(kind, W, b), max_change=bound, X=X, groups=groups)
    V = weights(pruned)
    assert ((V == W) | (V == 0)).all()
    assert np.abs(predictor(kind, V, b, X) - predictor(kind, W, b, X)).max() <= bound * (1 + 1e-12) + 1e-13
    assert change(model_of(kind, W, b), pruned, X) <= bound
    if grouped:
        unit = np.arange(W.shape[1]) if grouped == "features" else groups
        for u in np.unique(unit):
            inside = W[:, unit == u] != 0
            left = V[:, unit == u] != 0
            assert not left.any() or (left == inside).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_single_weight_more_could_go(kind, layout):
    for seed in range(5):
        W, b, X = random_case(seed, kind, layout=layout)
        bound = {"linear": 0.8, "two outputs": 0.8, "poisson": 2.0, "no probabilities": 0.8}.get(kind, 0.1)
        V = weights(prune(model_of(kind, W, b), max_change=bound, X=X))
        assert (V != 0).any()
        assert (V != W).any()
        before = predictor(kind, W, b, X)
        for k, j in np.argwhere(V):
            fewer = V.copy()
            fewer[k, j] = 0
            assert np.abs(predictor(kind, fewer, b, X) - before).max() > bound * (1 - 1e-9)


def largest_set(contributions, bound):
    """The most columns of a matrix whose sum stays within the bound, by trying all."""
    m = contributions.shape[1]
    for size in range(m, -1, -1):
        for chosen in combinations(range(m), size):
            if np.abs(contributions[:, list(chosen)].sum(axis=1)).max(initial=0.0) <= bound:
                return size
    raise AssertionError


def test_against_the_largest_set_by_brute_force():
    """Never more than possible; exactly the largest where rows do not mix weights; close to it elsewhere."""
    found, possible = 0, 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        w = rng.standard_normal((1, 9))
        mixed, apart = rng.standard_normal((6, 9)), np.diag(rng.uniform(0.2, 2.0, 9))
        V = weights(prune(model_of("linear", w, [0.0]), max_change=0.7, X=apart))
        assert (V == 0).sum() == largest_set(apart * w, 0.7)
        best = largest_set(mixed * w, 1.0)
        mine = (weights(prune(model_of("linear", w, [0.0]), max_change=1.0, X=mixed)) == 0).sum()
        assert mine <= best
        found, possible = found + mine, possible + best
    assert found >= 0.8 * possible


def test_more_goes_than_by_adding_up_worst_rows():
    """The plain greedy stops when the sum of max_i |x_ij w_j| reaches the bound."""
    W, b, X = random_case(3, "linear", n=200, p=60, density=0.1)
    harm = np.sort(np.abs(X * W).max(axis=0)[W[0] != 0])
    plain = (np.cumsum(harm) <= 1.0).sum()
    gone = (W != 0).sum() - (weights(prune(model_of("linear", W, b), max_change=1.0, X=X)) != 0).sum()
    assert gone > plain + 5


def test_a_bound_near_rounding_holds_in_single_precision():
    rng = np.random.default_rng(0)
    X32 = rng.standard_normal((300, 400)).astype(np.float32)
    model = SparseRegressor(alpha=0.02).fit(X32, X32[:, :200] @ rng.standard_normal(200).astype(np.float32))
    assert model.sparse_coef_.dtype == np.float32
    for bound in (1e-7, 1e-6, 1e-5, 1e-3, 0.1):
        pruned = prune(model, max_change=bound, X=X32)
        assert np.abs(pruned.predict(X32) - model.predict(X32)).max() <= bound
        assert pruned.sparse_coef_.dtype == np.float32


def test_an_offset_belongs_to_the_prediction():
    counts = np.random.default_rng(0).poisson(2.0, len(y))
    exposure = np.linspace(-1.0, 3.0, len(y))
    model = SparseRegressor("poisson", alpha=0.001).fit(X, counts, offset=exposure)
    pruned = prune(model, max_change=0.5, X=X, offset=exposure)
    moved = np.abs(pruned.predict(X, offset=exposure) - model.predict(X, offset=exposure)).max()
    without = prune(model, max_change=0.5, X=X, offset=0)
    assert 0 < moved <= 0.5
    assert without.sparse_coef_.nnz < pruned.sparse_coef_.nnz < model.sparse_coef_.nnz
    with pytest.raises(ValueError, match="fitted with an offset"):
        prune(model, max_change=0.5, X=X)


# --- n_nonzero and threshold


def test_a_number_of_weights_is_the_nearest_model():
    for seed in range(10):
        W, b, _ = random_case(seed, "multinomial", p=4)
        entries = np.flatnonzero(W)
        for size in range(len(entries) + 1):
            V = weights(prune(model_of("multinomial", W, b), n_nonzero=size))
            assert (V != 0).sum() == size
            best = min(np.linalg.norm(np.delete(W.ravel(), list(kept))) for kept in combinations(entries, size))
            assert np.linalg.norm(W - V) == pytest.approx(best, abs=1e-15)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_number_of_weights_by_what_they_do_on_rows(layout):
    """Orthogonal columns: the best subset by brute force. Any columns: the smallest bound on the change."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((1, 7))
    Q = np.linalg.qr(rng.standard_normal((20, 7)))[0] * rng.uniform(0.1, 10, 7)
    for rows, exact in ((Q, True), (rng.standard_normal((20, 7)) * rng.uniform(0.1, 10, 7), False)):
        as_given = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_array}[layout](rows)
        alone = np.sqrt((rows**2).mean(axis=0)) * np.abs(w[0])
        for size in range(8):
            V = weights(prune(model_of("linear", w, [0.0]), n_nonzero=size, X=as_given))
            sets = list(combinations(range(7), 7 - size))
            assert alone[V[0] == 0].sum() == pytest.approx(min(alone[list(gone)].sum() for gone in sets))
            if exact:
                best = min(np.linalg.norm(rows[:, list(gone)] @ w[0, list(gone)]) for gone in sets)
                assert np.linalg.norm(rows @ (w - V).T) == pytest.approx(best)


def test_a_threshold_keeps_what_reaches_it():
    W = np.array([[0.5, -0.1, 0.1, 0.0, -2.0]])
    model = model_of("linear", W, [1.0])
    assert weights(prune(model, threshold=0.1)).tolist() == [[0.5, -0.1, 0.1, 0.0, -2.0]]
    assert weights(prune(model, threshold=0.100001)).tolist() == [[0.5, 0.0, 0.0, 0.0, -2.0]]
    assert weights(prune(model, threshold=0)).tolist() == W.tolist()
    assert weights(prune(model, threshold=1e-300)).tolist() == W.tolist()
    tiny = prune(model_of("linear", W * 1e-300, [0.0]), threshold=2e-301)
    assert weights(tiny).tolist() == (W * 1e-300 * (np.abs(W) > 0.2)).tolist()


def test_groups_go_whole():
    W = np.array([[3.0, 0.0, 1.0, 1.0, 0.1], [0.0, 0.0, 1.0, 0.5, 0.1]])
    model, labels = model_of("two outputs", W, [0.0, 0.0]), np.array(["a", "a", "b", "b", "c"])
    norms = {"a": 3.0, "b": np.sqrt(3.25), "c": np.sqrt(0.02)}
    for label, norm in norms.items():
        V = weights(prune(model, threshold=norm * 1.0001, groups=labels))
        assert {group for group in norms if V[:, labels == group].any()} == {g for g in norms if norms[g] > norm}, label
    assert (weights(prune(model, n_nonzero=5, groups=labels)) != 0).any(axis=0).tolist() == [1, 0, 1, 1, 0]
    assert (weights(prune(model, n_nonzero=4, groups=labels)) != 0).any(axis=0).tolist() == [1, 0, 0, 0, 1]
    assert (weights(prune(model, n_nonzero=3, groups="features")) != 0).any(axis=0).tolist() == [1, 0, 1, 0, 0]
    for same in ([[0, 1], [2, 3]], {"first": [0, 1], "second": [3, 2]}):
        assert (
            weights(prune(model, n_nonzero=4, groups=same)) == weights(prune(model, n_nonzero=4, groups=labels))
        ).all()
    named = model_of("linear", np.array([[1.0, 0.2, 0.3, 0.3]]), [0.0])
    named.feature_names_in_ = np.array(["age", "town_a", "town_b", "town_c"], dtype=object)
    assert weights(prune(named, threshold=0.45, groups="onehot")).tolist() == [[1.0, 0.2, 0.3, 0.3]]
    assert weights(prune(named, threshold=0.5, groups="onehot")).tolist() == [[1.0, 0.0, 0.0, 0.0]]


# --- Refits


def test_a_refit_is_a_fit_on_the_kept_columns():
    model = Lasso(alpha=0.05, tol=1e-10).fit(X, y)
    pruned = prune(model, n_nonzero=4, X=X, y=y, refit=True)
    kept = pruned.sparse_coef_.indices
    alone = Lasso(alpha=0.05, tol=1e-10).fit(X[:, kept], y)
    np.testing.assert_allclose(pruned.sparse_coef_.data, alone.coef_, rtol=1e-6)
    assert pruned.dual_gap_ == pytest.approx(alone.dual_gap_, abs=1e-6)
    free = prune(model, n_nonzero=4, X=sparse.csr_array(X), y=y, refit=LinearRegression())
    assert isinstance(free, LinearRegression)
    np.testing.assert_allclose(free.coef_[kept], LinearRegression().fit(X[:, kept], y).coef_, rtol=1e-6)
    assert (np.delete(free.coef_, kept) == 0).all()


def test_a_refit_is_told_weights_offset_names_and_factors():
    frame, s = pd.DataFrame(X).add_prefix("c"), np.linspace(0.1, 3.0, len(y))
    offset = np.sin(np.arange(len(y)))
    settings = {"alpha": 0.01, "penalty_factor": {"c2": 0.0, "c8": 2.0}, "lower": np.full(10, -300.0)}
    model = SparseRegressor(**settings).fit(frame, y, sample_weight=s, offset=offset)
    pruned = prune(model, n_nonzero=3, X=frame, y=y, sample_weight=s, offset=offset, refit=True)
    kept = pruned.sparse_coef_.indices
    assert len(kept) == 3
    factor = np.array([settings["penalty_factor"].get(f"c{j}", 1.0) for j in kept])
    alone = SparseRegressor(alpha=0.01, penalty_factor=factor, lower=-300.0)
    alone.fit(X[:, kept], y, sample_weight=s, offset=offset)
    np.testing.assert_allclose(pruned.sparse_coef_.data, alone.coef_, rtol=1e-4)
    assert list(pruned.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="pass offset"):
        prune(model, n_nonzero=3, X=frame, y=y, refit=True)
    other = pl.DataFrame(frame.to_dict("list"))
    model = SparseRegressor(alpha=0.01, penalty_factor={"c2": 0.0}).fit(other, y)
    assert prune(model, n_nonzero=2, X=other, y=y, refit=True).feature_names_in_.tolist() == list(frame.columns)


def test_rounds_go_down_step_by_step():
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((80, 40)) + rng.standard_normal((80, 1))
    target = Z[:, :3] @ [1.0, -1.0, 1.0] + 0.5 * rng.standard_normal(80)
    fits = []

    class Counted(SklearnLasso):
        def fit(self, X, y):
            fits.append(int((np.asarray(X) != 0).any(axis=0).sum()))
            return super().fit(X, y)

    model = Counted(alpha=1e-4, max_iter=100_000).fit(Z, target)
    pruned = prune(model, n_nonzero=5, X=Z, y=target, refit=True, n_rounds=4)
    assert (pruned.coef_ != 0).sum() <= 5
    m = (model.coef_ != 0).sum()
    assert fits[1:] == [round(m * (5 / m) ** (k / 4)) for k in (1, 2, 3)] + [5]
    fits.clear()
    above = prune(model, threshold=0.05, X=Z, y=target, refit=True, n_rounds=50)
    assert np.abs(above.coef_[above.coef_ != 0]).min() >= 0.05
    assert 1 < len(fits) < 50
    shared = prune(model, max_change=0.4, X=Z, y=target, refit=True, n_rounds=2)
    first = prune(model, max_change=0.2, X=Z, y=target, refit=True)
    second = prune(first, max_change=0.2, X=Z, y=target, refit=True)
    assert (shared.coef_ == second.coef_).all()


def test_several_outputs_are_refitted_by_feature():
    iris, species = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(iris, species)
    pruned = prune(model, n_nonzero=6, groups="features", X=iris, y=species, refit=True)
    kept = np.flatnonzero(pruned.coef_.any(axis=0))
    np.testing.assert_allclose(
        pruned.coef_[:, kept], LogisticRegression(max_iter=1000).fit(iris[:, kept], species).coef_, atol=1e-3
    )
    with pytest.raises(ValueError, match="fits whole features"):
        prune(model, n_nonzero=6, X=iris, y=species, refit=True)


# --- What is returned


def test_the_model_given_is_not_changed():
    model = SparseRegressor(alpha=0.01).fit(X, y)
    before, gap = model.sparse_coef_.copy(), model.dual_gap_
    pruned = prune(model, n_nonzero=3)
    assert (model.sparse_coef_ != before).nnz == 0
    assert model.dual_gap_ == gap
    assert pruned.sparse_coef_.nnz == 3
    assert np.isnan([pruned.dual_gap_, pruned.relative_gap_, pruned.kkt_violation_]).all()
    assert pruned.get_params() == model.get_params()
    assert clone(pruned).fit(X, y).sparse_coef_.nnz == model.sparse_coef_.nnz
    assert prune(model, threshold=0.0).dual_gap_ == gap  # nothing went
    two = SparseRegressor(alpha=0.01).fit(X, np.c_[y, -y])
    assert np.isnan(prune(two, n_nonzero=3).dual_gap_).tolist() == [True, True]


@pytest.mark.parametrize("container", [sparse.csr_matrix, np.asarray])
def test_coefficients_keep_their_form(container):
    model = SGDClassifier(random_state=0).fit(X, y > 100)
    if container is sparse.csr_matrix:
        model.sparsify()
    pruned = prune(model, n_nonzero=2)
    assert type(pruned.coef_) is type(model.coef_)
    assert pruned.coef_.shape == model.coef_.shape
    assert (weights(pruned) != 0).sum() == 2
    assert pruned.predict(X).shape == (len(X),)


def test_pipelines_searches_and_one_against_the_rest():
    pipeline = make_pipeline(StandardScaler(), Lasso(alpha=0.5)).fit(X, y)
    pruned = prune(pipeline, max_change=20.0, X=X)
    assert np.abs(pruned.predict(X) - pipeline.predict(X)).max() <= 20.0
    assert pruned[-1].sparse_coef_.nnz < pipeline[-1].sparse_coef_.nnz
    for search in (GridSearchCV(pipeline, {"lasso__alpha": [0.1, 0.5]}, cv=2), PathSearchCV(pipeline, alphas=5, cv=2)):
        best = search.fit(X, y).best_estimator_
        assert prune(search, n_nonzero=2)[-1].sparse_coef_.nnz == 2
        assert best[-1].sparse_coef_.nnz > 2
    iris, species = load_iris(return_X_y=True)
    many = OneVsRestClassifier(SparseClassifier(alpha=0.002)).fit(iris, species)
    pruned = prune(many, max_change=0.1, X=iris)
    assert np.abs(pruned.predict_proba(iris) - many.predict_proba(iris)).max() <= 0.1
    assert sum(m.sparse_coef_.nnz for m in pruned.estimators_) < sum(m.sparse_coef_.nnz for m in many.estimators_)


def test_nothing_is_as_long_as_there_are_features():
    n, p = 200, 200_000_000
    rng = np.random.default_rng(0)
    columns = rng.choice(rng.integers(p, size=40), 10 * n)
    wide = sparse.csr_array((rng.standard_normal(10 * n), (np.repeat(np.arange(n), 10), columns)), shape=(n, p))
    model = SparseRegressor(alpha=0.01).fit(wide, wide.sum(axis=1))
    tracemalloc.start()
    few = prune(model, max_change=6.0, X=wide)
    least = prune(model, n_nonzero=5, X=wide, y=wide.sum(axis=1), refit=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6
    assert few.sparse_coef_.nnz < model.sparse_coef_.nnz
    assert least.sparse_coef_.nnz == 5


# --- Errors

MODEL = Lasso(alpha=0.1).fit(X, y)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "exactly one of threshold, n_nonzero and max_change"),
        ({"threshold": 1.0, "n_nonzero": 2}, ValueError, "exactly one"),
        ({"threshold": -1.0}, ValueError, "threshold must be >= 0"),
        ({"threshold": np.nan}, ValueError, "threshold must be >= 0"),
        ({"n_nonzero": 2.5}, TypeError, "n_nonzero must be an integer"),
        ({"max_change": 0.1}, ValueError, "max_change needs X"),
        ({"max_change": 0.1, "X": X[:, :3]}, ValueError, "3 features"),
        ({"max_change": 0.1, "X": np.full_like(X, np.nan)}, ValueError, "NaN"),
        ({"threshold": 1.0, "X": X}, ValueError, "X has no use with threshold"),
        ({"n_nonzero": 2, "y": y}, ValueError, "y is for refit"),
        ({"n_nonzero": 2, "X": X, "refit": True}, ValueError, "refit needs X and y"),
        ({"n_nonzero": 2, "n_rounds": 3}, ValueError, "n_rounds > 1 needs refit"),
        ({"n_nonzero": 2, "n_rounds": 0}, ValueError, "n_rounds must be >= 1"),
        ({"n_nonzero": 2, "X": X, "y": y, "refit": "yes"}, TypeError, "refit must be True, False or an estimator"),
        ({"n_nonzero": 2, "X": X, "sample_weight": y}, ValueError, "sample_weight is for refit"),
        ({"n_nonzero": 2, "X": X, "offset": y}, ValueError, "offset is for max_change and refit"),
        ({"n_nonzero": 2, "groups": [1, 2]}, ValueError, "groups"),
        ({"n_nonzero": 2, "groups": "columns"}, ValueError, "groups"),
    ],
)
def test_arguments_that_make_no_sense(arguments, error, message):
    with pytest.raises(error, match=message):
        prune(MODEL, **arguments)


def test_models_that_are_not_linear():
    with pytest.raises(ValueError, match="sparse_coef_ or coef_"):
        prune(KNeighborsRegressor().fit(X, y), n_nonzero=2)
    with pytest.raises(TypeError, match="is not what its coefficients and intercept give"):
        prune(PLSRegression().fit(X + 5.0, y), max_change=1.0, X=X)
    with pytest.raises(TypeError, match="cannot be set"):
        prune(SVC(kernel="linear").fit(X[:50], y[:50] > 100), n_nonzero=2)
    with pytest.raises(ValueError, match="not fitted"):
        prune(Lasso(), n_nonzero=2)
    broken = model_of("linear", np.array([[np.nan, 1.0]]), [0.0])
    with pytest.raises(ValueError, match="not finite"):
        prune(broken, n_nonzero=1)

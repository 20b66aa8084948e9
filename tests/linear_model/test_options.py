"""What the options mean: each against the same problem written out by hand."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import draw
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import d2_tweedie_score, r2_score
from sklearn.preprocessing import StandardScaler

from sparsereg import ElasticNet, Lasso, SparseClassifier, SparseRegressor
from sparsereg.losses import Huber, Tweedie

TOL = 1e-12
CONTAINERS = [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_matrix]
LOSSES = ["squared_error", "poisson", "gamma", "tweedie", "huber"]
CLASSIFIERS = ["log_loss", "squared_hinge"]


def data(loss, n=80, p=7, seed=0):
    """Sparse columns of different scales, and a target from the loss's family."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.5) * np.linspace(0.5, 3, p)
    y = draw(rng, loss, X @ np.linspace(-0.6, 0.6, p))
    return X, y, rng.gamma(1.0, size=n) + 0.1


def make(loss, **options):
    kind = SparseClassifier if loss in CLASSIFIERS else SparseRegressor
    return kind(loss, **{"alpha": 0.02, "tol": TOL, **options})


def assert_close(model, coef, intercept=None, atol=1e-6):
    largest = np.abs(coef).max()
    assert largest > 0
    np.testing.assert_allclose(np.ravel(model.coef_), np.ravel(coef), rtol=0, atol=atol * largest)
    if intercept is not None:
        np.testing.assert_allclose(model.intercept_, intercept, rtol=0, atol=atol * (1 + np.max(np.abs(intercept))))


# --- Numbers of other kinds


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, int, Fraction])
def test_parameters_may_be_any_real_number(kind):
    X, y, _ = data("squared_error")
    options = {"alpha": kind(2), "tol": 1e-8, "max_iter": np.int32(50), "fit_intercept": np.True_}
    model = SparseRegressor(penalty="elasticnet", **options).fit(X * 100, y)
    plain = SparseRegressor(penalty="elasticnet", alpha=2.0, tol=1e-8).fit(X * 100, y)
    np.testing.assert_array_equal(model.coef_, plain.coef_)


@pytest.mark.parametrize(
    "series", [pd.Series, pl.Series, list, lambda v: pd.Series(v, index=range(99, 99 - len(v), -1))]
)
def test_targets_weights_and_offsets_of_any_kind(series):
    X, y, weight = data("squared_error")
    model = make("squared_error").fit(X, series(y), series(weight), series(weight))
    plain = make("squared_error").fit(X, y, weight, weight)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    assert model.score(X, series(y), series(weight), series(weight)) == plain.score(X, y, weight, weight)


# --- Weights and offsets


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_integer_weights_are_repetitions(loss, container):
    X, y, _ = data(loss)
    times = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = make(loss).fit(container(X), y, sample_weight=times)
    repeated = make(loss).fit(container(np.repeat(X, times, axis=0)), np.repeat(y, times))
    assert_close(weighted, repeated.coef_, repeated.intercept_)
    scaled = make(loss).fit(container(X), y, sample_weight=1000.0 * times)
    assert_close(weighted, scaled.coef_, scaled.intercept_, atol=1e-9)


@pytest.mark.parametrize("container", CONTAINERS)
def test_exposure_as_offset_is_a_rate_with_weights(container):
    """log E as offset of the counts, or counts / E with weights E: the same likelihood."""
    X, _, _ = data("poisson")
    rng = np.random.default_rng(2)
    exposure = rng.gamma(2.0, size=len(X))
    exposure *= len(X) / exposure.sum()  # the same total weight, so the same alpha
    counts = rng.poisson(exposure * np.exp(0.4 * X[:, 1] - 0.3 * X[:, 5]))
    offset = make("poisson").fit(container(X), counts, offset=np.log(exposure))
    rate = make("poisson").fit(container(X), counts / exposure, sample_weight=exposure)
    assert_close(offset, rate.coef_, rate.intercept_)
    predicted = offset.predict(container(X), offset=np.log(exposure))
    np.testing.assert_allclose(predicted, exposure * rate.predict(container(X)), rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_an_offset_is_subtracted_from_the_target(loss):
    X, y, weight = data(loss)
    offset = np.random.default_rng(1).normal(size=len(y))
    with_offset = make(loss).fit(X, y, weight, offset)
    without = make(loss).fit(X, y - offset, weight)
    assert_close(with_offset, without.coef_, without.intercept_)
    np.testing.assert_allclose(with_offset.predict(X, offset) - offset, without.predict(X), atol=1e-6)
    np.testing.assert_allclose(with_offset.predict(X, offset=0), without.predict(X), atol=1e-6)


@pytest.mark.parametrize("constant", [-800.0, -50.0, 3.0, 50.0, 300.0, 800.0])
@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_a_constant_offset_moves_the_intercept_only(loss, constant):
    """Far out too: exp(800) overflows on the way (somebody passes an exposure instead of its log)."""
    X, y, _ = data(loss)
    plain, shifted = make(loss).fit(X, y), make(loss).fit(X, y, offset=constant)
    assert_close(shifted, plain.coef_, plain.intercept_ - constant)


def test_an_offset_is_added_to_the_log_odds():
    X, y, _ = data("log_loss")
    offset = np.random.default_rng(1).normal(size=len(y))
    model = make("log_loss").fit(X, y, offset=offset)
    eta = model.decision_function(X, offset=offset)
    np.testing.assert_allclose(eta, offset + X @ model.coef_[0] + model.intercept_[0])
    np.testing.assert_allclose(model.predict_proba(X, offset=offset)[:, 1], expit(eta))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X, offset=offset)[:, 0]), expit(-eta))
    np.testing.assert_array_equal(model.predict(X, offset=offset), eta > 0)
    constant = make("log_loss").fit(X, y, offset=2.5)
    plain = make("log_loss").fit(X, y)
    assert_close(constant, plain.coef_, plain.intercept_ - 2.5)


@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_a_model_fitted_with_offset_insists_on_one(loss):
    X, y, _ = data(loss)
    model = make(loss).fit(X, y, offset=np.zeros(len(y)))
    plain = make(loss).fit(X, y)
    calls = ["predict", *(["decision_function"] if loss in CLASSIFIERS else [])]
    calls += ["predict_proba", "predict_log_proba"] if loss == "log_loss" else []
    for name in calls:
        with pytest.raises(ValueError, match="fitted with an offset"):
            getattr(model, name)(X)
        np.testing.assert_allclose(getattr(model, name)(X, offset=0), getattr(plain, name)(X), rtol=1e-6)
        getattr(plain, name)(X)
    with pytest.raises(ValueError, match="fitted with an offset"):
        model.score(X, y)
    assert model.score(X, y, offset=0) == pytest.approx(plain.score(X, y))
    assert model.fit(X, y).predict(X).shape == y.shape  # fitted without: none is needed any more


# --- Penalty factors and bounds


@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet", None])
@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_an_infinite_factor_is_a_column_less(loss, penalty):
    X, y, _ = data(loss)
    factor = np.ones(7)
    factor[[2, 6]] = np.inf
    model = make(loss, penalty=penalty, penalty_factor=factor).fit(X, y)
    without = make(loss, penalty=penalty).fit(np.delete(X, [2, 6], axis=1), y)
    assert_close(model, np.insert(without.coef_, [2, 5], 0, axis=-1), without.intercept_)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_factors_are_scaled_columns_under_l1(loss, container):
    X, y, _ = data(loss)
    factor = np.geomspace(0.2, 5, 7)
    model = make(loss, penalty_factor=factor).fit(container(X), y)
    scaled = make(loss).fit(container(X / factor), y)
    assert_close(model, scaled.coef_ / factor, scaled.intercept_)


def test_factor_zero_is_never_penalised():
    X, y, _ = data("squared_error")
    model = make("squared_error", alpha=1e3, penalty_factor=[1, 1, 0, 1, 0, 1, 1]).fit(X, y)
    A = np.c_[np.ones(len(y)), X[:, [2, 4]]]
    expected = np.linalg.lstsq(A, y, rcond=None)[0]
    assert_close(model, [0, 0, expected[1], 0, expected[2], 0, 0], expected[0])


@pytest.mark.parametrize(
    "frame",
    [
        lambda X: pd.DataFrame(X, columns=list("abcdefg")),
        lambda X: pl.DataFrame(X, schema=list("abcdefg")),
    ],
)
def test_factors_by_name(frame):
    X, y, _ = data("poisson")
    by_name = make("poisson", penalty_factor={"c": 0, "a": np.inf, "g": 2.5}).fit(frame(X), y)
    by_place = make("poisson", penalty_factor=[np.inf, 1, 0, 1, 1, 1, 2.5]).fit(frame(X), y)
    np.testing.assert_array_equal(by_name.coef_, by_place.coef_)
    assert by_name.coef_[0] == 0


@pytest.mark.parametrize("penalty", ["l1", "l2", None])
@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_bounds_hold_and_bind(loss, penalty):
    X, y, _ = data(loss)
    free = np.ravel(make(loss, penalty=penalty).fit(X, y).coef_)
    for name, j in (("lower", 0), ("upper", 6)):
        bound = np.full(7, np.inf if name == "upper" else -np.inf)
        bound[j] = free[j] / 2
        coef = np.ravel(make(loss, penalty=penalty, **{name: bound}).fit(X, y).coef_)
        assert coef[j] == bound[j]  # one bound that cuts the optimum off binds
        assert (coef <= bound).all() if name == "upper" else (coef >= bound).all()
    wide = make(loss, penalty=penalty, lower=-100.0, upper=100.0).fit(X, y)
    assert_close(wide, free)


@pytest.mark.parametrize("container", CONTAINERS)
def test_lower_zero_is_positive(container):
    X, y, _ = data("squared_error")
    model = make("squared_error", lower=0.0).fit(container(X), y)
    lasso = Lasso(alpha=0.02, positive=True, tol=TOL).fit(container(X), y)
    assert_close(model, lasso.coef_, lasso.intercept_)
    assert (model.coef_ >= 0).all()
    both = make("squared_error", lower=0.0, upper=0.0).fit(container(X), y)
    assert both.sparse_coef_.nnz == 0


def test_bounds_are_on_the_original_scale_when_standardized():
    X, y, _ = data("squared_error")
    model = make("squared_error", standardize=True, upper=0.11).fit(X * [1, 1, 1, 1, 1, 1, 2.5], y)
    assert model.coef_.max() == 0.11


# --- Standardising and dropout


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "log_loss"])
def test_standardize_is_a_scaler_mapped_back(loss, weighted, penalty, container):
    X, y, weight = data(loss)
    X = X + np.linspace(0, 3, 7)
    weight = weight if weighted else None
    scaler = StandardScaler().fit(X, sample_weight=weight)
    scaled = make(loss, penalty=penalty).fit(scaler.transform(X), y, weight)
    coef = np.ravel(scaled.coef_) / scaler.scale_
    model = make(loss, penalty=penalty, standardize=True).fit(container(X), y, weight)
    assert_close(model, coef, scaled.intercept_ - coef @ scaler.mean_)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_constant_columns_get_no_weight_when_standardized(container, weighted):
    X, y, weight = data("squared_error")
    X[:, 2], X[:, 4] = 0.3, 0
    if weighted:
        X[:10, 2], weight[:10] = 7.0, 0  # constant where it counts
    model = make("squared_error", alpha=1e-6, standardize=True).fit(container(X), y, weight if weighted else None)
    assert model.coef_[2] == model.coef_[4] == 0
    rest = make("squared_error", alpha=1e-6, standardize=True)
    rest.fit(np.delete(X, [2, 4], axis=1), y, weight if weighted else None)
    assert_close(model, np.insert(rest.coef_, [2, 3], 0), rest.intercept_)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("penalty", ["l1", "l2", None])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_dropout_is_its_quadratic_form(penalty, container, fit_intercept, weighted):
    """d/(1-d) mean(x_j^2) w_j^2 / 2 as p more rows, which the intercept must not see."""
    X, y, weight = data("squared_error")
    X = X + 1
    weight = weight if weighted else np.ones(len(y))
    rate, total = 0.3, weight.sum()
    ridge = rate / (1 - rate) * (weight @ X**2) / total
    mean, target = (weight @ X / total, weight @ y / total) if fit_intercept else (np.zeros(7), 0)
    rows = np.r_[X - mean, np.diag(np.sqrt(total * ridge))]
    alpha = 0.05
    explicit = make("squared_error", penalty=penalty, fit_intercept=False, alpha=alpha * total / (total + 7))
    explicit.fit(rows, np.r_[y - target, np.zeros(7)], np.r_[weight, np.ones(7)])
    model = make("squared_error", penalty=penalty, dropout=rate, fit_intercept=fit_intercept, alpha=alpha).fit(
        container(X), y, weight
    )
    assert_close(model, explicit.coef_, target - mean @ explicit.coef_)


def test_dropout_is_what_dropping_does_on_average():
    X, y, _ = data("squared_error", n=300)
    rng = np.random.default_rng(3)
    copies, rate = 300, 0.3
    kept = (rng.random((copies * 300, 7)) >= rate) / (1 - rate)
    dropped = make("squared_error", penalty=None).fit(np.tile(X, (copies, 1)) * kept, np.tile(y, copies))
    model = make("squared_error", penalty=None, dropout=rate).fit(X, y)
    assert_close(model, dropped.coef_, atol=0.05)
    assert np.abs(model.coef_).sum() < 0.9 * np.abs(make("squared_error", penalty=None).fit(X, y).coef_).sum()


# --- Classification


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_as_scikit_learns_logistic_regression(container, fit_intercept):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).gamma(2.0, size=len(y))
    model = make("log_loss", penalty="l2", fit_intercept=fit_intercept).fit(container(X), y, weight)
    C = 1 / (0.02 * weight.sum())
    peer = LogisticRegression(C=C, fit_intercept=fit_intercept, tol=1e-10, solver="newton-cholesky")
    peer.fit(X, y, weight)
    assert_close(model, peer.coef_, peer.intercept_)
    np.testing.assert_allclose(model.predict_proba(container(X)), peer.predict_proba(X), atol=1e-6)
    assert model.score(container(X), y, weight) == peer.score(X, y, weight)


@pytest.mark.parametrize("class_weight", [{0: 3.0, 1: 0.5}, {1: 2.0}, "balanced"])
def test_class_weight(class_weight):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).gamma(2.0, size=len(y))
    if class_weight == "balanced":
        by_class = weight.sum() / (2 * np.bincount(y, weights=weight))
    else:
        by_class = np.array([class_weight.get(0, 1.0), class_weight[1]])
    model = make("log_loss", class_weight=class_weight).fit(X, y, weight)
    explicit = make("log_loss").fit(X, y, weight * by_class[y])
    assert_close(model, explicit.coef_, explicit.intercept_)


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [0, 1], [-1, 1], [False, True], [2.0, 7.0], np.array(["a", "b"], dtype=object)],
)
@pytest.mark.parametrize("loss", CLASSIFIERS)
def test_labels_of_any_kind(loss, labels):
    X, y, _ = data(loss)
    names = np.asarray(labels)[y.astype(int)]
    model, plain = make(loss).fit(X, names), make(loss).fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.asarray(labels))
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict(X), np.asarray(labels)[plain.predict(X).astype(int)])
    assert model.predict(X).dtype == names.dtype
    assert model.score(X, names) == plain.score(X, y) == (plain.predict(X) == y).mean()
    assert model.score(X, list(names)) == model.score(X, names)


def test_probabilities():
    X, y, _ = data("log_loss")
    model = make("log_loss", alpha=1e-4).fit(X, y)
    X = np.vstack([X, 1e3 * X])  # far out, where probabilities round to 0 and 1
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_array_equal(p[:, 1] > 0.5, model.predict(X) == 1)
    log_p = model.predict_log_proba(X)
    assert np.isfinite(log_p).all()
    np.testing.assert_allclose(np.exp(log_p), p, atol=1e-15)


def test_squared_hinge_has_no_probabilities():
    model = make("squared_hinge")
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model, "predict_log_proba")
    assert hasattr(make("log_loss"), "predict_proba")
    with pytest.raises(AttributeError, match="predict_proba"):
        _ = model.predict_proba


# --- Scores


def test_score_of_squared_error_is_r2():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).gamma(1.0, size=len(y))
    model = SparseRegressor(alpha=0.1).fit(X, y)
    predicted = model.predict(X)
    assert model.score(X, y) == pytest.approx(r2_score(y, predicted))
    assert model.score(X, y, weight) == pytest.approx(r2_score(y, predicted, sample_weight=weight))
    Y = np.column_stack([y, np.sqrt(y), -y])
    model.fit(X, Y)
    assert model.score(X, Y) == pytest.approx(r2_score(Y, model.predict(X)))
    assert model.score(X, Y, weight) == pytest.approx(r2_score(Y, model.predict(X), sample_weight=weight))
    assert ElasticNet().fit(X, y).score(X, y - 1000) < 0  # as bad as it is


@pytest.mark.parametrize(("loss", "power"), [("poisson", 1), ("gamma", 2), ("tweedie", 1.5), (Tweedie(power=1.9), 1.9)])
def test_score_of_a_deviance_is_d2(loss, power):
    X, y, weight = data("gamma")
    model = make(loss).fit(X, y)
    expected = d2_tweedie_score(y, model.predict(X), power=power)
    assert expected > 0.05
    assert model.score(X, y) == pytest.approx(expected)
    expected = d2_tweedie_score(y, model.predict(X), power=power, sample_weight=weight)
    assert model.score(X, y, weight) == pytest.approx(expected)
    other = data("gamma", seed=5)
    expected = d2_tweedie_score(other[1], model.predict(other[0]), power=power)
    assert model.score(other[0], other[1]) == pytest.approx(expected)


def test_score_of_huber_is_its_share_of_the_loss():
    X, y, _ = data("huber")
    loss = Huber(delta=0.5)
    model = make(loss).fit(X, y)
    grid = np.linspace(y.min(), y.max(), 20_001)
    null = min(loss.value(y, np.full_like(y, b)).mean() for b in grid)
    assert model.score(X, y) == pytest.approx(1 - loss.value(y, model.predict(X)).mean() / null, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES + CLASSIFIERS)
def test_the_null_model_has_score_zero(loss):
    X, y, weight = data(loss)
    model = make(loss, alpha=1e6).fit(X, y, weight)
    hits = y == (weight @ y > weight.sum() / 2)
    expected = np.average(hits, weights=weight) if loss in CLASSIFIERS else 0
    assert model.score(X, y, weight) == pytest.approx(expected, abs=1e-9)


def test_a_constant_target_is_the_null_model():
    X, _, _ = data("squared_error")
    for loss in LOSSES:
        model = clone(make(loss)).fit(X, np.full(80, 3.0))
        assert model.sparse_coef_.nnz == 0
        np.testing.assert_allclose(model.predict(X), 3.0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_in_a_large_array_one_entry_that_is_not_finite_is_found(order, dtype):
    X = np.asarray(np.random.default_rng(0).standard_normal((200, 100)), dtype=dtype, order=order)
    y = X[:, 0] + 1.0
    for value in (np.nan, np.inf, -np.inf):
        bad = X.copy(order="K")
        bad[7, 3] = value
        with pytest.raises(ValueError, match="NaN|infinity"):
            Lasso().fit(bad, y)
    large = X.copy(order="K")
    large[7, 3] = 1e200 if dtype is np.float64 else 1e30  # whose square overflows
    assert np.isfinite(Lasso(alpha=0.1).fit(X, y).predict(large)).all()
    with pytest.raises(ValueError, match="NaN|infinity"):
        Lasso().fit(X, np.where(np.arange(200) == 5, np.nan, y))

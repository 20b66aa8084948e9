"""Information criteria: likelihoods by scipy.stats, degrees of freedom by their definition, equivalences, refusals."""

import tracemalloc

import numpy as np
import pytest
from scipy import optimize, sparse, special, stats
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoLarsIC, lars_path

from sparsereg import Lasso, SparseClassifier, SparseRegressor, information_criterion, regularization_path, relax
from sparsereg.losses import Huber, SquaredError, Tweedie
from sparsereg.penalties import L1, ElasticNet, Penalty

X, y = load_diabetes(return_X_y=True)
N = len(y)
RNG = np.random.default_rng(0)
LABELS = np.where(y > 140, "high", "low")

MODELS = {
    "squared_error": (SparseRegressor(tol=1e-10), y),
    "log_loss": (SparseClassifier(tol=1e-10), LABELS),
    "poisson": (SparseRegressor("poisson", tol=1e-10), y),
    "gamma": (SparseRegressor("gamma", tol=1e-10), y),
}
every_likelihood = pytest.mark.parametrize("loss", MODELS)


def minus_two_log_likelihood(loss, target, eta, s):
    """By scipy.stats; a dispersion at its maximum by search."""
    if loss == "squared_error":
        variance = s @ (target - eta) ** 2 / s.sum()
        return -2 * s @ stats.norm(eta, np.sqrt(variance)).logpdf(target)
    if loss == "log_loss":
        return -2 * s @ stats.bernoulli(special.expit(eta)).logpmf(target == "low")
    mu = np.exp(eta)
    if loss == "poisson":
        return -2 * s @ stats.poisson(mu).logpmf(target)
    return optimize.minimize_scalar(
        lambda t: -2 * s @ stats.gamma(np.exp(t), scale=mu / np.exp(t)).logpdf(target),
        bounds=(-5, 10),
        method="bounded",
    ).fun


def predictor(path, k, Z, offset=0.0):
    return Z @ path.coefs[k].toarray()[0] + float(np.ravel(path.intercepts[k])[0]) + offset


# --- By hand


@every_likelihood
def test_lasso_by_hand(loss):
    model, target = MODELS[loss]
    s, o = 1.0 + np.arange(N) % 3, np.linspace(-0.3, 0.3, N)
    n = s.sum()
    path = regularization_path(model, X, target, alphas=12, alpha_min_ratio=0.02, sample_weight=s, offset=o)
    df = path.n_nonzero + 1
    fit = np.array([minus_two_log_likelihood(loss, target, predictor(path, k, X, o), s) for k in range(12)])
    found = {
        name: information_criterion(path, X, target, name, ebic_gamma=0.7, sample_weight=s, offset=o)
        for name in ("aic", "bic", "ebic")
    }
    np.testing.assert_allclose(found["aic"], fit + 2 * df, rtol=1e-9)
    np.testing.assert_allclose(found["bic"], fit + np.log(n) * df, rtol=1e-9)
    models = np.log(special.comb(10, path.n_nonzero))
    np.testing.assert_allclose(found["ebic"], fit + np.log(n) * df + 1.4 * models, rtol=1e-9)


def test_the_constant_of_squared_error():
    path = regularization_path(Lasso(fit_intercept=False, tol=1e-10), X, y, alphas=10)
    rss = np.array([((y - predictor(path, k, X)) ** 2).sum() for k in range(10)])
    expected = N * np.log(rss / N) + N * (1 + np.log(2 * np.pi)) + 2 * path.n_nonzero
    np.testing.assert_allclose(information_criterion(path, X, y), expected)


def test_lassolarsic_differs_by_the_variance_and_the_intercept():
    theirs = LassoLarsIC(criterion="bic").fit(X, y)
    alphas, _, coefs = lars_path(X - X.mean(axis=0), y - y.mean(), method="lasso")
    np.testing.assert_allclose(alphas, theirs.alphas_)
    alphas = alphas[1:-1]
    # Theirs: n log(2 pi v) + RSS / v + df log n with v of least squares, at the breakpoints, where a weight that is
    # just coming in does not count. Ours profiles v; between the breakpoints the weights that count are the same.
    path = regularization_path(Lasso(tol=1e-14), X, y, alphas=alphas)
    fit = information_criterion(path, X, y, "bic") - np.log(N) * degrees(path, X, y)
    rss, v = N * np.exp(fit / N - 1 - np.log(2 * np.pi)), theirs.noise_variance_
    df = np.count_nonzero(coefs, axis=0)[1:-1]
    np.testing.assert_allclose(N * np.log(2 * np.pi * v) + rss / v + np.log(N) * df, theirs.criterion_[1:-1], rtol=1e-8)
    between = regularization_path(Lasso(tol=1e-14), X, y, alphas=(alphas[1:] + alphas[:-1]) / 2)
    counted = np.count_nonzero((coefs[:, 1:-2] != 0) | (coefs[:, 2:-1] != 0), axis=0)
    np.testing.assert_allclose(degrees(between, X, y) - 1, counted)


def test_gamma_zero_is_bic():
    path = regularization_path(Lasso(), X, y, alphas=10)
    bic = information_criterion(path, X, y, "bic")
    np.testing.assert_array_equal(information_criterion(path, X, y, "ebic", ebic_gamma=0), bic)
    assert (information_criterion(path, X, y, "ebic") >= bic).all()
    np.testing.assert_array_equal(
        information_criterion(path, X, y, "ebic"), information_criterion(path, X, y, "ebic", ebic_gamma=1.0)
    )


# --- Weights, outputs, containers


@every_likelihood
@pytest.mark.parametrize("penalty", ["l1", ElasticNet(0.5)], ids=str)
def test_weights_are_repetitions(loss, penalty):
    model, target = MODELS[loss]
    model = type(model)(loss, penalty, tol=1e-13)
    s, o = np.arange(N) % 3, np.linspace(-0.3, 0.3, N)
    Z, t, p = (np.repeat(a, s, axis=0) for a in (X, target, o))
    alphas = regularization_path(model, X, target, alphas=6, alpha_min_ratio=0.02, sample_weight=s).alphas
    weighted = regularization_path(model, X, target, alphas=alphas, sample_weight=s, offset=o)
    repeated = regularization_path(model, Z, t, alphas=alphas, offset=p)
    for criterion in ("aic", "bic", "ebic"):
        a = information_criterion(weighted, X, target, criterion, sample_weight=s, offset=o)
        b = information_criterion(repeated, Z, t, criterion, offset=p)
        np.testing.assert_allclose(a, b, rtol=1e-7)  # a gap of 1e-13 leaves sqrt(1e-13) = 3e-7 in the predictor


def test_class_weights_are_sample_weights():
    s = np.where(LABELS == "low", 2.0, 1.0)
    a = regularization_path(SparseClassifier(class_weight={"low": 2.0}), X, LABELS, alphas=5)
    b = regularization_path(SparseClassifier(), X, LABELS, alphas=5, sample_weight=s)
    np.testing.assert_allclose(
        information_criterion(a, X, LABELS, "bic"), information_criterion(b, X, LABELS, "bic", sample_weight=s)
    )


def test_several_outputs_are_summed():
    Y = np.column_stack([y, y[::-1]])
    path = regularization_path(Lasso(), X, Y, alphas=[2.0, 0.5, 0.1])
    for criterion in ("aic", "ebic"):
        single = [
            information_criterion(regularization_path(Lasso(), X, t, alphas=[2.0, 0.5, 0.1]), X, t, criterion)
            for t in Y.T
        ]
        np.testing.assert_allclose(information_criterion(path, X, Y, criterion), sum(single))


def test_float32_and_sparse_are_the_same():
    Z = np.where(np.abs(X) > 0.03, X, 0).astype(np.float32)
    expected = information_criterion(regularization_path(Lasso(), Z.astype(float), y, alphas=8), Z.astype(float), y)
    for container in (np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_matrix):
        path = regularization_path(Lasso(), container(Z), y, alphas=8)
        np.testing.assert_allclose(information_criterion(path, container(Z), y), expected, rtol=1e-6)
    np.testing.assert_allclose(information_criterion(path, Z, y), expected, rtol=1e-6)  # made of sparse, asked of dense


def test_no_array_as_long_as_the_features():
    rng = np.random.default_rng(0)
    columns = np.sort(rng.choice(10**6, size=40, replace=False)) * 199
    Z = sparse.csr_array(rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.5))
    big = sparse.csr_array((Z.data, columns[Z.indices], Z.indptr.astype(np.int64)), shape=(60, 200_000_000))
    t = Z @ np.r_[np.ones(5), np.zeros(35)] + 0.5 * rng.normal(size=60)
    model = SparseRegressor(penalty=ElasticNet(0.9))
    path, small = (regularization_path(model, A, t, alphas=10, alpha_min_ratio=0.05) for A in (big, Z))
    tracemalloc.start()
    try:
        ebic = information_criterion(path, big, t, "ebic")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2e6
    np.testing.assert_allclose(
        information_criterion(path, big, t, "bic"), information_criterion(small, Z, t, "bic"), rtol=1e-6
    )
    assert ebic.argmin() < information_criterion(path, big, t, "bic").argmin()  # 2e8 features are searched, not 40


def test_the_number_of_models_is_exact_for_many_features():
    Z = sparse.csr_array(
        (np.tile(X, 1)[:, [2, 8, 3]].ravel(), (np.repeat(np.arange(N), 3), np.tile([5, 10**8, 10**9], N)))
    )
    path = regularization_path(Lasso(), Z, y, alphas=6)
    bic, ebic = (information_criterion(path, Z, y, name) for name in ("bic", "ebic"))
    p, k = 10**9 + 1, path.n_nonzero
    log_models = np.log([1, p, p * (p - 1) / 2, p * (p - 1) * (p - 2) / 6])
    np.testing.assert_allclose(ebic - bic, 2 * log_models[k], rtol=1e-9)


# --- Degrees of freedom


def degrees(path, Z, target, **params):
    """What 2 df is in AIC, and what is left of EBIC: df with the intercept, k."""
    likely, strict = (information_criterion(path, Z, target, name, **params) for name in ("aic", "bic"))
    n = params.get("sample_weight", np.ones(len(target))).sum()
    return (strict - likely) / (np.log(n) - 2)


def by_differences(fit, target, step):
    """sum_i d fitted_i / d y_i."""
    return sum(
        (fit(target + step * e)[i] - fit(target - step * e)[i]) / (2 * step) for i, e in enumerate(np.eye(len(target)))
    )


@pytest.mark.parametrize(
    "options",
    [
        {"penalty": "l1"},
        {"penalty": "l2"},
        {"penalty": ElasticNet(0.5)},
        {"penalty": ElasticNet(0.3), "standardize": True, "fit_intercept": False},
        {"penalty": ElasticNet(0.5), "penalty_factor": [0, 0, 1, 2, 3, 1, np.inf, 1]},
        {"penalty": "l2", "penalty_factor": [0, 0, 1, 2, 3, 1, np.inf, 1]},
        {"penalty": "l1", "dropout": 0.3},
        {"penalty": "l1", "penalty_factor": [0, 0, 1, 2, 3, 1, np.inf, 1], "dropout": 0.3},
        {"penalty": "l2", "lower": -0.05, "upper": 0.2},
        {"penalty": None},
    ],
    ids=str,
)
def test_degrees_of_freedom_are_the_divergence_of_the_fit(options):
    """Stein: df = sum_i d fitted_i / d y_i."""
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(30, 8)) @ (np.eye(8) + 0.3 * rng.normal(size=(8, 8))) + 1
    t = Z @ np.r_[1, -1, 0.5, np.zeros(5)] + rng.normal(size=30)
    model = SparseRegressor(tol=1e-14, **options)
    path = regularization_path(model, Z, t, alphas=[0.5, 0.1])
    for alpha, df in zip(path.alphas, degrees(path, Z, t), strict=True):
        fitted = model.set_params(alpha=alpha)
        assert df == pytest.approx(by_differences(lambda u: fitted.fit(Z, u).predict(Z), t, 1e-4), rel=1e-5)


@pytest.mark.parametrize("shape", [(40, 6), (12, 30)])
@pytest.mark.parametrize("weighted", [False, True])
def test_ridge_is_the_sum_over_singular_values(shape, weighted):
    rng = np.random.default_rng(2)
    Z, t = rng.normal(size=shape) + 0.5, rng.normal(size=shape[0])
    s = rng.uniform(0.5, 2, shape[0]) * (np.arange(shape[0]) != 3) if weighted else np.ones(shape[0])
    n, alphas = s.sum(), [3.0, 1.0, 0.1]
    path = regularization_path(SparseRegressor(penalty="l2"), Z, t, alphas=alphas, sample_weight=s)
    d = np.linalg.svd(np.sqrt(s)[:, None] * (Z - s @ Z / n), compute_uv=False)
    expected = [1 + np.sum(d**2 / (d**2 + n * alpha)) for alpha in alphas]
    np.testing.assert_allclose(degrees(path, Z, t, sample_weight=s), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(60, 5), (20, 30)])
def test_logistic_ridge_is_the_trace_with_working_weights(shape):
    rng = np.random.default_rng(3)
    Z = rng.normal(size=shape)
    t = (Z[:, 0] + rng.normal(size=shape[0]) > 0).astype(int)
    path = regularization_path(SparseClassifier(penalty="l2", tol=1e-12), Z, t, alphas=[0.3, 0.02])
    for k, df in enumerate(degrees(path, Z, t)):
        p = special.expit(predictor(path, k, Z))
        A = np.c_[np.ones(len(t)), Z]
        H = A.T @ ((p * (1 - p))[:, None] * A) / len(t)
        penalty = path.alphas[k] * np.diag(np.r_[0, np.ones(shape[1])])
        assert df == pytest.approx(np.trace(np.linalg.solve(H + penalty, H)), rel=1e-7)


def test_unpenalised_features_among_many():
    """More features than samples: the rows' side of the formula, with and without features that are not penalised."""
    rng = np.random.default_rng(4)
    Z, t = rng.normal(size=(15, 40)), rng.normal(size=15)
    factor = np.ones(40)
    factor[[3, 7]] = 0
    path = regularization_path(SparseRegressor(penalty="l2", penalty_factor=factor), Z, t, alphas=[1.0, 0.2])
    A = np.c_[np.ones(15), Z]
    for alpha, df in zip(path.alphas, degrees(path, Z, t), strict=True):
        H = A.T @ A / 15
        assert df == pytest.approx(np.trace(np.linalg.solve(H + alpha * np.diag(np.r_[0, factor]), H)), rel=1e-9)


def test_without_a_penalty_it_is_the_rank():
    Z = np.c_[X, X[:, 2], X[:, 3] + X[:, 4], np.ones(N)]  # with an intercept a constant column adds nothing
    path = regularization_path(SparseRegressor(penalty=None), Z, y, alphas=[1.0])
    assert degrees(path, Z, y) == pytest.approx(11)
    at_zero = regularization_path(SparseRegressor(), X, y, alphas=[1.0, 0.0])
    assert degrees(at_zero, X, y)[1] == pytest.approx(11)


def test_a_weight_at_a_bound_does_not_count():
    path = regularization_path(SparseRegressor(lower=-100, upper=300), X, y, alphas=[0.5, 0.05])
    for coef, df in zip(path.coefs, degrees(path, X, y), strict=True):
        assert 300 in coef.data
        assert df == pytest.approx(1 + np.sum((coef.data < 300) & (coef.data > -100)))


def test_features_that_are_not_selected_are_no_candidates():
    factor = np.ones(10)
    factor[[2, 5, 6]] = 0, np.inf, np.inf
    frame, _ = load_diabetes(return_X_y=True, as_frame=True)
    by_name = {name: f for name, f in zip(frame.columns, factor, strict=True) if f != 1}
    closed = np.where(np.arange(10) == 9, 0, np.inf)
    for Z, options, p in [
        (X, {"penalty_factor": factor}, 7),
        (frame, {"penalty_factor": by_name}, 7),
        (X, {"penalty_factor": factor, "lower": -closed, "upper": closed}, 6),
        (frame, {"penalty_factor": by_name, "lower": -closed, "upper": closed}, 6),
        (X, {"lower": -closed, "upper": closed}, 9),
        (X, {"lower": 0.0, "upper": np.inf}, 10),
    ]:
        path = regularization_path(SparseRegressor(**options), Z, y, alphas=[1.0, 0.1, 0.01])
        bic, ebic = (information_criterion(path, Z, y, name) for name in ("bic", "ebic"))
        k = path.n_nonzero - ("penalty_factor" in options)
        np.testing.assert_allclose(ebic - bic, 2 * np.log(special.comb(p, k)), atol=1e-9)


def test_fractional_degrees_have_a_continuous_binomial():
    path = regularization_path(SparseRegressor(penalty="l2"), X, y, alphas=[0.01, 0.001])
    bic, ebic = (information_criterion(path, X, y, name) for name in ("bic", "ebic"))
    k = degrees(path, X, y) - 1
    assert (k % 1 > 0.01).all()
    np.testing.assert_allclose(ebic - bic, 2 * np.log(special.binom(10, k)), rtol=1e-7)


def test_without_a_penalty_nothing_is_selected():
    path = regularization_path(SparseRegressor(penalty=None), X, y, alphas=[1.0])
    assert information_criterion(path, X, y, "ebic") == information_criterion(path, X, y, "bic")


# --- Relaxed paths


def test_relaxed_lasso_counts_its_support():
    path = regularization_path(Lasso(tol=1e-8), X, y, alphas=15)
    for gamma in (0.0, 0.5, 1.0):
        refits = relax(path, X, y, gamma=gamma)
        np.testing.assert_allclose(degrees(refits, X, y), path.n_nonzero + 1)
    rss = np.array([((y - predictor(refits, k, X)) ** 2).sum() for k in range(15)])
    assert (information_criterion(relax(path, X, y), X, y) <= information_criterion(path, X, y) + 1e-6).all()
    np.testing.assert_allclose(
        information_criterion(refits, X, y), N * np.log(2 * np.pi * np.e * rss / N) + 2 * (path.n_nonzero + 1)
    )


def test_relaxed_elastic_net_blends_the_traces():
    path = regularization_path(SparseRegressor(penalty=ElasticNet(0.5)), X, y, alphas=[0.1, 0.01])
    shrunk, free = degrees(path, X, y), degrees(relax(path, X, y), X, y)
    np.testing.assert_allclose(free, path.n_nonzero + 1)
    assert (shrunk < free).all()
    np.testing.assert_allclose(degrees(relax(path, X, y, gamma=0.25), X, y), 0.25 * shrunk + 0.75 * free)


# --- What has no criterion


def test_saturated_fits_are_infinite():
    rng = np.random.default_rng(0)
    Z, t = rng.normal(size=(12, 20)), rng.normal(size=12)
    path = regularization_path(SparseRegressor(), Z, t, alphas=[0.5, 0.1, 0.0])
    found = information_criterion(path, Z, t, "bic")
    assert np.isfinite(found[:2]).all()
    assert found[2] == np.inf
    assert np.isfinite(information_criterion(regularization_path(Lasso(), X, y, alphas=3), X, y)).all()
    perfect = regularization_path(Lasso(), X, np.full(N, 2.0), alphas=2)
    np.testing.assert_array_equal(information_criterion(perfect, X, np.full(N, 2.0)), np.inf)
    gamma = regularization_path(SparseRegressor("gamma"), X, np.full(N, 2.0), alphas=2)
    np.testing.assert_array_equal(information_criterion(gamma, X, np.full(N, 2.0)), np.inf)


def test_a_fit_without_finite_minimum_is_infinite():
    Z, t = load_breast_cancer(return_X_y=True)
    Z, t = Z[:60] / Z[:60].max(axis=0), t[:60]
    with pytest.warns(ConvergenceWarning):
        path = regularization_path(SparseClassifier(), Z, t, alphas=[0.1, 0.01, 0.0])
    found = information_criterion(path, Z, t)
    assert np.isfinite(found[:2]).all()
    assert found[2] == np.inf


@pytest.mark.parametrize(
    ("model", "target", "message"),
    [
        (SparseRegressor("huber"), y, "loss Huber is not the logarithm of a likelihood"),
        (SparseClassifier("squared_hinge"), LABELS, "loss SquaredHinge is not the logarithm"),
        (
            SparseRegressor(Tweedie(1.5)),
            y,
            "loss Tweedie with a power between 1 and 2 .* dispersion .* cross-validation",
        ),
    ],
    ids=str,
)
def test_losses_without_a_likelihood_are_refused(model, target, message):
    path = regularization_path(model, X, target, alphas=3)
    with pytest.raises(ValueError, match=message):
        information_criterion(path, X, target)


def test_losses_that_are_others_under_a_name():
    for loss, name in ((Tweedie(1), "poisson"), (Tweedie(power=2.0), "gamma")):
        a = regularization_path(SparseRegressor(loss), X, y, alphas=4)
        b = regularization_path(SparseRegressor(name), X, y, alphas=4)
        np.testing.assert_allclose(information_criterion(a, X, y), information_criterion(b, X, y), rtol=1e-6)

    class MySquaredError(SquaredError):
        quadratic = False

    mine = regularization_path(SparseRegressor(MySquaredError()), X, y, alphas=[1.0])
    plain = regularization_path(SparseRegressor(), X, y, alphas=[1.0])
    np.testing.assert_allclose(information_criterion(mine, X, y), information_criterion(plain, X, y), rtol=1e-6)
    assert not isinstance(Huber(), SquaredError)


class _Lasso(L1):
    """A penalty of one's own, of which only value and prox are known."""

    def bind(self, alpha, n_features, **given):
        bound = super().bind(alpha, n_features, **given)
        return _Opaque(bound)


class _Opaque:
    convex, costless, excluded, unpenalised, smooth, box = True, None, None, None, False, (-np.inf, np.inf)

    def __init__(self, inside):
        self.inside = inside

    def kernel_arguments(self):
        return None

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inside, name)


def test_penalties_whose_degrees_of_freedom_are_not_known_are_refused():
    assert isinstance(_Lasso(), Penalty)
    path = regularization_path(SparseRegressor(penalty=_Lasso()), X, y, alphas=[1.0])
    with pytest.raises(TypeError, match="the degrees of freedom of _Opaque are not known"):
        information_criterion(path, X, y)
    with pytest.raises(TypeError, match="the penalty _Opaque cannot be relaxed"):
        relax(path, X, y)


def test_weights_that_are_no_frequencies_are_refused():
    s = np.full(N, 1 / N)
    path = regularization_path(Lasso(), X, y, alphas=3, sample_weight=s)
    with pytest.raises(
        ValueError, match=r"sample_weight are frequencies and must sum to more than 1; the sum is 1.*n_samples"
    ):
        information_criterion(path, X, y, sample_weight=s)


@pytest.mark.parametrize("criterion", ["AIC", "mdl", None, 3])
def test_bad_criteria_are_named(criterion):
    path = regularization_path(Lasso(), X, y, alphas=3)
    with pytest.raises(ValueError, match=r"criterion must be one of \['aic', 'bic', 'ebic'\]; got"):
        information_criterion(path, X, y, criterion)


@pytest.mark.parametrize(("gamma", "error"), [(-0.1, ValueError), (1.1, ValueError), ("x", TypeError)])
def test_bad_gammas_are_named(gamma, error):
    path = regularization_path(Lasso(), X, y, alphas=3)
    with pytest.raises(error, match="ebic_gamma must be"):
        information_criterion(path, X, y, "ebic", ebic_gamma=gamma)


@pytest.mark.parametrize("function", [information_criterion, relax])
def test_other_data_than_those_of_the_path_are_refused(function):
    s, o = 1.0 + np.arange(N) % 2, np.linspace(0, 50, N)
    path = regularization_path(Lasso(), X, y, alphas=5, sample_weight=s, offset=o)
    function(path, X, y, sample_weight=s, offset=o)
    function(path, X, y, sample_weight=7 * s, offset=o)
    for arguments in (
        {"y": y[::-1]},
        {"X": X[::-1]},
        {"X": X[:, ::-1]},
        {"sample_weight": None},
        {"offset": o[::-1]},
        {"y": np.column_stack([y, y])},
    ):
        with pytest.raises(ValueError, match="must be those that the path was made with"):
            function(path, **{"X": X, "y": y, "sample_weight": s, "offset": o, **arguments})
    with pytest.raises(ValueError, match="made with an offset"):
        function(path, X, y, sample_weight=s)
    with pytest.raises(ValueError, match="X must have the 10 features of the path; got 9"):
        function(path, X[:, 1:], y, sample_weight=s, offset=o)
    with pytest.raises(TypeError, match="path must be a Path, as regularization_path returns it; got Lasso"):
        function(Lasso(), X, y)
    wide = regularization_path(Lasso(), sparse.csr_array(X), y, alphas=5)
    with pytest.raises(ValueError, match="must be those that the path was made with"):
        function(wide, sparse.csr_array(np.where(np.arange(10) == 2, 0, X)), y)


def test_a_perfect_fit_knows_its_data_again():
    """Where the null model leaves rounding only, that is no reason to call the data others."""
    for constant in (0.1, 3.0, 1e6 + 0.1):
        path = regularization_path(Lasso(), X + 5, np.full(N, constant), alphas=3)
        assert len(relax(path, X + 5, np.full(N, constant))) == 3

"""Relaxed paths: the refits judged by the oracle, closed forms, glmnet's numbers, and where a path has to end."""

import tracemalloc

import helpers
import numpy as np
import oracles
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from sparsereg import Lasso, SparseClassifier, SparseRegressor, regularization_path, relax
from sparsereg.penalties import ElasticNet

X, y = load_diabetes(return_X_y=True)
CASES = [case for case in helpers.CASES if case.penalty == "l1"]


def estimator_of(case, **changes):
    kind = SparseClassifier if case.loss in ("log_loss", "squared_hinge") else SparseRegressor
    options = {k: v for k, v in case.options.items() if k not in ("alpha", "sample_weight", "offset")}
    return kind(case.loss_spec, case.penalty_spec, **{**options, **changes})


def without_duplicates():
    """The columns of the case table, the duplicate replaced: with both of them there is no unique refit."""
    features = helpers.features().copy()
    features[:, helpers.DUPLICATE] = np.random.default_rng(5).normal(size=len(features))
    return features


# --- Refits


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore:the relaxed path ends:sklearn.exceptions.ConvergenceWarning")
def test_refits_are_optimal_on_their_support_by_the_oracle(case):
    Z = without_duplicates().astype(case.dtype)
    data = {"sample_weight": case.options["sample_weight"], "offset": case.options["offset"]}
    shared = {k: case.options.get(k) for k in ("sample_weight", "offset", "fit_intercept", "lower", "upper")}
    factor = np.broadcast_to(1.0 if (f := case.options.get("penalty_factor")) is None else f, helpers.N_FEATURES)
    top = oracles.null_alpha(case.with_options(alpha=1.0), 1.0)
    path = regularization_path(
        estimator_of(case), helpers.with_layout(Z, case.layout), case.y, alphas=top * np.array([0.7, 0.3, 0.1]), **data
    )
    refits = relax(path, helpers.with_layout(Z, case.layout), case.y, **data)
    assert len(refits) >= 2
    tol = 2e-8 if case.dtype == "float64" else 1e-4
    low, high = case.options.get("lower", -np.inf), case.options.get("upper", np.inf)
    for k, coef in enumerate(refits.coefs):
        support = (path.coefs[k].toarray()[0] != 0) | (factor == 0)
        only = np.where(support, 1.0, np.inf)
        reference = oracles.reference(Z, case.y, helpers.oracle_loss(case.loss), None, penalty_factor=only, **shared)
        intercept = float(np.ravel(refits.intercepts[k])[0]) if case.fit_intercept else 0.0
        v = reference.pack(np.clip(coef.toarray()[0], low, high), intercept)
        assert oracles.gap(reference, v) <= tol * oracles.scale(reference)
        assert refits.relative_gaps[k] <= 1e-8
        assert refits.explained[k] >= path.explained[k] - 1e-12


def test_an_orthonormal_design_has_a_closed_form():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(np.c_[np.ones(50), rng.normal(size=(50, 8))])[0][:, 1:] * np.sqrt(50)
    t = rng.normal(size=50) + 3
    c = Q.T @ t / 50
    path = regularization_path(SparseRegressor(tol=1e-12), Q, t, alphas=12, alpha_min_ratio=0.1)
    for gamma in (0.0, 0.3, 1.0):
        for alpha, coef in zip(path.alphas, relax(path, Q, t, gamma=gamma).coefs, strict=True):
            soft = np.where(np.abs(c) > alpha * (1 + 1e-12), np.sign(c) * (np.abs(c) - alpha), 0)
            np.testing.assert_allclose(
                coef.toarray()[0], gamma * soft + (1 - gamma) * np.where(soft != 0, c, 0), atol=1e-12
            )


def test_a_refit_is_least_squares_on_the_support():
    path = regularization_path(Lasso(tol=1e-8), X, y, alphas=30)
    refits = relax(path, X, y)
    for k in range(1, 30):
        support = path.coefs[k].indices
        plain = LinearRegression().fit(X[:, support], y)
        np.testing.assert_array_equal(refits.coefs[k].indices, support)
        np.testing.assert_allclose(refits.coefs[k].data, plain.coef_, rtol=1e-8)
        assert refits.intercepts[k] == pytest.approx(plain.intercept_)
        assert refits.explained[k] == pytest.approx(plain.score(X[:, support], y))


def test_refits_are_made_where_the_support_changes():
    path = regularization_path(SparseRegressor("poisson"), X, y, alphas=40)
    refits = relax(path, X, y)
    supports = [tuple(coef.indices) for coef in path.coefs]
    changed = [k == 0 or supports[k] != supports[k - 1] for k in range(40)]
    assert (refits.n_iter > path.n_iter).tolist() == changed
    for k in range(1, 40):
        if not changed[k]:
            np.testing.assert_array_equal(refits.coefs[k].data, refits.coefs[k - 1].data)


# --- Blends


def test_the_whole_penalised_fit_is_the_path_itself():
    path = regularization_path(Lasso(), X, y, alphas=20)
    same = relax(path, X, y, gamma=1)
    assert same.relax == 1.0
    np.testing.assert_array_equal(same.coef_matrix().toarray(), path.coef_matrix().toarray())
    for name in ("alphas", "intercepts", "dual_gaps", "relative_gaps", "explained", "n_iter"):
        np.testing.assert_array_equal(getattr(same, name), getattr(path, name))


def test_linear_predictors_are_blended():
    Z, t = load_breast_cancer(return_X_y=True)
    path = regularization_path(SparseClassifier(standardize=True), Z, t, alphas=10)
    whole, none, some = path, relax(path, Z, t), relax(path, Z, t, gamma=0.25)
    for alpha in path.alphas:
        a, b, c = (p.estimator(alpha).decision_function(Z) for p in (whole, none, some))
        np.testing.assert_allclose(c, 0.25 * a + 0.75 * b, atol=1e-9 * np.abs(b).max())
    assert (none.explained >= some.explained - 1e-12).all()
    assert (some.explained >= path.explained - 1e-12).all()


def test_what_gaps_say():
    path = regularization_path(SparseRegressor(), X, y, alphas=10)
    refits, blends = relax(path, X, y), relax(path, X, y, gamma=0.5)
    assert refits.relative_gaps.max() <= 1e-8
    assert np.isnan(blends.dual_gaps).all()
    assert np.isnan(blends.relative_gaps).all()
    model = blends.estimator(blends.alphas[4])
    assert np.isnan(model.dual_gap_)
    assert np.isnan(model.kkt_violation_)
    assert refits.estimator(path.alphas[4]).kkt_violation_ <= 1e-6
    assert repr(refits).endswith("relax=0>")
    assert repr(blends).endswith("relax=0.5>")
    assert path.relax is None
    assert (refits.relax, blends.relax) == (0.0, 0.5)


def test_explained_is_the_score_of_each_model():
    path = regularization_path(SparseRegressor(), X, y, alphas=10, relax=0.5)
    scores = [path.estimator(alpha).score(X, y) for alpha in path.alphas]
    np.testing.assert_allclose(path.explained, scores, atol=1e-12)


def test_the_parameter_of_the_path_is_the_same():
    for model in (Lasso(), SparseRegressor("huber", ElasticNet(0.9))):
        direct = regularization_path(model, X, y, alphas=15, relax=0.2)
        twice = relax(regularization_path(model, X, y, alphas=15), X, y, gamma=0.2)
        np.testing.assert_array_equal(direct.coef_matrix().toarray(), twice.coef_matrix().toarray())
        np.testing.assert_array_equal(direct.intercepts, twice.intercepts)
        assert direct.relax == twice.relax == 0.2
    fitted = direct.estimator(direct.alphas[7])
    np.testing.assert_array_equal(fitted.sparse_coef_.toarray(), direct.coefs[7].toarray())
    assert fitted.predict(X).shape == y.shape


def test_several_outputs():
    Y = np.column_stack([y, 2 * y[::-1]])
    path = regularization_path(Lasso(), X, Y, alphas=[1.0, 0.3], relax=0.0)
    for k in range(2):
        single = regularization_path(Lasso(), X, Y[:, k], alphas=[1.0, 0.3], relax=0.0)
        np.testing.assert_allclose(path.coef_matrix(k).toarray(), single.coef_matrix().toarray(), rtol=1e-9)


# --- What is kept in a refit


def test_weights_are_repetitions():
    s = np.arange(len(y)) % 3
    model = SparseRegressor("poisson", tol=1e-10)
    weighted = regularization_path(model, X, y, alphas=8, sample_weight=s)
    repeated = regularization_path(model, np.repeat(X, s, axis=0), np.repeat(y, s), alphas=8)
    a = relax(weighted, X, y, sample_weight=s)
    b = relax(repeated, np.repeat(X, s, axis=0), np.repeat(y, s))
    np.testing.assert_allclose(a.coef_matrix().toarray(), b.coef_matrix().toarray(), atol=1e-6)
    np.testing.assert_allclose(a.intercepts, b.intercepts, rtol=1e-9)


def test_bounds_factors_and_dropout_hold():
    factor = np.ones(10)
    factor[[0, 2]] = 0, np.inf
    model = SparseRegressor(penalty_factor=factor, lower=-300, upper=400, fit_intercept=False)
    refits = regularization_path(model, X, y - y.mean(), alphas=[1.0, 0.1, 0.01], relax=0.0)
    coef = refits.coef_matrix().toarray()
    assert coef.min() == -300
    assert coef.max() == 400
    assert not coef[:, 2].any()
    assert coef[:, 0].all()
    np.testing.assert_array_equal(refits.intercepts, 0)
    dropped = regularization_path(SparseRegressor(dropout=0.2), X, y, alphas=[0.5, 0.01], relax=0.0)
    support = dropped.coefs[0].indices
    centred = X[:, support] - X[:, support].mean(axis=0)
    ridge = 0.25 * np.diag((X[:, support] ** 2).sum(axis=0))  # 0.2 / 0.8
    expected = np.linalg.solve(centred.T @ centred + ridge, centred.T @ y)
    np.testing.assert_allclose(dropped.coefs[0].data, expected, rtol=1e-8)


def test_a_refit_to_the_bound_at_zero_leaves_the_model():
    """With another feature unshrunk a coefficient can want to change sign, where the bounds do not let it."""
    rng = np.random.default_rng(3)
    gone = 0
    for _ in range(50):
        Z = rng.normal(size=(20, 5)) @ (np.eye(5) + rng.normal(size=(5, 5)))
        t = Z @ rng.normal(size=5) + rng.normal(size=20)
        path = regularization_path(Lasso(positive=True, tol=1e-10), Z, t, alphas=20)
        refits = relax(path, Z, t)
        assert all((coef.data > 0).all() for coef in refits.coefs)  # nothing stored that is zero
        gone += (refits.n_nonzero < path.n_nonzero).sum()
    assert gone > 0


def test_no_array_as_long_as_the_features():
    rng = np.random.default_rng(0)
    columns = np.sort(rng.choice(10**6, size=40, replace=False)) * 199
    Z = sparse.csr_array(rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.5))
    big = sparse.csr_array((Z.data, columns[Z.indices], Z.indptr.astype(np.int64)), shape=(60, 200_000_000))
    t = Z @ np.r_[np.ones(5), np.zeros(35)] + 0.1 * rng.normal(size=60)
    path = regularization_path(SparseRegressor(), big, t, alphas=10, alpha_min_ratio=0.05)
    tracemalloc.start()
    try:
        refits = relax(path, big, t)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2e6
    small = regularization_path(SparseRegressor(), Z, t, alphas=10, alpha_min_ratio=0.05, relax=0.0)
    for a, b in zip(refits.coefs, small.coefs, strict=True):
        np.testing.assert_array_equal(a.indices, columns[b.indices])
        np.testing.assert_allclose(a.data, b.data, rtol=1e-7)


# --- Where it ends


def test_the_path_ends_where_the_support_is_dependent():
    """The lasso takes in no more features than it can determine, the elastic net does."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(15, 40))
    t = Z[:, 0] + rng.normal(size=15)
    lasso = regularization_path(SparseRegressor(tol=1e-12), Z, t, alphas=60, relax=0.0)
    assert len(lasso) == 60
    assert lasso.explained[-1] == pytest.approx(1)
    path = regularization_path(SparseRegressor(penalty=ElasticNet(0.5)), Z, t, alphas=60)
    with pytest.warns(ConvergenceWarning) as record:
        refits = relax(path, Z, t)
    assert len(record) == 1
    assert record[0].filename == __file__
    k = len(refits)
    assert path.n_nonzero[:k].max() <= 14 < path.n_nonzero[k]
    message = f"the relaxed path ends after {k} of 60 alphas: at alpha={path.alphas[k]:.6g} the "
    assert str(record[0].message).startswith(message)
    assert "linearly dependent" in str(record[0].message)
    np.testing.assert_array_equal(refits.alphas, path.alphas[:k])


def test_the_path_ends_where_the_classes_can_be_separated():
    Z, t = load_breast_cancer(return_X_y=True)
    Z, t = Z[:80], t[:80]
    with pytest.warns(ConvergenceWarning, match=r"no finite minimum .*\(separable\)") as record:
        refits = regularization_path(SparseClassifier(standardize=True), Z, t, relax=0.0)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert 1 < len(refits) < 100
    assert np.isfinite(refits.coef_matrix().data).all()


def test_a_path_without_any_refit_is_an_error():
    Z = np.c_[X, X[:, 2]]
    path = regularization_path(SparseRegressor(penalty="l2"), Z, y, alphas=[1.0, 0.1])
    with pytest.raises(ValueError, match=r"the path cannot be relaxed: already at alpha=1 the 11 features .*dependent"):
        relax(path, Z, y)


def test_a_refit_that_does_not_converge_is_said_once():
    model = SparseRegressor("huber", lower=-0.5, tol=1e-8)
    rng = np.random.default_rng(0)
    Z = np.cumsum(rng.normal(size=(100, 40)), axis=1)
    t = Z[:, 3] - Z[:, 20] + rng.standard_t(2, size=100)
    path = regularization_path(model, Z, t, alphas=20)
    path._model.set_params(max_iter=1)
    with pytest.warns(
        ConvergenceWarning, match=r"^\d+ refits of supports did not converge: increase max_iter"
    ) as record:
        relax(path, Z, t)
    assert len(record) == 1


@pytest.mark.parametrize(
    ("gamma", "error"),
    [(-0.1, ValueError), (1.1, ValueError), (np.nan, ValueError), ("x", TypeError), (True, TypeError)],
)
def test_bad_shares_are_named(gamma, error):
    path = regularization_path(Lasso(), X, y, alphas=3)
    with pytest.raises(error, match="gamma must be"):
        relax(path, X, y, gamma=gamma)
    with pytest.raises(error, match="relax must be"):
        regularization_path(Lasso(), X, y, relax=gamma)


def test_a_relaxed_path_is_not_relaxed_again():
    path = regularization_path(Lasso(), X, y, alphas=3, relax=0.5)
    with pytest.raises(ValueError, match=r"path must not be relaxed yet; this one has relax=0.5"):
        relax(path, X, y)


# --- glmnet

# Numbers of R's glmnet 4.1-6, on the data of tests/linear_model/test_glmnet_numbers.py (there are X, y, s, o, b), by
#
#     f <- glmnet(X, ..., lambda = L * c(16, 8, 4, 2, 1), relax = TRUE, thresh = 1e-20, maxit = 1e7)
#     g <- glmnet:::blend.relaxed(f, gamma, epsilon = 0); c(g$a0[5], g$beta[, 5])
#
# (coef(f, gamma = 0) would take 1e-5 for 0.) `relax.glmnet` refits with lambda = 0 and `exclude`, as we do.
i = np.arange(200)
s, o = 1.0 + i % 3, (i % 5) / 10
R_X, R_y = np.round(1000 * X[:200], 3), y[:200]
b = (R_y > 120).astype(int)

# fmt: off
GLMNET = {
    # y, family = "gaussian", L = 30, standardize = FALSE
    "gaussian": (SparseRegressor(), R_y, 30, 0.0, {},
        [150.4255378, -0.02894571419, -0.3075944943, 0.5606236248, 0.2675827995, -0.4532824582, 0, 0.06084226475,
         0.2739680445, 0.6204289149, 0.1298447748]),
    "gaussian, blend": (SparseRegressor(), R_y, 30, 0.25, {},
        [150.4308761, -0.02546437923, -0.3023447355, 0.5585244015, 0.2617820783, -0.4298595822, 0, 0.04092413447,
         0.246703599, 0.6164594361, 0.1282216721]),
    # y, L = 4, standardize = TRUE
    "gaussian, standardized, blend": (SparseRegressor(standardize=True), R_y, 4, 0.5, {},
        [150.4448444, 0, -0.2376052789, 0.5388923766, 0.2017724699, -0.2050155049, 0, -0.1301033624, 0, 0.5775139672,
         0.1043001828]),
    # y, L = 30, standardize = FALSE, lower.limits = -0.1, upper.limits = 0.5
    "gaussian, bounds": (SparseRegressor(lower=-0.1, upper=0.5), R_y, 30, 0.0, {},
        [150.3884327, -0.08016702215, -0.1, 0.5, 0.2494757258, -0.1, -0.1, -0.1, 0.05813259914, 0.5, 0.1409368539]),
    # y, weights = s, L = 30, standardize = FALSE
    "gaussian, weights": (SparseRegressor(), R_y, 30, 0.0, {"sample_weight": s},
        [151.0683105, 0, -0.2546620913, 0.5240843384, 0.2643250365, -0.4394178623, 0, 0, 0.2432360342, 0.5667006284,
         0.1297578971]),
    # y, L = 30, standardize = FALSE, penalty.factor = c(0, rep(10 / 9, 9)), which glmnet rescales to (0, 10 / 9, ...)
    "gaussian, factor, blend": (SparseRegressor(penalty_factor=[0, *[10 / 9] * 9]), R_y, 30, 0.25, {},
        [150.4099545, -0.02993442376, -0.3004934167, 0.5588396129, 0.2616895967, -0.4264907398, 0, 0.03943260637,
         0.2430485689, 0.6169293512, 0.1284227059]),
    # y, L = 30, standardize = FALSE, intercept = FALSE
    "gaussian, no intercept": (SparseRegressor(fit_intercept=False), R_y, 30, 0.0, {},
        [0, -0.3920679342, -0.2693266551, 0.5657444135, 0.1735032382, -0.9953947579, 0.4912926579, 0, 0, 0.7496414452,
         0.08310110903]),
    # b, family = "binomial", L = 2, standardize = FALSE
    "binomial": (SparseClassifier(), b, 2, 0.0, {},
        [0.6352439246, 0, -0.01752588486, 0.01533414853, 0.00679127416, 0, 0, -0.01465551511, 0, 0.02335334251, 0]),
    # b, family = "binomial", weights = s, alpha = 0.5, L = 2, standardize = FALSE
    "binomial, elastic net, weights, blend": (
        SparseClassifier(penalty=ElasticNet(0.5)), b, 2, 0.25, {"sample_weight": s},
        [0.6248049768, 0, -0.01279264022, 0.01348773246, 0.004658556639, 0, -0.006216516959, -0.0139948886, 0,
         0.02433360026, 0]),
    # y, family = "poisson", offset = o, L = 200, standardize = FALSE
    "poisson, offset": (SparseRegressor("poisson"), R_y, 200, 0.0, {"offset": o},
        [4.74078086, 0, -0.001788408897, 0.003501466197, 0.001789143494, -0.00156039784, 0, -0.001592420627, 0,
         0.003378781012, 0.0007567626901]),
    "poisson, offset, blend": (SparseRegressor("poisson"), R_y, 200, 0.5, {"offset": o},
        [4.748887188, 0, -0.001294074193, 0.003420138505, 0.001451564514, -0.0009870332808, 0, -0.001356356952, 0,
         0.003138451207, 0.0005394461146]),
}
# fmt: on


@pytest.mark.parametrize("name", GLMNET)
def test_same_as_glmnet(name):
    model, target, smallest, gamma, params, expected = GLMNET[name]
    alphas = smallest * np.array([16, 8, 4, 2, 1])
    path = regularization_path(clone(model).set_params(tol=1e-12), R_X, target, alphas=alphas, relax=gamma, **params)
    coef = path.coefs[4].toarray()[0]
    np.testing.assert_allclose(coef, expected[1:], atol=1e-6 * np.abs(expected[1:]).max(), rtol=0)
    assert float(np.ravel(path.intercepts[4])[0]) == pytest.approx(expected[0], rel=1e-7)
    assert (coef == 0).tolist() == [value == 0 for value in expected[1:]]

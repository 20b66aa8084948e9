"""Numbers of R's glmnet 4.1-6, frozen: an implementation with which we share no line and no language.

They were made on the first 200 rows of scikit-learn's diabetes data, X rounded to three digits after times 1000, by

    library(glmnet); glmnet.control(fdev = 0, devmax = 1)
    X <- as.matrix(read.csv("X.csv", header = FALSE)); y <- scan("y.csv")
    i <- 0:199; s <- 1 + i %% 3; o <- (i %% 5) / 10; b <- as.numeric(y > 120)
    last <- function(...) { f <- glmnet(X, ..., thresh = 1e-18, maxit = 1e7); c(f$a0[5], f$beta[, 5]) }

with ``lambda = L * c(16, 8, 4, 2, 1)`` (glmnet wants a path) and the arguments that stand beside each case. glmnet
divides weights by their mean and the loss by n as we do; its lambda is our alpha.
"""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from sparsereg import SparseClassifier, SparseRegressor
from sparsereg.penalties import ElasticNet

X, y = load_diabetes(return_X_y=True)
X, y = np.round(1000 * X[:200], 3), y[:200]
i = np.arange(200)
s, o, b = 1.0 + i % 3, (i % 5) / 10, (y > 120).astype(int)

# fmt: off
CASES = {
    # y, family = "gaussian", L = 4, standardize = FALSE
    "gaussian": (
        SparseRegressor(alpha=4.0), y, {},
        [150.3662438, -0.02737456066, -0.3073615161, 0.5554268882, 0.2638682382, -0.5706829233, 0.1273200317,
         0.08243086524, 0.2384468146, 0.6686856862, 0.1307554798]),
    # y, L = 2, standardize = TRUE
    "gaussian, standardized": (
        SparseRegressor(alpha=2.0, standardize=True), y, {},
        [150.4448444, 0, -0.237605279, 0.5388923763, 0.2017724699, -0.2050155048, 0, -0.1301033626, 0, 0.5775139672,
         0.1043001829]),
    # y, L = 2, standardize = FALSE, lower.limits = -0.1, upper.limits = 0.3
    "gaussian, bounds": (
        SparseRegressor(alpha=2.0, lower=-0.1, upper=0.3), y, {},
        [150.3733081, -0.03429080743, -0.1, 0.3, 0.3, -0.1, -0.1, -0.1, 0.1987379743, 0.3, 0.2105356921]),
    # y, weights = s, L = 4, standardize = FALSE
    "gaussian, weights": (
        SparseRegressor(alpha=4.0), y, {"sample_weight": s},
        [151.0057693, -0.002512306915, -0.2456497296, 0.5236862716, 0.2606855734, -0.9293183646, 0.3503635968,
         0.28483668, 0.3822724065, 0.7218728903, 0.1334960919]),
    # b, family = "binomial", L = 0.5, standardize = FALSE
    "binomial": (
        SparseClassifier(alpha=0.5), b, {},
        [0.5883827145, 0, -0.01179664045, 0.01571609047, 0.005697757718, 0, -0.005961108686, -0.01188780817, 0,
         0.02181548659, -0.001136967488]),
    # b, family = "binomial", weights = s, alpha = 0.5, L = 0.5, standardize = FALSE
    "binomial, elastic net, weights": (
        SparseClassifier(penalty=ElasticNet(0.5), alpha=0.5), b, {"sample_weight": s},
        [0.6312736011, 0.003063013237, -0.01338233754, 0.01283281663, 0.004710075273, -0.004015735793, -0.004694882584,
         -0.0115418847, 0.00345518037, 0.02444321446, -0.001533399856]),
    # b, family = "binomial", L = 0.05, standardize = TRUE
    "binomial, standardized": (
        SparseClassifier(alpha=0.05, standardize=True), b, {},
        [0.4499982412, 0, -0.0020190178, 0.01098041972, 0, 0, 0, -0.004261003286, 0, 0.01501926726, 0]),
    # y, family = "poisson", offset = o, L = 50, standardize = FALSE
    "poisson, offset": (
        SparseRegressor("poisson", alpha=50.0), y, {"offset": o},
        [4.743488126, -0.0004319421014, -0.001440080449, 0.003492402235, 0.001675132396, -0.00126797299, 0,
         -0.001379851117, 0, 0.003349041737, 0.0006898482503]),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_same_as_glmnet(name):
    model, target, params, expected = CASES[name]
    model.set_params(tol=1e-12).fit(X, target, **params)
    found = np.append(model.intercept_, model.coef_)
    # glmnet stops by the change of its objective: six digits of the largest coefficient are what it gives.
    np.testing.assert_allclose(found[1:], expected[1:], atol=1e-6 * np.abs(expected[1:]).max(), rtol=0)
    assert found[0] == pytest.approx(expected[0], rel=1e-7)
    assert (found[1:] == 0).tolist() == [value == 0 for value in expected[1:]]

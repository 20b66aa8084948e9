"""Numbers of R's glmnet 4.1-6 for several classes and several targets, frozen, as in `test_glmnet_numbers`.

They were made on the same rows of the diabetes data, after the same lines (with ``i``, ``s``, ``X`` and ``y``), by

    k <- (y > 100) + (y > 180); Y <- cbind(y, y / 2 + 40 * (i %% 7), 30 * (i %% 5) - y / 4)
    o <- cbind((i %% 5) / 10, 0, (i %% 3) / 4)
    last <- function(...) { f <- glmnet(X, ..., thresh = 1e-18, maxit = 1e8)
                            rbind(f$a0[, 5], sapply(f$beta, function(b) b[, 5])) }

with ``lambda = L * c(16, 8, 4, 2, 1)`` and the arguments that stand beside each case. Its grouped multinomial is
`Rows`. Responses were not standardised (``standardize.response = FALSE``, the default): ours never are. Of a case the
first row holds the intercepts, then comes a row per class or target.
"""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from sparsereg import SparseClassifier, SparseRegressor
from sparsereg.penalties import ElasticNet, Rows

X, y = load_diabetes(return_X_y=True)
X, y = np.round(1000 * X[:200], 3), y[:200]
i = np.arange(200)
s, k = 1.0 + i % 3, (y > 100).astype(int) + (y > 180)
Y = np.column_stack([y, y / 2 + 40 * (i % 7), 30 * (i % 5) - y / 4])
o = np.column_stack([(i % 5) / 10, 0 * i, (i % 3) / 4])

# fmt: off
CASES = {
    # k, family = "multinomial", L = 0.5, standardize = FALSE
    "multinomial": (
        SparseClassifier(alpha=0.5), k, {},
        [
            [-0.150022336, 0.4342989334, -0.2842765974],
            [0.0001771391465, 0.001679851596, -0.007991591737, -0.006281249856, 0, 0.003398943908,
             0.006864748788, 0, -0.0153298476, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, -0.005177009934],
            [-0.0009927179496, -0.006812176667, 0.01529684441, 0.004190667495, 0, -0.002380071137, 0, 0,
             0.01396590724, 0.0003775048112],
        ]),
    # k, weights = s, alpha = 0.7, L = 0.05, standardize = TRUE
    "multinomial, elastic net, weights, standardized": (
        SparseClassifier(penalty=ElasticNet(0.7), alpha=0.05, standardize=True), k, {"sample_weight": s},
        [
            [-0.1517377481, 0.4082885855, -0.2565508374],
            [0, 0, -0.001863542521, -0.001646912003, 0, 0, 0.003085515578, 0, -0.01149966517, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, -0.0005802138223],
            [0, -8.488354219e-05, 0.01281375915, 0.002434933306, 0, 0, 0, 0, 0.007938533122, 0.0022346278],
        ]),
    # k, type.multinomial = "grouped", L = 0.5, standardize = FALSE
    "grouped multinomial": (
        SparseClassifier(penalty=Rows(), alpha=0.5), k, {},
        [
            [-0.161806671, 0.4565885204, -0.2947818494],
            [0.0009507375344, 0.004029687422, -0.01109528807, -0.00612996027, 0.00077875855, 0.003004618412,
             0.004502575007, 0, -0.01575194489, 0.001207539409],
            [0.0002616683553, 0.001580047372, -0.002197809835, 0.0006932360625, 8.102671582e-05,
             -0.0003343565625, -0.002322493974, 0, 0.0004059668169, -0.003760018223],
            [-0.00121240589, -0.005609734794, 0.0132930979, 0.005436724207, -0.0008597852658,
             -0.00267026185, -0.002180081033, 0, 0.01534597807, 0.002552478814],
        ]),
    # k, type.multinomial = "grouped", weights = s, alpha = 0.5, L = 0.5, standardize = FALSE
    "grouped multinomial, ridge, weights": (
        SparseClassifier(penalty=Rows(0.5), alpha=0.5), k, {"sample_weight": s},
        [
            [-0.2280521425, 0.5672684487, -0.3392163062],
            [0.0001861702164, 0.003322250195, -0.009603603912, -0.005407935404, 0.003718086641,
             0.002740996365, 0.00174098821, -0.003469986511, -0.01651464915, 0.0003509570622],
            [0.001628070559, 0.001349895861, -0.004825020814, 0.0004693287375, -0.0001578867544,
             -0.001058739085, -0.001678299703, 0.00247830077, 0.0004786403292, -0.00458605046],
            [-0.001814240776, -0.004672146056, 0.01442862473, 0.004938606667, -0.003560199886,
             -0.00168225728, -6.268850743e-05, 0.0009916857417, 0.01603600882, 0.004235093398],
        ]),
    # k, type.multinomial = "grouped", offset = o, L = 0.05, standardize = TRUE
    "grouped multinomial, offset, standardized": (
        SparseClassifier(penalty=Rows(), alpha=0.05, standardize=True), k, {"offset": o},
        [
            [-0.1566581465, 0.4922128072, -0.3355546607],
            [0, 0.0006480717779, -0.008366728111, -0.001525699044, 0, 0, 0.001392100569, 0, -0.01177589836,
             0.000141817243],
            [0, 0.0006303404681, -0.001921103621, 0.0001122913685, 0, 0, -0.0007898736468, 0,
             0.0003634666829, -0.001118744322],
            [0, -0.001278412246, 0.01028783173, 0.001413407675, 0, 0, -0.0006022269218, 0, 0.01141243168,
             0.0009769270791],
        ]),
    # Y, family = "mgaussian", L = 200, standardize = FALSE
    "mgaussian": (
        SparseRegressor(penalty=Rows(), alpha=200.0), Y, {},
        [
            [150.3052733, 192.9203952, 23.02762065],
            [-0.01369618304, -0.1703468959, 0.5156981161, 0.1754556878, -0.1740452899, 0, -0.1036346578, 0,
             0.5303356376, 0.119321485],
            [-0.03866334511, -0.05438883931, 0.2395338603, 0.1322471456, -0.2711117318, 0, -0.05883619437,
             0, 0.1421231644, 0.1537328061],
            [0.0403626699, -0.005242257431, -0.1277387206, -0.06639996377, 0.07530069156, 0, 0.05730043774,
             0, -0.01619352493, -0.05080443033],
        ]),
    # Y, weights = s, L = 4, standardize = TRUE
    "mgaussian, weights, standardized": (
        SparseRegressor(penalty=Rows(), alpha=4.0, standardize=True), Y, {"sample_weight": s},
        [
            [150.6467859, 192.3173911, 23.22330329],
            [-0.005265331228, -0.1143578878, 0.4908080086, 0.1818396996, -0.1917579897, 0, -0.1178934521, 0,
             0.5014132974, 0.1039971809],
            [-0.1122743227, -0.07453910252, 0.2324294903, 0.1035765264, -0.3182712949, 0, -0.1082072365, 0,
             0.1552883021, 0.1068516563],
            [0.05986921095, -0.0148327857, -0.1160438927, -0.0656950409, 0.07544368288, 0, 0.0773171705, 0,
             -0.009227361404, -0.05517731601],
        ]),
    # Y, alpha = 0.5, L = 200, standardize = FALSE
    "mgaussian, ridge": (
        SparseRegressor(penalty=Rows(0.5), alpha=200.0), Y, {},
        [
            [150.3171567, 192.7924298, 23.17210885],
            [-0.02004863218, -0.2245103977, 0.5143602431, 0.2137689247, -0.1395412016, -0.05942296469,
             -0.1585330681, 0.003184618911, 0.515900204, 0.136938238],
            [-0.0696908475, -0.06897533752, 0.2400225396, 0.1630359672, -0.2374627565, -0.06623440703,
             -0.08810866375, 0.0003424594936, 0.123008569, 0.1862311427],
            [0.07341953839, -0.004465132811, -0.1264348851, -0.08442021489, 0.06888077479, 0.007975999998,
             0.07539197229, -0.001077073248, -0.007680719982, -0.0598581998],
        ]),
}
# fmt: on


@pytest.mark.parametrize("name", CASES)
def test_same_as_glmnet(name):
    model, target, params, (intercepts, *rows) = CASES[name]
    model.set_params(tol=1e-12).fit(X, target, **params)
    # glmnet stops by the change of its objective: six digits of the largest coefficient are what it gives.
    np.testing.assert_allclose(model.coef_, rows, atol=1e-6 * np.abs(rows).max(), rtol=0)
    np.testing.assert_allclose(model.intercept_, intercepts, atol=1e-6 * np.abs(intercepts).max(), rtol=0)
    np.testing.assert_array_equal(model.coef_ == 0, np.array(rows) == 0)

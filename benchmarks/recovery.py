"""What shrinkage costs: which features are found, and how well, by lasso, relaxed, adaptive, MCP, SCAD and peers.

Simulated: n = 200, p = 1000 or 5000, rows Gaussian with corr(x_j, x_k) = rho^|j - k|, ten coefficients of +-1 at random
places, noise such that var(x.w) / var(noise) = SNR. All methods get the same data, folds and number of strengths, and
their models are chosen by the same three rules, computed here:

    cv     least mean squared error of 5 folds          1se   the sparsest within one standard error of that
    ebic   n log(RSS / n) + k log n + 2 log C(p, k), models with k < n / 2 only

    python benchmarks/recovery.py --repeats 50 --minutes 60 results/recovery.jsonl     # goes on where it stopped
    python benchmarks/recovery.py --report results/recovery.jsonl

Rows of the file are one (cell, repeat, method, rule) each. All cells get their first repeat before any its second.
"""

import argparse
import json
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy.signal import lfilter
from scipy.special import gammaln

N, RELEVANT, FOLDS, N_ALPHAS, LOWEST = 200, 10, 5, 50, 0.05
SIZES, CORRELATIONS, SIGNALS = (1000, 5000), (0.0, 0.5, 0.9), (0.5, 2.0, 10.0)
RULES = ("cv", "1se", "ebic")
MOST = 40  # features that abess may select


def simulate(p, rho, snr, seed):
    """Return X, y, the true coefficients and the standard deviation of the noise."""
    rng = np.random.default_rng([seed, p, round(100 * rho), round(100 * snr)])
    X = rng.standard_normal((p, N))
    X[1:] *= np.sqrt(1 - rho**2)
    X = np.asfortranarray(lfilter([1], [1, -rho], X, axis=0).T)
    w = np.zeros(p)
    w[rng.choice(p, RELEVANT, replace=False)] = rng.choice([-1.0, 1.0], RELEVANT)
    sigma = np.sqrt(variance(w, rho) / snr)
    return X, X @ w + sigma * rng.standard_normal(N), w, sigma


def variance(w, rho):
    """Return ``w' S w`` with ``S_jk = rho^|j - k|``, of a vector with few nonzeros."""
    used = np.flatnonzero(w)
    return float(w[used] @ rho ** np.abs(used[:, None] - used).astype(float) @ w[used])


# --- Methods: path(X, y, grid) returns the coefficients, a row for each strength; grid=None makes one


def ours(model, relax=None):
    """Return the path of one of our estimators."""

    def path(X, y, grid):
        from sparsereg import regularization_path

        found = regularization_path(
            model(), X, y, alphas=N_ALPHAS if grid is None else grid, alpha_min_ratio=LOWEST, relax=relax
        )
        return found.alphas, found.coef_matrix().toarray()

    return path


def lasso():
    """Return our lasso."""
    from sparsereg import Lasso

    return Lasso(tol=1e-6)


def adaptive():
    """Return our adaptive lasso; its pilot is a lasso by cross-validation, fitted anew on the rows of each fold."""
    from sparsereg import AdaptiveLasso, LassoCV

    return AdaptiveLasso(LassoCV(alphas=30, eps=LOWEST, cv=FOLDS), tol=1e-6)


def concave(name):
    """Return a maker of our MCP or SCAD."""

    def make():
        from sparsereg import SparseRegressor

        return SparseRegressor(penalty=name, tol=1e-6)

    return make


def skglm_mcp(X, y, grid):
    """Return skglm's path of MCP, gamma = 3 as ours."""
    from skglm.estimators import MCPRegression

    X, y = np.asfortranarray(X - X.mean(0)), y - y.mean()
    top = np.abs(X.T @ y).max() / len(y)
    grid = top * np.geomspace(1, LOWEST, N_ALPHAS) if grid is None else grid
    model = MCPRegression(gamma=3.0, tol=1e-6 * top, fit_intercept=False, max_iter=1000)
    return grid, model.path(X, y, grid)[1].T


def abess_sizes(X, y, grid):
    """Return abess at each number of features; its strength is minus that number."""
    from abess.linear import LinearRegression

    grid = -np.arange(MOST + 1) if grid is None else grid
    coefs = np.zeros((len(grid), X.shape[1]))
    for row, size in zip(coefs[1:], -grid[1:], strict=True):
        row[:] = LinearRegression(support_size=int(size)).fit(X, y).coef_
    return grid, coefs


def sklearn_lasso(X, y, grid):
    """Return scikit-learn's lasso_path, which its LassoCV cross-validates."""
    from sklearn.linear_model import lasso_path

    X, y = np.asfortranarray(X - X.mean(0)), y - y.mean()
    top = np.abs(X.T @ y).max() / len(y)
    grid = top * np.geomspace(1, LOWEST, N_ALPHAS) if grid is None else grid
    return grid, lasso_path(X, y, alphas=grid)[1].T


METHODS = {
    "lasso": ours(lasso),
    "relaxed lasso": ours(lasso, relax=0.0),
    "adaptive lasso": ours(adaptive),
    "MCP": ours(concave("mcp")),
    "SCAD": ours(concave("scad")),
    "skglm MCP": skglm_mcp,
    "abess": abess_sizes,
    "sklearn LassoCV": sklearn_lasso,
}


# --- Choice and scores


def chosen(path, X, y):
    """Return the coefficients that each rule chooses."""
    grid, coefs = path(X, y, None)
    errors = np.full((FOLDS, len(grid)), np.inf)
    fold = np.arange(N) % FOLDS  # the rows are independent
    for k in range(FOLDS):
        train, test = fold != k, fold == k
        _, found = path(X[train], y[train], grid)
        b = y[train].mean() - found @ X[train].mean(0)
        errors[k, : len(found)] = np.mean((y[test] - found @ X[test].T - b[:, None]) ** 2, axis=1)
    mean = errors.mean(axis=0)
    best = int(mean.argmin())
    limit = mean[best] + errors[:, best].std(ddof=1) / np.sqrt(FOLDS)
    picks = {"cv": best, "1se": int(np.flatnonzero(mean <= limit)[0]), "ebic": int(ebic(coefs, X, y).argmin())}
    return {rule: coefs[at] for rule, at in picks.items()}


def ebic(coefs, X, y):
    """Return EBIC of each row, inf where half as many features as samples are used."""
    n, p = X.shape
    k = np.count_nonzero(coefs, axis=1)
    residual = y - y.mean() - coefs @ (X - X.mean(0)).T
    log_choices = gammaln(p + 1) - gammaln(k + 1) - gammaln(p - k + 1)
    value = n * np.log(np.mean(residual**2, axis=1)) + k * np.log(n) + 2 * log_choices
    return np.where(2 * k < n, value, np.inf)


def scores(found, w, rho):
    """Return what is reported of coefficients."""
    selected, true = found != 0, w != 0
    hits = int((selected & true).sum())
    size = int(selected.sum())
    return {
        "f1": 2 * hits / (size + RELEVANT),
        "false": size - hits,
        "size": size,
        "estimation": float(np.sum((found - w) ** 2) / np.sum(w**2)),
        "prediction": variance(found - w, rho) / variance(w, rho),
    }


def run(path, repeats, minutes, methods):
    """Append what is missing to the file, repeat by repeat, until the time is over."""
    warnings.simplefilter("ignore")  # strengths at the end of a path that did not converge are seldom chosen
    done = {(*row["cell"], row["repeat"], row["method"]) for row in read(path)}
    end = time.monotonic() + 60 * minutes
    with path.open("a") as file:
        for repeat, cell, name in product(range(repeats), product(SIZES, CORRELATIONS, SIGNALS), methods):
            if (*cell, repeat, name) in done:
                continue
            if time.monotonic() > end:
                return
            X, y, w, _ = simulate(*cell, repeat)
            start = time.process_time()
            picks = chosen(METHODS[name], X, y)
            seconds = time.process_time() - start
            for rule, found in picks.items():
                row = {"cell": cell, "repeat": repeat, "method": name, "rule": rule, "seconds": round(seconds, 2)}
                file.write(json.dumps(row | scores(found, w, cell[1])) + "\n")
            file.flush()


def read(path):
    """Return the rows of a file, none if there is no such file."""
    return [json.loads(line) for line in path.open()] if path.exists() else []


def main():
    """Run, or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="JSON lines, appended to")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after this time (60)")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--report", action="store_true", help="print the tables")
    parser.add_argument("--picture", type=Path, help="draw them")
    options = parser.parse_args()
    if options.report or options.picture:
        import recovery_report

        recovery_report.report(read(options.file), options.picture)
    else:
        options.file.parent.mkdir(exist_ok=True)
        run(options.file, options.repeats, options.minutes, options.methods)


if __name__ == "__main__":
    main()

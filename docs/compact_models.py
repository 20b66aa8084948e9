"""Prints the numbers of compact_models.md: from a weight vector of 1.6 GB to a file of some kB."""

from itertools import product

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression

from sparsereg import SparseClassifier, SparseRegressor, compact, prune

LATITUDES, LONGITUDES = 10_000, 20_000  # cells of 2 km at the equator: 2e8 columns


def globe(n_samples=400_000, n_towns=20_000, seed=0):
    """Return the cells of the globe that houses stand in, a column per cell, and the logarithms of their prices.

    Houses stand in towns of 3 x 3 cells, most of them in large towns. A price is that of the town, and noise.
    """
    rng = np.random.default_rng(seed)
    size = rng.pareto(1.2, n_towns) + 0.02
    town = rng.choice(n_towns, n_samples, p=size / size.sum())
    centre = rng.integers([1_000, 0], [9_000, LONGITUDES], (n_towns, 2))
    place = centre[town] + rng.integers(-1, 2, (n_samples, 2))
    cell = place[:, 0] * LONGITUDES + place[:, 1] % LONGITUDES
    price = 12.0 + 0.5 * rng.standard_normal(n_towns)[town] + 0.25 * rng.standard_normal(n_samples)
    shape = (n_samples, LATITUDES * LONGITUDES)
    return sp.csr_array((np.ones(n_samples), cell, np.arange(n_samples + 1)), shape=shape), price


def rows():
    """Return, step by step: what was done, weights, bytes, and the change of predictions in shares of their range."""
    X, y = globe()
    model = SparseRegressor(alpha=1e-5).fit(X, y)
    spread = np.ptp(model.predict(X))
    table = [("dense, float64", X.shape[1], 8 * X.shape[1], 0.0, 0.0)]

    def add(name, pruned, dtype):
        report = compact(pruned, dtype=dtype, X=X, reference=model).report()
        change = report.largest_change / spread, report.mean_change / spread
        table.append((name, report.n_weights, report.bytes_after, *change))

    add("zeros dropped", model, "float64")
    for share, dtypes in ((0.001, ("float64", "float32", "float16", "int8")), (0.01, ("float16", "int8"))):
        pruned = prune(model, max_change=share * spread, X=X)
        for dtype in dtypes:
            add(f"pruned, {share:.1%} at most; {dtype}", pruned, dtype)
    return table


def share_of_the_largest_set(n_rows, n_weights=11, n_problems=40):
    """Return, of all weights that could go in random problems, the shares that `prune` and the plain rule find.

    The plain rule stops where the largest effects of single weights add up to the bound, here 1.
    """
    choices = np.array(list(product([0, 1], repeat=n_weights)))
    found, plain, possible = 0, 0, 0
    for seed in range(n_problems):
        rng = np.random.default_rng(seed)
        w, X = rng.standard_normal(n_weights), rng.standard_normal((n_rows, n_weights))
        allowed = np.abs(choices @ (X * w).T).max(axis=1) <= 1.0
        possible += choices[allowed].sum(axis=1).max()
        plain += (np.cumsum(np.sort(np.abs(X * w).max(axis=0))) <= 1.0).sum()
        found += (prune(model_of(w), max_change=1.0, X=X).coef_ == 0.0).sum()
    return found / possible, plain / possible


def model_of(w):
    """Return a linear model with these weights."""
    model = LinearRegression().fit(np.eye(len(w)), w)
    model.coef_, model.intercept_ = w, 0.0
    return model


def rounding_of_images():
    """Return the mean change of a probability on unseen digits: int8 to nearest, and chosen on the training rows.

    Each digit against the rest; the mean over the ten.
    """
    pixels, digit = load_digits(return_X_y=True)
    seen, unseen = pixels[::2], pixels[1::2]
    changes = np.zeros((10, 2))
    for k in range(10):
        model = SparseClassifier(alpha=1e-3).fit(seen, digit[::2] == k)
        for way, X in enumerate((None, seen)):
            small = compact(model, dtype="int8", X=X)
            changes[k, way] = np.abs(small.predict_proba(unseen) - model.predict_proba(unseen)).mean()
    return changes.mean(axis=0)


def main():
    """Print them all."""
    print(f"{'':32} {'weights':>11} {'bytes':>13} {'largest':>8} {'mean':>8}")
    for name, n_weights, size, largest, mean in rows():
        print(f"{name:32} {n_weights:11,} {size:13,} {largest:8.2%} {mean:8.3%}")
    for n_rows in (3, 6, 20):
        found, plain = share_of_the_largest_set(n_rows)
        print(f"{n_rows} rows: {found:.0%} of the largest set; {plain:.0%} by the plain rule")
    nearest, chosen = rounding_of_images()
    print(f"int8 of digits: mean change {nearest:.5f} by rounding to nearest, {chosen:.5f} by rows")


if __name__ == "__main__":
    main()

"""Prints the table of compact_models.md: from a weight vector of 1.6 GB to a file of some kB."""

import numpy as np
import scipy.sparse as sp

from sparsereg import SparseRegressor, compact, prune

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


def main():
    """Print the table."""
    print(f"{'':32} {'weights':>11} {'bytes':>13} {'largest':>8} {'mean':>8}")
    for name, n_weights, size, largest, mean in rows():
        print(f"{name:32} {n_weights:11,} {size:13,} {largest:8.2%} {mean:8.3%}")


if __name__ == "__main__":
    main()

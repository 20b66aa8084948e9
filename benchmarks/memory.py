"""Peak memory and time on 1000 rows x 10 nonzeros with 200 million features, and what our import adds.

`python benchmarks/memory.py` prints both. Each action has a process of its own, and its peak is the kernel's
(VmHWM of /proc, so Linux only), counted from the moment when the input is built and everything is imported.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

N_SAMPLES, N_NONZERO, N_FEATURES = 1_000, 10, 200_000_000
LIMIT_MB, LIMIT_SECONDS, LIMIT_IMPORT = 100, 0.1, 0.3


def main():
    """Measure every action with both index types, then the import."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", nargs=2, metavar=("ACTION", "INDEX"), help="measure one action in this process")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    print(f"CSR {N_SAMPLES} x {N_FEATURES}, {N_NONZERO} nonzeros a row")
    print("  {:24}{:7}{:>9}{:>9}{:>14}".format("action", "index", "seconds", "peak MB", "address MB"))
    for action in ACTIONS:
        for index in ("int32", "int64"):
            found = json.loads(fresh(__file__, "--child", action, index))
            verdict = "" if found["mb"] < LIMIT_MB and found["seconds"] < LIMIT_SECONDS else "   OVER THE LIMIT"
            row = "  {action:24}{index:7}{seconds:9.4f}{mb:9.1f}{address_mb:14.1f}"
            print(row.format(action=action, index=index, **found) + verdict, flush=True)
    added = [float(fresh("-c", IMPORT)) for _ in range(9)]
    verdict = "" if median(added) < LIMIT_IMPORT else "   OVER THE LIMIT"
    print(f"import sparsereg adds {median(added):.3f} s to import sklearn.linear_model (median of 9){verdict}")


IMPORT = """
from time import perf_counter
import sklearn.linear_model
start = perf_counter()
import sparsereg
print(perf_counter() - start)
"""


def fresh(*arguments):
    """Return what a new Python process prints."""
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def measure(action, index):
    """Return seconds and the rise of peak memory of one action, after a small warm-up of the same kind."""
    ACTIONS[action](*wide(n_features=1_000, index=index))()
    act = ACTIONS[action](*wide(N_FEATURES, index))
    reset_peak()
    before = memory()
    start = perf_counter()
    act()
    seconds = perf_counter() - start
    after = memory()
    rise = {"mb": after["VmHWM"] - before["VmRSS"], "address_mb": after["VmPeak"] - before["VmSize"]}
    return {"seconds": seconds} | rise


def wide(n_features, index):
    """Return CSR X (half of its entries in 50 columns), y and an alpha that leaves a few dozen nonzeros."""
    import numpy as np
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    size = N_SAMPLES * N_NONZERO
    columns = rng.integers(n_features, size=size)
    columns = np.where(rng.random(size) < 0.5, columns[rng.integers(50, size=size)], columns).astype(index)
    starts = np.arange(0, size + 1, N_NONZERO).astype(index)
    X = sp.csr_array((rng.standard_normal(size), columns, starts), shape=(N_SAMPLES, n_features))
    X.indices, X.indptr = columns, starts  # scipy narrows int64 where it can
    X.sum_duplicates()
    occupied, column = np.unique(X.indices, return_inverse=True)
    eta = X.data * (column < len(occupied) // 2)
    y = np.add.reduceat(eta, X.indptr[:-1]) + 0.1 * rng.standard_normal(N_SAMPLES)
    residual = np.repeat(y - y.mean(), np.diff(X.indptr))
    alpha_max = np.abs(np.bincount(column, weights=X.data * residual)).max() / N_SAMPLES
    return X, y, alpha_max / 10


def fit(X, y, alpha):
    """Return the act of fitting a regressor."""
    from sparsereg import SparseRegressor

    return lambda: SparseRegressor(alpha=alpha).fit(X, y)


def fit_classifier(X, y, alpha):
    """Return the act of fitting a classifier."""
    from sparsereg import SparseClassifier

    return lambda: SparseClassifier(alpha=alpha / 4).fit(X, y > 0)


def predict(X, y, alpha):
    """Return the act of predicting."""
    model = fit(X, y, alpha)()
    return lambda: model.predict(X)


def select(X, y, alpha):
    """Return the act of fitting a selector and transforming."""
    from sparsereg import SelectNonzero, SparseRegressor

    return lambda: SelectNonzero(SparseRegressor(alpha=alpha)).fit_transform(X, y)


def transform(X, y, alpha):
    """Return the act of transforming by a fitted selector."""
    from sparsereg import SelectNonzero

    selector = SelectNonzero(fit(X, y, alpha)(), prefit=True).fit(X, y)
    return lambda: selector.transform(X)


ACTIONS = {
    "regressor.fit": fit,
    "classifier.fit": fit_classifier,
    "regressor.predict": predict,
    "selector.fit_transform": select,
    "selector.transform": transform,
}


def reset_peak():
    """Start VmHWM afresh at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def memory():
    """Return the memory lines of /proc/self/status in MB."""
    status = Path("/proc/self/status").read_text()
    return {name: int(kb) / 1e3 for name, kb in re.findall(r"(Vm\w+):\s+(\d+) kB", status)}


if __name__ == "__main__":
    main()

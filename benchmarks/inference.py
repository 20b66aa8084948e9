"""Inference from one set of weights held by different models: seconds per row, bytes on disk, change of predictions.

`python benchmarks/inference.py` fits on news20 (sci.space against the rest; skipped without ../shared/data) and on 1e7
columns; scikit-learn's Lasso (dense), its SGDClassifier after `sparsify()` and our models then hold the same weights,
so that nothing but the holder is compared. Times are CPU time, the best of `--repeats`, for a batch of 1,000 rows in
CSR, and for a single row; bytes are those of a pickle, or of the file of a compact model. The change of the linear
predictor, on those rows, is the largest one as a share of its range.
"""

import argparse
import pickle
from pathlib import Path
from time import process_time

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import Lasso as DenseLasso
from sklearn.linear_model import SGDClassifier

from sparsereg import Lasso, SparseClassifier, compact, prune

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
N_ROWS = 1_000


def news20():
    """Return a model of sci.space, rows to fit on, rows to predict."""
    counts = sp.load_npz(SHARED / "news20_counts.npz").astype(np.float64)
    topic, is_test = (np.load(SHARED / f"news20_counts.{name}.npy") for name in ("y", "is_test"))
    X = TfidfTransformer(sublinear_tf=True).fit(counts[~is_test]).transform(counts).tocsr()
    model = SparseClassifier(alpha=1e-5, tol=1e-6).fit(X[~is_test], topic[~is_test] == 14)
    return model, X[~is_test], X[is_test]


def wide(n_features=10_000_000, n_samples=20_000, n_nonzero=40):
    """Return a model of 1e7 columns, of which rows fill 40: half among 3,000 frequent ones that matter."""
    rng = np.random.default_rng(0)
    frequent = np.sort(rng.choice(n_features, 3_000, replace=False))
    columns = rng.integers(n_features, size=(n_samples, n_nonzero))
    columns[:, ::2] = rng.choice(frequent, (n_samples, n_nonzero // 2))
    indptr = np.arange(n_samples + 1) * n_nonzero
    X = sp.csr_array((np.ones(columns.size), columns.ravel(), indptr), shape=(n_samples, n_features))
    X.sum_duplicates()
    effect = np.zeros(n_features)
    effect[frequent] = rng.standard_normal(len(frequent))
    model = Lasso(alpha=3e-4).fit(X, X @ effect + rng.standard_normal(n_samples))
    return model, X, X


def holders(model, X):
    """Return functions that give the linear predictor, bytes, by name."""
    coef, intercept = model.coef_.ravel(), float(np.ravel(model.intercept_)[0])
    dense, sparsified = DenseLasso(), SGDClassifier()
    dense.coef_, dense.intercept_, dense.n_features_in_ = coef, intercept, len(coef)
    sparsified.coef_, sparsified.intercept_, sparsified.n_features_in_ = coef[None, :], np.array([intercept]), len(coef)
    sparsified.classes_ = np.array([0, 1])
    sparsified.sparsify()
    found = {
        "scikit-learn Lasso": (dense.predict, len(pickle.dumps(dense))),
        "sparsify()d SGDClassifier": (sparsified.decision_function, len(pickle.dumps(sparsified))),
        f"ours, {type(model).__name__}": (getattr(model, "decision_function", model.predict), len(pickle.dumps(model))),
    }
    pruned = prune(model, max_change=0.001 * np.ptp(model.predict(X).astype(float)), X=X)
    for dtype in ("float64", "float16", "int8"):
        small = compact(pruned, dtype=dtype, X=X)
        found[f"compact, pruned, {dtype}"] = (small.decision_function, small.report().bytes_after)
    return found


def best_time(act, repeats):
    """Return the shortest of some runs, after one to warm up."""
    act()
    times = []
    for _ in range(repeats):
        start = process_time()
        act()
        times.append(process_time() - start)
    return min(times)


def report(name, model, X, rows, repeats):
    """Print a line per holder."""
    batch, single = rows[:N_ROWS], rows[:1]
    print(f"{name}: {X.shape[1]:,} columns, {model.sparse_coef_.nnz:,} weights, {batch.nnz / N_ROWS:.0f} values a row")
    print(f"  {'':28} {'us/row':>9} {'us, single':>11} {'bytes':>12} {'share':>8} {'change':>9}")
    full = None
    for holder, (predict, size) in holders(model, X).items():
        scores = predict(batch)
        full = scores if full is None else full
        change = np.abs(scores - full).max() / np.ptp(full)
        many, one = best_time(lambda: predict(batch), repeats), best_time(lambda: predict(single), repeats)  # noqa: B023
        share = size / (8 * X.shape[1])
        print(f"  {holder:28} {1e6 * many / N_ROWS:9.2f} {1e6 * one:11.0f} {size:12,} {share:8.3%} {change:9.1e}")


def main():
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    for problem in (news20, wide):
        if problem is news20 and not SHARED.exists():
            print(f"news20: skipped, no {SHARED}")
            continue
        report(problem.__name__, *problem(), options.repeats)


if __name__ == "__main__":
    main()

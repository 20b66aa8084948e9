"""One million houses, 233 million columns: latitude x longitude at the minute, beside five numbers.

`python benchmarks/crosses.py` prints three tables: ours (time and peak of each step), the fitted model in a process of
its own, and what peers need on the same matrix. Each line is a process of its own; its peak is that of the whole
process (VmHWM of /proc, so Linux only), Python, imports and data included. Seconds are those of the processor, but
for the loaded model, where they are the median of nine processes by the clock.
"""

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from memory import memory, reset_peak

N_SAMPLES, N_AGENTS = 1_000_000, 1_000
CROSSES = {"minutes": ("latitude", "longitude"), "agents": ("latitude", "longitude", "agent")}
PLACE = ("latitude", "longitude")


def main():
    """Run every step in a process of its own and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", nargs="+", help="run one step in this process")
    parser.add_argument("--samples", type=int, default=N_SAMPLES)
    parser.add_argument("--only-peers", action="store_true", help="leave ours out")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=[*PEERS, []], help="none to leave them out")
    parser.add_argument("--cap", type=float, default=10.0, help="GB of address space for a peer")
    parser.add_argument("--seconds", type=float, default=120.0, help="time for a peer")
    options = parser.parse_args()
    if options.child:
        step, *rest = options.child
        print(json.dumps(STEPS[step](options, *rest)))
        return
    common = ["--samples", str(options.samples), "--cap", str(options.cap)]
    if not options.only_peers:
        say_ours(common)
    for peer in options.peers:
        say("peer", [peer], child(common, "peer", peer, seconds=options.seconds))


def say_ours(common):
    """Measure ours, then the fitted model in processes of its own."""
    for step, *case in (
        *(("ours", cross, model) for cross in CROSSES for model in MODELS),
        *(("path", cross, model) for cross in CROSSES for model in MODELS),
        *(("exact", cross, "standardized") for cross in CROSSES),
    ):
        say(step, case, child(common, step, *case))
    with tempfile.TemporaryDirectory() as folder:
        for n_columns in ("10 thousand", "233 million"):
            file = str(Path(folder) / n_columns)
            child(common, "save", file, n_columns)
            for rows in ("1", "1000"):
                found = [child(common, "load", file, rows) for _ in range(9)]
                found = sorted(found, key=lambda one: one.get("load_and_predict_ms", 0.0))
                say("load", [n_columns + " columns", rows + " rows"], found[len(found) // 2])


def say(step, case, found):
    """Print one line."""
    figures = "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in found.items()
    )
    print(f"{step:6}{' '.join(case):30}{figures}", flush=True)


def child(common, *step, seconds=600):
    """Return what a step says of itself, or how it ended."""
    command = [sys.executable, __file__, *common, "--child", *step]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {seconds:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def houses(options):
    """Return a frame and prices."""
    import numpy as np

    from sparsereg.datasets import make_globe

    X, y = make_globe(options.samples, n_towns=1000, as_frame=True, random_state=0)
    X = X.assign(agent=np.random.default_rng(0).integers(N_AGENTS, size=len(X)))
    return X, y.to_numpy()


def encoder(cross, width=1 / 60):
    """Return the cross with its main effects, beside five standardised numbers."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import StandardScaler

    from sparsereg import FeatureCross

    columns = CROSSES[cross]
    place = FeatureCross(
        [columns], width=dict.fromkeys(PLACE, width), range={"latitude": (-90, 90), "longitude": (-180, 180)}
    )
    return ColumnTransformer(
        [("place", place, list(columns)), ("house", StandardScaler(), ["area", "rooms", "floors", "age", "plot"])]
    )


def lasso():
    """Return scikit-learn's objective at scikit-learn's tolerance."""
    from sparsereg import Lasso

    return Lasso()


def standardized():
    """Return a model in which rare cells count as much as common ones, at the default tolerance."""
    from sparsereg import SparseRegressor

    return SparseRegressor(standardize=True)


MODELS = {"lasso": lasso, "standardized": standardized}


def ours(options, cross, model):
    """Transform and fit at alpha_max / 10."""
    from sparsereg import alpha_max

    X, y = houses(options)
    start = process_time()
    Z = encoder(cross).fit_transform(X)
    transformed = process_time()
    fitted = MODELS[model]()
    strength = alpha_max(fitted, Z, y) / 10
    ready = process_time()
    fitted.set_params(alpha=strength).fit(Z, y)
    end = process_time()
    return {
        "columns": Z.shape[1],
        "transform": transformed - start,
        "alpha_max": ready - transformed,
        "fit": end - ready,
        "peak_mb": memory()["VmHWM"],
        "nonzero": fitted.sparse_coef_.nnz,
        "gap": float(fitted.relative_gap_),
    }


def path(options, cross, model):
    """Solve at 50 strengths down to alpha_max / 100."""
    from sparsereg import regularization_path

    X, y = houses(options)
    Z = encoder(cross).fit_transform(X)
    start = process_time()
    found = regularization_path(MODELS[model](), Z, y, alphas=50, alpha_min_ratio=0.01)
    return {
        "seconds": process_time() - start,
        "peak_mb": memory()["VmHWM"],
        "nonzero": int(found.n_nonzero[-1]),
        "gap": float(found.relative_gaps.max()),
    }


def exact(options, cross, model):
    """Compare with the same fit on the occupied columns alone, cut out by hand."""
    import numpy as np
    import scipy.sparse as sp

    from sparsereg import alpha_max

    X, y = houses(options)
    Z = encoder(cross).fit_transform(X)
    ids, place = np.unique(Z.indices, return_inverse=True)
    alone = sp.csr_array((Z.data, place, Z.indptr), shape=(Z.shape[0], len(ids)))
    strength = alpha_max(MODELS[model](), Z, y) / 50
    wide, narrow = (MODELS[model]().set_params(alpha=strength).fit(matrix, y) for matrix in (Z, alone))
    same = np.array_equal(wide.sparse_coef_.indices, ids[narrow.sparse_coef_.indices])
    return {
        "occupied": len(ids),
        "nonzero": wide.sparse_coef_.nnz,
        "same support": str(same),
        "largest difference": float(np.abs(wide.sparse_coef_.data - narrow.sparse_coef_.data).max()) if same else None,
        "gaps": f"{wide.relative_gap_:.1e} {narrow.relative_gap_:.1e}",
    }


def save(options, file, n_columns):
    """Pickle a fitted pipeline and a thousand rows."""
    from sklearn.pipeline import make_pipeline

    from sparsereg import SparseRegressor

    X, y = houses(options)
    width = 1 / 60 if n_columns == "233 million" else 2.6
    model = make_pipeline(encoder("minutes", width), SparseRegressor(standardize=True, alpha=0.004)).fit(X, y)
    Path(file).write_bytes(pickle.dumps((model, X[:1000])))
    return {}


def load(options, file, rows):
    """Load the model and predict, after the imports, in a process that has never seen the data."""
    import numpy as np
    import pandas as pd
    import sklearn.compose
    import sklearn.pipeline

    import sparsereg
    from sparsereg.datasets import make_globe

    warm = make_globe(2, as_frame=True, random_state=0)[0].assign(agent=1)  # imports that wait for the first use
    sklearn.pipeline.make_pipeline(encoder("minutes"), sparsereg.SparseRegressor()).fit(warm, [0.0, 1.0]).predict(warm)
    assert isinstance(warm, pd.DataFrame)
    reset_peak()
    before = memory()["VmRSS"]
    start = perf_counter()
    model, X = pickle.loads(Path(file).read_bytes())
    model.predict(X[: int(rows)])
    seconds = perf_counter() - start
    peak = memory()["VmHWM"] - before
    start = perf_counter()
    for _ in range(20):
        model.predict(X[: int(rows)])
    Z, coef = model[0].transform(X), model[-1].sparse_coef_
    return {
        "load_and_predict_ms": 1e3 * seconds,
        "predict_ms": 1e3 * (perf_counter() - start) / 20,
        "peak_mb_above_imports": peak,
        "model_kb": len(pickle.dumps(model)) / 1e3,
        "weights": coef.nnz,
        "multiplications_a_row": float(np.isin(Z.indices, coef.indices).mean() * Z.nnz / Z.shape[0]),
        "dense_model_mb": 8e-6 * Z.shape[1],
        "dense_multiplications_a_row": Z.shape[1],
    }


def peer(options, name):
    """Let a peer fit the same matrix at the same alpha, in a bounded address space."""
    from sparsereg import alpha_max

    X, y = houses(options)
    Z = encoder("minutes").fit_transform(X)
    strength = alpha_max(lasso(), Z, y) / 10
    model = PEERS[name](strength)
    limit = int(options.cap * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start = process_time()
    model.fit(Z, y)
    return {
        "fit": process_time() - start,
        "peak_mb": memory()["VmHWM"],
        "nonzero": int((model.coef_ != 0).sum()),
        "model_mb": len(pickle.dumps(model, protocol=5)) / 1e6,
    }


def sklearn_lasso(alpha):
    """Return scikit-learn's coordinate descent."""
    from sklearn.linear_model import Lasso

    return Lasso(alpha=alpha)


def sklearn_sgd(alpha):
    """Return scikit-learn's stochastic gradient, five passes."""
    from sklearn.linear_model import SGDRegressor

    return SGDRegressor(penalty="l1", alpha=alpha, max_iter=5, tol=None, random_state=0)


def celer(alpha):
    """Return the Lasso of celer."""
    from celer import Lasso

    return Lasso(alpha=alpha)


def skglm(alpha):
    """Return the Lasso of skglm."""
    from skglm import Lasso

    return Lasso(alpha=alpha)


PEERS = {"sklearn-lasso": sklearn_lasso, "sklearn-sgd": sklearn_sgd, "celer": celer, "skglm": skglm}
STEPS = {"ours": ours, "path": path, "exact": exact, "save": save, "load": load, "peer": peer}

if __name__ == "__main__":
    main()

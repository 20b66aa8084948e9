"""Time whole paths of group lasso, multi-task lasso and multinomial models at the tolerance of the same worst gap."""

import block_problems
import harness
import numpy as np
import scipy.sparse as sp
from block_judge import judge
from block_solvers import SOLVERS, prepare


def certify(problem, coefs):
    """Return what the judge says of the worst alpha, and the number of nonzero entries at the last."""
    if len(coefs) < len(problem.alphas):  # the solver gave up on the way
        return {"gap": float("inf"), "n_nonzero": 0}
    found = [judge(problem, alpha, dense(W)) for alpha, W in zip(problem.alphas, coefs, strict=True)]
    return max(found, key=lambda verdict: verdict["gap"]) | {"n_nonzero": found[-1]["n_nonzero"]}


def dense(W):
    """Return a matrix that may be sparse as an array of rows."""
    return np.ascontiguousarray(W.toarray() if sp.issparse(W) else W)


def ladder(solver):
    """Return the tolerances of a peer, from about its default on; adelie's measures squares."""
    return [10.0**-k for k in range({"glmnet": 7, "adelie": 9}.get(solver, 5), 17)]


BENCHMARK = harness.Benchmark(block_problems.load, prepare, certify, ladder, patience=3)


def main():
    """Run what the command line asks for."""
    options = harness.options_of(__doc__, SOLVERS, gap=1e-6, cap=120)
    names, missing = block_problems.names()
    print(*missing, sep="\n", end="\n" * bool(missing))
    harness.run(BENCHMARK, names, SOLVERS, options)


if __name__ == "__main__":
    main()

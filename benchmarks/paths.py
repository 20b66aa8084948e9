"""Time whole paths, 100 alphas from alpha_max to alpha_max / 100, at the tolerance where the worst gap is the same."""

from dataclasses import asdict, replace

import harness
import problems
import scipy.sparse as sp
from judge import judge
from path_solvers import SOLVERS, prepare


def certify(problem, coefs):
    """Return what the judge says of the worst alpha, and the number of nonzero coefficients at the last."""
    return certify_at(problem, problems.grid(problem), coefs)


def certify_at(problem, alphas, coefs):
    """Return the same for a grid of our choice."""
    if coefs.shape[1] < len(alphas):  # the solver gave up on the way
        return {"gap": float("inf"), "n_nonzero": 0}
    found = [asdict(judge(replace(problem, alpha=alpha), column(coefs, k))) for k, alpha in enumerate(alphas)]
    return max(found, key=lambda verdict: verdict["gap"]) | {"n_nonzero": found[-1]["n_nonzero"]}


def column(coefs, k):
    """Return one column of a dense or sparse matrix, dense."""
    return coefs[:, [k]].toarray().ravel() if sp.issparse(coefs) else coefs[:, k]


def ladder(solver):
    """Return the tolerances of a peer; glmnet's default is 1e-7."""
    return [10.0**-k for k in range(7 if solver == "glmnet" else 5, 17)]


BENCHMARK = harness.Benchmark(problems.load, prepare, certify, ladder, patience=3)


def main():
    """Run what the command line asks for."""
    options = harness.options_of(__doc__, SOLVERS, gap=1e-6, cap=120)
    names, missing = problems.names((problems.PATH,))
    print(*missing, sep="\n", end="\n" * bool(missing))
    harness.run(BENCHMARK, names, SOLVERS, options)


if __name__ == "__main__":
    main()

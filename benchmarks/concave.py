"""Time whole paths of MCP (gamma = 3), 100 alphas from alpha_max to alpha_max / 100, at equal stationarity.

There is no duality gap here. The judge takes the coefficients alone and measures, at each alpha, the largest distance
of the gradient to the subdifferential in units of alpha_max; the worst of the path must be <= 1e-6. Solvers may end at
different stationary points: `nonzeros` are those of the last. `--adaptive` instead sets the path of an adaptive lasso,
its pilot included, against that of the lasso.
"""

import sys

import harness
import numpy as np
import problems
import solvers
from judge import alpha_max
from path_solvers import centred, timed
from solvers import OURS, UNLIMITED, now

GAMMA = 3.0
NAMES = ("gene-squared-path", "toep-squared-path")


def sparsereg(problem):
    """Ours, one call; its `tol` has the judge's own meaning."""
    from sparsereg import SparseRegressor, regularization_path
    from sparsereg.penalties import MCP

    def path(tol):
        model = SparseRegressor(penalty=MCP(GAMMA), tol=tol, max_iter=UNLIMITED)
        return regularization_path(model, problem.X, problem.y, alphas=problems.grid(problem))

    return timed(path, lambda found: found.coef_matrix().toarray().T)


def skglm(problem):
    """Return skglm's path, on data that are centred with the clock on; its tolerance is absolute."""
    from skglm.estimators import MCPRegression

    unit = alpha_max("squared_error", problem.X, problem.y)

    def path(tol):
        X, y, _ = centred(problem)
        options = {"fit_intercept": False, "max_iter": UNLIMITED, "max_epochs": UNLIMITED}
        return MCPRegression(gamma=GAMMA, tol=tol * unit, **options).path(X, y, problems.grid(problem))[1]

    return timed(path)


def skein(problem):
    """Return skein-glm's path; its tolerance is the change of the coefficients."""
    from skein_glm import MCPPathRegressor

    def path(tol):
        X, y, _ = centred(problem)
        grid = problems.grid(problem)
        options = {"fit_intercept": False, "max_iter": 100_000}
        return MCPPathRegressor(GAMMA, lambdas=grid, tol=tol, **options).fit(X, y).coefs_.T

    return timed(path)


SOLVERS = {OURS: sparsereg, "skglm": skglm, "skein-glm": skein}


def prepare(name, problem):
    """Return `fit` of a solver, compiled on a small problem first."""
    return solvers.prepare(name, problem, solvers=SOLVERS)


def certify(problem, coefs):
    """Return the worst distance to stationarity on the path as "gap", and the nonzero coefficients of its end."""
    grid = problems.grid(problem)
    X, y = problem.X - problem.X.mean(0), problem.y - problem.y.mean()
    worst = 0.0
    for alpha, w in zip(grid, coefs.T, strict=True):
        z = X.T @ (X @ w - y) / len(y)
        slope = np.maximum(alpha - np.abs(w) / GAMMA, 0.0)
        violation = np.where(w == 0.0, np.maximum(np.abs(z) - alpha, 0.0), np.abs(z + np.sign(w) * slope))
        worst = max(worst, violation.max())
    return {"gap": float(worst / grid[0]), "objective": float("nan"), "n_nonzero": int(np.count_nonzero(coefs[:, -1]))}


def ladder(_):
    """Return the tolerances of a peer."""
    return [10.0**-k for k in range(4, 13)]


BENCHMARK = harness.Benchmark(problems.load, prepare, certify, ladder, patience=3)


def adaptive():
    """Print the seconds of a path of the lasso, and of the adaptive lasso with its pilot."""
    from sklearn.linear_model import Ridge

    from sparsereg import AdaptiveLasso, Lasso, regularization_path

    for name in NAMES:
        problem = problems.load(name)
        seconds = {}
        pilots = {"ridge": Ridge(), "lasso": Lasso(alpha=10 * problem.alpha)}
        models = {"lasso": Lasso(tol=1e-6)}
        models |= {f"adaptive, pilot {pilot}": AdaptiveLasso(pilots[pilot], tol=1e-6) for pilot in pilots}
        for kind, model in models.items():
            best = np.inf
            for _ in range(3):
                start = now()
                regularization_path(model, problem.X, problem.y, alphas=100, alpha_min_ratio=1 / problems.LOWEST)
                best = min(best, now() - start)
            seconds[kind] = best
            print(f"{name:20} {kind:24} {best:8.3f} s  x {best / seconds['lasso']:.2f}", flush=True)


def main():
    """Run what the command line asks for."""
    if "--adaptive" in sys.argv[1:]:
        adaptive()
        return
    options = harness.options_of(__doc__, SOLVERS, gap=1e-6, cap=120)
    harness.run(BENCHMARK, NAMES, SOLVERS, options)


if __name__ == "__main__":
    main()

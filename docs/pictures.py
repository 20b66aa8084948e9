"""Draws the pictures of these pages, from data that ship with scikit-learn: `python docs/pictures.py`."""

from io import BytesIO
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sparsereg import AdaptiveLasso, Lasso, PathSearchCV, SparseClassifier, SparseRegressor, regularization_path
from sparsereg.inspection import ConvergenceDisplay, CVPathDisplay, PathDisplay

FOLDER = Path(__file__).parent / "images"


def save(figure, name):
    """Save a picture that is small enough to be kept with the sources."""
    from PIL import Image

    file, buffer = FOLDER / f"{name}.png", BytesIO()
    figure.savefig(buffer, dpi=140)
    Image.open(buffer).convert("RGB").quantize(64).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def cancer():
    """Return thirty measurements of tumours, their path and a search."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    model, options = SparseClassifier(standardize=True), {"alpha_min_ratio": 0.005}
    search = PathSearchCV(model, alphas=30, scoring="neg_log_loss", **options).fit(X, y)
    return X.std(ddof=0), regularization_path(model, X, y, **options), search


def path_and_scores(scale, path, search):
    """The path above, scores below, on one axis of strengths."""
    import matplotlib.pyplot as plt

    figure, (upper, lower) = plt.subplots(
        2, sharex=True, figsize=(7.5, 6.5), height_ratios=[3, 2], layout="constrained"
    )
    PathDisplay.from_path(path, scale=scale, ax=upper, n_named=6)
    CVPathDisplay.from_estimator(search, ax=lower)
    upper.set(xlabel="", ylabel="weight per standard deviation")
    lower.set_ylabel("mean neg_log_loss")
    return figure


def settings():
    """A search over the degree of polynomials, too."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = make_pipeline(PolynomialFeatures(), StandardScaler(), SparseRegressor(tol=1e-6))
    grid = {"polynomialfeatures__degree": [1, 2, 3]}
    search = PathSearchCV(model, param_grid=grid, alphas=30, alpha_min_ratio=0.01).fit(X, y)
    return CVPathDisplay.from_estimator(search).figure_


def convergence():
    """How four fits converge."""
    X, y = load_breast_cancer(return_X_y=True)
    models = {alpha: SparseClassifier(alpha=alpha, standardize=True).fit(X, y) for alpha in (0.1, 0.01, 0.001, 0.0001)}
    return ConvergenceDisplay.from_estimator({f"alpha={a:g}": model for a, model in models.items()}).figure_


def five_paths(X, y):
    """Lasso, relaxed, adaptive, MCP and SCAD on the same data."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, sharey=True, figsize=(11, 6.5), layout="constrained")
    concave = {name: SparseRegressor(penalty=name.lower(), tol=1e-6) for name in ("MCP", "SCAD")}
    models = {"lasso": Lasso(), "adaptive lasso": AdaptiveLasso(RidgeCV()), **concave}
    paths = {name: regularization_path(model, X, y, alpha_min_ratio=0.03) for name, model in models.items()}
    paths["relaxed lasso"] = regularization_path(Lasso(), X, y, alpha_min_ratio=0.15, relax=0.0)
    axes[1, 2].remove()
    for ax, name in zip(axes.flat, ("lasso", "relaxed lasso", "adaptive lasso", "MCP", "SCAD"), strict=False):
        PathDisplay.from_path(paths[name], ax=ax, n_named=5)
        ax.set_title(name)
        if ax not in axes[:, 0]:
            ax.set_ylabel("")
    return figure


def simulated(n=100, p=200):
    """Return ten effects of size two among correlated columns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = 0.5 * X[:, j - 1] + np.sqrt(0.75) * X[:, j]
    return X, X[:, :: p // 10] @ rng.choice([-2.0, 2.0], 10) + 2.0 * rng.standard_normal(n)


def polynomials():
    """Return the diabetes data with squares and products, standardised."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    steps = make_pipeline(PolynomialFeatures(include_bias=False), StandardScaler()).set_output(transform="pandas")
    return steps.fit_transform(X), y


def main():
    """Draw all."""
    import matplotlib

    matplotlib.use("Agg")
    FOLDER.mkdir(exist_ok=True)
    scale, path, search = cancer()
    save(path_and_scores(scale, path, search), "path_and_scores")
    display = path.plot(scale=scale)
    display.ax_.set_ylabel("weight per standard deviation")
    save(display.figure_, "path")
    save(settings(), "settings")
    save(convergence(), "convergence")
    save(five_paths(*simulated()), "less_bias_simulated")
    save(five_paths(*polynomials()), "less_bias_diabetes")


if __name__ == "__main__":
    main()

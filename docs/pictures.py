"""Draws the pictures of these pages, from data that ship with scikit-learn: `python docs/pictures.py`."""

from io import BytesIO
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sparsereg import PathSearchCV, SparseClassifier, SparseRegressor, regularization_path
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


if __name__ == "__main__":
    main()

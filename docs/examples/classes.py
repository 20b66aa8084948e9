"""Do classes share their features? L1 lets each choose for itself, `Rows` makes all use the same; two data sets.

`python docs/examples/classes.py --picture FILE`; the data ship with scikit-learn and Python.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split

from sparsereg import SparseClassifier, regularization_path
from sparsereg.datasets import load_docstrings
from sparsereg.penalties import Rows

PENALTIES = {"L1": "l1", "Rows": Rows()}


def main():
    """Print a table for each data set; draw the digits."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", help="where to save the weights of the digits")
    parser.add_argument("--samples", type=int, help="use so many samples only")
    options = parser.parse_args()
    models = compare("handwritten digits: pixels", *digits(), options.samples, (0.85, 0.9, 0.93))
    compare("docstrings of four packages: words", *docstrings(), options.samples, (0.65, 0.7, 0.75, 0.8))
    if options.picture:
        draw(models[0.9], options.picture)


def digits():
    """Return 8 x 8 pixels of handwritten digits, between 0 and 1."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def docstrings():
    """Return tf-idf of docstrings and the package that each is from."""
    texts = load_docstrings()
    return TfidfVectorizer(min_df=3, sublinear_tf=True).fit_transform(texts.data), np.asarray(texts.package)


def compare(title, X, y, n_samples, qualities):
    """Print what the sparsest model of each path needs to reach some accuracies on the other half of the data."""
    half = (n_samples or X.shape[0]) // 2
    data = train_test_split(X, y, train_size=half, test_size=half, random_state=0)
    print(f"\n{title}\naccuracy  " + "  ".join(f"{name}: weights, features" for name in PENALTIES))
    paths = {name: models_of(penalty, *data) for name, penalty in PENALTIES.items()}
    chosen = {}
    for quality in qualities:
        chosen[quality] = [sparsest(models, quality) for models in paths.values()]
        cells = [f"{m.sparse_coef_.nnz:14d}, {m.coef_.any(axis=0).sum():7d}" if m else "-" for m in chosen[quality]]
        print(f"{quality:8.2f}  " + "  ".join(cells))
    return chosen


def models_of(penalty, X, X_test, y, y_test):
    """Return the models of a path, from sparse to rich, with their accuracies."""
    path = regularization_path(SparseClassifier(penalty=penalty, tol=1e-4), X, y, alphas=40, alpha_min_ratio=0.01)
    models = [path.estimator(alpha) for alpha in path.alphas]
    return [(model, model.score(X_test, y_test)) for model in models]


def sparsest(models, quality):
    """Return the first model that is as good as that, None if none is."""
    return next((model for model, accuracy in models if accuracy >= quality), None)


def draw(models, file):
    """Draw the weights of each class as an image of the pixels, a row per penalty."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 10, figsize=(10, 2.6), layout="constrained")
    for row, name, model in zip(axes, PENALTIES, models, strict=True):
        limit = np.abs(model.coef_).max()
        for k, (ax, weights) in enumerate(zip(row, model.coef_, strict=True)):
            image = np.where(weights == 0.0, np.nan, weights).reshape(8, 8)
            ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            ax.set(xticks=[], yticks=[], facecolor="0.92", title="" if name == "Rows" else str(model.classes_[k]))
        row[0].set_ylabel(name)
    figure.savefig(file, dpi=140)


if __name__ == "__main__":
    main()

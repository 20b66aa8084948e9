"""Houses all over the globe: 236 million columns, of which a model keeps fourteen thousand.

`python docs/examples/globe.py` takes two minutes; `--pictures FOLDER` draws the maps, too.
"""

import argparse
import pickle
from pathlib import Path
from time import perf_counter

import numpy as np
from maps import PLACE, as_map, draw_cells, level_of, save, weights_of
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sparsereg import FeatureCross, PathSearchCV, SelectNonzero, SparseRegressor
from sparsereg.datasets import make_globe

HOUSE = ["area", "rooms", "floors", "age", "plot"]
WIDTHS = {"1 degree": [1], "1 minute": [1 / 60], "1 degree, 10 minutes and 1 minute": [1, 1 / 6, 1 / 60]}
NAMES = {60: "1 degree", 10: "10 minutes", 1: "1 minute"}


def main():
    """Fit at three resolutions, count, weigh, describe, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--pictures", type=Path, help="folder for the maps")
    options = parser.parse_args()
    X, y, local = make_globe(options.samples, as_frame=True, return_local=True, random_state=0)
    train = np.arange(len(y)) % 4 > 0
    print(f"{train.sum():,} houses to learn from; knowing all but the noise explains {1 - 0.04 / y.var():.3f}\n")
    for name, widths in WIDTHS.items():
        model = fit(columns(widths), X[train], y[train])
        report(name, model, X[~train], y[~train])
    tell(model)
    weigh(model, X[~train])
    if options.pictures:
        draw(model, X, local, options.pictures)


def columns(widths):
    """Return the cross of place, a smooth function of place, and the house itself, side by side."""
    cross = FeatureCross(
        [tuple(PLACE)],
        width=dict.fromkeys(PLACE, widths),
        range={"latitude": (-90, 90), "longitude": (-180, 180)},
        main_effects=False,
    )
    smooth = make_pipeline(StandardScaler(), PolynomialFeatures(6, include_bias=False), StandardScaler())
    return ColumnTransformer([("place", cross, PLACE), ("smooth", smooth, PLACE), ("house", StandardScaler(), HOUSE)])


def fit(encode, X, y):
    """Return the pipeline at the strength that predicts best."""
    start = perf_counter()
    model = make_pipeline(encode, SparseRegressor(standardize=True, tol=1e-5))
    search = PathSearchCV(model, alphas=20, alpha_min_ratio=0.003, cv=3).fit(X, y)
    print(f"{len(search.cv_results_['params'])} strengths x 3 folds in {perf_counter() - start:.0f} s")
    return search.best_estimator_


def report(name, model, X, y):
    """Count columns and weights, and say how well houses are predicted that were not learnt from."""
    cross, ids, _ = weights_of(model)
    Z = model[0].transform(X)
    print(f"{name}: {Z.shape[1]:,} columns, {len(np.unique(Z.indices)):,} of them with a house in the test")
    for width, block in zip(cross.width["latitude"], cross.blocks_, strict=True):
        kept = ((ids >= block.start) & (ids < block.stop)).sum()
        print(f"  {NAMES[round(60 * width)]}: {kept:,} of {block.stop - block.start:,} cells kept")
    print(f"  R2 {model.score(X, y):.3f}\n")


def tell(model):
    """Read the largest weights back."""
    cross, ids, weights = weights_of(model)
    order = np.argsort(-np.abs(weights))[:5]
    for text, weight in zip(cross.describe(ids[order]), weights[order], strict=True):
        print(f"{weight:+.2f}  {text}")


def weigh(model, X):
    """Compare with a dense model."""
    coef = model[-1].sparse_coef_
    Z = model[0].transform(X)
    used = np.isin(Z.indices, coef.indices).sum() / len(X)
    print(f"\nthe pickle of the whole pipeline: {len(pickle.dumps(model)) / 1e3:.0f} kB")
    print(f"dense weights would be {8e-6 * coef.shape[1]:,.0f} MB")
    print(f"multiplications for one house: {used:.1f}")


def fitted_local(model, X):
    """Return what the cells of each house add up to."""
    Z, cross = model[0].transform(X), weights_of(model)[0]
    kept = SelectNonzero(model[-1], prefit=True).fit(Z)
    cells = kept.get_support(indices=True) < cross.n_features_out_
    return kept.transform(Z)[:, : cells.sum()] @ model[-1].sparse_coef_.data[cells]


def draw(model, X, local, folder):
    """Draw the world and a town."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    cross, ids, weights = weights_of(model)
    colours = {"cmap": "RdBu_r", "clim": (-0.8, 0.8)}

    figure, ax = plt.subplots(figsize=(10, 4.6), layout="constrained")
    ax.plot(X["longitude"], X["latitude"], ",", color="0.75")
    wide = level_of(cross, ids) == 0
    shown = draw_cells(ax, cross.bounds(ids[wide]), weights[wide], **colours)
    place = [cross.bounds(ids[~wide])[name].mean(axis=1) for name in PLACE[::-1]]
    ax.scatter(*place, c=weights[~wide], s=0.8, cmap="RdBu_r", vmin=-0.8, vmax=0.8, linewidths=0)
    ax.set(xlim=(-180, 180), ylim=(-58, 75), xlabel="longitude", ylabel="latitude")
    ax.set_title(f"{len(ids):,} cells with a weight, of {cross.n_features_out_:,}; dots: the fine ones; grey: houses")
    figure.colorbar(shown, label="on the log of the price", shrink=0.8)
    save(figure, folder, "globe")

    south, west = busiest(X)
    near = X["latitude"].between(south, south + 1) & X["longitude"].between(west, west + 1)
    figure, (truth, fitted) = plt.subplots(1, 2, figsize=(10, 5.4), sharey=True, layout="constrained")
    cells = FeatureCross([tuple(PLACE)], width=dict.fromkeys(PLACE, 1 / 60), main_effects=False).fit(X[near])
    homes, place = np.unique(cells.transform(X[near]).indices, return_inverse=True)
    for ax, values, title in (
        (truth, local[near], "local effects that the prices are made of"),
        (fitted, fitted_local(model, X[near]), "local effects of the model"),
    ):
        mean = np.bincount(place, weights=values) / np.bincount(place)
        shown = draw_cells(ax, cells.bounds(homes), mean, **colours)
        as_map(ax, (south, south + 1), (west, west + 1), title)
    fitted.set_ylabel("")
    figure.colorbar(shown, ax=(truth, fitted), label="on the log of the price")
    save(figure, folder, "town")


def busiest(X):
    """Return the square degree, by quarters, with most houses."""
    corner, count = np.unique(np.floor(4 * X[PLACE].to_numpy()) / 4, axis=0, return_counts=True)
    return corner[count.argmax()] - 0.5


if __name__ == "__main__":
    main()

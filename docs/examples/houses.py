"""Prices of real houses: which places does a model keep, at which resolution, and what does that gain?

`python docs/examples/houses.py --california FILE --king-county FILE`; either may be left out, and `--pictures FOLDER`
draws maps. The files are the CSV tables that go by the names of California housing (20,640 blocks of the census of
1990, with `median_house_value`) and King County house sales (21,613 houses sold around Seattle, with `price`).
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from maps import PLACE, as_map, draw_cells, level_of, save, weights_of
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import FeatureCross, PathSearchCV, SparseRegressor

DEGREE, MINUTE = 1.0, 1 / 60
SEVERAL = [DEGREE, 30 * MINUTE, 10 * MINUTE, 3 * MINUTE, MINUTE]


def main():
    """Compare on each table that is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--california", type=Path, help="CSV with median_house_value")
    parser.add_argument("--king-county", type=Path, help="CSV with price, lat and long")
    parser.add_argument("--pictures", type=Path, help="folder for the maps")
    options = parser.parse_args()
    for name, file, read, window, grain in (
        ("california", options.california, california, ((32.4, 42.1), (-124.5, -114.0)), 6 * MINUTE),
        ("king_county", options.king_county, king_county, ((47.2, 47.8), (-122.5, -121.9)), MINUTE),
    ):
        if file:
            X, y = read(file)
            model = compare(name, X, y)
            if options.pictures:
                draw(model, X, (window, grain), options.pictures / f"{name}.png")


def california(file):
    """Return blocks and the logarithm of their median value."""
    import pandas as pd

    X = pd.read_csv(file).drop(columns="ocean_proximity", errors="ignore")
    for name in ("total_rooms", "total_bedrooms", "population"):
        X[f"{name} per household"] = X[name] / X["households"]
    return X, np.log(X.pop("median_house_value"))


def king_county(file):
    """Return houses and the logarithm of their prices; their zip code would say where they are a second time."""
    import pandas as pd

    X = pd.read_csv(file).rename(columns={"lat": "latitude", "long": "longitude"})
    X = X.drop(columns=["id", "date", "zipcode"], errors="ignore")
    return X, np.log(X.pop("price"))


def columns(X, widths):
    """Return the place in cells of some widths, beside the numbers; without widths as two more numbers."""
    numbers = [name for name in X if name not in PLACE]
    scale = make_pipeline(SimpleImputer(), StandardScaler())
    if widths is None:
        return ColumnTransformer([("number", scale, [*numbers, *PLACE])])
    cross = FeatureCross([tuple(PLACE)], width=dict.fromkeys(PLACE, widths), main_effects=False)
    return ColumnTransformer([("place", cross, PLACE), ("number", scale, numbers)])


def linear(X, widths, penalty="l1"):
    """Return a linear model whose strength is chosen by cross-validation."""
    model = make_pipeline(columns(X, widths), SparseRegressor(penalty=penalty, standardize=True, tol=1e-5))
    alphas = {"alphas": np.geomspace(1.0, 1e-4, 13)} if penalty == "l2" else {"alphas": 25, "alpha_min_ratio": 0.007}
    return PathSearchCV(model, cv=5, **alphas)


def compare(name, X, y):
    """Print the error of each model on a quarter of the rows; return the one with several widths."""
    train, test, y_train, y_test = train_test_split(X, y, random_state=0)
    trees = HistGradientBoostingRegressor(random_state=0)
    several = linear(X, SEVERAL)
    models = {
        "no cross": linear(X, None),
        "cells of 1 degree": linear(X, DEGREE),
        "cells of 10 minutes": linear(X, 10 * MINUTE),
        "cells of 1 minute": linear(X, MINUTE),
        "all five widths": several,
        "the same, L2": linear(X, SEVERAL, "l2"),
        "gradient boosting": trees,
        "boosting on top of all five widths": StackingRegressor([("worth", several)], trees, passthrough=True),
    }
    print(f"\n{name}: {len(train):,} rows to learn from, {len(test):,} to predict")
    for title, model in models.items():
        start = perf_counter()
        model.fit(train, y_train)
        error = np.sqrt(np.mean((model.predict(test) - y_test) ** 2))
        print(
            f"{title:36} RMSE {error:.4f}  R2 {model.score(test, y_test):.3f}  {size(model)}"
            f"  {perf_counter() - start:.0f} s",
            flush=True,
        )
    return models["all five widths"].best_estimator_


def size(model):
    """How many of a linear model's columns have a weight."""
    if not hasattr(model, "best_estimator_"):
        return " " * 27
    coef = model.best_estimator_[-1].sparse_coef_
    return f"{coef.nnz:6,} of {coef.shape[1]:9,} columns"


def draw(model, X, view, file):
    """Draw what the place adds, averaged over squares, and how fine the cells are that were kept there."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    (window, grain), table = view, X[PLACE].assign(worth=0.0, finest=0)
    cross, ids, weights = weights_of(model)
    cells = cross.transform(X[PLACE])  # as many to each row as there are widths
    at = np.minimum(np.searchsorted(ids, cells.indices), len(ids) - 1)
    kept = ids[at] == cells.indices
    table["worth"] = np.where(kept, weights[at], 0.0).reshape(len(X), -1).sum(axis=1)
    table["finest"] = np.where(kept, level_of(cross, cells.indices) + 1, 0).reshape(len(X), -1).max(axis=1)
    squares = FeatureCross([tuple(PLACE)], width=dict.fromkeys(PLACE, grain), main_effects=False).fit(X)
    table = table.groupby(squares.transform(X).indices).agg({"worth": "mean", "finest": "max"})
    bounds, extreme = squares.bounds(table.index.to_numpy()), table["worth"].abs().quantile(0.98)

    figure, axes = plt.subplots(1, 2, figsize=(10, 5.4), sharey=True, layout="constrained")
    shown = draw_cells(axes[0], bounds, table["worth"], cmap="RdBu_r", clim=(-extreme, extreme))
    figure.colorbar(shown, ax=axes[0], label="on the log of the price", shrink=0.8)
    levels = plt.get_cmap("viridis", len(SEVERAL) + 1)
    shown = draw_cells(axes[1], bounds, table["finest"], cmap=levels, clim=(-0.5, len(SEVERAL) + 0.5))
    bar = figure.colorbar(shown, ax=axes[1], shrink=0.8, ticks=range(len(SEVERAL) + 1))
    bar.ax.set_yticklabels(["none", "1 degree", "30 minutes", "10 minutes", "3 minutes", "1 minute"])
    for ax, title in zip(axes, ("what the place adds to the price", "the finest cell kept there"), strict=True):
        as_map(ax, *window, title)
        ax.locator_params(axis="x", nbins=4)
    axes[1].set_ylabel("")
    save(figure, file.parent, file.stem)


if __name__ == "__main__":
    main()

"""What group selection does on one-hot columns and L1 does not: prices of houses, `python house_prices.py DATA`.

DATA is the table of 2930 sales in Ames, Iowa (D. De Cock, Journal of Statistics Education 19, 2011) as the R package
modeldata has it: a CSV file with a header, 74 columns, 40 of them categories. Prints the figures of docs/groups.md;
`--picture FILE` draws its picture.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparsereg import GroupLasso, PathSearchCV, SelectNonzero, SparseRegressor

ENOUGH = 0.80, 0.82, 0.84, 0.86, 0.87  # cross-validated R2 at which the two are compared; the last one is drawn

MODELS = {
    "L1": SparseRegressor(standardize=True, tol=1e-6),
    "group lasso": GroupLasso("onehot", standardize=True, tol=1e-6),
}


def houses(file):
    """Return features, the logarithm of the price, and the names of the categorical features."""
    table = pd.read_csv(file, index_col=0, keep_default_na=False)
    X, y = table.drop(columns="Sale_Price"), np.log(table["Sale_Price"])
    return X, y, X.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in X.dtypes]]


def encoder(X, categorical):
    """Return what turns the table into columns."""
    return ColumnTransformer(
        [
            ("number", StandardScaler(), list(X.columns.difference(categorical, sort=False))),
            ("onehot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(categorical)),
        ]
    ).set_output(transform="pandas")


def search(model, X, y, categorical):
    """Return the search over the strength, and for each strength what the model of all houses needs to know."""
    pipeline = make_pipeline(encoder(X, categorical), model)
    folds = KFold(5, shuffle=True, random_state=0)
    found = PathSearchCV(pipeline, alphas=40, alpha_min_ratio=0.004, refit=strongest_enough, cv=folds).fit(X, y)
    columns = encoder(X, categorical).fit_transform(X)
    rows = []
    name = pipeline.steps[-1][0]
    for params, score in zip(found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True):
        fitted = pipeline[-1].set_params(alpha=params[f"{name}__alpha"]).fit(columns, y)
        rows.append({"alpha": fitted.alpha, "score": score, **needs(fitted, columns)})
    return found, pd.DataFrame(rows)


def strongest_enough(results):
    """Return the model that is drawn."""
    return first(results["mean_test_score"], ENOUGH[-1])


def needs(model, columns):
    """Count columns with a weight, and the features that these were made of."""
    groups = SelectNonzero(model, prefit=True, groups="onehot").fit(columns).kept_groups_
    return {
        "columns": model.sparse_coef_.nnz,
        "features": len(groups),
        "categorical": sum(group.startswith("onehot__") for group in groups),
    }


def first(scores, enough):
    """Return the number of the strongest penalty whose score is at least `enough`."""
    return int(np.flatnonzero(np.asarray(scores) >= enough)[0])


def report(searches):
    """Print what each model needs at the same score."""
    print("| R² | " + " | ".join(f"{name}: columns | features | categorical" for name in searches) + " |")
    print("|---" * (1 + 3 * len(searches)) + "|")
    for enough in ENOUGH:
        rows = [table.iloc[first(table["score"], enough)] for _, table in searches.values()]
        cells = [f"{row[what]:.0f}" for row in rows for what in ("columns", "features", "categorical")]
        print(f"| {enough:.2f} | " + " | ".join(cells) + " |")
    for name, (_, table) in searches.items():
        best = table.loc[table["score"].idxmax()]
        print(f"{name}: best R2 {best.score:.3f} with {best.features:.0f} features")


def draw(searches, categorical, file):
    """Draw which categories have a weight in the models compared, and scores against features needed."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(8.0, 9.5), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[3.4, 1.0])
    for k, (name, (found, _)) in enumerate(searches.items()):
        ax = figure.add_subplot(grid[0, k])
        cells(ax, found.best_estimator_, categorical)
        ax.set_title(name, fontsize=10)
        ax.tick_params(labelleft=k == 0)
    ax = figure.add_subplot(grid[1, :])
    for (name, (found, table)), colour, marker in zip(searches.items(), ("#0072B2", "#D55E00"), "os", strict=True):
        ax.plot(table["categorical"], table["score"], color=colour, marker=marker, markersize=4, label=name)
        chosen = table.iloc[found.best_index_]
        ax.plot(chosen.categorical, chosen.score, color=colour, marker=marker, markersize=10, fillstyle="none")
    ax.set(xlabel="categorical features that have to be known", ylabel="R², cross-validated", ylim=(0.75, 0.885))
    ax.legend(frameon=False, loc="lower right")
    save(figure, file)


def cells(ax, pipeline, categorical):
    """Draw a row per categorical feature, a cell per category: its weight as colour, none as a grey dot."""
    encode, model = pipeline[0], pipeline[-1]
    sizes = [len(levels) for levels in encode.named_transformers_["onehot"].categories_]
    row = np.repeat(np.arange(len(sizes)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    weight = model.coef_[-len(row) :]
    used = weight != 0
    ax.scatter(place[~used], row[~used], s=3, color="#c8c8c8")
    ax.scatter(place[used], row[used], s=26, c=weight[used], cmap="RdBu", vmin=-0.1, vmax=0.1, marker="s",
               edgecolors="#404040", linewidths=0.5)  # fmt: skip
    ax.set_yticks(np.arange(len(sizes)), labels=categorical, fontsize=7)
    ax.set(xlabel="category", ylim=(len(sizes) - 0.4, -0.6))
    ax.tick_params(left=False)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def save(figure, file):
    """Save a picture that is small enough to be kept with the sources."""
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    figure.savefig(buffer, dpi=120)
    Image.open(buffer).convert("RGB").quantize(128).save(file, optimize=True)
    print(f"\n{Path(file).name}: {Path(file).stat().st_size / 1000:.0f} kB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the table, a CSV file")
    parser.add_argument("--picture", help="draw the picture into this PNG file")
    arguments = parser.parse_args()
    X, y, categorical = houses(arguments.data)
    searches = {name: search(model, X, y, categorical) for name, model in MODELS.items()}
    report(searches)
    if arguments.picture:
        draw(searches, categorical, arguments.picture)


if __name__ == "__main__":
    main()

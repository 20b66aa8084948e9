"""Tables and the picture of `recovery.py`: means over repeats of complete cells, with standard errors."""

from collections import defaultdict

import numpy as np

METRICS = {
    "f1": "F1 of the support",
    "false": "false discoveries",
    "estimation": "estimation error",
    "prediction": "prediction error",
}
DRAWN = ("f1", "false", "prediction")
STYLES = {  # a peer's version of one of ours has its colour
    "lasso": ("#8a8a8a", "solid"),
    "relaxed lasso": ("#56B4E9", "solid"),
    "adaptive lasso": ("#0072B2", "solid"),
    "MCP": ("#D55E00", "solid"),
    "SCAD": ("#E69F00", "solid"),
    "skglm MCP": ("#D55E00", "dotted"),
    "abess": ("#009E73", "dashed"),
    "sklearn LassoCV": ("#8a8a8a", "dotted"),
}


def report(rows, picture=None, rule="cv"):
    """Print the tables of all rules; draw those of one."""
    rules = list(dict.fromkeys(row["rule"] for row in rows))
    rows, repeats = complete(rows)
    print(f"{repeats} repeats in each of {len({tuple(row['cell']) for row in rows})} cells")
    for each in rules:
        for metric in METRICS:
            print(*table([row for row in rows if row["rule"] == each], metric, each), sep="\n")
    print(*overall(rows), sep="\n")
    if picture is not None:
        draw([row for row in rows if row["rule"] == rule], rule, repeats, picture)


def complete(rows):
    """Return the rows of the repeats that all cells and methods have, in the order of the styles, and the repeats.

    What was begun by a run that was cut off is there twice.
    """
    rows = list({(*row["cell"], row["repeat"], row["method"], row["rule"]): row for row in rows}.values())
    rows.sort(key=lambda row: list(STYLES).index(row["method"]))
    cells = {(tuple(row["cell"]), row["method"]) for row in rows}
    seen = defaultdict(set)
    for row in rows:
        seen[row["repeat"]].add((tuple(row["cell"]), row["method"]))
    whole = {repeat for repeat, found in seen.items() if found == cells}
    return [row for row in rows if row["repeat"] in whole], len(whole)


def means(rows, metric):
    """Return dicts by (cell, method): the mean over repeats, and its standard error."""
    values = defaultdict(list)
    for row in rows:
        values[tuple(row["cell"]), row["method"]].append(row[metric])
    return {key: (np.mean(v), np.std(v) / np.sqrt(max(len(v) - 1, 1))) for key, v in values.items()}


def table(rows, metric, rule):
    """Return the lines of one metric under one rule."""
    found = means(rows, metric)
    cells, methods = (sorted({key[0] for key in found}), list(dict.fromkeys(row["method"] for row in rows)))
    lines = ["", f"{METRICS[metric]}, alpha by {rule}", f"{'p':>6}{'rho':>6}{'SNR':>6}"]
    lines[-1] += "".join(f"{name:>17}" for name in methods)
    for cell in cells:
        values = "".join("{:11.2f} ±{:4.2f}".format(*found[cell, name]) for name in methods)
        lines.append(f"{cell[0]:6}{cell[1]:6g}{cell[2]:6g}{values}")
    return lines


def overall(rows):
    """Return the lines of means over all cells, a row for each method and rule."""
    lines = ["", "means over all cells", f"{'rule':6}{'method':18}" + "".join(f"{name:>12}" for name in METRICS)]
    groups = defaultdict(list)
    for row in rows:
        groups[row["rule"], row["method"]].append([row[metric] for metric in METRICS])
    for (rule, method), values in groups.items():
        lines.append(f"{rule:6}{method:18}" + "".join(f"{value:12.2f}" for value in np.mean(values, axis=0)))
    return lines


def draw(rows, rule, repeats, file):
    """Draw the metrics against SNR: a column for each p and rho, a line for each method."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = sorted({tuple(row["cell"][:2]) for row in rows})
    methods = list(dict.fromkeys(row["method"] for row in rows))
    signals = sorted({row["cell"][2] for row in rows})
    figure, axes = plt.subplots(
        len(DRAWN), len(columns), figsize=(2.3 * len(columns), 7.5), sharex=True, sharey="row", layout="constrained"
    )
    for line, metric in zip(axes, DRAWN, strict=True):
        found = means(rows, metric)
        for ax, column in zip(line, columns, strict=True):
            for name in methods:
                colour, dash = STYLES[name]
                values = np.array([found[(*column, snr), name] for snr in signals])
                ax.errorbar(signals, *values.T, label=name, color=colour, linestyle=dash, marker="o", markersize=3)
            ax.set(xscale="log", xticks=signals, xticklabels=[f"{snr:g}" for snr in signals])
            ax.tick_params(which="minor", bottom=False)
        line[0].set_ylabel(METRICS[metric])
    for ax, (p, rho) in zip(axes[0], columns, strict=True):
        ax.set_title(f"p = {p}, ρ = {rho:g}", fontsize=10)
    for ax in axes[-1]:
        ax.set_xlabel("SNR")
    axes[1, 0].set_yscale("symlog", linthresh=1)
    axes[1, 0].set_ylim(bottom=-0.2)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"alpha by {rule}; means of {repeats} repeats with standard errors", fontsize=11)
    save(figure, file)


def save(figure, file):
    """Save a picture that is small enough to be kept with the sources."""
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    Image.open(buffer).convert("RGB").quantize(64).save(file, optimize=True)

"""What the displays share: axes, colours, the axis of strengths, names that do not overlap.

matplotlib is imported inside functions only: it is optional, and slow to import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

__all__ = [
    "GREY",
    "alpha_axis",
    "axes_for",
    "check_count",
    "legend",
    "line_looks",
    "name_lines",
    "names_that_fit",
    "number",
    "on_log_axis",
    "shorten",
    "spread",
    "tick_places",
    "top_axis",
]

Array = np.ndarray

# Okabe and Ito (2008), told apart by the colour-blind; without their yellow, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("solid", "dashed", "dashdot", "dotted")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a8a8a"
FONT = 9.0
LONGEST_NAME = 28


def axes_for(ax: Any, who: str, figsize: tuple[float, float] = (7.0, 4.5)) -> Any:
    """Return `ax`, or the axes of a new figure if it is None."""
    try:
        import matplotlib.axes
    except ImportError as error:
        raise ImportError(f"{who} needs matplotlib to draw: pip install sparsereg[plot]") from error
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    elif not isinstance(ax, matplotlib.axes.Axes):
        raise TypeError(f"ax must be matplotlib axes or None; got {type(ax).__name__}")
    return ax


def check_count(name: str, value: Any, low: int = 0) -> int:
    """Return an integer that is at least `low`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}; got {value!r}")
    return int(value)


def line_looks(n: int) -> Iterator[dict[str, Any]]:
    """Yield colour, dashes and marker of n lines: no two alike among the first 28, dashes change when colours recur."""
    for k in range(n):
        turn, colour = divmod(k, len(COLOURS))
        yield {
            "color": COLOURS[colour],
            "linestyle": DASHES[turn % len(DASHES)],
            "marker": MARKERS[(colour + turn) % len(MARKERS)],
        }


def legend(ax: Any, title: str | None = None, bars: tuple[Array, Array, Array] | None = None) -> Any:
    """Add a legend on a white ground, for lines that cross all of the axes; keep it off bars (x, bottom, top)."""
    where = "best" if bars is None else _empty_corner(ax, title, *bars)
    return ax.legend(
        loc=where, fontsize=FONT, title=title, title_fontsize=FONT, alignment="left", framealpha=1.0, edgecolor="none"
    )


def _empty_corner(ax: Any, title: str | None, x: Array, bottom: Array, top: Array) -> str:
    """Return the corner where a legend covers the fewest bars, which matplotlib's "best" does not see."""
    texts = [*ax.get_legend_handles_labels()[1], *([title] if title else [])]
    to_axes = ax.transData + ax.transAxes.inverted()
    x, low = to_axes.transform(np.column_stack([x, bottom])).T
    high = to_axes.transform(np.column_stack([x, top]))[:, 1]
    width = (0.6 * max(len(text) for text in texts) + 4.0) * FONT / 72.0 / _inches(ax)[0]
    height = (1.5 * len(texts) + 1.0) * FONT / 72.0 / _inches(ax)[1]
    beside = {"right": x > 1.0 - width, "left": x < width}
    across = {"lower": low < height, "upper": high > 1.0 - height}
    covered = {f"{v} {h}": int(np.sum(across[v] & beside[h])) for h in ("right", "left") for v in ("lower", "upper")}
    return min(covered, key=lambda corner: covered[corner])


def _inches(ax: Any) -> tuple[float, float]:
    """Return about how wide and high the axes are."""
    return ax.bbox.width / ax.figure.dpi, ax.bbox.height / ax.figure.dpi


def number(value: float) -> str:
    """Write a number to three digits, thousands in full.

    >>> number(0.0123456), number(12345.6), number(1e-7)
    ('0.0123', '12,346', '1e-07')
    """
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """Cut the middle out of a long name: beginnings and ends tell features apart.

    >>> shorten("occupation=Machine-op-inspct & native-country=Mexico", 24)
    'occupation=M…ntry=Mexico'
    """
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"


def on_log_axis(alphas: Array) -> Array:
    """Return places of strengths on a logarithmic axis: zero goes half a decade below the smallest other strength."""
    alphas = np.asarray(alphas, dtype=np.float64)
    positive = alphas[alphas > 0.0]
    bottom = positive.min() / np.sqrt(10.0) if len(positive) else 1.0
    return np.where(alphas > 0.0, alphas, bottom)


def alpha_axis(ax: Any, alphas: Array) -> None:
    """Make the horizontal axis logarithmic, the strongest penalty on the left.

    So lines start together at zero and fan out to the right, where there is room for names. (As in scikit-learn's
    examples and in recent glmnet; older glmnet has the strongest penalty on the right.)
    """
    ax.set_xscale("log")
    ax.margins(x=0.0)
    if not ax.xaxis_inverted():
        ax.invert_xaxis()
    ax.set_xlabel("alpha")
    _alpha_ticks(ax.xaxis, on_log_axis(alphas))
    if (np.asarray(alphas) == 0.0).any():
        ax.set_xticks(on_log_axis(alphas)[np.asarray(alphas) == 0.0][:1], labels=["0"], minor=True)


def _alpha_ticks(axis: Any, places: Array) -> None:
    """Set ticks that stay apart and read as plain numbers, whether there are ten decades or a tenth of one."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    ratio = places.max() / places.min()
    if ratio < 4.0:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 300.0 else (1.0,), numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick_label(value)))
    axis.set_minor_formatter(NullFormatter())


def _tick_label(value: float) -> str:
    r"""Write a tick of a logarithmic axis.

    >>> _tick_label(0.05), _tick_label(1e-6), _tick_label(2e7)
    ('0.05', '$10^{-6}$', '$2\\times10^{7}$')
    """
    if 1e-4 <= value < 1e5:
        return f"{value:.10g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    front = "" if mantissa == "1.0" else f"{float(mantissa):g}\\times"
    return f"${front}10^{{{int(exponent)}}}$"


def tick_places(places: Array, n_ticks: int) -> Array:
    """Return the numbers of strengths that are about evenly spaced on a logarithmic axis, both ends among them."""
    logs = np.log(places)
    wanted = np.linspace(logs.max(), logs.min(), n_ticks) if np.ptp(logs) > 0.0 else logs[:1]
    return np.unique(np.abs(logs[None, :] - wanted[:, None]).argmin(axis=1))


def top_axis(ax: Any, places: Array, counts: Array) -> Any:
    """Add an upper axis that tells how many features are not zero."""
    label_width = (len(f"{counts.max():,}") + 2) * 0.6 * FONT / 72.0
    shown = tick_places(places, int(np.clip(_inches(ax)[0] / label_width, 2, 9)))
    top = ax.secondary_xaxis("top")
    top.set_xticks(places[shown], labels=[f"{count:,}" for count in counts[shown]], fontsize=FONT)
    top.set_xticks([], minor=True)
    top.set_xlabel("nonzero features", fontsize=FONT)
    return top


def spread(wanted: Array, apart: float, low: float, high: float) -> Array:
    """Return the places closest to ascending `wanted` that are `apart` from one another, between low and high.

    With ``gap_k = k * apart``, places minus gaps must not decrease: least squares under that is isotonic regression,
    and cutting its answer to an interval gives the best within the interval.

    >>> spread(np.array([0.0, 0.1, 5.0]), 1.0, 0.0, 5.0)
    array([0., 1., 5.])
    """
    if len(wanted) == 0:
        return wanted
    gaps = apart * np.arange(len(wanted))
    free = isotonic_regression(wanted - gaps).x
    return np.clip(free, low, max(low, high - gaps[-1])) + gaps


def names_that_fit(ax: Any) -> float:
    """Return how many names there is room for beside the axes."""
    return _inches(ax)[1] / (1.35 * FONT / 72.0)


def name_lines(ax: Any, x: float, heights: Sequence[float], names: Sequence[str], colours: Sequence[str]) -> list[Any]:
    """Write names to the right of the axes at the heights where lines end, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    apart = (high - low) / names_that_fit(ax)
    order = np.argsort(heights, kind="stable")
    places = spread(np.asarray(heights, dtype=np.float64)[order], apart, low, high)
    leader = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 1.0, "shrinkB": 0.0, "relpos": (0.0, 0.5)}
    labels = []
    for k, place in zip(order, places, strict=True):
        labels.append(
            ax.annotate(
                shorten(names[k]),
                xy=(x, heights[k]),
                xytext=(1.04, place),
                textcoords=ax.get_yaxis_transform(),
                color=colours[k],
                fontsize=FONT,
                va="center",
                arrowprops={**leader, "color": colours[k]},
                annotation_clip=False,
            )
        )
    return labels

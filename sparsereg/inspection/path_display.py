"""PathDisplay: coefficients against the strength of the penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sparsereg.inspection.style import (
    GREY,
    alpha_axis,
    axes_for,
    check_count,
    line_looks,
    name_lines,
    names_that_fit,
    on_log_axis,
    top_axis,
)

__all__ = ["PathDisplay"]

Array = np.ndarray

_MANY = 500  # lines: from here on they are drawn as pixels also in vector formats, whose files would be huge


class PathDisplay:
    """Coefficients along a regularisation path.

    The strongest penalty is on the left, so lines start at zero and fan out. The features that are largest at the
    right end are in colour and named; all others are thin and grey. The upper axis counts the nonzero features. Where
    the objective is not convex in the weights of the features in use, as it may be under MCP and SCAD, the ground is
    shaded: other models there may be as good.
    Work and memory follow the number of nonzero coefficients, not the number of features.

    It is recommended to use `from_path` or ``Path.plot`` to make one.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Strengths, descending.
    coefs : csr_array of shape (n_alphas, n_features)
        Coefficients of one output.
    feature_names : sequence of str, default=None
        Names of the features; ``x0, x1, ...`` if None.
    convex_alpha : float, default=None
        Strengths below are shaded; as ``Path.convex_alpha``. None shades nothing.

    Attributes
    ----------
    n_nonzero : ndarray of shape (n_alphas,)
        Number of nonzero coefficients of this output.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    named_ : ndarray of int
        Numbers of the named features, the largest coefficient first.
    lines_ : list of matplotlib Line2D
        Lines of the named features, in that order.
    labels_ : list of matplotlib Annotation
        Their names, from below.
    rest_ : matplotlib LineCollection
        All other features that are ever nonzero.
    shade_ : matplotlib Rectangle or None
        The ground where the objective is not convex.
    top_ax_ : matplotlib SecondaryAxis
        The axis that counts.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import Lasso, regularization_path
    >>> from sparsereg.inspection import PathDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> display = PathDisplay.from_path(regularization_path(Lasso(), X, y), n_named=3)
    >>> [label.get_text() for label in display.labels_]
    ['s1', 'bmi', 's5']
    """

    def __init__(
        self, *, alphas: Array, coefs: sp.csr_array, feature_names: Any = None, convex_alpha: float | None = None
    ):
        self.alphas, self.coefs, self.feature_names = alphas, coefs, feature_names
        self.convex_alpha = convex_alpha
        self.n_nonzero = np.diff(coefs.indptr)

    @classmethod
    def from_path(
        cls, path: Any, *, output: int = 0, scale: Any = None, ax: Any = None, n_named: int = 8, line_kw: Any = None
    ) -> PathDisplay:
        """Draw a path.

        Of an exact path, strengths between the breakpoints are drawn too: coefficients are linear in alpha there, which
        on a logarithmic axis is no straight line.

        Parameters
        ----------
        path : Path
            From `regularization_path`.
        output : int, default=0
            Which output, where there are several.
        scale : array-like of shape (n_features,), default=None
            What to multiply coefficients with. Their standard deviations make features of different units comparable:
            a coefficient is then the change of the prediction per standard deviation.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        n_named : int, default=8
            How many features to name.
        line_kw : dict, default=None
            Keywords for matplotlib's ``plot`` of the named lines.

        Returns
        -------
        display : PathDisplay
        """
        if not all(hasattr(path, name) for name in ("alphas", "coefs", "coef_matrix")):
            raise TypeError(f"path must be a Path, as regularization_path returns it; got {type(path).__name__}")
        n_outputs = path.coefs[0].shape[0]
        if check_count("output", output) >= n_outputs:
            raise ValueError(f"output must be less than the number of outputs, {n_outputs}; got {output!r}")
        alphas, coefs = path.alphas, path.coef_matrix(output)
        if getattr(path, "exact", False):
            alphas, coefs = _filled_in(path, output)
        if scale is not None:
            coefs.data *= _check_scale(scale, coefs.shape[1])[coefs.indices]
        names, convex_alpha = getattr(path, "feature_names_in_", None), getattr(path, "convex_alpha", None)
        display = cls(alphas=alphas, coefs=coefs, feature_names=names, convex_alpha=convex_alpha)
        display.plot(ax, n_named=n_named, line_kw=line_kw)
        if scale is not None:
            display.ax_.set_ylabel("coefficient × scale")
        return display

    def plot(self, ax: Any = None, *, n_named: int = 8, line_kw: Any = None) -> PathDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        n_named : int, default=8
            How many features to name: those with the largest coefficients at the right end, as many as there is room.
        line_kw : dict, default=None
            Keywords for matplotlib's ``plot`` of the named lines.

        Returns
        -------
        display : PathDisplay
            Itself.
        """
        check_count("n_named", n_named)
        ax = self.ax_ = axes_for(ax, "PathDisplay")
        self.figure_ = ax.figure
        places, (ids, columns) = on_log_axis(self.alphas), _occupied(self.coefs)
        named = _largest_at_the_end(columns, min(n_named, int(names_that_fit(ax))))
        self.named_ = ids[named]
        ax.plot(places, np.zeros(len(places)), color="black", linewidth=0.6, zorder=1)
        self.rest_ = _draw_rest(ax, places, columns[:, np.setdiff1d(np.arange(len(ids)), named)])
        self.lines_ = self._draw_named(ax, places, columns[:, named].toarray().T, line_kw or {})
        self.shade_ = self._shade(ax, places)
        alpha_axis(ax, self.alphas)
        ax.autoscale_view()
        ax.set_ylabel("coefficient")
        ax.spines["right"].set_visible(False)
        self.top_ax_ = top_axis(ax, places, self.n_nonzero)
        ends = [line.get_ydata()[-1] for line in self.lines_]
        colours = [line.get_color() for line in self.lines_]
        self.labels_ = name_lines(ax, places[-1], ends, [self._name(j) for j in self.named_], colours)
        return self

    def _shade(self, ax: Any, places: Array) -> Any:
        """Shade from half way after the last strength of the convex part to the end, None if there is no other part."""
        if self.convex_alpha is None:
            return None
        first = int(np.sum(self.alphas >= self.convex_alpha))
        if first == len(places):
            return None
        return ax.axvspan(0.5 * (places[first - 1] + places[first]), places[-1], color=GREY, alpha=0.18, linewidth=0)

    def _draw_named(self, ax: Any, places: Array, values: Array, line_kw: dict[str, Any]) -> list[Any]:
        lines = []
        for look, y, j in zip(line_looks(len(values)), values, self.named_, strict=True):
            marker = look.pop("marker") if len(places) == 1 else None  # a line through one point cannot be seen
            style = {**look, "marker": marker, "linewidth": 1.6, "label": self._name(j), "zorder": 3, **line_kw}
            lines += ax.plot(places, np.where(_beside_nonzero(y), y, np.nan), **style)
        return lines

    def _name(self, j: int) -> str:
        return f"x{j}" if self.feature_names is None else str(self.feature_names[j])


def _check_scale(scale: Any, n_features: int) -> Array:
    scale = np.asarray(scale, dtype=np.float64)
    if scale.shape != (n_features,) or not np.isfinite(scale).all():
        raise ValueError(f"scale must be {n_features} finite numbers, one per feature; got shape {scale.shape}")
    return scale


def _filled_in(path: Any, output: int) -> tuple[Array, sp.csr_array]:
    """Return an exact path with strengths added, so that no two neighbours are more than a twentieth apart."""
    alphas = path.alphas[path.alphas > 0.0]
    steps = np.ceil(np.log(alphas[:-1] / alphas[1:]) / 0.05).astype(int)
    spans = zip(alphas[:-1], alphas[1:], steps, strict=True)
    parts = [np.geomspace(high, low, int(n), endpoint=False) for high, low, n in spans]
    alphas = np.concatenate([*parts, alphas[-1:], path.alphas[len(alphas) :]])
    rows = [path.interpolate(alpha)[0][[output]] for alpha in alphas]
    return alphas, sp.csr_array(sp.vstack(rows, format="csr"))


def _beside_nonzero(y: Array) -> Array:
    """Return where a coefficient or one of its neighbours is not zero: no line runs along zero."""
    inside = np.pad(y != 0.0, 1)
    return inside[1:-1] | inside[:-2] | inside[2:]


def _occupied(coefs: sp.csr_array) -> tuple[Array, sp.csc_array]:
    """Return the features that are ever nonzero, and their columns. A CSC of all would allocate by n_features."""
    ids, place = np.unique(coefs.indices, return_inverse=True)
    return ids, sp.csr_array((coefs.data, place, coefs.indptr), shape=(coefs.shape[0], len(ids))).tocsc()


def _largest_at_the_end(columns: sp.csc_array, most: int) -> Array:
    """Return the numbers of the columns that are largest at the weakest penalty, zero excluded, the largest first."""
    last = np.abs(columns[[-1]].toarray()[0])
    order = np.argsort(-last, kind="stable")[:most]
    return order[last[order] > 0.0]


def _draw_rest(ax: Any, places: Array, columns: sp.csc_array) -> Any:
    """Draw lines where they are not zero, in one collection."""
    from matplotlib.collections import LineCollection

    segments = _segments(columns, places)
    many = len(segments) > _MANY
    rest = LineCollection(
        segments, colors=GREY, linewidths=0.4 if many else 0.8, alpha=0.5 if many else 0.8, zorder=2, rasterized=many
    )
    ax.add_collection(rest)
    return rest


def _segments(columns: sp.csc_array, places: Array) -> list[Array]:
    """Return a line for each run of nonzero coefficients, from the zero before it to the zero after it."""
    columns.sort_indices()
    rows, n = columns.indices.astype(np.int64), len(places)
    if len(rows) == 0:
        return []
    column = np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr))
    first = np.concatenate([[True], (np.diff(rows) != 1) | (np.diff(column) != 0)])
    last = np.append(first[1:], True)
    run = np.cumsum(first) - 1
    at = np.arange(len(rows)) + 2 * run + 1  # each run gets a point before and one after it
    x, y = np.empty(len(rows) + 2 * (run[-1] + 1), dtype=np.int64), np.zeros(len(rows) + 2 * (run[-1] + 1))
    x[at], y[at] = rows, columns.data
    x[at[first] - 1], x[at[last] + 1] = np.maximum(rows[first] - 1, 0), np.minimum(rows[last] + 1, n - 1)
    y[at[first] - 1] = np.where(rows[first] == 0, columns.data[first], 0.0)
    y[at[last] + 1] = np.where(rows[last] == n - 1, columns.data[last], 0.0)
    return np.split(np.column_stack([places[x], y]), at[last][:-1] + 2)

"""ConvergenceDisplay: how the duality gap fell."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sparsereg.inspection.style import GREY, axes_for, legend, line_looks, shorten

__all__ = ["ConvergenceDisplay"]

Array = np.ndarray

_AXES = {"iteration": "outer iteration", "time": "time"}
_ROUNDING = 2.0**-52


class GapCurve(NamedTuple):
    """One fit of one output: duality gaps in units of the tolerance."""

    label: str
    iteration: Array
    time: Array
    relative_gap: Array


class ConvergenceDisplay:
    """Relative duality gaps against iterations or time, for one or several fits.

    The relative gap is a certified bound: the objective is at most this far above its minimum, as a share of what there
    is to explain. A fit stops where it meets ``tol``.

    It is recommended to use `from_estimator` to make one.

    Parameters
    ----------
    curves : list of GapCurve
        Named tuples ``(label, iteration, time, relative_gap)``: one per fit and output.
    tol : float, default=None
        Where to draw the line of the tolerance.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One per curve.
    tol_line_ : matplotlib Line2D
        None if there is no one tolerance.
    legend_ : matplotlib Legend

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sparsereg import SparseRegressor
    >>> from sparsereg.inspection import ConvergenceDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> fits = {loss: SparseRegressor(loss=loss, alpha=0.01).fit(X, y) for loss in ("poisson", "gamma")}
    >>> display = ConvergenceDisplay.from_estimator(fits)
    >>> [curve.label for curve in display.curves]
    ['poisson', 'gamma']
    >>> all(curve.relative_gap[-1] <= 1e-8 for curve in display.curves)
    True
    """

    def __init__(self, *, curves: list[GapCurve], tol: float | None = None):
        self.curves, self.tol = curves, tol

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, x: str = "iteration", ax: Any = None, line_kw: Any = None
    ) -> ConvergenceDisplay:
        """Draw the history of fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of estimators
            Fitted ones of sparsereg, or Pipelines that end in one. The keys of a dict are the labels.
        x : {"iteration", "time"}, default="iteration"
            What is on the horizontal axis.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        line_kw : dict, default=None
            Keywords for matplotlib's ``plot``.

        Returns
        -------
        display : ConvergenceDisplay
        """
        models = {label: _checked(model) for label, model in _labelled(estimator).items()}
        curves = [curve for label, model in models.items() for curve in _curves(label, model)]
        tols = {model.tol for model in models.values()}
        return cls(curves=curves, tol=tols.pop() if len(tols) == 1 else None).plot(ax, x=x, line_kw=line_kw)

    def plot(self, ax: Any = None, *, x: str = "iteration", line_kw: Any = None) -> ConvergenceDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        x : {"iteration", "time"}, default="iteration"
            What is on the horizontal axis.
        line_kw : dict, default=None
            Keywords for matplotlib's ``plot``.

        Returns
        -------
        display : ConvergenceDisplay
            Itself.
        """
        if x not in _AXES:
            raise ValueError(f"x must be 'iteration' or 'time'; got {x!r}")
        ax = self.ax_ = axes_for(ax, "ConvergenceDisplay")
        self.figure_ = ax.figure
        ax.set_yscale("log")
        self.lines_ = []
        for curve, look in zip(self.curves, line_looks(len(self.curves)), strict=True):
            # Gaps of zero, and below rounding, have no place on the axis; the null model may have an infinite one.
            gap = np.where(np.isfinite(curve.relative_gap), np.maximum(curve.relative_gap, _ROUNDING), np.nan)
            style = {**look, "label": curve.label, "linewidth": 1.4, "markersize": 3.5, **(line_kw or {})}
            self.lines_ += ax.plot(getattr(curve, x), gap, **style)
        self.tol_line_ = None
        if self.tol:
            label = f"tol = {self.tol:g}"
            self.tol_line_ = ax.axhline(self.tol, color=GREY, linewidth=1.0, linestyle="dotted", label=label, zorder=1)
        _horizontal_axis(ax, x)
        ax.set_ylabel("relative duality gap")
        ax.spines[["top", "right"]].set_visible(False)
        self.legend_ = legend(ax)
        return self


def _labelled(estimator: Any) -> dict[str, Any]:
    """Return estimators by label; those of a list are told apart by their parameters, then by number."""
    if isinstance(estimator, dict):
        found = {str(label): model for label, model in estimator.items()}
    elif isinstance(estimator, list | tuple):
        found = {}
        for model in estimator:
            label = " ".join(str(model).split())
            number = 2 + sum(other == label or other.startswith(f"{label} (") for other in found)
            found[label if label not in found else f"{label} ({number - 1})"] = model
    else:
        found = {type(estimator).__name__: estimator}
    if not found:
        raise ValueError(f"estimator must hold at least one fitted estimator; got {estimator!r}")
    return found


def _checked(model: Any) -> Any:
    """Return the fitted model, which of a Pipeline is the last step."""
    model = model[-1] if isinstance(model, Pipeline) else model
    check_is_fitted(model)
    if not hasattr(model, "history_"):
        raise TypeError(
            "estimator must be fitted ones of sparsereg, which have history_, one, a list or a dict; "
            f"got {type(model).__name__}"
        )
    return model


def _curves(label: str, model: Any) -> list[GapCurve]:
    """Return a curve per output."""
    several = bool(model.history_) and isinstance(model.history_[0], list)
    histories = model.history_ if several else [model.history_]
    curves = []
    for k, (history, unit) in enumerate(zip(histories, model._gap_units, strict=True)):
        gap = np.array([record.gap for record in history]) / unit
        if np.isnan(gap).all():
            raise ValueError(f"estimator has no duality gap, so there is none to draw: {model}")
        name = f"{shorten(label, 60)}, output {k}" if several else shorten(label, 60)
        iteration, time = (np.array([getattr(record, what) for record in history]) for what in ("iteration", "time"))
        curves.append(GapCurve(name, iteration, time, gap))
    return curves


def _horizontal_axis(ax: Any, x: str) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    ax.set_xlabel(_AXES[x])
    if x == "time":
        ax.xaxis.set_major_formatter(EngFormatter("s"))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))

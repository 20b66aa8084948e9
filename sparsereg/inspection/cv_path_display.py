"""CVPathDisplay: cross-validated scores against the strength of the penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sparsereg.inspection.cv_results import ScoreCurve, alpha_parameter, best_of, score_curves
from sparsereg.inspection.style import (
    alpha_axis,
    axes_for,
    check_count,
    legend,
    line_looks,
    number,
    on_log_axis,
    shorten,
    top_axis,
)

__all__ = ["CVPathDisplay"]

Array = np.ndarray

_BARS = {"se": " ± standard error", "std": " ± standard deviation", None: ""}


class CVPathDisplay:
    """Mean scores of a search over alpha, with the best and the sparsest that cannot be told from it.

    The strongest penalty is on the left. Where other parameters vary too, each of their settings has a line.

    It is recommended to use `from_estimator` or `from_cv_results` to make one.

    Parameters
    ----------
    curves : list of ScoreCurve
        Named tuples ``(label, rows, alphas, mean, std, se)``: one per setting of the other parameters, the one with the
        best score first. `rows` are the places in ``cv_results_``.
    score_name : str, default="score"
        What the scores are.
    n_nonzero : tuple of two ndarrays, default=None
        Alphas and numbers of nonzero features, for the upper axis.

    Attributes
    ----------
    best_alpha : float
        The alpha with the best mean score.
    best_score : float
        That score.
    one_standard_error_alpha : float
        The largest alpha, all else as in the best, whose mean score is at most one standard error below the best.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    errorbars_ : list of matplotlib ErrorbarContainer
        The lines, one per setting.
    best_line_, one_standard_error_line_ : matplotlib Line2D
        The vertical lines.
    legend_ : matplotlib Legend
    top_ax_ : matplotlib SecondaryAxis
        The axis that counts nonzero features; None where their numbers are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sparsereg import Lasso
    >>> from sparsereg.inspection import CVPathDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = GridSearchCV(Lasso(), {"alpha": np.geomspace(2, 0.002, 20)}).fit(X, y)
    >>> display = CVPathDisplay.from_estimator(search)
    >>> print(f"{display.best_alpha:.3f} {display.one_standard_error_alpha:.3f}")
    0.004 0.226
    """

    def __init__(
        self,
        *,
        curves: list[ScoreCurve],
        score_name: str = "score",
        n_nonzero: tuple[Array, Array] | None = None,
    ):
        self.curves, self.score_name, self.n_nonzero = curves, score_name, n_nonzero
        first = curves[0]
        top = best_of(first)
        self.best_alpha, self.best_score = float(first.alphas[top]), float(first.mean[top])
        sparsest = int(np.flatnonzero(first.mean >= first.mean[top] - first.se[top])[0])
        self.one_standard_error_alpha = float(first.alphas[sparsest])

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        metric: str | None = None,
        param: str | None = None,
        path: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CVPathDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        estimator : PathSearchCV or GridSearchCV
            A fitted search over alpha, of an estimator or a Pipeline, with or without other parameters.
        metric : str, default=None
            Name of the score, where there are several; by default the one that `refit` names.
        param : str, default=None
            Name of the parameter on the axis, where several are called alpha.
        path : Path, default=None
            The model on all data, from `regularization_path`: the upper axis then counts its nonzero features.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **kwargs
            As in `plot`.

        Returns
        -------
        display : CVPathDisplay
        """
        if not hasattr(estimator, "cv_results_"):
            check_is_fitted(estimator)
            raise TypeError(
                f"estimator must be a search that has cv_results_, as GridSearchCV; got {type(estimator).__name__}"
            )
        scoring, refit = getattr(estimator, "scoring", None), getattr(estimator, "refit", None)
        if metric is None:
            metric = str(refit) if f"mean_test_{refit}" in estimator.cv_results_ else "score"
        display = cls._read(estimator.cv_results_, metric, param, path)
        if metric == "score" and isinstance(scoring, str):
            display.score_name = scoring
        return display.plot(ax, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Any,
        *,
        metric: str = "score",
        param: str | None = None,
        path: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CVPathDisplay:
        """Draw the results of a search.

        Parameters
        ----------
        cv_results : dict
            ``cv_results_`` of a search over alpha.
        metric : str, default="score"
            Name of the score, as in the key ``mean_test_score``.
        param : str, default=None
            Name of the parameter on the axis, where several are called alpha.
        path : Path, default=None
            The model on all data, from `regularization_path`: the upper axis then counts its nonzero features.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **kwargs
            As in `plot`.

        Returns
        -------
        display : CVPathDisplay
        """
        return cls._read(cv_results, metric, param, path).plot(ax, **kwargs)

    @classmethod
    def _read(cls, results: Any, metric: str, param: str | None, path: Any) -> CVPathDisplay:
        curves = score_curves(results, alpha_parameter(results, param), metric)
        n_nonzero = None if path is None else (path.alphas, path.n_nonzero)
        return cls(curves=curves, score_name=metric, n_nonzero=n_nonzero)

    def plot(
        self, ax: Any = None, *, error: str | None = "se", n_settings: int = 5, line_kw: Any = None
    ) -> CVPathDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        error : {"se", "std", None}, default="se"
            Bars: standard errors of the mean scores, standard deviations over folds, or none.
        n_settings : int, default=5
            Largest number of settings of other parameters to draw, those with the best scores.
        line_kw : dict, default=None
            Keywords for matplotlib's ``errorbar``.

        Returns
        -------
        display : CVPathDisplay
            Itself.
        """
        if error not in _BARS:
            raise ValueError(f"error must be 'se', 'std' or None; got {error!r}")
        drawn = self.curves[: check_count("n_settings", n_settings, 1)]
        ax = self.ax_ = axes_for(ax, "CVPathDisplay")
        self.figure_ = ax.figure
        alphas = np.concatenate([curve.alphas for curve in drawn])
        places = on_log_axis(alphas)
        self.errorbars_ = _draw_curves(ax, drawn, places, error, line_kw or {})
        alpha_axis(ax, alphas)
        ax.margins(x=0.02)
        self._draw_choices(ax, dict(zip(alphas, places, strict=True)))
        ax.set_ylabel(f"mean {self.score_name}{_BARS[error]}")
        ax.spines[["top", "right"]].set_visible(False)
        self.top_ax_ = None
        if self.n_nonzero is not None:
            counted, counts = self.n_nonzero
            inside = (counted >= alphas.min()) & (counted <= alphas.max())
            if inside.any():
                self.top_ax_ = top_axis(ax, on_log_axis(counted[inside]), counts[inside])
        hidden = len(self.curves) - len(drawn)
        mean, size = (np.concatenate([getattr(curve, what) for curve in drawn]) for what in ("mean", error or "mean"))
        size = size if error else 0.0 * size
        note = f"{hidden} more, with lower scores, not drawn" if hidden else None
        self.legend_ = legend(ax, note, bars=(places, mean - size, mean + size))
        return self

    def _draw_choices(self, ax: Any, places: dict[float, float]) -> None:
        """Draw the two vertical lines, under the curves."""
        first = self.curves[0]
        scores = dict(zip(first.alphas, first.mean, strict=True))
        lines = []
        choices = (("best", self.best_alpha, "solid"), ("one standard error", self.one_standard_error_alpha, "dashed"))
        for what, alpha, dashes in choices:
            label = f"{what}: alpha {number(alpha)}, {self.score_name} {number(scores[alpha])}"
            lines.append(
                ax.axvline(places[alpha], color="#444444", linewidth=1.2, linestyle=dashes, label=label, zorder=1)
            )
        self.best_line_, self.one_standard_error_line_ = lines


def _draw_curves(
    ax: Any, curves: list[ScoreCurve], places: Array, error: str | None, line_kw: dict[str, Any]
) -> list[Any]:
    from matplotlib.colors import to_rgba

    ends = np.cumsum([len(curve.alphas) for curve in curves])[:-1]
    bars = []
    for curve, x, look in zip(curves, np.split(places, ends), line_looks(len(curves)), strict=True):
        label = {"label": shorten(curve.label, 60)} if curve.label else {}
        few = len(places) <= 40  # else bars are a light background
        size = {"markersize": 4.0 if few else 2.5, "linewidth": 1.4, "elinewidth": 0.8, "capsize": 2.0 if few else 0.0}
        style = {
            **look,
            **size,
            **label,
            "ecolor": to_rgba(look["color"], 0.8 if few else 0.35),
            "zorder": 2,
            **line_kw,
        }
        heights = None if error is None else getattr(curve, error)
        bars.append(ax.errorbar(x, curve.mean, heights, **style))
    return bars

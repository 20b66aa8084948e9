"""Displays: the numbers they show are those of paths, searches and fits; pictures stay small and legible."""

import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sparsereg import (
    Lasso,
    PathSearchCV,
    SparseClassifier,
    SparseRegressor,
    alpha_max,
    one_standard_error,
    regularization_path,
)
from sparsereg.inspection import ConvergenceDisplay, CVPathDisplay, PathDisplay
from sparsereg.inspection.style import line_looks, shorten, spread

DIABETES = load_diabetes(return_X_y=True, as_frame=True)
ALPHAS = np.geomspace(2.0, 0.002, 12)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    return Figure().subplots()


@pytest.fixture(scope="module")
def path():
    return regularization_path(Lasso(), *DIABETES, alphas=20)


@pytest.fixture(scope="module")
def search():
    return GridSearchCV(Lasso(), {"alpha": ALPHAS}, cv=5).fit(*DIABETES)


def fake_path(alphas, matrix, names=None):
    """A path of one output out of a sparse matrix (n_alphas, n_features)."""
    made = SimpleNamespace(alphas=np.asarray(alphas), coefs=[matrix[[k]] for k in range(matrix.shape[0])])
    made.coef_matrix = lambda output=0: sparse.csr_array(sparse.vstack(made.coefs, format="csr"))
    if names is not None:
        made.feature_names_in_ = names
    return made


def random_path(n_alphas, n_features, n_used, index=np.int32):
    """`n_used` features enter at random and grow."""
    rng = np.random.default_rng(0)
    ids = np.unique(rng.integers(n_features, size=n_used)).astype(index)
    final, start = rng.standard_t(3, size=len(ids)), rng.integers(n_alphas, size=len(ids))
    rows = [final * np.maximum(k - start, 0) for k in range(n_alphas)]
    indptr = np.cumsum([0, *(np.count_nonzero(row) for row in rows)]).astype(index)
    entries = np.concatenate([row[row != 0] for row in rows]), np.concatenate([ids[row != 0] for row in rows])
    matrix = sparse.csr_array((*entries, indptr), shape=(n_alphas, n_features))
    return fake_path(np.geomspace(1.0, 1e-3, n_alphas), matrix)


def artists(ax):
    return len(ax.lines) + len(ax.collections) + len(ax.texts)


# --- Paths


def test_path_display_has_the_numbers_of_the_path(path):
    display = PathDisplay.from_path(path, n_named=4)
    np.testing.assert_array_equal(display.alphas, path.alphas)
    assert (display.coefs != path.coef_matrix()).nnz == 0
    np.testing.assert_array_equal(display.n_nonzero, path.n_nonzero)
    dense = path.coef_matrix().toarray()
    order = np.argsort(-np.abs(dense[-1]))
    np.testing.assert_array_equal(display.named_, order[:4])
    assert [line.get_label() for line in display.lines_] == list(DIABETES[0].columns[order[:4]])
    for line, j in zip(display.lines_, display.named_, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), path.alphas)
        y = line.get_ydata()
        np.testing.assert_array_equal(y[~np.isnan(y)], dense[~np.isnan(y), j])
        assert (dense[np.isnan(y), j] == 0).all()
    drawn = np.concatenate(display.rest_.get_segments())
    np.testing.assert_allclose(np.unique(drawn[:, 1]), np.unique(dense[:, order[4:]]))
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.xaxis_inverted()


def test_path_plot_is_the_display(path, ax):
    display = path.plot(ax, n_named=2)
    assert isinstance(display, PathDisplay)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(display.lines_) == 2
    assert display.plot() is display


def test_axes_that_are_given_leave_pyplot_alone(path, search, ax):
    import matplotlib.pyplot as plt

    path.plot(ax)
    CVPathDisplay.from_estimator(search, ax=ax)
    ConvergenceDisplay.from_estimator(search.best_estimator_, ax=ax)
    assert plt.get_fignums() == []
    path.plot()
    assert len(plt.get_fignums()) == 1


def test_upper_axis_counts(path):
    display = PathDisplay.from_path(path)
    shown = dict(
        zip(display.top_ax_.get_xticks(), (t.get_text() for t in display.top_ax_.get_xticklabels()), strict=True)
    )
    for alpha, text in shown.items():
        assert int(text) == path.n_nonzero[np.argmin(np.abs(path.alphas - alpha))]
    assert path.alphas[0] in shown
    assert path.alphas[-1] in shown


def test_names_do_not_overlap(ax):
    from matplotlib.text import Text

    matrix = sparse.csr_array(np.outer([0.0, 1.0, 2.0], 1.0 + 1e-3 * np.arange(30)))
    display = PathDisplay.from_path(fake_path([1.0, 0.1, 0.01], matrix), n_named=30, ax=ax)
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(label) for label in display.labels_]  # without the line that leads to it
    tops, bottoms = [box.y1 for box in boxes], [box.y0 for box in boxes]
    assert all(bottom >= top - 1.0 for top, bottom in zip(tops[:-1], bottoms[1:], strict=True))
    assert 5 < len(boxes) < 30  # as many as there is room for


def test_spread():
    np.testing.assert_allclose(spread(np.array([0.0, 0.0, 0.0]), 1.0, -5.0, 5.0), [-1.0, 0.0, 1.0])
    np.testing.assert_allclose(spread(np.array([5.0, 5.0]), 1.0, -5.0, 5.0), [4.0, 5.0])
    np.testing.assert_allclose(spread(np.array([-9.0, -5.0, 5.0]), 1.0, -5.0, 5.0), [-5.0, -4.0, 5.0])
    wanted = np.sort(np.random.default_rng(0).uniform(size=9))
    places = spread(wanted, 0.09, 0.0, 1.0)
    assert np.diff(places).min() >= 0.09 - 1e-12
    assert places[0] >= 0.0
    assert places[-1] <= 1.0


def test_scale_multiplies(path, ax):
    X, _ = DIABETES
    sd = np.arange(1.0, 11.0)
    display = PathDisplay.from_path(path, scale=sd, ax=ax)
    np.testing.assert_allclose(display.coefs.toarray(), path.coef_matrix().toarray() * sd)
    assert ax.get_ylabel() == "coefficient × scale"
    with pytest.raises(ValueError, match=r"scale must be 10 finite numbers.*shape \(9,\)"):
        PathDisplay.from_path(path, scale=sd[:9], ax=ax)
    with pytest.raises(ValueError, match="scale must be"):
        PathDisplay.from_path(path, scale=np.full(X.shape[1], np.nan), ax=ax)


@pytest.mark.parametrize(
    ("n_features", "n_used", "index"),
    [(100_000, 150_000, np.int32), (200_000_000, 300, np.int32), (2**40, 300, np.int64)],
)
def test_very_many_features(n_features, n_used, index, ax):
    made = random_path(20, n_features, n_used, index)
    tracemalloc.start()
    try:
        display = PathDisplay.from_path(made, ax=ax)
        assert tracemalloc.get_traced_memory()[1] < 2**27  # one byte per feature would be more, for 2e8 of them
    finally:
        tracemalloc.stop()
    assert artists(ax) <= 2 + 2 * 8
    assert [label.get_text() for label in display.labels_]
    assert {label.get_text() for label in display.labels_} == {f"x{j}" for j in display.named_}
    assert np.abs(made.coef_matrix().data).max() == max(np.nanmax(np.abs(line.get_ydata())) for line in display.lines_)


def test_lines_of_unnamed_features_leave_out_zeros(ax):
    values = np.array([[0, 1, 0, 0], [0, 0, 0, 2], [3, 0, 0, 3], [4, 0, 0, 0], [0, 0, 0, 5]], dtype=float)
    display = PathDisplay.from_path(fake_path([5.0, 4.0, 3.0, 2.0, 1.0], sparse.csr_array(values)), n_named=0, ax=ax)
    segments = [segment.tolist() for segment in display.rest_.get_segments()]
    assert segments == [
        [[4, 0], [3, 3], [2, 4], [1, 0]],
        [[5, 1], [5, 1], [4, 0]],
        [[5, 0], [4, 2], [3, 3], [2, 0]],
        [[2, 0], [1, 5], [1, 5]],
    ]
    assert display.lines_ == display.labels_ == []


def test_one_alpha(ax):
    display = regularization_path(Lasso(), *DIABETES, alphas=[1.0]).plot(ax)
    assert {line.get_marker() for line in display.lines_} != {"None"}
    ax.figure.draw_without_rendering()


def test_all_zero_path(ax):
    top = alpha_max(Lasso(), *DIABETES)
    display = regularization_path(Lasso(), *DIABETES, alphas=[3 * top, 2 * top]).plot(ax)
    assert display.lines_ == display.labels_ == display.rest_.get_segments() == []
    assert display.n_nonzero.tolist() == [0, 0]
    ax.figure.draw_without_rendering()


def test_an_alpha_of_zero_is_drawn_at_the_end(ax):
    display = regularization_path(Lasso(), *DIABETES, alphas=[1.0, 0.1, 0.0]).plot(ax)
    x = display.lines_[0].get_xdata()
    np.testing.assert_allclose(x, [1.0, 0.1, 0.1 / np.sqrt(10.0)])
    assert [tick.get_text() for tick in ax.get_xticklabels(minor=True)] == ["0"]
    assert display.alphas[-1] == 0.0
    ax.figure.draw_without_rendering()


def test_alphas_close_together_and_far_apart(ax):
    for alphas, expected in (([0.11, 0.1], "0.1"), ([0.5, 0.05], "0.2"), ([1.0, 1e-8], "$10^{-6}$")):
        ax.clear()
        regularization_path(Lasso(), *DIABETES, alphas=alphas).plot(ax)
        ax.figure.draw_without_rendering()
        assert expected in [tick.get_text() for tick in ax.get_xticklabels()]


def test_exact_paths_bend_between_breakpoints(ax):
    exact = regularization_path(Lasso(), *DIABETES, alphas=2, exact=True)
    display = exact.plot(ax)
    assert set(exact.alphas) <= set(display.alphas)
    assert (display.alphas[:-1] / display.alphas[1:]).max() <= 1.06
    for alpha, row in zip(display.alphas, display.coefs.toarray(), strict=True):
        np.testing.assert_array_equal(row, exact.interpolate(alpha)[0].toarray()[0])


def test_outputs(ax):
    X, y = DIABETES
    path = regularization_path(Lasso(), X, np.column_stack([y, -y, y**2]), alphas=5)
    first, second = PathDisplay.from_path(path, ax=ax), PathDisplay.from_path(path, output=1, ax=ax)
    np.testing.assert_allclose(first.coefs.toarray(), -second.coefs.toarray(), atol=1e-3)
    np.testing.assert_array_equal(first.n_nonzero, np.count_nonzero(first.coefs.toarray(), axis=1))
    with pytest.raises(ValueError, match="output must be less than the number of outputs, 3; got 3"):
        PathDisplay.from_path(path, output=3)
    with pytest.raises(ValueError, match="output must be an integer >= 0; got -1"):
        path.plot(output=-1)


def test_features_without_names_are_numbered(ax):
    X, y = DIABETES
    display = regularization_path(Lasso(), X.to_numpy(), y, alphas=5).plot(ax, n_named=1)
    assert display.labels_[0].get_text() == f"x{display.named_[0]}"


def test_long_names_are_cut(ax):
    X, y = DIABETES
    names = [f"{name} of {'a very ' * 9}long name, {k}" for k, name in enumerate(X.columns)]
    display = regularization_path(Lasso(), pd.DataFrame(X.to_numpy(), columns=names), y, alphas=5).plot(ax)
    texts = [label.get_text() for label in display.labels_]
    assert len(set(texts)) == 8
    assert all(len(text) <= 28 and "…" in text for text in texts)
    assert shorten("abcdefghij", 5) == "ab…ij"


def test_line_keywords(path, ax):
    display = path.plot(ax, line_kw={"linewidth": 3.0})
    assert {line.get_linewidth() for line in display.lines_} == {3.0}


def test_looks_differ():
    looks = [tuple(look.values()) for look in line_looks(28)]
    assert len(set(looks)) == 28
    assert len({look[:2] for look in looks}) == 28  # by colour and dashes alone
    assert len(list(line_looks(50))) == 50


@pytest.mark.parametrize("n_named", [-1, 2.5, "all", True])
def test_number_of_names_is_checked(path, n_named):
    with pytest.raises(ValueError, match="n_named must be an integer >= 0; got"):
        path.plot(n_named=n_named)


@pytest.mark.parametrize("wrong", [None, Lasso(), [1, 2]])
def test_not_a_path(wrong):
    with pytest.raises(TypeError, match="path must be a Path, as regularization_path returns it; got"):
        PathDisplay.from_path(wrong)


def test_not_axes(path):
    with pytest.raises(TypeError, match="ax must be matplotlib axes or None; got str"):
        path.plot("left")


@pytest.mark.parametrize("kind", ["path", "search", "fit"])
def test_without_matplotlib(kind, path, search, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    draw = {
        "path": path.plot,
        "search": lambda: CVPathDisplay.from_estimator(search),
        "fit": lambda: ConvergenceDisplay.from_estimator(search.best_estimator_),
    }
    with pytest.raises(ImportError, match=r"Display needs matplotlib to draw: pip install sparsereg\[plot\]"):
        draw[kind]()


# --- Scores


def test_scores_are_those_of_the_search(search):
    display = CVPathDisplay.from_estimator(search)
    (curve,) = display.curves
    results = search.cv_results_
    np.testing.assert_array_equal(curve.alphas, ALPHAS)
    np.testing.assert_array_equal(curve.mean, results["mean_test_score"])
    folds = np.array([results[f"split{k}_test_score"] for k in range(5)])
    np.testing.assert_allclose(curve.std, folds.std(axis=0))
    np.testing.assert_allclose(curve.se, folds.std(axis=0, ddof=1) / np.sqrt(5))
    assert display.best_alpha == search.best_params_["alpha"]
    assert display.best_score == search.best_score_
    chosen = curve.mean >= search.best_score_ - curve.se[search.best_index_]
    assert display.one_standard_error_alpha == ALPHAS[chosen].max()
    assert display.best_line_.get_xdata()[0] == display.best_alpha
    assert display.one_standard_error_line_.get_xdata()[0] == display.one_standard_error_alpha
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert [text.split(":")[0] for text in texts] == ["best", "one standard error"]
    assert display.ax_.get_ylabel() == "mean score ± standard error"
    data, _, (bars,) = display.errorbars_[0]
    np.testing.assert_array_equal(data.get_ydata(), curve.mean)
    np.testing.assert_allclose(np.array(bars.get_segments())[:, :, 1].T, [curve.mean - curve.se, curve.mean + curve.se])


def test_both_choices_are_those_of_searches(ax):
    X, y = DIABETES
    pipeline = make_pipeline(PolynomialFeatures(), StandardScaler(), Lasso(max_iter=5000))
    grid = {"polynomialfeatures__degree": [1, 2]}
    for folds in (3, 4, 5):
        chosen = [
            PathSearchCV(pipeline, param_grid=grid, alphas=20, cv=folds, refit=refit).fit(X, y)
            for refit in (True, "1se")
        ]
        display = CVPathDisplay.from_estimator(chosen[0], ax=ax)
        alphas = [search.best_params_["lasso__alpha"] for search in chosen]
        assert [display.best_alpha, display.one_standard_error_alpha] == alphas
        assert alphas[1] > alphas[0]
    ties = {**chosen[0].cv_results_, "mean_test_score": np.repeat(0.5, 40)}  # the first of equals
    display = CVPathDisplay.from_cv_results(ties, ax=ax)
    row = one_standard_error(ties)
    assert ties["params"][row]["lasso__alpha"] == display.one_standard_error_alpha
    assert ties["params"][0]["lasso__alpha"] == display.best_alpha


def test_a_path_counts_the_features(search, path, ax):
    display = CVPathDisplay.from_estimator(search, path=path, ax=ax)
    ticks = display.top_ax_.get_xticks()
    assert ALPHAS.min() <= ticks.min() < ticks.max() <= ALPHAS.max()
    texts = [tick.get_text() for tick in display.top_ax_.get_xticklabels()]
    assert texts == [str(path.n_nonzero[np.argmin(np.abs(path.alphas - tick))]) for tick in ticks]
    far = SimpleNamespace(alphas=path.alphas * 1e6, n_nonzero=path.n_nonzero)
    assert CVPathDisplay.from_cv_results(search.cv_results_, path=far, ax=ax).top_ax_ is None


def test_order_of_the_grid_does_not_matter(ax):
    grid = np.random.default_rng(0).permutation(ALPHAS)
    display = CVPathDisplay.from_estimator(GridSearchCV(Lasso(), {"alpha": grid}, cv=3).fit(*DIABETES), ax=ax)
    (curve,) = display.curves
    np.testing.assert_array_equal(curve.alphas, ALPHAS)
    np.testing.assert_array_equal(grid[curve.rows], ALPHAS)


@pytest.mark.parametrize(("error", "label"), [("std", "mean score ± standard deviation"), (None, "mean score")])
def test_bars(search, ax, error, label):
    display = CVPathDisplay.from_cv_results(search.cv_results_, error=error, ax=ax)
    assert ax.get_ylabel() == label
    assert bool(display.errorbars_[0][2]) == (error is not None)


def test_settings_of_other_parameters(ax):
    pipeline = make_pipeline(PolynomialFeatures(), StandardScaler(), Lasso(max_iter=5000))
    grid = {"lasso__alpha": [10.0, 3.0, 1.0], "polynomialfeatures__degree": [1, 2], "lasso__positive": [False, True]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_mean_absolute_error").fit(*DIABETES)
    display = CVPathDisplay.from_estimator(search, ax=ax, n_settings=3)
    labels = [curve.label for curve in display.curves]
    assert sorted(labels) == sorted(f"positive={p}, degree={d}" for d in (1, 2) for p in (False, True))
    assert labels[0] == "positive={lasso__positive}, degree={polynomialfeatures__degree}".format(**search.best_params_)
    tops = [curve.mean.max() for curve in display.curves]
    assert tops == sorted(tops, reverse=True)
    assert len(display.errorbars_) == 3
    assert display.legend_.get_title().get_text() == "1 more, with lower scores, not drawn"
    assert ax.get_ylabel() == "mean neg_mean_absolute_error ± standard error"
    assert display.best_alpha == search.best_params_["lasso__alpha"]
    assert CVPathDisplay.from_estimator(search, ax=ax, param="lasso__alpha").best_alpha == display.best_alpha
    for curve in display.curves:
        parameters = [search.cv_results_["params"][row] for row in curve.rows]
        assert [p["lasso__alpha"] for p in parameters] == curve.alphas.tolist()
        assert len({(p["polynomialfeatures__degree"], p["lasso__positive"]) for p in parameters}) == 1


def test_rows_without_alpha_are_left_out(ax):
    grid = [{"lasso__alpha": [1.0, 0.1]}, {"lasso": [Ridge()]}]
    search = GridSearchCV(make_pipeline(StandardScaler(), Lasso()), grid, cv=3).fit(*DIABETES)
    display = CVPathDisplay.from_estimator(search, ax=ax)
    assert [curve.alphas.tolist() for curve in display.curves] == [[1.0, 0.1]]


def test_two_alphas_need_a_name(ax):
    pipeline = make_pipeline(StandardScaler(), Lasso())
    search = GridSearchCV(pipeline, {"lasso__alpha": [1.0, 0.1]}, cv=3).fit(*DIABETES)
    results = {**search.cv_results_, "param_other__alpha": search.cv_results_["param_lasso__alpha"]}
    with pytest.raises(ValueError, match=r"2 parameters called alpha.*by param, of \['lasso__alpha', 'other__alpha'\]"):
        CVPathDisplay.from_cv_results(results)
    assert CVPathDisplay.from_cv_results(results, param="lasso__alpha", ax=ax).best_alpha == 0.1
    with pytest.raises(ValueError, match="param must be one of the parameters"):
        CVPathDisplay.from_cv_results(results, param="beta")
    no_alpha = GridSearchCV(Lasso(), {"tol": [1e-3, 1e-4]}, cv=3).fit(*DIABETES).cv_results_
    with pytest.raises(ValueError, match="no parameters called alpha"):
        CVPathDisplay.from_cv_results(no_alpha)


def test_several_metrics(ax):
    scoring = ["r2", "neg_mean_absolute_error"]
    search = GridSearchCV(Lasso(), {"alpha": ALPHAS}, cv=3, scoring=scoring, refit="r2").fit(*DIABETES)
    display = CVPathDisplay.from_estimator(search, ax=ax)
    assert display.score_name == "r2"
    assert display.best_alpha == search.best_params_["alpha"]
    other = CVPathDisplay.from_estimator(search, metric="neg_mean_absolute_error", ax=ax)
    np.testing.assert_array_equal(other.curves[0].mean, search.cv_results_["mean_test_neg_mean_absolute_error"])
    with pytest.raises(ValueError, match=r"metric must be one of.*\['neg_mean_absolute_error', 'r2'\]; got 'score'"):
        CVPathDisplay.from_cv_results(search.cv_results_)


def test_scores_that_are_missing(search, ax):
    results = {key: np.array(value) for key, value in search.cv_results_.items() if key != "params"}
    results["params"] = search.cv_results_["params"]
    results["mean_test_score"][search.best_index_] = np.nan
    display = CVPathDisplay.from_cv_results(results, ax=ax)
    assert display.best_alpha != search.best_params_["alpha"]
    ax.figure.draw_without_rendering()
    results["mean_test_score"][:] = np.nan
    with pytest.raises(ValueError, match="no score that is a number"):
        CVPathDisplay.from_cv_results(results)


def test_one_fold_has_no_error(ax):
    search = GridSearchCV(Lasso(), {"alpha": [1.0, 0.1, 0.0]}, cv=ShuffleSplit(1, random_state=0)).fit(*DIABETES)
    display = CVPathDisplay.from_estimator(search, ax=ax)
    assert display.one_standard_error_alpha == display.best_alpha
    ax.figure.draw_without_rendering()


def test_errors_of_searches(search):
    with pytest.raises(NotFittedError):
        CVPathDisplay.from_estimator(GridSearchCV(Lasso(), {"alpha": ALPHAS}))
    with pytest.raises(TypeError, match="estimator must be a search that has cv_results_, as GridSearchCV; got Lasso"):
        CVPathDisplay.from_estimator(search.best_estimator_)
    with pytest.raises(ValueError, match="error must be 'se', 'std' or None; got 'bootstrap'"):
        CVPathDisplay.from_estimator(search, error="bootstrap")
    with pytest.raises(ValueError, match="n_settings must be an integer >= 1; got 0"):
        CVPathDisplay.from_estimator(search, n_settings=0)


# --- Convergence


def test_gaps_are_those_of_the_history():
    X, y = DIABETES
    model = SparseClassifier(alpha=0.003, standardize=True).fit(X, y > y.mean())
    display = ConvergenceDisplay.from_estimator(model)
    (curve,) = display.curves
    assert curve.label == "SparseClassifier"
    assert curve.relative_gap[-1] == pytest.approx(model.relative_gap_)
    np.testing.assert_allclose(
        curve.relative_gap * model.dual_gap_, model.relative_gap_ * np.array([r.gap for r in model.history_])
    )
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), [r.iteration for r in model.history_])
    assert display.tol_line_.get_ydata()[0] == model.tol
    assert display.ax_.get_yscale() == "log"
    display.plot(x="time")
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), [r.time for r in model.history_])
    display.figure_.draw_without_rendering()


def test_several_fits_and_outputs(ax):
    X, y = DIABETES
    two = SparseRegressor(alpha=0.1).fit(X, np.column_stack([y, y**2]))
    one = make_pipeline(StandardScaler(), Lasso()).fit(X, y)
    display = ConvergenceDisplay.from_estimator({"two": two, "one": one}, ax=ax)
    assert [curve.label for curve in display.curves] == ["two, output 0", "two, output 1", "one"]
    assert [curve.relative_gap[-1] for curve in display.curves[:2]] == pytest.approx(two.relative_gap_.tolist())
    assert display.tol is None
    assert display.tol_line_ is None
    again = ConvergenceDisplay.from_estimator([one[-1], one[-1], one[-1]], ax=ax)
    assert [curve.label for curve in again.curves] == ["Lasso()", "Lasso() (2)", "Lasso() (3)"]
    assert again.tol_line_.get_ydata()[0] == 1e-4


def test_a_gap_of_zero_has_a_place(ax):
    """The last gap is exactly zero here, so that it does not tell the unit of the others."""
    model = Lasso(alpha=0.1).fit(np.eye(4), [0.0, 0.0, 0.0, 1.0])
    assert model.dual_gap_ == 0.0
    display = ConvergenceDisplay.from_estimator(model, ax=ax)
    (curve,) = display.curves
    assert curve.relative_gap[0] == pytest.approx(model.history_[0].gap / 0.09375)  # half the variance of y
    assert curve.relative_gap[-1] == 0.0
    assert display.lines_[0].get_ydata()[-1] == 2.0**-52
    ax.figure.draw_without_rendering()


def test_errors_of_fits():
    with pytest.raises(NotFittedError):
        ConvergenceDisplay.from_estimator(Lasso())
    with pytest.raises(TypeError, match="estimator must be fitted ones of sparsereg.*got Ridge"):
        ConvergenceDisplay.from_estimator(Ridge().fit(*DIABETES))
    with pytest.raises(ValueError, match="at least one fitted estimator"):
        ConvergenceDisplay.from_estimator([])
    with pytest.raises(ValueError, match="x must be 'iteration' or 'time'; got 'epochs'"):
        ConvergenceDisplay.from_estimator(Lasso().fit(*DIABETES), x="epochs")
    free = SparseClassifier(penalty=None).fit([[0.0], [1.0], [0.5], [0.6]], [0, 1, 1, 0])
    free.history_ = [record._replace(gap=np.nan) for record in free.history_]
    with pytest.raises(ValueError, match="estimator has no duality gap"):
        ConvergenceDisplay.from_estimator(free)

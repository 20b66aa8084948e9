"""What `verbose` shows, on a terminal and elsewhere, and scikit-learn's callbacks."""

import io
import pickle
import re
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsereg import ElasticNet, Lasso, LassoCV, PathSearchCV, regularization_path
from sparsereg.model_selection import progress
from sparsereg.model_selection.callbacks import CallbackSupportMixin

DIABETES = load_diabetes(return_X_y=True)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """Make standard output a terminal of 100 columns; no fixture, because pytest sets its own before each test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(progress, "_REFRESH", 0.0)
    return stream


def states(stream):
    return stream.getvalue().split("\r")


def screen(stream):
    """What is left on the line at the end."""
    line = [" "] * 200
    for state in states(stream):
        line[: len(state)] = state
    return "".join(line).strip()


def test_silence(capsys):
    X, y = DIABETES
    regularization_path(Lasso(), X, y)
    PathSearchCV(Lasso(), alphas=5).fit(X, y)
    LassoCV(alphas=5).fit(X, y)
    assert capsys.readouterr() == ("", "")


def test_about_ten_plain_lines_of_a_path(capsys):
    X, y = DIABETES
    path = regularization_path(Lasso(), X, y, verbose=1)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert len(lines) == 10
    for k, line in zip(range(9, 100, 10), lines, strict=True):
        assert re.fullmatch(r" *\d+ %  \d:\d\d left  alpha \d+/100 = \S+  nonzeros \d+  gap \S+", line)
        assert f"{k + 1:3d} %  " in line
        assert f"alpha {k + 1}/100 = {path.alphas[k]:.3g}  nonzeros {path.n_nonzero[k]}  " in line
    regularization_path(Lasso(), X, y, alphas=3, verbose=1)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_points_between_strengths_count_with_the_next(capsys):
    X, y = DIABETES
    path = regularization_path(Lasso(), X, y, alphas=20, exact=True, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(path.alphas) > 20
    assert len(lines) == 10
    assert "100 %" in lines[-1]


def test_plain_lines_of_a_search(capsys):
    X, y = DIABETES
    PathSearchCV(ElasticNet(), alphas=20, param_grid={"l1_ratio": [0.5, 0.9]}, cv=4, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert "setting 1/2  fold 1/4  alpha 16/20" in lines[0]
    assert "100 %  0:00 left  setting 2/2  fold 4/4  alpha 20/20" in lines[-1]
    PathSearchCV(Lasso(), alphas=20, cv=4, verbose=1, n_jobs=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert all("setting" not in line and "fold" in line for line in lines)
    LassoCV(alphas=20, cv=4, verbose=True).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_one_live_line_that_is_taken_away(monkeypatch):
    X, y = DIABETES
    stream = terminal(monkeypatch)
    PathSearchCV(Lasso(), alphas=20, cv=3, verbose=1).fit(X, y)
    assert len(states(stream)) > 60
    assert "\n" not in stream.getvalue()
    assert max(map(len, states(stream))) < 100
    assert screen(stream) == ""


def test_a_narrow_terminal_and_a_quick_path(monkeypatch):
    X, y = DIABETES
    stream = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "30")
    regularization_path(Lasso(), X, y, verbose=1)
    assert max(map(len, states(stream))) == 29
    stream = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_REFRESH", 1e9)
    regularization_path(Lasso(), X, y, verbose=1)
    assert len(states(stream)) == 2 + 2  # one state, then spaces


def test_the_line_goes_when_the_path_ends_early_or_is_interrupted(monkeypatch):
    X, y = DIABETES
    stream = terminal(monkeypatch)
    path = regularization_path(Lasso(), X, y, min_gain=0.05, verbose=1)
    assert len(path) < 100
    assert screen(stream) == ""
    follow_path = sys.modules["sparsereg.model_selection.path"].follow_path

    def interrupted(*args, **options):
        for k, solution in enumerate(follow_path(*args, **options)):
            if k == 5:
                raise KeyboardInterrupt
            yield solution

    for module in ("path", "folds"):
        monkeypatch.setattr(sys.modules[f"sparsereg.model_selection.{module}"], "follow_path", interrupted)
    for call in (
        lambda: regularization_path(Lasso(), X, y, verbose=1),
        lambda: PathSearchCV(Lasso(), verbose=1).fit(X, y),
    ):
        with pytest.raises(KeyboardInterrupt):
            call()
        assert screen(stream) == ""
    assert len(states(stream)) > 10


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (75, "1:15"), (3599.7, "1:00:00"), (36610, "10:10:10")]
)
def test_clock(seconds, text):
    assert progress._clock(seconds) == text


def test_time_left_is_what_is_left_at_the_pace_so_far(capsys, monkeypatch):
    now = iter([0.0, 10.0, 30.0])
    monkeypatch.setattr(progress, "perf_counter", lambda: next(now))
    line = progress.ProgressLine(8)
    grid = np.array([4.0, 3.0, 2.0, 1.0])
    reports = [line.path(label, grid) for label in ("fold 1/2", "fold 2/2")]
    solutions = list(regularization_path(Lasso(), *DIABETES, alphas=[4.0, 3.0])._solutions)
    reports[0](4.0, solutions[0])
    reports[1](3.0, solutions[1])
    assert [line.split("  fold")[0] for line in capsys.readouterr().out.splitlines()] == [
        " 12 %  1:10 left",
        " 37 %  0:50 left",
    ]


# --- Callbacks: scikit-learn 1.9


class Recorder:
    """A callback that keeps what it is told."""

    def __init__(self):
        self.events = []

    def _note(self, what, estimator, context, **seen):
        self.events.append((what, type(estimator).__name__, context.task_name, context.max_subtasks))

    def setup(self, estimator, context):
        self._note("setup", estimator, context)

    def teardown(self, estimator, context):
        self._note("teardown", estimator, context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self._note("begin", estimator, context)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self._note("end", estimator, context)

    def count(self, what, task):
        return sum(event[0] == what and event[2] == task for event in self.events)


class Propagated(Recorder):
    max_propagation_depth = None


@pytest.fixture
def callbacks():
    return pytest.importorskip("sklearn.callback")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_tasks_of_a_search(callbacks, n_jobs):
    X, y = DIABETES
    recorder = Recorder()
    search = PathSearchCV(
        make_pipeline(StandardScaler(), ElasticNet()),
        alphas=7,
        param_grid={"elasticnet__l1_ratio": [0.5, 0.9]},
        cv=3,
        n_jobs=n_jobs,
    )
    search.set_callbacks(recorder).fit(X, y)
    for what in ("begin", "end"):
        assert [recorder.count(what, t) for t in ("fit", "search", "path", "alpha", "refit-with-best-params")] == [
            *(1, 1, 6, 42, 1)
        ]
    assert recorder.events[0] == ("setup", "PathSearchCV", "fit", 2)
    assert recorder.events[-1] == ("teardown", "PathSearchCV", "fit", 2)
    assert ("begin", "PathSearchCV", "search", 6) in recorder.events
    assert ("begin", "PathSearchCV", "path", 7) in recorder.events
    plain = clone(search).set_callbacks().fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert not hasattr(search, "_callback_fit_ctx")
    search.set_params(refit=False)
    recorder.events.clear()
    search.fit(X, y)
    assert recorder.events[0] == ("setup", "PathSearchCV", "fit", 1)
    assert recorder.count("begin", "refit-with-best-params") == 0
    assert pickle.loads(pickle.dumps(plain)).best_params_ == plain.best_params_


def test_callbacks_are_torn_down_when_fit_fails(callbacks):
    X, y = DIABETES
    recorder = Recorder()
    search = PathSearchCV(Lasso(), alphas=7, scoring=lambda *_: 1 / 0, error_score="raise")
    before = dict(vars(search.set_callbacks(recorder)))
    with pytest.raises(ZeroDivisionError):
        search.fit(X, y)
    assert recorder.events[-1][0] == "teardown"
    assert recorder.count("begin", "path") == recorder.count("end", "path") == 1
    assert vars(search) == before


def test_a_search_inside_a_search(callbacks):
    X, y = DIABETES
    recorder = Propagated()
    inner = PathSearchCV(Lasso(), alphas=4, cv=2)
    outer = GridSearchCV(inner, {"alpha_min_ratio": [0.1, 0.01]}, cv=3).set_callbacks(recorder)
    outer.fit(X, y)
    assert recorder.count("begin", "path") == (2 * 3 + 1) * 2
    assert recorder.count("end", "alpha") == (2 * 3 + 1) * 2 * 4
    assert sum(event[0] == "setup" for event in recorder.events) == 1


def test_scikit_learns_own_callbacks(callbacks, capsys):
    X, y = DIABETES
    search = PathSearchCV(Lasso(), alphas=5, cv=2)
    search.set_callbacks(callbacks.ScoringMonitor(scoring="r2")).fit(X, y)
    pytest.importorskip("rich")
    search.set_callbacks(callbacks.ProgressBar()).fit(X, y)
    assert "PathSearchCV - path #1" in capsys.readouterr().out


def test_without_callbacks_nothing_is_missed(monkeypatch):
    """As on scikit-learn before 1.9."""
    monkeypatch.delattr(CallbackSupportMixin, "_init_callback_context", raising=False)
    X, y = DIABETES
    search = PathSearchCV(Lasso(), alphas=5, cv=2)
    assert search.fit(X, y).best_params_["alpha"] > 0

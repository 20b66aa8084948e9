"""Bad input gets one clear error that names the argument; never a crash, a hang or a silent wrong answer."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.tree import DecisionTreeRegressor

from sparsereg import ElasticNet, Lasso, SelectNonzero, SparseClassifier, SparseRegressor
from sparsereg.losses import Huber, Tweedie
from sparsereg.penalties import MCP, SCAD
from sparsereg.penalties import ElasticNet as ElasticNetPenalty
from sparsereg.solvers import Problem, as_design, solve

MALFORMED = Path(__file__).parents[1] / "malformed.py"

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
Y = X @ [1.0, 2.0, 0.0, 0.0, -1.0] + 0.1 * RNG.normal(size=40)
CLASSES = np.where(Y > 0, "yes", "no")
NAN, INF = np.nan, np.inf
MODELS = [Lasso(alpha=0.1), ElasticNet(), SparseRegressor(), SparseClassifier()]


def spoiled(values, what):
    """A copy with one bad value."""
    values = np.array(values, dtype=float)
    values.flat[7] = what
    return values


def target(model):
    return CLASSES if isinstance(model, SparseClassifier) else Y


def refused(match, call, *args, **kwargs):
    """The call raises one ValueError or TypeError that names the argument; return its text."""
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# --- Parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("alpha", bad) for bad in (-1.0, NAN, INF, "a", None, [1.0], True, 1j)],
        *[("tol", bad) for bad in (-1.0, 0, NAN, INF, "a", None)],
        *[("max_iter", bad) for bad in (-1, 0, 1.5, "a", None, True)],
        *[("fit_intercept", bad) for bad in ("no", None, 2)],
        *[("warm_start", bad) for bad in ("no", None)],
    ],
)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_parameters_of_all(model, name, value):
    text = refused(rf"^{name} must", clone(model).set_params(**{name: value}).fit, X, target(model))
    assert repr(value) in text


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        *[(ElasticNet(), "l1_ratio", bad) for bad in (-0.1, 1.1, NAN, "a", None)],
        *[(Lasso(), "positive", bad) for bad in ("no", None)],
        *[(SparseRegressor(), "dropout", bad) for bad in (-1.0, 1.0, NAN, "a", None, 2)],
        *[(SparseRegressor(), "standardize", bad) for bad in ("no", None)],
        *[(SparseRegressor(), "verbose", bad) for bad in (-1, "a", None)],
        *[(SparseRegressor(), "loss", bad) for bad in ("nope", None, 3)],
        *[(SparseRegressor(), "penalty", bad) for bad in ("nope", 3, ElasticNetPenalty)],
        *[(SparseClassifier(), "loss", bad) for bad in ("nope", None)],
        *[(SparseClassifier(), "class_weight", bad) for bad in ("nope", 3)],
    ],
    ids=str,
)
def test_parameters_of_one(model, name, value):
    text = refused(name, clone(model).set_params(**{name: value}).fit, X, target(model))
    assert str(value) in text


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        *[("l1_ratio", {"penalty": ElasticNetPenalty(bad)}) for bad in (-0.1, 1.1, NAN, "a", None)],
        *[("gamma", {"penalty": spec(bad)}) for spec in (MCP, SCAD) for bad in (-0.1, 1.0, NAN, "a", None)],
        *[("power", {"loss": Tweedie(bad)}) for bad in (0.5, 2.5, NAN, "a")],
        *[("delta", {"loss": Huber(bad)}) for bad in (0, -1.0, NAN, "a")],
    ],
    ids=str,
)
def test_parameters_of_losses_and_penalties(name, spec):
    refused(rf"\b{name} must", SparseRegressor(**spec).fit, X, np.abs(Y))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SparseRegressor("log_loss"), "loss 'log_loss'.*SparseClassifier"),
        (SparseRegressor("squared_hinge"), "loss 'squared_hinge'.*SparseClassifier"),
        (SparseClassifier("poisson"), "loss 'poisson'.*SparseRegressor"),
        (SparseRegressor("huber", dropout=0.3), "dropout.*squared_error"),
    ],
)
def test_pairs_that_do_not_go_together(model, message):
    refused(message, model.fit, X, target(model))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(np.ones(4), id="short"),
        pytest.param(np.ones((5, 1)), id="column"),
        pytest.param(3.0, id="number"),
        pytest.param("a", id="string"),
        pytest.param(["a"] * 5, id="strings"),
        pytest.param(spoiled(np.ones(10), -1.0)[5:], id="negative"),
        pytest.param(spoiled(np.ones(10), NAN)[5:], id="nan"),
        pytest.param({"a": 1.0}, id="no names"),
    ],
)
def test_penalty_factor(bad):
    for model in (SparseRegressor(), SparseClassifier()):
        refused("penalty_factor", clone(model).set_params(penalty_factor=bad).fit, X, target(model))


@pytest.mark.parametrize("bad", [{"z": 1.0}, {"a": -1.0}, {"a": NAN}, {"a": "x"}, {"a": None}], ids=str)
def test_penalty_factor_by_name(bad):
    frame = pd.DataFrame(X, columns=list("abcde"))
    text = refused("penalty_factor", SparseRegressor(penalty_factor=bad).fit, frame, Y)
    assert "z" not in bad or "'z'" in text


@pytest.mark.parametrize("name", ["lower", "upper"])
@pytest.mark.parametrize(
    "bad", [0.1, [0.1] * 5, NAN, [0, 0, NAN, 0, 0], np.zeros(4), np.zeros((5, 1)), "a", ["a"] * 5], ids=repr
)
def test_bounds(name, bad):
    if name == "upper" and np.asarray(bad).dtype.kind == "f":
        bad = -np.asarray(bad)
    for model in (SparseRegressor(), SparseClassifier()):
        refused(rf"^{name} must", clone(model).set_params(**{name: bad}).fit, X, target(model))


# --- X, y, sample_weight, offset


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_values_of_X(model, container, bad):
    holed = container(spoiled(X, bad))
    refused(r"\bX\b.*(NaN|infinity)", clone(model).fit, holed, target(model))
    fitted = clone(model).fit(container(X), target(model))
    refused(r"\bX\b.*(NaN|infinity)", fitted.predict, holed)
    refused(r"\bX\b.*(NaN|infinity)", SelectNonzero(fitted, prefit=True).fit(X).transform, holed)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (X[0], "Expected 2D array"),
        (X[:, :, None], "dim 3"),
        (X[:0], "0 sample"),
        (X[:, :0], "0 feature"),
        (X + 1j, "[Cc]omplex"),
        ([["a"] * 5] * 40, "could not convert string to float"),
        (np.array([["x"] * 5] * 40, dtype=object), "could not convert string to float"),
        (sparse.coo_array(X[0]), r"^X must be two-dimensional"),
        (sparse.csr_array(X[:0]), "0 sample"),
        (None, "Expected 2D array"),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_shape_and_kind_of_X(model, bad, message):
    """Where scikit-learn validates, its words do."""
    refused(message, clone(model).fit, bad, target(model))
    refused(message, clone(model).fit(X, target(model)).predict, bad)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_X_must_be_that_of_fit(model):
    fitted = clone(model).fit(X, target(model))
    for container in (np.asarray, sparse.csr_array):
        refused("X has 3 features, but .* is expecting 5", fitted.predict, container(X[:, :3]))
        refused("X has 3 features", fitted.score, container(X[:, :3]), target(model))
    names = pd.DataFrame(X, columns=list("abcde"))
    fitted.fit(names, target(model))
    refused("feature names should match", fitted.predict, names[list("edcba")])


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_length_of_y(model):
    y = target(model)
    refused("inconsistent numbers of samples: \\[40, 39\\]", clone(model).fit, X, y[:39])
    refused("requires y", clone(model).fit, X, None)
    fitted = clone(model).fit(X, y)
    for bad in (y[:39], y[:20], y[:1], np.column_stack([y, y]), np.r_[y, y]):
        refused(r"\by\b|inconsistent numbers of samples", fitted.score, X, bad)


def test_a_column_of_targets_scores_as_a_vector():
    for model in MODELS:
        y = target(model)
        fitted = clone(model).fit(X, y)
        assert fitted.score(X, y[:, None]) == fitted.score(X, y) == fitted.score(X, list(y))


@pytest.mark.parametrize("bad", [NAN, INF])
def test_values_of_y(bad):
    for model in MODELS[:3]:
        refused(r"\by\b.*(NaN|infinity)", clone(model).fit, X, spoiled(Y, bad))
        refused(r"\by\b.*(NaN|infinity)", clone(model).fit, X, spoiled(np.c_[Y, Y], bad))
        refused(r"\by\b.*(NaN|infinity)", clone(model).fit(X, Y).score, X, spoiled(Y, bad))
    refused(r"\by\b.*(NaN|infinity)", SparseClassifier().fit, X, spoiled(Y > 0, bad))


def test_kind_of_y():
    for model in MODELS[:3]:
        refused("could not convert string to float", clone(model).fit, X, CLASSES)
        refused(r"\by\b.*dense", clone(model).fit, X, sparse.csr_array(Y[:, None]))


@pytest.mark.parametrize(
    ("loss", "y", "allowed"),
    [
        ("poisson", Y, ">= 0"),
        ("poisson", np.zeros(40), "> 0"),
        ("gamma", np.abs(spoiled(Y, 0.0)), "> 0"),
        ("gamma", Y, "> 0"),
        ("tweedie", Y, ">= 0"),
        ("tweedie", np.zeros(40), "> 0"),
        (Tweedie(1.0), Y, ">= 0"),
        (Tweedie(2.0), np.abs(spoiled(Y, 0.0)), "> 0"),
    ],
    ids=range(8),
)
def test_domain_of_y(loss, y, allowed):
    refused(rf"^y must hold .*{allowed} for the loss", SparseRegressor(loss).fit, X, y)
    model = SparseRegressor(loss, alpha=0.1).fit(X, np.abs(Y) + 1)
    refused(r"^y must hold", model.score, X, y)


def test_classes():
    model = SparseClassifier()
    refused("y must hold two classes.*only one class", model.fit, X, np.full(40, "yes"))
    refused("OneVsRestClassifier", SparseClassifier("squared_hinge").fit, X, np.arange(40) % 3)
    heard = np.where(np.arange(40) % 3 == 1, 0.0, 1.0)
    refused("every class in y must have a sample with a weight > 0", model.fit, X, np.arange(40) % 3, heard)
    refused("continuous", model.fit, X, Y)
    refused("y should be a 1d array", model.fit, X, np.c_[Y > 0, Y > 0])
    silent = np.where(CLASSES == "yes", 1.0, 0.0)
    refused("only one class with a.* weight > 0|sample_weight > 0", model.fit, X, CLASSES, silent)
    one = SparseClassifier(class_weight={"yes": 1.0, "no": 0.0})
    refused("only one class", one.fit, X, CLASSES)
    refused(r"\by\b", model.fit, X, np.where(CLASSES == "yes", "yes", None))
    for bad in ({"yes": -1.0}, {"yes": NAN}, {"maybe": 1.0}):
        refused("class_weight", SparseClassifier(class_weight=bad).fit, X, CLASSES)


@pytest.mark.parametrize("name", ["sample_weight", "offset"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_one_number_per_sample(model, name):
    y = target(model)
    fitted = clone(model).fit(X, y)
    bad = [np.ones(39), np.ones(41), np.ones((40, 1)), np.ones((1, 40)), [], "a", ["a"] * 40]
    bad += [spoiled(np.ones(40), NAN), spoiled(np.ones(40), INF), NAN]
    bad += [spoiled(np.ones(40), -1.0), np.zeros(40)] if name == "sample_weight" else []
    for values in bad:
        refused(name, clone(model).fit, X, y, **{name: values})
        refused(name, fitted.score, X, y, **{name: values})
        if name == "offset":
            refused(name, fitted.predict, X, offset=values)


# --- The selector


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_features": 0}, "^max_features must be >= 1"),
        ({"max_features": -1}, "^max_features must be >= 1"),
        ({"max_features": 1.5}, "^max_features must be an integer"),
        ({"max_features": "a"}, "^max_features must be an integer"),
        ({"groups": [1, 2]}, "^groups must"),
        ({"groups": np.ones((5, 2))}, "^groups as an array must"),
        ({"groups": "onehot"}, "^groups=.onehot. needs feature names"),
        ({"groups": "one-hot"}, "^groups must"),
    ],
    ids=str,
)
def test_parameters_of_the_selector(options, message):
    refused(message, SelectNonzero(Lasso(alpha=0.1), **options).fit, X, Y)


def test_estimators_of_the_selector():
    refused("DecisionTreeRegressor has neither", SelectNonzero(DecisionTreeRegressor()).fit, X, Y)
    refused("not fitted", SelectNonzero(Lasso(), prefit=True).fit, X)
    refused("estimator", SelectNonzero(None).fit, X, Y)
    refused("instance", SelectNonzero(Lasso).fit, X, Y)


def test_input_of_the_selector():
    select = SelectNonzero(Lasso(alpha=0.1)).fit(X, Y)
    assert select.kept_.tolist() == [0, 1, 4]
    refused("not fitted", SelectNonzero(Lasso()).transform, X)
    refused("X has 3 features", select.transform, X[:, :3])
    refused("X has 3 features", select.transform, sparse.csr_array(X[:, :3]))
    for bad in (X, X[:, :2], sparse.csr_array(X), X[0, :3], [[1.0, 2.0]]):
        refused(r"\bX\b|Expected 2D array", select.inverse_transform, bad)
    np.testing.assert_array_equal(select.inverse_transform([[1, 2, 3]]), [[1, 2, 0, 0, 3]])
    refused("input_features", select.get_feature_names_out, ["a"])
    named = clone(select).fit(pd.DataFrame(X, columns=list("abcde")), Y)
    refused("input_features", named.get_feature_names_out, list("edcba"))


# --- Problems and designs without an estimator


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": spoiled(X, NAN)}, r"\bX\b.*NaN"),
        ({"X": spoiled(X, INF)}, r"\bX\b.*(inf|infinity)"),
        ({"X": sparse.csr_array(spoiled(X, NAN))}, r"\bX\b.*NaN"),
        ({"X": sparse.csc_array(spoiled(X, -INF))}, r"\bX\b.*(inf|infinity)"),
        ({"X": Y}, r"^X must be two-dimensional"),
        ({"X": X[None]}, r"^X must be two-dimensional"),
        ({"X": X + 1j}, r"^X must hold real numbers"),
        ({"X": sparse.csr_array(X + 1j)}, r"\bX\b.*real numbers"),
        ({"y": spoiled(Y, NAN)}, r"\by\b.*(NaN|finite)"),
        ({"y": Y[:39]}, r"^y must have shape"),
        ({"y": np.c_[Y, Y]}, r"^y must have shape"),
        ({"alpha": -1.0}, "^alpha must"),
        ({"alpha": NAN}, "^alpha must"),
        ({"sample_weight": -np.ones(40)}, "^sample_weight must"),
        ({"sample_weight": np.zeros(40)}, "^sample_weight must"),
        ({"sample_weight": np.ones(39)}, "^sample_weight must"),
        ({"sample_weight": spoiled(np.ones(40), NAN)}, "^sample_weight must"),
        ({"offset": np.ones(39)}, "^offset must"),
        ({"offset": spoiled(np.ones(40), INF)}, "^offset must"),
        ({"loss": "nope"}, "^loss must"),
        ({"penalty": "nope"}, "^penalty must"),
        ({"dropout": 1.0}, "^dropout must"),
        ({"lower": 1.0}, "^lower must"),
        ({"penalty_factor": [1.0]}, "^penalty_factor must"),
        ({"loss": "log_loss"}, "^y must hold"),
    ],
    ids=range(25),
)
def test_problems(options, message):
    refused(message, Problem.from_data, **{"X": X, "y": Y, "alpha": 0.1, **options})


def test_good_problems_are_not_refused():
    assert solve(Problem.from_data(X, Y, alpha=0.1, offset=0.0, sample_weight=[1] * 40)).converged
    for good in (X, X.tolist(), X > 0, sparse.csr_array(X), X.astype(np.float16), 1e308 * np.sign(X)):
        assert as_design(good).shape == (40, 5)


# --- Malformed sparse matrices, out of the process


@pytest.mark.parametrize("what", [["cases"], ["fuzz", "0", "600"]], ids=" ".join)
def test_malformed_sparse_matrices(what):
    done = subprocess.run(
        [sys.executable, str(MALFORMED), *what], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0, re.sub(r"(?s)\n\n.*", "", done.stderr)

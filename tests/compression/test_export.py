"""Exports: what JSON, SQL and ONNX predict is what the model predicts, to the precision that is stated."""

import builtins
import json
import math
import sqlite3

import numpy as np
import onnx
import onnxruntime
import pytest
from linear_models import KINDS, model_of, random_case
from scipy import sparse

from sparsereg import SparseRegressor, compact

CLASSIFIERS = ("binary", "multinomial", "one against the rest", "no probabilities")
NAMES = ["plain", "it's", 'a "b"', "né\n", "0", "; DROP TABLE data; --", "x y", "%s", "\\", "[1]", "{}", "'"]


def case(kind, dtype="float64", named=False, labels=None, size=1.0):
    """A compact model and sparse rows, the last all zero."""
    W, b, X = random_case(5, kind, layout="csr")
    model = model_of(kind, W * size, b)
    if named:
        model.feature_names_in_ = np.array(NAMES, dtype=object)
    if labels is not None:
        model.classes_ = np.asarray(labels)[: max(2, len(W))]
    X = sparse.vstack([X, sparse.csr_array((1, X.shape[1]))], format="csr")
    return compact(model, dtype=dtype), X


def dense(model, X):
    """What ONNX takes."""
    return np.ascontiguousarray(X.toarray()[:, model.needed_features_])


# --- JSON


def from_json(text, row):
    """Predict one row, {feature: value}, from the document, in plain Python."""
    document = json.loads(text)
    eta = [
        output["intercept"]
        + sum(row.get(str(j), 0.0) * w for j, w in zip(output["features"], output["weights"], strict=True))
        for output in document["outputs"]
    ]
    link, classes = document["inverse_link"], document["classes"]
    if link == "exp":
        return [math.exp(e) for e in eta]
    if link == "expit":
        return [1 / (1 + math.exp(eta[0])), 1 / (1 + math.exp(-eta[0]))]
    if link == "normalised_expit":
        p = [1 / (1 + math.exp(-e)) for e in eta]
        return [q / sum(p) for q in p]
    if link == "softmax":
        p = [math.exp(e - max(eta)) for e in eta]
        return [q / sum(p) for q in p]
    assert link == "identity"
    assert (classes is None) == (document["classes"] is None)
    return eta


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float16", "int8"])
@pytest.mark.parametrize("named", [False, True])
def test_json(kind, dtype, named):
    model, X = case(kind, dtype, named)
    keys = NAMES if named else [str(j) for j in range(X.shape[1])]
    rows = [dict(zip(keys, row.tolist(), strict=True)) for row in X.toarray()]
    got = np.array([from_json(model.to_json(), row) for row in rows])
    expected = getattr(model, model.response_method)(X)
    np.testing.assert_allclose(got, expected.reshape(got.shape), rtol=1e-12, atol=1e-14)
    document = json.loads(model.to_json())
    assert [w for output in document["outputs"] for w in output["weights"]] == model.weights_.values.tolist()


# --- SQL


def database(model, X, names=None, offset=None, **options):
    """An sqlite database with the data in long form and the model."""
    connection = sqlite3.connect(":memory:")
    for name, function in (("EXP", math.exp), ("LN", math.log)):  # some builds of sqlite lack them
        connection.create_function(name, 1, function)
    connection.execute("CREATE TABLE data (sample INTEGER, feature, value DOUBLE PRECISION)")
    X = X.tocoo()
    features = X.col.tolist() if names is None else [names[j] for j in X.col]
    connection.executemany(
        "INSERT INTO data VALUES (?, ?, ?)", zip(X.row.tolist(), features, X.data.tolist(), strict=True)
    )
    if options.get("samples"):
        connection.execute(f"CREATE TABLE {options['samples']} (sample INTEGER, sample_offset DOUBLE PRECISION)")
        rows = enumerate(np.broadcast_to(0.0 if offset is None else offset, X.shape[0]).tolist())
        connection.executemany(f"INSERT INTO {options['samples']} VALUES (?, ?)", rows)
    connection.executescript(model.to_sql(**options))
    return connection


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("size", [1.0, 300.0])
def test_sql(kind, named, size):
    """Also where exp would overflow: with weights of 300, the exponents reach a thousand."""
    if kind == "poisson":
        size = min(size, 30.0)
    model, X = case(kind, "int8", named, size=size)
    connection = database(model, X, NAMES if named else None, prefix="m", samples="everybody")
    scores = connection.execute("SELECT score FROM m_scores ORDER BY sample, output").fetchall()
    eta = model.decision_function(X).reshape(X.shape[0], -1)
    np.testing.assert_allclose(np.reshape(scores, eta.shape), eta, rtol=1e-12, atol=1e-12 * size)
    if kind not in CLASSIFIERS:
        rows = connection.execute("SELECT prediction FROM m_predictions ORDER BY sample, output").fetchall()
        np.testing.assert_allclose(np.reshape(rows, eta.shape), model.predict(X).reshape(eta.shape), rtol=1e-10)
        return
    labels = connection.execute("SELECT prediction FROM m_predictions ORDER BY sample").fetchall()
    assert [label for (label,) in labels] == model.predict(X).tolist()
    if kind == "no probabilities":
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM m_probabilities")
        return
    rows = connection.execute("SELECT probability FROM m_probabilities ORDER BY sample, label").fetchall()
    expected = model.predict_proba(X)
    np.testing.assert_allclose(np.reshape(rows, expected.shape), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    "labels", [["a'b", "", "c;--"], [10, -5, 2**40], [0.5, -1.5, 2.0], [True, False], np.array(["x", "y", "z"], "O")]
)
def test_labels_in_sql(labels):
    kinds = ["binary"] if len(labels) == 2 else ["binary", "multinomial"]
    for kind in kinds:
        model, X = case(kind, labels=labels)
        connection = database(model, X, samples="s")
        got = connection.execute("SELECT prediction FROM model_predictions ORDER BY sample").fetchall()
        assert [label for (label,) in got] == model.predict(X).tolist()
        told = connection.execute("SELECT DISTINCT label FROM model_probabilities").fetchall()
        assert {label for (label,) in told} == set(model.classes_.tolist())


def test_samples_in_sql():
    """Without a table of samples, those are predicted that have data; with offsets, one is needed."""
    model, X = case("linear")
    got = database(model, X).execute("SELECT sample, prediction FROM model_predictions ORDER BY sample").fetchall()
    filled = np.flatnonzero(np.diff(X.indptr))
    assert len(filled) < X.shape[0]
    np.testing.assert_allclose(got, np.c_[filled, model.predict(X)[filled]], rtol=1e-12)
    offset = np.linspace(-1, 1, X.shape[0])
    counts = SparseRegressor("poisson", alpha=0.01).fit(X, np.arange(X.shape[0]), offset=offset)
    model = compact(counts)
    with pytest.raises(ValueError, match="name a table of samples"):
        model.to_sql()
    connection = database(model, X, offset=offset, samples="s")
    got = connection.execute("SELECT prediction FROM model_predictions ORDER BY sample").fetchall()
    np.testing.assert_allclose(np.ravel(got), model.predict(X, offset=offset), rtol=1e-12)


def test_many_weights_and_none_in_sql():
    W = np.arange(1.0, 1701.0)[None, :]
    X = sparse.csr_array(np.eye(1700)[:2])
    got = database(compact(model_of("linear", W, [0.5])), X).execute("SELECT prediction FROM model_predictions")
    assert got.fetchall() == [(1.5,), (2.5,)]
    empty = database(compact(model_of("linear", W * 0, [0.5])), X)
    assert empty.execute("SELECT prediction FROM model_predictions").fetchall() == [(0.5,), (0.5,)]


def test_what_sql_cannot_say():
    model, _ = case("linear")
    for options in ({"prefix": "a b"}, {"prefix": ""}, {"data": "data; --"}, {"samples": "1x"}, {"data": 3}):
        with pytest.raises(ValueError, match="must be a plain SQL name"):
            model.to_sql(**options)
    model, _ = case("binary", labels=["a", "b\0c"])
    with pytest.raises(ValueError, match="character 0"):
        model.to_sql()


# --- ONNX


def run(data, X, **more):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(None, {"X": X, **more}), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stored", ["float64", "float32", "float16", "int8"])
@pytest.mark.parametrize(("dtype", "precision"), [("float64", 1e-12), ("float32", 3e-6)])
def test_onnx(kind, stored, dtype, precision):
    model, X = case(kind, stored)
    data = model.to_onnx(dtype=dtype)
    graph = onnx.load_model_from_string(data)
    onnx.checker.check_model(graph, full_check=True)
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", 17)]
    facts = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
    assert facts["needed_features"] == model.needed_features_.tolist()
    got = run(data, dense(model, X).astype(dtype))
    if kind not in CLASSIFIERS:
        assert list(got) == ["prediction"]
        expected = model.predict(X).reshape(X.shape[0], -1)
        np.testing.assert_allclose(got["prediction"], expected, rtol=precision, atol=precision)
        return
    assert got["label"].tolist() == model.predict(X).tolist()
    second = "decision" if kind == "no probabilities" else "probabilities"
    expected = getattr(model, model.response_method)(X).reshape(X.shape[0], -1)
    assert got[second].dtype == dtype
    np.testing.assert_allclose(got[second], expected, rtol=precision, atol=precision)


@pytest.mark.parametrize(
    "labels", [["a", "ü", ""], [10, -5, 2**40], [0.5, -1.5, 2.0], [True, False], np.array(["x", "y", "z"], "O")]
)
def test_labels_in_onnx(labels):
    for kind in ["binary"] if len(labels) == 2 else ["binary", "multinomial"]:
        model, X = case(kind, labels=labels)
        for dtype in ("float64", "float32"):
            got = run(model.to_onnx(dtype=dtype), dense(model, X).astype(dtype))
            assert got["label"].tolist() == model.predict(X).tolist()


def test_offsets_names_and_empty_models_in_onnx():
    _, X = case("linear")
    offset = np.linspace(-1, 1, X.shape[0])
    counts = SparseRegressor("poisson", alpha=0.01).fit(X, np.arange(X.shape[0]), offset=offset)
    model = compact(counts)
    got = run(model.to_onnx(), dense(model, X), offset=offset[:, None])
    np.testing.assert_allclose(got["prediction"][:, 0], model.predict(X, offset=offset), rtol=1e-12)
    model, X = case("linear", named=True)
    facts = {entry.key: entry.value for entry in onnx.load_model_from_string(model.to_onnx()).metadata_props}
    assert json.loads(facts["needed_feature_names"]) == model.needed_feature_names_
    model, X = case("linear", size=0.0)
    assert run(model.to_onnx(), np.zeros((3, 0)))["prediction"].tolist() == [[model.intercept_[0]]] * 3


def test_int8_stays_int8_in_onnx():
    W = np.random.default_rng(0).standard_normal((1, 5000))
    model = model_of("linear", W, [0.0])
    assert len(compact(model, dtype="int8").to_onnx()) < len(compact(model).to_onnx()) / 2


def test_onnx_that_cannot_be(monkeypatch):
    model, _ = case("linear")
    with pytest.raises(ValueError, match="dtype must be"):
        model.to_onnx(dtype="float16")
    original = builtins.__import__

    def without_onnx(name, *arguments, **options):
        if name == "onnx":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_onnx)
    with pytest.raises(ImportError, match=r"pip install sparsereg\[onnx\]"):
        model.to_onnx()

"""save and load: an open file, the same model again, and nothing but errors from bad files."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from linear_models import KINDS, model_of, random_case
from mutated_models import forged, members_of, saved, zipped

from sparsereg import CompactModel, SparseRegressor, compact

DATA = Path(__file__).parent / "data"
HERE = Path(__file__).parents[1]


def a_model(kind="multinomial", dtype="int8", seed=0):
    W, b, X = random_case(seed, kind)
    model = model_of(kind, W, b)
    model.feature_names_in_ = np.array([f'né "{j}"\n\0' for j in range(W.shape[1])], dtype=object)
    return compact(model, dtype=dtype), X


SMALL, ROWS = a_model()
FILE = saved(SMALL)
MEMBERS = members_of(FILE)


FROZEN_PROBABILITIES = [[0.31518106, 0.12491199, 0.55990695]]
FROZEN_MEAN = [0.73398908]


def load(data, **options):
    return CompactModel.load(io.BytesIO(data), **options)


# --- There and back


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8"])
def test_the_same_model_comes_back(kind, dtype, tmp_path):
    small, X = a_model(kind, dtype)
    for file in (tmp_path / "model", str(tmp_path / "model.npz")):
        small.save(file)
        again = CompactModel.load(file)
        assert repr(again) == repr(small)
        assert again.dtype == small.dtype
        for name in ("needed_features_", "intercept_"):
            np.testing.assert_array_equal(getattr(again, name), getattr(small, name))
            assert getattr(again, name).dtype == getattr(small, name).dtype
        np.testing.assert_array_equal(again.weights_.values, small.weights_.values)
        assert again.needed_feature_names_ == small.needed_feature_names_
        assert (again.predict(X) == small.predict(X)).all()
        assert again.report() == small.report()
        assert saved(again) == saved(small)
        assert Path(file).stat().st_size == small.report().bytes_after
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.npz"]  # nothing temporary is left


@pytest.mark.parametrize(
    "classes",
    [
        [1, 5, 7],
        [-1.5, 0.5, 2.0],
        ["a", "ü", "\0"],
        np.array(["x", "yy", "z"], dtype=object),
        np.array([1, 2, 9], "u1"),
    ],
)
def test_classes_come_back(classes):
    model = model_of("multinomial", np.eye(3), np.zeros(3))
    model.classes_ = np.asarray(classes)
    again = load(saved(compact(model)))
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.classes_.dtype.kind == model.classes_.dtype.kind.replace("u", "i")


def test_features_of_any_number_come_back():
    for features in ([0], [2**62 - 1], [0, 1, 2**40, 2**62 - 1], [], [3, 259, 65795]):
        fields = {name: getattr(SMALL, name) for name in CompactModel.__dataclass_fields__}
        stored = type(SMALL.weights_)(
            *(np.ones(len(features)), np.arange(len(features)), np.array([len(features)]), np.ones(1), len(features))
        )
        fields |= {"n_features_in_": 2**62, "needed_features_": np.array(features, dtype=np.int64), "weights_": stored}
        fields |= {"needed_feature_names_": None, "intercept_": np.zeros(1), "inverse_link": "exp", "classes_": None}
        again = load(saved(CompactModel(**fields)))
        assert again.needed_features_.tolist() == features
        assert again.needed_features_.dtype == np.int64


def test_the_file_is_open():
    """numpy reads the arrays, people read the rest."""
    with np.load(io.BytesIO(FILE), allow_pickle=False) as arrays:
        assert arrays["weights"].tolist() == SMALL.weights_.codes.tolist()
        assert (np.cumsum(arrays["features"].astype(int)) - 1).tolist() == SMALL.needed_features_.tolist()
    text = MEMBERS["model.json"].decode()
    assert '"inverse_link": "softmax"' in text
    assert text.count("\n") > 20
    assert json.loads(text)["outputs"][0]["intercept"] == SMALL.intercept_[0]


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    path.write_bytes(b"the old one")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        SMALL.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]
    assert path.read_bytes() == b"the old one"


def test_version_1_stays_loadable():
    """Files that were written once and are never written again."""
    species = CompactModel.load(DATA / "classifier_v1.npz")
    assert repr(species) == "<CompactModel: classifier of 3 classes, 8 weights in int8 on 5 of 7 features>"
    row = {f"leg {j}": 0.5 for j in range(7)}
    np.testing.assert_allclose(species.predict_proba(row), FROZEN_PROBABILITIES, atol=1e-8)
    assert species.predict(row).tolist() == ["cat"]
    counts = CompactModel.load(DATA / "regressor_v1.npz")
    assert counts.needed_features_.tolist() == [5, 123_456_789, 9_000_000_000]
    np.testing.assert_allclose(
        counts.predict({5: 1.0, 123_456_789: 2.0, 9 * 10**9: -1.0}, 0.25), FROZEN_MEAN, atol=1e-8
    )
    with pytest.raises(ValueError, match="offset"):
        counts.predict({5: 1.0, 123_456_789: 2.0, 9 * 10**9: -1.0})


# --- Bad files


def with_metadata(**changes):
    metadata = json.loads(MEMBERS["model.json"])
    metadata.update(changes)
    return zipped(forged({**MEMBERS, "model.json": json.dumps(metadata).encode()}))


def with_text(old, new):
    assert old in MEMBERS["model.json"]
    return zipped({**MEMBERS, "model.json": MEMBERS["model.json"].replace(old, new)})


def with_array(name, array, **changes):
    file = io.BytesIO()
    np.save(file, array)
    metadata = json.loads(MEMBERS["model.json"]) | changes
    return zipped(forged({**MEMBERS, name: file.getvalue(), "model.json": json.dumps(metadata).encode()}))


def of(name):
    return np.load(io.BytesIO(MEMBERS[name]))


def outputs(**changes):
    return [{**output, **changes} for output in json.loads(MEMBERS["model.json"])["outputs"]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a zip"),
        (b"PK", "not a zip"),
        (FILE[:-30], "not a zip"),
        (zipped({"model.json": b"{}"}), "does not say format"),
        (zipped({k: v for k, v in MEMBERS.items() if k != "model.json"}), "it has no model.json"),
        (zipped({k: v for k, v in MEMBERS.items() if k != "places.npy"}), "its members should be"),
        (zipped([*MEMBERS.items(), *MEMBERS.items()]), "once each"),
        (zipped({**MEMBERS, "../evil": b""}), "once each"),
        (zipped(MEMBERS, zipfile.ZIP_BZIP2), "stored or deflated"),
        (with_metadata(version=2), "of version 2; this sparsereg reads versions up to 1: upgrade"),
        (with_metadata(version=0), "version should be 1"),
        (with_metadata(version=True), "version of model.json should be int; got bool"),
        (with_metadata(n_needed=10**6), "features.npy should have 1000000 entries"),
        (with_metadata(n_features=10**30), "n_features should lie in"),
        (with_metadata(n_needed=10**15), "unpacked it is larger than"),
        (with_metadata(n_features=3), "numbers should be below 3"),
        (with_metadata(flat="yes"), "flat of model.json should be"),
        (with_metadata(outputs=[]), "outputs should not be empty"),
        (with_metadata(outputs=outputs(n_weights=2**62)), "unpacked it is larger than"),
        (with_metadata(outputs=outputs(scale=0.0)), "scale > 0"),
        (with_metadata(outputs=outputs(scale=1e308)), "weights times scale must be finite"),
        (with_metadata(outputs=outputs(intercept=10**400)), "too large"),
        (with_metadata(classes=None), "a regressor must have a mean"),
        (with_metadata(classes={"kind": "int", "values": [1, 1, 2]}), "classes that differ"),
        (with_metadata(classes={"kind": "str", "values": [1, 2, 3]}), "classes should be of one kind"),
        (with_metadata(classes={"kind": "object", "values": [[], {}, None]}), "classes should be of one kind"),
        (with_metadata(inverse_link="__import__"), "inverse_link '__import__' is unknown"),
        (with_metadata(dtype="|O"), "dtype '|O' or"),
        (with_metadata(feature_names=["a"]), "names must be as many"),
        (with_metadata(extra=1), "should have the fields"),
        (with_text(b'"version": 1', b'"version": 1, "version": 1'), "twice"),
        (zipped({**MEMBERS, "model.json": b"[" * 10_000_000}), "recursion|larger|deeply"),
        (with_text(b'"flat": true', b'"flat": NaN'), "got NaN"),
        (with_array("weights.npy", of("weights.npy").astype(float)), "should have .* entries of |i1"),
        (with_array("weights.npy", of("weights.npy")[:-1]), "should have"),
        (with_array("weights.npy", of("weights.npy") * np.int8(0)), "not zero"),
        (with_array("features.npy", of("features.npy") * np.uint8(0)), "should lie in 1.."),
        (with_array("features.npy", np.full(len(of("features.npy")), 2**64 - 1, dtype=np.uint64)), "should lie in 1.."),
        (with_array("places.npy", of("places.npy") + np.uint8(1)), "below"),
        (with_array("features.npy", of("features.npy").reshape(-1, 1)), "one-dimensional"),
        (with_array("features.npy", np.array([None] * 3, dtype=object)), "one-dimensional"),
    ],
)  # fmt: skip
def test_bad_files(data, message):
    with pytest.raises(ValueError, match=f"not a sound file of a compact model.*({message})"):
        load(data)


def test_edited_contents_are_found_out():
    """A checksum covers all that is stored: not only what the archive's own checksums do."""
    text = MEMBERS["model.json"].decode()
    intercept = repr(json.loads(text)["outputs"][0]["intercept"])
    for edited in (text.replace(intercept, "2.5"), text.replace('"needs_offset": false', '"needs_offset": true')):
        assert edited != text
        with pytest.raises(ValueError, match="sha256"):
            load(zipped({**MEMBERS, "model.json": edited.encode()}))
    assert repr(load(zipped({**MEMBERS, "model.json": json.dumps(json.loads(text)).encode()}))) == repr(SMALL)


def test_weights_that_are_not_finite():
    small, _ = a_model(dtype="float64")
    members = members_of(saved(small))
    codes = np.load(io.BytesIO(members["weights.npy"]))
    for value in (np.nan, np.inf):
        file = io.BytesIO()
        np.save(file, np.where(np.arange(len(codes)) == 3, value, codes))
        with pytest.raises(ValueError, match="finite"):
            load(zipped(forged({**members, "weights.npy": file.getvalue()})))


def test_sizes_are_limited(tmp_path):
    SMALL.save(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="max_bytes=100: if you trust it, raise max_bytes"):
        CompactModel.load(tmp_path / "model.npz", max_bytes=100)
    unpacked = sum(map(len, MEMBERS.values()))
    with pytest.raises(ValueError, match="unpacked it is larger than max_bytes"):
        load(FILE, max_bytes=max(len(FILE), unpacked - 1))
    members = members_of(saved(compact(model_of("linear", np.ones((1, 100_000)), [0.0]), dtype="int8")))
    unpacked = sum(map(len, members.values()))
    assert unpacked < 210_000
    assert load(zipped(members), max_bytes=2_400_000).predict({}.fromkeys(range(100_000), 1.0)) == [100_000]
    with pytest.raises(ValueError, match="unpacked it is larger than max_bytes"):
        load(zipped(members), max_bytes=2_000_000)
    with pytest.raises(ValueError, match="far too many members"):
        load(zipped([(f"{k}", b"") for k in range(1000)]))
    bomb = zipped({**MEMBERS, "weights.npy": bytes(300_000_000)})
    assert len(bomb) < 400_000
    with pytest.raises(ValueError, match="unpacked it is larger than max_bytes"):
        load(bomb)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        CompactModel.load(tmp_path / "none.npz")
    with pytest.raises(TypeError, match="binary mode"):
        CompactModel.load(io.StringIO("text"))


def test_classes_that_cannot_be_saved():
    model = model_of("binary", np.eye(2)[:1], np.zeros(1))
    model.classes_ = np.array([(1, 2), None], dtype=object)
    small = compact(model)
    with pytest.raises(TypeError, match="classes must be numbers or strings to be saved"):
        small.save(io.BytesIO())


def test_mutated_files():
    """Some of the full run, ``python tests/mutated_models.py``; in a program, as a crash would end pytest."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "mutated_models.py", "400", "1"], cwd=HERE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("refused") >= 14
    assert "loaded" in done.stdout


def test_saving_needs_no_estimator():
    """A loaded model is all that inference needs: its modules import numpy, scipy and each other."""
    model = SparseRegressor(alpha=0.1).fit(np.eye(5), np.arange(5.0))
    assert load(saved(compact(model))).predict(np.eye(5)).shape == (5,)

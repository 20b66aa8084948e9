"""``model.json``: what a compact model says of itself in words and single numbers."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

from sparsereg.compression.links import INVERSE_LINKS

__all__ = ["FORMAT", "VERSION", "check_metadata", "classes_of", "describe", "describe_classes"]

Array = np.ndarray

FORMAT, VERSION = "sparsereg.CompactModel", 1
_LARGEST = 2**62
_DTYPES = ("<f8", "<f4", "<f2", "|i1")
_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str", "O": "object"}
_PYTHON = {"bool": (bool,), "int": (int,), "float": (float,), "str": (str,), "object": (str,)}
_FIELDS = {
    "format": str,
    "version": int,
    "inverse_link": str,
    "dtype": str,
    "n_features": int,
    "n_needed": int,
    "outputs": list,
    "classes": dict | None,
    "flat": bool,
    "needs_offset": bool,
    "feature_names": list | None,
    "change": dict | None,
    "sha256": str,
}
_OUTPUT = {"intercept": float | int, "scale": float | int, "n_weights": int}


def describe(model: Any) -> dict[str, Any]:
    """Return the metadata of a compact model, without the digest."""
    weights = model.weights_
    outputs = zip(model.intercept_.tolist(), weights.scale.tolist(), weights.counts.tolist(), strict=True)
    known = model.change is not None and np.isfinite(model.change).all()  # JSON has no infinity
    change = dict(zip(("largest", "mean"), model.change, strict=True)) if known else None
    return {
        "format": FORMAT,
        "version": VERSION,
        "inverse_link": model.inverse_link,
        "dtype": weights.codes.dtype.newbyteorder("<").str,
        "n_features": int(model.n_features_in_),
        "n_needed": len(model.needed_features_),
        "outputs": [dict(zip(_OUTPUT, output, strict=True)) for output in outputs],
        "classes": describe_classes(model.classes_),
        "flat": bool(model.flat),
        "needs_offset": bool(model.needs_offset),
        "feature_names": model.needed_feature_names_,
        "change": change,
    }


def check_metadata(content: bytes) -> dict[str, Any]:
    """Return the metadata from the bytes of ``model.json``, every field of the type that it should have."""
    metadata = json.loads(content, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(f"model.json does not say format: {FORMAT!r}")
    version = metadata.get("version")
    if type(version) is int and version > VERSION:
        raise ValueError(f"it is of version {version}; this sparsereg reads versions up to {VERSION}: upgrade it")
    if version != VERSION:
        raise ValueError(f"its version should be {VERSION}; it is {version!r}")
    _require_fields(metadata, _FIELDS, "model.json")
    if metadata["dtype"] not in _DTYPES or metadata["inverse_link"] not in INVERSE_LINKS:
        raise ValueError(f"dtype {metadata['dtype']!r} or inverse_link {metadata['inverse_link']!r} is unknown")
    for output in metadata["outputs"]:
        _require_fields(output, _OUTPUT, "an output")
        _require_range("n_weights", output["n_weights"])
    if not metadata["outputs"]:
        raise ValueError("outputs should not be empty")
    _require_range("n_features", metadata["n_features"])
    _require_range("n_needed", metadata["n_needed"])
    if metadata["change"] is not None:
        _require_fields(metadata["change"], {"largest": float | int, "mean": float | int}, "change")
    if not all(type(name) is str for name in metadata["feature_names"] or []):
        raise ValueError("feature_names should be strings")
    return metadata


def classes_of(described: dict[str, Any] | None) -> Array | None:
    """Return the classes from their description."""
    if described is None:
        return None
    _require_fields(described, {"kind": str, "values": list}, "classes")
    kind, values = described["kind"], described["values"]
    if kind not in _PYTHON or not all(type(value) in _PYTHON[kind] for value in values):
        raise ValueError(f"classes should be of one kind of {sorted(_PYTHON)}; got {kind!r} with other values")
    if kind == "int":
        for value in values:
            _require_range("a class", value, -_LARGEST)
    if kind == "str" and len(values) * max(map(len, values), default=0) > 2**24:
        kind = "object"  # an array of fixed width would be larger than the text by far
    return np.array(values, dtype=object if kind == "object" else kind)


def describe_classes(classes: Array | None) -> dict[str, Any] | None:
    """Return kind and values of classes, which JSON can hold; TypeError for others."""
    if classes is None:
        return None
    kind = _KINDS.get(classes.dtype.kind)
    values = classes.tolist()
    if kind is None or not all(type(value) in _PYTHON[kind] for value in values):
        raise TypeError(f"classes must be numbers or strings to be saved; got {values[:5]} of dtype {classes.dtype}")
    return {"kind": kind, "values": values}


def _require_fields(value: Any, fields: dict[str, Any], where: str) -> None:
    """Require a dict with exactly these keys, and values of exactly these types (True is no integer)."""
    if not isinstance(value, dict) or value.keys() != fields.keys():
        keys = sorted(value)[:20] if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"{where} should have the fields {sorted(fields)}; got {keys}")
    for name, kind in fields.items():
        kinds = getattr(kind, "__args__", (kind,))
        if type(value[name]) not in kinds:
            allowed = " or ".join(k.__name__ for k in kinds)
            raise ValueError(f"{name} of {where} should be {allowed}; got {type(value[name]).__name__}")


def _require_range(name: str, value: int, low: int = 0) -> None:
    if not low <= value <= _LARGEST:
        raise ValueError(f"{name} should lie in {low}..2**62; got {value!r:.40}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"numbers should be finite; got {name}")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields

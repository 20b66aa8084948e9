"""The file of a compact model: a zip archive in numpy's npz form, without pickle, read with distrust.

``model.json`` has what people read; the arrays are little-endian one-dimensional ``.npy`` members. Numbers of features,
and places of weights, are stored as differences to the one before, in as few bytes as they need.

Nothing is allocated because a file says so. The file is read up to a limit; members have known names, once each, and
sizes within the limit; an array must have exactly the bytes that its header and ``model.json`` agree on. numpy's own
reader is not used for untrusted members: it allocates what the header claims before it looks at the data, and evaluates
the header as a Python literal. A sha256 over all of the content finds damage that the archive's own checksums cannot,
such as an edited field; it is no signature.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sparsereg.compression.metadata import check_metadata, classes_of, describe
from sparsereg.compression.stored_weights import StoredWeights

__all__ = ["pack", "read", "unpack", "write"]

Array = np.ndarray

_METADATA, _FEATURES, _WEIGHTS, _PLACES = "model.json", "features.npy", "weights.npy", "places.npy"
_HEADER = re.compile(
    rb"\{'descr': '([<|][iuf][1248])', 'fortran_order': (?:False|True), 'shape': \(([0-9]{1,18}),\), \} *\n"
)
_MANY_ENTRIES = 100  # of the zip directory; of four, and what packed data may look like
_TOO_LARGE = "unpacked it is larger than max_bytes={}: if you trust it, raise max_bytes"
_UNSIGNED = ("|u1", "<u2", "<u4", "<u8")
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, LookupError),
    *(ValueError, OverflowError, RecursionError, TypeError, AttributeError),
)


def pack(model: Any) -> bytes:
    """Return the file of a model, as bytes."""
    weights = model.weights_
    arrays = {_FEATURES: _gaps(model.needed_features_, np.zeros(1, dtype=np.int64)), _WEIGHTS: _little(weights.codes)}
    if len(weights.counts) > 1:
        arrays[_PLACES] = _gaps(weights.place, _starts(weights.counts))
    metadata = describe(model)
    metadata["sha256"] = _digest(metadata, arrays)
    members = {_METADATA: json.dumps(metadata, indent=1, ensure_ascii=False, allow_nan=False).encode()}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
        members[name] = buffer.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(_entry(name), content)
    return out.getvalue()


def unpack(data: bytes, max_bytes: int, make: Callable[..., Any]) -> Any:
    """Return ``make(**fields)`` with the fields of a `CompactModel` from the bytes of a file, or raise ValueError."""
    try:
        return make(**_unpack(data, max_bytes))
    except _BROKEN as error:
        raise ValueError(f"this is not a sound file of a compact model: {error}") from error


def write(data: bytes, file: str | PathLike | BinaryIO) -> None:
    """Write bytes to an open file, or to a path, which has the old content or all of the new."""
    if not isinstance(file, str | PathLike):
        file.write(data)
        return
    path = Path(file)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(file: str | PathLike | BinaryIO, max_bytes: int) -> bytes:
    """Return the bytes of a file, at most `max_bytes`."""
    if isinstance(file, str | PathLike):
        with open(file, "rb") as opened:
            return read(opened, max_bytes)
    data = file.read(max_bytes + 1)
    if not isinstance(data, bytes):
        raise TypeError(f"file must be a path or open in binary mode; it gave {type(data).__name__}")
    if len(data) > max_bytes:
        raise ValueError(f"the file is larger than max_bytes={max_bytes}: if you trust it, raise max_bytes")
    return data


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _unpack(data: bytes, max_bytes: int) -> dict[str, Any]:
    members = _members(data, max_bytes)
    if _METADATA not in members:
        raise ValueError(f"it has no {_METADATA}")
    metadata = check_metadata(members.pop(_METADATA))
    outputs = metadata["outputs"]
    n_weights = sum(output["n_weights"] for output in outputs)  # of Python's integers: it cannot overflow
    if 8 * (metadata["n_needed"] + 2 * n_weights) > max_bytes:  # as they will be in memory: 64-bit numbers
        raise ValueError(_TOO_LARGE.format(max_bytes))
    expected = {_FEATURES: (metadata["n_needed"], _UNSIGNED), _WEIGHTS: (n_weights, (metadata["dtype"],))}
    if len(outputs) > 1:
        expected[_PLACES] = (n_weights, _UNSIGNED)
    if members.keys() != expected.keys():
        raise ValueError(f"its members should be {sorted(expected)}; they are {sorted(members)}")
    arrays = {name: _array(name, members[name], *expected[name]) for name in expected}
    if metadata.pop("sha256") != _digest(metadata, arrays):
        raise ValueError("its content does not have the sha256 that it had when it was saved")
    counts = np.array([output["n_weights"] for output in outputs], dtype=np.int64)
    features = _sums(arrays[_FEATURES], np.zeros(1, dtype=np.int64), metadata["n_features"])
    places = np.arange(len(features))
    if len(outputs) > 1:
        places = _sums(arrays[_PLACES], _starts(counts), metadata["n_needed"])
    scale = np.array([output["scale"] for output in outputs], dtype=np.float64)
    codes = arrays[_WEIGHTS].astype(arrays[_WEIGHTS].dtype.newbyteorder("="))
    change = metadata["change"]
    return {
        "n_features_in_": metadata["n_features"],
        "needed_features_": features,
        "needed_feature_names_": metadata["feature_names"],
        "weights_": StoredWeights(codes, places, counts, scale, len(features)),
        "intercept_": np.array([output["intercept"] for output in outputs], dtype=np.float64),
        "inverse_link": metadata["inverse_link"],
        "classes_": classes_of(metadata["classes"]),
        "flat": metadata["flat"],
        "needs_offset": metadata["needs_offset"],
        "change": None if change is None else (float(change["largest"]), float(change["mean"])),
    }


def _members(data: bytes, max_bytes: int) -> dict[str, bytes]:
    """Return the members of the archive by name, each with the bytes that it really has."""
    if data.count(b"PK\1\2") > _MANY_ENTRIES:
        raise ValueError("it has far too many members")  # each of which zipfile would make an object of
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        known = {_METADATA, _FEATURES, _WEIGHTS, _PLACES}
        if len(set(names)) < len(names) or not known.issuperset(names):
            raise ValueError(f"its members should be some of {sorted(known)}, once each; they are {names[:8]}")
        limits = {name: max_bytes // 16 if name == _METADATA else max_bytes for name in known}
        if sum(entry.file_size for entry in entries) > max_bytes or any(
            entry.file_size > limits[entry.filename] for entry in entries
        ):
            raise ValueError(_TOO_LARGE.format(max_bytes))
        if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
            raise ValueError("its members should be stored or deflated")
        # read() unpacks no more than file_size bytes, whatever the packed data hold, then checks their CRC-32.
        return {entry.filename: archive.read(entry) for entry in entries}


def _array(name: str, content: bytes, size: int, dtypes: tuple[str, ...]) -> Array:
    """Return a one-dimensional array of a known size and one of some dtypes from the bytes of an npy file."""
    start = 10 + int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10:start])
    if content[:8] != b"\x93NUMPY\x01\x00" or header is None:
        raise ValueError(f"{name} should be an npy file of version 1.0 with a one-dimensional array of numbers")
    dtype, length = header[1].decode(), int(header[2])
    if dtype not in dtypes or length != size or len(content) - start != length * np.dtype(dtype).itemsize:
        raise ValueError(
            f"{name} should have {size} entries of {' or '.join(dtypes)}; its header says {length} of {dtype}, "
            f"{len(content) - start} bytes follow"
        )
    return np.frombuffer(content, dtype=dtype, offset=start)


def _digest(metadata: dict[str, Any], arrays: dict[str, Array]) -> str:
    """Return the sha256 of the metadata (sorted, without spaces) and of each array: name, dtype, bytes."""
    text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"\n{name} {arrays[name].dtype.str}\n".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _little(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("<"))


def _starts(counts: Array) -> Array:
    """Return where each output's weights begin, those without weights left out."""
    return (np.cumsum(counts) - counts)[counts > 0]


def _gaps(ascending: Array, starts: Array) -> Array:
    """Return differences to the number before (the first of a stretch: to -1), all >= 1, in the narrowest integers."""
    gaps = np.diff(ascending, prepend=-1)
    if len(gaps):
        gaps[starts] = ascending[starts] + 1
    largest = int(gaps.max(initial=0))
    return gaps.astype(next(dtype for dtype in _UNSIGNED if largest <= np.iinfo(dtype).max))


def _sums(gaps: Array, starts: Array, limit: int) -> Array:
    """Return the numbers that `_gaps` made the differences of, checked to be below a limit."""
    if len(gaps) == 0:
        return np.zeros(0, dtype=np.int64)
    if gaps.min() < 1 or int(gaps.max()) > limit or float(gaps.sum(dtype=np.float64)) > 2.0**62:
        raise ValueError(f"differences of ascending numbers below {limit} should lie in 1..{limit}")
    sums = np.cumsum(gaps.astype(np.int64))
    before = np.concatenate([[0], sums])[starts]
    numbers = sums - 1 - np.repeat(before, np.diff(np.append(starts, len(gaps))))
    if int(numbers.max()) >= limit:
        raise ValueError(f"numbers should be below {limit}; got {int(numbers.max())}")
    return numbers

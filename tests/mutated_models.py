"""Damaged and hostile files of compact models, each loaded. ``python tests/mutated_models.py 10000`` is the full run.

A file may be refused with ValueError. If it loads, either it was only damaged where nothing is stored, and the model is
the old one, or its checksum was forged with it, and then the model must be sound: it predicts. Everything else is a
complaint: another exception, another model, memory. A crash ends the program.
"""

import contextlib
import faulthandler
import io
import json
import sys
import tracemalloc
import warnings
import zipfile
from collections import Counter

import numpy as np
from linear_models import OUTPUTS, model_of, random_case

from sparsereg import CompactModel, compact
from sparsereg.compression.container import _digest

LARGEST = 50e6  # bytes that one load may take; max_bytes is a tenth of it
MAX_BYTES = 5_000_000
ABSURD = [0, -1, 1, 2, 3, 255, 256, 2**31 - 1, 2**31, 2**32, 2**62, 2**63, 2**64, 10**30, 1e308, -0.0, 0.5]
ODD = [None, True, False, "", "NaN", [], {}, [[]], "x" * 1000, [None] * 50, {"a": {}}, -1.5, 10**400]


def originals():
    """Files of all kinds: each with the model it holds."""
    for k, (kind, dtype) in enumerate(
        [("linear", "float64"), ("two outputs", "float32"), ("multinomial", "int8"), ("binary", "float16")]
    ):
        W, b, _ = random_case(k, kind, p=40)
        model = model_of(kind, W, b)
        model.feature_names_in_ = np.array([f"name {j}" for j in range(40)], dtype=object)
        small = compact(model, dtype=dtype)
        yield saved(small), small
    assert OUTPUTS


def saved(model):
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.filterwarnings("ignore", message="Duplicate name")
        for name, content in members if isinstance(members, list) else members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return file.getvalue()


def forged(members):
    """The members with a checksum that fits, where one can be computed."""
    with contextlib.suppress(Exception):
        metadata = json.loads(members["model.json"])
        del metadata["sha256"]
        arrays = {name: np.load(io.BytesIO(c), allow_pickle=False) for name, c in members.items() if name[-3:] == "npy"}
        metadata["sha256"] = _digest(metadata, arrays)
        return {**members, "model.json": json.dumps(metadata).encode()}
    return members


# --- Damage: bytes of the whole file


def flip_bits(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(data)


def truncate(data, rng):
    return data[: rng.integers(len(data))]


def drop_a_stretch(data, rng):
    a, b = sorted(rng.integers(len(data), size=2))
    return data[:a] + data[b:]


def swap_stretches(data, rng):
    a, b, c = sorted(rng.integers(len(data), size=3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def overwrite(data, rng):
    a, size = rng.integers(len(data)), rng.integers(1, 9)
    return data[:a] + bytes([rng.choice([0, 255])]) * size + data[a + size :]


def overwrite_the_directory(data, rng):
    """Sizes, offsets and names of the zip directory."""
    start = data.rindex(b"PK\1\2") if rng.random() < 0.7 else data.index(b"PK\1\2")
    a = start + rng.integers(len(data) - start)
    size = rng.integers(1, 9)
    return data[:a] + rng.bytes(size) + data[a + size :]


def add_around(data, rng):
    junk = rng.bytes(rng.integers(1, 50))
    return junk + data if rng.random() < 0.5 else data + junk


# --- Contents, with or without a checksum that fits


def edit_a_field(members, rng):
    metadata = json.loads(members["model.json"])
    target = metadata if rng.random() < 0.6 else metadata["outputs"][rng.integers(len(metadata["outputs"]))]
    if metadata["classes"] and rng.random() < 0.1:
        target = metadata["classes"]
    name = rng.choice(list(target))
    choices = [*ABSURD, *ODD]
    target[name] = choices[rng.integers(len(choices))]
    return {**members, "model.json": json.dumps(metadata).encode()}


def swap_fields(members, rng):
    metadata = json.loads(members["model.json"])
    target = metadata if rng.random() < 0.6 else metadata["outputs"][rng.integers(len(metadata["outputs"]))]
    a, b = rng.choice(list(target), 2, replace=False)
    target[a], target[b] = target[b], target[a]
    return {**members, "model.json": json.dumps(metadata).encode()}


def drop_or_add_a_field(members, rng):
    metadata = json.loads(members["model.json"])
    if rng.random() < 0.5:
        del metadata[rng.choice(list(metadata))]
    else:
        metadata["extra"] = 1
    return {**members, "model.json": json.dumps(metadata).encode()}


def spoil_the_text(members, rng):
    text = members["model.json"]
    mutation = [flip_bits, truncate, drop_a_stretch, swap_stretches][rng.integers(4)]
    odd = [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"NaN", b'"' + b"x" * 1_000_000 + b'"', b"9" * 10_000]
    return {**members, "model.json": odd[rng.integers(len(odd))] if rng.random() < 0.2 else mutation(text, rng)}


def array_name(members, rng):
    return rng.choice([name for name in members if name != "model.json"])


def spoil_a_header(members, rng):
    name = array_name(members, rng)
    start = 10 + members[name][8]
    header, rest = members[name][10:start], members[name][start:]
    length = rng.choice([0, 1, 2**31, 2**40, 10**17, 10**18 - 1, 10**30 % 2**62])
    odd = [
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({length},), }}",
        f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({length}, {length}), }}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<U100000000', 'fortran_order': False, 'shape': (3,), }",
        "(" * 5000,
        "__import__('os').abort()",
    ]
    header = odd[rng.integers(len(odd))].encode() if rng.random() < 0.6 else flip_bits(header, rng)
    header = header[:60_000] + b"\n"
    return {**members, name: b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + rest}


def spoil_an_array(members, rng):
    name = array_name(members, rng)
    start = 10 + members[name][8]
    mutation = [flip_bits, truncate, overwrite, swap_stretches][rng.integers(4)]
    return {**members, name: members[name][:start] + mutation(members[name][start:] or b"\0", rng)}


def swap_members(members, rng):
    a, b = rng.choice(list(members), 2, replace=False)
    return {**members, a: members[b], b: members[a]}


def another_archive(members, rng):
    """Members twice, missing, under other names, packed otherwise; bombs."""
    items = list(members.items())
    name = rng.choice(list(members))
    case = rng.integers(7)
    if case == 0:
        return [*items, items[rng.integers(len(items))]]
    if case == 1:
        return [item for item in items if item[0] != name]
    if case == 2:
        return [*items, (rng.choice(["../../etc/passwd", "/x.npy", "extra.npy", ""]), b"1")]
    bomb = {3: b" " * 20_000_000, 4: b"[]," * 7_000_000, 5: members[name] + bytes(20_000_000)}.get(case)
    if bomb is not None:
        return [(other, bomb if other == name else content) for other, content in items]
    return [(other.upper() if other == name else other, content) for other, content in items]


DAMAGE = [flip_bits, truncate, drop_a_stretch, swap_stretches, overwrite, overwrite_the_directory, add_around]
CONTENTS = [
    *(edit_a_field, swap_fields, drop_or_add_a_field, spoil_the_text, spoil_a_header, spoil_an_array, swap_members),
    another_archive,
]


def mutated(data, rng):
    """A mutated file, the name of what was done, and whether its checksum was forged too."""
    if rng.random() < 0.5:
        mutation = DAMAGE[rng.integers(len(DAMAGE))]
        return mutation(data, rng), mutation.__name__, False
    weights = np.array([1.0] * (len(CONTENTS) - 1) + [0.15])  # bombs are slow to make
    mutation = CONTENTS[rng.choice(len(CONTENTS), p=weights / weights.sum())]
    members, forge = mutation(members_of(data), rng), bool(rng.random() < 0.5)
    if forge and isinstance(members, dict):
        members = forged(members)
    method = zipfile.ZIP_STORED if rng.random() < 0.2 else zipfile.ZIP_DEFLATED
    return zipped(members, method), mutation.__name__, forge


def same(model, other):
    """Whether all that a model says is the same."""
    return saved(model) == saved(other)


def complaint(data, original, forge):
    """What is wrong with how a file loads; and whether it was refused."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        model = CompactModel.load(io.BytesIO(data), max_bytes=MAX_BYTES)
        model.predict({key: 0.0 for key in model.needed_feature_names_ or model.needed_features_.tolist()}, offset=0.0)
        loaded = True
    except ValueError:
        loaded = False
    except BaseException as error:
        return f"{type(error).__name__}: {error}", False
    if tracemalloc.get_traced_memory()[1] - before > LARGEST:
        return f"took {tracemalloc.get_traced_memory()[1] - before:.0f} bytes", not loaded
    if loaded and not forge and not same(model, original):
        return "another model was loaded without complaint", False
    return None, not loaded


def run(count=10_000, seed=0):
    """Try so many files; return complaints, and how often each mutation was refused and loaded."""
    rng = np.random.default_rng(seed)
    files, complaints, outcomes = list(originals()), [], Counter()
    tracemalloc.start()
    for number in range(count):
        data, original = files[number % len(files)]
        bad, name, forge = mutated(data, rng)
        wrong, refused = complaint(bad, original, forge)
        outcomes[name, "refused" if refused else "loaded"] += 1
        if wrong is not None:
            complaints.append(f"file {number} ({name}{', forged' if forge else ''}): {wrong}")
    tracemalloc.stop()
    return complaints, outcomes


if __name__ == "__main__":
    faulthandler.enable()
    found, seen = run(*[int(argument) for argument in sys.argv[1:]])
    for (mutation, outcome), times in sorted(seen.items()):
        sys.stdout.write(f"{mutation:24} {outcome:8} {times:6}\n")
    for line in found:
        sys.stdout.write(f"{line}\n")
    sys.exit(bool(found))

"""Malformed sparse matrices, each through everything that reads one. A program: a crash must not take pytest along.

``python malformed.py cases`` walks through the list below, ``python malformed.py fuzz SEED N`` through random
corruptions. Every line that is printed is a complaint.
"""

import faulthandler
import re
import sys
import warnings

import numpy as np
from scipy import sparse

from sparsereg import Lasso, SelectNonzero
from sparsereg.solvers import as_design

SHAPE = (30, 12)
FAR = 2**31 - 1


def well_formed(index=np.int32, container=sparse.csr_array):
    X = sparse.random_array(SHAPE, density=0.3, random_state=np.random.default_rng(0), format="csr")
    return widen(container(X), index)


def widen(X, index):
    """The same matrix with this index type."""
    if X.format == "coo":
        X.coords = tuple(axis.astype(index) for axis in X.coords)
    elif X.format in ("csr", "csc", "bsr"):
        X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    return X


Y = np.random.default_rng(1).normal(size=SHAPE[0])
MODEL = Lasso(alpha=0.01).fit(well_formed(), Y)
SELECT = SelectNonzero(MODEL, prefit=True).fit(well_formed())
KEEP_ALL = SelectNonzero(Lasso(alpha=1e-6).fit(well_formed(), Y), prefit=True).fit(well_formed())
READERS = {
    "fit": lambda X: Lasso(alpha=0.01).fit(X, Y),
    "predict": MODEL.predict,
    "transform": SELECT.transform,
    "inverse_transform": KEEP_ALL.inverse_transform,
    "as_design": as_design,
}


# --- The list


def put(name, where, value):
    """Overwrite one entry of an array."""

    def spoil(X):
        array = getattr(X, name).copy()
        array[where] = value
        setattr(X, name, array)

    return f"{name}[{where}] = {value}", spoil


def replace(name, function, what):
    """Replace an array."""
    return f"{name}: {what}", lambda X: setattr(X, name, function(getattr(X, name)))


def compressed(minor, nnz):
    """What can be wrong with CSR (and, the other way round, with CSC)."""
    for value in (minor, FAR, -1, -FAR):
        yield put("indices", 3, value)
    yield put("indices", -1, minor)
    yield put("indices", 0, -1)
    for value in (1, -1, nnz):
        yield put("indptr", 0, value)
    for value in (-1, 0, nnz, FAR):
        yield put("indptr", 3, value)
    for value in (nnz + 1, nnz + 1000, FAR, 0, -1):
        yield put("indptr", -1, value)
    yield replace("indptr", lambda a: a[:-1], "one short")
    yield replace("indptr", lambda a: np.append(a, a[-1]), "one long")
    yield replace("indptr", lambda a: a[:0], "empty")
    yield replace("indptr", lambda a: a[:1], "only the start")
    yield replace("indptr", lambda a: a + 1, "moved by one")
    yield replace("indptr", lambda a: a[::-1], "backwards")
    yield replace("indices", lambda a: a[:-3], "shorter than data")
    yield replace("indices", lambda a: a[:0], "empty")
    yield replace("data", lambda a: a[:-3], "shorter than indices")
    yield replace("data", lambda a: a[:0], "empty")
    for name in ("data", "indices", "indptr"):
        yield replace(name, lambda a: a[None], "of shape (1, n)")
        yield replace(name, lambda a: a[:, None], "of shape (n, 1)")
    yield replace("indices", lambda a: a + 0.4, "not whole numbers")
    yield replace("indptr", lambda a: a * 1.01, "not whole numbers")
    yield put("data", 5, np.nan)
    yield put("data", 5, np.inf)


def coordinates():
    """What can be wrong with COO."""

    def put_coordinate(axis, value):
        def spoil(X):
            X.coords[axis][3] = value

        return f"coords[{axis}][3] = {value}", spoil

    for axis in (0, 1):
        for value in (SHAPE[axis], FAR, -1, -FAR):
            yield put_coordinate(axis, value)
    yield replace("coords", lambda c: (c[0][:-2], c[1]), "fewer rows")
    yield replace("coords", lambda c: (c[0], c[1][:-2]), "fewer columns")
    yield replace("coords", lambda c: c[:1], "no columns")
    yield replace("coords", lambda c: tuple(axis + 0.4 for axis in c), "not whole numbers")
    yield replace("data", lambda a: a[:-1], "shorter than the coordinates")
    yield put("data", 5, np.nan)


def put_row(rows, data):
    def spoil(X):
        X.rows[2], X.data[2] = rows, data

    return spoil


def others():
    """What can be wrong with the formats that are converted: (name, format, spoil)."""
    yield "lil: column 99", "lil", put_row([99], [1.0])
    yield "lil: column -3", "lil", put_row([-3], [1.0])
    yield "lil: more columns than values", "lil", put_row([1, 2, 3], [1.0])
    yield "lil: more values than columns", "lil", put_row([1], [1.0] * 3)
    yield "lil: many more values than columns", "lil", put_row([1], [1.0] * 1_000_000)
    yield "lil: a row less", "lil", lambda X: setattr(X, "rows", X.rows[:-1])
    yield "lil: data of a row less", "lil", lambda X: setattr(X, "data", X.data[:-1])
    yield "lil: a string", "lil", put_row([1], ["a"])
    yield "dok: row 99", "dok", lambda X: X._dict.update({(99, 1): 1.0})
    yield "dok: column -1", "dok", lambda X: X._dict.update({(1, -1): 1.0})
    yield "dia: an offset less", "dia", lambda X: setattr(X, "offsets", X.offsets[:-1])
    yield "dia: a diagonal less", "dia", lambda X: setattr(X, "data", X.data[:-1])
    yield "dia: NaN", "dia", lambda X: X.data.fill(np.nan)
    for name, spoil in (
        put("indices", 1, 99),
        put("indices", 1, -1),
        put("indptr", 3, 99),
        put("indptr", 3, -1),
        put("indptr", 0, 1),
        put("indptr", -1, 1000),
        replace("indptr", lambda a: a[:-1], "one short"),
        replace("indptr", lambda a: a[:0], "empty"),
        replace("indices", lambda a: a[:-1], "one short"),
        replace("data", lambda a: a[:-1], "one short"),
    ):
        yield f"bsr: {name}", "bsr", spoil


def cases():
    """All of them: (name, matrix)."""
    for index in (np.int32, np.int64):
        for container in (sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix):
            X = well_formed(index, container)
            minor = SHAPE[1] if X.format == "csr" else SHAPE[0]
            for name, spoil in compressed(minor, X.nnz):
                X = well_formed(index, container)
                spoil(X)
                yield f"{container.__name__} {index.__name__} {name}", X
        for container in (sparse.coo_array, sparse.coo_matrix):
            for name, spoil in coordinates():
                X = well_formed(index, container).copy()
                spoil(X)
                yield f"{container.__name__} {index.__name__} {name}", X
    for name, form, spoil in others():
        X = well_formed().asformat(form).copy()
        spoil(X)
        yield name, X


def check_cases():
    """Every reader refuses every matrix, by a ValueError that speaks of X."""
    assert len(KEEP_ALL.kept_) == SHAPE[1]
    n = 0
    for name, X in cases():
        for reader, read in READERS.items():
            n += 1
            try:
                read(X)
            except ValueError as error:
                if not re.search(r"\bX\b", str(error)):
                    yield f"{reader}, {name}: the message does not say X: {error}"
            except Exception as error:
                yield f"{reader}, {name}: {type(error).__name__}: {error}"
            else:
                yield f"{reader}, {name}: accepted"
    if n < 1900:
        yield f"only {n} checks were made"


# --- Random corruption


def corrupt(rng):
    """One random matrix of one format with some random damage; often none that matters."""
    form = rng.choice(["csr", "csc", "coo"])
    X = sparse.random_array((7, 5), density=0.4, random_state=rng, format=form)
    X = widen(X.copy(), rng.choice([np.int32, np.int64]))
    arrays = ["row", "col"] if form == "coo" else ["indices", "indptr"]
    for _ in range(rng.integers(1, 4)):
        name = rng.choice([*arrays, *arrays, "data"])
        array = getattr(X, name).copy()
        kind = rng.integers(6)
        if kind <= 2 and len(array):
            pool = [-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, *([] if name == "data" else [-FAR, len(array), FAR])]
            array[rng.integers(len(array))] = rng.choice(pool)
        elif kind == 3:
            array = array[: rng.integers(len(array) + 1)]
        elif kind == 4:
            array = np.append(array, array[-2:])
        else:
            array = rng.permutation(array)
        setattr(X, name, array)
    return X


def plain(X):
    """The dense matrix that X stands for, entry by entry in Python; None if it stands for none."""
    out = np.zeros(X.shape)
    if X.format == "coo":
        row, column = X.row, X.col
        if not len(row) == len(column) == len(X.data):
            return None
    else:
        n_major = X.shape[0] if X.format == "csr" else X.shape[1]
        starts = X.indptr.astype(np.int64)
        if len(starts) != n_major + 1 or starts[0] != 0 or (np.diff(starts) < 0).any():
            return None
        if starts[-1] > min(len(X.indices), len(X.data)):
            return None
        major, minor = np.repeat(np.arange(n_major), np.diff(starts)), X.indices[: starts[-1]]
        row, column = (major, minor) if X.format == "csr" else (minor, major)
    for i, j, value in zip(row, column, X.data, strict=False):
        if not (0 <= i < X.shape[0] and 0 <= j < X.shape[1]):
            return None
        out[i, j] += value
    return out


def check_fuzz(seed, n):
    """Every reader either gives the answer for the dense matrix or raises a ValueError, as `plain` says."""
    y = np.random.default_rng(1).normal(size=7)
    coef = sparse.csr_array([[0.0, 1.0, -2.0, 0.0, 3.0]])
    model = Lasso(alpha=0.01).fit(np.eye(7)[:, :5], y)
    model.sparse_coef_ = coef
    select = SelectNonzero(model, prefit=True).fit(np.eye(7)[:, :5])
    everything = Lasso(fit_intercept=False).fit(9 * np.eye(5), np.full(5, 9.0))
    all_kept = SelectNonzero(everything, prefit=True).fit(np.eye(5))
    assert len(all_kept.kept_) == 5
    readers = {
        "fit": lambda X: Lasso(alpha=0.01, tol=1e-10).fit(X, y).coef_,
        "predict": model.predict,
        "transform": lambda X: X[:, select.kept_] if isinstance(X, np.ndarray) else select.transform(X).toarray(),
        "inverse_transform": lambda X: sparse.csr_array(all_kept.inverse_transform(X)).toarray(),
        "as_design": lambda X: X if isinstance(X, np.ndarray) else undo(as_design(X)),
    }
    outcomes = {True: 0, False: 0}
    for k in range(n):
        X = corrupt(np.random.default_rng([seed, k]))
        dense = plain(X)
        outcomes[dense is not None] += 1
        for reader, read in readers.items():
            try:
                found = read(X)
            except ValueError as error:
                # scipy wants indices and data of the same length even beyond what indptr uses.
                exact = X.format == "coo" or len(X.indices) == len(X.data) == X.indptr[-1:].sum()
                if dense is not None and exact:
                    yield f"{reader}, fuzz [{seed}, {k}]: refused a good {X.format}: {error}"
            except Exception as error:
                yield f"{reader}, fuzz [{seed}, {k}]: {type(error).__name__}: {error}"
            else:
                if dense is None:
                    yield f"{reader}, fuzz [{seed}, {k}]: accepted a malformed {X.format}"
                elif not np.allclose(found, read(dense), atol=1e-7):
                    yield f"{reader}, fuzz [{seed}, {k}]: another answer than for the dense matrix"
    if min(outcomes.values()) < n / 20:
        yield f"the fuzz is one-sided: {outcomes}"


def undo(design):
    """The dense matrix of a design."""
    out = np.zeros((design.shape[0], design.n_features))
    occupied = np.arange(design.shape[1])
    out[:, design.feature_ids(occupied)] = design.dense_columns(occupied)
    return out


if __name__ == "__main__":
    faulthandler.enable()
    warnings.simplefilter("error")
    complaints = check_cases() if sys.argv[1] == "cases" else check_fuzz(int(sys.argv[2]), int(sys.argv[3]))
    for complaint in complaints:
        sys.stdout.write(f"{complaint}\n")

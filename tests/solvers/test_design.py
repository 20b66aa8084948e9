"""Designs: whatever way X is stored, the same numbers, and X stays as it was."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from sparsereg import Lasso, SelectNonzero, SparseRegressor
from sparsereg.solvers import as_design
from sparsereg.solvers.dense_design import DenseDesign

N, P = 23, 9
FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"]


def values(dtype=np.float64, seed=0):
    """Small whole numbers, exact in every dtype, with an empty row, an empty column and a constant one."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (N, P)) * (rng.random((N, P)) < 0.5)
    X[4], X[:, 2], X[:, 7] = 0, 0, 1
    return np.abs(X).clip(0, 1).astype(dtype) if dtype is bool else X.astype(dtype)


def target(X):
    return np.asarray(X, dtype=float) @ np.linspace(-1, 1, P) + np.random.default_rng(1).normal(size=len(X))


def dense_layouts(dtype, folder):
    """The same numbers in every kind of dense memory: (name, array)."""
    X = values(dtype)
    yield "C", X.copy(order="C")
    yield "F", X.copy(order="F")
    wide = np.zeros((2 * N, 3 * P), dtype)
    wide[::2, ::3] = X
    yield "strided", wide[::2, ::3]
    yield "reversed", X[::-1, ::-1].copy()[::-1, ::-1]
    for order in "CF":
        frozen = X.copy(order=order)
        frozen.flags.writeable = False
        yield f"read-only {order}", frozen
        mapped = np.memmap(folder / f"{order}{np.dtype(dtype).name}", dtype, "w+", shape=X.shape, order=order)
        mapped[...] = X
        mapped.flush()
        yield f"mapped {order}", np.memmap(mapped.filename, dtype, "r", shape=X.shape, order=order)


def sparse_layouts(dtype):
    """The same numbers in every sparse format and index type: (name, matrix)."""
    X = values(dtype)
    for form in FORMATS:
        for container in (sparse.coo_array(X), sparse.coo_matrix(X)):
            for index in (np.int32, np.int64):
                S = container.asformat(form)
                if form == "coo":
                    S.coords = tuple(axis.astype(index) for axis in S.coords)
                elif hasattr(S, "indices"):
                    S.indices, S.indptr = S.indices.astype(index), S.indptr.astype(index)
                elif index is np.int64:
                    continue
                yield f"{type(S).__name__} {index.__name__}", S


def untidy_layouts():
    """Compressed matrices that are valid and unusual: (name, matrix, what they stand for)."""
    X = values()
    for form in ("csr", "csc"):
        S = sparse.coo_array(X).asformat(form)

        def edit(S=S, **arrays):
            Z = S.copy()
            for name, function in arrays.items():
                setattr(Z, name, function(getattr(Z, name)))
            return Z

        def strided(array):
            wide = np.zeros(2 * len(array), array.dtype)
            wide[::2] = array
            return wide[::2]

        def frozen(array):
            array = array.copy()
            array.flags.writeable = False
            return array

        order = np.concatenate([np.arange(a, b)[::-1] for a, b in zip(S.indptr[:-1], S.indptr[1:], strict=True)])
        yield f"{form} unsorted", edit(data=lambda a, o=order: a[o], indices=lambda a, o=order: a[o]), X
        zeroed = X.copy()
        zeroed[zeroed == 2] = 0
        yield f"{form} explicit zeros", edit(data=lambda a: np.where(a == 2, 0, a)), zeroed
        twice = edit(data=lambda a: np.repeat(a / 2, 2), indices=lambda a: np.repeat(a, 2), indptr=lambda a: 2 * a)
        yield f"{form} duplicates", twice, X
        alternating = edit(
            data=lambda a: np.concatenate([[v + 1, -1] for v in a]),
            indices=lambda a: np.repeat(a, 2),
            indptr=lambda a: 2 * a,
        )
        yield f"{form} duplicates that cancel", alternating, X
        arrays = ("data", "indices", "indptr")
        yield f"{form} strided", edit(**dict.fromkeys(arrays, strided)), X
        yield f"{form} read-only", edit(**dict.fromkeys(arrays, frozen)), X
        slack = dict.fromkeys(arrays[:2], lambda a: np.append(a, a[:5]))
        yield f"{form} longer than needed", edit(**slack), X
        yield f"{form} int32 and int64", edit(indptr=lambda a: a.astype(np.int64)), X
        yield f"{form} int64 and int32", edit(indices=lambda a: a.astype(np.int64)), X
        yield f"{form} uint32", edit(**dict.fromkeys(arrays[1:], lambda a: a.astype(np.uint32))), X
        yield f"{form} int16", edit(**dict.fromkeys(arrays[1:], lambda a: a.astype(np.int16))), X
        yield f"{form} big-endian", edit(data=lambda a: a.astype(">f8")), X


def arrays_of(X):
    """All arrays that a matrix consists of."""
    if isinstance(X, np.ndarray):
        return [X]
    held = [value for value in vars(X).values() if isinstance(value, np.ndarray)]
    return held + [axis for axis in vars(X).get("coords", ()) if isinstance(axis, np.ndarray)]


def snapshot(X):
    """Everything about X that must not change, and what else is in it."""
    arrays = arrays_of(X)
    content = [(id(a), a.dtype, a.shape, a.strides, a.flags.writeable, pickle.dumps(np.asarray(a))) for a in arrays]
    return content, dict(X.items()) if getattr(X, "format", "") == "dok" else None


def undo(design):
    """The dense matrix of a design."""
    out = np.zeros((design.shape[0], design.n_features))
    every = np.arange(design.shape[1])
    out[:, design.feature_ids(every)] = design.dense_columns(every)
    return out


# --- Every layout


def check_layout(X, expected):
    """The design, fit, predict and selection agree with those of the plain array, and X is left alone."""
    before = snapshot(X)
    design = as_design(X)
    np.testing.assert_array_equal(undo(design), expected)
    y = target(expected)
    model, plain = (Lasso(alpha=0.05, tol=1e-12).fit(Z, y) for Z in (X, expected))
    atol = 1e-5 if model.coef_.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=atol)
    np.testing.assert_allclose(model.predict(X), plain.predict(expected), atol=10 * atol)
    assert model.score(X, y) == pytest.approx(plain.score(expected, y), abs=10 * atol)
    kept = SelectNonzero(plain, prefit=True).fit(expected)
    selected = kept.transform(X)
    selected = selected.toarray() if sparse.issparse(X) else selected
    np.testing.assert_array_equal(selected, expected[:, kept.kept_])
    assert snapshot(X) == before


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.longdouble, np.int64, np.int8, np.uint16, bool, ">f8", ">f4"]
)
def test_dense_layouts(dtype, tmp_path):
    for name, X in dense_layouts(dtype, tmp_path):
        check_layout(X, values(dtype).astype(float))
        single = np.dtype(dtype) == np.float32
        assert as_design(X).X.dtype == (np.float32 if single else np.float64), name


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_sparse_layouts(dtype):
    for name, X in sparse_layouts(dtype):
        check_layout(X, values(dtype).astype(float))
        assert as_design(X).data.dtype == (np.float32 if dtype == np.float32 else np.float64), name


@pytest.mark.parametrize(
    ("name", "X", "expected"), list(untidy_layouts()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_untidy_layouts(name, X, expected):
    check_layout(X, expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_is_not_copied(order, dtype):
    X = values(dtype).copy(order=order)
    assert as_design(X).X is X


def test_columns_of_floats_are_not_copied():
    X = sparse.csc_array(values() + 1)
    design = as_design(X)
    assert np.shares_memory(design.data, X.data)
    assert np.shares_memory(design.rows, X.indices)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 3)])
@pytest.mark.parametrize("form", ["dense", *FORMATS])
def test_small_and_empty_matrices(shape, form):
    """One row, one column, no data at all."""
    for X in (np.zeros(shape), np.ones(shape), np.eye(*shape)):
        S = X if form == "dense" else sparse.coo_array(X).asformat(form)
        np.testing.assert_array_equal(undo(as_design(S)), X)
        y = np.arange(1.0, shape[0] + 1)
        model = SparseRegressor(alpha=0.01, fit_intercept=False).fit(S, y)
        assert model.coef_.shape == shape[1:]
        np.testing.assert_allclose(model.predict(S), X @ model.coef_)
        if not X.any():
            assert model.sparse_coef_.nnz == 0
            assert SelectNonzero(model, prefit=True).fit(S).transform(S).shape == (shape[0], 0)


# --- What solvers ask of a design


def designs():
    """One of each class and dtype, and the dense float64 matrix of its occupied columns."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 12)) * (rng.random((40, 12)) < 0.6) + np.linspace(0, 2, 12)
    X[:, 8:] *= rng.random((40, 4)) < 0.3
    X[:, [1, 9]] = 0
    for dtype in (np.float64, np.float32):
        for form in (np.asarray, np.asfortranarray, sparse.csr_array, sparse.csc_array):
            made = as_design(form(X.astype(dtype)))
            exact = X.astype(dtype).astype(float)
            yield made, exact if made.columns is None else exact[:, made.columns]


DESIGNS = [pytest.param(*pair, id=f"{type(pair[0]).__name__}{k}") for k, pair in enumerate(designs())]
COLUMNS = [[], [3], [5, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 0, 4, 7]]


@pytest.mark.parametrize(("design", "X"), DESIGNS)
def test_occupied_columns(design, X):
    assert design.n_features == 12
    assert design.shape == X.shape == (40, 12 if design.columns is None else 10)
    if design.columns is not None:
        assert design.columns.tolist() == [0, 2, 3, 4, 5, 6, 7, 8, 10, 11]
        assert design.columns.dtype == np.int64
        np.testing.assert_array_equal(design.feature_ids(np.array([1, 9])), [2, 11])


@pytest.mark.parametrize(("design", "X"), DESIGNS)
def test_products(design, X):
    rng = np.random.default_rng(4)
    w, v = rng.normal(size=X.shape[1]), rng.normal(size=len(X))
    w[::3] = 0
    for weights in (w, np.zeros_like(w), np.eye(X.shape[1])[2]):
        np.testing.assert_allclose(design.matvec(weights), X @ weights, atol=1e-13)
    np.testing.assert_allclose(design.rmatvec(v), X.T @ v, atol=1e-13)
    for columns in COLUMNS:
        columns = np.array(columns, dtype=np.int64)
        part = rng.normal(size=len(columns))
        np.testing.assert_allclose(design.times(columns, part), X[:, columns] @ part, atol=1e-13)
        np.testing.assert_allclose(design.dot(columns, v), X[:, columns].T @ v, atol=1e-13)
        np.testing.assert_array_equal(design.dense_columns(columns), X[:, columns])


@pytest.mark.parametrize(("design", "X"), DESIGNS)
@pytest.mark.parametrize("centre", [True, False])
def test_norms(design, X, centre):
    norms = design.norms(centre)
    if isinstance(design, DenseDesign) and not design.X.flags.f_contiguous:
        assert norms is None
    else:
        np.testing.assert_allclose(norms, np.linalg.norm(X - centre * X.mean(0), axis=0), rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize(("design", "X"), DESIGNS)
@pytest.mark.parametrize("centre", [True, False])
def test_moments(design, X, centre):
    h = np.random.default_rng(5).gamma(1.0, size=len(X))
    h[::7] = 0
    for columns in COLUMNS:
        columns = np.array(columns, dtype=np.int64)
        mean, square = design.moments(columns, h, h.sum(), centre)
        expected = h @ X[:, columns] / h.sum() if centre else np.zeros(len(columns))
        np.testing.assert_allclose(mean, expected, atol=1e-13)
        np.testing.assert_allclose(square, h @ (X[:, columns] - expected) ** 2, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("design", "X"), DESIGNS)
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("uniform", [True, False])
def test_gram(design, X, centre, uniform):
    h = np.full(len(X), 0.3) if uniform else np.random.default_rng(6).gamma(1.0, size=len(X))
    for columns in COLUMNS[1:]:
        columns = np.array(columns, dtype=np.int64)
        mean = h @ X[:, columns] / h.sum() if centre else np.zeros(len(columns))
        centred = X[:, columns] - mean
        expected = centred.T @ (h[:, None] * centred)
        for known in {0, 1, len(columns) // 2}:
            out = np.full((len(columns) + 2, len(columns) + 2), np.nan)
            out[:known, :known] = expected[:known, :known]
            design.gram(columns, h, mean, known, out)
            np.testing.assert_allclose(out[: len(columns), : len(columns)], expected, atol=1e-12)


@pytest.mark.parametrize(("design", "X"), DESIGNS)
def test_take_rows(design, X):
    v = np.random.default_rng(7).normal(size=40)
    for rows in (np.array([3, 1, 1, 38]), np.arange(40)[::-1], np.arange(0, 40, 3), np.array([0])):
        part = design.take_rows(rows)
        assert part.shape == (len(rows), X.shape[1])
        assert part.n_features == 12
        np.testing.assert_array_equal(part.dense_columns(np.arange(X.shape[1])), X[rows])
        np.testing.assert_allclose(part.rmatvec(v[: len(rows)]), X[rows].T @ v[: len(rows)], atol=1e-13)
        np.testing.assert_array_equal(part.feature_ids(np.arange(3)), design.feature_ids(np.arange(3)))


@pytest.mark.parametrize(("design", "X"), DESIGNS)
def test_take_columns(design, X):
    v = np.random.default_rng(7).normal(size=40)
    for columns in COLUMNS:
        columns = np.array(columns, dtype=np.int64)
        part, k = design.take_columns(columns), len(columns)
        assert part.shape == (40, k)
        assert part.n_features == k
        assert part.columns is None
        np.testing.assert_array_equal(part.dense_columns(np.arange(k)), X[:, columns])
        np.testing.assert_allclose(part.rmatvec(v), X[:, columns].T @ v, atol=1e-13)


@pytest.mark.parametrize(("design", "X"), DESIGNS)
def test_kernel_columns(design, X):
    """Values and row numbers that lie where they say, centred where that is said."""
    for columns in COLUMNS[1:]:
        columns = np.array(columns, dtype=np.int64)
        for sd in (1.0, 1e-9):
            mean = X[:, columns].mean(axis=0)
            data, rows, starts, places, centred = design.kernel_columns(columns, mean, np.full(len(columns), sd))
            for k, place in enumerate(places):
                column = np.zeros(40)
                entries = slice(starts[place], starts[place + 1])
                column[rows[entries] if len(rows) else slice(None)] = data[entries]
                shift = mean[k] if centred else 0
                np.testing.assert_allclose(column, X[:, columns[k]] - shift, atol=1e-6)
            assert not (centred and len(rows))


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sparse.csc_array])
def test_sums_of_float32_are_in_double(container):
    """1e8 + 1 - 1e8: single precision would lose the 1."""
    X = np.array([[1e8], [1.0], [-1e8]], dtype=np.float32)
    design = as_design(container(X))
    assert design.rmatvec(np.ones(3))[0] == 1.0
    X = np.array([[1e8, 1.0, -1e8]], dtype=np.float32)
    assert as_design(container(X)).matvec(np.ones(3))[0] == 1.0


# --- Many columns


def wide(n_features, ids, n=50, seed=0, container=sparse.csr_array, index=np.int64):
    """Two entries in every row, in these columns only; and the compact matrix of those columns."""
    rng = np.random.default_rng(seed)
    ids = np.asarray(ids, dtype=np.int64)
    places = np.concatenate([np.arange(len(ids)), rng.integers(len(ids), size=max(0, 2 * n - len(ids)))])
    rows = np.arange(len(places)) % n
    data = rng.integers(1, 5, len(places)).astype(float)
    order = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    compact = np.zeros((n, len(ids)))
    np.add.at(compact, (rows, np.argsort(np.argsort(ids))[places]), data)
    X = container((n, n_features))
    X.data, X.indices, X.indptr = data[order], ids[places][order].astype(index), indptr.astype(index)
    return X, compact


@pytest.mark.parametrize(
    ("n_features", "ids"),
    [
        (10**12, np.random.default_rng(0).choice(10**12, 60)),
        (10**12, [0, 10**12 - 1]),
        (2**62, np.arange(3000) * 2**50),  # equal low bits: what a careless hash puts into one bucket
        (2**62, np.arange(1500) * 2**32 + 2**31),
        (2**62, 2**62 - 1 - np.arange(5000)[::-1] * 977),
        (10**9, np.arange(40)),
    ],
    ids=range(6),
)
def test_hashed_columns(n_features, ids):
    """More columns than marks are worth: the occupied ones are found by hashing."""
    X, compact = wide(n_features, ids)
    before = snapshot(X)
    design = as_design(X)
    np.testing.assert_array_equal(design.columns, np.sort(ids))
    np.testing.assert_array_equal(design.dense_columns(np.arange(len(ids))), compact)
    y = compact @ np.ones(len(ids)) + compact[:, 0]
    model = SparseRegressor(alpha=0.1).fit(X, y)
    plain = SparseRegressor(alpha=0.1).fit(sparse.csr_array(compact), y)
    np.testing.assert_array_equal(model.sparse_coef_.indices, np.sort(ids)[plain.sparse_coef_.indices])
    np.testing.assert_array_equal(model.sparse_coef_.data, plain.sparse_coef_.data)
    np.testing.assert_allclose(model.predict(X), plain.predict(compact), rtol=1e-12)
    assert snapshot(X) == before


def test_marked_and_hashed_columns_agree():
    ids = np.random.default_rng(1).choice(4000, 70, replace=False)
    marked, hashed = (as_design(wide(n_features, ids)[0]) for n_features in (4000, 10**8))
    np.testing.assert_array_equal(marked.columns, hashed.columns)
    for name in ("data", "rows", "starts"):
        np.testing.assert_array_equal(getattr(marked, name), getattr(hashed, name))


def peak(function):
    """Megabytes allocated at most above what was there."""
    tracemalloc.start()
    result = function()
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return result, megabytes


@pytest.mark.parametrize("n_features", [2 * 10**8, 10**12])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
def test_memory_does_not_follow_the_number_of_columns(n_features, container):
    """1000 rows of 10 entries: one array per feature, even of bytes, would take 200 MB."""
    rng = np.random.default_rng(0)
    index = np.int32 if n_features < 2**31 else np.int64
    X = container((1000, n_features))
    X.indices = np.sort(rng.integers(n_features, size=(1000, 10)), axis=1).ravel().astype(index)
    X.indices[::10] = 7
    X.data, X.indptr = rng.normal(size=10_000), np.arange(0, 10_001, 10).astype(index)
    y = X.data[::10] + 0.1 * rng.normal(size=1000)

    model, used = peak(lambda: SparseRegressor(alpha=0.05).fit(X, y))
    assert used < 20
    assert 7 in model.sparse_coef_.indices
    predicted, used = peak(lambda: model.predict(X))
    assert used < 20
    assert model.score(X, y) > 0.9
    select, used = peak(lambda: SelectNonzero(SparseRegressor(alpha=0.05)).fit(X, y))
    assert used < 20
    kept, used = peak(lambda: select.transform(X))
    assert used < 20
    assert kept.shape == (1000, len(select.kept_))
    np.testing.assert_allclose(kept @ model.sparse_coef_.data + model.intercept_, predicted)
    back, used = peak(lambda: select.inverse_transform(kept))
    assert used < 20
    assert back.shape == X.shape
    _, used = peak(
        lambda: SparseRegressor(alpha=0.05, standardize=True, lower=-1.0, warm_start=True).fit(X, y).fit(X, y)
    )
    assert used < 20
    assert len(pickle.dumps(select)) < 30_000


def test_memory_of_a_poisson_fit():
    X, compact = wide(2 * 10**8, np.arange(100) * 10**6, n=300)
    y = 1.0 + compact[:, 0]
    model, used = peak(lambda: SparseRegressor("poisson", "elasticnet", alpha=0.01).fit(X, y))
    assert used < 20
    assert 0 in model.sparse_coef_.indices

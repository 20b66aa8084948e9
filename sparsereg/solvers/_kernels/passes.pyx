# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Passes over compressed columns: products, moments and Gram matrices of a subset of columns, sums in double."""

from cython cimport floating
from libc.stdlib cimport calloc, free, malloc

from sparsereg.solvers._kernels.columns cimport column_axpy, column_dot


def columns_times(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const double[::1] coef,
    double[::1] out,
):
    """out += X[:, columns] coef"""
    cdef Py_ssize_t k, start
    with nogil:
        for k in range(columns.shape[0]):
            start = starts[columns[k]]
            if coef[k] != 0.0 and starts[columns[k] + 1] > start:
                column_axpy(
                    coef[k], &data[start], &rows[start], starts[columns[k] + 1] - start, False, NULL, &out[0]
                )


def columns_dot(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const double[::1] v,
    double[::1] out,
):
    """out = X[:, columns]' v; all columns, in order, if ``columns`` is empty"""
    cdef Py_ssize_t k, j, start
    cdef bint every = columns.shape[0] == 0
    with nogil:
        for k in range(out.shape[0]):
            j = k if every else columns[k]
            start = starts[j]
            out[k] = 0.0
            if starts[j + 1] > start:
                out[k] = column_dot(&data[start], &rows[start], starts[j + 1] - start, False, &v[0])


def columns_dot_many(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const double[:, :, ::1] V,
    double[:, ::1] out,
):
    """out = V X for all columns; V holds its vectors in eights, (eights, n_samples, 8): what a row needs is one load"""
    cdef Py_ssize_t i, j, k, c
    cdef const double* v
    cdef const double* eight
    cdef double x
    cdef double[8] total
    with nogil:
        for j in range(out.shape[1]):
            for k in range(V.shape[0]):
                eight = &V[k, 0, 0]
                for c in range(8):
                    total[c] = 0.0
                for i in range(starts[j], starts[j + 1]):
                    x, v = data[i], eight + 8 * <Py_ssize_t> rows[i]
                    for c in range(8):
                        total[c] += x * v[c]
                for c in range(min(8, out.shape[0] - 8 * k)):
                    out[8 * k + c, j] = total[c]


def dense_columns_dot(const floating[::1, :] X, const long long[::1] columns, const double[::1] v, double[::1] out):
    """out = X[:, columns]' v for a dense X whose columns lie in one piece"""
    cdef Py_ssize_t k
    cdef const int* no_rows = NULL
    with nogil:
        for k in range(columns.shape[0]):
            out[k] = column_dot(&X[0, columns[k]], no_rows, X.shape[0], True, &v[0])


def dense_columns_times(
    const floating[::1, :] X, const long long[::1] columns, const double[::1] coef, double[::1] out
):
    """out += X[:, columns] coef for a dense X whose columns lie in one piece"""
    cdef Py_ssize_t k
    cdef const int* no_rows = NULL
    with nogil:
        for k in range(columns.shape[0]):
            column_axpy(coef[k], &X[0, columns[k]], no_rows, X.shape[0], True, NULL, &out[0])


def dense_sums(const floating[::1, :] X, double[::1] sums, double[::1] squares):
    """Sums and sums of squares of the columns of a dense X whose columns lie in one piece"""
    cdef Py_ssize_t i, j
    cdef double total, square
    with nogil:
        for j in range(X.shape[1]):
            total = 0.0
            square = 0.0
            for i in range(X.shape[0]):
                total += X[i, j]
                square += <double> X[i, j] * X[i, j]
            sums[j] = total
            squares[j] = square


def column_sums(const floating[::1] data, const long long[::1] starts, double[::1] sums, double[::1] squares):
    """Sums and sums of squares of compressed columns"""
    cdef Py_ssize_t i, j
    cdef double total, square
    with nogil:
        for j in range(sums.shape[0]):
            total = 0.0
            square = 0.0
            for i in range(starts[j], starts[j + 1]):
                total += data[i]
                square += <double> data[i] * data[i]
            sums[j] = total
            squares[j] = square


def column_moments(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const double[::1] h,
    double sum_h,
    bint centre,
    double[::1] mean,
    double[::1] curvature,
):
    """Weighted means and centred sums of squares: ``mean_j = x_j . h / sum_h``, ``sum_i h_i (x_ij - mean_j)^2``.

    Two passes, the second over the deviations, so that a mean far from zero costs no digits; entries that are not
    stored contribute ``mean^2`` times what is left of ``sum_h``. With ``centre`` false the mean is taken as zero.
    """
    cdef Py_ssize_t k, i
    cdef double total, mass, deviation
    with nogil:
        for k in range(columns.shape[0]):
            total = 0.0
            mass = 0.0
            if centre:
                for i in range(starts[columns[k]], starts[columns[k] + 1]):
                    total += h[rows[i]] * data[i]
                    mass += h[rows[i]]
                total /= sum_h
            mean[k] = total
            deviation = 0.0
            for i in range(starts[columns[k]], starts[columns[k] + 1]):
                deviation += h[rows[i]] * (data[i] - total) * (data[i] - total)
            # What a full column leaves of sum_h is rounding; times mean^2 it would give a constant column a spread.
            if centre and sum_h - mass > 1e-12 * sum_h:
                deviation += total * total * (sum_h - mass)
            curvature[k] = deviation


def columns_gram(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const double[::1] h,
    Py_ssize_t known,
    double[:, ::1] G,
):
    """G = X[:, columns]' diag(h) X[:, columns], rows and columns from ``known`` on (the rest is there already).

    By rows: the subset is transposed once, then every row adds its own outer product, so the cost is the sum of the
    squares of the row lengths, never (columns x entries).
    """
    cdef:
        Py_ssize_t n = h.shape[0], m = columns.shape[0], k, i, a, b, total = 0, at
        Py_ssize_t* ends = NULL
        int* position = NULL
        double* value = NULL
        double hx
    for k in range(m):
        total += starts[columns[k] + 1] - starts[columns[k]]
    ends = <Py_ssize_t*> calloc(n + 1, sizeof(Py_ssize_t))
    position = <int*> malloc((total + 1) * sizeof(int))
    value = <double*> malloc((total + 1) * sizeof(double))
    if ends == NULL or position == NULL or value == NULL:
        free(ends)
        free(position)
        free(value)
        raise MemoryError("not enough memory for the Gram matrix of the working set")
    with nogil:
        for k in range(m):
            for i in range(starts[columns[k]], starts[columns[k] + 1]):
                ends[rows[i] + 1] += 1
        for i in range(n):
            ends[i + 1] += ends[i]
        # After filling, ends[i] is where row i ends and ends[i - 1] where it begins.
        for k in range(m):
            for i in range(starts[columns[k]], starts[columns[k] + 1]):
                at = ends[rows[i]]
                position[at] = <int> k
                value[at] = data[i]
                ends[rows[i]] = at + 1
        for k in range(known, m):
            for b in range(k + 1):
                G[k, b] = 0.0
        for i in range(n):
            for a in range(ends[i - 1] if i > 0 else 0, ends[i]):
                k = position[a]
                if k < known:
                    continue
                hx = h[i] * value[a]
                for b in range(ends[i - 1] if i > 0 else 0, a + 1):
                    G[k, position[b]] += hx * value[b]
        for k in range(known, m):
            for b in range(k):
                G[b, k] = G[k, b]
    free(ends)
    free(position)
    free(value)

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Residual coordinate descent on single features."""

from cython cimport floating
from libc.math cimport fabs

from sparsereg.solvers._kernels.columns cimport bent_step, column_axpy, column_dot, prox_step


def cd_features(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const long long[::1] order,
    double[::1] w,
    double[::1] q,
    double s,
    int max_epochs,
    double tol,
    const double[::1] h,
    double h_uniform,
    double sum_h,
    const double[::1] mean,
    const double[::1] curvature,
    const double[::1] l1,
    const double[::1] l2,
    const double[::1] lower,
    const double[::1] upper,
    const double[::1] unit=None,
    const double[::1] width=None,
    const double[:, ::1] pieces=None,
):
    """Minimise ``1/2 sum_i h_i (target_i - b - x_i . w)^2 + sum_j omega_j(w_j)`` over ``w`` and ``b``, in place.

    Lazy centring: the intercept is minimised out by one scalar. With ``s = sum(q)`` and ``mean_j = x_j . h / sum h``

        - gradient_j = x_j . q - mean_j s,    after w_j += d:    q -= d h x_j,    s -= d mean_j sum_h

    so X is never centred and an update costs O(nnz of the column). Without intercept pass ``mean = 0``.

    ``columns[k]`` is the column of X at position ``k`` of the working set and ``order`` the positions to visit; the
    arrays from ``w`` on are by position. ``rows`` is empty for a dense design in Fortran order. ``h`` is empty where
    every entry is ``h_uniform``. Stops when the largest change of a gradient over an epoch, per `unit` if given, is
    <= ``tol``. With `pieces` the costs are concave, as in `bent_step`; then the objective falls, to where it is
    stationary.

    Returns (epochs, largest change of the last epoch, s).
    """
    cdef:
        bint dense = rows.shape[0] == 0
        const int* no_rows = NULL
        const int* column_rows = NULL
        const double* weights = NULL
        Py_ssize_t visit, k, start, size
        int epoch = 0
        double a, u, new, d, change, largest = 0.0
        bint bent = pieces is not None, scaled = unit is not None

    if h.shape[0] > 0:
        weights = &h[0]
    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for visit in range(order.shape[0]):
                k = order[visit]
                a = curvature[k] + l2[k]
                if a <= 0.0:  # a flat column changes nothing: what it costs must go
                    if l1[k] > 0.0:
                        w[k] = 0.0
                    continue
                start = starts[columns[k]]
                size = starts[columns[k] + 1] - start
                if size == 0:
                    continue
                column_rows = no_rows if dense else &rows[start]
                u = column_dot(&data[start], column_rows, size, dense, &q[0]) - mean[k] * s + curvature[k] * w[k]
                if bent:
                    new = bent_step(u, a, l1[k], lower[k], upper[k], width[k], pieces, w[k])
                else:
                    new = prox_step(u, a, l1[k], lower[k], upper[k])
                d = new - w[k]
                if d == 0.0:
                    continue
                w[k] = new
                if weights == NULL:
                    column_axpy(-d * h_uniform, &data[start], column_rows, size, dense, weights, &q[0])
                else:
                    column_axpy(-d, &data[start], column_rows, size, dense, weights, &q[0])
                s -= d * mean[k] * sum_h
                change = fabs(d) * a / unit[k] if scaled else fabs(d) * a
                if change > largest:
                    largest = change
            if largest <= tol:
                break
    return epoch, largest, s

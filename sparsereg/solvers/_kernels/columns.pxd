# One column of X, dense or compressed: the branch is taken once per column, so dense and sparse share every kernel.
# Data may be float32; all sums are in double.
from cython cimport floating


cdef inline double column_dot(
    const floating* x, const int* rows, Py_ssize_t size, bint dense, const double* v
) noexcept nogil:
    """x . v"""
    cdef Py_ssize_t i
    cdef double total = 0.0
    if dense:
        for i in range(size):
            total += x[i] * v[i]
    else:
        for i in range(size):
            total += x[i] * v[rows[i]]
    return total


cdef inline void column_axpy(
    double a, const floating* x, const int* rows, Py_ssize_t size, bint dense, const double* h, double* q
) noexcept nogil:
    """q += a * h * x, with h = 1 if it is NULL"""
    cdef Py_ssize_t i
    if h == NULL:
        if dense:
            for i in range(size):
                q[i] += a * x[i]
        else:
            for i in range(size):
                q[rows[i]] += a * x[i]
    elif dense:
        for i in range(size):
            q[i] += a * h[i] * x[i]
    else:
        for i in range(size):
            q[rows[i]] += a * h[rows[i]] * x[i]


cdef inline double prox_step(
    double u, double curvature, double l1, double lower, double upper
) noexcept nogil:
    """argmin over w of curvature/2 w^2 - u w + l1 |w| with lower <= w <= upper"""
    cdef double w
    if u > l1:
        w = (u - l1) / curvature
    elif u < -l1:
        w = (u + l1) / curvature
    else:
        w = 0.0
    if w > upper:
        w = upper
    elif w < lower:
        w = lower
    return w


cdef inline double clipped(double u, double l1, double lower, double upper) noexcept nogil:
    """What absolute values and a bound on the sign leave of a pull"""
    if u > l1:
        return u - l1 if upper > 0.0 else 0.0
    if u < -l1:
        return u + l1 if lower < 0.0 else 0.0
    return 0.0

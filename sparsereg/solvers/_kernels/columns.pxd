# One column of X, dense or compressed: the branch is taken once per column, so dense and sparse share every kernel.
# Data may be float32; all sums are in double.
from cython cimport floating
from libc.math cimport fabs


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


cdef inline double bent_step(
    double u,
    double curvature,
    double l1,
    double lower,
    double upper,
    double width,
    const double[:, ::1] pieces,
    double w,
) noexcept nogil:
    """The same with a concave cost ``l1 width p(|w| / width)`` for ``l1 |w|``, from the present weight.

    Pieces of p are rows (start, constant, slope, curvature). Where the curvature of the rest exceeds that of p all
    along, the function of one weight is strictly convex and this is its minimum; elsewhere the minimum under the
    tangent at the present weight, which lies above.
    """
    cdef:
        Py_ssize_t i, last = pieces.shape[0] - 1
        double bend, size, x
    if width <= 0.0:
        return prox_step(u, curvature, l1, lower, upper)
    bend = l1 / width
    for i in range(last + 1):
        if curvature + bend * pieces[i, 3] <= 1e-6 * curvature:
            break
    else:
        size = fabs(u)
        if size <= l1:
            return 0.0
        for i in range(last + 1):
            x = (size - l1 * pieces[i, 2]) / (curvature + bend * pieces[i, 3])
            if i == last or x < width * pieces[i + 1, 0]:
                break
        return min(max(x if u > 0.0 else -x, lower), upper)
    x = fabs(w) / width
    i = last
    while i > 0 and x < pieces[i, 0]:
        i -= 1
    return prox_step(u, curvature, l1 * (pieces[i, 2] + pieces[i, 3] * x), lower, upper)


cdef inline double clipped(double u, double l1, double lower, double upper) noexcept nogil:
    """What absolute values and a bound on the sign leave of a pull"""
    if u > l1:
        return u - l1 if upper > 0.0 else 0.0
    if u < -l1:
        return u + l1 if lower < 0.0 else 0.0
    return 0.0

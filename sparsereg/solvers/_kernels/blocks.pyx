# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Block coordinate descent: the weights of a block move together, by one secular equation."""

from libc.math cimport fabs, sqrt
from libc.stdlib cimport free, malloc
from scipy.linalg.cython_blas cimport daxpy, ddot, dgemv, dger

from sparsereg.solvers._kernels.columns cimport clipped


cdef inline double secular(const double* u, const double* c, Py_ssize_t size, double norm) noexcept nogil:
    """The root in ``t`` of ``sum_i (u_i / (c_i t + norm))^2 = 1``; 0 if the sum at 0 is at most 1.

    One over the root of the sum is concave and nearly linear: Newton's steps from zero stay below and settle in a few.
    """
    cdef:
        Py_ssize_t i
        int _trial
        double t = 0.0, total, slope, part, step
    for _trial in range(60):
        total = 0.0
        slope = 0.0
        for i in range(size):
            part = u[i] / (c[i] * t + norm)
            part = part * part
            total += part
            slope += part * c[i] / (c[i] * t + norm)
        if total <= 1.0 or slope <= 0.0:
            break
        step = (sqrt(total) - 1.0) * total / slope
        t += step
        if step <= 1e-15 * t:
            break
    return t


cdef inline double rotated_step(
    const double* w,
    const double* slope,
    const double* Q,
    const double* spectrum,
    int d,
    double norm,
    double* u,
    double* here,
    double* step,
) noexcept nogil:
    """Fill the `step` of a block to its minimiser, given its `slope` and its curvature ``Q diag(spectrum) Q'``.

    Returns the square of the change of its gradient. ``u`` and ``here`` are room for ``d`` numbers each.
    """
    cdef:
        int i, one = 1
        double plus = 1.0, zero = 0.0, change = 0.0, t, new
        char* transposed = b"T"
        char* straight = b"N"
    dgemv(transposed, &d, &d, &plus, <double*> Q, &d, <double*> w, &one, &zero, here, &one)
    dgemv(transposed, &d, &d, &plus, <double*> Q, &d, <double*> slope, &one, &zero, u, &one)
    for i in range(d):
        u[i] = spectrum[i] * here[i] - u[i]
    t = secular(u, spectrum, d, norm) if norm > 0.0 else 1.0
    for i in range(d):
        if t <= 0.0:
            new = 0.0
        elif spectrum[i] * t + norm > 0.0:
            new = u[i] * t / (spectrum[i] * t + norm)
        else:
            new = here[i]
        here[i] = new - here[i]
        change += (spectrum[i] * here[i]) ** 2
    if t <= 0.0:  # exactly zero, whatever rounding a rotation to and fro would leave
        for i in range(d):
            step[i] = -w[i]
    else:
        dgemv(straight, &d, &d, &plus, <double*> Q, &d, here, &one, &zero, step, &one)
    return change


def gram_blocks(
    const double[:, ::1] G,
    double[::1] gradient,
    double[::1] w,
    const long long[::1] starts,
    const double[::1] norm,
    const double[::1] l1,
    const double[::1] l2,
    const double[::1] lower,
    const double[::1] upper,
    const double[::1] basis,
    const long long[::1] basis_starts,
    const double[::1] spectrum,
    int inner,
    int max_epochs,
    double tol,
):
    """Minimise ``1/2 w'G w - c'w + sum_g omega_g(w_g)``, in place, where ``gradient = G w - c`` is kept up to date.

    Block ``g`` is ``starts[g]:starts[g + 1]``. Where ``basis`` holds the eigenvectors of ``G_gg + diag(l2)`` (column
    after column, from ``basis_starts[g]`` on) and ``spectrum`` its eigenvalues, a block is minimised exactly. Where it
    is empty, ``spectrum`` holds a bound on them and a block takes up to ``inner`` proximal gradient steps: the way of
    blocks with absolute values or bounds, which a rotation would not leave as they are.

    A block that stays costs O(its size). Stops when the largest change of a gradient over an epoch is <= ``tol``.
    Returns (epochs, largest change of the last epoch).
    """
    cdef:
        int k = w.shape[0], one = 1, epoch = 0, d, trial
        Py_ssize_t g, i, start, largest_block = 1
        bint rotated = basis.shape[0] > 0
        double change, moved, largest = 0.0, t, L, size
        double* u = NULL
        double* here = NULL
        double* new = NULL
        double* slope = NULL
    for g in range(norm.shape[0]):
        largest_block = max(largest_block, starts[g + 1] - starts[g])
    u = <double*> malloc(4 * largest_block * sizeof(double))
    if u == NULL:
        raise MemoryError("not enough memory for a block")
    here, new, slope = u + largest_block, u + 2 * largest_block, u + 3 * largest_block
    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for g in range(norm.shape[0]):
                start = starts[g]
                d = starts[g + 1] - start
                change = 0.0
                size = 0.0
                moved = 0.0
                for i in range(d):
                    slope[i] = gradient[start + i] + l2[start + i] * w[start + i]
                    size += slope[i] * slope[i]
                    moved += fabs(w[start + i])
                if moved == 0.0 and size <= norm[g] * norm[g]:
                    continue
                if rotated:
                    change = rotated_step(
                        &w[start], slope, &basis[basis_starts[g]], &spectrum[start], d, norm[g], u, here, new
                    )
                else:
                    L = spectrum[start]
                    for i in range(d):
                        here[i] = w[start + i]
                    for trial in range(inner):
                        size = 0.0
                        for i in range(d):
                            u[i] = clipped(L * here[i] - slope[i], l1[start + i], lower[start + i], upper[start + i])
                            size += u[i] * u[i]
                        size = sqrt(size)
                        t = 0.0
                        if size > norm[g] and L > 0.0:
                            t = (1.0 - norm[g] / size) / L
                        moved = 0.0
                        for i in range(d):
                            new[i] = u[i] * t - here[i]
                            here[i] = u[i] * t
                            moved += (L * new[i]) ** 2
                        change += moved
                        if d == 1 or moved <= 0.01 * change or trial + 1 == inner:
                            break
                        for i in range(d):
                            slope[i] += ddot(&d, <double*> &G[start + i, start], &one, new, &one)
                            slope[i] += l2[start + i] * new[i]
                    for i in range(d):
                        new[i] = here[i] - w[start + i]
                if change == 0.0:
                    continue
                for i in range(d):
                    if new[i] == 0.0:
                        continue
                    w[start + i] += new[i]
                    daxpy(&k, &new[i], <double*> &G[start + i, 0], &one, &gradient[0], &one)
                largest = max(largest, sqrt(change))
            if largest <= tol:
                break
    free(u)
    return epoch, largest


def residual_blocks(
    const double[::1, :] X,
    const long long[::1] first,
    const double[::1] mean,
    const double[::1] unit,
    const long long[::1] order,
    double[::1] g,
    const double[::1] h,
    double[::1] w,
    const long long[::1] starts,
    const double[::1] norm,
    const double[::1] l2,
    const double[::1] basis,
    const long long[::1] basis_starts,
    const double[::1] spectrum,
    int max_epochs,
    double tol,
):
    """Minimise ``sum_i g_i V_i + h_i V_i^2 / 2 + sum_b omega_b(w_b)`` over blocks, in place; ``g`` grows by ``h V``.

    ``V`` is what the change of ``w`` does to the linear predictors: its columns are those of X less their `mean`,
    divided by their `unit`. Block ``b`` has the weights from ``starts[b]`` on, the columns of X from ``first[b]`` on;
    its eigenvectors and eigenvalues are those of `gram_blocks`. A block that moves is read twice, one that stays once,
    however many there are. Those of `order` are visited. Returns as `gram_blocks`.
    """
    cdef:
        int n = X.shape[0], one = 1, epoch = 0, d, i
        Py_ssize_t visit, b, start, row, largest_block = 1
        double change, moved, shift, largest = 0.0, plus = 1.0, zero = 0.0
        double* room
        double* slope
        double* step
        double* V
        double* block
        char* transposed = b"T"
        char* straight = b"N"
    for b in range(norm.shape[0]):
        largest_block = max(largest_block, starts[b + 1] - starts[b])
    room = <double*> malloc((4 * largest_block + n) * sizeof(double))
    if room == NULL:
        raise MemoryError("not enough memory for a block")
    slope, step, V = room + 2 * largest_block, room + 3 * largest_block, room + 4 * largest_block
    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for visit in range(order.shape[0]):
                b = order[visit]
                start = starts[b]
                d = starts[b + 1] - start
                block = <double*> &X[0, first[b]]
                dgemv(transposed, &n, &d, &plus, block, &n, &g[0], &one, &zero, slope, &one)
                change = 0.0
                moved = 0.0
                for i in range(d):
                    slope[i] = slope[i] / unit[start + i] + l2[start + i] * w[start + i]
                    change += slope[i] * slope[i]
                    moved += fabs(w[start + i])
                if moved == 0.0 and change <= norm[b] * norm[b]:
                    continue
                change = rotated_step(
                    &w[start], slope, &basis[basis_starts[b]], &spectrum[start], d, norm[b], room,
                    room + largest_block, step,
                )
                if change == 0.0:
                    continue
                shift = 0.0
                for i in range(d):
                    w[start + i] += step[i]
                    step[i] = step[i] / unit[start + i]
                    shift += mean[start + i] * step[i]
                dgemv(straight, &n, &d, &plus, block, &n, step, &one, &zero, V, &one)
                for row in range(n):
                    g[row] += h[row] * (V[row] - shift)
                largest = max(largest, sqrt(change))
            if largest <= tol:
                break
    free(room)
    return epoch, largest


def gram_rows(
    const double[:, ::1] G,
    double[:, ::1] gradient,
    double[:, ::1] W,
    const double[::1] norm,
    const double[::1] l2,
    int max_epochs,
    double tol,
):
    """Minimise ``1/2 tr(W'G W) - <C, W> + sum_j norm_j |W_j| + l2_j |W_j|^2 / 2`` over rows, in place.

    ``gradient = G W - C`` is kept up to date: a row that moves costs one rank-one update of it, one that stays the
    norm of its gradient. All outputs share ``G``. Returns as `gram_blocks`.
    """
    cdef:
        int k = W.shape[0], K = W.shape[1], one = 1, epoch = 0
        Py_ssize_t j, i
        double a, size, t, change, largest = 0.0, plus = 1.0
        double* step = <double*> malloc(max(K, 1) * sizeof(double))
    if step == NULL:
        raise MemoryError("not enough memory for a row")
    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for j in range(k):
                a = G[j, j]
                size = 0.0
                for i in range(K):
                    step[i] = a * W[j, i] - gradient[j, i]
                    size += step[i] * step[i]
                size = sqrt(size)
                t = 0.0
                if size > norm[j] and a + l2[j] > 0.0:
                    t = (1.0 - norm[j] / size) / (a + l2[j])
                elif norm[j] == 0.0:
                    continue
                change = 0.0
                for i in range(K):
                    step[i] = t * step[i] - W[j, i]
                    change += step[i] * step[i]
                if change == 0.0:
                    continue
                for i in range(K):
                    W[j, i] = W[j, i] + step[i] if t > 0.0 else 0.0
                # In Fortran's eyes the gradient is (K, k): it grows by step times row j of the symmetric G.
                dger(&K, &k, &plus, step, &one, <double*> &G[j, 0], &one, &gradient[0, 0], &K)
                largest = max(largest, (a + l2[j]) * sqrt(change))
            if largest <= tol:
                break
    free(step)
    return epoch, largest

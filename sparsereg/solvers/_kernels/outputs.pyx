# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Several outputs over one matrix: the Gram matrix of their columns, and block descent on their predictors."""

from cython cimport floating
from libc.math cimport sqrt
from libc.stdlib cimport calloc, free, malloc

from sparsereg.solvers._kernels.columns cimport clipped


def outputs_gram(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] features,
    const long long[::1] outputs,
    const double[:, ::1] H,
    const double[::1] inverse,
    double[:, ::1] G,
):
    """``G_ab = sum_i x_ia x_ib (h_ik [k = l] - h_ik h_il inverse_i)`` for columns a of output k and b of output l.

    By rows, as `passes.columns_gram`: the cost is the sum of the squares of the row lengths.
    """
    cdef:
        Py_ssize_t n = H.shape[1], m = features.shape[0], k, i, a, b, first, total = 0, at
        Py_ssize_t* ends = NULL
        int* position = NULL
        double* value = NULL
        double* scaled = NULL
        double hx, root
    for k in range(m):
        total += starts[features[k] + 1] - starts[features[k]]
    ends = <Py_ssize_t*> calloc(n + 1, sizeof(Py_ssize_t))
    position = <int*> malloc((total + 1) * sizeof(int))
    value = <double*> malloc((total + 1) * sizeof(double))
    scaled = <double*> malloc((total + 1) * sizeof(double))
    if ends == NULL or position == NULL or value == NULL or scaled == NULL:
        free(ends)
        free(position)
        free(value)
        free(scaled)
        raise MemoryError("not enough memory for the Gram matrix of the working set")
    with nogil:
        for k in range(m):
            for i in range(starts[features[k]], starts[features[k] + 1]):
                ends[rows[i] + 1] += 1
        for i in range(n):
            ends[i + 1] += ends[i]
        for k in range(m):
            for i in range(starts[features[k]], starts[features[k] + 1]):
                at = ends[rows[i]]
                position[at] = <int> k
                value[at] = data[i]
                scaled[at] = data[i] * H[outputs[k], rows[i]]
                ends[rows[i]] = at + 1
        for i in range(n):
            first = ends[i - 1] if i > 0 else 0
            root = inverse[i]
            for a in range(first, ends[i]):
                k = position[a]
                hx = scaled[a]
                for b in range(first, a + 1):
                    if outputs[position[b]] == outputs[k]:
                        G[k, position[b]] += hx * value[b]
                if root > 0.0:
                    hx = hx * root
                    for b in range(first, a + 1):
                        G[k, position[b]] -= hx * scaled[b]
        for k in range(m):
            for b in range(k):
                G[b, k] = G[k, b]
    free(ends)
    free(position)
    free(value)
    free(scaled)


def cd_blocks(
    const floating[::1] data,
    const int[::1] rows,
    const long long[::1] starts,
    const long long[::1] columns,
    const long long[::1] outputs,
    const long long[::1] block_starts,
    const long long[::1] order,
    double[::1] w,
    double[:, ::1] V,
    double[::1] M,
    const double[:, ::1] g,
    const double[:, ::1] h,
    const double[::1] inverse,
    const double[::1] norm,
    const double[::1] l1,
    const double[::1] l2,
    const double[::1] lower,
    const double[::1] upper,
    const double[::1] bound,
    const double[::1] unit,
    int max_epochs,
    double tol,
):
    """Minimise ``g.V + V'H V / 2 + sum_b omega_b(w_b)`` over blocks, in place; ``V = X d`` for a change ``d`` of ``w``.

    ``H`` of a sample is ``diag(h_i) - h_i h_i' inverse_i`` over its outputs, and ``M_i = h_i . V_i inverse_i`` is kept
    up to date, so that a weight costs O(entries of its column) whatever the number of outputs. Coordinate ``c`` is
    column ``columns[c]`` (-1: ones) divided by ``unit[c]``, of output ``outputs[c]``; block ``b`` holds the coordinates
    from ``block_starts[b]`` on, and takes a proximal gradient step with the bound ``bound[b]`` on its curvature.
    ``rows`` is empty for a dense design.

    Stops when the largest change of a gradient over an epoch is <= ``tol``. Returns (epochs, that change).
    """
    cdef:
        bint dense = rows.shape[0] == 0, coupled
        Py_ssize_t n = h.shape[1], visit, b, c, i, at, j, k, start, end, largest_block = 1
        int epoch = 0
        double total, size, t, d, change, largest = 0.0
        double* u
    for b in range(norm.shape[0]):
        largest_block = max(largest_block, block_starts[b + 1] - block_starts[b])
    u = <double*> malloc(largest_block * sizeof(double))
    if u == NULL:
        raise MemoryError("not enough memory for a block")
    coupled = inverse.shape[0] > 0
    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for visit in range(order.shape[0]):
                b = order[visit]
                if bound[b] <= 0.0:  # flat columns change nothing: what they cost must go
                    for c in range(block_starts[b], block_starts[b + 1]):
                        if norm[b] > 0.0 or l1[c] > 0.0:
                            w[c] = 0.0
                    continue
                size = 0.0
                for c in range(block_starts[b], block_starts[b + 1]):
                    k = outputs[c]
                    j = columns[c]
                    start = 0 if j < 0 else starts[j]
                    end = n if j < 0 else starts[j + 1]
                    total = 0.0
                    for at in range(start, end):
                        i = at if j < 0 else (at - start if dense else rows[at])
                        d = V[k, i] - M[i] if coupled else V[k, i]
                        d = g[k, i] + h[k, i] * d
                        total += d if j < 0 else data[at] * d
                    total = total / unit[c]
                    total = clipped(bound[b] * w[c] - total - l2[c] * w[c], l1[c], lower[c], upper[c])
                    u[c - block_starts[b]] = total
                    size += total * total
                size = sqrt(size)
                t = (1.0 - norm[b] / size) / bound[b] if size > norm[b] else 0.0
                change = 0.0
                for c in range(block_starts[b], block_starts[b + 1]):
                    d = t * u[c - block_starts[b]] - w[c]
                    if d == 0.0:
                        continue
                    change += d * d
                    w[c] = t * u[c - block_starts[b]]
                    d = d / unit[c]
                    k = outputs[c]
                    j = columns[c]
                    start = 0 if j < 0 else starts[j]
                    end = n if j < 0 else starts[j + 1]
                    for at in range(start, end):
                        i = at if j < 0 else (at - start if dense else rows[at])
                        total = d if j < 0 else d * data[at]
                        V[k, i] += total
                        if coupled:
                            M[i] += h[k, i] * inverse[i] * total
                largest = max(largest, bound[b] * sqrt(change))
            if largest <= tol:
                break
    free(u)
    return epoch, largest

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Gram coordinate descent on single features."""

from libc.math cimport fabs
from scipy.linalg.cython_blas cimport daxpy

from sparsereg.solvers._kernels.columns cimport bent_step, prox_step


def gram_features(
    const double[:, ::1] G,
    double[::1] gradient,
    double[::1] w,
    const long long[::1] order,
    int max_epochs,
    double tol,
    const double[::1] l1,
    const double[::1] l2,
    const double[::1] lower,
    const double[::1] upper,
    const double[::1] unit=None,
    const double[::1] width=None,
    const double[:, ::1] pieces=None,
):
    """Minimise ``1/2 w'G w - c'w + sum_j omega_j(w_j)``, in place, where ``gradient = G w - c`` is kept up to date.

    A coordinate that stays costs O(1), one that moves O(size): in this regime visiting zeros is free. Stops when the
    largest change of a gradient over an epoch, per `unit` if given, is <= ``tol``. Returns (epochs, largest change of
    the last epoch). With `pieces` the costs are concave, as in `bent_step`; then the objective falls, to where it is
    stationary.
    """
    cdef:
        int size = w.shape[0], one = 1, epoch = 0
        Py_ssize_t visit, k
        double a, u, new, d, change, largest = 0.0
        bint bent = pieces is not None, scaled = unit is not None

    with nogil:
        while epoch < max_epochs:
            epoch += 1
            largest = 0.0
            for visit in range(order.shape[0]):
                k = order[visit]
                a = G[k, k] + l2[k]
                if a <= 0.0:  # a flat column changes nothing: what it costs must go
                    if l1[k] > 0.0:
                        w[k] = 0.0
                    continue
                u = G[k, k] * w[k] - gradient[k]
                if bent:
                    new = bent_step(u, a, l1[k], lower[k], upper[k], width[k], pieces, w[k])
                else:
                    new = prox_step(u, a, l1[k], lower[k], upper[k])
                d = new - w[k]
                if d == 0.0:
                    continue
                w[k] = new
                daxpy(&size, &d, <double*> &G[k, 0], &one, &gradient[0], &one)
                change = fabs(d) * a / unit[k] if scaled else fabs(d) * a
                if change > largest:
                    largest = change
            if largest <= tol:
                break
    return epoch, largest

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The event loop of the lasso homotopy: from breakpoint to breakpoint, the inverse of the support's Gram updated."""

from libc.math cimport INFINITY, fabs
from scipy.linalg.cython_blas cimport ddot, dsymv, dsyr

cdef enum:
    REST_STATE = 0
    FREE_STATE = 1
    IGNORED_STATE = 2

cdef enum:
    REACHED_CODE = 0
    PAUSED_CODE = 1
    FULL_CODE = 2
    INACCURATE_CODE = 3
    TIE_CODE = 4
    SINGULAR_CODE = 5

REST, FREE, IGNORED = range(3)  # states of a column
REACHED, PAUSED, FULL, INACCURATE, TIE, SINGULAR = range(6)  # what `EventLoop.follow` returns

cdef:
    double EPS = 2.3e-16
    double PIVOT = 1e-12  # what is left of a column in the span of the free ones, of its unit square
    double SUSPICIOUS = 1e-3  # a pivot below is computed again, by a form whose error is of second order
    double FINE = 1e-12  # relative error of a direction that is good enough
    double ONE = 1.0
    double ZERO = 0.0
    int STEP = 1
    int MAX_RESTS_AT_A_POINT = 60


cdef class EventLoop:
    """State of a homotopy on some columns, in units in which ``G + diag(l2)`` has a unit diagonal.

    A column is *free* (its weight moves, ``q_j = z_j + l2_j w_j = -alpha kink_j``) or at *rest* (its weight stays, at
    zero or at a bound). For a free one ``kink_j`` is ``f_j`` times the sign of its weight, which lives between zero and
    a bound, or between both bounds where ``f_j = 0``. A column at rest wants up where ``q_j + alpha g < 0``, with
    ``g = f_j`` at ``w_j >= 0`` and ``-f_j`` below; down likewise. So zeros, bounds and signs are two kinds of event.

    *Ignored* columns are at the edge of moving and in the span of the free ones. Such a column has
    ``q_j = -alpha sum_i beta_i kink_i``: it stays at the edge, at rest, as long as the free ones are free.

    The inverse is kept in one triangle (rows ``i``, columns ``<= i``); BLAS, which counts by columns, calls it upper.
    """

    cdef:
        const double[:, ::1] G
        const double[::1] f, l2, lower, upper, scale
        double[::1] w, q, kink, slope, spare  # one entry per column
        signed char[::1] state
        double[:, ::1] inverse
        double[::1] d, b, g, r, e  # direction and work space, one entry per free column
        int[::1] active
        readonly int size, capacity
        readonly double alpha
        readonly long long events
        public double tol
        bint stale  # the slope is that of another direction
        int ignored, rests_here
        double run_alpha, noise, largest_d, largest_kink
        int event, position  # the next event: column, and its place among the free ones or -1
        double t, value  # alpha until then; the new kink, or the weight to rest at

    def grow(self, double[:, ::1] inverse, double[:, ::1] vectors, int[::1] active):
        """Take larger arrays for the free columns: ``(capacity, capacity)``, ``(5, capacity)`` and ``(capacity,)``."""
        cdef int n = self.size
        if n:
            inverse[:n, :n] = self.inverse[:n, :n]
            vectors[0, :n] = self.d[:n]
            active[:n] = self.active[:n]
        self.inverse, self.active, self.capacity = inverse, active, <int> active.shape[0]
        self.d, self.b, self.g, self.r, self.e = vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]

    def set_columns(self, columns, double[:, ::1] vectors):
        """Take the arrays of a working set, to be changed in place; those that are free keep their places in it.

        `vectors` is work space of shape (2, k).
        """
        self.G, self.scale, self.f, self.l2 = columns.G, columns.scale, columns.f, columns.l2
        self.lower, self.upper, self.w, self.q = columns.lower, columns.upper, columns.w, columns.q
        self.state, self.kink = columns.state, columns.kink
        self.slope, self.spare = vectors[0], vectors[1]
        self.events = 0

    def set_inverse(self, double[:, ::1] inverse, int[::1] active):
        """Take the free columns and the inverse of their matrix (lower triangle); all others must be at rest."""
        cdef int i, n = <int> active.shape[0]
        self.size = n
        for i in range(n):
            self.inverse[i, :i + 1] = inverse[i, :i + 1]
            self.active[i] = active[i]
            self.g[i] = self.kink[active[i]]
        if n:
            self._solve(&self.g[0], &self.d[0])
        self.stale = True

    def resume(self, double alpha):
        """Take note that columns or weights were set from outside."""
        cdef Py_ssize_t j
        self.alpha = self.run_alpha = alpha
        self.rests_here = self.ignored = 0
        self.stale = True
        for j in range(self.state.shape[0]):
            self.ignored += self.state[j] == IGNORED_STATE

    def follow(self, double target, long long max_events, double max_work):
        """Go down to ``alpha = target`` or until something ends it; returns what."""
        cdef int code
        with nogil:
            code = self._follow(target, max_events, max_work)
        return code

    def snapshot(self, double[::1] out):
        """out = the weights; a free one that rounding took out of its room stands at the edge"""
        cdef Py_ssize_t j
        cdef double low, high
        for j in range(self.w.shape[0]):
            out[j] = self.w[j]
            if self.state[j] == FREE_STATE:
                low = 0.0 if self.kink[j] > 0.0 else self.lower[j]
                high = 0.0 if self.kink[j] < 0.0 else self.upper[j]
                out[j] = min(max(self.w[j], low), high)

    def times(self, int[::1] rows, double[::1] v, double[::1] out):
        """``out = G[:, rows] v``, in the units of this object."""
        with nogil:
            self._combine(&rows[0], &v[0], <int> rows.shape[0], &out[0])

    def correct(self, double alpha):
        """One Newton step of the free weights towards ``q = -alpha kink``; returns its largest entry."""
        cdef:
            int i, j, n = self.size
            double largest = 0.0
        if n == 0:
            return 0.0
        with nogil:
            for i in range(n):
                j = self.active[i]
                self.g[i] = -(self.q[j] + alpha * self.kink[j])
            self._solve(&self.g[0], &self.b[0])
            self._combine(&self.active[0], &self.b[0], n, &self.spare[0])
            for j in range(<int> self.q.shape[0]):
                self.q[j] += self.spare[j]
            for i in range(n):
                j = self.active[i]
                self.w[j] += self.b[i]
                self.q[j] += self.l2[j] * self.b[i]
                largest = max(largest, fabs(self.b[i]))
        return largest

    cdef int _follow(self, double target, long long max_events, double max_work) noexcept nogil:
        cdef:
            long long end = self.events + max_events
            double k = <double> self.w.shape[0], work = 0.0
        while True:
            if self.size >= self.capacity:
                return FULL_CODE
            if self.events >= end or work > max_work:
                return PAUSED_CODE
            work += (k + self.size) * self.size + 10.0 * k
            if self.stale and not self._aim():
                return INACCURATE_CODE
            self._find_event()
            if self.event < 0 or self.t >= self.alpha - target:
                self._advance(self.alpha - target)
                self.alpha = target
                return REACHED_CODE
            self._advance(self.t)
            self.events += 1
            if self.state[self.event] == IGNORED_STATE:
                return SINGULAR_CODE
            if self.state[self.event] == REST_STATE:
                self._free(self.event)
                continue
            if self.alpha < self.run_alpha * (1.0 - 1e-12):
                self.run_alpha, self.rests_here = self.alpha, 0
            self.rests_here += 1
            if self.rests_here > MAX_RESTS_AT_A_POINT:  # at most k columns are freed before one must rest
                return TIE_CODE
            if not self._rest(self.position):
                return INACCURATE_CODE

    cdef void _combine(self, const int* rows, const double* v, int size, double* out) noexcept nogil:
        """out = scale * sum over i of (scale v)_i G[rows[i], :]: G is symmetric, its columns are read as rows."""
        cdef:
            Py_ssize_t j, k = self.w.shape[0]
            int i = 0
            double v0, v1, v2, v3
            const double *g0
            const double *g1
            const double *g2
            const double *g3
            const double *s = &self.scale[0]
        for j in range(k):
            out[j] = 0.0
        while i + 4 <= size:  # four rows per pass: out is read and written a quarter as often
            g0, g1, v0, v1 = &self.G[rows[i], 0], &self.G[rows[i + 1], 0], s[rows[i]] * v[i], s[rows[i + 1]] * v[i + 1]
            i += 2
            g2, g3, v2, v3 = &self.G[rows[i], 0], &self.G[rows[i + 1], 0], s[rows[i]] * v[i], s[rows[i + 1]] * v[i + 1]
            i += 2
            for j in range(k):
                out[j] += (v0 * g0[j] + v1 * g1[j]) + (v2 * g2[j] + v3 * g3[j])
        while i < size:
            g0, v0 = &self.G[rows[i], 0], s[rows[i]] * v[i]
            for j in range(k):
                out[j] += v0 * g0[j]
            i += 1
        for j in range(k):
            out[j] *= s[j]

    cdef void _solve(self, double* v, double* out) noexcept nogil:
        """out = inverse v"""
        cdef int n = self.size, lda = self.capacity
        dsymv("U", &n, &ONE, &self.inverse[0, 0], &lda, v, &STEP, &ZERO, out, &STEP)

    cdef double _residual(self, const double* wanted, const double* v, const double* image, double* out) noexcept nogil:
        """out = wanted - (G + l2) v on the free columns, where image = G v; returns its largest entry."""
        cdef int i, j
        cdef double largest = 0.0
        for i in range(self.size):
            j = self.active[i]
            out[i] = wanted[i] - image[j] - self.l2[j] * v[i]
            largest = max(largest, fabs(out[i]))
        return largest

    cdef bint _aim(self) noexcept nogil:
        """Slope of all columns along the direction, which is refined where its own equations say that it must be."""
        cdef:
            int i, _attempt
            double residual, fine
        self.largest_d = self.largest_kink = self.noise = 0.0
        for i in range(self.size):
            self.g[i] = self.kink[self.active[i]]
            self.noise += 4.0 * EPS * fabs(self.d[i])
            self.largest_d = max(self.largest_d, fabs(self.d[i]))
            self.largest_kink = max(self.largest_kink, fabs(self.g[i]))
        fine = self.noise + FINE * self.largest_kink
        for _attempt in range(3):
            self._combine(&self.active[0], &self.d[0], self.size, &self.slope[0])
            residual = self._residual(&self.g[0], &self.d[0], &self.slope[0], &self.r[0])
            if residual <= fine:
                self.stale = False
                return True
            self._solve(&self.r[0], &self.e[0])
            for i in range(self.size):
                self.d[i] += self.e[i]
        return False

    cdef void _find_event(self) noexcept nogil:
        """The next event: the first in time, or of those that are due at once the one of the least column.

        That order is K. G. Murty's, *Note on a Bard-type scheme for solving the complementarity problem*, Opsearch
        1974: events of a tie taken in another order can cycle.
        """
        cdef:
            int i, j
            double slack, noise, g, bound
        self.event, self.t = -1, INFINITY
        for j in range(<int> self.w.shape[0]):
            if self.state[j] == FREE_STATE:
                continue
            noise = self.noise + FINE * max(self.f[j], self.largest_kink)
            slack = 0.0
            if self.state[j] == IGNORED_STATE:
                slack = 1e-9 * self.alpha * self.f[j] + 1000.0 * self.tol
            if self.w[j] < self.upper[j]:
                g = -self.f[j] if self.w[j] < 0.0 else self.f[j]
                self._offer(j, -1, slack + self.alpha * g + self.q[j], self.slope[j] - g, noise, g)
            if self.w[j] > self.lower[j]:
                g = -self.f[j] if self.w[j] > 0.0 else self.f[j]
                self._offer(j, -1, slack + self.alpha * g - self.q[j], -self.slope[j] - g, noise, -g)
        noise = 0.1 * FINE * self.largest_d
        for i in range(self.size):
            j = self.active[i]
            if self.d[i] > 0.0:
                bound = 0.0 if self.kink[j] < 0.0 else self.upper[j]
                self._offer(j, i, bound - self.w[j], -self.d[i], noise, bound)
            elif self.d[i] < 0.0:
                bound = 0.0 if self.kink[j] > 0.0 else self.lower[j]
                self._offer(j, i, self.w[j] - bound, self.d[i], noise, bound)

    cdef inline void _offer(
        self, int j, int position, double gap, double rate, double noise, double value
    ) noexcept nogil:
        """Keep this event if it comes before the one that is kept."""
        cdef double t
        if not rate < 0.0:
            return
        if gap <= self.tol:
            if rate >= -noise or (self.t <= 0.0 and self.event < j):
                return
            t = 0.0
        else:
            t = -gap / rate
            if not t < self.t:
                return
        self.event, self.position, self.t, self.value = j, position, t, value

    cdef void _advance(self, double t) noexcept nogil:
        """Lower alpha by t."""
        cdef int i, j
        if t <= 0.0:
            return
        for j in range(<int> self.q.shape[0]):
            self.q[j] += t * self.slope[j]
        for i in range(self.size):
            j = self.active[i]
            self.w[j] += t * self.d[i]
            self.q[j] += t * self.l2[j] * self.d[i]
        self.alpha -= t

    cdef void _free(self, int j) noexcept nogil:
        """Free column j, or ignore it if it is in the span of the free ones."""
        cdef:
            int i, n = self.size, lda = self.capacity
            double pivot = self._regress(j), share = self.value, per_pivot
            double* row = &self.inverse[n, 0]
        if not pivot > PIVOT:
            self.state[j] = IGNORED_STATE
            self.ignored += 1
            return
        per_pivot = 1.0 / pivot
        dsyr("U", &n, &per_pivot, &self.b[0], &STEP, &self.inverse[0, 0], &lda)
        for i in range(n):
            row[i] = -per_pivot * self.b[i]
            share -= self.b[i] * self.kink[self.active[i]]
        row[n] = per_pivot
        share *= per_pivot
        for i in range(n):
            self.d[i] -= share * self.b[i]
        self.d[n] = share
        self.state[j], self.kink[j], self.active[n] = FREE_STATE, self.value, j
        self.size = n + 1
        self.stale = True

    cdef double _regress(self, int j) noexcept nogil:
        """b = coefficients of column j on the free ones; returns what is left of its square."""
        cdef:
            int i, n = self.size
            const double* row = &self.G[j, 0]
            double pivot
        if n == 0:
            return 1.0
        for i in range(n):
            self.g[i] = row[self.active[i]] * self.scale[self.active[i]] * self.scale[j]
        self._solve(&self.g[0], &self.b[0])
        pivot = 1.0 - ddot(&n, &self.g[0], &STEP, &self.b[0], &STEP)
        if pivot > SUSPICIOUS:
            return pivot
        self._combine(&self.active[0], &self.b[0], n, &self.spare[0])
        self._residual(&self.g[0], &self.b[0], &self.spare[0], &self.r[0])
        self._solve(&self.r[0], &self.e[0])
        for i in range(n):
            self.b[i] += self.e[i]
        self._combine(&self.active[0], &self.b[0], n, &self.spare[0])
        self._residual(&self.g[0], &self.b[0], &self.spare[0], &self.r[0])
        # (-b, 1)' (G + l2) (-b, 1), where an error of b enters by its square
        for i in range(n):
            self.r[i] += self.g[i]
        return 1.0 - ddot(&n, &self.r[0], &STEP, &self.b[0], &STEP)

    cdef bint _rest(self, int p) noexcept nogil:
        """Bring the p-th free column to rest; False if the inverse is none any more."""
        cdef:
            int i, last = self.size - 1, n = self.size, lda = self.capacity
            double share, per_pivot
        self.w[self.event], self.state[self.event], self.kink[self.event] = self.value, REST_STATE, 0.0
        self.stale = True
        if self.ignored:  # the span is smaller now
            self.ignored = 0
            for i in range(<int> self.state.shape[0]):
                if self.state[i] == IGNORED_STATE:
                    self.state[i] = REST_STATE
        for i in range(n):
            self.b[i] = self.inverse[p, i] if i <= p else self.inverse[i, p]
        if not self.b[p] > 0.0:
            return False
        per_pivot = -1.0 / self.b[p]
        share = self.d[p] / self.b[p]
        for i in range(n):
            self.d[i] -= share * self.b[i]
        dsyr("U", &n, &per_pivot, &self.b[0], &STEP, &self.inverse[0, 0], &lda)
        if p < last:  # the last one takes its place
            for i in range(p):
                self.inverse[p, i] = self.inverse[last, i]
            for i in range(p + 1, last):
                self.inverse[i, p] = self.inverse[last, i]
            self.inverse[p, p] = self.inverse[last, last]
            self.active[p], self.d[p] = self.active[last], self.d[last]
        self.size = last
        return True

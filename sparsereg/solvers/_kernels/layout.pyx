# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From the user's compressed matrix to compressed columns of what is occupied, in O(entries)."""

from cython cimport floating
from libc.stdlib cimport calloc, free, malloc

ctypedef fused index:
    int
    long long


def check_structure(const index[::1] starts, const index[::1] minor, Py_ssize_t n_minor):
    """Return what is wrong with a compressed matrix: 0 nothing, 1 order or duplicates, 2 pointers, 3 an index.

    Everything else here trusts that the answer was 0 or 1.
    """
    cdef:
        Py_ssize_t major, i, n_major = starts.shape[0] - 1, n_entries = minor.shape[0]
        int wrong = 0
        index previous
    if n_major < 0 or starts[0] != 0 or starts[n_major] > n_entries:
        return 2
    with nogil:
        for major in range(n_major):
            if starts[major + 1] < starts[major]:
                wrong = 2
                break
        if wrong == 0:
            for major in range(n_major):
                previous = -1
                for i in range(starts[major], starts[major + 1]):
                    if minor[i] < 0 or minor[i] >= n_minor:
                        wrong = 3
                        break
                    if minor[i] <= previous:
                        wrong = 1
                    previous = minor[i]
                if wrong == 3:
                    break
    return wrong


cdef inline size_t _slot(long long key, size_t mask) noexcept nogil:
    """Home of a key: multiply by the golden ratio and fold, which spreads runs and strides alike."""
    cdef unsigned long long mixed = <unsigned long long> key * <unsigned long long> 0x9E3779B97F4A7C15
    return <size_t> (mixed ^ (mixed >> 32)) & mask


cdef class ColumnTable:
    """Distinct column ids in order of appearance: an open-addressing hash that grows with what it holds.

    Memory follows the number of distinct ids, not the number of columns; sorting all ids (np.unique) takes 2 s
    on 8e6 entries where this takes 0.2 s.
    """

    cdef long long* keys
    cdef int* numbers
    cdef size_t capacity
    cdef readonly Py_ssize_t size

    def __cinit__(self):
        self.capacity = 1024
        self.size = 0
        self.keys = <long long*> malloc(self.capacity * sizeof(long long))
        self.numbers = <int*> calloc(self.capacity, sizeof(int))
        if self.keys == NULL or self.numbers == NULL:
            raise MemoryError("not enough memory for the table of occupied columns")

    def __dealloc__(self):
        free(self.keys)
        free(self.numbers)

    cdef int _number(self, long long key) except -1 nogil:
        """Return 1 + the number of a key, entering it if it is new."""
        cdef size_t mask = self.capacity - 1, at = _slot(key, mask)
        while self.numbers[at] != 0:
            if self.keys[at] == key:
                return self.numbers[at]
            at = (at + 1) & mask
        self.size += 1
        self.keys[at] = key
        self.numbers[at] = <int> self.size
        if <size_t> self.size * 2 > self.capacity:
            self._grow()
        return <int> self.size

    cdef int _grow(self) except -1 nogil:
        cdef:
            size_t old = self.capacity, i, at
            long long* keys = <long long*> malloc(2 * old * sizeof(long long))
            int* numbers = <int*> calloc(2 * old, sizeof(int))
        if keys == NULL or numbers == NULL:
            free(keys)
            free(numbers)
            raise MemoryError("not enough memory for the table of occupied columns")
        for i in range(old):
            if self.numbers[i] != 0:
                at = _slot(self.keys[i], 2 * old - 1)
                while numbers[at] != 0:
                    at = (at + 1) & (2 * old - 1)
                keys[at] = self.keys[i]
                numbers[at] = self.numbers[i]
        free(self.keys)
        free(self.numbers)
        self.keys = keys
        self.numbers = numbers
        self.capacity = 2 * old
        return 0

    def number_all(self, const index[::1] ids, int[::1] out):
        """Write the number of each id, counting from 0 in order of appearance."""
        cdef Py_ssize_t i
        with nogil:
            for i in range(ids.shape[0]):
                out[i] = self._number(ids[i]) - 1

    def distinct(self, long long[::1] out):
        """Write the distinct ids in order of appearance."""
        cdef size_t i
        for i in range(self.capacity):
            if self.numbers[i] != 0:
                out[self.numbers[i] - 1] = self.keys[i]


def mark(const index[::1] ids, unsigned char[::1] seen):
    """seen[id] = 1 for every id"""
    cdef Py_ssize_t i
    with nogil:
        for i in range(ids.shape[0]):
            seen[ids[i]] = 1


def rows_to_columns(
    const floating[::1] data,
    const index[::1] row_starts,
    const index[::1] ids,
    const int[::1] place,
    long long[::1] starts,
    int[::1] rows,
    floating[::1] values,
):
    """Transpose compressed rows into compressed columns by counting; the column of an entry is ``place[ids[entry]]``.

    Rows come out ascending within each column. ``starts`` (length m + 1) must be zero on entry.
    """
    cdef Py_ssize_t i, k, m = starts.shape[0] - 1
    cdef long long at
    with nogil:
        for i in range(row_starts[row_starts.shape[0] - 1]):
            starts[place[ids[i]] + 1] += 1
        for k in range(m):
            starts[k + 1] += starts[k]
        for i in range(row_starts.shape[0] - 1):
            for k in range(row_starts[i], row_starts[i + 1]):
                at = starts[place[ids[k]]]
                rows[at] = <int> i
                values[at] = data[k]
                starts[place[ids[k]]] = at + 1
        # Filling moved every start to its end: shift back.
        for k in range(m, 0, -1):
            starts[k] = starts[k - 1]
        starts[0] = 0

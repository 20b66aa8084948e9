r"""Several outputs at once: one matrix, as many copies of its columns as there are outputs.

Tasks and classes need no second core. With ``K`` outputs the weights of output ``k`` follow those of ``k - 1`` in one
vector, so do the linear predictors, and

    eta_k = (X - c) w_k + b_k,      k = 1..K

is a design with ``K n`` rows and ``K m`` columns like any other. ``c`` are the weighted means of the columns, known
once and subtracted where they are needed, never from ``X`` itself; the intercepts are ``K`` more columns of ones
without a penalty, or, for squared loss, the means of the targets.

Tasks share their curvature, ``h_ik = s_i``. Classes are coupled: the Hessian of softmax in the predictors of a sample
is ``diag(h_i) - h_i h_i' / sum_k h_ik`` with ``h_ik = s_i p_ik``, so that ``h`` alone says it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparsereg.solvers._kernels.outputs import outputs_gram
from sparsereg.solvers.dense_design import DenseDesign
from sparsereg.solvers.design import Design
from sparsereg.solvers.sparse_design import SparseDesign

__all__ = ["OutputsDesign", "spread_pays"]

Array = np.ndarray

_DENSE = 0.05  # share of entries from which columns are spread out for BLAS-3: scattering costs some 20 times as much
_SMALL = 1 << 18  # entries of a working set that are kept between Newton steps


class _Layout(NamedTuple):
    """Where some columns come from.

    Attributes
    ----------
    feature, output : ndarray
        Column of the base, -1 for ones, and output.
    here : ndarray of bool
        Whether they are columns of the base.
    used, place : ndarray
        The columns of the base among them, ascending, and where those that are `here` stand in that.
    """

    feature: Array
    output: Array
    here: Array
    used: Array
    place: Array


class OutputsDesign(Design):
    """`n_outputs` copies of a design, its columns centred.

    Parameters
    ----------
    base : Design
    n_outputs : int
    centre : ndarray of shape (m,)
        What is subtracted from the columns.
    constants : bool
        Whether `n_outputs` columns of ones follow: the intercepts.
    origin : ndarray of shape (n_outputs,)
        Linear predictors that are added to those here: means of the targets.
    coupled : bool
        Whether the curvature of a sample couples its outputs, as that of softmax.
    """

    def __init__(self, base: Design, n_outputs: int, centre: Array, constants: bool, origin: Array, coupled: bool):
        n, m = base.shape
        self.base, self.n_outputs, self.centre, self.origin, self.coupled = base, n_outputs, centre, origin, coupled
        self.shape = (n_outputs * n, n_outputs * m + (n_outputs if constants else 0))
        self.constants = np.arange(n_outputs * m, self.shape[1])
        self.n_features = n_outputs * base.n_features
        self.columns = None
        self.centred = bool(centre.any())
        self._last: tuple[Array, _Layout] | None = None
        self._kept: tuple[_Layout, Array] | None = None

    def features_and_outputs(self, columns: Array) -> tuple[Array, Array]:
        """Return which column of the base, -1 for ones, and which output some columns are."""
        K, m = self.n_outputs, self.base.shape[1]
        ones = columns >= K * m
        output, feature = np.divmod(columns, max(m, 1))
        return np.where(ones, -1, feature), np.where(ones, columns - K * m, output)

    def _layout(self, columns: Array) -> _Layout:
        """Return where some columns come from; that of a working set is asked for again and again."""
        if self._last is None or self._last[0] is not columns:
            feature, output = self.features_and_outputs(columns)
            here = feature >= 0
            used, place = np.unique(feature[here], return_inverse=True)
            self._last = columns, _Layout(feature, output, here, used, place)
        return self._last[1]

    def by_output(self, v: Array) -> Array:
        """Return a vector of linear predictors as an array of shape (n_outputs, n_samples)."""
        return v.reshape(self.n_outputs, self.base.shape[0])

    def _outputs_of_ones(self, columns: Array) -> Array | None:
        """Return which outputs some columns of ones belong to, None if there is another among them.

        Intercepts are polished before every certificate; alone they need no look at X.
        """
        first = self.n_outputs * self.base.shape[1]
        return columns - first if len(columns) <= self.n_outputs and (columns >= first).all() else None

    def times(self, columns: Array, coef: Array) -> Array:
        """Return ``X[:, columns] coef``."""
        of_ones = self._outputs_of_ones(columns)
        if of_ones is not None:
            shift = np.zeros(self.n_outputs)
            shift[of_ones] = coef
            return np.repeat(shift, self.base.shape[0])
        feature, output = self.features_and_outputs(columns)
        here = feature >= 0
        used, place = np.unique(feature[here], return_inverse=True)
        W = np.zeros((len(used), self.n_outputs))
        W[place, output[here]] = coef[here]
        shift = np.zeros(self.n_outputs)
        shift[output[~here]] = coef[~here]
        eta = self.base.times_many(used, W)
        eta += shift - self.centre[used] @ W
        return np.ascontiguousarray(eta.T).ravel()

    def change(self, columns: Array, delta: Array) -> Array:
        """Return ``X[:, columns] delta``, where many are zero."""
        layout = self._last[1] if self._last is not None and self._last[0] is columns else None
        block = None if layout is None else self._kept_block(layout)
        if layout is None or block is None:
            return super().change(columns, delta)
        W = np.zeros((self.n_outputs, len(columns)))
        W[layout.output, np.arange(len(columns))] = delta
        return (W @ block).ravel()

    def rmatvec(self, v: Array) -> Array:
        """Return ``X' v``."""
        V = self.by_output(v)
        total = V.sum(axis=1)
        Z = self.base.dot_many(None, V)
        if self.centred:
            Z -= np.outer(total, self.centre)
        return np.concatenate([Z.ravel(), total]) if len(self.constants) else Z.ravel()

    def dot(self, columns: Array, v: Array) -> Array:
        """Return ``X[:, columns]' v``."""
        V = self.by_output(v)
        of_ones = self._outputs_of_ones(columns)
        if of_ones is not None:
            return V.sum(axis=1)[of_ones]
        layout = self._layout(columns)
        block = self._kept_block(layout)
        if block is not None:
            return np.einsum("ji,ji->j", block, V[layout.output])
        feature, output, here, used, place = layout
        out = V.sum(axis=1)[output]
        # All outputs of the columns in use, unless they share few.
        if len(used) * self.n_outputs <= 4 * len(place):
            Z = self.base.dot_many(used, V)[output[here], place]
        else:
            Z = np.empty(len(place))
            for k in range(self.n_outputs):
                mine = output[here] == k
                Z[mine] = self.base.dot(feature[here][mine], V[k])
        out[here] = Z - self.centre[feature[here]] * out[here]
        return out

    def norms(self, centre: bool) -> None:
        """Return None: a gradient of many outputs is one product of matrices, of which a part saves little."""
        return

    def moments(self, columns: Array, h: Array, sum_h: float, centre: bool) -> tuple[Array, Array]:
        """Return zeros and the curvatures ``x' H x`` of the columns (`centre` has no meaning: they are centred)."""
        feature, output = self.features_and_outputs(columns)
        H = self.by_output(self._diagonal(h))
        curvature = H.sum(axis=1)[output]
        for k in range(self.n_outputs):
            mine = np.flatnonzero((output == k) & (feature >= 0))
            total = float(H[k].sum())
            if len(mine) and total > 0.0:
                mean, spread = self.base.moments(feature[mine], H[k], total, True)
                curvature[mine] = spread + total * (mean - self.centre[feature[mine]]) ** 2
        return np.zeros(len(columns)), curvature

    def _diagonal(self, h: Array) -> Array:
        if not self.coupled:
            return h
        H = self.by_output(h)
        return (H * (1.0 - H * self.inverse_total(H))).ravel()

    @staticmethod
    def inverse_total(H: Array) -> Array:
        """Return ``1 / sum_k h_ik``, zero for samples without curvature."""
        total = H.sum(axis=0)
        return np.divide(1.0, total, out=np.zeros_like(total), where=total > 0.0)

    def curved(self, h: Array, v: Array) -> Array:
        """Return ``H v``."""
        if not self.coupled:
            return h * v
        H = self.by_output(h)
        hv = H * self.by_output(v)
        return (hv - H * (hv.sum(axis=0) * self.inverse_total(H))).ravel()

    def gram(self, columns: Array, h: Array, mean: Array, known: int, out: Array) -> None:
        """Fill ``out = X' H X`` of some columns."""
        H = self.by_output(h)
        inverse = self.inverse_total(H) if self.coupled else np.zeros(H.shape[1])
        of_ones = self._outputs_of_ones(columns)
        if of_ones is not None:
            out[:] = _between_ones(H, inverse)[of_ones[:, None], of_ones]
            if self.coupled and len(of_ones) == self.n_outputs:
                # Softmax does not see a shift of all classes, and no gradient has one: any curvature will do there.
                out += out.trace() / self.n_outputs
            return
        layout, base = self._layout(columns), self.base
        if isinstance(base, DenseDesign):
            self._dense_gram(base.X, layout.feature, layout, H, inverse, out)
        elif spread_pays(base, len(layout.used)):
            places = np.full(len(columns), -1)
            places[layout.here] = layout.place
            self._dense_gram(base.dense_columns(layout.used), places, layout, H, inverse, out)
        else:
            self._sparse_gram(layout.feature, layout.output, H, inverse, out)

    def _dense_gram(self, X: Array, places: Array, layout: _Layout, H: Array, inverse: Array, out: Array) -> None:
        """Sum over blocks of rows: a product for each output, less one of all columns times ``h / sqrt(sum h)``."""
        k, output = len(places), layout.output
        of_output = [np.flatnonzero(output == c) for c in range(self.n_outputs)]
        root, coupling = np.sqrt(H), np.sqrt(inverse)
        out[:k, :k] = 0.0
        size = max(512, (1 << 21) // max(k, 1))
        for first in range(0, X.shape[0], size):
            rows = slice(first, first + size)
            block = self._centred(X, places, layout, rows)
            for c, mine in enumerate(of_output):
                if len(mine):
                    part = block[mine] * root[c, rows]
                    out[mine[:, None], mine] += part @ part.T
            if self.coupled:
                block = block * (H[:, rows] * coupling[rows])[output]
                out[:k, :k] -= block @ block.T

    def _centred(self, X: Array, places: Array, layout: _Layout, rows: slice) -> Array:
        """Return some rows of the columns ``X[:, places]``, transposed, centred; ones where the place is -1.

        Those of a small problem are kept for the next Newton step on the same working set.
        """
        kept = self._kept_block(layout)
        if kept is not None:
            return kept
        block = X[rows].T[places].astype(np.float64)
        block -= self.centre[layout.feature][:, None]
        block[~layout.here] = 1.0
        if X.shape[0] * len(places) <= _SMALL:
            self._kept = layout, block
        return block

    def _kept_block(self, layout: _Layout) -> Array | None:
        return self._kept[1] if self._kept is not None and self._kept[0] is layout else None

    def _sparse_gram(self, feature: Array, output: Array, H: Array, inverse: Array, out: Array) -> None:
        """Sum over the rows of X, then let the centre and the ones in."""
        base, K, k = self.base, self.n_outputs, len(feature)
        assert isinstance(base, SparseDesign)
        here = np.flatnonzero(feature >= 0)
        raw = np.zeros((len(here), len(here)))
        outputs_gram(base.data, base.rows, base.starts, feature[here], output[here], H, inverse, raw)
        # Products with columns of ones: T[c, l] = x_c' H e_l, and E[k, l] = e_k' H e_l.
        T, E = np.empty((len(here), K)), _between_ones(H, inverse)
        for c in range(K):
            mine = np.flatnonzero(output[here] == c)
            for other in range(K):
                v = -H[c] * H[other] * inverse + (H[c] if c == other else 0.0)
                T[mine, other] = base.dot(feature[here[mine]], v) if len(mine) and v.any() else 0.0
        C = self.centre[feature[here]]
        mine = output[here]
        E_here = E[mine]
        raw -= T[:, mine] * C + (T[:, mine] * C).T - np.outer(C, C) * E_here[:, mine]
        out[np.ix_(here, here)] = raw
        ones = np.flatnonzero(feature < 0)
        cross = T - C[:, None] * E_here
        out[np.ix_(here, ones)] = cross[:, output[ones]]
        out[np.ix_(ones, here)] = out[np.ix_(here, ones)].T
        out[np.ix_(ones, ones)] = E[np.ix_(output[ones], output[ones])]
        assert out.shape == (k, k)

    def entries(self, k: int) -> float:
        """Return about how many entries `k` columns have."""
        return self.base.entries(k)

    def gram_cost(self, k: int) -> float:
        """Return the cost of the Gram matrix of `k` columns of the base, twice where classes are coupled."""
        dense = self.base.shape[0] * k * k / 32.0
        return (2.0 if self.coupled else 1.0) * min(self.base.gram_cost(k), dense)

    def dense_columns(self, columns: Array) -> Array:
        """Return a float64 copy of some columns."""
        out = np.zeros((self.shape[0], len(columns)))
        for c, (j, k) in enumerate(zip(*self.features_and_outputs(columns), strict=True)):
            rows = slice(k * self.base.shape[0], (k + 1) * self.base.shape[0])
            out[rows, c] = 1.0 if j < 0 else self.base.dense_columns(np.array([j]))[:, 0] - self.centre[j]
        return out

    def report(self, w: Array, b: Any) -> tuple[Array, Array, Array]:
        """Return the weights as users know them: those of output ``k`` from number ``k n_features`` on; intercepts."""
        K, m = self.n_outputs, self.base.shape[1]
        used = np.flatnonzero(w[: K * m])
        output, feature = np.divmod(used, max(m, 1))
        ids = output * self.base.n_features + self.base.feature_ids(feature)
        intercept = self.origin - np.bincount(output, w[used] * self.centre[feature], K)
        if len(self.constants):
            intercept = intercept + w[K * m :]
        if self.coupled:
            # Softmax does not see a shift of all classes: their mean is zero, as in glmnet.
            intercept = intercept - intercept.mean()
        return ids, w[used], intercept

    def places(self, features: Array) -> Array | None:
        """Return which columns some weights are, numbered as by `report`."""
        output, feature = np.divmod(features, max(self.base.n_features, 1))
        place = self.base.places(feature)
        return None if place is None else output * self.base.shape[1] + place

    def predictor(self, places: Array, values: Array, intercept: Any) -> Array:
        """Return the linear predictors of a point that `report` has told, one output after the other."""
        output, feature = np.divmod(places, max(self.base.shape[1], 1))
        shift = intercept - self.origin + np.bincount(output, values * self.centre[feature], self.n_outputs)
        return self.times(places, values) + np.repeat(shift, self.base.shape[0])

    def point(self, W: Array, intercept: Array) -> Array:
        """Return the vector of weights (n_outputs, m) and intercepts: what `report` undoes."""
        constants = intercept - self.origin + W @ self.centre if len(self.constants) else np.empty(0)
        return np.concatenate([W.ravel(), constants])


def spread_pays(base: Design, k: int) -> bool:
    """Whether `k` columns are better spread out, for products with BLAS-3."""
    return isinstance(base, DenseDesign) or base.entries(k) > _DENSE * base.shape[0] * k


def _between_ones(H: Array, inverse: Array) -> Array:
    """Return the Hessian in the intercepts."""
    return np.diag(H.sum(axis=1)) - (H * inverse) @ H.T

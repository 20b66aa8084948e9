r"""Effective degrees of freedom of a penalised fit.

With ``A`` the weights that can move (not zero, not at a bound), ``H = X_A' W X_A`` the curvature of the loss at the
fit, centred when there is an intercept, and ``L`` the diagonal of the penalty's l2 part on ``A``

    df = tr H (H + L)^-1

which without an l2 part is the rank of ``X_A``, and ``sum_j d_j^2 / (d_j^2 + n l2)`` for ridge regression with singular
values ``d_j``. Weights without l2 part are eliminated first: they count one each, and what they explain is theirs.
Norms of groups have a second derivative, too, which joins ``L`` (S. Vaiter et al., *The degrees of freedom of partly
smooth regularizers*, Annals of the Institute of Statistical Mathematics 69 (2017)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsereg.penalties import BlockPenalty, ConcavePenalty, SeparablePenalty
from sparsereg.solvers import Problem

__all__ = ["Degrees", "DegreesOfFreedom"]

Array = np.ndarray

_RANK = 1e-12  # of the largest eigenvalue, columns in units of their curvature
_BLOCK = 1 << 22  # entries of dense columns that are held at a time


class Degrees(NamedTuple):
    """Degrees of freedom of the weights, without the intercept, and the part that the penalised ones add."""

    total: float
    selected: float


class DegreesOfFreedom:
    """Degrees of freedom along the path of one problem; what does not move with the strength is kept."""

    def __init__(self, problem: Problem):
        self.problem = problem
        one, two = self._penalty(1.0), self._penalty(2.0)
        self.penalised = (two.l1 > one.l1) | (two.l2 > one.l2)
        if isinstance(one, BlockPenalty):
            self.penalised |= ~one.kinkless
        self._kept: tuple[Array, Array, int, Array] | None = None

    def at(self, alpha: float, places: Array, w: Array, eta: Array, share: float | None = None) -> Degrees:
        """Return the degrees of freedom of weights ``w`` on some occupied columns at a linear predictor.

        Of a relaxed fit, `share` is that of the penalised one: a blend of two smoothers has the blend of their traces.
        """
        penalty = self._penalty(alpha)
        moves = (w != 0.0) & ~(_touches(w, penalty.lower[places]) | _touches(w, penalty.upper[places]))
        places, w = places[moves], w[moves]
        if share is None:
            return self._of(penalty, places, w, eta)
        refit = self._of(self._penalty(0.0), places, w, eta)
        if share == 0.0:
            return refit
        fit = self._of(penalty, places, w, eta)
        return Degrees(*(share * a + (1.0 - share) * b for a, b in zip(fit, refit, strict=True)))

    def _penalty(self, alpha: float) -> SeparablePenalty | BlockPenalty:
        penalty = self.problem.at(alpha).penalty
        if isinstance(penalty, ConcavePenalty):
            # As L1, the number of weights (H. Wang, R. Li and C.-L. Tsai, Biometrika 94 (2007)).
            penalty = penalty.majorizer(np.zeros(self.problem.design.shape[1]))
        if not isinstance(penalty, SeparablePenalty | BlockPenalty):
            raise TypeError(
                f"path must have an L1, L2, elastic net, group, MCP, SCAD or no penalty: the degrees of freedom of "
                f"{type(penalty).__name__} are not known"
            )
        return penalty

    def _of(self, penalty: SeparablePenalty | BlockPenalty, places: Array, w: Array, eta: Array) -> Degrees:
        chosen, l2 = self.penalised[places], penalty.l2[places]
        if isinstance(penalty, BlockPenalty):
            total = self._trace_of_blocks(penalty, places, w, self.problem.gradient_hessian(eta)[1])
            return Degrees(total, total - float((~chosen).sum()))
        if penalty.kinked and not l2.any():  # the lasso: no matrix is needed
            return Degrees(float(len(places)), float(chosen.sum()))
        _, h = self.problem.gradient_hessian(eta)
        total = self._trace(places, l2, h)
        if chosen.all():
            return Degrees(total, total)
        rank, mu = spectrum(self.problem, places[~chosen], l2[~chosen], h)
        return Degrees(total, total - rank - float(np.sum(mu / (mu + 1.0))))

    def _trace(self, places: Array, l2: Array, h: Array) -> float:
        """Return ``tr H (H + L)^-1``; a quadratic loss needs no new spectrum while only the strength changes."""
        unit = float(l2.max(initial=0.0))
        shape = l2 / unit if unit > 0.0 else l2
        kept = self._kept
        if kept is None or not self.problem.loss.quadratic or not _same(kept[0], places) or not _same(kept[1], shape):
            kept = self._kept = (places, shape, *spectrum(self.problem, places, shape, h))
        _, _, rank, mu = kept
        return rank + float(np.sum(mu / (mu + unit)))

    def _trace_of_blocks(self, penalty: BlockPenalty, places: Array, w: Array, h: Array) -> float:
        """Return ``tr H (H + L)^-1`` where ``L`` is the second derivative of the penalty, norms of blocks included."""
        if len(places) == 0:
            return 0.0
        G, mean, of = np.empty((len(places), len(places))), _means(self.problem, places, h), penalty.block.of[places]
        self.problem.design.gram(places, h, mean, 0, G)
        v = penalty.scale[places] * w
        size = np.sqrt(np.bincount(of, weights=v * v))[of]
        pull = penalty.norm[of] / size
        inward = penalty.scale[places] * v / size
        L = np.diag(penalty.l2[places] + pull * penalty.scale[places] ** 2)
        L -= np.where(of[:, None] == of, np.outer(pull * inward, inward), 0.0)
        unit = 1.0 / np.sqrt(np.maximum((G + L).diagonal(), np.finfo(np.float64).tiny))
        units = np.outer(unit, unit)
        return float(np.trace(np.linalg.pinv((G + L) * units, rcond=_RANK, hermitian=True) @ (G * units)))


def spectrum(problem: Problem, places: Array, l2: Array, h: Array) -> tuple[int, Array]:
    """Return the rank of the columns without l2 part and the eigenvalues of the others in units of theirs."""
    if len(places) == 0:
        return 0, np.empty(0)
    by_columns = len(places) <= len(h)
    return (_by_columns if by_columns else _by_rows)(problem, places, l2, h)


def _by_columns(problem: Problem, places: Array, l2: Array, h: Array) -> tuple[int, Array]:
    k = len(places)
    G = np.empty((k, k))
    mean = _means(problem, places, h)
    problem.design.gram(places, h, mean, 0, G)
    curvature = G.diagonal().copy()
    used = curvature > 1e-14 * h.sum() * mean * mean  # else constant to rounding
    unit = np.sqrt(np.divide(1.0, curvature, out=np.zeros(k), where=used))
    G *= np.outer(unit, unit)
    plain, ridged = used & (l2 == 0.0), used & (l2 > 0.0)
    S = G[np.ix_(ridged, ridged)]
    values, vectors = _positive(G[np.ix_(plain, plain)])
    if len(values):
        shared = (vectors.T @ G[np.ix_(plain, ridged)]) / np.sqrt(values)[:, None]
        S = S - shared.T @ shared
    root = 1.0 / (unit[ridged] * np.sqrt(l2[ridged]))
    return len(values), np.maximum(np.linalg.eigvalsh(S * np.outer(root, root)), 0.0)


def _by_rows(problem: Problem, places: Array, l2: Array, h: Array) -> tuple[int, Array]:
    """As `_by_columns`, where there are more columns than samples: matrices of (n_samples, n_samples)."""
    n = len(h)
    K, plain = np.zeros((n, n)), np.zeros((n, n))
    mean, size = _means(problem, places, h), max(_BLOCK // n, 1)
    for first in range(0, len(places), size):
        part = slice(first, first + size)
        rows = np.sqrt(h)[:, None] * (problem.design.dense_columns(places[part]) - mean[part])
        ridged = l2[part] > 0.0
        scaled = rows[:, ridged] / np.sqrt(l2[part][ridged])
        K += scaled @ scaled.T
        norms = np.linalg.norm(rows[:, ~ridged], axis=0)
        unit = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0.0)
        plain += (rows[:, ~ridged] * unit) @ (rows[:, ~ridged] * unit).T
    values, vectors = _positive(plain)
    if not l2.any():
        return len(values), np.empty(0)
    if len(values):
        K -= vectors @ (vectors.T @ K)
        K -= (K @ vectors) @ vectors.T
    return len(values), np.maximum(np.linalg.eigvalsh(K), 0.0)


def _positive(G: Array) -> tuple[Array, Array]:
    """Return the eigenvalues above rounding and their vectors."""
    if not G.any():
        return np.empty(0), np.empty((len(G), 0))
    values, vectors = np.linalg.eigh(G)
    keep = values > _RANK * values[-1]
    return values[keep], vectors[:, keep]


def _means(problem: Problem, places: Array, h: Array) -> Array:
    if not problem.fit_intercept:
        return np.zeros(len(places))
    return problem.design.dot(places, h) / h.sum()


def _touches(w: Array, bound: Array) -> Array:
    """Whether a weight is at its bound; the blend of two that are may be off by rounding."""
    return np.isfinite(bound) & (np.abs(w - bound) <= 1e-14 * np.abs(bound))


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-14, atol=0.0))

"""What all estimators share: one `fit` around one `Problem` per output, and the attributes it leaves."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sparsereg.linear_model.kept import linear_predictor
from sparsereg.linear_model.validation import (
    all_or_nothing,
    check_matrix,
    check_number,
    check_offset,
    check_settings,
)
from sparsereg.losses import Loss, get_loss
from sparsereg.penalties import Penalty, get_penalty
from sparsereg.solvers import Design, Problem, Progress, Solution, as_design, joint_problem
from sparsereg.solvers.outputs import OutputsDesign
from sparsereg.solvers.starts import solve_from_several

__all__ = ["NO_MINIMUM", "Data", "SparseLinearModel", "coefficients", "how_exact", "warn_once"]

Array = np.ndarray


NO_MINIMUM = (
    "there is no finite minimum: without a penalty, or where a concave one is flat, the weights of some columns can "
    "grow for ever and the loss still falls (separable classes, or columns that occur only where the target is zero). "
    "Add a penalty; to a concave one bounds, or a larger alpha."
)


class Data(NamedTuple):
    """What is to be fitted, checked: matrix, targets of shape (n_samples, n_outputs), weights and offset or None."""

    X: Any
    Y: Array
    sample_weight: Array | None
    offset: Array | None


class SparseLinearModel(BaseEstimator):
    r"""Base of the estimators: parameters, a loss and a penalty; everything else is here.

    All minimise ``(1 / sum_i s_i) sum_i s_i f(y_i, o_i + b + x_i . w) + Omega_alpha(w)``.
    """

    alpha: float
    fit_intercept: bool
    tol: float
    max_iter: int
    warm_start: bool
    verbose: int

    def _loss(self) -> Loss:
        return get_loss(self.loss)  # type: ignore[attr-defined]

    def _penalty(self) -> Penalty:
        return get_penalty(self.penalty)  # type: ignore[attr-defined]

    def _options(self) -> dict[str, Any]:
        """Return what `Problem.from_data` takes beside data, loss, penalty and strength."""
        names = ("standardize", "penalty_factor", "lower", "upper", "dropout")
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _check_settings(self) -> None:
        check_settings(self)

    def _prepare(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Data:
        """Check parameters and data, note what `fit` learns from their form, return what is to be solved."""
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> None:
        """Prepare, solve one problem per output, keep the answers; all or nothing."""
        with all_or_nothing(self):
            problems = self._problems(self._prepare(X, y, sample_weight, offset))
            starts = self._starts(problems)
            callback = _print_line if self.verbose else None
            n_starts = int(getattr(self, "n_starts", 1))
            solutions = [
                solve_from_several(problem, start, n_starts, tol=self.tol, max_iter=self.max_iter, callback=callback)
                for problem, start in zip(problems, starts, strict=True)
            ]
            self._keep(solutions)
            warn_once(self, solutions)

    def _joint_loss(self, n_outputs: int) -> Loss | None:
        """Return the loss of all outputs as one problem, None if each is one of its own."""
        return None

    def _problems(self, data: Data) -> list[Problem]:
        """Return one problem per output, or one for all, on one design; notes what `_keep` must know of the data."""
        design = as_design(data.X)
        self._dtype, self._with_offset = data.X.dtype, data.offset is not None
        names = getattr(self, "feature_names_in_", None)
        n_outputs = data.Y.shape[1]
        joint = self._joint_loss(n_outputs)
        if joint is not None:
            offset = data.offset
            if offset is not None and offset.ndim == 1:
                offset = np.repeat(offset[:, None], n_outputs, axis=1)
            return [
                joint_problem(
                    design,
                    data.Y,
                    joint,
                    self._penalty(),
                    self.alpha,
                    sample_weight=data.sample_weight,
                    offset=offset,
                    fit_intercept=bool(self.fit_intercept),
                    feature_names=names,
                    **self._options(),
                )
            ]
        return [
            Problem.from_data(
                design,
                np.ascontiguousarray(y, dtype=np.float64),
                self._loss(),
                penalty,
                self.alpha,
                sample_weight=data.sample_weight,
                offset=data.offset,
                fit_intercept=bool(self.fit_intercept),
                feature_names=names,
                **self._options(),
            )
            for y, penalty in zip(data.Y.T, self._penalties(data, design), strict=True)
        ]

    def _penalties(self, data: Data, design: Design) -> list[Penalty]:
        """Return the penalty of each output, which may depend on the data."""
        return [self._penalty()] * data.Y.shape[1]

    def _starts(self, problems: Sequence[Problem]) -> list[tuple[Array, float] | None]:
        """Return the last fit on today's occupied columns; cold if there is none or the shape is another."""
        last, design = getattr(self, "sparse_coef_", None), problems[0].design
        joint = design if isinstance(design, OutputsDesign) else None
        n_outputs, base = (len(problems), design) if joint is None else (joint.n_outputs, joint.base)
        if not self.warm_start or last is None or last.shape != (n_outputs, base.n_features):
            return [None] * len(problems)
        intercepts = np.broadcast_to(self.intercept_ if self.fit_intercept else 0.0, n_outputs).astype(np.float64)
        W = np.array([_on_occupied(base, last, k) for k in range(n_outputs)])
        if joint is not None:
            return [(joint.point(W, intercepts), 0.0)]
        return [(w, float(b)) for w, b in zip(W, intercepts, strict=True)]

    def _keep(self, solutions: Sequence[Solution]) -> None:
        """Copy the solutions, one per output, into the fitted attributes."""
        self.sparse_coef_, intercepts = coefficients(solutions, self._dtype)
        self.intercept_ = intercepts if self._two_dimensional else intercepts[0]
        single = len(solutions) == 1
        self.dual_gap_ = solutions[0].gap if single else np.array([s.gap for s in solutions])
        gaps = [s.relative_gap for s in solutions]
        self.relative_gap_ = gaps[0] if single else np.array(gaps)
        self.kkt_violation_ = solutions[0].violation if single else np.array([s.violation for s in solutions])
        self._gap_units = [s.scale if 0.0 < s.scale < np.inf else 1.0 for s in solutions]  # as in relative_gap
        self.n_iter_ = max(s.n_iter for s in solutions)
        self.history_ = list(solutions[0].history) if single else [list(s.history) for s in solutions]

    @property
    def coef_(self) -> Array:
        """Dense coefficients, read-only, built at each access; what is stored is `sparse_coef_`."""
        if "sparse_coef_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted: it has no coef_ yet")
        coef = self.sparse_coef_.toarray()
        if self._flat:
            coef = coef[0]
        coef.flags.writeable = False
        return coef

    def _linear_predictor(self, X: Any, offset: Any) -> Array:
        """Return ``o + b + X w``, of shape (n_samples, n_outputs) or, for one flat output, (n_samples,)."""
        check_is_fitted(self)
        if self._with_offset and offset is None:
            raise ValueError(
                "this model was fitted with an offset and needs one here: pass offset=..., or offset=0 if that is meant"
            )
        X = check_matrix(self, X, reset=False)
        offset = check_offset(offset, X.shape[0], self.sparse_coef_.shape[0])
        eta = linear_predictor(X, self.sparse_coef_) + self.intercept_
        if offset is not None:
            eta = eta + (offset if offset.ndim == 2 else offset[:, None])
        return eta[:, 0] if self._flat else eta

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _on_occupied(design: Design, coef: sp.csr_array, output: int) -> Array:
    """Return the weights of an output on the occupied columns of a design."""
    entries = slice(coef.indptr[output], coef.indptr[output + 1])
    ids, w = coef.indices[entries].astype(np.int64), np.zeros(design.shape[1])
    place = ids if design.columns is None else np.searchsorted(design.columns, ids)
    here = place < len(w)
    if design.columns is not None:
        here[here] = design.columns[place[here]] == ids[here]
    w[place[here]] = coef.data[entries][here]
    return w


def coefficients(solutions: Sequence[Solution], dtype: np.dtype) -> tuple[sp.csr_array, Array]:
    """Return the weights, (n_outputs, n_features), and the intercepts of solutions, one per output or one for all."""
    intercepts = np.concatenate([np.atleast_1d(s.intercept) for s in solutions])
    n_outputs, total = len(intercepts), sum(s.n_features for s in solutions)
    n_features = total // n_outputs
    values = np.concatenate([s.coef_value for s in solutions]).astype(dtype)
    firsts = np.cumsum([0, *(s.n_features for s in solutions[:-1])])
    ids = np.concatenate([first + s.coef_index for first, s in zip(firsts, solutions, strict=True)])
    if n_outputs == 1:
        indptr = np.array([0, len(ids)])
    else:
        output, ids = np.divmod(ids, max(n_features, 1))
        indptr = np.searchsorted(output, np.arange(n_outputs + 1))
    if n_features <= np.iinfo(np.int32).max:
        ids, indptr = ids.astype(np.int32), indptr.astype(np.int32)
    return sp.csr_array((values, ids, indptr), shape=(n_outputs, n_features)), intercepts.astype(dtype)


def check_model_settings(model: Any) -> None:
    """Check the parameters of the general estimators."""
    check_settings(model)
    if hasattr(model, "n_starts"):
        check_number("n_starts", model.n_starts, Integral, 1)
    if hasattr(model, "dropout"):
        check_number("dropout", model.dropout)
        if model.dropout >= 1.0:
            raise ValueError(f"dropout must lie in [0, 1); got {model.dropout!r}")


def _print_line(progress: Progress) -> None:
    r = progress.record
    sys.stdout.write(
        f"iteration {r.iteration:3d}  objective {r.objective:.8g}  gap {r.gap:.1e}  violation {r.violation:.1e}  "
        f"nonzeros {r.n_nonzero}  working set {r.working_set}  epochs {r.epochs}  step {r.step:g}  {r.time:.2f} s\n"
    )


def how_exact(solutions: Iterable[Solution]) -> str:
    """Return the largest gap in words; where none exists, as with concave penalties, the largest violation."""
    solutions = list(solutions)
    gaps = [s.relative_gap for s in solutions if not np.isnan(s.relative_gap)]
    if gaps:
        return f"relative duality gap {max(gaps):.1e}"
    return f"violation of the optimality conditions {max(s.violation for s in solutions):.1e}"


def warn_once(model: Any, solutions: Sequence[Solution]) -> None:
    """Warn about the worst output that did not converge."""
    failed = [s for s in solutions if not s.converged]
    if not failed:
        return
    worst = max(failed, key=lambda s: s.relative_gap if np.isfinite(s.relative_gap) else np.inf)
    if worst.status == "no_finite_minimum":
        message = NO_MINIMUM
    else:
        message = (
            f"not converged ({worst.status}): {how_exact(failed)} after {worst.n_iter} "
            f"iterations, tol={model.tol:g} asked for. Increase max_iter (now {model.max_iter}), increase tol, bring "
            "the columns to a similar scale (standardize=True or a scaler) or increase alpha."
        )
    warnings.warn(message, ConvergenceWarning, stacklevel=4)

"""CompactModel: a fitted linear model of which only the nonzero weights are left. It needs numpy and scipy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from scipy.special import log_expit, log_softmax

from sparsereg.compression import container
from sparsereg.compression.export_json import json_text
from sparsereg.compression.export_onnx import onnx_bytes
from sparsereg.compression.export_sql import sql_text
from sparsereg.compression.inputs import needed_columns
from sparsereg.compression.links import INVERSE_LINKS, PROBABILITIES, probabilities, respond
from sparsereg.compression.stored_weights import StoredWeights

__all__ = ["CompactModel", "CompactReport"]

Array = np.ndarray
File = str | PathLike | BinaryIO


class CompactReport(NamedTuple):
    """What became of a model: bytes, columns, change of predictions."""

    n_features: int
    """Columns of the X that it was fitted on."""
    n_needed: int
    """Columns that prediction still needs."""
    n_weights: int
    """Weights, over all outputs."""
    bytes_before: int
    """Of dense coefficients and intercepts in double precision."""
    bytes_after: int
    """Of the file that `CompactModel.save` writes."""
    largest_change: float | None
    """Of a prediction on the X given to `compact`, absolute; None without X."""
    mean_change: float | None
    """The mean of the absolute changes."""

    def __str__(self) -> str:
        lines = [
            f"bytes     {self.bytes_before:,} -> {self.bytes_after:,}",
            f"columns   {self.n_features:,} -> {self.n_needed:,} ({self.n_weights:,} weights)",
        ]
        if self.largest_change is not None:
            lines.append(f"change    {self.largest_change:.2g} at most, {self.mean_change:.2g} on average")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class CompactModel:
    """A fitted linear model of which only the nonzero weights are left.

    ``compact`` makes one, `CompactModel.load` reads one. Predictions are those of the model it was made from, up to the
    rounding of the weights, in double precision; they look at the columns `needed_features_` only.

    Attributes
    ----------
    needed_features_ : ndarray of int64 of shape (n_needed,)
        Numbers of the columns that have a weight, ascending.
    needed_feature_names_ : list of str or None
        Their names, if the model was fitted with names.
    n_features_in_ : int
        Columns of the X that the model was fitted on.
    classes_ : ndarray of shape (n_classes,) or None
        None for regressors.
    intercept_ : ndarray of shape (n_outputs,)
    weights_ : StoredWeights
        Codes, scales, and where they belong.
    inverse_link : str
        "identity", "exp", "expit", "softmax" or "normalised_expit" (one against the rest).
    needs_offset : bool
        Whether the model was fitted with an offset.

    Notes
    -----
    `X` of all methods: an array of shape (n_samples, n_features_in_), a sparse matrix of that shape, or a mapping or
    data frame that holds the needed features: under their names if the model was fitted with names, else under their
    numbers. A mapping of numbers is one sample.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg import SparseRegressor, compact
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 1000))
    >>> model = SparseRegressor(alpha=0.5).fit(X, 3 * X[:, 7] - 2 * X[:, 400])
    >>> small = compact(model, dtype="float32")
    >>> small.needed_features_
    array([  7, 400])
    >>> small.predict({7: 1.0, 400: 0.0}).round(2)
    array([2.42])
    """

    n_features_in_: int
    needed_features_: Array
    needed_feature_names_: list[str] | None
    weights_: StoredWeights
    intercept_: Array
    inverse_link: str
    classes_: Array | None
    flat: bool
    needs_offset: bool
    change: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        n_outputs, needed = len(self.weights_.counts), self.needed_features_
        if n_outputs != len(self.intercept_) or not np.isfinite(self.intercept_).all():
            raise ValueError("each output must have a finite intercept")
        if len(needed) != self.weights_.n_needed or (np.diff(needed) <= 0).any():
            raise ValueError("needed features must ascend, one for each place of a weight")
        if len(needed) and not 0 <= needed[0] <= needed[-1] < self.n_features_in_:
            raise ValueError("needed features must be among the features")
        if self.needed_feature_names_ is not None and len(set(self.needed_feature_names_)) != len(needed):
            raise ValueError("names must be as many as needed features, and differ")
        _check_response(self.inverse_link, self.classes_, n_outputs, self.flat)

    def __repr__(self) -> str:
        kind = "regressor" if self.classes_ is None else f"classifier of {len(self.classes_)} classes"
        return (
            f"<CompactModel: {kind}, {len(self.weights_.codes):,} weights in {self.dtype} "
            f"on {len(self.needed_features_):,} of {self.n_features_in_:,} features>"
        )

    @property
    def dtype(self) -> np.dtype:
        """Of the codes of the weights."""
        return self.weights_.codes.dtype

    @cached_property
    def _matrix(self) -> Any:
        return self.weights_.matrix()

    def _linear_predictor(self, X: Any, offset: Any) -> Array:
        if self.needs_offset and offset is None:
            raise ValueError(
                "this model was fitted with an offset and needs one here: pass offset=..., or offset=0 if that is meant"
            )
        columns = needed_columns(X, self.needed_features_, self.needed_feature_names_, self.n_features_in_)
        eta = columns @ self._matrix
        eta = np.asarray(eta if isinstance(eta, np.ndarray) else eta.toarray(), dtype=np.float64) + self.intercept_
        return eta if offset is None else eta + _offset(offset, len(eta))[:, None]

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Return the linear predictor, of classifiers: the log-odds of ``classes_[1]``, or a column per class.

        Parameters
        ----------
        X : array-like, sparse matrix, mapping or data frame
        offset : array-like of shape (n_samples,) or float, default=None
            Required if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        eta = self._linear_predictor(X, offset)
        return eta[:, 0] if self.flat and eta.shape[1] == 1 else eta

    def predict(self, X: Any, offset: Any = None) -> Array:
        """Return the predicted mean, or class; parameters as in `decision_function`."""
        eta = self._linear_predictor(X, offset)
        if self.classes_ is None:
            mean = respond(self.inverse_link, eta)
            return mean[:, 0] if self.flat else mean
        best = (eta[:, 0] > 0.0).astype(np.intp) if eta.shape[1] == 1 else eta.argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the probabilities of all classes, (n_samples, n_classes); parameters as in `decision_function`."""
        self._require_probabilities()
        return probabilities(self.inverse_link, self._linear_predictor(X, offset))

    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """Return the logarithms of the probabilities, exact in the tails; parameters as in `decision_function`."""
        self._require_probabilities()
        eta = self._linear_predictor(X, offset)
        if self.inverse_link == "expit":
            return np.hstack([log_expit(-eta), log_expit(eta)])
        return log_softmax(eta if self.inverse_link == "softmax" else log_expit(eta), axis=1)

    def _require_probabilities(self) -> None:
        if self.inverse_link not in PROBABILITIES:
            raise AttributeError(
                "this model has no probabilities: it is a regressor, or a classifier whose probabilities are no "
                "logistic function of its decision function. decision_function and predict work"
            )

    @property
    def response_method(self) -> str:
        """The method whose changes count: "predict_proba", "decision_function" where it is missing, or "predict"."""
        if self.classes_ is None:
            return "predict"
        return "predict_proba" if self.inverse_link in PROBABILITIES else "decision_function"

    def report(self) -> CompactReport:
        """Return bytes before and after, columns that are needed, and by how much predictions changed."""
        n_outputs, (largest, mean) = len(self.intercept_), self.change or (None, None)
        return CompactReport(
            n_features=self.n_features_in_,
            n_needed=len(self.needed_features_),
            n_weights=len(self.weights_.codes),
            bytes_before=8 * n_outputs * (self.n_features_in_ + 1),
            bytes_after=len(container.pack(self)),
            largest_change=largest,
            mean_change=mean,
        )

    def save(self, file: File) -> None:
        """Write the model into a file.

        The file is a zip archive in numpy's npz form, without pickle: ``model.json`` for people, ``features.npy`` and
        ``weights.npy`` for the numbers (and ``places.npy`` with several outputs). ``docs/compact_models.md`` has the
        format. Equal models make equal bytes.

        Parameters
        ----------
        file : path or binary file
            A path is replaced as a whole once everything is written.
        """
        container.write(container.pack(self), file)

    def to_json(self) -> str:
        """Return the model as a JSON document: per output an intercept, features and their weights.

        Features go by name if the model was fitted with names, else by number. Weights are those that `predict` uses,
        to the last bit: whoever adds up ``value * weight`` in double precision has its predictions but for the order
        of summation. ``docs/compact_models.md`` has the format.
        """
        return json_text(self)

    def to_sql(self, *, prefix: str = "model", data: str = "data", samples: str | None = None) -> str:
        """Return the model as an SQL script: tables of weights, and views of predictions that join them with data.

        The data are a table ``(sample, feature, value)`` with a row for each value that is not zero; features are names
        if the model was fitted with names, else numbers. The views are ``<prefix>_scores`` (sample, output, score: the
        linear predictor), ``<prefix>_predictions`` (sample, prediction; of regressors also output) and, of classifiers
        that have them, ``<prefix>_probabilities`` (sample, label, probability).

        Parameters
        ----------
        prefix : str, default="model"
            What the names of all tables and views begin with.
        data : str, default="data"
            The table of the data.
        samples : str, default=None
            A table with the column ``sample``, and ``sample_offset`` for models fitted with an offset. Without, samples
            are those in `data`: none that has zeros only.
        """
        return sql_text(self, prefix, data, samples)

    def to_onnx(self, *, dtype: str = "float64") -> bytes:
        """Return the model as an ONNX graph of opset 17; needs the package onnx.

        Inputs are ``X``, (n_samples, n_needed), the columns `needed_features_` in their order, and ``offset``,
        (n_samples, 1), for models fitted with one. Outputs of regressors: ``prediction``, (n_samples, n_outputs); of
        classifiers: ``label``, (n_samples,), and ``probabilities``, (n_samples, n_classes), or ``decision`` where there
        are none. The metadata say which features are needed.

        Parameters
        ----------
        dtype : {"float64", "float32"}, default="float64"
            Of inputs, outputs and all that is computed. float64 agrees with `predict` to about 1e-14 of the sum of
            ``|value * weight|``, float32 to 1e-6. Not every runtime has all operators in float64; onnxruntime on CPUs
            has.
        """
        if dtype not in ("float64", "float32"):
            raise ValueError(f"dtype must be 'float64' or 'float32'; got {dtype!r}")
        return onnx_bytes(self, dtype)

    @classmethod
    def load(cls, file: File, *, max_bytes: int = 268_435_456) -> CompactModel:
        """Read a model from a file, whoever it comes from: nothing in it is executed.

        Parameters
        ----------
        file : path or binary file
        max_bytes : int, default=268435456
            Largest size of the file, and of its contents unpacked with eight bytes for each number (of ``model.json`` a
            sixteenth), that is accepted. Loading takes a small multiple of it at most.

        Returns
        -------
        CompactModel

        Raises
        ------
        ValueError
            The file is damaged, of a newer version, too large, or no compact model.
        """
        return container.unpack(container.read(file, max_bytes), max_bytes, cls)


def _offset(offset: Any, n_samples: int) -> Array:
    values = np.asarray(offset, dtype=np.float64)
    if values.shape not in ((), (n_samples,)) or not np.isfinite(values).all():
        raise ValueError(f"offset must be a finite number or have shape ({n_samples},); got shape {values.shape}")
    return np.broadcast_to(values, (n_samples,))


def _check_response(inverse_link: str, classes: Array | None, n_outputs: int, flat: bool) -> None:
    """Require that link, classes and number of outputs belong together."""
    if inverse_link not in INVERSE_LINKS:
        raise ValueError(f"the inverse link must be one of {sorted(INVERSE_LINKS)}; got {inverse_link!r}")
    if classes is None:
        if inverse_link in PROBABILITIES or n_outputs < 1 or (flat and n_outputs > 1):
            raise ValueError("a regressor must have a mean as response, and be flat only with one output")
        return
    if len(classes) < 2 or n_outputs != (1 if len(classes) == 2 else len(classes)) or len(set(classes)) < len(classes):
        raise ValueError("a classifier must have classes that differ, and one output for two, else one per class")
    if inverse_link == "exp" or (inverse_link in PROBABILITIES and (inverse_link == "expit") != (n_outputs == 1)):
        raise ValueError(f"the inverse link {inverse_link!r} is not for a classifier of {len(classes)} classes")

"""How the models of a search are scored: scikit-learn's scorers, called on many models of one pipeline."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import copy
from functools import cached_property, partial, wraps
from inspect import signature
from numbers import Number
from traceback import format_exc
from typing import Any

import scipy.sparse as sp
from sklearn.metrics import accuracy_score, check_scoring, make_scorer
from sklearn.utils.metadata_routing import process_routing

from sparsereg.model_selection.known_metrics import formula_of, predictor_of
from sparsereg.model_selection.last_step import routing_enabled, through, with_last_step
from sparsereg.model_selection.path import Path

__all__ = ["Examination", "Scorers", "with_offset"]

_MADE_BY_SCIKIT_LEARN = type(make_scorer(accuracy_score))
_PREDICTIONS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Scorers:
    """The scorers of a search, by name; the only one is called "score"."""

    def __init__(self, estimator: Any, scoring: Any, error_score: Any):
        self.scorer = check_scoring(estimator, scoring, raise_exc=error_score == "raise")
        self.error_score = error_score
        self.several = isinstance(scoring, list | tuple | set | dict)
        specs = scoring if isinstance(scoring, dict) else {name: name for name in scoring} if self.several else None
        specs = {"score": scoring} if specs is None else specs
        self.by_name = {name: check_scoring(estimator, spec) for name, spec in specs.items()}
        self.default = {name for name, spec in specs.items() if spec is None}
        self.known = {name: spec for name, spec in specs.items() if isinstance(spec, str)}
        self._estimator = estimator

    @property
    def fitted(self) -> Any:
        """What `scorer_` is to be."""
        return self.by_name if self.several else self.scorer

    def takes_weights(self, name: str) -> bool:
        """Return whether a scorer takes sample weights.

        scikit-learn's scorers take any keyword; what they pass on depends on the metric in them. Should that attribute
        go, weights are passed, and a metric without them says so.
        """
        scorer = self._estimator.score if name in self.default else self.by_name[name]
        return "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters

    def metadata(self, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return which metadata goes to which scorer."""
        if routing_enabled():
            if not self.several or not params:
                return {name: params for name in self.by_name}
            routed = process_routing(self.scorer, "score", **params)
            return {name: dict(routed[name].score) for name in self.by_name}
        if params.get("sample_weight") is None:
            return {name: {} for name in self.by_name}
        taking = {name for name in self.by_name if self.takes_weights(name)}
        for name in self.by_name.keys() - taking:
            warnings.warn(
                f"the scorer {self.by_name[name]!r} takes no sample_weight: models are fitted with weights but their "
                "scores are not weighted",
                UserWarning,
                stacklevel=5,
            )
        return {name: params if name in taking else {} for name in self.by_name}


class Examination:
    """Scores the models of one fitted pipeline, which differ in the last step, on some rows."""

    def __init__(
        self, scorers: Scorers, pipeline: Any, X: Any, y: Any, params: dict[str, dict[str, Any]], offset: Any = None
    ):
        self.scorers, self.pipeline = scorers, pipeline
        self.X, self.y, self.params, self.offset = X, y, params, offset

    @cached_property
    def _seen(self) -> Any:
        """What the last step sees of X; made once for all models."""
        return _by_column(through(self.pipeline, self.X)[0])

    @cached_property
    def _seen_by_score(self) -> dict[str, tuple[Any, dict[str, Any]]]:
        """The same for the estimator's own score, whose metadata may concern the transformers."""
        return {
            name: through(self.pipeline, self.X, "score", self.params[name]) if self.params[name] else (self._seen, {})
            for name in self.scorers.default
        }

    def of_path(self, path: Path) -> Callable[[int], Any]:
        """Return a function that gives the score, or the dict of scores, of the model at one of a path's strengths."""
        formulas, predict = self._formulas(path)
        intercepts = path.intercepts.ravel()

        def score(k: int) -> Any:
            eta = None if predict is None else predict(path._solutions[k][0], float(intercepts[k]))
            if eta is None:
                return self(path._estimator_at(k))
            scores = {name: formula(eta) for name, formula in formulas.items()}
            return scores if self.scorers.several else scores["score"]

        return score

    def _formulas(self, path: Path) -> tuple[dict[str, Any], Any]:
        """Return the formula of each scorer and what predicts for them; None where one has none."""
        known = self.scorers.known
        if known.keys() != self.scorers.by_name.keys() or len(path._solutions[0]) > 1:
            return {}, None
        model = path._estimator_at(0)
        try:
            formulas = {name: formula_of(spec, model, self.y, self.params[name]) for name, spec in known.items()}
            if None not in formulas.values() and (self.offset is not None or not model._with_offset):
                return formulas, predictor_of(model, self._seen, self.offset)
        except Exception:  # the scorer will meet it too, and error_score says what is to be done then
            pass
        return {}, None

    def __call__(self, model: Any) -> Any:
        """Return the score of a model, or a dict of scores; a scorer that fails gives the error score."""
        shown = with_offset(model, self.offset, remember=self.scorers.several)
        if self.scorers.several:
            return {name: self._score(name, shown) for name in self.scorers.by_name}
        return self._score("score", shown)

    def _score(self, name: str, model: Any) -> Any:
        error_score = self.scorers.error_score
        try:
            score = self._call(name, model)
        except Exception:
            if error_score == "raise":
                raise
            warnings.warn(
                "Scoring failed. The score on this train-test partition for these parameters will be set to "
                f"{error_score}. Details: \n{format_exc()}",
                UserWarning,
                stacklevel=4,
            )
            return error_score
        if isinstance(score, dict):
            return {key: _number(value, key) for key, value in score.items()}
        return _number(score, self.scorers.by_name[name])

    def _call(self, name: str, model: Any) -> Any:
        scorer, params = self.scorers.by_name[name], self.params[name]
        if name in self.scorers.default:
            X, params = self._seen_by_score[name]
            return model.score(X, self.y, **params)
        if isinstance(scorer, _MADE_BY_SCIKIT_LEARN):  # it only predicts: the last step with its own input will do
            return scorer(model, self._seen, self.y, **params)
        return scorer(with_last_step(self.pipeline, model), self.X, self.y, **params)


def _by_column(X: Any) -> Any:
    """Return a sparse X laid out for many models, which read the few columns they use.

    Predictions take 0.6 to 0.07 of the time of those from rows. Where there are more columns than entries, X stays:
    the layout would cost more than X.
    """
    return X.tocsc() if sp.issparse(X) and X.format == "csr" and X.shape[1] <= X.nnz else X


def with_offset(model: Any, offset: Any, remember: bool = False) -> Any:
    """Return a model whose predictions take an offset unless they are given another.

    Scorers ask for predictions without one, which a model that was fitted with an offset refuses. It is a shallow copy
    with other methods, so that it has the model's class and attributes. With `remember`, predictions of the last X are
    kept, for the next scorer.
    """
    if offset is None and not remember:
        return model
    shown = copy(model)
    for name in (*_PREDICTIONS, "score"):
        if hasattr(model, name):
            method = getattr(model, name)
            if offset is not None:
                method = wraps(method)(partial(method, offset=offset))  # scorers ask methods for their name
            vars(shown)[name] = _remembered(method) if remember and name != "score" else method
    return shown


def _remembered(method: Callable[..., Any]) -> Callable[..., Any]:
    last: list[Any] = []

    @wraps(method)
    def call(X: Any, **params: Any) -> Any:
        if params:
            return method(X, **params)
        if not last or last[0] is not X:
            last[:] = X, method(X)
        return last[1]

    return call


def _number(score: Any, name: Any) -> Any:
    """Return a score as a number, unpacked from an array of one."""
    if hasattr(score, "item") and getattr(score, "size", 1) == 1:
        score = score.item()
    if not isinstance(score, Number):
        raise ValueError(f"scoring must return a number, got {score} ({type(score)}) instead. (scorer={name})")
    return score

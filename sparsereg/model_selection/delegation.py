"""What a fitted search passes on to its best estimator."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sparsereg.model_selection.last_step import last_step, routing_enabled, with_last_step
from sparsereg.model_selection.scoring import with_offset

__all__ = ["DELEGATED", "BestEstimator", "requested_offset"]

DELEGATED = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "inverse_transform")


def _best_has(name: str) -> Callable[[Any], bool]:
    def check(search: Any) -> bool:
        _require_refit(search, name)
        getattr(getattr(search, "best_estimator_", search.estimator), name)  # its AttributeError is the message
        return True

    return check


def _require_refit(search: Any, name: str) -> None:
    if search.refit is False:
        raise AttributeError(
            f"{name} needs a model fitted on all data: this {type(search).__name__} has refit=False. "
            "best_params_ has the parameters to fit one with"
        )


def requested_offset(model: Any) -> str | None:
    """Return the name by which a model asks for an offset in ``fit``, where metadata is routed."""
    asked = get_routing_for_object(model).fit.requests.get("offset")
    return "offset" if asked is True else asked if isinstance(asked, str) else None


class BestEstimator(MetaEstimatorMixin, BaseEstimator):
    """Methods and attributes of `best_estimator_`, as those of the search."""

    estimator: Any
    refit: Any

    @available_if(_best_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Predict with the best estimator; `params`, such as an offset, are passed on."""
        return self._delegate("predict", X, params)

    @available_if(_best_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Return the best estimator's probabilities of the classes; `params` are passed on."""
        return self._delegate("predict_proba", X, params)

    @available_if(_best_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Return the logarithms of the best estimator's probabilities; `params` are passed on."""
        return self._delegate("predict_log_proba", X, params)

    @available_if(_best_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        """Return the best estimator's decision function; `params` are passed on."""
        return self._delegate("decision_function", X, params)

    @available_if(_best_has("transform"))
    def transform(self, X: Any, **params: Any) -> Any:
        """Transform with the best estimator; `params` are passed on."""
        return self._delegate("transform", X, params)

    @available_if(_best_has("inverse_transform"))
    def inverse_transform(self, X: Any, **params: Any) -> Any:
        """Undo `transform`; `params` are passed on."""
        return self._delegate("inverse_transform", X, params)

    def _delegate(self, name: str, X: Any, params: dict[str, Any]) -> Any:
        check_is_fitted(self)
        if params and routing_enabled():
            params = process_routing(self, name, **params).estimator[name]
        return getattr(self.best_estimator_, name)(X, **params)

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Score the best estimator as the candidates were scored.

        Parameters
        ----------
        X : {array-like, sparse matrix, frame or list} of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        **params
            ``offset``, which reaches the predictions, and what the scorer takes, such as ``sample_weight``.

        Returns
        -------
        float
            By the scorer that `refit` names, where there are several.
        """
        _require_refit(self, "score")
        check_is_fitted(self)
        params = dict(params)
        name = "offset"
        if routing_enabled():
            name = requested_offset(last_step(self.estimator)[1]) or name
            offset, routing = params.get(name), self.get_metadata_routing()
            if name in params and not routing.consumes("score", [name]):
                del params[name]
            if params:
                params = dict(process_routing(self, "score", **params).scorer.score)
        else:
            offset = params.pop(name, None)
        scorer = self.scorer_
        if isinstance(scorer, dict):
            scorer = scorer[self._named_score()]
        model = with_offset(last_step(self.best_estimator_)[1], offset)
        score = scorer(with_last_step(self.best_estimator_, model), X, y, **params)
        return score[self._named_score()] if isinstance(score, dict) else score

    def _named_score(self) -> str:
        if not isinstance(self.refit, str):
            raise ValueError(f"score needs the name of one of several scores as refit; got refit={self.refit!r}")
        return self.refit

    @property
    def n_features_in_(self) -> int:
        """Number of features that the best estimator saw."""
        if "best_estimator_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} has no n_features_in_: it was not fitted on all data")
        return self.best_estimator_.n_features_in_

    @property
    def classes_(self) -> Any:
        """Classes of the best estimator."""
        _best_has("classes_")(self)
        return self.best_estimator_.classes_

    def __sklearn_tags__(self):
        tags = deepcopy(get_tags(self.estimator))
        tags.transformer_tags = super().__sklearn_tags__().transformer_tags
        return tags

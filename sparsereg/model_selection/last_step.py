"""Pipelines whose last step is a model of ours, and something else in the place of that step."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from sparsereg.linear_model.base import SparseLinearModel

__all__ = ["StandIn", "configured", "last_step", "routing_enabled", "through", "with_last_step"]


class StandIn(BaseEstimator):
    """Sits in the place of a model at the end of a pipeline and hands what `fit` gets to a function.

    So the pipeline itself does what a pipeline does: caching, names with underscores, routing of metadata.
    """

    def __init__(self, model: SparseLinearModel, work: Callable[..., Any]):
        self.model = model
        self.work = work

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> StandIn:
        """Keep ``work(model, X, y, sample_weight, offset)`` in `result_`."""
        self.result_ = self.work(self.model, X, y, sample_weight, offset)
        return self

    def get_metadata_routing(self) -> Any:
        """Return what the model asks for."""
        return get_routing_for_object(self.model)

    def __sklearn_tags__(self):
        return get_tags(self.model)


def routing_enabled() -> bool:
    """Return whether metadata goes by requests, not by name."""
    return bool(get_config()["enable_metadata_routing"])


def last_step(estimator: Any) -> tuple[str, Any]:
    """Return the name of the last step, as ``set_params`` takes it ("" for what is no pipeline), and the step."""
    names = []
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        names.append(name)
    if not isinstance(estimator, SparseLinearModel) or not hasattr(estimator, "alpha"):
        what = type(estimator).__name__ if isinstance(estimator, BaseEstimator) else repr(estimator)
        raise TypeError(
            "estimator must be one of sparsereg's linear models with an alpha, or a Pipeline that ends in one; "
            f"got {what}. For others see sklearn.model_selection.GridSearchCV"
        )
    return "__".join(names), estimator


def configured(estimator: Any, setting: dict[str, Any], work: Callable[..., Any]) -> tuple[Any, StandIn]:
    """Return a copy of the estimator with some parameters, and the stand-in that is its last step."""
    copied = clone(estimator).set_params(**clone(setting, safe=False))
    name, model = last_step(copied)
    stand_in = StandIn(model, work)
    return (copied.set_params(**{name: stand_in}) if name else stand_in), stand_in


def through(
    estimator: Any, X: Any, method: str = "predict", params: dict[str, Any] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Return X as the last step of a fitted pipeline sees it, and which metadata reaches that step's method."""
    params = dict(params or {})
    while isinstance(estimator, Pipeline):
        head, routed = estimator[:-1], {}
        if params and routing_enabled():
            routed = process_routing(estimator, method, **params)[estimator.steps[-1][0]][method]
            wanted = get_routing_for_object(head).consumes("transform", params.keys())
        else:  # metadata then goes by name to the last step
            routed, wanted = params, ()
        if len(estimator.steps) > 1:
            X = head.transform(X, **{name: params[name] for name in wanted})
        params, estimator = dict(routed), estimator.steps[-1][1]
    return X, params


def with_last_step(estimator: Any, model: Any) -> Any:
    """Return a fitted pipeline with another last step; its other steps are shared, not copied."""
    if not isinstance(estimator, Pipeline):
        return model
    copied = copy(estimator)
    name, last = estimator.steps[-1]
    copied.steps = [*estimator.steps[:-1], (name, with_last_step(last, model))]
    return copied

"""A compact model as one JSON document: to predict from in any language, without knowing how it is stored here."""

from __future__ import annotations

import json
from typing import Any

from sparsereg.compression.metadata import describe_classes

__all__ = ["json_text"]

FORMAT, VERSION = "sparsereg.linear", 1


def json_text(model: Any) -> str:
    """Return the document: for each output an intercept, and weights by the name or number of the feature.

    Weights are written with as many digits as give back the same double.
    """
    keys = model.needed_feature_names_ or model.needed_features_.tolist()
    weights, start, outputs = model.weights_, 0, []
    places, values = weights.place.tolist(), weights.values.tolist()
    for intercept, count in zip(model.intercept_.tolist(), weights.counts.tolist(), strict=True):
        entries = range(start, start + count)
        start += count
        outputs.append(
            {
                "intercept": intercept,
                "features": [keys[places[entry]] for entry in entries],
                "weights": [values[entry] for entry in entries],
            }
        )
    classes = describe_classes(model.classes_)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "inverse_link": model.inverse_link,
        "n_features": model.n_features_in_,
        "needs_offset": model.needs_offset,
        "classes": None if classes is None else classes["values"],
        "outputs": outputs,
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False)

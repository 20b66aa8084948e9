"""A compact model as an ONNX graph on the needed columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sparsereg.compression.links import PROBABILITIES
from sparsereg.compression.metadata import describe_classes

__all__ = ["OPSET", "onnx_bytes"]

Array = np.ndarray

OPSET = 17
_IR_VERSION = 8  # of the same year as the opset: older runtimes read it, newer ones too


def onnx_bytes(model: Any, dtype: str) -> bytes:
    """Return the graph; the parameters and what it computes are those of `CompactModel.to_onnx`."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx needs the package onnx: pip install sparsereg[onnx]") from error
    return _Graph(onnx, model, np.dtype(dtype)).serialised()


class _Graph:
    """Nodes and constants, added one after the other."""

    def __init__(self, onnx: Any, model: Any, dtype: np.dtype):
        self.onnx, self.model, self.dtype = onnx, model, dtype
        self.float = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: Array) -> str:
        """Add a constant and return its name."""
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    def serialised(self) -> bytes:
        """Return the model, checked."""
        helper, model = self.onnx.helper, self.model
        outputs = self.regressor() if model.classes_ is None else self.classifier()
        inputs = [helper.make_tensor_value_info("X", self.float, ["n_samples", len(model.needed_features_)])]
        if model.needs_offset:
            inputs.append(helper.make_tensor_value_info("offset", self.float, ["n_samples", 1]))
        graph = helper.make_graph(self.nodes, "sparsereg", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="sparsereg")
        facts = {"needed_features": model.needed_features_.tolist(), "n_features": model.n_features_in_}
        if model.needed_feature_names_ is not None:
            facts["needed_feature_names"] = model.needed_feature_names_
        helper.set_model_props(made, {name: json.dumps(value) for name, value in facts.items()})
        self.onnx.checker.check_model(made)
        return made.SerializeToString()

    def eta(self) -> str:
        """Add ``X W + b`` and return its name; int8 codes stay int8 in the file and are scaled as they are used."""
        weights, shape = self.model.weights_, (len(self.model.needed_features_), len(self.model.intercept_))
        if weights.codes.dtype == np.int8:
            codes = np.zeros(shape, dtype=np.int8)
            codes[weights.place, weights.output] = weights.codes
            cast = self.node("Cast", [self.constant("codes", codes)], "codes_as_numbers", to=self.float)
            W = self.node("Mul", [cast, self.constant("scale", weights.scale.astype(self.dtype))], "weights")
        else:
            dense = np.zeros(shape, dtype=self.dtype)
            dense[weights.place, weights.output] = weights.values
            W = self.constant("weights", dense)
        product = self.node("MatMul", ["X", W], "product")
        eta = self.node("Add", [product, self.constant("intercept", self.model.intercept_.astype(self.dtype))], "eta")
        return self.node("Add", [eta, "offset"], "eta_with_offset") if self.model.needs_offset else eta

    def regressor(self) -> list[Any]:
        """Add the mean."""
        self.node("Exp" if self.model.inverse_link == "exp" else "Identity", [self.eta()], "prediction")
        return [self.value("prediction", self.float, len(self.model.intercept_))]

    def classifier(self) -> list[Any]:
        """Add the label, and probabilities where there are some, else the decision function."""
        eta, n_classes = self.eta(), len(self.model.classes_)
        if n_classes == 2:
            zero = self.constant("zero", np.zeros(1, dtype=self.dtype))
            positive = self.node("Greater", [eta, zero], "positive")
            column = self.node("Cast", [positive], "column", to=self.onnx.TensorProto.INT64)
            best = self.node("Squeeze", [column, self.constant("axis", np.array([1]))], "best")
        else:
            best = self.node("ArgMax", [eta], "best", axis=1, keepdims=0)
        labels = self.labels()
        self.node("Gather", [self.constant("classes", labels), best], "label", axis=0)
        kind = self.onnx.TensorProto.STRING if labels.dtype == object else self.onnx.TensorProto.INT64
        kind = self.float if labels.dtype == self.dtype else kind
        outputs = [self.onnx.helper.make_tensor_value_info("label", kind, ["n_samples"])]
        if self.model.inverse_link not in PROBABILITIES:
            self.node("Identity", [eta], "decision")
            return [*outputs, self.value("decision", self.float, len(self.model.intercept_))]
        self.probabilities(eta)
        return [*outputs, self.value("probabilities", self.float, n_classes)]

    def probabilities(self, eta: str) -> None:
        """Add the probabilities of all classes."""
        if self.model.inverse_link == "expit":
            both = self.node("Concat", [self.node("Neg", [eta], "minus_eta"), eta], "log_odds", axis=1)
            self.node("Sigmoid", [both], "probabilities")
            return
        if self.model.inverse_link == "normalised_expit":
            eta = self.log_expit(eta)
        self.node("Softmax", [eta], "probabilities", axis=1)

    def log_expit(self, eta: str) -> str:
        """Add ``min(eta, 0) - log(1 + exp(-|eta|))``; onnxruntime has no Softplus in double precision."""
        minus_size = self.node("Neg", [self.node("Abs", [eta], "size")], "minus_size")
        one, zero = (self.constant(name, np.full(1, name == "one", self.dtype)) for name in ("one", "zero"))
        log = self.node("Log", [self.node("Add", [self.node("Exp", [minus_size], "e"), one], "one_plus_e")], "log")
        return self.node("Sub", [self.node("Min", [eta, zero], "negative_part"), log], "log_p")

    def labels(self) -> Array:
        """Return the classes in a dtype that ONNX has."""
        described = describe_classes(self.model.classes_) or {"kind": "", "values": []}
        kinds: dict[str, Any] = {"bool": np.int64, "int": np.int64, "float": self.dtype}
        return np.array(described["values"], dtype=kinds.get(described["kind"], object))

    def value(self, name: str, kind: int, width: int) -> Any:
        """Describe an output of shape (n_samples, width)."""
        return self.onnx.helper.make_tensor_value_info(name, kind, ["n_samples", width])

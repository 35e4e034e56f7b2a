"""Which inputs and outputs of a node can be in half precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx

from edgecv.quantization.half import float_tensors

FLOAT, HALF = int(onnx.TensorProto.FLOAT), int(onnx.TensorProto.FLOAT16)


class Types:
    """The float tensors of a graph, and what ONNX allows its operators.

    Attributes:
        weights: float32 constants by name.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._opset = opset_of(model)
        self.weights = {t.name: t for t in model.graph.initializer if t.data_type == FLOAT}
        inputs = {
            value.name for value in model.graph.input if value.type.tensor_type.elem_type == FLOAT
        }
        self._floats = {*float_tensors(model), *self.weights, *inputs}

    def of(self, node: onnx.NodeProto, kind: int) -> tuple[list[int], list[int]]:
        """The type of each input and output when a node computes in `kind`; 0 for no floats."""
        schema = onnx.defs.get_schema(node.op_type, self._opset, node.domain)
        halves = {
            item.type_param_str
            for item in schema.type_constraints
            if "tensor(float16)" in item.allowed_type_strs
        }

        def kinds(names: Sequence[str], parameters: Sequence[Any]) -> list[int]:
            last = len(parameters) - 1  # of those that repeat, as in Concat
            able = [parameters[min(i, last)].type_str in halves for i in range(len(names))]
            return [
                (kind if can else FLOAT) if name in self._floats else 0
                for name, can in zip(names, able, strict=True)
            ]

        return kinds(node.input, list(schema.inputs)), kinds(node.output, list(schema.outputs))


def opset_of(model: onnx.ModelProto) -> int:
    return next(int(one.version) for one in model.opset_import if one.domain in ("", "ai.onnx"))

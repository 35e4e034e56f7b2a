"""A float32 graph with Cast and 16-bit constants, so that its nodes compute in half precision."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from edgecv.errors import ModelError
from edgecv.quantization.execute import rebuilt
from edgecv.quantization.half import PAIR
from edgecv.quantization.half_types import FLOAT, HALF, Types, opset_of

# the first in which Q/DQ take a scale of 16 bits, and the IR version that came with it
PAIR_OPSET, PAIR_IR = 19, 9


def to_half(model: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """The same graph in half precision; inputs and outputs keep their types.

    Args:
        model: a graph in float32, in INT8 between Q/DQ or not.
        float32: names of the nodes that stay as they are.

    Raises:
        ModelError: a node holds a graph of its own (If, Loop), which this does not convert.
    """
    nested = [node.name for node in model.graph.node if any(_is_graph(a) for a in node.attribute)]
    if nested:
        raise ModelError(
            f"{nested[0]}: holds a graph of its own, expected none: it has no file in 16 bits. "
            "Export it without branches and loops"
        )
    if any(node.op_type in PAIR for node in model.graph.node):
        model = _with_opset(model, PAIR_OPSET)
    writer = _Writer(model)
    for node in model.graph.node:
        writer.add(node, FLOAT if node.name in float32 else HALF)
    return writer.model()


def _is_graph(attribute: onnx.AttributeProto) -> bool:
    return attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def _with_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    if opset_of(model) >= opset:
        return model
    converted = version_converter.convert_version(model, opset)
    converted.ir_version = max(converted.ir_version, PAIR_IR)
    return converted


class _Writer:
    """Collects nodes; remembers in which type each tensor is at hand."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._source = model
        self._types = Types(model)
        self._outputs = {value.name for value in model.graph.output}
        self._nodes: list[onnx.NodeProto] = []
        self._constants = list(model.graph.initializer)
        # (tensor of the source, type) -> its name here
        given = [*(value.name for value in model.graph.input), *self._types.weights]
        self._at_hand: dict[tuple[str, int], str] = {(name, FLOAT): name for name in given}

    def add(self, node: onnx.NodeProto, kind: int) -> None:
        """Copy a node so that it computes in that type, as far as its operator can."""
        inputs, outputs = self._types.of(node, kind)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [
            self._in(name, type_) if type_ else name
            for name, type_ in zip(node.input, inputs, strict=True)
        ]
        if HALF in outputs:
            _set_types(copy)
        self._nodes.append(copy)
        for index, (name, type_) in enumerate(zip(node.output, outputs, strict=True)):
            if type_ == HALF and name in self._outputs:
                copy.output[index] = f"{name}.half"
                self._at_hand[name, HALF] = copy.output[index]
                self._at_hand[name, FLOAT] = self._cast(copy.output[index], name, FLOAT)
            elif type_:
                self._at_hand[name, type_] = name

    def _in(self, name: str, kind: int) -> str:
        """A tensor in that type, cast once."""
        if (name, kind) not in self._at_hand:
            result = f"{name}.{'half' if kind == HALF else 'float'}"
            if name in self._types.weights:
                value = numpy_helper.to_array(self._types.weights[name]).astype(np.float16)
                self._constants.append(numpy_helper.from_array(value, result))
            else:
                other = FLOAT if kind == HALF else HALF
                self._cast(self._at_hand[name, other], result, kind)
            self._at_hand[name, kind] = result
        return self._at_hand[name, kind]

    def _cast(self, name: str, result: str, kind: int) -> str:
        node = helper.make_node("Cast", [name], [result], f"{result}.Cast", to=kind)
        self._nodes.append(node)
        return result

    def model(self) -> onnx.ModelProto:
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._constants if tensor.name in used]
        return rebuilt(self._source, self._nodes, kept, self._source.graph.output)


def _set_types(node: onnx.NodeProto) -> None:
    """Turn float32 into half precision where an attribute says it."""
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == FLOAT:
            attribute.i = HALF
        elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == FLOAT:
            value = numpy_helper.to_array(attribute.t).astype(np.float16)
            attribute.t.CopyFrom(numpy_helper.from_array(value, attribute.t.name))

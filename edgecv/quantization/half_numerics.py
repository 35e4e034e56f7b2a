"""What half precision computes, shown by a CPU that has none.

ONNX Runtime's CPU computes nodes of 16 bits in float32 and leaves out the rounding between them.
Casts that a file itself asks for stay.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecv.quantization.execute import rebuilt
from edgecv.quantization.half_types import FLOAT, HALF, Types


def rounded(model: onnx.ModelProto, float32: Collection[str]) -> onnx.ModelProto:
    """The graph in float32 with every value rounded to 16 bits that `to_half` has in 16 bits.

    Sums inside a node are in float32, as GPUs add them up.

    Args:
        model, float32: as of `to_half`.
    """
    writer = _Writer(model)
    for node in model.graph.node:
        writer.add(node, FLOAT if node.name in float32 else HALF)
    return rebuilt(model, writer.nodes, writer.constants, model.graph.output)


class _Writer:
    """Collects nodes; remembers which tensors are rounded already."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._types = Types(model)
        self._rounded: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants = list(model.graph.initializer)

    def add(self, node: onnx.NodeProto, kind: int) -> None:
        inputs, outputs = self._types.of(node, kind)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [
            self._in(name) if type_ == HALF else name
            for name, type_ in zip(node.input, inputs, strict=True)
        ]
        self.nodes.append(copy)
        for index, (name, type_) in enumerate(zip(node.output, outputs, strict=True)):
            if type_ == HALF:
                copy.output[index] = f"{name}.exact"
                self._rounded[name] = self._round(copy.output[index], name)

    def _in(self, name: str) -> str:
        if name not in self._rounded:
            result = f"{name}.rounded"
            if name in self._types.weights:
                value = numpy_helper.to_array(self._types.weights[name]).astype(np.float16)
                constant = numpy_helper.from_array(value.astype(np.float32), result)
                self.constants.append(constant)
            else:
                self._round(name, result)
            self._rounded[name] = result
        return self._rounded[name]

    def _round(self, name: str, result: str) -> str:
        half = f"{result}.half"
        self.nodes += [
            helper.make_node("Cast", [name], [half], half, to=HALF),
            helper.make_node("Cast", [half], [result], f"{result}.Cast", to=FLOAT),
        ]
        return result

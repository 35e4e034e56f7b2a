"""The convs of an exported graph: what decides the cost of each."""

from __future__ import annotations

from typing import Literal, NamedTuple

import onnx
from onnx import helper

from edgecv.errors import ModelError

Activation = Literal["", "Relu", "HardSwish", "Silu"]
Pair = tuple[int, int]
Readers = dict[str, list[onnx.NodeProto]]

FUSED = 2  # what engines put into a conv: an addition, and an activation behind it


class Conv(NamedTuple):
    """All of a conv but its values.

    Attributes:
        inputs, outputs: channels.
        depthwise: each channel is convolved alone; inputs equal outputs.
        kernel, stride: height and width.
        pads: top, left, bottom, right.
        height, width: of its input.
        activation: what follows it, which engines fuse.
    """

    inputs: int
    outputs: int
    depthwise: bool
    kernel: Pair
    stride: Pair
    pads: tuple[int, int, int, int]
    height: int
    width: int
    activation: Activation

    @property
    def out_hw(self) -> Pair:
        """Height and width of its output."""
        top, left, bottom, right = self.pads
        return (
            (self.height + top + bottom - self.kernel[0]) // self.stride[0] + 1,
            (self.width + left + right - self.kernel[1]) // self.stride[1] + 1,
        )

    def macs(self, inputs: int, outputs: int) -> int:
        """Multiply-accumulates of one picture, with so many channels."""
        cells = self.out_hw[0] * self.out_hw[1] * self.kernel[0] * self.kernel[1]
        return cells * outputs * (1 if self.depthwise else inputs)


def read_convs(model: onnx.ModelProto) -> dict[str, Conv]:
    """Every Conv of a graph by its node's name, in the graph's order.

    Raises:
        ModelError: one in groups of several channels, dilated, or of a size that is left open.
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.output, *inferred.input)
    }
    shapes |= {weight.name: tuple(weight.dims) for weight in inferred.initializer}
    readers = _readers(inferred)
    return {
        node.name: _conv(node, shapes, readers) for node in inferred.node if node.op_type == "Conv"
    }


def names_of(model: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """By Conv what an engine may call it: its own name, or that of a node it fuses into it.

    Those are what follow it one by one, each the only one that reads the one before.
    """
    readers = _readers(model.graph)
    found = {}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        names, behind = [node.name], readers.get(node.output[0], [])
        while len(behind) == 1 and behind[0].op_type != "Conv" and len(names) <= FUSED:
            names.append(behind[0].name)
            behind = readers.get(behind[0].output[0], [])
        found[node.name] = tuple(names)
    return found


def _readers(graph: onnx.GraphProto) -> Readers:
    found: Readers = {}
    for node in graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def _conv(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], readers: Readers) -> Conv:
    said = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    outputs, inputs_a_group, *kernel = shapes[node.input[1]]
    _, inputs, height, width = shapes.get(node.input[0], ()) or (0, 0, 0, 0)
    groups = said.get("group", 1)
    depthwise = groups > 1 and inputs_a_group == 1 and groups == outputs
    if (groups > 1 and not depthwise) or set(said.get("dilations", (1,))) != {1} or not height:
        raise ModelError(
            f"{node.name}: {groups} groups, input {inputs}x{height}x{width}; pruning takes plain "
            "and depthwise convs of a fixed size"
        )
    stride, pads = said.get("strides", (1, 1)), said.get("pads", (0, 0, 0, 0))
    return Conv(
        inputs,
        outputs,
        depthwise,
        (kernel[0], kernel[1]),
        (stride[0], stride[1]),
        (pads[0], pads[1], pads[2], pads[3]),
        height,
        width,
        _activation(readers.get(node.output[0], [])),
    )


def _activation(readers: list[onnx.NodeProto]) -> Activation:
    kinds = {node.op_type for node in readers}
    if kinds == {"Sigmoid", "Mul"}:
        return "Silu"
    if kinds == {"Relu"}:
        return "Relu"
    return "HardSwish" if kinds == {"HardSwish"} else ""

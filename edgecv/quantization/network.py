"""The convs of a float ONNX graph, and what stands around each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from edgecv.models.graph import conv_macs
from edgecv.types import Array

# ops that move pixels but do not change their values
_MOVES = ("Cast", "Transpose", "Slice", "Concat", "Reshape", "SpaceToDepth", "Gather", "Identity")

ACTIVATIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "identity": lambda value: value,
    "relu": lambda value: np.maximum(value, 0),
    "silu": lambda value: value / (1 + np.exp(-np.clip(value, -60, 60))),
    "hardswish": lambda value: value * np.clip(value / 6 + 0.5, 0, 1),
}


@dataclass(frozen=True, eq=False)
class Layer:
    """One Conv.

    Attributes:
        name: of its node.
        input: tensor that it reads.
        output: tensor that it writes.
        activated: the tensor after its activation; `output` when it has none.
        activation: a key of ACTIVATIONS; 'identity' also for those that are not there.
        weight: (O, I / groups, kh, kw).
        bias: (O,), zeros when the node has none.
        groups: of channels; O for a depthwise conv.
        strides, pads, dilations: as in the node; pads are top, left, bottom, right.
        macs: multiply-accumulates a picture.
        final: no conv comes after it: a prediction.
    """

    name: str
    input: str
    output: str
    activated: str
    activation: str
    weight: Array
    bias: Array
    groups: int
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    macs: int
    final: bool

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.weight.shape[1] == 1

    @property
    def in_channels(self) -> int:
        return int(self.weight.shape[1] * self.groups)

    @property
    def grouped_weight(self) -> Array:
        """(groups, O / groups, K) with K = I / groups * kh * kw: one matrix product a group."""
        return self.weight.reshape(self.groups, len(self.weight) // self.groups, -1)

    def per_input_channel(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """(O, I / groups, kh, kw) values, one for each weight, summed to (I,) by channel read."""
        out = values.reshape(self.groups, -1, *values.shape[1:])
        return np.asarray(out.sum(axis=(1, 3, 4)).reshape(-1))

    def scaled(self, scale: Array | None) -> Array:
        """The weight for an input that was divided by (I,) `scale`."""
        if scale is None:
            return self.weight
        by_group = scale.reshape(self.groups, 1, -1, 1, 1)
        weight = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        return np.asarray((weight * by_group).reshape(self.weight.shape), np.float32)


@dataclass(frozen=True)
class Network:
    """A float graph.

    Attributes:
        model: the graph.
        layers: its convs, in the order in which they run.
        pixel_steps: for tensors that hold untouched pixels, the value of one grey level.
        sizes: bytes of each tensor for one picture, where its shape is known.
    """

    model: onnx.ModelProto
    layers: tuple[Layer, ...]
    pixel_steps: dict[str, float]
    sizes: dict[str, int]

    @property
    def input(self) -> str:
        return str(self.model.graph.input[0].name)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    def share(self, names: set[str]) -> float:
        """The share of all multiply-accumulates that these layers do, in [0, 1]."""
        return sum(layer.macs for layer in self.layers if layer.name in names) / max(1, self.macs)


def read_network(model: onnx.ModelProto) -> Network:
    """Find the convs with constant 2-D kernels; nothing else is ever quantised.

    Raises:
        ModelError: a shape that the work needs is open.
    """
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node)
    macs = conv_macs(model)
    layers = tuple(
        _layer(node, weights, readers, macs[node.name])
        for node in graph.node
        if node.op_type == "Conv"
        and node.input[1] in weights
        and len(weights[node.input[1]].dims) == 4
    )
    writers = {name: node for node in graph.node for name in node.output}
    steps = {
        layer.input: step
        for layer in layers
        if (step := _pixel_step(layer.input, writers, weights, graph.input[0].name)) is not None
    }
    return Network(model, layers, steps, _sizes(model))


def _sizes(model: onnx.ModelProto) -> dict[str, int]:
    values = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    return {
        value.name: 4 * prod(dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim)
        for value in values
    }


def _layer(
    node: onnx.NodeProto,
    weights: dict[str, onnx.TensorProto],
    readers: dict[str, list[onnx.NodeProto]],
    macs: int,
) -> Layer:
    found = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    weight = np.asarray(numpy_helper.to_array(weights[node.input[1]]), np.float32)
    bias = np.zeros(len(weight), np.float32)
    if len(node.input) > 2 and node.input[2]:
        bias = np.asarray(numpy_helper.to_array(weights[node.input[2]]), np.float32)
    activation, activated = _activation(node.output[0], readers)
    return Layer(
        name=node.name,
        input=node.input[0],
        output=node.output[0],
        activated=activated,
        activation=activation,
        weight=weight,
        bias=bias,
        groups=found.get("group", 1),
        strides=tuple(found.get("strides", (1, 1))),
        pads=tuple(found.get("pads", (0, 0, 0, 0))),
        dilations=tuple(found.get("dilations", (1, 1))),
        macs=macs,
        final=not _leads_to_conv(node.output[0], readers),
    )


def _activation(output: str, readers: dict[str, list[onnx.NodeProto]]) -> tuple[str, str]:
    kinds = sorted(node.op_type for node in readers[output])
    if kinds in (["Relu"], ["HardSwish"]):
        name = "relu" if kinds == ["Relu"] else "hardswish"
        return name, str(readers[output][0].output[0])
    if kinds == ["Mul", "Sigmoid"]:
        gate, product = sorted(readers[output], key=lambda node: str(node.op_type), reverse=True)
        if gate.output[0] in product.input and len(readers[gate.output[0]]) == 1:
            return "silu", str(product.output[0])
    return "identity", output


def _leads_to_conv(tensor: str, readers: dict[str, list[onnx.NodeProto]]) -> bool:
    waiting, seen = [tensor], {tensor}
    while waiting:
        for node in readers[waiting.pop()]:
            if node.op_type == "Conv":
                return True
            waiting.extend(name for name in node.output if name not in seen)
            seen.update(node.output)
    return False


def _pixel_step(
    tensor: str,
    writers: dict[str, onnx.NodeProto],
    weights: dict[str, onnx.TensorProto],
    source: str,
) -> float | None:
    """The value of one grey level if `tensor` is made of untouched pixels, else None."""
    if tensor == source:
        return 1.0
    node = writers.get(tensor)
    if node is None:
        return None
    if node.op_type in ("Mul", "Div"):
        factors = [name for name in node.input if name in weights]
        if len(factors) != 1 or int(np.prod(weights[factors[0]].dims)) != 1:
            return None
        factor = float(numpy_helper.to_array(weights[factors[0]]).reshape(-1)[0])
        before = _pixel_step(
            next(n for n in node.input if n not in weights), writers, weights, source
        )
        if before is None or factor <= 0:
            return None
        return before * factor if node.op_type == "Mul" else before / factor
    if node.op_type not in _MOVES:
        return None
    read = [name for name in node.input if name and name not in weights]
    steps = {_pixel_step(name, writers, weights, source) for name in read}
    return steps.pop() if len(steps) == 1 else None

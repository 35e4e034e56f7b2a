"""The float graph with Q/DQ nodes where one engine family wants them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecv.quantization.execute import rebuilt
from edgecv.quantization.network import Layer, Network
from edgecv.quantization.plan import Plan, QuantisedLayer, QuantisedTensor, output_tensor

Integers = Literal["uint8", "int8"]


def emit(
    network: Network,
    plan: Plan,
    names: Collection[str],
    *,
    activations: Integers,
    outputs: Mapping[str, QuantisedTensor] | None = None,
) -> onnx.ModelProto:
    """Write the convs of `names` with Q/DQ in front of their input and weights.

    Args:
        network: the float graph.
        plan: integers and ranges of at least these convs.
        names: convs to quantise; the others stay as they are.
        activations: uint8, or int8 with all zero points 128 lower, which is the same numbers.
        outputs: convs whose output passes through 8 bits too, by name.

    Returns:
        A graph of the same inputs and outputs.
    """
    writer = _Writer(network, activations)
    for node in network.model.graph.node:
        writer.add(node, plan[node.name] if node.name in names else None)
    for layer in network.layers:
        if outputs and layer.name in outputs:
            writer.pass_through(layer, outputs[layer.name])
    return writer.model()


class _Writer:
    """Collects nodes and constants; remembers which inputs are quantised already."""

    def __init__(self, network: Network, activations: Integers) -> None:
        self._source = network.model
        self._type = np.dtype(activations)
        self._shift = 0 if activations == "uint8" else 128
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._ready: dict[tuple[str, int], str] = {}

    def add(self, node: onnx.NodeProto, quantised: QuantisedLayer | None) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if quantised is not None:
            name = quantised.layer.name
            copy.input[0] = self._quantised_input(quantised)
            copy.input[1] = self._weight(quantised)
            bias = self._constant(f"{name}.bias.corrected", quantised.bias_at_zero)
            if len(copy.input) > 2:
                copy.input[2] = bias
            else:
                copy.input.append(bias)
        self._nodes.append(copy)

    def pass_through(self, layer: Layer, chosen: QuantisedTensor) -> None:
        """Divide, quantise, dequantise and multiply what a conv writes, under the same name."""
        tensor = output_tensor(layer)
        index = next(i for i, node in enumerate(self._nodes) if tensor in node.output)
        source = self._nodes[index]
        raw = f"{tensor}.raw"
        source.output[list(source.output).index(tensor)] = raw
        rest, self._nodes = self._nodes[index + 1 :], self._nodes[: index + 1]
        name = f"{layer.name}.output"
        if chosen.divisor is None:
            self._pair(name, raw, chosen, result=tensor)
        else:
            # the division is in the conv's weights and bias
            conv = next(node for node in self._nodes if node.name == layer.name)
            self._divide_conv(conv, chosen.divisor)
            back = self._pair(name, raw, chosen)
            factor = self._constant(f"{name}.factor", _per_channel(chosen.divisor))
            self._node("Mul", f"{name}.Mul", [back, factor], tensor)
        self._nodes += rest

    def _divide_conv(self, conv: onnx.NodeProto, divisor: np.ndarray) -> None:
        constants = {tensor.name: tensor for tensor in self._constants}
        scale = constants[f"{conv.name}.weight.scale"]
        for tensor in (scale, constants[f"{conv.name}.bias.corrected"]):
            divided = np.asarray(numpy_helper.to_array(tensor) / divisor, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(divided, tensor.name))

    def _quantised_input(self, quantised: QuantisedLayer) -> str:
        tensor, chosen = quantised.layer.input, quantised.input
        key = (tensor, id(chosen))
        if key not in self._ready:
            name = f"{quantised.layer.name}.input"
            source = tensor
            if chosen.divisor is not None:
                factor = self._constant(f"{name}.factor", _per_channel(1 / chosen.divisor))
                source = self._node("Mul", f"{name}.Mul", [tensor, factor])
            if chosen.offset:
                offset = self._constant(f"{name}.offset", np.float32(chosen.offset))
                source = self._node("Sub", f"{name}.Sub", [source, offset])
            self._ready[key] = self._pair(name, source, chosen)
        return self._ready[key]

    def _pair(self, name: str, source: str, chosen: QuantisedTensor, result: str = "") -> str:
        scale = self._constant(f"{name}.scale", np.float32(chosen.range.scale))
        point = chosen.range.zero_point - self._shift
        zero = self._constant(f"{name}.zero_point", self._type.type(point))
        steps = self._node("QuantizeLinear", f"{name}.Q", [source, scale, zero])
        return self._node("DequantizeLinear", f"{name}.DQ", [steps, scale, zero], result)

    def _weight(self, quantised: QuantisedLayer) -> str:
        name = f"{quantised.layer.name}.weight"
        parts = [
            self._constant(f"{name}.int8", quantised.integers),
            self._constant(f"{name}.scale", quantised.scale),
            self._constant(f"{name}.zero_point", np.zeros(len(quantised.scale), np.int8)),
        ]
        return self._node("DequantizeLinear", f"{name}.DQ", parts, axis=0)

    def _constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(self, kind: str, name: str, inputs: list[str], result: str = "", **how: Any) -> str:
        output = result or name
        self._nodes.append(helper.make_node(kind, inputs, [output], name, **how))
        return output

    def model(self) -> onnx.ModelProto:
        used = {name for node in self._nodes for name in node.input}
        graph = self._source.graph
        kept = [tensor for tensor in graph.initializer if tensor.name in used]
        return rebuilt(self._source, self._nodes, [*kept, *self._constants], graph.output)


def _per_channel(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)

"""The float graph with Q/DQ nodes where one engine family wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecv.quantization.execute import rebuilt
from edgecv.quantization.network import Layer, Network
from edgecv.quantization.plan import Plan, QuantisedLayer, QuantisedTensor, output_tensor

Integers = Literal["uint8", "int8"]
Steps = tuple[str, str, str]  # names of a tensor in integers, its scale and its zero point
# OpenVINO 2026.4 takes a scale of 1 for none, and computes the conv that reads raw pixels in float.
# By this one a grey level is still the same integer; the scale of the weights makes up for it
NOT_ONE = 1 + 2**-10


def emit(
    network: Network,
    plan: Plan,
    names: Collection[str],
    *,
    activations: Integers,
    outputs: Mapping[str, QuantisedTensor] | None = None,
    sums: Collection[str] = (),
    pools: bool = False,
) -> onnx.ModelProto:
    """Write the convs of `names` with Q/DQ in front of their input and weights.

    Args:
        network: the float graph.
        plan: integers and ranges of at least these convs.
        names: convs to quantise; the others stay as they are.
        activations: uint8, or int8 with all zero points 128 lower, which is the same numbers.
        outputs: convs whose output passes through 8 bits too, by name.
        sums: convs to write as ConvInteger, whose sums of 32 bits become float; uint8 only.
        pools: the input's Q/DQ go in front of a max pool that only such convs read: the same
            numbers, but whoever writes the pool's input then writes bytes.

    Returns:
        A graph of the same inputs and outputs.
    """
    writer = _Writer(network, activations)
    pooled = _pooled(network, plan, names) if pools else {}
    for node in network.model.graph.node:
        if node.name in pooled:
            writer.add_pool(node, pooled[node.name])
        elif node.name not in names:
            writer.copy(node)
        elif node.name in sums:
            writer.add_sums(node, plan[node.name])
        else:
            writer.add(node, plan[node.name])
    for layer in network.layers:
        if outputs and layer.name in outputs:
            writer.pass_through(layer, outputs[layer.name])
    return writer.model()


def _pooled(network: Network, plan: Plan, names: Collection[str]) -> dict[str, QuantisedLayer]:
    """The max pools whose readers are convs in integers that read alike, each with one of them."""
    readers: dict[str, list[str]] = defaultdict(list)
    for node in network.model.graph.node:
        for tensor in node.input:
            readers[tensor].append(node.name)
    found = {}
    for node in network.model.graph.node:
        if node.op_type != "MaxPool" or not {*readers[node.output[0]]} <= {*names}:
            continue
        layers = [plan[name] for name in readers[node.output[0]]]
        if len({id(one.input) for one in layers}) == 1 and not any(map(_padded_before, layers)):
            found[node.name] = layers[0]
    return found


class _Writer:
    """Collects nodes and constants; remembers which inputs are quantised already."""

    def __init__(self, network: Network, activations: Integers) -> None:
        self._source = network.model
        self._type = np.dtype(activations)
        self._shift = 0 if activations == "uint8" else 128
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._ready: dict[tuple[object, ...], Steps] = {}
        self._floats: dict[str, str] = {}

    def copy(self, node: onnx.NodeProto) -> onnx.NodeProto:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        self._nodes.append(copy)
        return copy

    def add_pool(self, node: onnx.NodeProto, reader: QuantisedLayer) -> None:
        """A max pool behind the Q/DQ of the conv that reads it."""
        steps = self._steps(reader, before=node.input[0])
        self._floats[steps[0]] = node.output[0]
        back = self._node("DequantizeLinear", f"{node.name}.DQ", list(steps))
        self.copy(node).input[0] = back

    def add(self, node: onnx.NodeProto, quantised: QuantisedLayer) -> None:
        """A conv between Q/DQ."""
        name = quantised.layer.name
        source = self._dequantised(self._steps(quantised))
        weight = self._weight(quantised)
        bias = self._constant(f"{name}.bias.corrected", quantised.bias_at_zero)
        conv = self.copy(node)
        conv.input[:] = [source, weight, bias]
        if _padded_before(quantised):
            conv.attribute.remove(next(item for item in conv.attribute if item.name == "pads"))

    def add_sums(self, node: onnx.NodeProto, quantised: QuantisedLayer) -> None:
        """A conv of integers, and what makes its sums float again."""
        name = quantised.layer.name
        steps, _, zero = self._steps(quantised)
        # as uint8: of int8 weights ONNX Runtime 1.31 makes a conv that is five times slower
        weight = (quantised.integers.astype(np.int16) + 128).astype(np.uint8)
        conv = self.copy(node)
        conv.op_type = "ConvInteger"
        conv.input[:] = [
            steps,
            self._constant(f"{name}.weight.uint8", weight),
            zero,
            self._constant(f"{name}.weight.zero_point", np.uint8(128)),
        ]
        conv.output[0] = f"{name}.sums"
        sums = self._node("Cast", f"{name}.Cast", [f"{name}.sums"], to=onnx.TensorProto.FLOAT)
        factor = _per_channel(quantised.scale * quantised.input.range.scale)
        scaled = self._constant(f"{name}.sums.scale", factor)
        product = self._node("Mul", f"{name}.sums.Mul", [sums, scaled])
        bias = self._constant(f"{name}.bias.corrected", _per_channel(quantised.bias_at_zero))
        self._node("Add", f"{name}.bias.Add", [product, bias], node.output[0])

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

    def _steps(self, quantised: QuantisedLayer, before: str = "") -> Steps:
        """The conv's input in integers, their scale and zero point; convs that read alike share.

        Args:
            quantised: the conv.
            before: tensor in front of the pool that the conv reads.
        """
        layer, chosen = quantised.layer, quantised.input
        pads = layer.pads if _padded_before(quantised) else ()
        key = (layer.input, id(chosen), pads)
        if key not in self._ready:
            name = f"{layer.name}.input"
            source = before or layer.input
            if pads:
                top, left, bottom, right = pads
                edges = np.array([0, 0, top, left, 0, 0, bottom, right])
                sides = self._constant(f"{name}.pads", edges)
                source = self._node("Pad", f"{name}.Pad", [source, sides])
            if chosen.divisor is not None:
                factor = self._constant(f"{name}.factor", _per_channel(1 / chosen.divisor))
                source = self._node("Mul", f"{name}.Mul", [source, factor])
            if chosen.offset:
                offset = self._constant(f"{name}.offset", np.float32(chosen.offset))
                source = self._node("Sub", f"{name}.Sub", [source, offset])
            self._ready[key] = self._quantised(name, source, chosen)
        return self._ready[key]

    def _pair(self, name: str, source: str, chosen: QuantisedTensor, result: str = "") -> str:
        return self._dequantised(self._quantised(name, source, chosen), result)

    def _quantised(self, name: str, source: str, chosen: QuantisedTensor) -> Steps:
        scale = self._constant(f"{name}.scale", np.float32(chosen.range.scale * _gain(chosen)))
        point = chosen.range.zero_point - self._shift
        zero = self._constant(f"{name}.zero_point", self._type.type(point))
        return self._node("QuantizeLinear", f"{name}.Q", [source, scale, zero]), scale, zero

    def _dequantised(self, steps: Steps, result: str = "") -> str:
        integers = steps[0]
        if integers not in self._floats:
            name = f"{integers.removesuffix('.Q')}.DQ"
            self._floats[integers] = self._node("DequantizeLinear", name, list(steps), result)
        return self._floats[integers]

    def _weight(self, quantised: QuantisedLayer) -> str:
        name = f"{quantised.layer.name}.weight"
        parts = [
            self._constant(f"{name}.int8", quantised.integers),
            self._constant(f"{name}.scale", quantised.scale / np.float32(_gain(quantised.input))),
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


def _padded_before(quantised: QuantisedLayer) -> bool:
    """Whether zeros must be padded before an offset is taken off them, not by the conv."""
    return bool(quantised.input.offset) and any(quantised.layer.pads)


def _gain(chosen: QuantisedTensor) -> float:
    return NOT_ONE if chosen.range.scale == 1 else 1


def _per_channel(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)

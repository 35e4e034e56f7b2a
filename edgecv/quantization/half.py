"""Which nodes of a graph half precision would damage, by what flows through them on pictures.

A strongly typed TensorRT (10.12 and later) computes in the types of the file, so what is not INT8
must be in 16 bits there already. Older ones choose by themselves and are told what to leave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgecv.quantization.execute import Pictures, Runner, rebuilt

HALF_MAX = 65504.0
# pictures to come may hold larger values than those of calibration: three bits more
HEADROOM = 8.0
# half a step of int8: a scale that loses more in half precision does more harm than the rounding
SCALE_LOSS = 1 / 256
PICTURES = 32
# where the work of a network is; what leads to none of these decodes
WORK = ("Conv", "ConvTranspose", "Gemm", "MatMul")
PAIR = ("QuantizeLinear", "DequantizeLinear")


def peaks(model: onnx.ModelProto, pictures: Pictures) -> dict[str, float]:
    """The largest magnitude of each float tensor that nodes compute, over a sample of pictures."""
    names = float_tensors(model)
    nodes = list(model.graph.node)
    for name in names:
        nodes.append(helper.make_node("Abs", [name], [f"{name}.abs"]))
        nodes.append(helper.make_node("ReduceMax", [f"{name}.abs"], [f"{name}.peak"], keepdims=0))
    outputs = [f"{name}.peak" for name in names]
    graph = rebuilt(model, nodes, model.graph.initializer, model.graph.output)
    run = Runner(graph, outputs)
    found = np.zeros(len(names))
    for batch in pictures.spread(PICTURES):
        values = run(batch)
        found = np.maximum(found, [float(values[name]) for name in outputs])
    return dict(zip(names, found.tolist(), strict=True))


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Names of what nodes write in float32, in the graph's order."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = {value.name: value for value in (*graph.value_info, *graph.output)}
    return [
        name
        for node in graph.node
        for name in node.output
        if name in values and values[name].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    ]


def float32_nodes(model: onnx.ModelProto, largest: Mapping[str, float]) -> frozenset[str]:
    """Names of the nodes to leave in float32: those that overflow, lose a scale, or decode.

    Args:
        model: a graph, in INT8 between Q/DQ or not.
        largest: `peaks` of it.
    """
    working = _before_work(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    found = {
        node.name
        for node in model.graph.node
        if node.name not in working
        or any(largest.get(name, 0) * HEADROOM > HALF_MAX for name in (*node.input, *node.output))
        or any(_is_lost(node, name, constants) for name in node.input)
    }
    return _with_pairs(model, found)


def around_pairs(model: onnx.ModelProto, names: Collection[str]) -> list[str]:
    """Those nodes that are no part of an INT8 conv, whose types a builder must choose itself."""
    integers = {n for node in model.graph.node if node.op_type in PAIR for n in node.output}
    return [
        node.name
        for node in model.graph.node
        if node.name in names and node.op_type not in PAIR and not integers.intersection(node.input)
    ]


def _before_work(model: onnx.ModelProto) -> set[str]:
    """Names of the nodes that lead to a conv or a matrix product, and of these themselves."""
    needed: set[str] = set()
    found = set()
    for node in reversed(model.graph.node):
        if node.op_type in WORK or needed.intersection(node.output):
            needed.update(node.input)
            found.add(node.name)
    return found


def _is_lost(node: onnx.NodeProto, name: str, constants: Mapping[str, onnx.TensorProto]) -> bool:
    tensor = constants.get(name)
    if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
        return False
    value = np.abs(numpy_helper.to_array(tensor).astype(np.float64))
    if np.any(np.isfinite(value) & (value > HALF_MAX)):
        return True
    if node.op_type not in PAIR:
        return False
    return bool(np.any(np.abs(value - value.astype(np.float16)) > SCALE_LOSS * value))


def _with_pairs(model: onnx.ModelProto, names: set[str]) -> frozenset[str]:
    """The same, with both sides of every Q/DQ they touch: a cast between would part the fusion."""
    links: dict[str, set[str]] = defaultdict(set)
    writers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        for name in node.input:
            before = writers.get(name)
            if before is None:
                continue
            fused = before.op_type == "DequantizeLinear" and node.op_type in WORK
            if fused or before.op_type == "QuantizeLinear":
                links[node.name].add(before.name)
                links[before.name].add(node.name)
    found, waiting = set(names), list(names)
    while waiting:
        new = links[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return frozenset(found)

"""Give a detector that came as ONNX the input and outputs of a bundle's graph."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper, version_converter

from edgecv.errors import ModelError
from edgecv.models.onnx_heads import HEADS, grid
from edgecv.models.onnx_read import STANDARD
from edgecv.models.onnx_source import OnnxSource, run_source

Batch = int | Literal["dynamic"]


class Nodes:
    """Nodes to be added to a graph, and their constants, named under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Append an operator; returns the name of its output."""
        name = f"{self.prefix}.{op}"
        output = output or f"{name}:{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def constant(self, value: ArrayLike, kind: DTypeLike = np.float32) -> str:
        name = f"{self.prefix}:constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def part(self, rows: str, start: int, end: int) -> str:
        """Values from start to end of the last of three dimensions."""
        bounds = [self.constant([value], np.int64) for value in (start, end, 2)]
        return self.add("Slice", rows, *bounds)


def to_contract(source: OnnxSource, batch: Batch, opset: int) -> onnx.ModelProto:
    """A graph from 'images' (B, H, W, 3) uint8 BGR to 'boxes' (B, N, 4) and 'scores' (B, N, C).

    Args:
        source: the detector.
        batch: pictures a call.
        opset: operator set to write.

    Raises:
        ModelError: the source does not take that batch, or its operators cannot be written in
            that operator set.
    """
    boxes = _box_count(source, batch)
    model = _in_opset(source, opset)
    graph = model.graph
    _free_names(graph)
    before = _prepare(source, f"source/{source.input}")
    after = _decode(source, f"source/{source.output}")
    inner = list(graph.node)
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*before.nodes, *inner, *after.nodes])
    graph.initializer.extend([*before.constants, *after.constants])
    size = "batch" if batch == "dynamic" else batch
    real, picture = TensorProto.FLOAT, [size, source.height, source.width, 3]
    graph.input.append(helper.make_tensor_value_info("images", TensorProto.UINT8, picture))
    for name, values in (("boxes", 4), ("scores", source.classes)):
        graph.output.append(helper.make_tensor_value_info(name, real, [size, boxes, values]))
    return model


def _box_count(source: OnnxSource, batch: Batch) -> int:
    """Boxes a picture, having seen that the source takes the batch asked for."""
    if source.batch is not None and batch != source.batch:
        raise ModelError(
            f"{source.path}: its batch is fixed at {source.batch}, export.batch is {batch}; "
            f"--set export.batch={source.batch}, or export it with a dynamic batch"
        )
    # many files call the batch dynamic and then reshape to one picture
    count = 2 if batch == "dynamic" else batch
    pictures = np.zeros((count, 3, source.height, source.width), np.float32)
    shape = run_source(source.path, source.model, pictures)[source.output].shape
    if shape[0] != count:
        raise ModelError(
            f"{source.path}: of {count} pictures it gives an output {shape}, so it takes one at "
            "a time whatever its input says; --set export.batch=1"
        )
    return int(shape[2] if source.head == "yolov8" else shape[1])


def _in_opset(source: OnnxSource, opset: int) -> onnx.ModelProto:
    model = onnx.ModelProto()
    model.CopyFrom(source.model)
    used = [entry for entry in model.opset_import if entry.domain in STANDARD]
    del model.opset_import[:], model.metadata_props[:]
    model.opset_import.extend(used)
    if used[0].version == opset:
        return model
    try:
        return version_converter.convert_version(model, opset)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{source.path}: written in opset {used[0].version}, which cannot become {opset}: "
            f"{reason[:160]}. Export it with opset {opset}"
        ) from error


def _free_names(graph: onnx.GraphProto) -> None:
    """Put the source's tensors under a prefix, so that they cannot meet those added here."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [f"source/{name}" if name else "" for name in names]
    for weight in graph.initializer:
        weight.name = f"source/{weight.name}"


def _prepare(source: OnnxSource, output: str) -> Nodes:
    head, nodes = HEADS[source.head], Nodes("input")
    # the cast comes first: TensorRT takes uint8 nowhere but in a Cast of an input
    pixels = nodes.add("Cast", "images", to=TensorProto.FLOAT)
    if head.unit:
        pixels = nodes.add("Div", pixels, nodes.constant(255))
    if head.rgb:
        pixels = nodes.add("Gather", pixels, nodes.constant([2, 1, 0], np.int64), axis=3)
    nodes.add("Transpose", pixels, output=output, perm=[0, 3, 1, 2])
    return nodes


def _decode(source: OnnxSource, rows: str) -> Nodes:
    first, nodes = HEADS[source.head].first, Nodes("decode")
    if source.head == "yolov8":
        rows = nodes.add("Transpose", rows, perm=[0, 2, 1])
    centre, size = nodes.part(rows, 0, 2), nodes.part(rows, 2, 4)
    if source.head == "yolox":
        points, strides = (nodes.constant(value) for value in grid(source.height, source.width))
        centre = nodes.add("Mul", nodes.add("Add", centre, points), strides)
        size = nodes.add("Mul", nodes.add("Exp", size), strides)
    half = nodes.add("Mul", size, nodes.constant(0.5))
    corners = nodes.add("Sub", centre, half), nodes.add("Add", centre, half)
    nodes.add("Concat", *corners, output="boxes", axis=2)
    classes = first + source.classes
    if first == 5:
        pair = nodes.part(rows, 4, 5), nodes.part(rows, 5, classes)
        nodes.add("Mul", *pair, output="scores")
    else:
        bounds = [nodes.constant([value], np.int64) for value in (first, classes, 2)]
        nodes.add("Slice", rows, *bounds, output="scores")
    return nodes

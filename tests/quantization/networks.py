"""Small networks to quantise, with hot channels as real ones have, and pictures for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgecv.bundle import InputSpec
from edgecv.quantization.execute import Pictures

SIDE = 32
SIZE = InputSpec(width=SIDE, height=SIDE)
HOT = 60.0  # how much further one channel of the stem reaches than the others


class _Graph:
    """Nodes and constants in the making."""

    def __init__(self, activation: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._activation = activation
        self._random = np.random.default_rng(0)

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op: str, inputs: list[str], name: str, **how: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name, **how))
        return name

    def conv(
        self, name: str, source: str, shape: tuple[int, ...], *, gain: float = 1, spread: float = 1
    ) -> str:
        """A conv whose last output channel reaches `spread` times as far as the others."""
        reach = np.full((shape[0], 1, 1, 1), gain / spread)
        reach[-1] = gain
        weight = self._random.normal(0, np.prod(shape[1:]) ** -0.5, shape) * reach
        if spread > 1:  # and so that it does reach there, whatever the weights are
            weight[-1] = np.abs(weight[-1])
        bias = self._random.normal(0, 0.1, shape[0])
        self.constant(f"{name}.weight", weight.astype(np.float32))
        self.constant(f"{name}.bias", bias.astype(np.float32))
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        groups = shape[0] if shape[1] == 1 else 1
        return self.add("Conv", inputs, name, group=groups, pads=[shape[2] // 2] * 4)

    def activate(self, source: str) -> str:
        if self._activation == "relu":
            return self.add("Relu", [source], f"{source}.act")
        gate = self.add("Sigmoid", [source], f"{source}.gate")
        return self.add("Mul", [source, gate], f"{source}.act")


def network(
    activation: str = "silu", *, focus: bool = True, unit: bool = True, pool: bool = False
) -> onnx.ModelProto:
    """stem, depthwise 3x3, 1x1, concat, 3x3, predictions of boxes and five classes.

    Args:
        activation: silu or relu.
        focus: the stem reads raw pixels, twelve channels of them; else three.
        unit: those three are divided by 255.
        pool: the 1x1 reads a max pool.
    """
    graph = _Graph(activation)
    pixels = graph.add("Cast", ["images"], "cast", to=TensorProto.FLOAT)
    source = graph.add("Transpose", [pixels], "chw", perm=[0, 3, 1, 2])
    if focus:
        source = graph.add("SpaceToDepth", [source], "focus", blocksize=2)
    elif unit:
        source = graph.add("Mul", [source, graph.constant("unit", np.float32(1 / 255))], "scaled")
    channels, side = (12, SIDE // 2) if focus else (3, SIDE)
    gain = 50 if unit and not focus else 0.2
    stem = graph.conv("stem", source, (16, channels, 3, 3), gain=gain, spread=HOT)
    first = graph.activate(stem)
    deep = graph.activate(graph.conv("depthwise", first, (16, 1, 3, 3)))
    if pool:
        deep = graph.add("MaxPool", [deep], "pool", kernel_shape=[3, 3], pads=[1] * 4)
    point = graph.activate(graph.conv("pointwise", deep, (16, 16, 1, 1)))
    both = graph.add("Concat", [point, first], "both", axis=1)
    mixed = graph.activate(graph.conv("mixed", both, (32, 32, 3, 3), gain=0.3))
    for name, rows in (("boxes", 4), ("logits", 5)):
        conv = graph.conv(f"{name}.conv", mixed, (rows, 32, 1, 1))
        shape = graph.constant(f"{name}.shape", np.array([1, rows, side * side]))
        flat = graph.add("Reshape", [conv, shape], f"{name}.flat")
        graph.add("Transpose", [flat], name, perm=[0, 2, 1])
    graph.add("Sigmoid", ["logits"], "scores")
    return _model(graph, side * side)


def _model(graph: _Graph, cells: int) -> onnx.ModelProto:
    def value(name: str, kind: int, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    made = helper.make_graph(
        graph.nodes,
        "small",
        [value("images", TensorProto.UINT8, 1, SIDE, SIDE, 3)],
        [
            value("boxes", TensorProto.FLOAT, 1, cells, 4),
            value("scores", TensorProto.FLOAT, 1, cells, 5),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def pictures(folder: Path, count: int = 8) -> Pictures:
    """Blurred noise, another in each picture."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(count):
        noise = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        paths.append(folder / f"{index:03}.png")
        cv2.imwrite(str(paths[-1]), cv2.GaussianBlur(noise, (3, 3), 0))
    return Pictures(paths, SIZE)

"""Bundles small enough to build in a test, whose answer numpy computes without any graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec
from edgecv.types import Array, Image

SIDE = 32
STRIDE = 8
CLASSES = 3
POINTS = (SIDE // STRIDE) ** 2
# sums of integers in [0, 255] times these are exact in float32: engines may add in any order
WEIGHTS = (np.arange(3 * (4 + CLASSES)).reshape(4 + CLASSES, 3) % 5 - 2).astype(np.float32) / 64


def spec_of(batch: int | None = 1) -> ModelSpec:
    return ModelSpec(
        name="small",
        class_names=tuple(f"class {index}" for index in range(CLASSES)),
        input=InputSpec(width=SIDE, height=SIDE, batch=batch),
    )


def answer_of(batch: Image) -> list[Array]:
    """What the small graph computes: one linear map of every eighth pixel; sigmoid on scores."""
    values = batch[:, ::STRIDE, ::STRIDE].reshape(len(batch), POINTS, 3) @ WEIGHTS.T
    return [values[..., :4], 1 / (1 + np.exp(-values[..., 4:]))]


def picture_batch(count: int = 1, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


def small_graph(
    batch: int | None = 1, quantised: str | None = None, weights: Array = WEIGHTS
) -> onnx.ModelProto:
    """uint8 pictures to boxes and scores by one 1x1 conv of stride 8.

    Args:
        batch: pictures a call, None for dynamic.
        quantised: int8 (zero point 0) or uint8 (128): Q/DQ on the conv's input, scale 1; the
            pixels lose 128 before and get it back after, so that nothing is clipped.
        weights: (4 + CLASSES, 3).
    """
    names = {"w": weights.reshape(-1, 3, 1, 1), "axes": np.array([1, 1, 0])}
    names["shape"] = np.array([0, 4 + CLASSES, POINTS])
    names["offset"] = np.array(128, np.float32)
    names["back"] = (128 * weights.sum(axis=1)).reshape(1, -1, 1, 1)
    names["cuts"] = np.array([4, CLASSES])
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], "planes", perm=[0, 3, 1, 2]),
        helper.make_node("Sub", ["planes", "offset"], ["centred"], "centre"),
    ]
    fed = "centred"
    if quantised:
        names["scale"] = np.array(1, np.float32)
        names["zero"] = np.array(0 if quantised == "int8" else 128, quantised)
        pair = ["scale", "zero"]
        nodes.append(helper.make_node("QuantizeLinear", [fed, *pair], ["q"], "conv_q"))
        nodes.append(helper.make_node("DequantizeLinear", ["q", *pair], ["dq"], "conv_dq"))
        fed = "dq"
    nodes += [
        helper.make_node("Conv", [fed, "w"], ["map"], "conv", strides=[STRIDE, STRIDE]),
        helper.make_node("Add", ["map", "back"], ["whole"], "restore"),
        helper.make_node("Reshape", ["whole", "shape"], ["rows"], "rows"),
        helper.make_node("Transpose", ["rows"], ["points"], "points", perm=[0, 2, 1]),
        helper.make_node("Split", ["points", "cuts"], ["boxes", "logits"], "split", axis=2),
        helper.make_node("Sigmoid", ["logits"], ["scores"], "sigmoid"),
    ]
    del names["axes"]
    return _model(nodes, names, batch or "batch")


def _model(nodes: list[Any], arrays: dict[str, Any], batch: int | str) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("images", TensorProto.UINT8, [batch, SIDE, SIDE, 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, POINTS, width])
        for name, width in (("boxes", 4), ("scores", CLASSES))
    ]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "small", [image], outputs, constants)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def small_bundle(
    folder: Path, batch: int | None = 1, int8: tuple[str, ...] = (), cpu: str = "any"
) -> Bundle:
    """A saved bundle as the quantize stage leaves it, with INT8 sources for some engines."""
    (folder / "onnx").mkdir(parents=True)
    onnx.save(small_graph(batch), folder / "model.onnx")
    for engine in int8:
        kind = "int8" if engine == "tensorrt" else "uint8"
        onnx.save(small_graph(batch, kind), folder / "onnx" / f"{engine}-int8.onnx")
    bundle = Bundle(folder, Manifest(spec=spec_of(batch)))
    if int8:
        bundle.write_json("quantization.json", {"cpu": cpu})
    bundle.save()
    return bundle

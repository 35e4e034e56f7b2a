"""Small float detectors in the layouts that YOLO exporters write, made with onnx.helper."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def yolo_onnx(
    head: str,
    *,
    classes: int = 3,
    size: int | None = 64,
    batch: int | str = 1,
    reshaped_to: int = 0,
    opset: int = 13,
    names: str | None = None,
    sigmoid: bool = True,
    seed: int = 0,
) -> onnx.ModelProto:
    """One conv a stride, its cells in a row, in the layout of `head`.

    Args:
        head: yolox, yolov8 or yolov5.
        classes: number of classes.
        size: side of the input, None leaves it open.
        batch: number of pictures, or a name for any.
        reshaped_to: batch that the graph reshapes to, 0 for any.
        opset: of the graph.
        names: metadata of that key.
        sigmoid: scores are probabilities.
        seed: of the weights.
    """
    random = np.random.default_rng(seed)
    values = classes + (4 if head == "yolov8" else 5)
    anchors = 3 if head == "yolov5" else 1
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: Any) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], name=f"/{output}", **attributes))
        return output

    # small weights: raw pixels reach 255, and exp follows
    scale = 2e-5 if head == "yolox" else 5e-3
    for stride in (8, 16, 32):
        weight = random.normal(0, scale, (values * anchors, 3, stride, stride)).astype(np.float32)
        conv = add(
            "Conv",
            ["images", constant(f"w{stride}", weight), constant(f"b{stride}", weight[:, 0, 0, 0])],
            f"model.{stride}/conv/Conv",
            strides=[stride, stride],
        )
        shape = constant(f"s{stride}", np.array([reshaped_to, anchors, values, -1]))
        add("Reshape", [conv, shape], f"cells{stride}")
        add("Transpose", [f"cells{stride}"], f"t{stride}", perm=[0, 1, 3, 2])
        flat = constant(f"f{stride}", np.array([reshaped_to, -1, values]))
        add("Reshape", [f"t{stride}", flat], f"rows{stride}")
    add("Concat", [f"rows{stride}" for stride in (8, 16, 32)], "rows", axis=1)
    split = constant("split", np.array([4, values - 4]))
    nodes.append(
        helper.make_node("Split", ["rows", split], ["raw", "logits"], name="/Split", axis=2)
    )
    boxes, scores = "raw", "logits"
    if head != "yolox":
        boxes = add(
            "Mul", [add("Sigmoid", ["raw"], "share"), constant("side", np.float32(64))], "px"
        )
    if sigmoid:
        scores = add("Sigmoid", ["logits"], "probabilities")
    last = "joined" if head == "yolov8" else "output"
    add("Concat", [boxes, scores], last, axis=2)
    if head == "yolov8":
        add("Transpose", ["joined"], "output", perm=[0, 2, 1])
    graph = helper.make_graph(
        nodes,
        "detector",
        [
            helper.make_tensor_value_info(
                "images", TensorProto.FLOAT, [batch, 3, size or "h", size or "w"]
            )
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, None, None])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if names is not None:
        helper.set_model_props(model, {"names": names})
    return model

from __future__ import annotations

import numpy as np
import onnx
import pytest
from detectors import yolo_onnx
from onnx.reference import ReferenceEvaluator

from edgecv.models.onnx_names import module_path, name_graph


@pytest.mark.parametrize(
    ("name", "op", "expected"),
    [
        ("/model/backbone/stem/conv/Conv", "Conv", "model.backbone.stem.conv"),
        ("/model/dark2/dark2.0/dconv/conv/Conv", "Conv", "model.dark2.0.dconv.conv"),
        ("/model/dark2/dark2.1/m/m.0/conv1/Mul", "Mul", "model.dark2.1.m.0.conv1.Mul"),
        ("/model.22/cv2.0/cv2.0.2/Conv", "Conv", "model.22.cv2.0.2"),
        ("/head/obj_preds.1/Conv", "Conv", "head.obj_preds.1"),
        ("/stem/Slice_1_output_0", "Slice", "stem.Slice_1"),
        ("Conv_41", "Conv", "Conv_41"),
        ("Conv", "Conv", "Conv"),
        ("", "Relu", "Relu"),
    ],
)
def test_module_paths_of_exporters(name: str, op: str, expected: str) -> None:
    assert module_path(name, op) == expected


def test_a_graph_is_named_and_computes_the_same() -> None:
    model = yolo_onnx("yolov5")
    named = name_graph(model)
    onnx.checker.check_model(named, full_check=True)
    picture = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    (expected,) = ReferenceEvaluator(model).run(None, {"images": picture})
    (found,) = ReferenceEvaluator(named).run(None, {"images": picture})
    np.testing.assert_array_equal(found, expected)


def test_convs_name_their_weights_and_nodes_their_outputs() -> None:
    graph = name_graph(yolo_onnx("yolov5"), drop_prefix="model.").graph
    conv = next(node for node in graph.node if node.op_type == "Conv")
    assert conv.name == "8.conv"
    assert list(conv.input) == ["images", "8.conv.weight", "8.conv.bias"]
    assert list(conv.output) == ["8.conv"]
    split = next(node for node in graph.node if node.op_type == "Split")
    assert list(split.output) == ["Split", "Split.1"]


def test_names_are_unique_where_the_source_has_none_or_doubles() -> None:
    model = yolo_onnx("yolox")
    for node in model.graph.node:
        node.name = "twice" if node.op_type == "Reshape" else ""
    graph = name_graph(model).graph
    names = [node.name for node in graph.node]
    tensors = [output for node in graph.node for output in node.output]
    tensors += [weight.name for weight in graph.initializer]
    assert len(set(names)) == len(names)
    assert len(set(tensors)) == len(tensors)
    assert {"twice", "twice_5", "Conv", "Conv_2"} <= set(names)


def test_a_node_named_as_an_output_of_the_graph_gives_way() -> None:
    model = yolo_onnx("yolox")
    model.graph.node[0].name = "output"
    graph = name_graph(model).graph
    assert graph.node[0].name == "output_1"
    assert graph.output[0].name == "output"
    assert graph.node[-1].output[0] == "output"


def test_an_input_left_out_stays_left_out() -> None:
    model = yolo_onnx("yolox")
    model.graph.node.append(onnx.helper.make_node("Clip", ["rows", "", "side"], ["c"], "clip"))
    assert list(name_graph(model).graph.node[-1].input)[1] == ""

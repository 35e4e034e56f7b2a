from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from detectors import yolo_onnx
from onnx import TensorProto, helper

from edgecv.errors import ModelError
from edgecv.models.onnx_heads import cells, decode, prepare
from edgecv.models.onnx_source import infer_source, open_source, run_source
from edgecv.recipe import LoadSettings


def save(folder: Path, model: onnx.ModelProto) -> Path:
    onnx.save(model, folder / "d.onnx")
    return folder / "d.onnx"


@pytest.mark.parametrize("head", ["yolox", "yolov8", "yolov5"])
def test_a_detector_tells_its_layout_size_and_classes(tmp_path: Path, head: str) -> None:
    source = open_source(save(tmp_path, yolo_onnx(head)), LoadSettings())
    assert (source.head, source.classes, source.height, source.width) == (head, 3, 64, 64)
    assert (source.batch, source.input, source.output) == (1, "images", "output")


def test_an_open_size_is_taken_from_the_settings(tmp_path: Path) -> None:
    path = save(tmp_path, yolo_onnx("yolov8", size=None, batch="n"))
    source = open_source(path, LoadSettings(input_size=96))
    assert (source.height, source.width, source.batch) == (96, 96, None)
    with pytest.raises(ModelError, match=r"leaves height or width open; .*load\.input_size=640"):
        open_source(path, LoadSettings())


def test_a_fixed_size_cannot_be_changed(tmp_path: Path) -> None:
    path = save(tmp_path, yolo_onnx("yolov8"))
    assert open_source(path, LoadSettings(input_size=64)).width == 64
    with pytest.raises(ModelError, match=r"fixed to 64x64, load\.input_size is 96"):
        open_source(path, LoadSettings(input_size=96))


def test_a_layout_named_wrongly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"d\.onnx: output .* cannot be decoded as yolox"):
        open_source(save(tmp_path, yolo_onnx("yolov8")), LoadSettings(head="yolox"))


@pytest.mark.parametrize("head", ["yolox", "yolov8", "yolov5"])
def test_scores_that_are_no_probabilities_are_refused(tmp_path: Path, head: str) -> None:
    model = yolo_onnx(head, sigmoid=False)
    bias = next(x for x in model.graph.initializer if x.name == "b8")
    values = np.full(bias.dims[0], 7, np.float32)
    bias.CopyFrom(onnx.numpy_helper.from_array(values, "b8"))
    with pytest.raises(ModelError, match="expected probabilities"):
        open_source(save(tmp_path, model), LoadSettings())


def test_yolox_that_is_decoded_already_is_refused(tmp_path: Path) -> None:
    model = yolo_onnx("yolox")
    bias = next(x for x in model.graph.initializer if x.name == "b8")
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(8, 60, np.float32), "b8"))
    with pytest.raises(ModelError, match="decoded already"):
        open_source(save(tmp_path, model), LoadSettings())


def with_input(change: Callable[[onnx.GraphProto], None]) -> onnx.ModelProto:
    model = yolo_onnx("yolov8")
    change(model.graph)
    return model


def second_input(graph: onnx.GraphProto) -> None:
    graph.input.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, [2]))


def half_input(graph: onnx.GraphProto) -> None:
    # one that no node reads as such
    graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def grey_input(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (second_input, r"2 inputs \(images, size\); expected one"),
        (half_input, r"is \(1, 3, 64, 64\) FLOAT16; expected \(B, 3, H, W\) FLOAT"),
        (grey_input, r"is \(1, 1, 64, 64\) FLOAT"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(
    tmp_path: Path, change: Callable[[onnx.GraphProto], None], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        open_source(save(tmp_path, with_input(change)), LoadSettings())


def test_weights_listed_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    for x in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(x.name, x.data_type, x.dims))
    assert open_source(save(tmp_path, model), LoadSettings()).input == "images"


def test_several_outputs_are_shown(tmp_path: Path) -> None:
    model = yolo_onnx("yolov8")
    model.graph.output.append(
        helper.make_tensor_value_info("joined", TensorProto.FLOAT, [1, None, 7])
    )
    with pytest.raises(ModelError, match=r"outputs output \(1, 7, 84\), joined \(1, 84, 7\)"):
        open_source(save(tmp_path, model), LoadSettings())


def test_a_graph_that_does_not_run_says_why(tmp_path: Path) -> None:
    # the reshape to another number of values fails when it runs
    model = yolo_onnx("yolov8", reshaped_to=5)
    with pytest.raises(ModelError, match=r"d\.onnx: does not run (at all|on an input \(1, 3, 64)"):
        open_source(save(tmp_path, model), LoadSettings())


def test_running_gives_outputs_by_name() -> None:
    outputs = run_source(Path("d"), yolo_onnx("yolov5"), np.zeros((1, 3, 64, 64), np.float32))
    assert {name: value.shape for name, value in outputs.items()} == {"output": (1, 252, 8)}


@pytest.mark.parametrize("batch", [1, "n"])
@pytest.mark.parametrize("head", ["yolox", "yolov8", "yolov5"])
def test_the_source_as_a_function_decodes_every_picture_of_a_batch(
    tmp_path: Path, head: str, batch: int | str
) -> None:
    source = open_source(save(tmp_path, yolo_onnx(head, batch=batch)), LoadSettings())
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    boxes, scores = infer_source(source)(pictures)
    count = cells(64, 64) * (3 if head == "yolov5" else 1)
    assert (boxes.shape, scores.shape) == ((3, count, 4), (3, count, 3))
    one = run_source(source.path, source.model, prepare(pictures[1:2], head))["output"]
    np.testing.assert_allclose(boxes[1], decode(one, head, 64, 64)[0][0], rtol=1e-4, atol=1e-3)

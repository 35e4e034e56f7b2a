from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from detectors import yolo_onnx

from edgecv.bundle import Bundle, Manifest, StageRecord
from edgecv.errors import BundleError, ModelError
from edgecv.models import parity
from edgecv.models.yolox import Yolox, YoloxConfig
from edgecv.recipe import ExportSettings, LoadSettings
from edgecv.stages import Context, export, load

QUICK = ExportSettings(simplify=False)
SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


def loaded(folder: Path, weights: Path, **settings: Any) -> Bundle:
    """A bundle after the load stage, recorded as the pipeline does."""
    folder.mkdir()
    bundle = Bundle(folder, Manifest())
    metrics = load.run(bundle, LoadSettings(**settings), Context(weights=str(weights)))
    record = StageRecord(
        stage="load", key="", settings={}, metrics=metrics, seconds=0, environment={}
    )
    bundle.update(history=(record,))
    return bundle


@pytest.fixture
def small(tmp_path: Path) -> Bundle:
    torch.manual_seed(0)
    torch.save(Yolox(SMALL).state_dict(), tmp_path / "net.pth")
    return loaded(tmp_path / "bundle", tmp_path / "net.pth", classes=["a", "b", "c"], input_size=64)


def detector(folder: Path, head: str, **changes: Any) -> Bundle:
    onnx.save(yolo_onnx(head, names="['a', 'b', 'c']", **changes), folder / "d.onnx")
    return loaded(folder / "bundle", folder / "d.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for index in range(3):
        picture = random.integers(0, 256, (50, 80, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / f"{index}.png"), picture)
    (tmp_path / "photos" / "0_broken.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def test_the_official_weights_export_in_parity_on_photos(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    bundle = loaded(tmp_path / "bundle", data / "weights" / "yolox_nano.pth")
    metrics = export.run(bundle, ExportSettings(), Context(calibration=data / "photos/unlabelled"))
    assert metrics["parity_on"] == "4 pictures of unlabelled"
    assert metrics["parity_max_abs"]["boxes_relative"] < 1e-3
    assert 0 < metrics["parity_max_abs"]["scores"] < 5e-5
    # .91 M parameters and 1.08 GFLOPs of the paper, norms folded
    assert metrics["parameters"] == pytest.approx(0.91e6, rel=0.01)
    assert metrics["macs"] == pytest.approx(0.54e9, rel=0.05)


def test_the_official_graph_becomes_the_same_network_as_the_official_weights(
    shared: Path, tmp_path: Path
) -> None:
    data = shared / "data"
    answers = []
    pictures = None
    for name in ("yolox_nano.pth", "yolox_nano_coco_416.onnx"):
        bundle = loaded(tmp_path / name, data / "weights" / name)
        context = Context(data=data / "photos" / "coco38")
        export.run(bundle, QUICK, context)
        if pictures is None:
            pictures = export._pictures(bundle.spec.input, context)[0]
        session = ort.InferenceSession(bundle.path("model.onnx"))
        answers.append([session.run(None, {"images": picture[None]}) for picture in pictures])
    for first, second in zip(*answers, strict=True):
        # the two files of weights differ in their last bits
        np.testing.assert_allclose(first[1], second[1], atol=1e-3)
        sure = first[1].max(axis=2) > 0.1
        assert sure.any()
        np.testing.assert_allclose(first[0][sure], second[0][sure], atol=0.1)


@pytest.mark.parametrize("head", ["yolox", "yolov8", "yolov5"])
def test_detectors_of_other_exporters_are_exported(tmp_path: Path, head: str) -> None:
    bundle = detector(tmp_path, head)
    metrics = export.run(bundle, ExportSettings(), Context())
    graph = onnx.load(bundle.path("model.onnx")).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["images", "boxes", "scores"]
    assert metrics["parity_on"] == "4 pictures of noise"
    assert metrics["nodes"] == len(graph.node)
    # three convs: 64, 16 and 4 cells, each over 3 channels of a square as wide as its stride
    values = {"yolox": 8, "yolov8": 7, "yolov5": 24}[head]
    assert metrics["macs"] == 3 * 64 * 64 * 3 * values


def test_a_batch_that_the_file_does_not_take_is_refused_by_the_name_that_was_given(
    tmp_path: Path,
) -> None:
    onnx.save(yolo_onnx("yolov8", names="['a', 'b', 'c']"), tmp_path / "mine.onnx")
    bundle = loaded(tmp_path / "bundle", tmp_path / "mine.onnx")
    with pytest.raises(ModelError, match=r"/mine\.onnx: its batch is fixed at 1, .* is 4"):
        export.run(bundle, ExportSettings(batch=4), Context())


def test_the_layout_found_by_the_load_stage_is_used(tmp_path: Path) -> None:
    # 126 boxes fit no layout of 64 x 64, so that only the name tells
    model = yolo_onnx("yolov8", names="['a', 'b', 'c']")
    graph = model.graph
    axis = onnx.numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 42]), "pads")
    graph.initializer.append(axis)
    graph.node[-1].output[0] = "fewer"
    graph.node.append(onnx.helper.make_node("Pad", ["fewer", "pads"], ["output"], "pad"))
    onnx.save(model, tmp_path / "d.onnx")
    bundle = loaded(tmp_path / "bundle", tmp_path / "d.onnx", head="yolov8")
    export.run(bundle, ExportSettings(), Context())
    graph = onnx.load(bundle.path("model.onnx")).graph
    assert [dim.dim_value for dim in graph.output[0].type.tensor_type.shape.dim] == [1, 126, 4]


@pytest.mark.parametrize(("batch", "recorded"), [(2, 2), ("dynamic", None)])
def test_the_batch_asked_for_is_written_and_recorded(
    small: Bundle, batch: Any, recorded: int | None
) -> None:
    export.run(small, ExportSettings(batch=batch), Context())
    assert small.spec.input.batch == recorded
    shape = ort.InferenceSession(small.path("model.onnx")).get_inputs()[0].shape
    assert shape == [recorded or "batch", 64, 64, 3]
    assert small.spec.class_names == ("a", "b", "c")


@pytest.mark.parametrize(("opset", "simplify"), [(17, False), (18, True)])
def test_opset_and_simplification_are_as_asked(small: Bundle, opset: Any, simplify: bool) -> None:
    metrics = export.run(small, ExportSettings(opset=opset, simplify=simplify), Context())
    model = onnx.load(small.path("model.onnx"))
    assert metrics["opset"] == model.opset_import[0].version == opset
    assert ("Constant" in {node.op_type for node in model.graph.node}) is not simplify


def test_pictures_that_cannot_be_read_do_not_stop_the_export(small: Bundle, photos: Path) -> None:
    metrics = export.run(small, QUICK, Context(calibration=photos))
    assert metrics["parity_on"] == "3 pictures of photos"


def test_a_graph_that_answers_otherwise_is_refused(
    small: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "MAX_SCORE", -1.0)
    with pytest.raises(ModelError, match="the exported graph departs from yolox"):
        export.run(small, QUICK, Context())


def test_an_empty_bundle_is_sent_to_the_load_stage(small: Bundle) -> None:
    small.path("weights.safetensors").unlink()
    with pytest.raises(BundleError, match="run the load stage first"):
        export.run(small, ExportSettings(), Context())

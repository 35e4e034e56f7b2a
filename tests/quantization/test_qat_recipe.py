"""The recipe yolo_qat as a user calls it, on a handful of pictures of the conveyor."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_shapes import CLASSES
from small_qat import SIDE, check_choice, write_pictures

from edgecv.data.conveyor.write import write_dataset
from edgecv.errors import ModelError
from edgecv.models.checkpoint import About, write_checkpoint
from edgecv.models.detector import Detector
from edgecv.pipeline import compress
from edgecv.recipe_file import find, load
from edgecv.stages import Context

SMALL = (
    "load.input_size=96",
    *("quantize.images=8", "quantize.rounding=nearest", "quantize.observer=minmax"),
    "quantize.budget.max_drop=1",
    *("quantize.qat.train.epochs=1", "quantize.qat.train.batch=4", "quantize.qat.train.workers=0"),
    "build.targets=[openvino,tensorrt]",
    *("evaluate.resamples=5", "bench.queries=2", "bench.rounds=1", "report.photos=1"),
)


@pytest.mark.slow
def test_photos_without_ground_truth_are_enough(detector: Detector, tmp_path: Path) -> None:
    weights, photos = tmp_path / "shapes.safetensors", tmp_path / "photos"
    write_checkpoint(weights, detector.state_dict(), About(CLASSES, SIDE))
    write_pictures(photos, 24)
    changes = (
        "load.input_size=null",
        "build.targets=[openvino]",
        "quantize.qat.train.val_fraction=0.4",
    )
    recipe = load(find("yolo_qat"), (*SMALL, *changes))
    context = Context(str(weights), calibration=photos, command=("edgecv", "compress"))
    bundle = compress(recipe, "yolo_qat", context, tmp_path / "out")
    found = bundle.metrics("quantize")["qat"]
    assert (found["truth"], found["metric"]) == (False, "dB")
    check_choice(found)
    assert found["train"]["images"] + found["val"]["images"] == 24 - 8


def test_an_onnx_file_is_refused_before_anything_is_calibrated(tmp_path: Path) -> None:
    import onnx
    from detectors import yolo_onnx

    onnx.save(yolo_onnx("yolov8", classes=3), tmp_path / "net.onnx")
    write_dataset(tmp_path / "conveyor", seed=5, images=8, size_wh=(160, 120))
    context = Context(str(tmp_path / "net.onnx"), calibration=tmp_path / "conveyor" / "images")
    recipe = load(find("yolo_qat"), ("load.classes=[a,b,c]", "load.input_size=null"))
    with pytest.raises(ModelError, match=r"net\.onnx: the weights of an ONNX file cannot be"):
        compress(recipe, "yolo_qat", context, tmp_path / "out")

"""The recipe yolo_qat as a user calls it, on a handful of pictures of the conveyor."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.bundle import Bundle
from edgecv.data.conveyor.write import write_dataset
from edgecv.errors import ModelError
from edgecv.pipeline import compress
from edgecv.recipe_file import find, load
from edgecv.stages import Context

SMALL = (
    "load.input_size=96",
    *("quantize.images=8", "quantize.rounding=nearest", "quantize.observer=minmax"),
    "quantize.budget.max_drop=1",
    *("quantize.qat.train.epochs=1", "quantize.qat.train.batch=4", "quantize.qat.train.workers=0"),
    "build.targets=[openvino]",
    *("evaluate.resamples=5", "bench.queries=2", "bench.rounds=1", "report.photos=1"),
)
FILES = {"openvino", "onnxruntime", "tensorrt"}


@pytest.mark.slow
@pytest.mark.parametrize("truth", [True, False])
def test_a_detector_learns_behind_its_rounding(tmp_path: Path, truth: bool) -> None:
    photos = tmp_path / "conveyor"
    write_dataset(photos, seed=5, images=20, size_wh=(160, 120))
    data, photos = (photos, None) if truth else (None, photos / "images")  # type: ignore[assignment]
    context = Context("conveyor", data, photos, command=("edgecv", "compress"))
    bundle = compress(load(find("yolo_qat"), SMALL), "yolo_qat", context, tmp_path / "out")
    assert Bundle.open(bundle.folder).verify() == []
    found = bundle.metrics("quantize")["qat"]
    assert found["truth"] is truth
    assert found["metric"] == ("mAP" if truth else "dB")
    assert found["files"].keys() == FILES
    for entry in found["files"].values():
        assert entry["taken"] == ("qat" if entry["qat"] > entry["ptq"] else "ptq")
    assert {v.name for v in bundle.manifest.variants} == {"openvino-fp32", "openvino-int8"}
    budget = bundle.metrics("quantize")["budget"]
    if truth:
        # judged on pictures that it did not learn from
        assert found["train"]["images"] + found["val"]["images"] == 20
        assert budget["data"].endswith("held out of train")
        assert budget["int8"] == min(max(e["qat"], e["ptq"]) for e in found["files"].values())


def test_an_onnx_file_is_refused_before_anything_is_calibrated(tmp_path: Path) -> None:
    import onnx
    from detectors import yolo_onnx

    onnx.save(yolo_onnx("yolov8", classes=3), tmp_path / "net.onnx")
    write_dataset(tmp_path / "conveyor", seed=5, images=8, size_wh=(160, 120))
    context = Context(str(tmp_path / "net.onnx"), calibration=tmp_path / "conveyor" / "images")
    recipe = load(find("yolo_qat"), ("load.classes=[a,b,c]", "load.input_size=null"))
    with pytest.raises(ModelError, match=r"net\.onnx: the weights of an ONNX file cannot be"):
        compress(recipe, "yolo_qat", context, tmp_path / "out")

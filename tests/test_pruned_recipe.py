"""The recipe yolo_pruned_int8 as a user calls it, on a handful of pictures of the conveyor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from verdicts import check_accepted

from edgecv.bundle import Bundle
from edgecv.data.conveyor.write import write_dataset
from edgecv.models.graph import conv_macs
from edgecv.pipeline import compress
from edgecv.recipe_file import find, load
from edgecv.stages import Context

SMALL = (
    "load.input_size=96",
    *("prune.steps=2", "prune.sensitivity=1", "prune.batches=1"),
    *("prune.train.epochs=1", "prune.train.batch=4", "prune.train.workers=0"),
    "prune.train.augment.multiscale=0",
    *("quantize.images=8", "quantize.rounding=nearest", "quantize.budget.max_drop=1"),
    "build.targets=[openvino,tensorrt]",
    *("evaluate.resamples=5", "bench.queries=2", "bench.rounds=1", "report.photos=1"),
)


@pytest.mark.slow
def test_a_detector_is_cut_to_half_and_quantised(tmp_path: Path) -> None:
    import onnx

    data = tmp_path / "conveyor"
    write_dataset(data, seed=5, images=12, size_wh=(160, 120))
    recipe = load(find("yolo_pruned_int8"), SMALL)
    context = Context("conveyor", data, command=("edgecv", "compress"))
    bundle = compress(recipe, "yolo_pruned_int8", context, tmp_path / "out")
    assert Bundle.open(bundle.folder).verify() == []
    found = bundle.metrics("prune")
    assert 0.4 < found["share"] <= 0.5  # so small a network is cut in large steps
    macs = sum(conv_macs(onnx.load(bundle.path("model.onnx"))).values())
    assert macs == found["after"]["macs"]
    engines, precisions = ("openvino", "tensorrt"), ("fp32", "int8")
    names = {f"{engine}-{precision}" for engine in engines for precision in precisions}
    assert {v.name for v in bundle.manifest.variants} == names
    # the small file holds the small network
    assert (
        bundle.path("engines/openvino-fp32.bin").stat().st_size < 5 * found["after"]["parameters"]
    )
    report = json.loads(bundle.path("report.json").read_text("utf-8"))
    assert report["pruning"]["share"] == found["share"]
    assert len(report["pruning"]["steps"]) == 2
    assert 'id="pruning"' in bundle.path("report.html").read_text("utf-8")
    check_accepted(bundle)

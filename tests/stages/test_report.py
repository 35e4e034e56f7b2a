from __future__ import annotations

import json
from pathlib import Path
from shutil import copyfile, copytree

import numpy as np
import onnx
import pytest
from made_training import make_trained
from small_bundles import CLASSES, small_bundle, small_graph
from small_runs import write_data

from edgecv.bundle import Bundle, StageRecord, Variant
from edgecv.errors import DataError
from edgecv.recipe import BuildSettings, ReportSettings
from edgecv.report.schema import Report
from edgecv.stages import Context, build, report

NAMES = tuple(f"class {index}" for index in range(CLASSES))


@pytest.fixture
def built(tmp_path: Path) -> Bundle:
    """A bundle with ONNX Runtime's float and INT8 files, really built."""
    bundle = small_bundle(tmp_path / "bundle", int8=("onnxruntime",))
    # boxes from the corner, as wide as the pixel is bright; scores high enough to be shown
    weights = np.concatenate([np.zeros((2, 3)), np.ones((2, 3)), np.ones((CLASSES, 3))]) / 64
    for name, kind in (("model.onnx", None), ("onnx/onnxruntime-int8.onnx", "uint8")):
        onnx.save(small_graph(1, kind, weights.astype(np.float32)), bundle.path(name))
    bundle.save()
    build.run(bundle, BuildSettings(targets=("onnxruntime",)), Context())
    bundle.save()
    return bundle


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_data(tmp_path / "data", classes=NAMES)
    return tmp_path / "data"


def read(bundle: Bundle) -> Report:
    return Report.model_validate_json(bundle.path("report.json").read_text("utf-8"))


def test_three_files_are_written_and_say_the_same(built: Bundle, data: Path) -> None:
    found = report.run(built, ReportSettings(photos=4), Context(data=data, command=("edgecv", "x")))
    assert found["photos"] == 4
    written = read(built)
    assert written.reason == found["reason"]
    assert written.command == "edgecv x"
    assert found["reason"] in built.path("report.md").read_text("utf-8")
    html = built.path("report.html").read_text("utf-8")
    assert html.count('<figure class="pair">') == 4
    assert "onnxruntime-fp32 beside onnxruntime-int8" in html


def test_float_and_int8_are_really_run_on_the_photos(built: Bundle, data: Path) -> None:
    # the small INT8 graph is exact, so both answers are the same
    report.run(built, ReportSettings(photos=8), Context(data=data))
    html = built.path("report.html").read_text("utf-8")
    assert "8 pictures show the same boxes" in html
    assert html.count('<g class="shared"><title>') >= 16
    assert 'class="alone"' not in html


def test_without_pictures_the_report_says_why_it_shows_none(built: Bundle) -> None:
    found = report.run(built, ReportSettings(), Context())
    assert found["photos"] == 0
    html = built.path("report.html").read_text("utf-8")
    assert "neither --data nor --calibration was given" in html


def test_calibration_pictures_serve_where_there_is_no_data(built: Bundle, data: Path) -> None:
    found = report.run(built, ReportSettings(photos=2), Context(calibration=data))
    assert found["photos"] == 2


def test_no_photos_wanted_needs_no_engine(built: Bundle, data: Path) -> None:
    built.path("engines/onnxruntime-int8.onnx").unlink()
    assert report.run(built, ReportSettings(photos=0), Context(data=data))["photos"] == 0


def test_a_picture_that_cannot_be_read_is_named(built: Bundle, data: Path) -> None:
    (data / "images" / "3.png").write_bytes(b"no picture")
    report.run(built, ReportSettings(photos=2), Context(calibration=data))
    html = built.path("report.html").read_text("utf-8")
    assert "left out: 3.png." in html


def test_int8_for_another_cpu_leaves_the_rest_of_the_report(built: Bundle, data: Path) -> None:
    elsewhere = built.variant("onnxruntime", "int8").model_copy(update={"requires": {"cpu": "vax"}})
    built.add_variants(elsewhere)
    assert report.run(built, ReportSettings(), Context(data=data))["photos"] == 0
    assert "No photos are shown: " in built.path("report.html").read_text("utf-8")
    assert len(read(built).variants) == 2


def test_a_folder_without_pictures_is_refused(built: Bundle, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        report.run(built, ReportSettings(), Context(calibration=tmp_path / "empty"))


def test_what_was_recorded_before_decides_the_verdict(built: Bundle) -> None:
    timed = {"onnxruntime-fp32": 12.0, "onnxruntime-int8": 6.0}
    summary = {
        name: {"engine_ms": dict.fromkeys(("p50", "p90", "p99", "max"), ms)}
        for name, ms in timed.items()
    }
    drop = {"onnxruntime-int8": {"drop": {"mAP": 0.001, "interval": None}}}
    built.update(
        history=tuple(
            StageRecord(
                stage=stage, key="", settings={}, metrics=metrics, seconds=0.0, environment={}
            )
            for stage, metrics in {
                "bench": {"variants": summary},
                "evaluate": {"variants": drop},
            }.items()
        )
    )
    found = report.run(built, ReportSettings(photos=0), Context())
    assert found["recommended"] == "onnxruntime-int8"
    assert found["summary"] == "deploy onnxruntime-int8"


def test_a_second_report_replaces_the_first(built: Bundle) -> None:
    report.run(built, ReportSettings(photos=0), Context(command=("first",)))
    report.run(built, ReportSettings(photos=0), Context(command=("second",)))
    assert json.loads(built.path("report.json").read_text("utf-8"))["command"] == "second"


def test_a_bundle_without_variants_has_a_report(built: Bundle, data: Path) -> None:
    built.update(variants=tuple[Variant, ...]())
    found = report.run(built, ReportSettings(), Context(data=data))
    assert found == {
        "recommended": None,
        "reason": "No variant was timed on this machine, so none is recommended for it.",
        "photos": 0,
        "summary": "no recommendation",
    }


def test_a_bundle_that_was_only_trained_has_the_report_of_that(tmp_path: Path) -> None:
    bundle = make_trained(tmp_path / "bundle")
    assert report.run(bundle, ReportSettings(), Context()) == {"summary": "training.html"}
    assert {path.name for path in bundle.folder.glob("*.html")} == {"training.html"}


def test_a_bundle_that_was_trained_and_built_has_both_and_one_leads_to_the_other(
    built: Bundle, tmp_path: Path
) -> None:
    trained = make_trained(tmp_path / "trained")
    copytree(trained.path("training"), built.path("training"))
    copyfile(trained.path("weights.safetensors"), built.path("weights.safetensors"))
    built.update(history=trained.manifest.history)
    report.run(built, ReportSettings(photos=0), Context())
    assert built.path("training.html").is_file()
    assert read(built).training == "training.html"
    html = built.path("report.html").read_text("utf-8")
    assert '<a href="training.html">how it was trained</a>' in html


def test_a_bundle_that_was_not_trained_here_leads_nowhere(built: Bundle) -> None:
    report.run(built, ReportSettings(photos=0), Context())
    assert read(built).training is None
    assert not built.path("training.html").exists()
    assert "training.html" not in built.path("report.html").read_text("utf-8")

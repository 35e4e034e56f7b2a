from __future__ import annotations

from pathlib import Path

import pytest
from made_run import FIGURES, hot, make_bundle, metrics

from edgecv.bundle import Bundle, Manifest
from edgecv.errors import BundleError
from edgecv.report.collect import collect, engine_samples
from edgecv.report.schema import Report


def test_every_variant_carries_what_its_stages_measured(bundle: Bundle) -> None:
    report = collect(bundle)
    assert [v.name for v in report.variants] == list(FIGURES)
    shown = report.variant("openvino-int8")
    assert shown is not None
    recorded = bundle.metrics("bench")["variants"]["openvino-int8"]
    assert shown.latency_ms is not None
    assert shown.latency_ms.p90 == recorded["engine_ms"]["p90"]
    assert shown.accuracy is not None
    assert shown.accuracy.mAP == 0.249
    assert shown.size_bytes == 1_120_000


def test_the_weights_beside_an_ir_count_as_its_size(bundle: Bundle) -> None:
    bundle.path("engines/openvino-int8.bin").write_bytes(b"\0" * 500)
    found = collect(bundle).variant("openvino-int8")
    assert found is not None
    assert found.size_bytes == 1_120_500


def test_power_and_heat_are_those_of_the_bench(tmp_path: Path) -> None:
    report = collect(make_bundle(tmp_path / "hot", hot(metrics())))
    shown = report.variant("openvino-int8")
    assert shown is not None
    assert (shown.power_w, shown.mj_per_frame) == (9.1, 104.5)
    assert report.device is not None
    assert (report.device.power_of, report.device.temperature_c) == ("VDD_IN", 84.4)
    assert report.device.readings["gpu_mhz"] == (900.0, 900.0, 600.0)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert collect(make_bundle(tmp_path / "old", metrics())).device is None


def test_float_is_recommended_where_int8_is_slower(tmp_path: Path) -> None:
    report = collect(make_bundle(tmp_path / "b", metrics(float_ms=11.0, int8_ms=18.0)))
    assert report.recommended == "onnxruntime-fp32"
    assert "INT8 is slower than float" in report.reason


def test_the_command_line_is_quoted_so_that_it_can_be_pasted(bundle: Bundle) -> None:
    assert collect(bundle, ("edgecv", "--out", "a folder")).command == "edgecv --out 'a folder'"


@pytest.mark.parametrize("gone", ["quantize", "evaluate", "bench"])
def test_a_stage_that_did_not_run_leaves_its_part_empty(tmp_path: Path, gone: str) -> None:
    stages = metrics()
    del stages[gone]
    report = collect(make_bundle(tmp_path / "b", stages))
    absent = {
        "quantize": report.quantization is None and report.ranking == (),
        "evaluate": report.data is None and all(v.accuracy is None for v in report.variants),
        "bench": report.recommended is None and engine_samples_are_none(report),
    }
    assert absent[gone]


def engine_samples_are_none(report: Report) -> bool:
    return all(v.latency_ms is None for v in report.variants)


def test_more_than_the_report_shows_may_be_recorded(tmp_path: Path) -> None:
    stages = metrics()
    stages["evaluate"]["variants"]["openvino-int8"]["parity"]["anchors"] = 12
    stages["quantize"]["steps"][0]["seconds"] = 4
    report = collect(make_bundle(tmp_path / "b", stages))
    assert report.steps[0].kept_float == 0


def test_samples_are_those_of_the_engine_alone(bundle: Bundle) -> None:
    samples = engine_samples(bundle)
    assert set(samples) == {n for n in FIGURES if not n.startswith("tensorrt")}
    assert all(len(values) == 120 for values in samples.values())


def test_a_bundle_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model in this bundle yet"):
        collect(Bundle(tmp_path, Manifest()))

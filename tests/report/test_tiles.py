from __future__ import annotations

from edgecv.report import tiles
from edgecv.report.schema import Report


def test_int8_is_compared_with_the_fastest_float_variant(report: Report) -> None:
    int8, base = tiles.compared(report)
    assert int8 is not None
    assert base is not None
    assert (int8.name, base.name) == ("openvino-int8", "onnxruntime-fp32")


def test_untimed_int8_is_compared_with_its_own_engine(report: Report) -> None:
    untimed = report.model_copy(
        update={"variants": tuple(v for v in report.variants if v.engine == "tensorrt")}
    )
    int8, base = tiles.compared(untimed)
    assert int8 is not None
    assert base is not None
    assert (int8.name, base.name) == ("tensorrt-int8", "tensorrt-fp32")


def test_no_variants_give_nothing_to_compare(report: Report) -> None:
    empty = report.model_copy(update={"variants": ()})
    assert tiles.compared(empty) == (None, None)
    assert tiles.tiles(None, None, empty) == []


def test_the_figures_are_ratios_of_what_was_measured(report: Report) -> None:
    int8, base = tiles.compared(report)
    assert int8 is not None
    assert base is not None
    assert int8.latency_ms is not None
    assert base.latency_ms is not None
    found = {tile["title"]: tile["figure"] for tile in tiles.tiles(int8, base, report)}
    assert found == {
        "Speed": f"{base.latency_ms.p90 / int8.latency_ms.p90:.2f}×",  # noqa: RUF001
        "Size": f"{100 * 1_120_000 / 3_660_000:.0f}%",
        "Change of mAP": "−0.002",  # noqa: RUF001
        "Runs in INT8": "93%",
    }


def test_the_share_in_int8_is_told_of_each_file(report: Report) -> None:
    int8, base = tiles.compared(report)
    assert report.quantization is not None
    for shares, note in (
        ({"openvino": 0.79, "tensorrt": 0.76, "onnxruntime": 0.72},
         "76% for tensorrt, 72% for onnxruntime"),
        ({"openvino": 0.79}, "the rest stays in float"),
    ):  # fmt: skip
        told = report.quantization.model_copy(update={"int8_macs_share": shares})
        changed = report.model_copy(update={"quantization": told})
        (tile,) = (t for t in tiles.tiles(int8, base, changed) if t["title"] == "Runs in INT8")
        assert (tile["figure"], tile["note"]) == ("79%", note)


def test_without_ground_truth_agreement_stands_in_and_without_times_no_speed(
    report: Report,
) -> None:
    int8, base = tiles.compared(report)
    assert int8 is not None
    assert base is not None
    blind = int8.model_copy(update={"accuracy": None, "drop": None, "latency_ms": None})
    titles = [tile["title"] for tile in tiles.tiles(blind, base, report)]
    assert titles == ["Size", "Agreement", "Runs in INT8"]

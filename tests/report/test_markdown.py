from __future__ import annotations

from pathlib import Path

from made_run import FIGURES, hot, make_bundle, metrics

from edgecv.report import markdown
from edgecv.report.collect import collect
from edgecv.report.schema import Report


def test_the_verdict_comes_first(report: Report) -> None:
    lines = markdown.render(report).splitlines()
    assert lines[0] == "# yolox_nano"
    assert lines[2].startswith("Deploy **openvino-int8**. ")


def test_there_is_one_row_a_variant_with_as_many_cells_as_columns(report: Report) -> None:
    lines = markdown.render(report).splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("| variant"))
    table = lines[head : head + 2 + len(FIGURES)]
    assert {line.count(" | ") for line in table} == {len(markdown.COLUMNS) - 1}
    assert [line.split(" | ")[0] for line in table[2:]] == [f"| {name}" for name in FIGURES]


def test_layers_kept_in_float_and_the_command_are_named(report: Report) -> None:
    text = markdown.render(report)
    assert "takes the hot channels of the depthwise conv before it" in text
    assert "Command: `edgecv compress --out 'a folder'`" in text
    assert "Accuracy budget met: mAP 0.251 in float, 0.249 in INT8" in text


def test_power_is_told_with_what_it_is_of_and_what_held_the_machine_back(tmp_path: Path) -> None:
    text = markdown.render(collect(make_bundle(tmp_path / "b", hot(metrics()))))
    assert "Power (VDD_IN): openvino-fp32 9.10 W, 104 mJ a picture; openvino-int8" in text
    assert "held back for 3 s while timing, by heat (gpu-throttle-alert)" in text
    cool = markdown.render(collect(make_bundle(tmp_path / "c", metrics())))
    assert "Power" not in cool
    assert "held back" not in cool


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", {})
    bundle.update(variants=())
    text = markdown.render(collect(bundle))
    assert "No recommendation" in text
    assert "| variant" not in text
    assert "budget" not in text


def test_a_bar_in_a_reason_does_not_end_its_cell(tmp_path: Path) -> None:
    stages = metrics()
    stages["quantize"]["kept_float"][0]["reason"] = "a|b"
    assert r"a\|b" in markdown.render(collect(make_bundle(tmp_path / "b", stages)))

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from edgecv.bundle import Bundle
from edgecv.report import charts
from edgecv.report.collect import engine_samples
from edgecv.report.schema import Report


def points_of(chart: Markup, css: str) -> list[list[tuple[float, float]]]:
    found = re.findall(rf'<polyline class="{css}[^"]*" points="([^"]*)"', chart)
    return [[tuple(map(float, p.split(","))) for p in text.split()] for text in found]  # type: ignore[misc]


def test_the_trade_off_marks_each_timed_variant_and_the_chosen_one(report: Report) -> None:
    chart = charts.pareto(report.variants, "openvino-int8")
    assert chart is not None
    ElementTree.fromstring(chart)  # noqa: S314
    assert chart.count('class="mark') == 4
    assert chart.count(">deploy<") == 1
    assert "openvino-int8: mAP 0.249" in chart


def test_the_front_holds_only_those_that_no_other_beats(report: Report) -> None:
    chart = charts.pareto(report.variants, None)
    assert chart is not None
    (front,) = points_of(chart, "front")
    # fastest: openvino-int8; then onnxruntime-fp32 with more mAP; a step between
    assert len(front) == 3
    assert front[0][1] == front[1][1] > front[2][1]
    assert ">deploy<" not in chart


def test_one_variant_is_no_trade_off(report: Report) -> None:
    assert charts.pareto(report.variants[:1], None) is None
    assert charts.pareto([], None) is None


def test_the_distribution_rises_from_none_to_all_at_the_samples(report: Report) -> None:
    one = [v for v in report.variants if v.name == "openvino-int8"]
    chart = charts.ecdf({"openvino-int8": [10.0, 20.0, 40.0, 30.0]}, one)
    assert chart is not None
    (line,) = points_of(chart, "line int8")
    heights = [100 - y for _, y in line]
    assert heights[0] == 0
    assert heights == sorted(heights)
    # p99 of four samples lies under the slowest, where the axis ends
    assert {25.0, 50.0, 75.0} <= set(heights)
    assert "half within 25.0 ms" in chart


def test_the_distribution_covers_every_timed_variant(bundle: Bundle, report: Report) -> None:
    chart = charts.ecdf(engine_samples(bundle), report.variants)
    assert chart is not None
    lines = points_of(chart, "line")
    assert len(lines) == 4
    assert all(0 <= x <= 100 for line in lines for x, _ in line)
    assert np.isclose(min(100 - y for line in lines for _, y in line), 0)


def test_without_samples_there_is_no_distribution(report: Report) -> None:
    assert charts.ecdf({}, report.variants) is None

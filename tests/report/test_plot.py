from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from markupsafe import Markup

from edgecv.report import rows
from edgecv.report.plot import Axis, frame, marker, padded, polyline

AXIS = Axis("ms", 10, 20)


def numbers(markup: Markup, attribute: str) -> list[float]:
    return [float(n) for n in re.findall(rf'{attribute}="(-?[\d.]+)%"', markup)]


@pytest.mark.parametrize(("value", "percent"), [(10, 0), (12.5, 25), (20, 100), (25, 150)])
def test_a_value_stands_in_proportion(value: float, percent: float) -> None:
    assert AXIS.percent(value) == percent


@pytest.mark.parametrize(("low", "high"), [(0, 1), (7.3, 19.1), (0.2071, 0.2963), (-3, 1200)])
def test_ticks_are_round_evenly_spaced_and_inside(low: float, high: float) -> None:
    ticks = Axis("x", low, high).ticks()
    steps = np.diff(ticks)
    assert 3 <= len(ticks) <= 8
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert np.allclose(steps, steps[0])
    assert float(f"{steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9):.3f}") in (1, 2, 5)


def test_padding_leaves_room_even_for_one_value() -> None:
    axis = padded("x", [3.0], "{:g}".format)
    assert axis.low < 3 < axis.high
    assert padded("x", [0.0], "{:g}".format).high > 0
    assert padded("x", [3.0, 5.0], "{:g}".format, low=0).low == 0


def test_an_axis_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="axis 'x': no values"):
        padded("x", [], "{:g}".format)


def test_a_frame_is_well_formed_and_escapes_what_it_is_given() -> None:
    line = polyline(AXIS, Axis("y", 0, 1), [(10, 0), (20, 1)], "line")
    dot = marker(AXIS, Axis("y", 0, 1), (15, 0.25), Markup("<circle/>"))
    chart = frame(AXIS, Axis("a < b", 0, 1), [line, dot], 'said "so" & <more>')
    root = ElementTree.fromstring(chart)  # noqa: S314
    assert root[0].get("aria-label") == 'said "so" & <more>'
    assert 'points="0.00,100.00 100.00,0.00"' in chart
    assert '<svg x="50.00%" y="75.00%"' in chart


def test_an_interval_spans_its_ends_and_marks_its_value() -> None:
    row = rows.interval(AXIS, 11, 13, 19, "int8")
    assert numbers(row, "cx") == [30]
    assert numbers(row, "x1")[-1] == 10
    assert numbers(row, "x2")[-1] == 90


def test_a_change_runs_from_before_to_after() -> None:
    row = rows.change(AXIS, 18, 12)
    assert (numbers(row, "x1")[-1], numbers(row, "x2")[-1]) == (80, 20)
    assert numbers(row, "cx") == [80, 20]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_bar_is_as_long_as_its_share(share: float) -> None:
    assert numbers(rows.bar(share, "fp32"), " width") == [100 * share]


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_bar_outside_its_cell_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        rows.bar(share, "fp32")

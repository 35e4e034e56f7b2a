from __future__ import annotations

import re

import pytest

from edgecv.report import heat
from edgecv.report.schema import DeviceReport

READINGS = {
    "time_s": (0.5, 1.0, 1.5, 2.0),
    "seconds": (0.5,) * 4,
    "temperature_c": (50.0, None, 60.0, 70.0),
    "cpu_mhz": (1500.0,) * 4,
    "gpu_mhz": (900.0, 900.0, 600.0, 600.0),
    "throttled": (0.0, 0.0, 1.0, 0.5),
}
DEVICE = DeviceReport(readings=READINGS, throttled_by=("heat",))


def points(chart: str, css: str) -> list[list[float]]:
    """x in percent of each line of a class."""
    lines = re.findall(rf'<polyline class="line {css}" points="([^"]*)"', chart)
    return [[float(pair.split(",")[0]) for pair in line.split()] for line in lines]


def test_temperature_is_drawn_where_it_was_told() -> None:
    chart = str(heat.temperature(DEVICE))
    assert points(chart, "temperature") == [[25.0, 75.0, 100.0]]
    assert "temperature from 50 to 70 degrees C" in chart


def test_what_held_the_machine_back_is_marked_when_it_did() -> None:
    for chart in (heat.temperature(DEVICE), heat.clocks(DEVICE)):
        assert points(str(chart), "held") == [[50.0, 75.0], [75.0, 100.0]]


def test_each_clock_has_its_line() -> None:
    chart = str(heat.clocks(DEVICE))
    assert len(points(chart, "cpu")) == len(points(chart, "gpu")) == 1
    assert "GPU from 600 to 900 MHz" in chart


@pytest.mark.parametrize(
    "device",
    [
        None,
        DeviceReport(),
        DeviceReport(readings={"time_s": (1.0,), "temperature_c": (50.0,), "cpu_mhz": (900.0,)}),
        DeviceReport(readings={"time_s": (1.0, 2.0), "seconds": (1.0, 1.0)}),
    ],
    ids=["none", "nothing", "one point", "time alone"],
)
def test_without_two_points_there_is_no_chart(device: DeviceReport | None) -> None:
    assert heat.temperature(device) is None
    assert heat.clocks(device) is None

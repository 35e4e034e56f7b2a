from __future__ import annotations

import pytest

from edgecv.runtime.readings import LIMIT, Reading, Readings, joined


def second(index: int, watts: float | None = None, **more: float) -> Reading:
    return Reading(time_s=index + 1.0, seconds=1.0, power_w=watts, **more)


def test_joined_readings_are_means_weighted_by_their_seconds() -> None:
    short = Reading(1.0, 1.0, power_w=10.0, temperature_c=40.0, throttled=1.0)
    long = Reading(4.0, 3.0, power_w=2.0, gpu_mhz=600.0)
    found = joined([short, long])
    assert (found.time_s, found.seconds) == (4.0, 4.0)
    assert found.power_w == (10 * 1 + 2 * 3) / 4
    # what only one of them told is told as that one told it
    assert (found.temperature_c, found.gpu_mhz, found.cpu_mhz) == (40.0, 600.0, None)
    assert found.throttled == 0.25


def test_one_reading_joined_is_itself() -> None:
    assert joined([second(0, 3.0)]) == second(0, 3.0)


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="no readings"):
        joined([])


@pytest.mark.parametrize("count", [0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 10_000])
def test_a_series_keeps_all_time_and_energy_in_few_points(count: int) -> None:
    series = Readings()
    for index in range(count):
        series.add(second(index, float(index)))
    points = series.points
    assert len(points) <= LIMIT
    assert sum(point.seconds for point in points) == count
    energy = sum((point.power_w or 0) * point.seconds for point in points)
    assert energy == pytest.approx(count * (count - 1) / 2)
    times = [point.time_s for point in points]
    assert times == sorted(times)
    assert times[-1:] == ([float(count)] if count else [])


def test_json_has_columns_of_what_was_told_and_no_others() -> None:
    series = Readings()
    assert series.to_json() == {}
    series.add(second(0, 7.126))
    series.add(second(1, None, temperature_c=51.25))
    assert series.to_json() == {
        "time_s": [1.0, 2.0],
        "seconds": [1.0, 1.0],
        "power_w": [7.13, None],
        "temperature_c": [None, 51.25],
        "throttled": [0.0, 0.0],
    }

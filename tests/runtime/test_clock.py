from __future__ import annotations

import time

import numpy as np
import pytest

from edgecv.runtime.clock import RESOLUTION, StageTimes, Times


def test_nothing_measured_has_no_percentiles() -> None:
    assert Times().to_json() is None


def test_one_time_is_every_percentile() -> None:
    times = Times()
    times.add(12.5)
    told = times.to_json()
    assert told is not None
    assert told["max"] == told["mean"] == 12.5
    assert all(told[key] == pytest.approx(12.5, rel=RESOLUTION) for key in ("p50", "p90", "p99"))


@pytest.mark.parametrize("scale", [0.05, 3.0, 400.0], ids=["microseconds", "usual", "long"])
def test_percentiles_are_numpys_within_the_resolution(scale: float) -> None:
    samples = np.random.default_rng(0).lognormal(0, 1, 5000) * scale
    times = Times()
    for sample in samples:
        times.add(float(sample))
    told = times.to_json()
    assert told is not None
    for share in (50, 90, 99):
        exact = np.percentile(samples, share, method="inverted_cdf")
        assert told[f"p{share}"] == pytest.approx(exact, rel=RESOLUTION)
    assert told["mean"] == pytest.approx(samples.mean(), rel=1e-3, abs=1e-3)
    assert told["max"] == pytest.approx(samples.max(), abs=1e-3)


def test_times_out_of_range_are_kept_at_its_ends() -> None:
    times = Times()
    for value in (0.0, 1e12):
        times.add(value)
    told = times.to_json()
    assert told is not None
    assert told["p50"] < 0.01
    assert told["p99"] > 9e5


def test_a_stage_that_sleeps_costs_time_but_no_cpu() -> None:
    times = StageTimes()
    begun = times.begin()
    time.sleep(0.05)
    assert times.end(begun) < 25
    assert times.wall.total_ms >= 50
    assert times.cpu.count == times.wall.count == 1


def test_times_since_a_copy_are_those_added_after_it() -> None:
    times, later = Times(), Times()
    for value in (1.0, 900.0):
        times.add(value)
    before = times.copy()
    assert before.to_json() == times.to_json()
    assert times.since(before).to_json() is None
    for value in (10.0, 20.0, 30.0):
        times.add(value)
        later.add(value)
    found, expected = times.since(before).to_json(), later.to_json()
    assert found is not None
    assert expected is not None
    assert found == pytest.approx(expected, rel=RESOLUTION)
    assert before.count == 2


def test_counts_up_to_an_edge_are_cumulative_and_end_with_all() -> None:
    times = Times()
    assert times.up_to([1.0, 10.0]) == [0, 0, 0]
    for value in (0.5, 2.0, 3.0, 50.0, 1e12):
        times.add(value)
    assert times.up_to([1.0, 10.0, 100.0]) == [1, 3, 4, 5]

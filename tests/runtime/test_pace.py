from __future__ import annotations

import math
import time

import pytest
from found import frame

from edgecv.machine import available_cores
from edgecv.runtime import pace
from edgecv.runtime.pace import Pace
from edgecv.runtime.stats import Stats


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the test sets."""
    told = [100.0]
    monkeypatch.setattr(pace, "now", lambda: told[0])
    return told


def results(stats: Stats, count: int, age_ms: float = 20.0, stream: str = "door") -> None:
    for index in range(count):
        taken = frame(index, stream)
        taken.age_ms = age_ms
        stats.result(taken)


def test_rates_are_those_since_the_last_look(clock: list[float]) -> None:
    stats = Stats(["door"])
    results(stats, 500, 900.0)
    stats.streams["door"].frames_in = 500
    looked = Pace(stats, requests=2, wanted_fps=30.0)
    clock[0] += 2
    results(stats, 40, 50.0)
    stats.streams["door"].frames_in += 60
    stats.streams["door"].dropped["every"] += 10
    stats.stages["engine"].wall.add(2000)  # of two calls at once: half of the time
    lately, seconds = looked.look()
    assert seconds == 2
    assert (lately.fps, lately.offered_fps, lately.engine) == (20, 25, 0.5)
    assert lately.p99_ms == pytest.approx(50, rel=0.02)
    clock[0] += 1
    stats.streams["door"].frames_in += 30
    lately, seconds = looked.look()
    assert (seconds, lately.fps, lately.offered_fps, lately.p99_ms) == (1, 0, 30, None)


def test_the_stream_that_lacks_most_counts_and_those_that_are_gone_do_not(
    clock: list[float],
) -> None:
    names = ["dark", "slow", "gone", "over", "quick"]
    stats = Stats(names)
    looked = Pace(stats, requests=2, wanted_fps=30.0)
    clock[0] += 1
    for name, given, done in zip(names, (10, 30, 25, 25, 60), (10, 24, 0, 0, 35), strict=True):
        stats.streams[name].frames_in = given
        results(stats, done, stream=name)
    stats.streams["gone"].broken, stats.streams["over"].ended = True, True
    lately, _ = looked.look()
    # 24 of 30, where dark has all 10 of 10, and quick more than was asked for
    assert (lately.fps, lately.offered_fps) == (24, 30)


def test_a_source_that_waits_would_have_given_more(clock: list[float]) -> None:
    stats = Stats(["door"])
    looked = Pace(stats, requests=2)
    clock[0] += 1
    stats.streams["door"].frames_in = 12
    stats.streams["door"].held_s = 0.4
    results(stats, 12)
    lately, _ = looked.look()
    assert (lately.fps, lately.offered_fps) == (12, math.inf)


def test_without_frames_there_is_nothing_to_say(clock: list[float]) -> None:
    looked = Pace(Stats(["door"]), requests=2)
    clock[0] += 1
    lately, _ = looked.look()
    assert (lately.fps, lately.offered_fps, lately.p99_ms, lately.engine) == (0, 0, None, 0)


def test_the_engines_cpu_is_what_the_other_stages_do_not_use() -> None:
    stats = Stats(["door"])
    looked, begun = Pace(stats, requests=2), time.process_time()
    while time.process_time() - begun < 0.1:
        pass
    stats.stages["track"].cpu.add(40)
    lately, seconds = looked.look()
    cores = seconds * available_cores()
    assert lately.cpu * cores == pytest.approx(0.1, abs=0.05)
    assert (lately.cpu - lately.engine_cpu) * cores == pytest.approx(0.04, abs=1e-6)

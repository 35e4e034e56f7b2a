from __future__ import annotations

import time

import pytest
from found import frame

from edgecv.runtime import recent
from edgecv.runtime.recent import Recent, bound_by
from edgecv.runtime.stats import STAGES, Stats

IDLE = dict.fromkeys(STAGES, 0.1)


def results(stats: Stats, count: int, age_ms: float) -> None:
    for index in range(count):
        taken = frame(index)
        taken.age_ms = age_ms
        stats.result(taken)


def test_only_what_came_since_the_last_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0, 103.0])
    monkeypatch.setattr(recent, "now", lambda: next(clock))
    stats = Stats(["door", "yard"])
    results(stats, 50, 500)
    looked = Recent(stats, seats=4)
    results(stats, 20, 30)
    stats.stages["track"].wall.add(500)
    stats.stages["engine"].wall.add(4000)
    told = looked.look()
    assert (told["fps"], told["streams"]["door"]["fps"]) == (10, 10)
    assert told["streams"]["door"]["age_ms"]["max"] < 31
    assert told["streams"]["yard"] == {"fps": 0, "age_ms": None}
    # half a second of two on one thread; four seconds in four seats, half of the time
    assert (told["stages"]["track"], told["stages"]["engine"]) == (0.25, 0.5)
    again = looked.look()
    assert (again["fps"], again["stages"]["engine"]) == (0, 0)
    assert again["streams"]["door"]["age_ms"] is None


def test_waiting_for_a_camera_does_not_make_decoding_busy() -> None:
    stats = Stats(["door"])
    looked = Recent(stats, seats=3)
    begun = stats.stages["decode"].begin()
    time.sleep(0.2)
    stats.stages["decode"].end(begun)
    assert looked.look()["stages"]["decode"] < 0.5


def test_what_bounds_is_the_busiest_part_or_nothing() -> None:
    assert bound_by({**IDLE, "engine": 0.97}, 0.95, 1.0) == "the engine"
    assert bound_by({**IDLE, "sinks": 0.93}, 0.5, 0.6) == "the stage sinks"
    assert bound_by(IDLE, 0.93, 0.95) == "the CPU, which all stages share"
    assert bound_by(IDLE, 0.3, 0.97) == "the CPU, of which other programs take 67 %"
    assert bound_by(IDLE, 0.3, 0.4) is None

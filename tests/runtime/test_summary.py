from __future__ import annotations

import time

import pytest
from small_bundles import answer_of, spec_of

from edgecv.engines import PooledEngine
from edgecv.machine import available_cores
from edgecv.runtime.stats import Stats
from edgecv.runtime.summary import bounds, engine_alone
from edgecv.types import Array, Image


def ran(
    seconds: float, count: int, cpu_ms: dict[str, float], busy: float = 0.2, dropped: str = ""
) -> Stats:
    stats = Stats(["a"])
    stream = stats.streams["a"]
    stream.processed, stream.frames_in = count, count
    stream.first_s, stream.last_s = 100.0, 100.0 + seconds
    stats.cpu_s = busy * seconds * available_cores()
    if dropped:
        stream.dropped[dropped] = count
        stream.frames_in += count
    for name, each in cpu_ms.items():
        for _ in range(count):
            stats.stages[name].cpu.add(each)
    return stats


def test_the_engine_alone_is_as_quick_as_its_calls_allow() -> None:
    def sleepy(batch: Image) -> list[Array]:
        time.sleep(0.02)
        return answer_of(batch)

    with PooledEngine("sleepy", spec_of(), sleepy, 2) as engine:
        alone = engine_alone(engine, 2, seconds=0.3)
    assert 40 < alone["fps"] <= 100  # two calls of 20 ms at once
    assert alone["cpu_ms"] < 20


def test_the_ceiling_is_the_engines_share_of_the_cpu() -> None:
    stats = ran(10, 101, {"decode": 6.0, "preprocess": 1.0, "track": 3.0})
    told = bounds(stats, {"fps": 20.0, "cpu_ms": 40.0}, live=False)
    assert told["ceiling"] == pytest.approx(40 / 50, abs=1e-3)
    assert told["of_engine"] == pytest.approx(0.5, abs=1e-3)
    assert told["cpu_busy"] == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize(
    ("stats", "alone_fps", "live", "told"),
    [
        (ran(10, 101, {"decode": 1}), 100.0, True, "the sources"),
        (ran(10, 101, {"decode": 1}, dropped="newer"), 10.5, True, "the engine"),
        (ran(10, 101, {"decode": 1}), 10.5, False, "the engine"),
        (ran(10, 101, {"sinks": 95}), 100.0, False, "the stage sinks"),
        (ran(10, 101, {"decode": 9}, busy=0.97), 100.0, False, "the CPU"),
        (ran(10, 101, {"decode": 1}), 100.0, False, "no part"),
    ],
    ids=["camera", "camera, dropping", "file", "sink", "cpu", "nothing"],
)
def test_what_bounds_the_speed_is_named(
    stats: Stats, alone_fps: float, live: bool, told: str
) -> None:
    found = bounds(stats, {"fps": alone_fps, "cpu_ms": 5.0}, live)
    assert found["bound_by"].startswith(told)


def test_a_run_without_results_is_bound_by_nothing() -> None:
    told = bounds(Stats(["a"]), None, live=False)
    assert set(told.values()) == {None}


def test_predicted_frames_are_no_work_of_the_engine() -> None:
    stats = ran(10, 101, {"decode": 6.0, "track": 3.0})
    stats.streams["a"].predicted = 51
    told = bounds(stats, {"fps": 20.0, "cpu_ms": 40.0}, live=True)
    # 50 detected frames in 10 seconds, each with the decoding of 2.02
    assert told["of_engine"] == pytest.approx(0.248, abs=2e-3)
    assert told["ceiling"] == pytest.approx(40 / (40 + 9 * 101 / 50), abs=1e-3)

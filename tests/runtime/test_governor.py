from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from edgecv.runtime.governor import (
    BETTER_S,
    WORSE_S,
    Gear,
    Governor,
    Lately,
    Switch,
    Target,
    gears_of,
)

CAMERA_FPS = 30.0
TARGET = Target(fps=CAMERA_FPS, p99_ms=80.0)
STRIDES = gears_of({"a": 1.0})


def device(speed: float, stride: int) -> Lately:
    """A device that detects `speed` pictures a second, on every stride-th frame of a camera.

    As a server with one place: with too much work it drops frames and is late; with less its
    99th percentile is its own time over the share that is free (M/M/1).
    """
    asked = CAMERA_FPS / stride
    busy = asked / speed
    if busy >= 1:
        return Lately(speed * stride, CAMERA_FPS, 250.0, 1.0)
    return Lately(CAMERA_FPS, CAMERA_FPS, 1e3 / speed + 10 / (1 - busy), busy)


def made(target: Target = TARGET, gears: tuple[Gear, ...] = STRIDES) -> Governor:
    return Governor(target, gears)


def simulate(
    governor: Governor, seconds: int, speed: Callable[[int, int], float]
) -> list[tuple[int, Switch]]:
    """The switches, with their second; `speed` knows the second and the stride."""
    switches = []
    for second in range(seconds):
        stride = governor.gear.stride
        lately = device(speed(second, stride), stride)
        switch = governor.decide(lately, 1.0)
        if switch is not None:
            switches.append((second, switch))
    return switches


def test_a_device_that_keeps_up_detects_every_frame() -> None:
    assert simulate(made(), 600, lambda second, stride: 60.0) == []


def test_throttling_leaves_frames_out_soon_and_its_end_brings_them_back_late() -> None:
    governor = made()
    switches = simulate(governor, 600, lambda second, _: 25.0 if 100 <= second < 300 else 60.0)
    assert [switch.after.stride for _, switch in switches] == [2, 1]
    (left_out, first), (back, last) = switches
    assert 100 + WORSE_S - 1 <= left_out <= 100 + WORSE_S
    assert 300 + BETTER_S - 1 <= back <= 300 + BETTER_S
    assert first.reason == "p99 of 250 ms is over 80 ms"
    assert last.reason == "there was room for 20 s"


def test_heavy_throttling_goes_as_far_as_it_must_and_no_further() -> None:
    # a third of 30 is the first share that 12 a second keep up with
    governor = made(Target(fps=CAMERA_FPS))
    simulate(governor, 60, lambda second, stride: 12.0)
    assert governor.gear.stride == 3
    # but they are late then, where lateness counts
    governor = made()
    simulate(governor, 60, lambda second, stride: 12.0)
    assert governor.gear.stride == 4


def test_beyond_the_most_nothing_is_left_out() -> None:
    governor = made(Target(fps=CAMERA_FPS), gears_of({"a": 1.0}, most=3))
    switches = simulate(governor, 300, lambda second, stride: 2.0)
    assert [switch.after.stride for _, switch in switches] == [2, 3]


@pytest.mark.parametrize("speed", [16.0, 20.0, 25.0, 28.0, 29.0, 29.9])
def test_a_device_on_the_edge_does_not_swing(speed: float) -> None:
    governor = made(Target(fps=CAMERA_FPS))
    switches = simulate(governor, 3600, lambda second, stride: speed)
    # all are too slow for every frame, quick enough for every second one: it stays there
    assert [switch.after.stride for _, switch in switches] == ([2] if speed < 28.5 else [])


def test_heat_that_comes_back_with_the_work_is_tried_less_and_less() -> None:
    heat = 0.0

    def speed(second: int, stride: int) -> float:
        nonlocal heat
        # hot after half a minute of full work, cool after half a minute of half of it
        heat = min(1.0, max(0.0, heat + (1 if stride == 1 else -1) / 30))
        return 20.0 if heat > 0.99 else 60.0

    switches = simulate(made(), 3600, speed)
    back = [second for second, switch in switches if switch.after.stride == 1]
    waits = [later - sooner for sooner, later in pairwise(back)]
    assert waits == sorted(waits)
    assert waits[-1] > 300
    assert len(back) < 12


def test_a_dark_camera_is_no_trouble() -> None:
    governor = made(Target(fps=30.0))
    for _ in range(60):
        assert governor.decide(Lately(10.0, 10.0, 40.0, 0.2), 1.0) is None


def test_without_results_there_is_no_age_to_hold_but_the_rate() -> None:
    governor = made()
    nothing = Lately(0.0, 30.0, None, 1.0)
    switches = [governor.decide(nothing, 1.0) for _ in range(2)]
    assert switches == [
        None,
        Switch(*STRIDES[:2], "0.0 results a second are under 30.0"),
    ]


def test_without_a_target_nothing_is_done() -> None:
    assert simulate(made(Target()), 300, lambda second, stride: 1.0) == []


def test_one_bad_second_is_none() -> None:
    governor = made()
    switches = simulate(governor, 300, lambda second, _: 20.0 if second % 10 == 0 else 60.0)
    assert switches == []


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_time_has_to_pass(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        made().decide(Lately(1, 1, 1, 1), seconds)


def test_a_quicker_engine_comes_before_frames_are_left_out_and_goes_after_they_are_back() -> None:
    # the second engine does a frame in half of the time
    gears = gears_of({"float": 2.0, "int8": 1.0}, most=3)
    told = [(gear.variant, gear.stride, gear.work) for gear in gears]
    assert told == [
        ("float", 1, 2),
        ("int8", 1, 1),
        ("int8", 2, 0.5),
        ("int8", 3, pytest.approx(1 / 3)),
    ]
    governor, passed = made(Target(fps=30.0), gears), []
    for second in range(200):
        cool = 60.0 / governor.gear.work  # detections a second of this engine, and its strides
        speed = 0.35 * cool if 20 <= second < 60 else cool
        busy = min(1.0, 30.0 / speed)
        switch = governor.decide(Lately(min(30.0, speed), 30.0, 40.0, busy), 1.0)
        if switch is not None:
            assert switch.before != switch.after == governor.gear
            passed.append((switch.after.variant, switch.after.stride))
    assert passed == [("int8", 1), ("int8", 2), ("int8", 1)]
    # 30 of 30 a second would leave the float engine no room


def test_the_log_names_a_gear_in_words() -> None:
    assert [str(gear) for gear in gears_of({"a": 1.0})] == [
        "a on every frame",
        "a on every 2nd frame",
        "a on every 3rd frame",
        "a on every 4th frame",
    ]


def test_cores_that_other_stages_need_are_no_room() -> None:
    def back(cpu: float, engine_cpu: float) -> bool:
        governor = made(Target(fps=30.0))
        simulate(governor, 10, lambda second, stride: 20.0)
        assert governor.gear.stride == 2
        lately = Lately(30.0, 30.0, 40.0, 0.2, cpu, engine_cpu)
        return any(governor.decide(lately, 1.0) for _ in range(60))

    assert back(0.5, 0.2)  # 0.7 with twice as much for the engine
    assert not back(0.5, 0.4)
    assert not back(0.9, 0.0)


def test_of_a_file_only_the_rate_that_was_asked_for_has_to_fit() -> None:
    governor = made(Target(fps=30.0))
    simulate(governor, 10, lambda second, stride: 20.0)
    # read as fast as it goes, it keeps the engine busy whatever the stride
    far = Lately(120.0, float("inf"), 40.0, 1.0)
    assert any(governor.decide(far, 1.0) for _ in range(60))
    near = Lately(45.0, float("inf"), 40.0, 1.0)
    governor = made(Target(fps=30.0))
    simulate(governor, 10, lambda second, stride: 20.0)
    assert not any(governor.decide(near, 1.0) for _ in range(60))


def test_nothing_at_all_is_neither_trouble_nor_room() -> None:
    governor = made(Target(fps=30.0))
    simulate(governor, 10, lambda second, stride: 20.0)
    gone = Lately(0.0, 0.0, None, 0.0)
    assert not any(governor.decide(gone, 1.0) for _ in range(60))

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from edgecv.runtime.governor import BETTER_S, WORSE_S, Governor, Lately, Switch, Target

CAMERA_FPS = 30.0
TARGET = Target(fps=CAMERA_FPS, p99_ms=80.0)


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


def simulate(
    governor: Governor, seconds: int, speed: Callable[[int, int], float]
) -> list[tuple[int, Switch]]:
    """The switches, with their second; `speed` knows the second and the stride."""
    switches = []
    for second in range(seconds):
        lately = device(speed(second, governor.stride), governor.stride)
        switch = governor.decide(lately, 1.0)
        if switch is not None:
            switches.append((second, switch))
    return switches


def test_a_device_that_keeps_up_detects_every_frame() -> None:
    assert simulate(Governor(TARGET), 600, lambda second, stride: 60.0) == []


def test_throttling_leaves_frames_out_soon_and_its_end_brings_them_back_late() -> None:
    governor = Governor(TARGET)
    switches = simulate(governor, 600, lambda second, _: 25.0 if 100 <= second < 300 else 60.0)
    assert [(switch.stride) for _, switch in switches] == [2, 1]
    (left_out, first), (back, last) = switches
    assert 100 + WORSE_S - 1 <= left_out <= 100 + WORSE_S
    assert 300 + BETTER_S - 1 <= back <= 300 + BETTER_S
    assert first.reason == "p99 of 250 ms is over 80 ms"
    assert last.reason == "there was room for 20 s"


def test_heavy_throttling_goes_as_far_as_it_must_and_no_further() -> None:
    # a third of 30 is the first share that 12 a second keep up with
    governor = Governor(Target(fps=CAMERA_FPS))
    simulate(governor, 60, lambda second, stride: 12.0)
    assert governor.stride == 3
    # but they are late then, where lateness counts
    governor = Governor(TARGET)
    simulate(governor, 60, lambda second, stride: 12.0)
    assert governor.stride == 4


def test_beyond_the_most_nothing_is_left_out() -> None:
    governor = Governor(Target(fps=CAMERA_FPS, most=3))
    switches = simulate(governor, 300, lambda second, stride: 2.0)
    assert [switch.stride for _, switch in switches] == [2, 3]


@pytest.mark.parametrize("speed", [16.0, 20.0, 25.0, 28.0, 29.0, 29.9])
def test_a_device_on_the_edge_does_not_swing(speed: float) -> None:
    governor = Governor(Target(fps=CAMERA_FPS))
    switches = simulate(governor, 3600, lambda second, stride: speed)
    # all are too slow for every frame, quick enough for every second one: it stays there
    assert [switch.stride for _, switch in switches] == ([2] if speed < 28.5 else [])


def test_heat_that_comes_back_with_the_work_is_tried_less_and_less() -> None:
    heat = 0.0

    def speed(second: int, stride: int) -> float:
        nonlocal heat
        # hot after half a minute of full work, cool after half a minute of half of it
        heat = min(1.0, max(0.0, heat + (1 if stride == 1 else -1) / 30))
        return 20.0 if heat > 0.99 else 60.0

    switches = simulate(Governor(TARGET), 3600, speed)
    back = [second for second, switch in switches if switch.stride == 1]
    waits = [later - sooner for sooner, later in pairwise(back)]
    assert waits == sorted(waits)
    assert waits[-1] > 300
    assert len(back) < 12


def test_a_dark_camera_is_no_trouble() -> None:
    governor = Governor(Target(fps=30.0))
    for _ in range(60):
        assert governor.decide(Lately(10.0, 10.0, 40.0, 0.2), 1.0) is None


def test_without_results_there_is_no_age_to_hold_but_the_rate() -> None:
    governor = Governor(TARGET)
    nothing = Lately(0.0, 30.0, None, 1.0)
    switches = [governor.decide(nothing, 1.0) for _ in range(2)]
    assert switches == [None, Switch(2, "0.0 results a second are under 30.0")]


def test_without_a_target_nothing_is_done() -> None:
    assert simulate(Governor(Target()), 300, lambda second, stride: 1.0) == []


def test_one_bad_second_is_none() -> None:
    governor = Governor(TARGET)
    switches = simulate(governor, 300, lambda second, _: 20.0 if second % 10 == 0 else 60.0)
    assert switches == []


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_time_has_to_pass(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        Governor(TARGET).decide(Lately(1, 1, 1, 1), seconds)

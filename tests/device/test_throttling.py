from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import cooling, laptop, oc, orin_nano, virtual_machine, write

from edgecv.device.throttling import HELD_BACK, Throttling

CORE = "sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count"
PACKAGE = "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count"
DEVFREQ, LOAD = "sys/class/devfreq/17000000.gpu", "sys/devices/platform/gpu.0/load"


def test_events_of_before_and_a_running_fan_slow_nothing(tmp_path: Path) -> None:
    assert Throttling(orin_nano(tmp_path)).look() == frozenset()


@pytest.mark.parametrize(
    ("counts", "cause"),
    [
        ((1, 15, 37), "under-voltage"),
        ((0, 16, 37), "average over-current"),
        ((0, 15, 40), "instantaneous over-current"),
    ],
)
def test_an_event_of_the_supply_is_told_once(
    tmp_path: Path, counts: tuple[int, ...], cause: str
) -> None:
    throttling = Throttling(orin_nano(tmp_path))
    write(tmp_path, oc(3, *counts))
    assert throttling.look() == {cause}
    assert throttling.look() == frozenset()


def test_an_alert_lasts_as_long_as_its_state(tmp_path: Path) -> None:
    throttling = Throttling(orin_nano(tmp_path))
    write(tmp_path, cooling({"pwm-fan": 4, "cpu-throttle-alert": 0, "gpu-throttle-alert": 1}))
    assert throttling.look() == {"heat (gpu-throttle-alert)"}
    assert throttling.look() == {"heat (gpu-throttle-alert)"}
    write(tmp_path, cooling({"pwm-fan": 4, "cpu-throttle-alert": 0, "gpu-throttle-alert": 0}))
    assert throttling.look() == frozenset()


def test_an_x86_tells_by_counts_of_cores_and_package(tmp_path: Path) -> None:
    throttling = Throttling(laptop(tmp_path))
    assert throttling.look() == frozenset()
    write(tmp_path, {CORE: "4\n"})
    assert throttling.look() == {"heat (core)"}
    write(tmp_path, {PACKAGE: "41\n", CORE: "5\n"})
    assert throttling.look() == {"heat (core)", "heat (package)"}


def test_a_gpu_that_stays_slow_under_load_is_held_back(tmp_path: Path) -> None:
    throttling = Throttling(orin_nano(tmp_path))
    write(tmp_path, {LOAD: "1000\n", f"{DEVFREQ}/cur_freq": "408000000\n"})
    assert throttling.look() == frozenset()  # a governor needs a moment
    assert throttling.look() == {HELD_BACK}
    write(tmp_path, {f"{DEVFREQ}/cur_freq": "612000000\n"})
    assert throttling.look() == frozenset()


def test_a_gpu_without_work_may_be_slow(tmp_path: Path) -> None:
    throttling = Throttling(orin_nano(tmp_path))  # load 12 %, half of its clock
    assert throttling.look() | throttling.look() == frozenset()


def test_a_virtual_machine_tells_nothing(tmp_path: Path) -> None:
    assert Throttling(virtual_machine(tmp_path)).look() == frozenset()

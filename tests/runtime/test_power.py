from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from recorded_devices import cooling, laptop, oc, orin_nano, virtual_machine, write, zones

from edgecv.device import rapl
from edgecv.runtime import power
from edgecv.runtime.power import PowerMeter

CURRENT = "sys/class/hwmon/hwmon1/curr1_input"


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 100.0
        monkeypatch.setattr(power, "now", lambda: self.seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_machine_that_tells_nothing_has_no_figures(tmp_path: Path, clock: Clock) -> None:
    meter = PowerMeter(virtual_machine(tmp_path))
    clock.seconds += 2
    told = meter.to_json(frames=10)
    assert told == {
        "power_w": None,
        "power_of": None,
        "mj_per_frame": None,
        "temperature_c": None,
        "temperature_of": None,
        "throttled_s": 0.0,
        "throttled_by": [],
        "readings": {"time_s": [2.0], "seconds": [2.0], "throttled": [0.0]},
    }


def test_power_is_the_mean_of_the_whole_time_and_energy_is_for_frames(
    tmp_path: Path, clock: Clock
) -> None:
    meter = PowerMeter(orin_nano(tmp_path))  # 7 W
    clock.seconds += 1
    meter.look()
    write(tmp_path, {CURRENT: "2200\n"})  # 11 W, between: 9 W
    for _ in range(3):
        clock.seconds += 1
        meter.look()
    told = json.loads(json.dumps(meter.to_json(frames=100)))
    assert told["power_w"] == 9.5  # (7 + 9 + 11 + 11) / 4
    assert told["power_of"] == "VDD_IN"
    assert told["mj_per_frame"] == 380.0
    assert told["readings"]["power_w"][:4] == [7.0, 9.0, 11.0, 11.0]
    assert told["readings"]["gpu_mhz"][:4] == [306.0] * 4


def test_a_sensor_that_does_not_answer_for_a_while_lowers_no_figure(
    tmp_path: Path, clock: Clock
) -> None:
    meter = PowerMeter(orin_nano(tmp_path))  # 7 W
    for second in range(10):
        if second == 2:
            write(tmp_path, {CURRENT: ""})
        clock.seconds += 1
        meter.look()
    told = meter.to_json(frames=100)
    assert told["power_w"] == 7.0
    assert told["mj_per_frame"] == 700.0


def test_the_processors_counter_becomes_a_mean_power(tmp_path: Path, clock: Clock) -> None:
    meter = PowerMeter(laptop(tmp_path))
    clock.seconds += 2
    write(tmp_path, {"sys/class/powercap/intel-rapl:0/energy_uj": "31000000\n"})
    told = meter.to_json()
    assert told["power_w"] == 15.0  # 30 J in 2 s
    assert told["mj_per_frame"] is None


def test_the_highest_temperature_is_kept_with_its_zone(tmp_path: Path, clock: Clock) -> None:
    meter = PowerMeter(orin_nano(tmp_path))
    for name, text in (("gpu-thermal", "81500\n"), ("cpu-thermal", "60000\n")):
        clock.seconds += 1
        write(tmp_path, zones({"cpu-thermal": "50000\n", "gpu-thermal": "50000\n", name: text}))
        meter.look()
    told = meter.to_json()
    assert (told["temperature_c"], told["temperature_of"]) == (81.5, "gpu-thermal")
    assert told["readings"]["temperature_c"][:2] == [81.5, 60.0]


def test_throttling_is_marked_when_it_was_and_told_with_its_causes(
    tmp_path: Path, clock: Clock
) -> None:
    meter = PowerMeter(orin_nano(tmp_path))
    clock.seconds += 1
    meter.look()
    write(tmp_path, cooling({"pwm-fan": 4, "cpu-throttle-alert": 0, "gpu-throttle-alert": 1}))
    write(tmp_path, oc(3, 0, 15, 40))
    clock.seconds += 2
    meter.look()
    write(tmp_path, cooling({"pwm-fan": 4, "cpu-throttle-alert": 0, "gpu-throttle-alert": 0}))
    clock.seconds += 3
    told = meter.to_json()
    assert told["throttled_s"] == 2.0
    assert told["throttled_by"] == ["heat (gpu-throttle-alert)", "instantaneous over-current"]
    assert told["readings"]["throttled"] == [0.0, 1.0, 0.0]


def test_a_thread_samples_until_it_is_left(tmp_path: Path) -> None:
    with PowerMeter(orin_nano(tmp_path), period_s=0.01) as meter:
        deadline = time.monotonic() + 20
        while len(meter.readings.points) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    count = len(meter.readings.points)
    assert count >= 3
    assert meter.energy.joules == pytest.approx(7.0 * meter.energy.seconds)
    assert not [thread for thread in threading.enumerate() if thread.name == "power"]
    assert len(meter.readings.points) == count


def test_a_counter_for_root_only_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop(tmp_path)
    monkeypatch.setattr(rapl, "read_number", lambda path: None if "energy" in path.name else 1.0)
    power._say_once.cache_clear()
    for _ in range(2):
        with PowerMeter(tmp_path) as meter:
            told = meter.to_json()
    assert (told["power_w"], told["power_of"]) == (None, None)
    said = capsys.readouterr().err
    assert said.count("power is not measured") == 1
    assert "sudo chmod a+r" in said


def test_a_look_each_second_costs_less_than_a_thousandth_of_a_core(tmp_path: Path) -> None:
    meter, costs = PowerMeter(orin_nano(tmp_path)), []
    for _ in range(50):
        began = time.thread_time()
        meter.look()
        costs.append(time.thread_time() - began)
    assert sorted(costs)[len(costs) // 2] < 1e-3

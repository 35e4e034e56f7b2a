from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.runtime.power import PowerMeter, hottest_c, rails_w


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_machine_that_tells_nothing_has_no_figures(tmp_path: Path) -> None:
    assert PowerMeter(tmp_path).to_json() == {"power_w": None, "temperature_c": None}


def test_the_hottest_zone_counts_and_broken_ones_do_not(tmp_path: Path) -> None:
    for index, text in enumerate(("41250\n", "63500\n", "", "no\n")):
        write(tmp_path, {f"sys/class/thermal/thermal_zone{index}/temp": text})
    assert hottest_c(tmp_path) == 63.5


def rail(number: int, label: str, millivolts: int, milliamperes: int) -> dict[str, str]:
    folder = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    return {
        f"{folder}/in{number}_label": f"{label}\n",
        f"{folder}/in{number}_input": f"{millivolts}\n",
        f"{folder}/curr{number}_input": f"{milliamperes}\n",
    }


def test_a_jetsons_power_is_that_of_its_input_rail(tmp_path: Path) -> None:
    write(tmp_path, rail(1, "VDD_IN", 5000, 1400) | rail(2, "VDD_CPU_GPU_CV", 5000, 400))
    assert rails_w(tmp_path) == 7.0
    assert PowerMeter(tmp_path).to_json()["power_w"] == 7.0


def test_rails_without_an_input_are_added(tmp_path: Path) -> None:
    write(tmp_path, rail(1, "VDD_GPU_SOC", 20000, 500) | rail(2, "VDD_CPU_CV", 20000, 100))
    assert rails_w(tmp_path) == 12.0


def test_the_processors_counter_becomes_a_mean_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 102.0, 103.0])
    monkeypatch.setattr("edgecv.runtime.power.time.monotonic", lambda: next(clock))
    counter = "sys/class/powercap/intel-rapl:0/energy_uj"
    write(tmp_path, {counter: "1000000\n"})
    meter = PowerMeter(tmp_path)
    write(tmp_path, {counter: "31000000\n"})
    assert meter.to_json()["power_w"] == 15.0  # 30 J in 2 s
    write(tmp_path, {counter: "5\n"})
    assert meter.to_json()["power_w"] is None  # it went round

from __future__ import annotations

from pathlib import Path

from recorded_devices import agx_orin, laptop, orin_nano, rails, write

from edgecv.device.rails import find_rails


def watts(root: Path) -> dict[str, float | None]:
    return {rail.label: rail.watts() for rail in find_rails(root)}


def test_an_input_rail_stands_for_the_whole_module(tmp_path: Path) -> None:
    assert watts(orin_nano(tmp_path)) == {"VDD_IN": 7.0}  # 5 V x 1.4 A


def test_without_one_the_rails_are_added_and_none_twice(tmp_path: Path) -> None:
    # the memory's rail is fed by VIN_SYS_5V0; NC is not connected
    found = watts(agx_orin(tmp_path))
    assert found == {"VDD_GPU_SOC": 10.0, "VDD_CPU_CV": 2.0, "VIN_SYS_5V0": 4.0}


def test_a_sensor_that_gives_power_itself_is_read(tmp_path: Path) -> None:
    folder = "sys/class/hwmon/hwmon5"
    write(tmp_path, rails("sys/class/hwmon/hwmon2", {1: ("VDD_GPU", 12000, 1000)}))
    write(tmp_path, {f"{folder}/name": "ina238\n", f"{folder}/power1_input": "23500000\n"})
    assert watts(tmp_path) == {"VIN": 23.5}


def test_a_sensor_that_does_not_answer_has_no_power(tmp_path: Path) -> None:
    orin_nano(tmp_path)
    write(tmp_path, {"sys/class/hwmon/hwmon1/curr1_input": ""})
    assert watts(tmp_path) == {"VDD_IN": None}


def test_a_laptop_has_no_rails(tmp_path: Path) -> None:
    assert find_rails(laptop(tmp_path)) == ()
    assert find_rails(tmp_path / "nothing") == ()

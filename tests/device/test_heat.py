from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import laptop, orin_nano, virtual_machine, write, zones

from edgecv.device.heat import find_zones, hottest


def test_zones_have_names_and_those_that_are_off_no_temperature(tmp_path: Path) -> None:
    told = {zone.name: zone.celsius() for zone in find_zones(orin_nano(tmp_path))}
    assert told == {"cpu-thermal": 48.5, "gpu-thermal": None, "tj-thermal": 51.25}


def test_the_hottest_zone_is_named_and_broken_ones_are_not(tmp_path: Path) -> None:
    assert hottest(find_zones(laptop(tmp_path))) == ("x86_pkg_temp", 63.5)


@pytest.mark.parametrize("text", ["-256000\n", "200000\n", "no\n", ""])
def test_a_code_is_no_temperature(tmp_path: Path, text: str) -> None:
    assert hottest(find_zones(write(tmp_path, zones({"PMIC-Die": text})))) is None


def test_a_zone_without_a_name_has_that_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path, {"sys/class/thermal/thermal_zone3/temp": "41000\n"})
    assert hottest(find_zones(tmp_path)) == ("thermal_zone3", 41.0)


def test_a_machine_without_zones_has_no_hottest(tmp_path: Path) -> None:
    assert find_zones(virtual_machine(tmp_path)) == ()
    assert hottest(()) is None

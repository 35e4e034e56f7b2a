from __future__ import annotations

from pathlib import Path

import pytest
from recorded_devices import laptop, orin_nano, virtual_machine, write

from edgecv.device.clocks import find_clocks


def test_a_jetson_tells_the_clocks_of_cpu_and_gpu(tmp_path: Path) -> None:
    clocks = find_clocks(orin_nano(tmp_path))
    assert (clocks.cpu_mhz(), clocks.gpu_mhz()) == (1497.6, 306.0)
    assert not clocks.gpu_held_back()


@pytest.mark.parametrize("name", ["17000000.gpu", "17000000.ga10b", "57000000.gpu", "gpu-gpc-0"])
def test_the_gpu_is_found_under_the_name_of_each_release(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"sys/class/devfreq/{name}/cur_freq": "918000000\n"})
    write(tmp_path, {"sys/class/devfreq/15340000.vic/cur_freq": "115200000\n"})
    assert find_clocks(tmp_path).gpu_mhz() == 918.0


def test_a_laptop_tells_that_of_its_quickest_core(tmp_path: Path) -> None:
    laptop(tmp_path)
    fast = "sys/devices/system/cpu/cpufreq/policy2/scaling_cur_freq"
    write(tmp_path, {fast: "3900000\n"})
    clocks = find_clocks(tmp_path)
    assert (clocks.cpu_mhz(), clocks.gpu_mhz(), clocks.gpu_held_back()) == (3900.0, None, False)


def test_a_virtual_machine_tells_no_clock(tmp_path: Path) -> None:
    clocks = find_clocks(virtual_machine(tmp_path))
    assert (clocks.cpu_mhz(), clocks.gpu_mhz(), clocks.gpu_held_back()) == (None, None, False)

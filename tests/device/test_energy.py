from __future__ import annotations

from pathlib import Path

from recorded_devices import agx_orin, laptop, orin_nano, virtual_machine, write

from edgecv.device.energy import EnergyMeter

CURRENT = "sys/class/hwmon/hwmon1/curr1_input"
POWERCAP = "sys/class/powercap"


def test_power_of_a_rail_is_taken_to_change_steadily(tmp_path: Path) -> None:
    meter = EnergyMeter(orin_nano(tmp_path))  # 7 W
    write(tmp_path, {CURRENT: "2200\n"})  # 11 W
    assert meter.joules(2.0) == 18.0
    assert meter.joules(1.0) == 11.0
    assert meter.source == "VDD_IN"


def test_rails_are_added(tmp_path: Path) -> None:
    meter = EnergyMeter(agx_orin(tmp_path))
    assert meter.joules(0.5) == 8.0
    assert meter.source == "VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0"


def test_a_rail_that_fails_leaves_a_gap_and_comes_back(tmp_path: Path) -> None:
    meter = EnergyMeter(orin_nano(tmp_path))
    write(tmp_path, {CURRENT: ""})
    assert meter.joules(1.0) is None
    write(tmp_path, {CURRENT: "1400\n"})
    assert meter.joules(1.0) == 7.0


def test_a_laptop_counts_package_and_memory(tmp_path: Path) -> None:
    meter = EnergyMeter(laptop(tmp_path))
    zones = {"intel-rapl:0": 16_000_000, "intel-rapl:0:1": 5_000_000, "intel-rapl:1": 99_000_000}
    write(tmp_path, {f"{POWERCAP}/{zone}/energy_uj": str(uj) for zone, uj in zones.items()})
    assert meter.joules(3.0) == 15.0 + 3.0
    assert meter.source == "CPU package and memory (RAPL)"
    assert not meter.locked


def test_a_virtual_machine_tells_no_energy(tmp_path: Path) -> None:
    meter = EnergyMeter(virtual_machine(tmp_path))
    assert (meter.joules(1.0), meter.source, meter.locked) == (None, None, False)

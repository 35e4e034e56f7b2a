"""Power of a Jetson's supply rails, from the sensors on the module.

Source: the hwmon drivers ina3221 and ina238 of Linux: millivolts, milliamperes, microwatts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import read_number, read_text

SENSORS = ("ina3221", "ina238")
# a rail by which all power comes in
INPUTS = ("VDD_IN", "VIN", "POM_5V_IN")
# fed by VIN_SYS_5V0, so counted with it already
WITHIN = {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}


@dataclass(frozen=True)
class Rail:
    """A rail and the files of its reading: (power,) or (voltage, current)."""

    label: str
    files: tuple[Path, ...]

    def watts(self) -> float | None:
        """Power now; None where the sensor does not answer."""
        values = [read_number(path) for path in self.files]
        if any(value is None for value in values):
            return None
        if len(values) == 1:
            return (values[0] or 0.0) / 1e6
        return (values[0] or 0.0) * (values[1] or 0.0) / 1e6


def find_rails(root: Path = Path("/")) -> tuple[Rail, ...]:
    """The rails whose powers add up to that of the module: its input alone where it has one."""
    found = {
        rail.label: rail
        for folder in sorted(root.glob("sys/class/hwmon/hwmon*"))
        if read_text(folder / "name") in SENSORS
        for rail in _rails_of(folder)
    }
    for name in INPUTS:
        if name in found:
            return (found[name],)
    return tuple(rail for label, rail in found.items() if WITHIN.get(label) not in found)


def _rails_of(folder: Path) -> Iterator[Rail]:
    for file in sorted(folder.glob("in*_label")):
        number, label = file.name[2:].removesuffix("_label"), read_text(file)
        volts, amperes = folder / f"in{number}_input", folder / f"curr{number}_input"
        # the sum of shunt voltages has a label, and no current
        if label and label != "NC" and volts.is_file() and amperes.is_file():
            yield Rail(label, (volts, amperes))
    power = folder / "power1_input"
    if power.is_file():
        yield Rail(read_text(folder / "label") or "VIN", (power,))

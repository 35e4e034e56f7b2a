"""What the machine tells of its own power and heat; absent where it tells nothing."""

from __future__ import annotations

import time
from pathlib import Path

# counter of the processor's energy in microjoules; only root may read it on most systems
RAPL = "sys/class/powercap/intel-rapl:*/energy_uj"
ZONES = "sys/class/thermal/thermal_zone*/temp"
# INA3221 of the Jetson boards: millivolts and milliamperes of each rail
RAILS = "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*"


class PowerMeter:
    """Mean power between making it and asking it.

    Args:
        root: of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._energy, self._begun = _energy_j(root), time.monotonic()

    def to_json(self) -> dict[str, float | None]:
        """{"power_w", "temperature_c"}: watts, by RAPL or the rails now, and the hottest zone."""
        return {"power_w": self._watts(), "temperature_c": hottest_c(self._root)}

    def _watts(self) -> float | None:
        rails = rails_w(self._root)
        if rails is not None:
            return rails
        energy, seconds = _energy_j(self._root), time.monotonic() - self._begun
        if energy is None or self._energy is None or energy < self._energy or seconds <= 0:
            return None  # the counter went round
        return round((energy - self._energy) / seconds, 2)


def hottest_c(root: Path = Path("/")) -> float | None:
    """Degrees of the hottest thermal zone."""
    zones = [value / 1e3 for path in root.glob(ZONES) if (value := _number(path)) is not None]
    return round(max(zones), 1) if zones else None


def rails_w(root: Path = Path("/")) -> float | None:
    """Watts of a board's supply: its input rail (VDD_IN), or the sum where none is named so."""
    found: dict[str, float] = {}
    for folder in sorted(root.glob(RAILS)):
        for label in sorted(folder.glob("in*_label")):
            number = label.name[2:].removesuffix("_label")
            volts = _number(folder / f"in{number}_input")
            amperes = _number(folder / f"curr{number}_input")
            if volts is not None and amperes is not None:
                found[label.read_text("utf-8").strip()] = volts * amperes / 1e6
    total = found.get("VDD_IN", sum(found.values()))
    return round(total, 2) if found else None


def _energy_j(root: Path) -> float | None:
    values = [value for path in root.glob(RAPL) if (value := _number(path)) is not None]
    return sum(values) / 1e6 if values else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None

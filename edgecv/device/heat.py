"""Temperatures, by the zones of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import read_number, read_text

ZONES = "sys/class/thermal/thermal_zone*"
# a junction's sensor tells no more; what is outside comes from drivers that answer with a code
PLAUSIBLE_C = (-60.0, 150.0)


@dataclass(frozen=True)
class Zone:
    """A place whose temperature is known, e.g. gpu-thermal."""

    name: str
    file: Path

    def celsius(self) -> float | None:
        """Degrees now; None while its part is switched off."""
        value = read_number(self.file)
        if value is None or not PLAUSIBLE_C[0] < value / 1e3 < PLAUSIBLE_C[1]:
            return None
        return value / 1e3


def find_zones(root: Path = Path("/")) -> tuple[Zone, ...]:
    """All zones."""
    return tuple(
        Zone(read_text(folder / "type") or folder.name, folder / "temp")
        for folder in sorted(root.glob(ZONES))
        if (folder / "temp").exists()
    )


def hottest(zones: tuple[Zone, ...]) -> tuple[str, float] | None:
    """Name and degrees of the hottest zone; None where none answers."""
    told = [(value, zone.name) for zone in zones if (value := zone.celsius()) is not None]
    return max(told)[::-1] if told else None

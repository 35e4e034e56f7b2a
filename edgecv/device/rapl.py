"""Energy of an x86 processor, by the counters that Intel calls RAPL; AMD's have the same files.

Source: Linux, Documentation/power/powercap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgecv.device.sysfs import read_number, read_text


@dataclass
class Counter:
    """One counter, which begins at zero again when it is full.

    Attributes:
        file: in microjoules.
        full_uj: where it begins again.
    """

    file: Path
    full_uj: float
    _last_uj: float | None = field(default=None, init=False)

    def joules(self) -> float | None:
        """Energy since the last look; None at the first, and where it cannot be read."""
        before, self._last_uj = self._last_uj, read_number(self.file)
        if before is None or self._last_uj is None:
            return None
        used = self._last_uj - before
        # once at most: a package takes minutes to fill it
        return (used if used >= 0 else used + self.full_uj) / 1e6


def find_counters(root: Path = Path("/")) -> tuple[Counter, ...]:
    """Counters of the packages, and of the memory beside them; those within a package are in it."""
    zones = sorted(root.glob("sys/class/powercap/intel-rapl:*"))
    wanted = [
        zone
        for zone in zones
        if (name := read_text(zone / "name") or "") == "dram" or name.startswith("package")
    ]
    return tuple(
        Counter(zone / "energy_uj", read_number(zone / "max_energy_range_uj") or 2.0**32)
        for zone in wanted
        if (zone / "energy_uj").exists()
    )


def is_locked(root: Path = Path("/")) -> bool:
    """Whether there are counters that this user may not read: most systems keep them for root."""
    counters = find_counters(root)
    return bool(counters) and read_number(counters[0].file) is None

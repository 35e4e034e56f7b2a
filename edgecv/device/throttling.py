"""What makes a device slower than it could be: heat, or a supply that is too weak.

Sources: NVIDIA's Jetson Linux Developer Guide (over-current events, throttle alerts); Linux,
drivers/thermal and arch/x86/kernel/cpu/mce.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.clocks import find_clocks
from edgecv.device.sysfs import read_number, read_text

# a fan is a cooling device as well, and running it slows nothing
_SLOWING = re.compile(r"-throttle-alert$|^hot-surface-alert$|^cpufreq-|^devfreq-|^Processor$")
OVER_CURRENT = {
    "oc1": "under-voltage",
    "oc2": "average over-current",
    "oc3": "instantaneous over-current",
}
HELD_BACK = "GPU clock under its ceiling at full load"


@dataclass(frozen=True)
class Mark:
    """A file that tells of throttling.

    Attributes:
        cause: in words.
        counts: whether it counts events since the start; otherwise it is above zero meanwhile.
    """

    cause: str
    file: Path
    counts: bool


class Throttling:
    """The causes that were at work between one look and the next."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._marks = tuple(_marks(root))
        self._counts = {mark.file: read_number(mark.file) for mark in self._marks if mark.counts}
        self._clocks, self._held_back = find_clocks(root), False

    def look(self) -> frozenset[str]:
        """Causes since the last look, or since this was made."""
        causes = frozenset(mark.cause for mark in self._marks if self._active(mark))
        # twice in a row: a governor needs a moment to follow a load that has just begun
        before, self._held_back = self._held_back, self._clocks.gpu_held_back()
        return causes | {HELD_BACK} if before and self._held_back else causes

    def _active(self, mark: Mark) -> bool:
        value = read_number(mark.file)
        if not mark.counts:
            return (value or 0) > 0
        before, self._counts[mark.file] = self._counts[mark.file], value
        return before is not None and value is not None and value > before


def _marks(root: Path) -> Iterator[Mark]:
    for folder in sorted(root.glob("sys/class/thermal/cooling_device*")):
        kind = read_text(folder / "type") or ""
        if _SLOWING.search(kind):
            yield Mark(f"heat ({kind})", folder / "cur_state", False)
    for file in sorted(root.glob("sys/class/hwmon/hwmon*/oc*_event_cnt")):
        name = file.name.partition("_")[0]
        yield Mark(OVER_CURRENT.get(name, f"over-current ({name})"), file, True)
    # of one core for each package: all of its cores show the same count
    packages: dict[str, Path] = {}
    for folder in sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle")):
        package = read_text(folder.parent / "topology/physical_package_id") or ""
        packages.setdefault(package, folder / "package_throttle_count")
        yield Mark("heat (core)", folder / "core_throttle_count", True)
    for file in packages.values():
        yield Mark("heat (package)", file, True)

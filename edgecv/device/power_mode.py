"""The power mode of a Jetson: which is set, and which is the fastest of those it has.

nvpmodel may ask for root; the two files that it reads and writes do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import read_text

STATUS, CATALOGUE = "var/lib/nvpmodel/status", "etc/nvpmodel.conf"
UNLIMITED = float("inf")


@dataclass(frozen=True)
class Mode:
    """One mode of the catalogue.

    Attributes:
        number: for `nvpmodel -m`.
        name: e.g. 15W or MAXN_SUPER.
        gpu_hz, cpu_khz: ceilings; infinite: none; 0: not told.
        cores: of the CPU that are on; 0: not told.
    """

    number: int
    name: str
    gpu_hz: float = 0.0
    cpu_khz: float = 0.0
    cores: int = 0

    @property
    def speed(self) -> tuple[bool, float, int, float, float]:
        """To compare modes by. Neither numbers nor names are in the order of speed."""
        watts = re.search(r"(\d+)W", self.name)
        known = float(watts[1]) if watts else 0.0
        # MAXN is the mode without ceilings on every module that has it
        return self.name.startswith("MAXN"), self.gpu_hz, self.cores, self.cpu_khz, known


@dataclass(frozen=True)
class PowerMode:
    """What is set and what could be; None where the files do not tell."""

    current: Mode | None
    fastest: Mode | None


def power_mode(root: Path = Path("/")) -> PowerMode:
    """The mode that is set, or that of the first boot, and the fastest."""
    catalogue = read_text(root / CATALOGUE) or ""
    modes = {mode.number: mode for mode in _modes(catalogue)}
    fastest = max(modes.values(), key=lambda mode: mode.speed, default=None)
    status = re.search(r"pmode:\s*0*(\d+)", read_text(root / STATUS) or "")
    default = re.search(r"<\s*PM_CONFIG\s+DEFAULT=(\d+)", catalogue)
    number = status or default
    if number is None:
        return PowerMode(None, fastest)
    known = int(number[1])
    return PowerMode(modes.get(known, Mode(known, f"mode {known}")), fastest)


def _modes(catalogue: str) -> list[Mode]:
    # what is before the first head, then number, name and lines of each mode
    _, *parts = re.split(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", catalogue)
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return [_mode(int(number), name, lines) for number, name, lines in triples]


def _mode(number: int, name: str, lines: str) -> Mode:
    return Mode(
        number,
        name,
        gpu_hz=_ceiling(r"^GPU\w* MAX_FREQ\s+(-?\d+)", lines),
        cpu_khz=_ceiling(r"^CPU_\w+ MAX_FREQ\s+(-?\d+)", lines),
        cores=len(re.findall(r"^CPU_ONLINE CORE_\d+ 1\b", lines, re.MULTILINE)),
    )


def _ceiling(pattern: str, lines: str) -> float:
    values = [float(value) for value in re.findall(pattern, lines, re.MULTILINE)]
    return max((UNLIMITED if value < 0 else value for value in values), default=0.0)

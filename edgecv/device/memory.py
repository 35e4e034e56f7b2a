"""Memory, and the swap behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import read_text


@dataclass(frozen=True)
class Memory:
    """In GB of 10^9 bytes; None: not told.

    Attributes:
        total_gb, available_gb: of the main memory, which a Jetson's GPU shares.
        zram_gb: swap that is compressed memory.
        swap_gb: swap on storage.
        swap_on: the devices or files of that, e.g. /dev/mmcblk0p3.
    """

    total_gb: float | None
    available_gb: float | None
    zram_gb: float
    swap_gb: float
    swap_on: tuple[str, ...]


def read_memory(root: Path = Path("/")) -> Memory:
    """What /proc tells."""
    sizes = {
        name: float(rest.split()[0]) * 1024 / 1e9
        for name, colon, rest in (
            line.partition(":") for line in (read_text(root / "proc/meminfo") or "").splitlines()
        )
        if colon and rest.split()
    }
    swaps = [line.split() for line in (read_text(root / "proc/swaps") or "").splitlines()[1:]]
    on = {columns[0]: float(columns[2]) * 1024 / 1e9 for columns in swaps if len(columns) > 2}
    zram = {name for name in on if "zram" in name}
    return Memory(
        _rounded(sizes.get("MemTotal")),
        _rounded(sizes.get("MemAvailable")),
        round(sum(on[name] for name in zram), 1),
        round(sum(size for name, size in on.items() if name not in zram), 1),
        tuple(name for name in on if name not in zram),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

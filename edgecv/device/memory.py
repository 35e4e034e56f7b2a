"""Memory, and the swap behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgecv.device.sysfs import number_of, read_text


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
    """What /proc tells; a line that is not as the kernel writes it tells nothing."""
    pairs = (line.partition(":") for line in _lines(root / "proc/meminfo"))
    sizes = _sizes_gb((name, rest.split()[:1]) for name, _, rest in pairs)
    swaps = [line.split() for line in _lines(root / "proc/swaps")[1:]]
    on = _sizes_gb((columns[0], columns[2:3]) for columns in swaps if columns)
    zram = {name for name in on if "zram" in name}
    return Memory(
        _rounded(sizes.get("MemTotal")),
        _rounded(sizes.get("MemAvailable")),
        round(sum(on[name] for name in zram), 1),
        round(sum(size for name, size in on.items() if name not in zram), 1),
        tuple(name for name in on if name not in zram),
    )


def _lines(path: Path) -> list[str]:
    return (read_text(path) or "").splitlines()


def _sizes_gb(rows: Iterable[tuple[str, list[str]]]) -> dict[str, float]:
    """GB of each name; rows are a name and its KiB, or nothing."""
    sizes = ((name, number_of(kib[0]) if kib else None) for name, kib in rows)
    return {name: size * 1024 / 1e9 for name, size in sizes if size is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

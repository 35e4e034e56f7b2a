"""What is looked at now and then while the loop runs: memory, and how busy the machine is."""

from __future__ import annotations

import psutil

# results after which memory should not grow: every buffer was in use, every cache is full
SETTLED = 500


class Memory:
    """Resident memory of this process, in MB (1e6 bytes), looked at now and then.

    Attributes:
        settled: when all buffers had been in use; what is above it later is growth.
        now, peak: at the last look, and the most of all looks.
    """

    def __init__(self) -> None:
        self.settled: float | None = None
        self.now = self.peak = 0.0

    def look(self, processed: int) -> None:
        """Measure; `processed` results are done."""
        self.now = psutil.Process().memory_info().rss / 1e6
        self.peak = max(self.peak, self.now)
        if self.settled is None and processed >= SETTLED:
            self.settled = self.now

    def to_json(self) -> dict[str, float | None]:
        settled = None if self.settled is None else round(self.settled, 1)
        return {"settled": settled, "now": round(self.now, 1), "peak": round(self.peak, 1)}


class MachineLoad:
    """How busy all cores were between the first look and the last, with whatever runs on them."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def look(self) -> None:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # guest time is in user time already
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        self._last = (idle, total)
        self._first = self._first or self._last

    @property
    def busy(self) -> float | None:
        """Share in [0, 1]; None before two looks."""
        if self._first is None or self._last[1] <= self._first[1]:
            return None
        idle = (self._last[0] - self._first[0]) / (self._last[1] - self._first[1])
        return min(1.0, max(0.0, 1 - idle))

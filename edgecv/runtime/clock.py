"""The clock of the loop, and how it is cut into times of a stage."""

from __future__ import annotations

import math
import time

import numpy as np

now = time.monotonic

# width of a bin: percentiles are right to half of this
RESOLUTION = 0.02
_LOWEST_MS, _HIGHEST_MS = 1e-3, 1e6
_STEP = math.log1p(RESOLUTION)
_BINS = math.ceil(math.log(_HIGHEST_MS / _LOWEST_MS) / _STEP)


class Times:
    """Durations in milliseconds, counted in bins of 2 %: months of them take 8 kB.

    One thread adds; any may read.
    """

    def __init__(self) -> None:
        self._bins = np.zeros(_BINS + 1, np.int64)
        self.count = 0
        self.total_ms = 0.0
        self.max_ms = 0.0

    def add(self, ms: float) -> None:
        place = int(math.log(max(ms, _LOWEST_MS) / _LOWEST_MS) / _STEP)
        self._bins[min(place, _BINS)] += 1
        self.count += 1
        self.total_ms += ms
        self.max_ms = max(self.max_ms, ms)

    def to_json(self) -> dict[str, float] | None:
        """p50, p90, p99, max and mean in milliseconds; None before the first."""
        if not self.count:
            return None
        below = np.cumsum(self._bins)
        found = {}
        for share in (50, 90, 99):
            place = int(np.searchsorted(below, math.ceil(below[-1] * share / 100)))
            middle = _LOWEST_MS * math.exp((place + 0.5) * _STEP)
            found[f"p{share}"] = round(min(middle, self.max_ms), 3)
        mean = self.total_ms / self.count
        return {**found, "max": round(self.max_ms, 3), "mean": round(mean, 3)}


class StageTimes:
    """What a stage takes a frame.

    Attributes:
        wall: from its begin to its end, waiting within it included.
        cpu: of the stage's own thread.
    """

    def __init__(self) -> None:
        self.wall, self.cpu = Times(), Times()

    def begin(self) -> tuple[float, float]:
        return time.perf_counter(), time.thread_time()

    def end(self, begun: tuple[float, float]) -> float:
        """Count one frame; its CPU time in milliseconds."""
        cpu_ms = 1e3 * (time.thread_time() - begun[1])
        self.wall.add(1e3 * (time.perf_counter() - begun[0]))
        self.cpu.add(cpu_ms)
        return cpu_ms

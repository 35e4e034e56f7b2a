"""The clock of the loop, and how it is cut into times of a stage."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

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

    def copy(self) -> Times:
        """As they are now."""
        copied = Times()
        copied._bins[:] = self._bins
        copied.count, copied.total_ms, copied.max_ms = self.count, self.total_ms, self.max_ms
        return copied

    def since(self, before: Times) -> Times:
        """Those that came after a copy was made; their max is right to a bin."""
        later = Times()
        later._bins[:] = self._bins - before._bins
        later.count = int(later._bins.sum())
        later.total_ms = self.total_ms - before.total_ms
        highest = int(np.flatnonzero(later._bins)[-1]) if later.count else 0
        later.max_ms = min(self.max_ms, _LOWEST_MS * math.exp((highest + 1) * _STEP))
        return later

    def up_to(self, edges_ms: Sequence[float]) -> list[int]:
        """How many took up to each of some times, to 2 % of it; at the end how many at all."""
        below = np.cumsum(self._bins)
        places = [int(math.log(edge / _LOWEST_MS) / _STEP) for edge in edges_ms]
        return [*(int(below[place]) for place in places), int(below[-1])]

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

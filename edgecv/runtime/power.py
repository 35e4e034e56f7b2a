"""What the machine draws, how hot it gets and what slows it, sampled beside the work."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from edgecv.device.clocks import find_clocks
from edgecv.device.energy import EnergyMeter
from edgecv.device.heat import find_zones, hottest
from edgecv.device.throttling import Throttling
from edgecv.progress import say
from edgecv.runtime.clock import now
from edgecv.runtime.readings import Reading, Readings

PERIOD_S = 1.0
LOCKED = (
    "power is not measured: this system keeps the processor's energy counter for root. "
    "Until the next start: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
)


class Energy(NamedTuple):
    """Since the meter began: joules, None where nothing tells them, and seconds."""

    joules: float | None
    seconds: float

    def since(self, before: Energy) -> Energy:
        """What was used after an earlier look."""
        known = self.joules is not None and before.joules is not None
        used = (self.joules or 0.0) - (before.joules or 0.0) if known else None
        return Energy(used, self.seconds - before.seconds)


class PowerMeter:
    """Samples power, heat and clocks in a thread of its own, from entering it to leaving it.

    Args:
        root: of the file system.
        period_s: seconds from one sample to the next.

    Attributes:
        readings: over time.
        last: the latest of them, as it was before it was joined with others.
        energy: used so far.
        hottest: name and degrees of the zone that was hottest of all time.
        throttled_s: seconds in which something held the device back.
        causes: what that was.
    """

    def __init__(self, root: Path = Path("/"), period_s: float = PERIOD_S) -> None:
        self._period_s = period_s
        self._meter, self._zones = EnergyMeter(root), find_zones(root)
        self._clocks, self._throttling = find_clocks(root), Throttling(root)
        self._lock, self._leaving = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._sample, name="power", daemon=True)
        self._began_s = self._looked_s = now()
        self.readings = Readings()
        self.last: Reading | None = None
        self.energy = Energy(None, 0.0)
        self.hottest: tuple[str, float] | None = None
        self.throttled_s = self._known_s = 0.0
        self.causes: frozenset[str] = frozenset()

    def __enter__(self) -> PowerMeter:
        if self._meter.locked:
            _say_once(LOCKED)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._leaving.wait(self._period_s):
            self.look()

    def look(self) -> Energy:
        """Take a sample, and tell the energy so far; any thread may ask."""
        with self._lock:
            seconds = now() - self._looked_s
            self._looked_s += seconds
            joules = self._meter.joules(seconds)
            causes, heat = self._throttling.look(), hottest(self._zones)
            self.causes |= causes
            self.throttled_s += seconds if causes else 0.0
            if heat is not None:
                self.hottest = max(self.hottest or heat, heat, key=lambda zone: zone[1])
            self.last = Reading(
                time_s=self._looked_s - self._began_s,
                seconds=seconds,
                power_w=joules / seconds if joules is not None and seconds > 0 else None,
                temperature_c=heat[1] if heat else None,
                gpu_mhz=self._clocks.gpu_mhz(),
                cpu_mhz=self._clocks.cpu_mhz(),
                throttled=float(bool(causes)),
            )
            self.readings.add(self.last)
            total = self.energy.joules
            if joules is not None:
                total = (total or 0.0) + joules
                self._known_s += seconds
            self.energy = Energy(total, self._looked_s - self._began_s)
            return self.energy

    def to_json(self, frames: int = 0) -> dict[str, Any]:
        """What was sampled, up to this instant.

        Args:
            frames: that the energy was spent on.

        Returns:
            {"power_w": mean, "power_of": rails or counter, "mj_per_frame", "temperature_c": the
            highest, "temperature_of": its zone, "throttled_s", "throttled_by": [causes],
            "readings": {field of Reading: [values over time]}}; None for what is not told.
        """
        joules, seconds = self.look()
        heat, known_s = self.hottest, self._known_s
        watts = None if joules is None or known_s <= 0 else joules / known_s
        return {
            "power_w": None if watts is None else round(watts, 2),
            "power_of": None if joules is None else self._meter.source,
            # a sensor that did not answer for a while says nothing of less power
            "mj_per_frame": round(1e3 * watts * seconds / frames, 2) if watts and frames else None,
            "temperature_c": round(heat[1], 1) if heat else None,
            "temperature_of": heat[0] if heat else None,
            "throttled_s": round(self.throttled_s, 1),
            "throttled_by": sorted(self.causes),
            "readings": self.readings.to_json(),
        }


@cache
def _say_once(message: str) -> None:
    say(message)

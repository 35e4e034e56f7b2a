"""Energy that a device used, by whichever of its sensors tells most."""

from __future__ import annotations

from pathlib import Path

from edgecv.device.rails import find_rails
from edgecv.device.rapl import find_counters, is_locked


class EnergyMeter:
    """Joules from one look to the next.

    Attributes:
        source: what they are the energy of, in words; None: nothing tells.
        locked: there is a counter, and only root may read it.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._rails = find_rails(root)
        self._counters = () if self._rails else find_counters(root)
        self.locked = bool(self._counters) and is_locked(root)
        self.source: str | None = " + ".join(rail.label for rail in self._rails) or None
        if self._counters and not self.locked:
            self.source = "CPU package and memory (RAPL)"
        self._watts = self._rail_watts()
        for counter in self._counters:
            counter.joules()

    def joules(self, seconds: float) -> float | None:
        """Energy since the last look, or since this was made; None where nothing tells.

        Args:
            seconds: that have passed. Rails tell power, taken to change steadily meanwhile.
        """
        if self._rails:
            before, here = self._watts, self._rail_watts()
            self._watts = before if here is None else here
            return None if before is None or here is None else (before + here) / 2 * seconds
        told = [counter.joules() for counter in self._counters]
        known = [value for value in told if value is not None]
        return sum(known) if known and len(known) == len(told) else None

    def _rail_watts(self) -> float | None:
        told = [rail.watts() for rail in self._rails]
        known = [value for value in told if value is not None]
        return sum(known) if known and len(known) == len(told) else None

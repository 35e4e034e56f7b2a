"""What a device told of itself over time, in bounded memory however long that was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

# points kept at most; beyond it every two become one
LIMIT = 60


@dataclass(frozen=True)
class Reading:
    """Some seconds of a device; None: not told.

    Attributes:
        time_s: when they ended, from the start of the series.
        seconds: how many.
        power_w: mean power.
        temperature_c: of the hottest zone.
        gpu_mhz, cpu_mhz: clocks.
        throttled: share of the time in which something held the device back.
    """

    time_s: float
    seconds: float
    power_w: float | None = None
    temperature_c: float | None = None
    gpu_mhz: float | None = None
    cpu_mhz: float | None = None
    throttled: float = 0.0


def joined(readings: Sequence[Reading]) -> Reading:
    """Several readings as one: means, weighted by their seconds.

    Raises:
        ValueError: no readings.
    """
    if not readings:
        raise ValueError("joined: no readings, expected at least one")

    def mean(name: str) -> Any:
        told = [(getattr(one, name), one.seconds) for one in readings]
        known = [(value, seconds) for value, seconds in told if value is not None]
        total = sum(seconds for _, seconds in known)
        return sum(value * seconds for value, seconds in known) / total if total else None

    return Reading(
        time_s=readings[-1].time_s,
        seconds=sum(one.seconds for one in readings),
        **{field.name: mean(field.name) for field in fields(Reading)[2:]},
    )


class Readings:
    """A series that gets coarser as it gets longer: months take as much memory as a minute."""

    def __init__(self) -> None:
        self._points: list[Reading] = []
        self._pending: list[Reading] = []
        self._each = 1  # readings in a point

    def add(self, reading: Reading) -> None:
        self._pending.append(reading)
        if len(self._pending) < self._each:
            return
        self._points.append(joined(self._pending))
        self._pending = []
        if len(self._points) >= LIMIT:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [joined(pair) for pair in pairs]
            self._each *= 2

    @property
    def points(self) -> list[Reading]:
        """All that was added, the last seconds of it as a point of their own."""
        return [*self._points, *([joined(self._pending)] if self._pending else [])]

    def to_json(self) -> dict[str, list[float | None]]:
        """A list for each field that was ever told, all of them as long."""
        points = self.points
        columns = {
            field.name: [_rounded(getattr(point, field.name)) for point in points]
            for field in fields(Reading)
        }
        return {name: column for name, column in columns.items() if set(column) - {None}}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

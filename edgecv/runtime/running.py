"""A run that is under way, as the live page and Prometheus see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from edgecv.runtime.counting import Counting
from edgecv.runtime.governing import Governing
from edgecv.runtime.power import PowerMeter
from edgecv.runtime.recent import Recent
from edgecv.runtime.stats import Stats, rounded


class Outbox(Protocol):
    """What is sent to another machine."""

    def to_json(self) -> dict[str, Any]:
        """{"connected", "sent", "waiting", "dropped"}."""
        ...


@dataclass(frozen=True)
class Running:
    """All that can be asked about a run; any thread may ask.

    Attributes:
        variant: name of the engine's variant, the first where it changes.
        tracker: name of the tracker, or None.
        requests: engine calls that run at once.
        stats: counts and times.
        counting: at lines and zones, where some were given.
        mqtt: where results go to a broker.
        power: the machine's power, heat and clocks.
        governing: what holds a target, where one was given.
    """

    variant: str
    tracker: str | None
    requests: int
    stats: Stats
    counting: Counting | None = None
    mqtt: Outbox | None = None
    power: PowerMeter | None = None
    governing: Governing | None = None

    def recent(self) -> Recent:
        """Rates from now on, for one who looks."""
        # the loop keeps one call more than run at once
        return Recent(self.stats, self.requests + 1)

    def state(self, recent: Recent) -> dict[str, Any]:
        """What the live page shows beside the pictures, ready for JSON."""
        rates = recent.look()
        streams = {
            name: {
                "frames_in": one.frames_in,
                "processed": one.processed,
                "predicted": one.predicted,
                "dropped": dict(one.dropped),
                "tracks": one.tracks,
                "broken": one.broken,
                "problem": one.problem,
                "ended": one.ended,
                "counts": {} if self.counting is None else self.counting.of(name).to_json(),
                **rates["streams"][name],
            }
            for name, one in self.stats.streams.items()
        }
        return {
            **rates,
            "variant": self.variant if self.governing is None else self.governing.gear.variant,
            "tracker": self.tracker,
            "streams": streams,
            "memory_mb": round(self.stats.memory.now, 1),
            "mqtt": None if self.mqtt is None else self.mqtt.to_json(),
            "power": None if self.power is None else _now(self.power),
            "governor": None if self.governing is None else _held(self.governing),
        }


def _now(power: PowerMeter) -> dict[str, Any]:
    last = power.last
    names = ("power_w", "temperature_c", "cpu_mhz", "gpu_mhz")
    told = {name: None if last is None else rounded(getattr(last, name)) for name in names}
    return {**told, "throttled": last is not None and last.throttled > 0}


def _held(governing: Governing) -> dict[str, Any]:
    told = governing.to_json()
    return {key: told[key] for key in ("fps", "p99_ms", "stride", "switched")}

"""What a run did in the last second or so: how fast it is now, and what holds it up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from edgecv.machine import available_cores
from edgecv.runtime.clock import Times, now
from edgecv.runtime.gauges import MachineLoad
from edgecv.runtime.stats import Stats
from edgecv.runtime.summary import BUSY


@dataclass(frozen=True)
class _Snapshot:
    at_s: float
    cpu_s: float
    processed: dict[str, int]
    age: dict[str, Times]
    busy_ms: dict[str, float]


class Recent:
    """Rates between one look and the next.

    Args:
        stats: of the run.
        seats: engine calls that are in flight when it never waits for a picture.
    """

    def __init__(self, stats: Stats, seats: int) -> None:
        self._stats, self._seats = stats, seats
        self._before, self._machine = self._snapshot(), MachineLoad()
        self._machine.look()

    def _snapshot(self) -> _Snapshot:
        streams = self._stats.streams
        return _Snapshot(
            now(),
            time.process_time(),
            {name: one.processed for name, one in streams.items()},
            {name: one.age.copy() for name, one in streams.items()},
            {name: self._busy_ms(name) for name in self._stats.stages},
        )

    def _busy_ms(self, stage: str) -> float:
        """Time in which one of a stage's threads, or seats, was occupied."""
        times = self._stats.stages[stage]
        if stage == "decode":
            # its wall time holds the waiting for a camera
            return times.cpu.total_ms / max(1, len(self._stats.streams))
        return times.wall.total_ms / (self._seats if stage == "engine" else 1)

    def look(self) -> dict[str, Any]:
        """The time since the last look.

        Returns:
            {"fps", "streams": {name: {"fps", "age_ms"}}, "stages": {name: share of the time in
            which it was busy}, "cpu_busy": share of all cores, "bound_by": in words, or None}.
        """
        before, here = self._before, self._snapshot()
        self._before = here
        seconds = max(here.at_s - before.at_s, 1e-3)
        fps = {name: (here.processed[name] - before.processed[name]) / seconds for name in here.age}
        ages = {name: age.since(before.age[name]).to_json() for name, age in here.age.items()}
        stages = {
            name: round(min(1.0, (ms - before.busy_ms[name]) / 1e3 / seconds), 3)
            for name, ms in here.busy_ms.items()
        }
        machine, self._machine = self._machine, MachineLoad()
        for load in (machine, self._machine):
            load.look()
        cpu = min(1.0, (here.cpu_s - before.cpu_s) / seconds / available_cores())
        return {
            "fps": round(sum(fps.values()), 1),
            "streams": {name: {"fps": round(fps[name], 1), "age_ms": ages[name]} for name in fps},
            "stages": stages,
            "cpu_busy": round(cpu, 3),
            "bound_by": bound_by(stages, cpu, machine.busy or cpu),
        }


def bound_by(stages: dict[str, float], cpu_busy: float, machine_busy: float) -> str | None:
    """What holds a run up, in words; None: it waits for frames.

    Args:
        stages: share of the time in which each was busy.
        cpu_busy, machine_busy: share of all cores that this process used, and that was used.
    """
    stage = max(stages, key=lambda name: stages[name])
    if stages[stage] >= BUSY:
        return "the engine" if stage == "engine" else f"the stage {stage}"
    if cpu_busy >= BUSY:
        return "the CPU, which all stages share"
    if machine_busy >= BUSY:
        return f"the CPU, of which other programs take {100 * (machine_busy - cpu_busy):.0f} %"
    return None

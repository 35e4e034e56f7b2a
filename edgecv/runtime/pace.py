"""How a run went since the last look, as the governor wants to know it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from edgecv.machine import available_cores
from edgecv.runtime.clock import Times, now
from edgecv.runtime.governor import Lately
from edgecv.runtime.stats import Stats, StreamStats

# of the time: a reader that waited longer for the loop would have given more frames
HELD_UP = 0.05


@dataclass(frozen=True)
class _Stream:
    given: int
    processed: int
    held_s: float
    age: Times

    @staticmethod
    def of(one: StreamStats) -> _Stream:
        return _Stream(
            one.frames_in - one.dropped["every"], one.processed, one.held_s, one.age.copy()
        )


@dataclass(frozen=True)
class _Snapshot:
    at_s: float
    streams: dict[str, _Stream]
    engine_ms: float
    cpu_s: float
    stages_cpu_s: float


class Pace:
    """Rates between one look and the next, those of the stream that is worst off.

    Only the CPU time of this process counts: what others take may be theirs as long as we do not
    need it, and a step back that fails for them is made good soon.

    Args:
        stats: of the run.
        requests: engine calls that run at once.
        wanted_fps: results a second that a stream should have; infinite: all that are offered.
    """

    def __init__(self, stats: Stats, requests: int, wanted_fps: float = math.inf) -> None:
        self._stats, self._requests, self._wanted_fps = stats, requests, wanted_fps
        self._before = self._snapshot()

    def _snapshot(self) -> _Snapshot:
        stages = self._stats.stages
        return _Snapshot(
            now(),
            {name: _Stream.of(one) for name, one in self._stats.streams.items()},
            stages["engine"].wall.total_ms,
            time.process_time(),
            sum(times.cpu.total_ms for times in stages.values()) / 1e3,
        )

    def look(self) -> tuple[Lately, float]:
        """The time since the last look, and its seconds."""
        before, here = self._before, self._snapshot()
        self._before = here
        seconds = max(here.at_s - before.at_s, 1e-3)
        cores = seconds * available_cores()
        cpu = (here.cpu_s - before.cpu_s) / cores
        others = (here.stages_cpu_s - before.stages_cpu_s) / cores
        in_flight = (here.engine_ms - before.engine_ms) / 1e3 / seconds
        fps, offered_fps = self._worst(before, here, seconds)
        lately = Lately(
            fps=fps,
            offered_fps=offered_fps,
            p99_ms=_p99_ms(before, here),
            engine=min(1.0, in_flight / self._requests),
            cpu=cpu,
            engine_cpu=max(0.0, cpu - others),
        )
        return lately, seconds

    def _worst(self, before: _Snapshot, here: _Snapshot, seconds: float) -> tuple[float, float]:
        """Results and offered frames a second of the stream that lacks most; of none (0, 0)."""
        found = []
        for name, stream in self._stats.streams.items():
            one, two = before.streams[name], here.streams[name]
            offered = (two.given - one.given) / seconds
            if stream.ended or stream.broken or offered <= 0:
                continue
            if two.held_s - one.held_s > HELD_UP * seconds:
                offered = math.inf
            fps = (two.processed - one.processed) / seconds
            wanted = min(self._wanted_fps, offered)
            found.append((fps / wanted if wanted < math.inf else 0.0, fps, offered))
        _, fps, offered = min(found, default=(0.0, 0.0, 0.0))
        return fps, offered


def _p99_ms(before: _Snapshot, here: _Snapshot) -> float | None:
    ages = [one.age.since(before.streams[name].age) for name, one in here.streams.items()]
    told = [age.to_json() for age in ages]
    return max((one["p99"] for one in told if one is not None), default=None)

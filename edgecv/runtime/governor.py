"""Holding a rate and an age on a device that slows down: a quicker engine, then fewer detections.

The decision alone: figures in, gear out. It knows no clock, no loop and no engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# how busy the engine and the cores may be after a step back: with less room frames queue up
ROOM = 0.8
SLACK = 0.95  # of a rate or an offer: cameras and clocks are not exact
# seconds of trouble until less is done, and of room until it is done again: soon and late, so
# that a device on the edge does not swing
WORSE_S, BETTER_S = 2.0, 20.0
# a step back that fails sooner was a mistake: heat comes back with the work. The next waits twice
# as long
HELD_S, PATIENCE, LONGEST_S = 120.0, 2.0, 600.0
STRIDE_MAX = 4  # beyond it a tracker loses what moves; docs/trackers.md has the figures


@dataclass(frozen=True)
class Target:
    """What is to be held; None: not asked for.

    Attributes:
        fps: results a second of a stream, predicted ones among them.
        p99_ms: age of a result that 99 of 100 do not exceed.
    """

    fps: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class Gear:
    """One way to run.

    Attributes:
        variant: name of the engine's variant.
        stride: one of so many frames is detected; in the others tracks are predicted.
        work: what a frame costs the engine, in any unit.
    """

    variant: str
    stride: int
    work: float

    def __str__(self) -> str:
        return f"{self.variant} on {_FRAMES.get(self.stride, f'every {self.stride}th frame')}"


_FRAMES = {1: "every frame", 2: "every 2nd frame", 3: "every 3rd frame"}


def gears_of(work: Mapping[str, float], most: int = STRIDE_MAX) -> tuple[Gear, ...]:
    """From most work to least: the variants on every frame, then the last one on ever fewer.

    Args:
        work: of each variant on every frame; those after the first do less.
        most: the largest stride.
    """
    variants = list(work)
    every = [Gear(name, 1, work[name]) for name in variants]
    last = variants[-1]
    return (*every, *(Gear(last, stride, work[last] / stride) for stride in range(2, most + 1)))


@dataclass(frozen=True)
class Lately:
    """The last second or so.

    Attributes:
        fps: results a second.
        offered_fps: frames a second that the source gave, or would have given had somebody taken
            them; no gear can bring more.
        p99_ms: of the age of results; None: there were none.
        engine: share of the time in which the engine was busy, in [0, 1].
        cpu: share of all cores that the run used.
        engine_cpu: the engine's part of it.
    """

    fps: float
    offered_fps: float
    p99_ms: float | None
    engine: float
    cpu: float = 0.0
    engine_cpu: float = 0.0


@dataclass(frozen=True)
class Switch:
    """A change of the gear, and why."""

    before: Gear
    after: Gear
    reason: str


class Governor:
    """Chooses the gear; begins with the first.

    Args:
        target: what to hold.
        gears: from most work to least.
    """

    def __init__(self, target: Target, gears: tuple[Gear, ...]) -> None:
        self._target, self._gears, self._at = target, gears, 0
        self._worse_s = self._better_s = 0.0
        self._wait_s, self._since_back_s = BETTER_S, float("inf")

    @property
    def gear(self) -> Gear:
        """As it is now."""
        return self._gears[self._at]

    def decide(self, lately: Lately, seconds: float) -> Switch | None:
        """The next gear; None: as it is.

        Args:
            lately: since the last call.
            seconds: since then.

        Raises:
            ValueError: no time has passed.
        """
        if seconds <= 0:
            raise ValueError(f"decide: {seconds} s since the last call, expected more than 0")
        trouble = self._trouble(lately)
        room = trouble is None and self._has_room(lately)
        self._since_back_s += seconds
        self._worse_s = self._worse_s + seconds if trouble else 0.0
        self._better_s = self._better_s + seconds if room else 0.0
        if trouble and self._worse_s >= WORSE_S and self._at + 1 < len(self._gears):
            failed = self._since_back_s < HELD_S
            self._wait_s = min(PATIENCE * self._wait_s, LONGEST_S) if failed else BETTER_S
            return self._switch(self._at + 1, trouble)
        if self._at > 0 and self._better_s >= self._wait_s:
            self._since_back_s = 0.0
            return self._switch(self._at - 1, f"there was room for {self._better_s:.0f} s")
        return None

    def _wanted_fps(self, lately: Lately) -> float:
        # a camera in the dark gives fewer frames, and leaving some out would not help
        return min(self._target.fps or 0.0, lately.offered_fps)

    def _trouble(self, lately: Lately) -> str | None:
        limit, wanted = self._target.p99_ms, self._wanted_fps(lately)
        if limit is not None and (lately.p99_ms or 0.0) > limit:
            return f"p99 of {lately.p99_ms:.0f} ms is over {limit:g} ms"
        if lately.fps < SLACK * wanted:
            return f"{lately.fps:.1f} results a second are under {wanted:.1f}"
        return None

    def _has_room(self, lately: Lately) -> bool:
        """Whether the gear before, which is so much more work, would still leave some."""
        if self._at == 0 or lately.fps <= 0:
            return False
        limit = self._target.p99_ms
        if limit is not None and (lately.p99_ms or 0.0) > ROOM * limit:
            return False
        more = self._gears[self._at - 1].work / self.gear.work
        # a file is read as fast as it goes: only what the rate asks for has to fit
        share = 1.0 if limit is not None else min(1.0, self._wanted_fps(lately) / lately.fps)
        cores = lately.cpu + (more - 1) * lately.engine_cpu
        return share * max(more * lately.engine, cores) <= ROOM

    def _switch(self, at: int, reason: str) -> Switch:
        self._worse_s = self._better_s = 0.0
        before, self._at = self.gear, at
        return Switch(before, self.gear, reason)

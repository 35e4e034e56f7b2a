"""Holding a rate and an age on a device that slows down: detect every n-th frame, track the rest.

The decision alone: figures in, stride out. It knows no clock, no loop and no engine.
"""

from __future__ import annotations

from dataclasses import dataclass

# how busy the bounding stage may be after a step back: with less room its frames queue up
ROOM = 0.8
SLACK = 0.95  # of a rate or an offer: cameras and clocks are not exact
# seconds of trouble until frames are left out, and of room until one of them comes back: soon
# and late, so that a device on the edge does not swing
WORSE_S, BETTER_S = 2.0, 20.0
# a step back that fails sooner was a mistake: heat comes back with the work. The next waits twice
# as long
HELD_S, PATIENCE, LONGEST_S = 120.0, 2.0, 600.0


@dataclass(frozen=True)
class Target:
    """What is to be held; None: not asked for.

    Attributes:
        fps: results a second of a stream, tracked frames among them.
        p99_ms: age of a result that 99 of 100 do not exceed.
        most: largest stride; beyond it a tracker loses what moves.
    """

    fps: float | None = None
    p99_ms: float | None = None
    most: int = 4


@dataclass(frozen=True)
class Lately:
    """The last second or so.

    Attributes:
        fps: results a second.
        offered_fps: frames a second that the source gave; no stride can bring more.
        p99_ms: of the age of results; None: there were none.
        busy: share of the time in which the stage that bounds was busy, in [0, 1].
    """

    fps: float
    offered_fps: float
    p99_ms: float | None
    busy: float


@dataclass(frozen=True)
class Switch:
    """A change of the stride, and why, for the log."""

    stride: int
    reason: str


class Governor:
    """Chooses the stride, from 1 (every frame is detected) to the target's most.

    Args:
        target: what to hold.

    Attributes:
        stride: as it is now.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.stride = 1
        self._worse_s = self._better_s = 0.0
        self._wait_s, self._since_back_s = BETTER_S, float("inf")

    def decide(self, lately: Lately, seconds: float) -> Switch | None:
        """The next stride; None: as it is.

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
        if trouble and self._worse_s >= WORSE_S and self.stride < self._target.most:
            failed = self._since_back_s < HELD_S
            self._wait_s = min(PATIENCE * self._wait_s, LONGEST_S) if failed else BETTER_S
            return self._switch(self.stride + 1, trouble)
        if self.stride > 1 and self._better_s >= self._wait_s:
            self._since_back_s = 0.0
            return self._switch(self.stride - 1, f"there was room for {self._better_s:.0f} s")
        return None

    def _trouble(self, lately: Lately) -> str | None:
        target = self._target
        if target.p99_ms is not None and (lately.p99_ms or 0.0) > target.p99_ms:
            return f"p99 of {lately.p99_ms:.0f} ms is over {target.p99_ms:g} ms"
        # a camera in the dark gives fewer frames, and leaving some out would not help
        wanted = min(target.fps or 0.0, lately.offered_fps)
        if lately.fps < SLACK * wanted:
            return f"{lately.fps:.1f} results a second are under {wanted:.1f}"
        return None

    def _has_room(self, lately: Lately) -> bool:
        """Whether a smaller stride, which is so much more work, would still leave some."""
        if self.stride == 1:
            return False
        limit = self._target.p99_ms
        near = limit is not None and (lately.p99_ms or 0.0) > ROOM * limit
        return not near and lately.busy * self.stride / (self.stride - 1) <= ROOM

    def _switch(self, stride: int, reason: str) -> Switch:
        self._worse_s = self._better_s = 0.0
        self.stride = stride
        return Switch(stride, reason)

"""What the loop counts while it runs; a reader of it sees the present state at any time."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from edgecv.runtime.clock import StageTimes, Times, now
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.gauges import MachineLoad, Memory
from edgecv.types import Detections

# in the order in which a frame meets them
STAGES = ("decode", "preprocess", "engine", "postprocess", "track", "sinks")
# smallest score that a person wants to see
SHOWN_MIN = 0.25


class StreamStats:
    """Counts of one stream.

    Attributes:
        frames_in: frames that the source gave.
        processed: frames with a result.
        predicted: those of them that no detector looked at.
        dropped: the others, by cause: newer (a newer one came), late (over the budget), full (too
            many waited), every (left out by --every), stopped (read when the run was ended).
        held_s: seconds in which its reader waited until somebody took a frame.
        age: from capture to result.
        breaks: how often it broke and came back.
        broken: it is gone now.
        away: why it was gone last.
        problem: what is wrong with it for good.
        ended: it gives no more frames.
        tracks: objects that got an id.
        best_score: of all boxes; tells why there are no tracks.
        boxes: those that a detector found with a score of SHOWN_MIN and more.
        tracked: boxes of tracks in the frames that it looked at.
    """

    def __init__(self) -> None:
        self.frames_in = 0
        self.processed = self.predicted = 0
        self.held_s = 0.0
        self.dropped: Counter[str] = Counter()
        self.age = Times()
        self.breaks = 0
        self.broken = False
        self.away: str | None = None
        self.problem: str | None = None
        self.ended = False
        self.tracks = 0
        self.best_score = 0.0
        self.boxes = self.tracked = 0
        self.first_s: float | None = None
        self.last_s = 0.0

    def found(self, boxes: Detections) -> None:
        """The network's answer, before tracking."""
        if len(boxes):
            self.best_score = max(self.best_score, float(boxes.scores.max()))
            self.boxes += int((boxes.scores >= SHOWN_MIN).sum())

    def result(self, frame: StreamFrame) -> None:
        """A frame has its result."""
        self.last_s = now()
        if self.first_s is None:
            self.first_s = self.last_s
        self.processed += 1
        self.predicted += not frame.detected
        self.age.add(frame.age_ms)

    @property
    def fps(self) -> float | None:
        """Results a second between the first and the last; None with fewer than two."""
        if self.first_s is None or self.processed < 2:
            return None
        return (self.processed - 1) / max(self.last_s - self.first_s, 1e-9)

    def to_json(self) -> dict[str, Any]:
        return {
            "frames_in": self.frames_in,
            "processed": self.processed,
            "predicted": self.predicted,
            "dropped": dict(self.dropped),
            "fps": rounded(self.fps),
            "age_ms": self.age.to_json(),
            "tracks": self.tracks,
            "best_score": round(self.best_score, 4),
            "boxes": self.boxes,
            "tracked": self.tracked,
            "breaks": self.breaks,
            "broken": self.broken,
            "away": self.away,
            "problem": self.problem,
        }


class Stats:
    """Counts of a run, and times of its stages.

    Attributes:
        streams: by name.
        stages: those of STAGES.
        age: from capture to result, of all streams.
        cpu_s: CPU time of the process between the first result and the last.
        memory, machine: gauges; `look` reads them.
        problems: what failed beside the streams.
    """

    def __init__(self, streams: list[str]) -> None:
        self.streams = {name: StreamStats() for name in streams}
        self.stages = {name: StageTimes() for name in STAGES}
        self.age = Times()
        self.cpu_s = 0.0
        self.memory, self.machine = Memory(), MachineLoad()
        self._cpu_began: float | None = None
        self.problems: list[str] = []

    def dropped(self, frame: StreamFrame, cause: str) -> None:
        self.streams[frame.stream].dropped[cause] += 1

    def result(self, frame: StreamFrame) -> None:
        self.streams[frame.stream].result(frame)
        self.age.add(frame.age_ms)
        used = time.process_time()
        if self._cpu_began is None:
            self._cpu_began = used
        self.cpu_s = used - self._cpu_began

    def look(self) -> None:
        """Read the gauges; to be called now and then."""
        self.memory.look(self.processed)
        if self.processed:
            self.machine.look()

    @property
    def first_s(self) -> float | None:
        """When the first result of all was there, on the clock `now`."""
        found = [one.first_s for one in self.streams.values() if one.first_s is not None]
        return min(found, default=None)

    @property
    def seconds(self) -> float:
        """From the first result to the last."""
        last = max((one.last_s for one in self.streams.values()), default=0.0)
        return last - (self.first_s or last)

    @property
    def processed(self) -> int:
        return sum(one.processed for one in self.streams.values())

    @property
    def predicted(self) -> int:
        return sum(one.predicted for one in self.streams.values())

    @property
    def fps(self) -> float | None:
        """Results a second of all streams; None with fewer than two."""
        return (self.processed - 1) / self.seconds if self.seconds > 0 else None

    def to_json(self) -> dict[str, Any]:
        dropped: Counter[str] = Counter()
        for one in self.streams.values():
            dropped.update(one.dropped)
        return {
            "frames_in": sum(one.frames_in for one in self.streams.values()),
            "processed": self.processed,
            "predicted": self.predicted,
            "dropped": dict(dropped),
            "seconds": round(self.seconds, 3),
            "end_to_end_fps": rounded(self.fps),
            "age_ms": self.age.to_json(),
            "stages_ms": {name: times.wall.to_json() for name, times in self.stages.items()},
            "cpu_ms": {
                name: rounded(times.cpu.total_ms / times.cpu.count)
                for name, times in self.stages.items()
                if times.cpu.count
            },
            "streams": {name: one.to_json() for name, one in self.streams.items()},
            "memory_mb": self.memory.to_json(),
            "problems": list(self.problems),
        }


def rounded(value: float | None) -> float | None:
    """To the third digit, for JSON."""
    return None if value is None else round(value, 3)

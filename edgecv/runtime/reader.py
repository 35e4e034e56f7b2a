"""The thread of one stream: open, read, pace, and after a break come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from edgecv.errors import DataError, EdgecvError
from edgecv.progress import say
from edgecv.runtime.clock import StageTimes, now
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.intake import Intake, Policy
from edgecv.runtime.sources import Capture, Shot, Source
from edgecv.runtime.stats import StreamStats

# seconds before a broken stream is opened again: doubled each time, so that a camera that is gone
# for a weekend costs nothing, and one that comes back is seen within half a minute
BACKOFF_S = (0.5, 30.0)


@dataclass(frozen=True)
class Reading:
    """Which frames of a stream are read.

    Attributes:
        every: one of so many frames is processed.
        max_frames: end after so many.
    """

    every: int = 1
    max_frames: int | None = None


class Reader:
    """Reads one stream until it ends or is told to stop.

    Args:
        source: what to read.
        capture: the source, open already; None: it is opened here.
        policy: decides whether a file is played at its own rate, and whether reading waits.
        reading: which frames.
        intake: where frames go.
        stats, decode: where they are counted.
    """

    def __init__(
        self,
        source: Source,
        capture: Capture | None,
        policy: Policy,
        reading: Reading,
        intake: Intake,
        stats: StreamStats,
        decode: StageTimes,
    ) -> None:
        self._source, self._capture, self._policy = source, capture, policy
        self._reading, self._intake, self._stats, self._decode = reading, intake, stats, decode
        self._stopping = threading.Event()
        self._missing, self._pause_s = 0, BACKOFF_S[0]
        self._began_s: float | None = None

    def stop(self) -> None:
        """End soon; called from another thread."""
        self._stopping.set()
        capture = self._capture
        if capture is not None:
            capture.close()

    def run(self) -> None:
        """The thread's work; a failure of the source ends or interrupts this stream alone."""
        try:
            while not self._stopping.is_set():
                problem = self._open() or self._follow()
                if problem is None or self._stopping.is_set():
                    return
                if not self._source.live:
                    self._stats.problem = str(problem)
                    say(str(problem))
                    return
                self._come_back(problem)
        finally:
            self._stats.ended = True
            self._intake.end(self._source.name)

    def _open(self) -> EdgecvError | None:
        if self._capture is None:
            try:
                self._capture = self._source.open()
            except EdgecvError as error:
                return error
            except OSError as error:  # as for want of memory, which may come back
                return DataError(f"{self._source.name}: cannot be opened ({error.strerror})")
        return None

    def _come_back(self, problem: EdgecvError) -> None:
        """Open the source again, for as long as it takes."""
        lost_s = now()
        self._stats.broken, self._stats.away, self._capture = True, str(problem), None
        say(f"{problem}. Trying again")
        while not self._stopping.wait(self._pause_s):
            self._pause_s = min(2 * self._pause_s, BACKOFF_S[1])
            if self._open() is None:
                break
        if self._capture is None:
            return
        gone_s = now() - lost_s
        self._missing = round(gone_s * self._capture.frame_rate / self._reading.every)
        self._stats.breaks += self._stats.frames_in > 0
        self._stats.broken = False
        say(f"{self._source.name}: back after {gone_s:.1f} s")

    def _follow(self) -> EdgecvError | None:
        """Pass on what the open source gives, to its end; the error that ended it early."""
        capture = self._capture
        if capture is None:
            return None
        shots = iter(capture)
        try:
            while not self._stopping.is_set():
                begun = self._decode.begin()
                shot = next(shots, None)
                if shot is None:
                    return None
                cpu_ms = self._decode.end(begun)
                # the picture was there before it was decoded
                if not self._pass_on(shot, capture.frame_rate, now() - cpu_ms / 1e3):
                    return None
        except EdgecvError as error:
            return error
        finally:
            _end(shots)
            capture.close()
        return None

    def _pass_on(self, shot: Shot, frame_rate: float, captured_s: float) -> bool:
        stats, reading = self._stats, self._reading
        index = stats.frames_in
        stats.frames_in += 1
        self._pause_s = BACKOFF_S[0]
        if self._began_s is None:
            self._began_s = captured_s - (shot.time_s or 0.0)
        if shot.time_s is not None and self._policy.kind != "every":
            # not a camera, but to be seen as one
            self._stopping.wait(self._began_s + shot.time_s - now())
            captured_s = now()
        time_s = captured_s - self._began_s if shot.time_s is None else shot.time_s
        last = reading.max_frames is not None and index + 1 >= reading.max_frames
        if index % reading.every:
            stats.dropped["every"] += 1
            return not last
        frame = StreamFrame(
            stream=self._source.name,
            index=index,
            time_s=time_s,
            captured_s=captured_s,
            picture=shot.picture,
            frame_rate=frame_rate / reading.every,
            truth=shot.truth,
            missing=self._missing,
        )
        self._missing = 0
        begun_s = now()
        taken = self._intake.put(frame)
        stats.held_s += now() - begun_s
        if not taken:
            stats.dropped["stopped"] += 1
            return False
        return not last


def _end(shots: Iterator[Shot]) -> None:
    # a generator holds what it opened until it is told
    close = getattr(shots, "close", None)
    if close is not None:
        close()

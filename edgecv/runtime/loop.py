"""Streams through one engine: a thread a stage, bounded queues between, results in capture order.

    readers -> intake -> feed (preprocess, submit) -> finish (postprocess, track) -> write (sinks)

A frame that is not to be detected goes the same way past the engine, so it stays in order.

What bounds memory is that every queue is short: a full one holds up the stage before it, back to
the reader, which waits (`every`) or drops and counts (`latest`, `budget`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import NamedTuple

from edgecv.engines import Engine
from edgecv.errors import EdgecvError
from edgecv.runtime.clock import now
from edgecv.runtime.delivery import Delivery
from edgecv.runtime.detector import Detector
from edgecv.runtime.following import FollowedStreams
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.intake import Intake, Policy
from edgecv.runtime.reader import Reader, Reading
from edgecv.runtime.sinks import Sink
from edgecv.runtime.sources import Capture, Source
from edgecv.runtime.stats import Stats
from edgecv.types import Array, Detections, Ints

# results that wait for the sinks: a key frame takes an encoder several times the usual
RESULTS_MAX = 4
# a reader in a vendor's code may not come back; the process ends without it
READER_PATIENCE_S = 2.0
TICK_S = 0.2
# how long a thread may keep Python's lock: by default 5 ms, in which a core whose engine call has
# returned waits for the tracker instead of taking the next picture (4 % of all frames a second)
SWITCH_S = 2e-4

Watcher = Callable[[StreamFrame, Detections], None]


def every_frame(frame: StreamFrame) -> bool:
    """All frames are detected."""
    return True


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs.

    Attributes:
        policy: for all streams; None: `latest` for live ones, `every` for the others.
        tracker: name of the tracker, or None.
        score_min: smallest score of a box.
        start_min: smallest score of a box that starts a track; None: the tracker's own.
        class_ids: classes to look for; None: all.
        reading: which frames are read.
        requests: engine calls that run at once.
    """

    policy: Policy | None = None
    tracker: str | None = None
    score_min: float = 0.25
    start_min: float | None = None
    class_ids: Ints | None = None
    reading: Reading = field(default_factory=Reading)
    requests: int = 2

    def policy_of(self, source: Source) -> Policy:
        return self.policy or Policy("latest" if source.live else "every")


class _Flying(NamedTuple):
    frame: StreamFrame
    answer: Future[list[Array]] | None  # None: past the engine


class _Result(NamedTuple):
    frame: StreamFrame
    found: Detections


def _followed(settings: LoopSettings) -> FollowedStreams | None:
    if settings.tracker is None:
        return None
    return FollowedStreams(settings.tracker, settings.start_min)


@contextmanager
def _short_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Loop:
    """One run.

    Args:
        sources: with the captures of those that are open already.
        engine: serves all of them.
        sinks: take every result; closed at the end.
        settings: how.
        watchers: told of all tracks before the sinks are, from one thread.
        detects: asked once for each frame whether it is detected; with a tracker the others get
            the tracks that it predicts, without one nothing.

    Raises:
        EngineError: the engine takes several pictures a call.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Source, Capture | None]],
        engine: Engine,
        sinks: Sequence[Sink],
        settings: LoopSettings,
        watchers: Sequence[Watcher] = (),
        detects: Callable[[StreamFrame], bool] = every_frame,
    ) -> None:
        if engine.spec.input.batch not in (1, None):
            raise EdgecvError(
                f"engine {engine.name} takes {engine.spec.input.batch} pictures a call, expected "
                "1. Compress with --set export.batch=1"
            )
        names = [source.name for source, _ in sources]
        self.stats = Stats(names)
        self._detector = Detector(engine, self.stats, settings.score_min, settings.class_ids)
        self._detects, self._followed, self._watchers = detects, _followed(settings), watchers
        self._delivery = Delivery(sinks, self.stats.problems)
        policies = {source.name: settings.policy_of(source) for source, _ in sources}
        self._intake = Intake(policies, self.stats.dropped)
        self._readers = [
            Reader(
                source,
                capture,
                policies[source.name],
                settings.reading,
                self._intake,
                self.stats.streams[source.name],
                self.stats.stages["decode"],
            )
            for source, capture in sources
        ]
        # one call more than run at once: the engine need not wait for the next picture
        self._seats = threading.Semaphore(settings.requests + 1)
        self._room = threading.Semaphore(RESULTS_MAX)
        self._flying: SimpleQueue[_Flying | None] = SimpleQueue()
        self._results: SimpleQueue[_Result | None] = SimpleQueue()
        self._failure: BaseException | None = None

    def run(self, tick: Callable[[], None] = lambda: None) -> None:
        """Process until all streams have ended or `stop` is called; then close the sinks.

        Args:
            tick: called in this thread several times a second.

        Raises:
            EngineError: the engine failed; what was done before is in the sinks.
        """
        readers = [
            # with the context, in which messages stand above a bar that is shown
            threading.Thread(target=copy_context().run, args=(one.run,), daemon=True)
            for one in self._readers
        ]
        stages = [
            threading.Thread(target=copy_context().run, args=(self._guarded, stage), daemon=True)
            for stage in (self._feed, self._finish, self._write)
        ]
        with _short_switches():
            for thread in (*readers, *stages):
                thread.start()
            while stages[-1].is_alive():
                stages[-1].join(TICK_S)
                self.stats.look()
                tick()
        for thread in (*readers, *stages[:-1]):
            thread.join(READER_PATIENCE_S)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Take no more frames; those that were taken are finished. Any thread may call it."""
        for reader in self._readers:
            reader.stop()
        self._intake.close()

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as error:
            # the first failure is the cause of the others
            self._failure = self._failure or error
            self.stop()
            self._drain(stage)

    def _drain(self, stage: Callable[[], None]) -> None:
        """What a failed stage would have done for its neighbours, so that they end too."""
        if stage == self._feed:
            self._flying.put(None)
        elif stage == self._finish:
            while self._flying.get() is not None:
                self._seats.release()
            self._results.put(None)
        else:
            while self._results.get() is not None:
                self._room.release()
            self._delivery.close()

    def _feed(self) -> None:
        while True:
            self._seats.acquire()
            # only now: with `latest` it is the newest when the engine has time for it
            frame = self._intake.take()
            if frame is None:
                break
            frame.detected = self._detects(frame)
            # the others too: camera motion and the live page want this picture
            small = self._detector.prepare(frame)
            if not frame.detected:
                self._seats.release()
            answer = self._detector.submit(small) if frame.detected else None
            self._flying.put(_Flying(frame, answer))
        self._flying.put(None)

    def _finish(self) -> None:
        while (flying := self._flying.get()) is not None:
            frame, found = flying.frame, None
            if flying.answer is not None:
                answer = flying.answer.result()
                self._seats.release()
                found = self._detector.read(frame, answer)
            if self._followed is not None:
                found = self._follow(self._followed, frame, found)
            frame.age_ms = 1e3 * (now() - frame.captured_s)
            self.stats.result(frame)
            self._room.acquire()
            self._results.put(_Result(frame, Detections.empty() if found is None else found))
        self._results.put(None)

    def _follow(
        self, followed: FollowedStreams, frame: StreamFrame, found: Detections | None
    ) -> Detections:
        times = self.stats.stages["track"]
        begun = times.begin()
        tracks = followed.update(frame, found)
        for watch in self._watchers:
            watch(frame, tracks)
        times.end(begun)
        if tracks.track_ids is not None and len(tracks):
            stats = self.stats.streams[frame.stream]
            stats.tracks = max(stats.tracks, int(tracks.track_ids.max()))
            stats.tracked += len(tracks) if found is not None else 0
        return tracks

    def _write(self) -> None:
        times = self.stats.stages["sinks"]
        while (result := self._results.get()) is not None:
            begun = times.begin()
            self._delivery.give(result.frame, result.found)
            times.end(begun)
            self._room.release()
            if self._delivery.failed:
                self.stop()  # nobody would see the rest
        self._delivery.close()

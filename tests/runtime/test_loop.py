from __future__ import annotations

import errno
import io
import itertools
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field

import numpy as np
import pytest
from small_bundles import answer_of, spec_of

from edgecv.engines import PooledEngine, null
from edgecv.errors import DataError, EdgecvError, EngineError
from edgecv.progress import bar
from edgecv.runtime import reader
from edgecv.runtime.detector import NMS_IOU
from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import SWITCH_S, Loop, LoopSettings
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.runtime.reader import Reading
from edgecv.runtime.sources import Shot
from edgecv.types import Array, Detections, Image

RATE = 100.0


def image(index: int) -> Image:
    return np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)


@dataclass
class Script:
    """A source whose every opening does what the next of `parts` says.

    A part is a number of frames, then an error or an end; an error alone fails to open.
    """

    name: str = "a"
    parts: list[tuple[int, str | None] | str] = field(default_factory=lambda: [(5, None)])
    live: bool = False
    remote: bool = False
    own_times: bool = True
    pause_s: float = 0.0
    opened: int = 0
    given: int = 0

    def open(self) -> _Opened:
        part = self.parts[min(self.opened, len(self.parts) - 1)]
        self.opened += 1
        if isinstance(part, str):
            raise DataError(part)
        return _Opened(self, *part)


class _Opened:
    frame_rate = RATE

    def __init__(self, script: Script, count: int, error: str | None) -> None:
        self._script, self._count, self._error, self._closed = script, count, error, False

    def __iter__(self) -> Iterator[Shot]:
        script = self._script
        for _ in range(self._count):
            if self._closed:
                return
            time.sleep(script.pause_s)
            index = script.given
            script.given += 1
            yield Shot(ArrayPicture(image(index)), index / RATE if script.own_times else None)
        if self._error:
            raise DataError(self._error)

    def close(self) -> None:
        self._closed = True


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.results: list[tuple[StreamFrame, Detections]] = []
        self.closed, self._fail_at = 0, fail_at

    def write(self, frame: StreamFrame, found: Detections) -> None:
        if len(self.results) == self._fail_at:
            raise EdgecvError("the sink is full")
        self.results.append((frame, found))

    def close(self) -> None:
        self.closed += 1

    def indices(self, stream: str = "a") -> list[int]:
        return [frame.index for frame, _ in self.results if frame.stream == stream]


def engine(
    call: Callable[[Image], list[Array]] = answer_of, requests: int = 2, batch: int | None = 1
) -> PooledEngine:
    return PooledEngine("small", spec_of(batch), call, requests)


def run(
    *sources: Script, sinks: tuple[Kept, ...] = (), call: Callable = answer_of, **settings: object
) -> Loop:
    with engine(call) as opened:
        pairs = [(one, None if one.remote else one.open()) for one in sources]
        loop = Loop(pairs, opened, sinks, LoopSettings(**settings))  # type: ignore[arg-type]
        loop.run()
    return loop


def test_results_are_those_of_the_parts_called_one_by_one() -> None:
    kept = Kept()
    run(Script(), sinks=(kept,), score_min=0.3)
    assert kept.indices() == [0, 1, 2, 3, 4]
    for frame, found in kept.results:
        small, placed = letterbox(image(frame.index), spec_of().input)
        boxes, scores = (one[0] for one in answer_of(small[None]))
        expected = postprocess(
            boxes,
            scores,
            placed,
            score_min=0.3,
            nms_iou=NMS_IOU,
            max_boxes=100,
            one_class=True,
        )
        assert len(found)
        np.testing.assert_array_equal(found.boxes_xyxy, expected.boxes_xyxy)
        np.testing.assert_array_equal(found.class_ids, expected.class_ids)
        assert found.track_ids is None
        assert frame.time_s == frame.index / RATE
        assert frame.age_ms > 0
    assert kept.closed == 1


def test_order_holds_when_later_calls_of_the_engine_are_quicker() -> None:
    turns = iter(range(1000))

    def uneven(batch: Image) -> list[Array]:
        time.sleep(0.02 if next(turns) % 2 == 0 else 0.0)
        return answer_of(batch)

    kept = Kept()
    loop = run(Script(parts=[(20, None)]), sinks=(kept,), call=uneven, requests=2)
    assert kept.indices() == list(range(20))
    assert loop.stats.stages["engine"].wall.count == 20


def test_several_calls_of_the_engine_are_in_flight() -> None:
    together, calls = threading.Barrier(2, timeout=5), itertools.count()

    def both(batch: Image) -> list[Array]:
        if next(calls):  # the first call of an engine is alone
            together.wait()
        return answer_of(batch)

    assert run(Script(parts=[(7, None)]), call=both, requests=2).stats.processed == 7


def test_streams_share_one_engine_and_each_keeps_its_order_and_ids() -> None:
    kept = Kept()
    scripts = [Script(name, [(count, None)]) for name, count in (("a", 9), ("b", 4), ("c", 0))]
    loop = run(*scripts, sinks=(kept,), tracker="bytetrack", score_min=0.1)
    assert kept.indices("a") == list(range(9))
    assert kept.indices("b") == list(range(4))
    assert loop.stats.streams["c"].processed == 0
    assert all(found.track_ids is not None for _, found in kept.results)


def test_every_frame_is_accounted_for_under_each_policy() -> None:
    def slow(batch: Image) -> list[Array]:
        time.sleep(0.03)
        return answer_of(batch)

    for policy, cause in ((Policy("latest"), "newer"), (Policy("budget", 0.02), "late")):
        loop = run(Script(parts=[(30, None)]), call=slow, policy=policy)
        stats = loop.stats.streams["a"]
        assert stats.frames_in == 30
        assert 0 < stats.processed < 30
        assert stats.processed + stats.dropped[cause] == 30
    loop = run(Script(parts=[(10, None)]), call=slow, policy=Policy("every"))
    assert loop.stats.streams["a"].dropped == {}
    assert loop.stats.processed == 10


def test_a_file_is_played_at_its_own_rate_when_frames_may_be_dropped() -> None:
    begun = time.monotonic()
    loop = run(Script(parts=[(30, None)]), policy=Policy("latest"))
    assert time.monotonic() - begun >= 29 / RATE
    assert loop.stats.streams["a"].frames_in == 30


@pytest.mark.parametrize(
    ("reading", "indices", "left_out"),
    [
        (Reading(every=3), [0, 3, 6, 9], 6),
        (Reading(max_frames=4), [0, 1, 2, 3], 0),
        (Reading(every=2, max_frames=5), [0, 2, 4], 2),
        (Reading(max_frames=99), list(range(10)), 0),
    ],
    ids=["every third", "four", "of five each second", "more than there are"],
)
def test_frames_that_were_not_asked_for_are_left_out(
    reading: Reading, indices: list[int], left_out: int
) -> None:
    kept = Kept()
    loop = run(Script(parts=[(10, None)]), sinks=(kept,), reading=reading)
    assert kept.indices() == indices
    assert loop.stats.streams["a"].dropped["every"] == left_out
    assert kept.results[0][0].frame_rate == RATE / reading.every


def test_only_the_classes_asked_for_are_found() -> None:
    def known(batch: Image) -> list[Array]:
        return [null.boxes_of(spec_of())[None], null.scores_of(spec_of())[None]]

    whole, part = Kept(), Kept()
    run(Script(), sinks=(whole,), call=known, score_min=0.1)
    run(Script(), sinks=(part,), call=known, score_min=0.1, class_ids=np.array([0, 2]))
    assert whole.results[0][1].class_ids.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert part.results[0][1].class_ids.tolist() == [0, 2, 0, 2, 0, 2, 0]


def test_a_file_that_breaks_is_processed_up_to_there_and_then_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = Kept()
    loop = run(Script(parts=[(3, "a: ends early")]), Script("b", [(8, None)]), sinks=(kept,))
    assert kept.indices("a") == [0, 1, 2]
    assert len(kept.indices("b")) == 8
    assert loop.stats.streams["a"].problem == "a: ends early"
    assert loop.stats.streams["b"].problem is None
    assert capsys.readouterr().err == "a: ends early\n"


def test_what_a_stream_says_stands_above_a_bar_that_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    with redirect_stderr(terminal), bar("frames", 9):
        run(Script("a", [(6, "a: ends early")]))
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "frames" in told
    assert "a: ends early" in told.replace("\r", "\n").splitlines()


def test_a_broken_camera_comes_back_and_the_other_one_never_stops(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader, "BACKOFF_S", (0.05, 0.1))
    broken = Script(
        "a", [(3, "a: cable out"), "a: gone", "a: gone", (2, None)], live=True, own_times=False
    )
    other = Script("b", [(60, None)], live=True, own_times=False, pause_s=0.005)
    kept = Kept()
    loop = run(broken, other, sinks=(kept,), policy=Policy("every"))
    stats = loop.stats.streams["a"]
    assert (stats.processed, stats.breaks, stats.broken, stats.problem) == (5, 1, False, None)
    assert kept.indices("b") == list(range(60))
    first = next(frame for frame, _ in kept.results if frame.stream == "a" and frame.index == 3)
    # 0.05, 0.1 and 0.1 seconds of pause at 100 frames a second, and some for the rest
    assert 25 <= first.missing < 60
    times = [frame.time_s for frame, _ in kept.results if frame.stream == "a"]
    assert times == sorted(times)
    assert times[3] - times[2] > 0.25
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "a: cable out. Trying again"
    assert told[1].startswith("a: back after 0.")
    assert len(told) == 2


def test_a_camera_far_away_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BACKOFF_S", (0.02, 0.02))
    late = Script("a", ["a: refused", (2, None)], live=True, remote=True)
    assert run(late, policy=Policy("every")).stats.processed == 2


def test_a_camera_that_cannot_be_opened_for_want_of_memory_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "BACKOFF_S", (0.02, 0.02))
    late = Script("a", [(2, None)], live=True, remote=True)
    opened, tries = late.open, []

    def short_of_memory() -> object:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return opened()

    monkeypatch.setattr(late, "open", short_of_memory)
    assert run(late, policy=Policy("every")).stats.processed == 2


def test_stopping_finishes_what_was_taken_and_closes_the_sinks() -> None:
    kept = Kept()
    script = Script(parts=[(10**6, None)], live=True, own_times=False, pause_s=0.002)
    with engine() as opened:
        loop = Loop([(script, script.open())], opened, [kept], LoopSettings())
        begun = time.monotonic()

        def tick() -> None:
            if len(kept.results) >= 10:
                loop.stop()

        loop.run(tick)
    assert time.monotonic() - begun < 5
    stats = loop.stats.streams["a"]
    assert stats.processed == len(kept.results) >= 10
    assert stats.processed + sum(stats.dropped.values()) == stats.frames_in
    assert kept.closed == 1


def test_a_stream_that_is_gone_does_not_hold_up_the_end() -> None:
    script = Script(parts=["a: gone"], live=True, remote=True)
    with engine() as opened:
        loop = Loop([(script, None)], opened, [], LoopSettings())
        begun = time.monotonic()
        loop.run(loop.stop)
    assert time.monotonic() - begun < 5
    assert loop.stats.processed == 0


def test_a_sink_that_fails_is_left_and_the_others_get_everything() -> None:
    full, kept = Kept(fail_at=2), Kept()
    loop = run(Script(parts=[(9, None)]), sinks=(full, kept))
    assert (len(full.results), full.closed) == (2, 1)
    assert kept.indices() == list(range(9))
    assert loop.stats.problems == ["the sink is full"]


def test_when_the_last_sink_fails_the_run_ends() -> None:
    script = Script(parts=[(10**6, None)], pause_s=0.001)
    loop = run(script, sinks=(Kept(fail_at=3),))
    assert 3 < loop.stats.processed < 1000
    assert loop.stats.problems == ["the sink is full"]


def test_a_failing_engine_ends_the_run_and_keeps_what_was_done() -> None:
    calls = iter(range(1000))

    def fail(batch: Image) -> list[Array]:
        if next(calls) == 4:
            raise EngineError("out of order")
        return answer_of(batch)

    kept = Kept()
    with pytest.raises(EngineError, match="out of order"):
        run(Script(parts=[(1000, None)]), sinks=(kept,), call=fail)
    assert kept.indices() == [0, 1, 2, 3]
    assert kept.closed == 1


def test_a_mistake_in_a_sink_is_not_hidden() -> None:
    class Wrong(Kept):
        def write(self, frame: StreamFrame, found: Detections) -> None:
            raise TypeError("a mistake")

    wrong = Wrong()
    with pytest.raises(TypeError, match="a mistake"):
        run(Script(parts=[(1000, None)]), sinks=(wrong,))
    assert wrong.closed == 1


def test_an_engine_that_takes_several_pictures_a_call_is_refused() -> None:
    with engine(batch=4) as opened, pytest.raises(EdgecvError, match="4 pictures a call"):
        Loop([(Script(), None)], opened, [], LoopSettings())


def test_watchers_see_every_track_before_the_sinks_do() -> None:
    kept, seen = Kept(), []

    def watch(frame: StreamFrame, found: Detections) -> None:
        assert found.track_ids is not None
        seen.append((frame.index, frame.index in kept.indices()))

    with engine() as opened:
        script = Script(parts=[(6, None)])
        settings = LoopSettings(tracker="sort", score_min=0.1)
        Loop([(script, script.open())], opened, [kept], settings, [watch]).run()
    assert seen == [(index, False) for index in range(6)]
    assert kept.indices() == list(range(6))


@pytest.mark.parametrize("tracker", ["sort", None])
def test_frames_that_are_not_detected_go_past_the_engine_in_their_order(
    tracker: str | None,
) -> None:
    calls = itertools.count()

    def slow(batch: Image) -> list[Array]:
        next(calls)
        time.sleep(0.01)
        return answer_of(batch)

    kept = Kept()
    with engine(slow) as opened:
        script = Script(parts=[(20, None)])
        settings = LoopSettings(tracker=tracker, score_min=0.1)
        pair = (script, script.open())
        loop = Loop([pair], opened, [kept], settings, detects=lambda frame: frame.index % 3 == 0)
        loop.run()
    assert kept.indices() == list(range(20))
    looked = [frame.index for frame, _ in kept.results if frame.detected]
    assert looked == list(range(0, 20, 3))
    assert next(calls) == len(looked)
    assert (loop.stats.processed, loop.stats.predicted) == (20, 13)
    assert all(frame.small is not None and frame.age_ms > 0 for frame, _ in kept.results)
    for frame, found in kept.results:
        assert (found.track_ids is None) is (tracker is None)
        assert tracker is not None or frame.detected or len(found) == 0


def test_the_lock_is_handed_over_quickly_in_a_run_and_as_before_after_it() -> None:
    seen, before = [], sys.getswitchinterval()

    def failing(batch: Image) -> list[Array]:
        seen.append(sys.getswitchinterval())
        raise EngineError("out of memory")

    with pytest.raises(EngineError):
        run(Script(), call=failing)
    assert seen[0] == pytest.approx(SWITCH_S)
    assert sys.getswitchinterval() == before

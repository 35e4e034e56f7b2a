from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from small_bundles import POINTS, SIDE, spec_of

from edgecv.engines import Engine, PooledEngine
from edgecv.errors import EngineError
from edgecv.runtime import governing, governor
from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.runtime.governing import Governing
from edgecv.runtime.governor import Gear, Target, gears_of
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import Loop, LoopSettings
from edgecv.runtime.sources import Shot
from edgecv.runtime.switched import SwitchedEngine
from edgecv.runtime.turns import Turns
from edgecv.types import Array, Detections, Image

RATE = 25.0
STEP = 0.25  # pixels a frame: the object stays in the picture for the longest of these tests
SLOW_S, QUICK_S = 0.12, 0.001
STRIDES = gears_of({"a": 1.0})


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A governor that looks five times a second and makes up its mind in one."""
    monkeypatch.setattr(governing, "PERIOD_S", 0.2)
    monkeypatch.setattr(governor, "WORSE_S", 0.4)
    monkeypatch.setattr(governor, "BETTER_S", 0.6)


class Walk:
    """A camera that sees one object walk to the right, until it is closed."""

    live, remote = True, False
    frame_rate = RATE

    def __init__(self, name: str = "door", frames: int = 10**6) -> None:
        self.name, self._frames, self._closed = name, frames, threading.Event()

    def open(self) -> Walk:
        return self

    def __iter__(self) -> Iterator[Shot]:
        begun = time.monotonic()
        for index in range(self._frames):
            if self._closed.wait(max(0.0, begun + index / RATE - time.monotonic())):
                return
            picture = np.zeros((SIDE, SIDE, 3), np.uint8)
            picture[:, :, 0] = min(255, index // 4)  # where the object is
            yield Shot(ArrayPicture(picture), None)

    def close(self) -> None:
        self._closed.set()


class Device:
    """An engine that finds the object, in a time that the test sets."""

    def __init__(self, seconds: float = QUICK_S) -> None:
        self.seconds, self.calls = seconds, 0

    def __call__(self, batch: Image) -> list[Array]:
        self.calls += 1
        time.sleep(self.seconds)
        left = 4 * STEP * float(batch[0, 0, 0, 0])
        boxes, scores = np.zeros((1, POINTS, 4), np.float32), np.zeros((1, POINTS, 3), np.float32)
        boxes[0, 0], scores[0, 0, 0] = (left, 4, left + 12, 28), 0.9
        return [boxes, scores]


class Kept:
    def __init__(self) -> None:
        self.results: list[tuple[StreamFrame, Detections]] = []

    def write(self, frame: StreamFrame, found: Detections) -> None:
        self.results.append((frame, found))

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Run:
    """A loop with a governor, in a thread of its own."""

    loop: Loop
    governing: Governing
    kept: Kept
    thread: threading.Thread

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.thread.is_alive(), "the run has ended"
            assert time.monotonic() < end, f"it did not happen: {self.governing.to_json()}"
            time.sleep(0.02)

    def at(self, stride: int, variant: str = "a") -> Callable[[], bool]:
        return lambda: (
            (self.governing.gear.stride, self.governing.gear.variant)
            == (
                stride,
                variant,
            )
        )

    def end(self) -> None:
        self.loop.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.governing.finish()


def started(
    engine: SwitchedEngine,
    *sources: Walk,
    target: Target,
    gears: tuple[Gear, ...] = STRIDES,
    policy: str = "latest",
) -> Run:
    names, kept = [one.name for one in sources], Kept()
    turns, settings = Turns(names), LoopSettings(Policy.parse(policy), "bytetrack", 0.1)
    pairs = [(one, one.open()) for one in sources]
    loop = Loop(pairs, engine, [kept], settings, (), turns.detects)
    governed = Governing(target, gears, engine, turns, loop.stats, settings.requests)
    thread = threading.Thread(target=loop.run, args=(governed.look,))
    thread.start()
    return Run(loop, governed, kept, thread)


def switched(call: Callable[[Image], list[Array]], **others: Engine) -> SwitchedEngine:
    return SwitchedEngine(PooledEngine("first", spec_of(), call, 2), others.__getitem__)


def ids_of(results: list[tuple[StreamFrame, Detections]]) -> set[int]:
    return {int(one) for _, found in results for one in found.track_ids}  # type: ignore[union-attr]


@pytest.mark.parametrize("policy", ["latest", "every", "budget=200ms"])
def test_a_device_that_slows_down_leaves_frames_to_the_tracker_and_takes_them_back(
    policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    device, door = Device(), Walk()
    with switched(device) as engine:
        run = started(engine, door, target=Target(fps=RATE), policy=policy)
        run.until(lambda: len(run.kept.results) > 10)
        device.seconds = SLOW_S  # two at once give 17 a second, of 25
        run.until(lambda: run.governing.gear.stride > 1)
        device.seconds = QUICK_S
        run.until(run.at(1))
        run.end()
    stats, results = run.loop.stats.streams["door"], run.kept.results
    indices = [frame.index for frame, _ in results]
    assert indices == sorted(indices)
    assert len(results) == stats.processed
    assert stats.processed + sum(stats.dropped.values()) == stats.frames_in
    predicted = [frame for frame, _ in results if not frame.detected]
    assert len(predicted) == stats.predicted > 0
    assert device.calls == stats.processed - stats.predicted
    # one object throughout, in every frame, also where nobody looked
    assert ids_of(results) == {1}
    assert all(len(found) == 1 for _, found in results)
    told = run.governing.to_json()
    assert told["switched"] == len(told["switches"]) >= 2
    assert [one["to"]["stride"] for one in told["switches"]][-1] == 1
    assert "results a second are under" in told["switches"][0]["reason"]
    assert told["switches"][-1]["reason"].startswith("there was room for")
    assert sum(one["seconds"] for one in told["seconds"]) > 1
    assert "governor: a on every 2nd frame, before a on every frame: " in capsys.readouterr().err


def test_the_rate_and_the_place_of_the_object_are_held_meanwhile() -> None:
    device, door = Device(SLOW_S), Walk()
    with switched(device) as engine:
        run = started(engine, door, target=Target(fps=RATE))
        run.until(lambda: run.governing.gear.stride > 1)
        begun, count = time.monotonic(), len(run.kept.results)
        run.until(lambda: time.monotonic() > begun + 2)
        rate = (len(run.kept.results) - count) / (time.monotonic() - begun)
        late = run.kept.results[-20:]
        run.end()
    assert rate > 0.8 * RATE
    for frame, found in late:
        expected = 4 * STEP * (frame.index // 4)
        assert float(found.boxes_xyxy[0, 0]) == pytest.approx(expected, abs=2)


def test_an_age_that_is_too_high_is_trouble_as_well() -> None:
    device = Device(SLOW_S)
    with switched(device) as engine:
        run = started(engine, Walk(), target=Target(p99_ms=50.0))
        run.until(lambda: run.governing.gear.stride > 1)
        run.end()
    assert "is over 50 ms" in run.governing.to_json()["switches"][0]["reason"]


def test_streams_are_held_together_and_detected_in_turns() -> None:
    device = Device(0.05)  # two at once give 40 a second, of 50
    with switched(device) as engine:
        run = started(engine, Walk("door"), Walk("yard"), target=Target(fps=RATE))
        run.until(lambda: run.governing.gear.stride > 1)
        count = len(run.kept.results)
        run.until(lambda: len(run.kept.results) > count + 40)
        run.end()
    for name in ("door", "yard"):
        theirs = [(frame, found) for frame, found in run.kept.results if frame.stream == name]
        assert [frame.index for frame, _ in theirs] == sorted(frame.index for frame, _ in theirs)
        assert any(not frame.detected for frame, _ in theirs)
        assert ids_of(theirs) == {1}
        looked = [frame.index for frame, _ in theirs if frame.detected]
        assert max(two - one for one, two in pairwise(looked)) <= 25


def test_a_quicker_engine_of_the_bundle_comes_first_and_goes_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow, quick = Device(), Device()
    seconds = {"a": PooledEngine("slow again", spec_of(), slow, 2)}
    seconds["b"] = PooledEngine("quick", spec_of(), quick, 2)
    with switched(slow, **seconds) as engine:
        gears = gears_of({"a": 2.0, "b": 1.0})
        run = started(engine, Walk(), target=Target(fps=RATE), gears=gears)
        run.until(lambda: len(run.kept.results) > 10)
        slow.seconds = SLOW_S
        run.until(run.at(1, "b"))
        assert engine.name == "quick"
        run.until(lambda: quick.calls > 5)
        slow.seconds = QUICK_S
        run.until(run.at(1, "a"))
        assert engine.name == "slow again"
        run.end()
    indices = [frame.index for frame, _ in run.kept.results]
    assert indices == sorted(indices)
    assert ids_of(run.kept.results) == {1}
    told = run.governing.to_json()["switches"]
    assert [one["to"]["variant"] for one in (told[0], told[-1])] == ["b", "a"]
    assert "governor: opening b: " in capsys.readouterr().err


def test_an_engine_that_cannot_be_opened_leaves_the_stride(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(name: str) -> Engine:
        raise EngineError(f"{name}: not for this CPU")

    device = Device(SLOW_S)
    with SwitchedEngine(PooledEngine("first", spec_of(), device, 2), refuse) as engine:
        gears = gears_of({"a": 2.0, "b": 1.0})
        run = started(engine, Walk(), target=Target(fps=RATE), gears=gears)
        run.until(run.at(2, "a"))
        run.end()
    assert "governor: b: not for this CPU; a runs on, and may leave out" in capsys.readouterr().err
    assert {one["to"]["variant"] for one in run.governing.to_json()["switches"]} == {"a"}


def test_a_run_that_ends_in_mid_switch_ends_clean() -> None:
    opening, go = threading.Event(), threading.Event()
    new = PooledEngine("new", spec_of(), Device(), 2)

    def open_slowly(name: str) -> Engine:
        opening.set()
        go.wait(20)
        return new

    with SwitchedEngine(PooledEngine("old", spec_of(), Device(SLOW_S), 2), open_slowly) as engine:
        gears = gears_of({"a": 2.0, "b": 1.0})
        run = started(engine, Walk(), target=Target(fps=RATE), gears=gears)
        run.until(opening.is_set)
        run.loop.stop()
        run.thread.join(10)
        assert not run.thread.is_alive()
        assert run.governing.gear.variant == "a"
        go.set()
        run.governing.finish()
        assert run.governing.gear.variant == "b"
        assert engine.name == "new"
    stats = run.loop.stats.streams["door"]
    assert stats.processed + sum(stats.dropped.values()) == stats.frames_in
    with pytest.raises((ValueError, RuntimeError)):
        new.submit(np.zeros((1, SIDE, SIDE, 3), np.uint8))


def test_without_a_reason_nothing_is_changed() -> None:
    with switched(Device()) as engine:
        run = started(engine, Walk(frames=40), target=Target(fps=1.0, p99_ms=5000.0))
        run.thread.join(20)
        run.governing.finish()
    told = run.governing.to_json()
    assert (told["switched"], told["switches"], told["stride"], told["variant"]) == (0, [], 1, "a")
    assert [(one["variant"], one["stride"]) for one in told["seconds"]] == [("a", 1)]
    assert run.loop.stats.predicted == 0

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from edgecv.errors import UsageError
from edgecv.runtime.clock import now
from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.runtime.intake import AHEAD, AHEAD_MAX, Intake, Policy

PICTURE = ArrayPicture(np.zeros((4, 4, 3), np.uint8))
Drops = list[tuple[int, str]]


def frame(index: int, stream: str = "a", age_s: float = 0.0) -> StreamFrame:
    return StreamFrame(stream, index, 0.0, now() - age_s, PICTURE, 10.0)


def intake(*kinds: str, names: str = "ab") -> tuple[Intake, Drops]:
    drops: Drops = []
    policies = {name: Policy.parse(kind) for name, kind in zip(names, kinds, strict=False)}
    return Intake(policies, lambda one, cause: drops.append((one.index, cause))), drops


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("every", Policy("every")),
        ("latest", Policy("latest")),
        ("budget=500ms", Policy("budget", 0.5)),
        ("budget=1.5s", Policy("budget", 1.5)),
    ],
)
def test_a_policy_is_read_from_its_words(text: str, policy: Policy) -> None:
    assert Policy.parse(text) == policy


@pytest.mark.parametrize("text", ["", "newest", "budget", "budget=500", "budget=0ms", "budget=-1s"])
def test_other_words_are_no_policy(text: str) -> None:
    with pytest.raises(UsageError, match="expected latest, every, or budget=500ms"):
        Policy.parse(text)


def test_under_every_the_source_waits_and_nothing_is_dropped() -> None:
    waiting, drops = intake("every")
    put: list[int] = []

    def fill() -> None:
        for index in range(5):
            waiting.put(frame(index))
            put.append(index)
        waiting.end("a")

    thread = threading.Thread(target=fill)
    thread.start()
    time.sleep(0.05)
    assert len(put) == AHEAD
    taken = [one.index for one in iter(waiting.take, None)]
    thread.join()
    assert (taken, drops) == ([0, 1, 2, 3, 4], [])


def test_under_latest_the_newest_wins() -> None:
    waiting, drops = intake("latest")
    for index in range(4):
        waiting.put(frame(index))
    waiting.end("a")
    assert [one.index for one in iter(waiting.take, None)] == [3]
    assert drops == [(0, "newer"), (1, "newer"), (2, "newer")]


def test_under_a_budget_what_is_too_old_is_dropped_in_order() -> None:
    waiting, drops = intake("budget=500ms")
    for index, age_s in enumerate((2.0, 0.6, 0.4, 0.0)):
        waiting.put(frame(index, age_s=age_s))
    waiting.end("a")
    assert [one.index for one in iter(waiting.take, None)] == [2, 3]
    assert drops == [(0, "late"), (1, "late")]


def test_under_a_budget_memory_is_bounded() -> None:
    waiting, drops = intake("budget=1000s")
    for index in range(AHEAD_MAX + 3):
        waiting.put(frame(index))
    assert drops == [(0, "full"), (1, "full"), (2, "full")]


def test_streams_take_turns() -> None:
    waiting, _ = intake("budget=9s", "budget=9s")
    for index in range(3):
        waiting.put(frame(index, "a"))
    for index in range(2):
        waiting.put(frame(index, "b"))
    waiting.close()
    taken = [f"{one.stream}{one.index}" for one in iter(waiting.take, None)]
    assert taken == ["a0", "b0", "a1", "b1", "a2"]


def test_an_ended_stream_gives_what_it_left_and_takes_no_more() -> None:
    waiting, _ = intake("every", "every")
    assert waiting.put(frame(0))
    waiting.end("a")
    assert not waiting.put(frame(1))
    assert waiting.put(frame(0, "b"))
    waiting.close()
    assert len(list(iter(waiting.take, None))) == 2


def test_closing_lets_a_waiting_source_go() -> None:
    waiting, _ = intake("every")
    for index in range(AHEAD):
        waiting.put(frame(index))
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(waiting.put(frame(9))))
    thread.start()
    time.sleep(0.05)
    waiting.close()
    thread.join(5)
    assert answers == [False]

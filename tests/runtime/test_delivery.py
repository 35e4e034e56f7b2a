from __future__ import annotations

import pytest
from found import found, frame

from edgecv.errors import EdgecvError
from edgecv.runtime.delivery import Delivery
from edgecv.runtime.frames import StreamFrame
from edgecv.types import Detections


class Counting:
    def __init__(self, *, writes: bool = True, closes: bool = True) -> None:
        self.given, self.closed = 0, 0
        self._writes, self._closes = writes, closes

    def write(self, frame: StreamFrame, found: Detections) -> None:
        if not self._writes:
            raise OSError("no room")
        self.given += 1

    def close(self) -> None:
        self.closed += 1
        if not self._closes:
            raise EdgecvError("no end")


def test_without_sinks_nothing_has_failed() -> None:
    delivery = Delivery([], [])
    delivery.give(frame(), found())
    delivery.close()
    assert not delivery.failed


def test_a_failure_is_told_once_and_the_others_get_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    problems: list[str] = []
    good, bad = Counting(), Counting(writes=False, closes=False)
    delivery = Delivery([bad, good], problems)
    for index in range(3):
        delivery.give(frame(index), found())
    assert not delivery.failed
    delivery.close()
    assert (good.given, good.closed, bad.given, bad.closed) == (3, 1, 0, 1)
    assert problems == ["no room", "no end"]
    assert capsys.readouterr().err == "no room\nno end\n"


def test_when_all_have_failed_it_says_so() -> None:
    delivery = Delivery([Counting(writes=False), Counting(writes=False)], [])
    delivery.give(frame(), found())
    assert delivery.failed

from __future__ import annotations

import pytest
from found import frame

from edgecv.runtime.turns import Turns


def detected(turns: Turns, count: int, stream: str = "door", rate: float = 30.0) -> list[int]:
    frames = (frame(index, stream, rate=rate) for index in range(count))
    return [one.index for one in frames if turns.detects(one)]


@pytest.mark.parametrize(
    ("stride", "indices"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (4, [0, 4]), (7, [0])],
)
def test_one_frame_of_so_many_is_detected_beginning_with_the_first(
    stride: int, indices: list[int]
) -> None:
    turns = Turns(["door"])
    turns.stride = stride
    assert detected(turns, 6) == indices


def test_streams_take_turns() -> None:
    turns = Turns(["door", "yard"])
    turns.stride = 2
    assert detected(turns, 6, "door") == [0, 2, 4]
    assert detected(turns, 6, "yard") == [1, 3, 5]


@pytest.mark.parametrize(
    ("rate", "stride"), [(30.0, 4), (14.0, 4), (13.9, 3), (7.0, 2), (6.9, 1), (1.0, 1)]
)
def test_a_stream_is_looked_at_three_and_a_half_times_a_second(rate: float, stride: int) -> None:
    turns = Turns(["door"])
    turns.stride = 4
    assert detected(turns, 12, rate=rate) == list(range(0, 12, stride))


def test_the_first_frame_after_a_break_is_detected() -> None:
    turns = Turns(["door"])
    turns.stride = 4
    frames = [frame(index, rate=30.0) for index in range(4)]
    frames[2].missing = 7
    assert [turns.detects(one) for one in frames] == [True, False, True, False]


def test_the_stride_may_change_at_any_frame() -> None:
    turns = Turns(["door"])
    found = []
    for index in range(12):
        turns.stride = 1 if index < 4 else 3
        found.append(turns.detects(frame(index, rate=30.0)))
    assert [index for index, one in enumerate(found) if one] == [0, 1, 2, 3, 6, 9]

from __future__ import annotations

import pytest
from found import frame

from edgecv.runtime.turns import Turns


def detected(turns: Turns, count: int, stream: str = "door") -> list[int]:
    return [index for index in range(count) if turns.detects(frame(index, stream))]


@pytest.mark.parametrize(
    ("stride", "indices"),
    [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4]), (4, [0, 4]), (9, [0])],
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


def test_the_first_frame_after_a_break_is_detected() -> None:
    turns = Turns(["door"])
    turns.stride = 4
    frames = [frame(index) for index in range(4)]
    frames[2].missing = 7
    assert [turns.detects(one) for one in frames] == [True, False, True, False]


def test_the_stride_may_change_at_any_frame() -> None:
    turns = Turns(["door"])
    found = []
    for index in range(12):
        turns.stride = 1 if index < 4 else 3
        found.append(turns.detects(frame(index)))
    assert [index for index, one in enumerate(found) if one] == [0, 1, 2, 3, 6, 9]

from __future__ import annotations

import numpy as np
import pytest

from edgecv.data.conveyor.items import Item
from edgecv.data.conveyor.shade import Sprite
from edgecv.data.conveyor.truth import AREA_MIN_PX, SIDE_MIN_PX, VISIBLE_MIN, find_truth
from edgecv.data.conveyor.view import View

SIDE = 100


def view(belt: tuple[int, int] = (0, SIDE), seen_from: int = 0) -> View:
    """A camera that shows the belt's picture as it is, from some column on."""
    seen = np.zeros((SIDE, SIDE), bool)
    seen[:, seen_from:] = True
    rows, columns = np.mgrid[:SIDE, : SIDE - seen_from]
    lookup = rows * SIDE + columns + seen_from
    return View((SIDE, SIDE), belt, np.eye(3), lookup, seen)


def item(track_id: int, class_id: int, area: int) -> Item:
    mask = np.ones((1, area), np.uint8)
    return Item(track_id, class_id, (0, 0), 9, 9, lambda: Sprite(mask, mask, mask))


def belt(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    ids = np.zeros((SIDE, SIDE), np.int32)
    for track_id, left, top, right, bottom in boxes:
        ids[top:bottom, left:right] = track_id
    return ids


def test_an_empty_belt_has_no_truth() -> None:
    truth = find_truth(view(), [], belt())
    assert truth.boxes_xyxy.shape == (0, 4)
    assert truth.masks.shape == (0, SIDE, SIDE)
    assert len(truth.class_ids) == len(truth.track_ids) == len(truth.occluded) == 0


def test_boxes_are_around_what_is_seen_and_covered_parts_say_so() -> None:
    ids = belt((70, 10, 20, 30, 40), (90, 20, 20, 40, 50))
    truth = find_truth(view(), [item(90, 2, 600), item(70, 5, 400), item(0, -1, 9)], ids)
    assert truth.track_ids.tolist() == [70, 90]
    assert truth.class_ids.tolist() == [5, 2]
    assert truth.boxes_xyxy.tolist() == [[10, 20, 20, 40], [20, 20, 40, 50]]
    assert truth.occluded.tolist() == [0.5, 0]
    assert np.array_equal(truth.masks[0], ids == 70)
    assert truth.boxes_xyxy.dtype == np.float32


@pytest.mark.parametrize("share", [VISIBLE_MIN, VISIBLE_MIN - 0.01])
def test_what_is_hardly_seen_is_left_out(share: float) -> None:
    part = item(5, 0, round(400 / share))
    found = find_truth(view(), [part], belt((5, 10, 20, 30, 40)))
    assert len(found.class_ids) == (share >= VISIBLE_MIN)


def test_what_leaves_the_picture_counts_as_hidden() -> None:
    ids = belt((5, 10, 20, 30, 40))
    found = find_truth(view(seen_from=20), [item(5, 0, 400)], ids)
    assert found.boxes_xyxy.tolist() == [[0, 20, 10, 40]]
    assert found.occluded.tolist() == [0.5]
    assert len(find_truth(view(seen_from=27), [item(5, 0, 400)], ids).class_ids) == 0


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [
        (SIDE_MIN_PX, 20, 1),
        (SIDE_MIN_PX - 1, 20, 0),
        (6, 6, 0),
        (AREA_MIN_PX // 6 + 1, 6, 1),
    ],
)
def test_what_is_too_small_is_left_out(width: int, height: int, told: int) -> None:
    part = item(5, 0, width * height)
    found = find_truth(view(), [part], belt((5, 10, 20, 10 + width, 20 + height)))
    assert len(found.class_ids) == told


def test_rails_hide_parts() -> None:
    ids = belt((5, 10, 20, 30, 40))
    found = find_truth(view(belt=(30, SIDE)), [item(5, 0, 400)], ids)
    assert found.boxes_xyxy.tolist() == [[10, 30, 30, 40]]
    assert (ids == 5).sum() == 400

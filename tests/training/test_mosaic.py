from __future__ import annotations

import numpy as np
import pytest

from edgecv.training.mosaic import mixup, mosaic
from edgecv.training.pictures import Labelled

COLOURS = (10, 60, 160, 240)
SIDE = 64


def picture(colour: int, width: int, height: int, boxes: list[list[float]]) -> Labelled:
    image = np.full((height, width, 3), colour, np.uint8)
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Labelled(image, array, np.full(len(array), colour, np.int64))


@pytest.mark.parametrize("seed", range(6))
def test_four_pictures_meet_in_a_point_and_keep_their_boxes(seed: int) -> None:
    four = [picture(c, 64, 64, [[0, 0, 64, 64]]) for c in COLOURS]

    (image, boxes, class_ids), whole = mosaic(four, SIDE, np.random.default_rng(seed))

    assert image.shape == (2 * SIDE, 2 * SIDE, 3)
    x, y = boxes[3, :2].astype(int)
    assert SIDE // 2 <= min(x, y) <= max(x, y) <= SIDE + SIDE // 2
    corners = [(y - 1, x - 1), (y - 1, x), (y, x - 1), (y, x)]
    assert [int(image[at][0]) for at in corners] == list(COLOURS)
    assert class_ids.tolist() == list(COLOURS)
    assert whole.tolist() == [SIDE * SIDE] * 4
    for colour, (left, top, right, bottom) in zip(COLOURS, boxes.astype(int), strict=True):
        area = np.zeros(image.shape[:2], bool)
        area[top:bottom, left:right] = True
        assert ((image[..., 0] == colour) == area).all()
    assert set(np.unique(image)) <= {*COLOURS, 114}


def test_pictures_of_other_sizes_are_fitted_with_their_boxes() -> None:
    wide = picture(10, 128, 32, [[0, 0, 128, 32], [64, 16, 128, 32]])
    four = [wide, *(picture(c, 8, 8, []) for c in COLOURS[1:])]

    (image, boxes, _), whole = mosaic(four, SIDE, np.random.default_rng(3))

    assert whole.tolist() == [64 * 16, 32 * 8]
    assert int((image[..., 0] == 10).sum()) == int(np.prod(boxes[0, 2:] - boxes[0, :2]))


def test_four_pictures_without_boxes_have_none_together() -> None:
    four = [picture(c, 20, 30, []) for c in COLOURS]

    (_, boxes, class_ids), whole = mosaic(four, SIDE, np.random.default_rng(0))

    assert (boxes.shape, class_ids.shape, whole.shape) == ((0, 4), (0,), (0,))


def test_mixup_is_the_mean_with_the_boxes_of_both() -> None:
    first = picture(10, 8, 8, [[0, 0, 4, 4]])
    second = picture(60, 8, 8, [[1, 1, 5, 5], [2, 2, 8, 8]])

    found = mixup(first, second)

    assert (found.image == 35).all()
    assert found.boxes_xyxy.tolist() == [[0, 0, 4, 4], [1, 1, 5, 5], [2, 2, 8, 8]]
    assert found.class_ids.tolist() == [10, 60, 60]

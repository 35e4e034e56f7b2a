from __future__ import annotations

import numpy as np
import pytest
from found import NAMES, found

from edgecv.runtime.sinks.drawing import COLOURS, draw
from edgecv.types import Detections


def grey() -> np.ndarray:
    return np.full((240, 320, 3), 90, np.uint8)


def test_nothing_found_leaves_the_picture_alone() -> None:
    image = grey()
    draw(image, Detections.empty(), NAMES)
    assert (image == 90).all()


def test_a_box_has_its_tracks_colour_on_its_edge_and_nothing_inside() -> None:
    image = grey()
    draw(image, found(1), NAMES)
    assert tuple(image[30, 8]) == tuple(image[40, 16]) == COLOURS[7 % len(COLOURS)]
    assert (image[35, 14] == 90).all()


def test_without_ids_the_class_decides_the_colour() -> None:
    image = grey()
    draw(image, found(2, tracked=False), NAMES)
    assert tuple(image[40, 36]) == COLOURS[1]


@pytest.mark.parametrize("corner", [-50.0, 310.0, 1e5], ids=["before", "edge", "far"])
def test_boxes_that_leave_the_picture_are_drawn_as_far_as_they_are_in_it(corner: float) -> None:
    box = np.array([[corner, corner, corner + 60, corner + 60]], np.float32)
    draw(grey(), Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64)), NAMES)

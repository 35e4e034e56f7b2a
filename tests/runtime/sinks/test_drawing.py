from __future__ import annotations

import numpy as np
import pytest
from found import NAMES, found

from edgecv.runtime.counts import BorderCounts, Counted
from edgecv.runtime.sinks.drawing import COLOURS, draw, draw_counts
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


def test_the_label_of_a_box_above_the_picture_is_whole() -> None:
    labels = []
    for top in (-6.0, 0.0):
        image = grey()
        box = np.array([[40, top, 200, 200]], np.float32)
        draw(image, Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64)), NAMES)
        labels.append(image[3:20, 42:190])
    assert (labels[0] != labels[1]).mean() < 0.02  # but for the box's own edge


def test_a_line_is_drawn_open_and_a_zone_closed_each_with_its_counts() -> None:
    line = BorderCounts("step", ((20, 200), (300, 200)), {"nut": 2}, {"nut": 1}, None)
    corners = ((100, 40), (200, 40), (200, 140), (100, 140))
    zone = BorderCounts("lawn", corners, {}, {}, {"nut": 3})
    image = grey()
    draw_counts(image, Counted(()))
    assert (image == 90).all()
    draw_counts(image, Counted((line, zone)))
    for x, y in ((250, 200), (200, 90), (150, 140), (100, 90)):
        assert image[y, x].min() > 200
    assert (image[90, 150] == 90).all()
    # a label stands above the first point, black on white
    assert image[185:197, 22:90].min() == 0
    assert (line.label(), zone.label()) == ("step  in 2  out 1", "lawn  in 0  out 0  now 3")

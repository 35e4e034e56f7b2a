from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgecv.data.conveyor.fill import GRID, fill
from edgecv.data.conveyor.outlines import circle, gear, sector

SHAPE = (60, 80)


def moved(outline: np.ndarray, x: float, y: float) -> np.ndarray:
    return outline + np.array([x, y])


def inside(outlines: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """0 or 1 by OpenCV's test of one point and one contour for each pixel centre; -1 on an edge."""
    found = np.zeros(shape, np.int64)
    for row in range(shape[0]):
        for column in range(shape[1]):
            centre = (column + 0.5, row + 0.5)
            signs = [cv2.pointPolygonTest(o.astype(np.float32), centre, False) for o in outlines]
            found[row, column] = -1 if 0 in signs else sum(sign > 0 for sign in signs) % 2
    return found


@pytest.mark.parametrize(
    "outlines",
    [
        [np.array([[10.3, 5.1], [70.2, 20.7], [30.9, 55.3]])],
        [moved(circle(20), 40.03, 30.07)],
        [moved(circle(20), 40.03, 30.07), moved(circle(9), 40.03, 30.07)],
        [moved(gear(9, 5), 0.11, 30.07)],
        [moved(sector(12, 28, 0.4, 5.9, 0.2), 70.13, 10.05)],
        [moved(circle(200), 40.03, 30.07)],
        [moved(circle(5), 200.03, 30.07)],
    ],
    ids=["triangle", "circle", "ring", "gear cut left", "split ring cut", "around all", "outside"],
)
def test_fill_takes_the_pixels_whose_centres_are_inside(outlines: list[np.ndarray]) -> None:
    on_grid = [np.round(outline * GRID) / GRID for outline in outlines]
    found, expected = fill(on_grid, SHAPE), inside(on_grid, SHAPE)
    assert found.dtype == np.uint8
    decided = expected >= 0
    assert decided.mean() > 0.99
    assert np.array_equal(found[decided], expected[decided])


def test_squares_side_by_side_share_no_pixel_and_leave_none() -> None:
    square = np.array([[2.5, 2.5], [9.5, 2.5], [9.5, 9.5], [2.5, 9.5]])
    left, right = fill([square], (12, 20)), fill([moved(square, 7, 0)], (12, 20))
    assert (left & right).sum() == 0
    assert left.sum() == right.sum() == 49
    assert np.array_equal(left | right, fill([square, moved(square, 7, 0)], (12, 20)))


def test_no_outline_and_an_outline_between_centres_fill_nothing() -> None:
    assert not fill([], SHAPE).any()
    assert not fill([np.zeros((0, 2))], SHAPE).any()
    assert not fill([np.array([[3.6, 3.6], [4.4, 3.6], [4.4, 4.4]])], SHAPE).any()


def test_outlines_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"an outline is \(4,\), expected \(n, 2\)"):
        fill([np.zeros(4)], SHAPE)

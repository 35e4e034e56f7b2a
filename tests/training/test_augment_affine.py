from __future__ import annotations

import numpy as np
import pytest

from edgecv.recipe import AugmentSettings
from edgecv.training.augment_affine import (
    PAD,
    Affine,
    Canvas,
    draw_affine,
    fitted,
    large_enough,
    warp,
)
from edgecv.training.pictures import Labelled

STILL = Affine(0, (0, 0), 1, (0, 0))


def canvas(side: int, *boxes: tuple[int, int, int, int], whole: float | None = None) -> Canvas:
    """A black canvas with each box painted white."""
    image = np.zeros((side, side, 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    array = np.array(boxes, np.float32).reshape(-1, 4)
    areas = (array[:, 2] - array[:, 0]) * (array[:, 3] - array[:, 1])
    areas = areas if whole is None else np.full(len(array), whole, np.float32)
    return Canvas(Labelled(image, array, np.arange(len(array))), areas)


@pytest.mark.parametrize("seed", range(12))
def test_a_box_stays_around_its_pixels(seed: int) -> None:
    settings = AugmentSettings(degrees=40, shear=10, translate=0.1, scale=(0.7, 1.2))
    affine = draw_affine(settings, 128, np.random.default_rng(seed))

    found = warp(canvas(256, (110, 118, 150, 138)), affine, 128)

    # grey is where the canvas does not reach; half-way to white is the rectangle's edge
    rows, columns = np.nonzero(found.image[..., 0] > 127)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert found.boxes_xyxy[0] == pytest.approx(seen, abs=1.01)


def test_the_still_map_cuts_out_the_middle_to_the_pixel() -> None:
    found = warp(canvas(64, (20, 24, 40, 44)), STILL, 32)

    assert found.boxes_xyxy.tolist() == [[4, 8, 24, 28]]
    assert (found.image[8:28, 4:24] == 255).all()
    assert found.image.sum() == 20 * 20 * 3 * 255


def test_a_quarter_turn_is_clockwise_and_exact() -> None:
    found = warp(canvas(32, (4, 8, 20, 12)), Affine(90, (0, 0), 1, (0, 0)), 32)

    assert found.boxes_xyxy[0] == pytest.approx([20, 4, 24, 20], abs=1e-3)
    assert (found.image[5:19, 21:23] == 255).all()


def test_what_the_canvas_does_not_cover_is_the_letterbox_grey() -> None:
    found = warp(canvas(32), Affine(0, (16, 0), 1, (0, 0)), 32)

    assert (found.image[:, :15] == PAD).all()
    assert (found.image[:, 17:] == 0).all()


@pytest.mark.parametrize(("left_px", "kept"), [(4.1, 1), (3.9, 0)])
def test_a_box_of_which_less_than_a_fifth_is_left_is_dropped(left_px: float, kept: int) -> None:
    # 20 px wide; the middle that is used begins at 16 of the canvas
    shift = 16 + left_px - 36

    found = warp(canvas(64, (16, 16, 36, 36)), Affine(0, (shift, 0), 1, (0, 0)), 32)

    assert len(found.boxes_xyxy) == len(found.class_ids) == kept


def test_a_box_that_was_cut_before_counts_from_its_whole_area() -> None:
    assert len(warp(canvas(32, (0, 0, 10, 10), whole=501), STILL, 32).boxes_xyxy) == 0
    assert len(warp(canvas(32, (0, 0, 10, 10), whole=499), STILL, 32).boxes_xyxy) == 1


def test_a_box_under_a_pixel_is_dropped() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.9, 5], [3, 3, 3, 3]], np.float32)

    assert large_enough(boxes, np.array([1, 4.5, 0], np.float32)).tolist() == [True, False, False]
    assert large_enough(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)).tolist() == []


def test_a_picture_without_boxes_has_none_afterwards() -> None:
    found = warp(canvas(64), Affine(5, (1, 2), 1.1, (1, -1)), 32)

    assert found.boxes_xyxy.shape == (0, 4)
    assert found.boxes_xyxy.dtype == np.float32


def test_maps_stay_within_the_settings_and_reach_their_ends() -> None:
    settings = AugmentSettings(degrees=20, translate=0.25, scale=(0.5, 2), shear=8)
    drawn = [draw_affine(settings, 100, np.random.default_rng(seed)) for seed in range(400)]
    values = np.array([[a.angle, *a.translate, a.scale, *a.shear] for a in drawn])

    assert values.min(0) == pytest.approx([-20, -25, -25, 0.5, -8, -8], abs=1)
    assert values.max(0) == pytest.approx([20, 25, 25, 2, 8, 8], abs=1)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(100, 100, (32, 32)), (747, 416, (17, 32)), (1, 8000, (32, 1)), (8, 8, (32, 32))],
)
def test_fitted_is_the_size_of_the_letterbox(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    assert fitted(np.zeros((height, width, 3), np.uint8), 32) == expected

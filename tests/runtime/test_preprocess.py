from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgecv.bundle import InputSpec
from edgecv.runtime.preprocess import letterbox, place

TOP_LEFT = InputSpec(width=416, height=416)
CENTER = InputSpec(width=416, height=320, align="center", pad_value=7)


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_wide_picture_stands_at_the_top_left_over_grey() -> None:
    image = picture(640, 427)

    out, box = letterbox(image, TOP_LEFT)

    assert (box.scale, box.pad_left, box.pad_top, box.width, box.height) == (0.65, 0, 0, 640, 427)
    np.testing.assert_array_equal(out[:277], cv2.resize(image, (416, 277)))
    assert (out[277:] == 114).all()


def test_a_tall_picture_stands_in_the_centre_when_asked() -> None:
    image = picture(100, 200)

    out, box = letterbox(image, CENTER)

    assert (box.scale, box.pad_left, box.pad_top) == (1.6, 128, 0)
    np.testing.assert_array_equal(out[:, 128:288], cv2.resize(image, (160, 320)))
    assert (out[:, :128] == 7).all()
    assert (out[:, 288:] == 7).all()


def test_a_picture_of_the_right_size_is_untouched() -> None:
    image = picture(416, 416)

    assert (letterbox(image, TOP_LEFT)[0] == image).all()


def test_a_given_buffer_is_filled_completely() -> None:
    image, buffer = picture(300, 500), np.zeros((416, 416, 3), np.uint8)

    out, _ = letterbox(image, TOP_LEFT, out=buffer)

    assert out is buffer
    np.testing.assert_array_equal(out, letterbox(image, TOP_LEFT)[0])


def test_a_view_of_a_picture_is_read_as_it_looks() -> None:
    flipped = picture(500, 300)[:, ::-1]

    found = letterbox(flipped, TOP_LEFT)[0]

    np.testing.assert_array_equal(found, letterbox(flipped.copy(), TOP_LEFT)[0])


def test_the_longer_side_fills_the_input_whatever_the_size() -> None:
    for side in range(1, 1500, 7):
        out, _ = letterbox(np.full((1, side, 3), 200, np.uint8), TOP_LEFT)
        assert (out[0] == 200).all(), f"a picture {side} wide does not fill the input"


@pytest.mark.parametrize("spec", [TOP_LEFT, CENTER], ids=["top-left", "center"])
def test_boxes_return_to_where_they_were(spec: InputSpec) -> None:
    _, box = letterbox(picture(640, 427), spec)
    original = np.array([[0, 0, 640, 427], [10, 20, 30, 40]], np.float32)
    inside = original * box.scale + np.array([box.pad_left, box.pad_top] * 2, np.float32)

    np.testing.assert_allclose(box.to_original(inside), original, atol=1e-3)
    assert box.to_original(np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty"],
)
def test_what_is_no_bgr_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        letterbox(image, TOP_LEFT)


def test_a_buffer_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="out is"):
        letterbox(picture(10, 10), TOP_LEFT, out=np.zeros((416, 320, 3), np.uint8))


@pytest.mark.parametrize("spec", [TOP_LEFT, CENTER], ids=["top-left", "center"])
def test_a_place_filled_by_somebody_else_is_a_letterbox(spec: InputSpec) -> None:
    image = picture(640, 427)
    out, inside, box = place((640, 427), spec)
    inside[:] = cv2.resize(image, inside.shape[1::-1])
    expected, same = letterbox(image, spec)
    np.testing.assert_array_equal(out, expected)
    assert box == same

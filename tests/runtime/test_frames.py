from __future__ import annotations

import numpy as np
import pytest

from edgecv.bundle import InputSpec
from edgecv.runtime import preprocess
from edgecv.runtime.frames import ArrayPicture, StreamFrame

SPEC = InputSpec(width=32, height=32)


def array(width: int = 64, height: int = 48) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_an_array_is_letterboxed_as_a_picture_of_a_data_set_is() -> None:
    image = array()
    small, placed = ArrayPicture(image).letterbox(SPEC)
    expected, box = preprocess.letterbox(image, SPEC)
    np.testing.assert_array_equal(small, expected)
    assert placed == box


def test_the_full_picture_is_made_once_and_may_not_be_written_to() -> None:
    class Counted(ArrayPicture):
        made = 0

        def full(self) -> np.ndarray:
            self.made += 1
            return super().full().copy()

    picture = Counted(array())
    frame = StreamFrame("s", 0, 0.0, 0.0, picture, 10.0)
    assert frame.size_wh == (64, 48)
    assert picture.made == 0
    assert frame.image is frame.image
    assert picture.made == 1
    with pytest.raises(ValueError, match="read-only"):
        frame.image[0, 0] = 0

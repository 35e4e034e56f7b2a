from __future__ import annotations

import colorsys

import numpy as np
import pytest

from edgecv.recipe import AugmentSettings
from edgecv.training.augment_colour import jitter


class Drawn(np.random.Generator):
    """A generator whose numbers are known."""

    def __init__(self, *values: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.values = values

    def uniform(self, *_: object, **__: object) -> tuple[float, ...]:  # type: ignore[override]
        return self.values


@pytest.mark.parametrize("drawn", [(0.5, 0, 0), (0, -0.6, 0), (0, 0, -0.5), (-0.3, 0.4, 0.2)])
def test_colours_change_as_the_formula_says(drawn: tuple[float, float, float]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    settings = AugmentSettings(hue=0.5, saturation=1, value=1)

    found = jitter(image, settings, Drawn(*drawn))

    for before, after in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        blue, green, red = before / 255
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        expected = colorsys.hsv_to_rgb(
            (hue + drawn[0] * 0.5) % 1,
            min(saturation * (1 + drawn[1]), 1),
            min(value * (1 + drawn[2]), 1),
        )
        # a byte holds two degrees of hue, which are up to 9 levels of a channel
        assert after[::-1] == pytest.approx(np.array(expected) * 255, abs=9)


def test_grey_stays_grey_whatever_the_hue() -> None:
    image = np.full((4, 6, 3), 90, np.uint8)
    settings = AugmentSettings(hue=0.5, saturation=1, value=0)

    assert (jitter(image, settings, np.random.default_rng(1)) == 90).all()


def test_a_part_of_a_picture_is_taken_too_and_left_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    before = image.copy()

    found = jitter(image[:, :5], AugmentSettings(), np.random.default_rng(1))

    assert found.shape == (8, 5, 3)
    assert (image == before).all()

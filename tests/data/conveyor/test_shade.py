from __future__ import annotations

import numpy as np
import pytest

from edgecv.data.conveyor.draws import Draws
from edgecv.data.conveyor.outlines import circle
from edgecv.data.conveyor.relief import FINE, Material, Pose, Relief
from edgecv.data.conveyor.shade import Light, shade

PLASTIC = Material((0.5, 0.5, 0.5), 0, 10, 0.1)
STEEL = Material((0.5, 0.5, 0.5), 1, 10, 0.5)


def light(x: float) -> Light:
    """A lamp to the right (1) or to the left (-1)."""
    return Light((x * 0.8, 0.0, 0.6), (0.0, 0.6, 0.8), 0.4, 1.0, 0.6, 0.8)


def dome(material: Material) -> Relief:
    relief = Relief((8, 8), Pose(3, 0))
    ball = np.sqrt(np.maximum(64 - relief.radius**2, 0))
    relief.put(relief.region(circle(8)), ball, material)
    return relief


@pytest.mark.parametrize("material", [PLASTIC, STEEL])
def test_the_side_of_the_lamp_is_brighter(material: Material) -> None:
    for side in (1, -1):
        sprite = shade(dome(material), light(side), Draws(4))
        half = sprite.add.shape[1] // 2
        left, right = sprite.add[:, :half].sum(), sprite.add[:, half:].sum()
        assert side * (int(right) - int(left)) > 0.1 * left


def test_the_shadow_falls_away_from_the_lamp_and_holes_show_the_belt() -> None:
    relief = Relief((8, 8), Pose(3, 0))
    relief.put(relief.region(circle(8), circle(6)), 6, PLASTIC)
    sprite = shade(relief, light(1), Draws(4))
    row = sprite.keep[sprite.keep.shape[0] // 2].astype(int)
    on_part = np.flatnonzero(sprite.mask[sprite.mask.shape[0] // 2])
    before, behind = row[on_part[0] - 8], row[on_part[-1] + 8]
    assert before < behind - 40
    assert row[len(row) // 2] > 60
    assert sprite.keep[sprite.mask > 0].max() < 130


def test_the_mask_holds_the_pixels_that_the_part_covers_by_half() -> None:
    relief = dome(PLASTIC)
    sprite = shade(relief, light(1), Draws(4))
    width, height = relief.size_wh
    cover = relief.covers.reshape(height, FINE, width, FINE).mean((1, 3))
    cover = np.pad(cover, relief.margin)
    assert np.array_equal(sprite.mask > 0, cover >= 0.5)
    assert sprite.add.shape == (*cover.shape, 3)
    assert not sprite.add[cover == 0].any()


def test_wear_differs_with_its_draws_and_only_with_them() -> None:
    looks = [shade(dome(STEEL), light(1), Draws(seed)).add for seed in (1, 1, 2)]
    assert np.array_equal(looks[0], looks[1])
    assert not np.array_equal(looks[0], looks[2])

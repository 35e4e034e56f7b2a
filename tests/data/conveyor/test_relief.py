from __future__ import annotations

import math

import numpy as np
import pytest

from edgecv.data.conveyor.outlines import circle, polygon
from edgecv.data.conveyor.relief import EDGE_PX, FINE, Material, Pose, Relief

STEEL = Material((0.6, 0.6, 0.6), 1, 10, 0.5)
BAR = polygon([(-9, -2), (9, -2), (9, 2), (-9, 2)])


@pytest.mark.parametrize("angle", [0, 0.4, math.pi / 2, 4])
def test_a_bar_covers_its_area_whichever_way_round_and_fits(angle: float) -> None:
    relief = Relief((9, 2), Pose(3, angle))
    relief.put(relief.region(BAR), 4, STEEL)
    assert relief.covers.sum() / (3 * FINE) ** 2 == pytest.approx(18 * 4, rel=0.01)
    free = EDGE_PX * FINE - 1
    assert not relief.covers[:free].any()
    assert not relief.covers[:, -free:].any()
    assert relief.covers.shape == (relief.size_wh[1] * FINE, relief.size_wh[0] * FINE)


def test_places_on_the_part_turn_with_it() -> None:
    relief = Relief((9, 2), Pose(3, math.pi / 2))
    relief.put(relief.region(BAR), relief.uv[0] + 20, STEEL)
    rows = np.flatnonzero(relief.covers.any(1))
    heights = relief.height.max(1)[rows] / relief.per_mm
    assert heights[0] == pytest.approx(11, abs=0.2)
    assert heights[-1] == pytest.approx(29, abs=0.2)


def test_a_hole_stays_open_and_a_bevel_slopes_to_it() -> None:
    relief = Relief((8, 8), Pose(3, 0.3))
    relief.put(relief.region(circle(8), circle(3)), 5, STEEL, bevel_mm=1)
    middle = relief.covers.shape[0] // 2
    assert not relief.covers[middle, middle]
    inner = (relief.radius > 3.1) & (relief.radius < 3.3)
    flat = (relief.radius > 4.5) & (relief.radius < 6.5)
    assert relief.height[flat] / relief.per_mm == pytest.approx(5, abs=1e-5)
    assert (relief.height[inner] / relief.per_mm < 4.6).all()


def test_what_is_put_last_lies_above() -> None:
    brass = STEEL._replace(bgr=(0.3, 0.5, 0.7))
    relief = Relief((8, 8), Pose(3, 0))
    for stuff, radius in ((STEEL, 8), (brass, 4), (STEEL, 2)):
        relief.put(relief.region(circle(radius)), radius, stuff)
    assert relief.materials == [STEEL, brass]
    row = relief.material[relief.covers.shape[0] // 2]
    assert set(row[relief.covers[relief.covers.shape[0] // 2] > 0]) == {0, 1}
    assert relief.height.max() == pytest.approx(8 * relief.per_mm)

from __future__ import annotations

import math

import numpy as np
import pytest

from edgecv.data.conveyor import outlines


def area(outline: np.ndarray) -> float:
    """By the shoelace formula."""
    x, y = outline.T
    return float(abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def test_a_regular_polygon_has_the_area_of_its_formula() -> None:
    for corners, radius in ((3, 1.0), (6, 8.0), (48, 12.0)):
        expected = corners / 2 * radius**2 * math.sin(2 * math.pi / corners)
        assert area(outlines.regular(corners, radius, (3, -2))) == pytest.approx(expected, rel=1e-4)


def test_an_ellipse_and_a_circle_have_their_extent() -> None:
    assert np.abs(outlines.circle(5)).max(0).tolist() == [5, 5]
    extent = np.abs(outlines.ellipse(2, 6, 10)).max(0).tolist()
    assert extent == [12, 6]


def test_a_sector_is_its_share_of_a_ring() -> None:
    found = area(outlines.sector(3, 5, 0, math.pi))
    assert found == pytest.approx(math.pi * (25 - 9) / 2, rel=5e-3)


@pytest.mark.parametrize("teeth", [8, 17, 30])
def test_a_gear_has_its_teeth_between_root_and_tip(teeth: int) -> None:
    outline = outlines.gear(teeth, 2)
    radii = np.hypot(*outline.T)
    assert radii.max() == pytest.approx(teeth + 2, abs=1e-4)
    assert radii.min() == pytest.approx(teeth - 2.5, abs=1e-4)
    high = radii > teeth + 1
    assert (high & ~np.roll(high, 1)).sum() == teeth


def test_a_thread_winds_between_its_radii_and_a_pointed_one_runs_out() -> None:
    plain = outlines.thread(0, 10, 3, 2.5, 1)
    assert [u for u, _ in plain] == pytest.approx(np.linspace(0, 10, 21).tolist())
    assert {radius for _, radius in plain} == {2.5, 3}
    pointed = outlines.thread(0, 10, 3, 2.5, 1, tip=4)
    assert pointed[:12] == plain[:12]
    ends = [radius for _, radius in pointed[-8:]]
    assert ends[-1] < 0.3
    assert max(ends[-3:]) < max(ends[:3])


def test_a_turned_body_is_as_wide_below_as_above() -> None:
    outline = outlines.turned([(0, 1), (4, 2)])
    assert outline.tolist() == [[0, 1], [4, 2], [4, -2], [0, -1]]
    leaning = outlines.turned([(0, 1), (4, 2)], lean=0.5, from_u=1)
    assert leaning.tolist() == [[0, 1], [3, 2], [5, -2], [0, -1]]

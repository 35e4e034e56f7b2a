from __future__ import annotations

import numpy as np
import pytest

from edgecv.runtime.borders import area, crosses_itself, depth, distances, leads_over

SQUARE = ((10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0))
L_SHAPE = ((0.0, 0.0), (60.0, 0.0), (60.0, 20.0), (20.0, 20.0), (20.0, 60.0), (0.0, 60.0))
BOW_TIE = ((0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0))
RIGHTWARDS = ((10.0, 20.0), (90.0, 20.0))


def test_area_and_depth_of_rectangles_are_those_of_school() -> None:
    assert area(SQUARE) == area(SQUARE[::-1]) == 1600
    assert depth(SQUARE) == 10
    strip = ((0.0, 0.0), (1000.0, 0.0), (1000.0, 8.0), (0.0, 8.0))
    assert 3.9 < depth(strip) < 4


def test_only_a_bow_tie_crosses_itself() -> None:
    assert crosses_itself(BOW_TIE)
    assert not crosses_itself(SQUARE)
    assert not crosses_itself(L_SHAPE)
    assert not crosses_itself(SQUARE[:3])


def test_below_a_line_to_the_right_is_above_zero() -> None:
    found = distances(RIGHTWARDS, np.array([[50.0, 25.0], [50.0, 17.0], [500.0, 20.0]]))
    np.testing.assert_allclose(found, [5, -3, 0])
    np.testing.assert_allclose(distances(RIGHTWARDS[::-1], np.array([[50.0, 25.0]])), [-5])
    assert distances(RIGHTWARDS, np.zeros((0, 2))).shape == (0,)


def test_distances_of_a_slanted_line_are_square_to_it() -> None:
    # x = y: from (0, 2) the foot is (1, 1)
    found = distances(((0.0, 0.0), (10.0, 10.0)), np.array([[0.0, 2.0], [2.0, 0.0]]))
    np.testing.assert_allclose(found, [2**0.5, -(2**0.5)])


def test_inside_of_a_polygon_is_above_zero_also_where_it_is_not_convex() -> None:
    found = distances(L_SHAPE, np.array([[10.0, 50.0], [40.0, 40.0], [-5.0, 30.0]]))
    np.testing.assert_allclose(found, [10, -20, -5])
    assert distances(L_SHAPE, np.zeros((0, 2))).shape == (0,)


@pytest.mark.parametrize(
    ("before", "now", "over"),
    [
        ((50.0, 10.0), (50.0, 30.0), True),
        ((0.0, 10.0), (30.0, 30.0), True),  # meets y = 20 at x = 15
        ((0.0, 10.0), (10.0, 30.0), False),  # at x = 5, before its begin
        ((95.0, 10.0), (95.0, 30.0), False),
    ],
)
def test_a_line_ends_at_its_points(
    before: tuple[float, float], now: tuple[float, float], over: bool
) -> None:
    assert leads_over(RIGHTWARDS, before, now) == over
    assert leads_over(RIGHTWARDS, now, before) == over
    assert leads_over(SQUARE, before, now)

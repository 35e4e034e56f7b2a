"""Geometry of what is counted at: a line of two points, or a polygon of more."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.runtime.counts import Point

Floats = NDArray[np.float64]
Points = Sequence[Point]


def is_polygon(points: Points) -> bool:
    return len(points) > 2


def area(polygon: Points) -> float:
    """Square pixels of a polygon."""
    x, y = np.array(polygon, np.float64).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2)


def depth(polygon: Points) -> float:
    """Pixels that lie between its border and its middle, at least: area / perimeter."""
    corners = np.array(polygon, np.float64)
    around = np.hypot(*(corners - np.roll(corners, 1, axis=0)).T).sum()
    return area(polygon) / float(around)


def crosses_itself(polygon: Points) -> bool:
    """Whether two of its sides cross each other."""
    count = len(polygon)
    sides = [(polygon[i], polygon[(i + 1) % count]) for i in range(count)]
    # neighbours share a corner
    pairs = [(i, j) for i in range(count) for j in range(i + 2, count) if (j + 1) % count != i]
    return any(_cross(*sides[i], *sides[j]) for i, j in pairs)


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the stretches ab and cd cross, each end beside the other."""
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0


def _turn(a: Point, b: Point, p: Point) -> float:
    """Above 0 where p lies to the right of who goes from a to b in a picture, whose y go down."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def distances(border: Points, points: Floats) -> Floats:
    """(N,) pixels from a border to (N, 2) points.

    Above 0 inside of a polygon, and to the right of who goes along a line, however far he goes.
    """
    if is_polygon(border):
        corners = np.array(border, np.float32)[:, None]
        return np.array([cv2.pointPolygonTest(corners, one, True) for one in points.tolist()])
    start, along = _line(border)
    offset = points - start
    return np.asarray((along[0] * offset[:, 1] - along[1] * offset[:, 0]) / np.hypot(*along))


def leads_over(border: Points, before: Point, now: Point) -> bool:
    """Whether the way between two points on different sides leads over the border itself.

    A line ends at its points: who walks around an end does not cross it.
    """
    if is_polygon(border):
        return True
    start, along = _line(border)
    one, two = (_turn(border[0], border[1], point) for point in (before, now))
    first = np.array(before)
    met = first + (np.array(now) - first) * one / (one - two)
    return bool(0 <= (met - start) @ along <= along @ along)


def _line(border: Points) -> tuple[Floats, Floats]:
    start = np.array(border[0], np.float64)
    return start, np.array(border[1], np.float64) - start

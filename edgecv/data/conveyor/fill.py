"""Fill polygons in whole numbers: the same pixels on every platform and with every OpenCV.

OpenCV's own `fillPoly` draws other borders in version 5 than in version 4, and masks and boxes of
the ground truth hang on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GRID = 16  # corners are rounded to this part of a pixel


def fill(outlines_xy: Sequence[NDArray[np.float64]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """1 in each pixel whose centre lies inside an odd number of the outlines.

    Args:
        outlines_xy: each (n, 2) corners in pixels; pixel 0 reaches from 0 to 1.
        shape: rows and columns of the result.

    Returns:
        (rows, columns) uint8.

    Raises:
        ValueError: an outline is not (n, 2).
    """
    for outline in outlines_xy:
        if outline.ndim != 2 or outline.shape[1] != 2:
            raise ValueError(f"an outline is {outline.shape}, expected (n, 2)")
    filled = np.zeros(shape, np.uint8)
    if not outlines_xy:
        return filled
    start = np.concatenate(outlines_xy)
    end = np.concatenate([part for o in outlines_xy for part in (o[1:], o[:1])])
    row, column = _crossings(_on_grid(start), _on_grid(end), shape[0])
    column = np.minimum(np.maximum(column, 0), shape[1])
    if not len(row):
        return filled
    top, left = int(row.min()), int(column.min())
    # only where edges are, and a column more for those right of the picture
    toggles = np.zeros((int(row.max()) + 1 - top, int(column.max()) + 1 - left), np.uint8)
    np.bitwise_xor.at(toggles, (row - top, column - left), 1)
    inside = np.bitwise_xor.accumulate(toggles, axis=1)[:, : shape[1] - left]
    filled[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return filled


def _on_grid(corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """Corners in parts of a pixel, such that pixel centres have whole pixels."""
    return np.asarray(np.rint((corners - 0.5) * GRID), np.int64)


def _crossings(
    start: NDArray[np.int64], end: NDArray[np.int64], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each edge and each row of centres that it crosses: the row, and the first pixel right."""
    up = (start[:, 1] > end[:, 1])[:, None]
    start, end = np.where(up, end, start), np.where(up, start, end)
    first = np.minimum(np.maximum(-(-start[:, 1] // GRID), 0), rows)
    count = np.minimum(np.maximum(-(-end[:, 1] // GRID), 0), rows) - first
    edge = np.repeat(np.arange(len(start)), count)
    row = np.arange(len(edge)) + (first - np.cumsum(count) + count)[edge]
    (x0, y0), (dx, dy) = start[edge].T, (end - start)[edge].T
    return row, -(-(x0 * dy + (row * GRID - y0) * dx) // (GRID * dy))

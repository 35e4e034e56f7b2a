"""Where the camera looks: how the belt's picture becomes the camera's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.fill import fill
from edgecv.data.conveyor.scene import CANVAS_SCALE, Scene

RAIL_PX = 46


@dataclass(frozen=True)
class View:
    """How the belt's picture becomes the camera's.

    Attributes:
        size_wh: of the belt's picture.
        belt: rows of it where the belt begins and ends; rails beside it.
        matrix: (3, 3) from pixels of the camera to pixels of the belt's picture.
        lookup: (H, W) int64, for each pixel of the camera the place in the flattened belt picture.
        seen: (rows, columns) of the belt's picture, True where the camera looks.
    """

    size_wh: tuple[int, int]
    belt: tuple[int, int]
    matrix: NDArray[np.float64]
    lookup: NDArray[np.int64]
    seen: NDArray[np.bool_]


def make_view(scene: Scene) -> View:
    """Where the camera looks; the belt's picture just holds what it sees.

    Only sums, products and quotients are used, which are the same on every platform.
    """
    width, height = scene.size_wh
    longer = max(width, height)
    cos, sin = (CANVAS_SCALE * value for value in scene.direction)
    tilt_x, tilt_y = (value / longer for value in scene.keystone)
    half_x, half_y = width / 2, height / 2
    # to the middle, turn against the belt's direction, and divide: further away is smaller
    to_middle = np.array([[1, 0, -half_x], [0, 1, -half_y], [0, 0, 1.0]])
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [tilt_x, tilt_y, 1]])
    ends = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    corners = _through(_times(turn, to_middle), ends[:, 0], ends[:, 1])
    left, top = (int(np.floor(axis.min())) for axis in corners)
    right, bottom = (int(np.ceil(axis.max())) for axis in corners)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    matrix = _times(shift, _times(turn, to_middle))
    columns, rows = right - left, bottom - top
    x, y = _through(matrix, np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None])
    column = np.clip(np.floor(x).astype(np.int64), 0, columns - 1)
    lookup = np.clip(np.floor(y).astype(np.int64), 0, rows - 1) * columns + column
    seen = fill([np.stack(corners, 1) - [left, top]], (rows, columns))
    rail = min(RAIL_PX, rows // 8)
    belt = (rail if scene.rails[0] else 0, rows - (rail if scene.rails[1] else 0))
    return View((columns, rows), belt, matrix, lookup, seen.astype(bool))


def _times(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """A matrix product whose sums are taken in a fixed order, which `@` does not promise."""
    products = first[:, :, None] * second[None]
    return np.asarray(products[:, 0] + products[:, 1] + products[:, 2], np.float64)


def _through(
    matrix: NDArray[np.float64], x: NDArray[Any], y: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    down = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    across = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    along = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    return across / down, along / down

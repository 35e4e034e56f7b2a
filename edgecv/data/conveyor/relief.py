"""The surface of one part while it is drawn: what it covers, how high, of which material."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.draws import turn
from edgecv.data.conveyor.fill import fill
from edgecv.data.conveyor.outlines import Outline
from edgecv.types import Array

FINE = 2  # drawn this much larger, then shrunk: edges are smooth

MARGIN_MM = 8  # around a part, for its shadow
EDGE_PX = 2  # of the belt's picture that stay free in a relief: slopes are taken across its edge

Region = NDArray[np.uint8]


class Pose(NamedTuple):
    """How a part is drawn.

    Attributes:
        per_mm: pixels of the belt's picture for a millimetre.
        angle: of its axis on the belt, radians.
    """

    per_mm: float
    angle: float


class Material(NamedTuple):
    """How a surface answers to light.

    Attributes:
        bgr: its colour, 0 to 1.
        metal: 1 mirrors its surroundings, 0 scatters light.
        gloss: how small a highlight is.
        shine: how bright a highlight is.
        turned: how strongly the marks of a lathe spread the highlight into two wedges.
    """

    bgr: tuple[float, float, float]
    metal: float
    gloss: float
    shine: float
    turned: float = 0.0


class Relief:
    """Heights and materials of one part on a fine grid.

    Args:
        half_uv: half its length and half its width in millimetres.
        pose: how large and which way round it is drawn.

    Attributes:
        size_wh: of the part on the belt's picture, in its pixels; a whole number of the fine grid.
        margin: pixels of the belt's picture to leave free on each side, for the shadow.
        covers: (n, m) uint8, 1 where the part is.
        height: (n, m) float32 above the belt, in pixels of the fine grid.
        material: (n, m) uint8, index into `materials`.
    """

    def __init__(self, half_uv: tuple[float, float], pose: Pose) -> None:
        per_mm, angle = pose
        self.cos, self.sin = turn(angle)
        self.per_mm = per_mm * FINE
        across = abs(self.cos), abs(self.sin)
        half_x = per_mm * (across[0] * half_uv[0] + across[1] * half_uv[1])
        half_y = per_mm * (across[1] * half_uv[0] + across[0] * half_uv[1])
        self.size_wh = 2 * (math.ceil(half_x) + EDGE_PX), 2 * (math.ceil(half_y) + EDGE_PX)
        self.margin = math.ceil(MARGIN_MM * per_mm) - EDGE_PX
        shape = self.size_wh[1] * FINE, self.size_wh[0] * FINE
        self.covers: Region = np.zeros(shape, np.uint8)
        self.height: Array = np.zeros(shape, np.float32)
        self.material: Region = np.zeros(shape, np.uint8)
        self.materials: list[Material] = []

    @cached_property
    def uv(self) -> tuple[Array, Array]:
        """Where each pixel lies on the part, in millimetres along and across its axis."""
        rows, columns = self.covers.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / self.per_mm
        y = (np.arange(rows, dtype=np.float32) + 0.5 - rows / 2)[:, None] / self.per_mm
        cos, sin = np.float32(self.cos), np.float32(self.sin)
        return x * cos + y * sin, y * cos - x * sin

    @cached_property
    def radius(self) -> Array:
        """Distance of each pixel from the part's middle in millimetres."""
        u, v = self.uv
        return np.sqrt(u * u + v * v)

    def region(self, *outlines: Outline) -> Region:
        """1 inside an odd number of the outlines: an outline within another is a hole."""
        rows, columns = self.covers.shape
        corners = []
        for outline in outlines:
            u, v = outline[:, 0], outline[:, 1]
            x = (u * self.cos - v * self.sin) * self.per_mm + columns / 2
            y = (u * self.sin + v * self.cos) * self.per_mm + rows / 2
            corners.append(np.stack([x, y], 1))
        return fill(corners, (rows, columns))

    def put(
        self, region: Region, height_mm: float | Array, material: Material, bevel_mm: float = 0
    ) -> None:
        """Lay a body over what is there.

        Args:
            region: where it is.
            height_mm: of its top above the belt, one for all or one for each pixel.
            bevel_mm: width of the slope around its edges.
        """
        top = np.asarray(height_mm, np.float32) * np.float32(self.per_mm)
        if bevel_mm:
            inside = cv2.distanceTransform(region, cv2.DIST_L2, 3)
            top = top - np.maximum(bevel_mm * self.per_mm - inside, 0)
        if material not in self.materials:
            self.materials.append(material)
        where = region.astype(bool)
        self.covers |= region
        np.copyto(self.height, top, where=where)
        self.material[where] = self.materials.index(material)

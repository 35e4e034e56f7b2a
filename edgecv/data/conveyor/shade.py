"""Light on a relief: a sprite that can be laid on the belt, with its shadow."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.draws import Draws, cut
from edgecv.data.conveyor.relief import FINE, Region, Relief
from edgecv.types import Array, Image

SHADOW_MM = 5  # the longest: what is round throws less than a block of its height

Where = NDArray[np.bool_]

RUST = np.array([0.11, 0.22, 0.38], np.float32)  # blue, green, red
GRIME = np.array([0.06, 0.07, 0.08], np.float32)


class Light(NamedTuple):
    """Lamps above the belt.

    Attributes:
        main: direction to the brighter lamp, of length 1, x and y on the belt and z up.
        fill: direction to the weaker one.
        ambient: what comes from everywhere, 0 to 1.
        power: of the main lamp.
        shadow: how dark a shadow is, 0 to 1.
        softness: of the shadow's edge, millimetres.
    """

    main: tuple[float, float, float]
    fill: tuple[float, float, float]
    ambient: float
    power: float
    shadow: float
    softness: float


class Sprite(NamedTuple):
    """A part as it lies on the belt, lit.

    Attributes:
        add: (h, w, 3) uint8 BGR, its colour times its cover.
        keep: (h, w) uint8, how much of what lies below is seen: through holes, in its shadow.
        mask: (h, w) uint8, 1 where at least half of the pixel is the part; exact on any platform.
    """

    add: Image
    keep: Region
    mask: Region


def shade(relief: Relief, light: Light, wear: Draws) -> Sprite:
    """Light a relief from two lamps and shrink it to the size of the belt's picture."""
    colour = np.zeros((*relief.covers.shape, 3), np.float32)
    where = relief.covers.astype(bool)
    colour[where] = _colour(relief, where, light, wear)
    small = cv2.resize(colour, relief.size_wh, interpolation=cv2.INTER_AREA)
    blocks = np.zeros(small.shape[:2], np.uint8)
    for at in range(FINE**2):
        blocks += relief.covers[at // FINE :: FINE, at % FINE :: FINE]
    blocks = np.pad(blocks, relief.margin)
    cover = np.asarray(blocks / np.float32(FINE**2), np.float32)
    keep = (1 - cover) * (1 - _shadow(relief, light, cover))
    around = ((relief.margin, relief.margin),) * 2
    return Sprite(
        np.pad(np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8), (*around, (0, 0))),
        (keep * 255 + 0.5).astype(np.uint8),
        (2 * blocks >= FINE**2).astype(np.uint8),
    )


def _colour(relief: Relief, where: Where, light: Light, wear: Draws) -> Array:
    """(n, 3) from 0 to about 1, of the n pixels that the part covers."""
    normal = _normals(relief, where, wear)
    up = normal[2]
    table = np.array([(*material.bgr, *material[1:]) for material in relief.materials], np.float32)
    of = relief.material[where]
    metal, gloss, shine, turned = (table[:, column][of] for column in range(3, 7))
    base, metal = _worn(relief, where, wear, table[:, :3][of], metal)
    mirror = (2 * up * normal[0], 2 * up * normal[1], 2 * up * up - 1)
    main, fill = _facing(mirror, light.main), _facing(mirror, light.fill)
    lobe = np.exp(gloss * (main - 1)) * np.float32(light.power)
    glint = shine * (lobe + np.float32(0.4) * np.exp(gloss * (fill - 1) / 2))
    room = light.ambient * (0.55 + 0.45 * mirror[2]) + 0.45 * np.maximum(main, 0) * light.power
    matt = light.ambient + 0.65 * np.maximum(_facing(normal, light.main), 0) * light.power
    seen = metal * room + (1 - metal) * matt
    if table[:, 6].any():
        seen = seen * (1 + turned * _wedges(where, light))
    # a highlight has the metal's colour, or the lamp's on plastic
    lit = base * (seen + metal * glint)[:, None] + ((1 - metal) * glint)[:, None]
    return np.asarray(lit, np.float32)


def _normals(relief: Relief, where: Where, wear: Draws) -> tuple[Array, Array, Array]:
    """x, y and z of the surface's direction in each covered pixel."""
    height = cv2.GaussianBlur(relief.height, (3, 3), 0)
    dents = wear.between(0.01, 0.05) * _noise("clouds", relief, where, wear)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8)[where] + dents
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)[where]
    up = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    return -slope_x * up, -slope_y * up, up


def _worn(
    relief: Relief, where: Where, wear: Draws, base: Array, metal: Array
) -> tuple[Array, Array]:
    """Rust and grime in patches; both scatter light."""
    grain = _noise("grain", relief, where, wear)
    base = base * (1 + wear.between(0.02, 0.07) * grain)[:, None]
    for tint, share, amount in ((RUST, 0.3, 0.9), (GRIME, 0.5, 0.6)):
        if not wear.chance(share):
            continue
        patches = _noise("clouds", relief, where, wear) - wear.between(0.2, 1.8)
        cover = amount * np.clip(patches * 2, 0, 1)
        if tint is RUST:
            cover = cover * metal  # plastic does not rust
        base = base + cover[:, None] * (tint - base)
        metal = metal * (1 - cover)
    return base, metal


def _noise(name: str, relief: Relief, where: Where, wear: Draws) -> Array:
    """(n,) of a texture that lies over the whole sprite, in the covered pixels."""
    margin = relief.margin * FINE
    rows, columns = where.shape
    field = cut(name, wear, rows + 2 * margin, columns + 2 * margin)
    return np.asarray(field[margin : margin + rows, margin : margin + columns][where])


def _facing(vector: tuple[Array, Array, Array], light: tuple[float, float, float]) -> Array:
    """Cosine between each vector and a direction."""
    x, y, z = (np.float32(value) for value in light)
    return np.asarray(vector[0] * x + vector[1] * y + vector[2] * z, np.float32)


def _wedges(where: Where, light: Light) -> Array:
    """Two bright wedges, as the rings of a lathe make of one lamp; from -0.6 to 2.4."""
    rows, columns = where.shape
    y, x = (axis.astype(np.float32) for axis in np.nonzero(where))
    x, y = x + np.float32(0.5 - columns / 2), y + np.float32(0.5 - rows / 2)
    flat = math.hypot(*light.main[:2])
    along = np.square(x * np.float32(light.main[0]) + y * np.float32(light.main[1])) / flat**2
    share = along / np.maximum(x * x + y * y, 1)
    return np.asarray(3 * share**6 - 0.6, np.float32)


def _shadow(relief: Relief, light: Light, cover: Array) -> Array:
    """(h, w) darkness that the part throws on what lies below it."""
    tall = float(relief.height.max()) / FINE
    per_mm = relief.per_mm / FINE
    length = min(0.6 * tall / light.main[2], SHADOW_MM * per_mm)
    reach = -light.main[0] * length, -light.main[1] * length
    thrown = np.maximum(_moved(cover, *reach), _moved(cover, reach[0] / 2, reach[1] / 2))
    thrown = np.asarray(cv2.GaussianBlur(thrown, (0, 0), light.softness * per_mm), np.float32)
    contact = cv2.GaussianBlur(cover, (0, 0), 0.6 * per_mm)
    return np.asarray(light.shadow * np.maximum(thrown, 0.8 * contact), np.float32)


def _moved(cover: Array, x: float, y: float) -> Array:
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = cover.shape
    return np.asarray(cv2.warpAffine(cover, shift, (width, height)), np.float32)

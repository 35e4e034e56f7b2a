"""One conveyor under one camera: all that does not change while a video runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgecv.data.conveyor.draws import Draws, turn
from edgecv.data.conveyor.shade import Light

# How hard the set is. Widen a range to make it harder; say so in the card of what was trained.
VIEW_MM = (120.0, 240.0)  # of the belt along the picture's longer side
PARTS_PER_DM2 = (1.5, 6.0)  # parts and clutter on a square decimetre of belt
CLUTTER_SHARE = (0.12, 0.4)  # of what lies on the belt
KEEP_APART = 0.82  # of two reaches: parts come no closer, most of the time
OVERLAP_SHARE = 0.25  # of the parts that come closer nevertheless
KEYSTONE = 0.16  # how much nearer one edge of the picture may be than its middle
STEP_MM = (1.3, 4.2)  # that the belt moves from frame to frame: 4 to 13 cm/s at 30 a second
BLUR_SHARE = (0.1, 0.9)  # of the way that the belt moves in a frame
DEFOCUS_PX = (0.3, 1.1)  # of a picture of 416
NOISE_LEVELS = (1.5, 8.0)  # standard deviation at middle grey, of 255
JPEG_QUALITY = (45, 92)
CANVAS_SCALE = 1.15  # belt pixels for one of the picture: what is turned by the lens stays sharp


@dataclass(frozen=True)
class Scene:
    """What a seed says about a conveyor, its light and its camera.

    Attributes:
        key: seed and number of the scene.
        size_wh: of the camera's picture.
        cell_px: length of a cell, in which the parts are placed together.
        per_mm: pixels of the belt's picture for a millimetre.
        direction: cosine and sine of the belt's direction in the picture.
        keystone: how fast the scale grows along the picture's x and y.
        step: belt pixels from one frame to the next.
        blur: belt pixels that the belt moves while the shutter is open, odd.
        density: objects on a square pixel of the belt's picture.
        clutter: share of the objects that are no parts.
        light: above the belt.
        rails: whether an edge of the belt is in the picture: at the top, at the bottom.
        defocus: standard deviation in pixels.
        noise: standard deviation at middle grey.
        gains: of blue, green and red.
        gamma: of the camera.
        quality: of its JPEG.
    """

    key: tuple[int, int]
    size_wh: tuple[int, int]
    cell_px: int
    per_mm: float
    direction: tuple[float, float]
    keystone: tuple[float, float]
    step: int
    blur: int
    density: float
    clutter: float
    light: Light
    rails: tuple[bool, bool]
    defocus: float
    noise: float
    gains: tuple[float, float, float]
    gamma: float
    quality: int


def make_scene(seed: int, number: int, size_wh: tuple[int, int]) -> Scene:
    """The scene of that number; the same for the same seed on every platform."""
    draws = Draws(seed, number, 0)
    per_mm = max(size_wh) / draws.between(*VIEW_MM) * CANVAS_SCALE
    dm2 = (100 * per_mm) * (100 * per_mm)  # a product, unlike a power, is exact everywhere
    quarter, sway = draws.whole(0, 3), draws.between(-0.2, 0.2)
    step = max(1, round(draws.between(*STEP_MM) * per_mm))
    blur = round(step * draws.between(*BLUR_SHARE))
    warm = draws.between(-0.1, 0.1)
    level = draws.between(0.8, 1.12)
    return Scene(
        key=(seed, number),
        size_wh=size_wh,
        cell_px=256 * 2 ** max(0, math.ceil(math.log2(max(size_wh) / 448))),
        per_mm=per_mm,
        direction=turn(quarter * math.pi / 2 + sway),
        keystone=(draws.between(-KEYSTONE, KEYSTONE), draws.between(-KEYSTONE, KEYSTONE)),
        step=step,
        blur=blur // 2 * 2 + 1,
        density=draws.between(*PARTS_PER_DM2) / dm2,
        clutter=draws.between(*CLUTTER_SHARE),
        light=_light(draws),
        rails=(draws.chance(0.2), draws.chance(0.2)),
        defocus=draws.between(*DEFOCUS_PX) * max(size_wh) / 416,
        noise=draws.between(*NOISE_LEVELS) * (1 if draws.chance(0.5) else 0.5),
        gains=(level * (1 - warm), level, level * (1 + warm)),
        gamma=draws.between(0.85, 1.2),
        quality=draws.whole(*JPEG_QUALITY),
    )


def _light(draws: Draws) -> Light:
    return Light(
        main=_above(draws, 0.5, 1.2),
        fill=_above(draws, 0.4, 1.0),
        ambient=draws.between(0.35, 0.65),
        power=draws.between(0.6, 1.2),
        shadow=draws.between(0.3, 0.75),
        softness=draws.between(0.5, 1.6),
    )


def _above(draws: Draws, low: float, high: float) -> tuple[float, float, float]:
    """A direction of length 1 whose height above the belt is between two angles."""
    (east, north), (flat, up) = turn(draws.between(0, 2 * math.pi)), turn(draws.between(low, high))
    return east * flat, north * flat, up

"""The belt without parts: a loop of worn rubber or cloth, and the rails beside it."""

from __future__ import annotations

import cv2
import numpy as np

from edgecv.data.conveyor.draws import TEXTURE_PX, Draws, cut
from edgecv.types import Array, Image

LOOP_PX = 2 * TEXTURE_PX  # the belt repeats after this; textures fit in it a whole number of times

COLOURS = (  # blue, green, red of 255
    (48, 48, 47),
    (62, 60, 57),
    (84, 82, 80),
    (118, 116, 112),
    (62, 88, 52),
    (98, 74, 44),
    (150, 148, 142),
    (96, 118, 126),
)


def make_belt(draws: Draws, width: int) -> Image:
    """(width, LOOP_PX, 3) uint8: one turn of a belt; its last column meets its first.

    What is soft is made at half the size: a belt for each of thousands of pictures takes time.
    """
    colour = np.array(draws.pick(COLOURS), np.float32) * np.float32(draws.between(0.8, 1.25))
    rows = (width + 1) // 2
    level = 1 + draws.between(0.02, 0.10) * cut("clouds", draws, rows, TEXTURE_PX)
    level += draws.between(0.01, 0.09) * cut("streaks", draws, rows, TEXTURE_PX)
    across = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    level += draws.between(-0.1, 0.25) * (1 - across * across)  # worn where the goods lie
    belt = np.maximum(level, 0.1)[..., None] * colour
    _stain(draws, belt)
    _oil(draws, belt)
    belt = _twice(belt)[:width]
    fine = 1 + draws.between(0.01, 0.05) * cut("grain", draws, width, TEXTURE_PX)
    fine += draws.between(0.0, 0.05) * cut("weave", draws, width, TEXTURE_PX)
    belt *= np.tile(fine, (1, 2))[..., None]
    _scratch(draws, belt)
    image = np.clip(belt, 0, 255).astype(np.uint8)
    if draws.chance(0.6):
        _seam(draws, image)
    return image


def _twice(belt: Array) -> Array:
    """Twice as wide and high; the last column still meets the first."""
    wide = cv2.copyMakeBorder(belt, 1, 1, 1, 1, cv2.BORDER_WRAP)
    return np.asarray(cv2.resize(wide, None, fx=2, fy=2)[2:-2, 2:-2])


def _stain(draws: Draws, belt: Array) -> None:
    """Dust or dirt in patches."""
    patches = cut("clouds", draws, *belt.shape[:2]) - draws.between(0.5, 2)
    tint = np.array(draws.pick(((150, 160, 165), (20, 22, 24), (50, 80, 110))), np.float32)
    cover = draws.between(0.1, 0.5) * np.clip(patches * draws.between(0.4, 2), 0, 1)
    belt += cover[..., None] * (tint - belt)


def _oil(draws: Draws, belt: Array) -> None:
    """Wet patches: darker, with a bright edge towards the lamp."""
    if draws.chance(0.5):
        return
    film = cut("clouds", draws, *belt.shape[:2])
    wet = np.clip((film - draws.between(1.2, 2.2)) * 6, 0, 1)
    edge = np.clip(np.diff(wet, axis=1, append=wet[:, :1]) * 6, 0, 1)
    belt *= (1 - draws.between(0.2, 0.5) * wet)[..., None]
    belt += (edge * draws.between(10, 50))[..., None]


def _scratch(draws: Draws, belt: Array) -> None:
    """Fine lines, mostly along the belt."""
    width = belt.shape[0]
    lines = np.zeros(belt.shape[:2], np.uint8)
    for _ in range(draws.whole(4, 30)):
        left, top = draws.whole(0, LOOP_PX), draws.whole(0, width)
        end = left + draws.whole(10, 160), top + draws.whole(-14, 14)
        cv2.line(lines, (left * 16, top * 16), (end[0] * 16, end[1] * 16), 255, 1, cv2.LINE_AA, 4)
    at = lines > 0
    belt[at] += (lines[at] * np.float32(draws.between(-0.16, 0.2)))[:, None]


def _seam(draws: Draws, image: Image) -> None:
    """Where the ends of the belt are joined: a slanted line, dark on one side."""
    width = image.shape[0]
    left = draws.whole(150, LOOP_PX - 150)
    slant = draws.whole(-100, 100)
    for shift, change in ((0, -36), (2, 22)):
        line = np.zeros(image.shape[:2], np.uint8)
        start, end = ((left + shift) * 16, 0), ((left + shift + slant) * 16, width * 16)
        cv2.line(line, start, end, 1, 2, cv2.LINE_8, 4)
        image[line > 0] = np.clip(image[line > 0].astype(np.int16) + change, 0, 255)


def make_rail(draws: Draws, height: int) -> Image:
    """(height, 1, 3) uint8: the profile of a rail beside the belt, from the belt outwards."""
    bands = np.interp(
        np.arange(height), [0, 3, 5, 9, 30, 34, 60], [0.15, 0.2, 0.9, 0.6, 0.7, 0.35, 0.55]
    )
    colour = np.array(draws.pick(((170, 168, 165), (120, 90, 60), (60, 130, 170))), np.float32)
    rail = bands.astype(np.float32)[:, None, None] * colour * np.float32(draws.between(0.7, 1.2))
    return np.asarray(np.clip(rail, 0, 255), np.uint8)

"""Random choices that are the same on every platform and with every version of numpy.

Each is a hash of a key and of a counter, in whole numbers; a hundred streams a picture cost
nothing to begin, as those of numpy would.

Source: the mixing function of SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", 2014, figure 17 with the constants of its variant 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np

from edgecv.types import Array

T = TypeVar("T")

TEXTURE_PX = 512  # after this a texture repeats, without a seam


WORD = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST = 31


def _mix(value: int) -> int:
    """A 64-bit hash of a 64-bit number, one to one."""
    value &= WORD
    for shift, factor in STEPS:
        value = (value ^ (value >> shift)) * factor & WORD
    return value ^ (value >> LAST)


class Draws:
    """A stream of random choices that depends on its key alone.

    Args:
        key: whole numbers from 0, modulo 2**64, e.g. seed, scene and part.
    """

    def __init__(self, *key: int) -> None:
        self._state = 0
        for number in key:
            self._state = _mix(self._state + (number + 1) * GOLDEN)

    def between(self, low: float, high: float) -> float:
        """Uniform in [low, high)."""
        self._state = (self._state + GOLDEN) & WORD
        return low + (high - low) * ((_mix(self._state) >> 11) * 2.0**-53)

    def whole(self, low: int, high: int) -> int:
        """Uniform of low, low + 1, ... high."""
        return low + int(self.between(0, high - low + 1))

    def chance(self, share: float) -> bool:
        """True in this share of the calls."""
        return self.between(0, 1) < share

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, each as likely."""
        return options[self.whole(0, len(options) - 1)]

    def many(self, *shape: int) -> Array:
        """An array of float32 in [0, 1)."""
        count = math.prod(shape)
        first = np.uint64(_mix(self._state + GOLDEN))
        mixed = first + np.arange(count, dtype=np.uint64) * np.uint64(GOLDEN)
        for shift, factor in STEPS:
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(LAST)
        self._state = (self._state + GOLDEN) & WORD
        exact = (mixed >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return np.asarray(exact.reshape(shape))


def turn(angle: float) -> tuple[float, float]:
    """Cosine and sine, rounded so that C libraries that differ in the last bit agree."""
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


@lru_cache(maxsize=8)
def texture(name: str) -> Array:
    """Noise of mean 0 and standard deviation 1, twice TEXTURE_PX wide and high.

    A piece of up to TEXTURE_PX can be cut anywhere in its first quarter without a copy.

    Args:
        name: grain (white), weave (fine cloth), clouds (soft, of all sizes), streaks (long in x).
    """
    side = TEXTURE_PX
    grain = Draws(len(name), 7).many(side, side)
    if name == "clouds":
        field = sum((size * _wrapped_blur(grain, size, size) for size in (3, 7, 15, 31)), 0 * grain)
    elif name == "streaks":
        field = _wrapped_blur(grain, 60, 0.6) + 0.6 * _wrapped_blur(grain, 12, 0.8)
    elif name == "weave":
        ramp = np.arange(side, dtype=np.float32)
        wave = np.abs((ramp[:, None] + ramp) % 4 - 2) - np.abs((ramp[:, None] - ramp) % 8 - 4) / 2
        field = wave * (0.5 + _wrapped_blur(grain, 2, 2)) + _wrapped_blur(grain, 0.8, 0.8)
    else:
        field = grain
    field = field - field.mean()
    field = np.tile(np.asarray(field / field.std(), np.float32), (2, 2))
    field.flags.writeable = False  # one array for every scene of the process
    return field


def _wrapped_blur(image: Array, sigma_x: float, sigma_y: float) -> Array:
    reach = math.ceil(3 * max(sigma_x, sigma_y))
    wide = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_WRAP)
    blurred = cv2.GaussianBlur(wide, (0, 0), sigma_x, sigmaY=sigma_y)
    return np.asarray(blurred[reach:-reach, reach:-reach], np.float32)


def cut(name: str, draws: Draws, height: int, width: int) -> Array:
    """(height, width) of a texture from a place of its own; it repeats where it is too small."""
    field = texture(name)
    top, left = draws.whole(0, TEXTURE_PX - 1), draws.whole(0, TEXTURE_PX - 1)
    if max(height, width) > TEXTURE_PX:
        rows = (top + np.arange(height)) % TEXTURE_PX
        columns = (left + np.arange(width)) % TEXTURE_PX
        return np.asarray(field[rows].take(columns, axis=1))
    return field[top : top + height, left : left + width]

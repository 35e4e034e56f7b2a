"""The camera: what its lens, its lamps and its sensor make of the belt's picture."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from edgecv.data.conveyor.belt import make_rail
from edgecv.data.conveyor.draws import TEXTURE_PX, Draws, texture
from edgecv.data.conveyor.scene import Scene
from edgecv.data.conveyor.view import View
from edgecv.types import Array, Image


class Camera:
    """Takes pictures of the belt's picture.

    Args:
        scene: what its lens and sensor are like.
        view: where it looks.
        brightness: of the belt, 0 to 255; the camera exposes for it.
    """

    def __init__(self, scene: Scene, view: View, brightness: float) -> None:
        self._scene = scene
        self._view = view
        draws = Draws(*scene.key, 4)
        self._rail = make_rail(draws, max(view.belt[0], view.size_wh[1] - view.belt[1], 1))
        # pixel centres are at .5 in the view, at whole numbers in OpenCV
        centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        self._warp = np.linalg.inv(centre) @ view.matrix @ centre
        self._lamps = _lamps(draws)
        self._drift = draws.between(-1, 1), draws.between(-1, 1)
        self._shade = draws.between(0.0, 0.5)
        exposure = min(max((draws.between(80, 130) / brightness) ** 0.6, 0.75), 2.0)
        self._gains = np.array(scene.gains, np.float32) * np.float32(exposure)
        levels = np.arange(256, dtype=np.float32) / 255
        self._response = np.clip(255 * levels**scene.gamma + 0.5, 0, 255).astype(np.uint8)
        self._grain = (scene.noise * np.sqrt(0.35 + 1.3 * levels)).astype(np.float32)

    def take(self, belt: Image, index: int) -> Image:
        """(H, W, 3) uint8 BGR of a belt's picture, before compression."""
        scene = self._scene
        if scene.blur > 1:
            belt = np.asarray(cv2.blur(belt, (scene.blur, 1)), np.uint8)
        self._lay_rails(belt)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = cv2.warpPerspective(
            belt, self._warp, scene.size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        image = cv2.GaussianBlur(image, (0, 0), scene.defocus)
        lit = image * self._light(index)[..., None] * self._gains
        image = cv2.LUT(np.clip(lit, 0, 255).astype(np.uint8), self._response)
        noise = self._noise(index, image.shape) * cv2.LUT(image, self._grain)
        return np.clip(image + noise + 0.5, 0, 255).astype(np.uint8)

    def _lay_rails(self, belt: Image) -> None:
        top, bottom = self._view.belt
        belt[:top] = self._rail[:top][::-1]
        belt[bottom:] = self._rail[: len(belt) - bottom]

    def _light(self, index: int) -> Array:
        """(H, W): lamps that light the belt unevenly, and a shadow that passes through."""
        width, height = self._scene.size_wh
        place = np.linspace(-1, 1, 32, dtype=np.float32)
        x, y = place, place[:, None]
        field = self._lamps.copy()
        # someone walks by: a soft dark band, once in about 400 frames
        phase = (index % 400) / 400 * 6 - 3
        far = x * self._drift[0] + y * self._drift[1] - phase
        field *= 1 - self._shade * np.exp(-4 * far * far)
        return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC))

    def _noise(self, index: int, shape: tuple[int, ...]) -> Array:
        """A part of one field of noise; no two frames in a row take the same part."""
        rows, columns = shape[:2]
        draws = Draws(*self._scene.key, 5, index)
        big = _noise_field(rows + 64, columns + 64)
        top, left = draws.whole(0, 63), draws.whole(0, 63)
        return big[top : top + rows, left : left + columns]


def _lamps(draws: Draws) -> Array:
    """(32, 32) brightness: a bright spot, darker corners, a slope."""
    place = np.linspace(-1, 1, 32, dtype=np.float32)
    x, y = place - draws.between(-0.8, 0.8), place[:, None] - draws.between(-0.8, 0.8)
    spot = np.exp(-(x * x + y * y) / draws.between(0.6, 2.5))
    slope = draws.between(-0.15, 0.15) * place + draws.between(-0.15, 0.15) * place[:, None]
    deep = draws.between(0.1, 0.5)
    return np.asarray(1 - deep + 1.3 * deep * spot + slope, np.float32)


@lru_cache(maxsize=4)
def _noise_field(rows: int, columns: int) -> Array:
    """(rows, columns, 3) of standard deviation 1."""
    grain = texture("grain")[:TEXTURE_PX, :TEXTURE_PX]
    down, across = -(-rows // TEXTURE_PX), -(-columns // TEXTURE_PX)
    channels = [np.tile(np.roll(grain, 131 * k, (0, 1)), (down, across)) for k in range(3)]
    return np.ascontiguousarray(np.stack(channels, 2)[:rows, :columns])

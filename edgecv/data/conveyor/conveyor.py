"""A belt that runs under a camera: pictures with their ground truth, as many as are wanted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgecv.data.conveyor.camera import Camera
from edgecv.data.conveyor.scene import make_scene
from edgecv.data.conveyor.strip import Strip
from edgecv.data.conveyor.truth import Truth, find_truth
from edgecv.data.conveyor.view import make_view
from edgecv.types import Image

SIDES_PX = (64, 4096)


@dataclass(frozen=True)
class ConveyorFrame:
    """A picture and the parts on it.

    Attributes:
        image: (H, W, 3) uint8 BGR, as decoded from `jpeg`.
        jpeg: the picture as the camera compressed it.
        truth: what is to be found in it.
    """

    image: Image
    jpeg: bytes
    truth: Truth


class Conveyor:
    """One scene: a belt, its light, its camera and the endless row of parts on it.

    Frame k needs nothing of frame k - 1: where a part lies and how it looks follow from the seed
    and the part's number. What is drawn is kept while it is in view, in bounded memory.

    Args:
        seed: of everything.
        size_wh: of the pictures.
        scene: which of the endless scenes of this seed.
        step_px: how far the belt moves from frame to frame, in its own pixels, of which the
            picture's have CANVAS_SCALE; None: as the scene has it.

    Raises:
        ValueError: a side is out of SIDES_PX, or the belt does not move forward.
    """

    def __init__(
        self,
        seed: int,
        size_wh: tuple[int, int] = (320, 320),
        scene: int = 0,
        step_px: int | None = None,
    ) -> None:
        if not SIDES_PX[0] <= min(size_wh) <= max(size_wh) <= SIDES_PX[1]:
            raise ValueError(f"size_wh is {size_wh}, expected sides of {SIDES_PX} pixels")
        if step_px is not None and step_px < 1:
            raise ValueError(f"step_px is {step_px}, expected at least 1")
        self.scene = make_scene(seed, scene, size_wh)
        self._step = step_px or self.scene.step
        self._view = make_view(self.scene)
        self._strip = Strip(self.scene, self._view.belt, self._view.size_wh[1])
        self._camera = Camera(self.scene, self._view, self._strip.brightness)

    def frame(self, index: int) -> ConveyorFrame:
        """The frame of that number, from 0.

        Raises:
            ValueError: the number is negative.
        """
        if index < 0:
            raise ValueError(f"frame {index}: frames count from 0")
        # begins in the second cell: none that a frame needs has a negative number
        start, columns = 2 * self.scene.cell_px + index * self._step, self._view.size_wh[0]
        belt, ids = self._strip.window(start, columns)
        truth = find_truth(self._view, self._strip.items_between(start, columns), ids)
        quality = [cv2.IMWRITE_JPEG_QUALITY, self.scene.quality]
        encoded = cv2.imencode(".jpg", self._camera.take(belt, index), quality)[1]
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
        return ConveyorFrame(image, encoded.tobytes(), truth)

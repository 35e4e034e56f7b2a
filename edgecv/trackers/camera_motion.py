"""How the camera moved between two frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from edgecv.trackers.motion import Floats
from edgecv.types import Detections, Frame

# A map that moves no corner of the picture by more than this part of its longer side is noise: a
# tenth of a pixel of the 320-pixel thumbnail on which corners are followed
STILL_SHIFT = 0.1 / 320


class CameraMotion(Protocol):
    """Where the still background went since the last frame; asked once a frame."""

    def estimate(self, frame: Frame | None, detections: Detections) -> Floats | None:
        """(2, 3) affine map from the last picture's pixels to this one's; None: it stood still."""

    def reset(self) -> None:
        """Forget the last picture."""


class RecordedMotion:
    """Camera motion that was measured before.

    Args:
        affines: a (2, 3) map for each frame; after the last the camera stands still.
        size_wh: of the picture in pixels.
    """

    def __init__(self, affines: Sequence[Floats] | Floats, size_wh: tuple[int, int]) -> None:
        self._affines, self._size_wh = affines, size_wh
        self.reset()

    def reset(self) -> None:
        """Begin again with the first map."""
        self._next = 0

    def estimate(self, frame: Frame | None, detections: Detections) -> Floats | None:
        """The map of the next frame."""
        if self._next >= len(self._affines):
            return None
        affine = self._affines[self._next]
        self._next += 1
        return affine if moves(affine, self._size_wh) else None


def moves(affine: Floats, size_wh: tuple[int, int]) -> bool:
    """Whether a (2, 3) map moves a corner of the picture by more than the estimate's own noise."""
    width, height = size_wh
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    shift = corners @ affine.T - corners[:, :2]
    return bool(np.abs(shift).max() >= STILL_SHIFT * max(size_wh))

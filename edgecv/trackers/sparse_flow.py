"""Camera motion from corners of the background that are followed on a thumbnail."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.trackers.camera_motion import moves
from edgecv.trackers.motion import Floats
from edgecv.types import Detections, Frame

# Size of the thumbnail's longer side. Corners are found to a tenth of its pixels, which is half
# a pixel of a 1080p frame: less than a box's own noise, at a thirtieth of the work.
THUMBNAIL_SIDE = 320
# fifty times the two that a map with four unknowns needs; weaker ones lie on noise and did harm
MAX_CORNERS = 100
CORNER_QUALITY = 0.01  # of the best corner's response: OpenCV's and Shi and Tomasi's usual value
CORNER_DISTANCE = 6  # thumbnail pixels; spreads the corners instead of one rich texture
FLOW_WINDOW, FLOW_LEVELS = (11, 11), 2  # follows up to 11 * 2**2 / 2 = 22 thumbnail pixels
INLIER_DISTANCE = 1.0  # thumbnail pixels
MIN_INLIERS = 12  # six times the two that a map needs: fewer may agree by chance
# corners are sought anew when fewer than this share of them could be followed so far
KEPT_MIN = 0.6
# mean difference of grey levels between two frames below which nothing but sensor noise changed
STILL_DIFFERENCE = 0.5

Grey = NDArray[np.uint8]


class SparseFlow:
    """Camera motion from corners that are followed on a thumbnail.

    Corners inside the detections are left out, since objects move by themselves; RANSAC leaves
    out the others that do. A frame without a picture, or with too few corners, counts as still.

    Source: Aharon et al. 2022 (BoT-SORT), section 3.2; Lucas-Kanade after Bouguet 2001.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last picture."""
        self._grey: Grey | None = None
        self._corners, self._found = np.zeros((0, 1, 2), np.float32), 0

    def estimate(self, frame: Frame | None, detections: Detections) -> Floats | None:
        """The map since the last frame for which there was one; None: nothing moved.

        While the camera stands still the reference stays the same picture with its corners, so
        a drift too slow for two frames adds up until it shows.
        """
        if frame is None:
            self.reset()
            return None
        grey, scale = _thumbnail(frame)
        before = self._grey
        if before is None or before.shape != grey.shape:
            self._begin(grey, detections.boxes_xyxy * scale)
            return None
        if _mean_difference(before, grey) < STILL_DIFFERENCE:
            return None
        affine, followed = _follow(before, grey, self._corners)
        if affine is not None:
            affine[:, 2] /= scale
        moved = affine is not None and moves(affine, frame.image.shape[1::-1])
        if len(followed) < KEPT_MIN * self._found:
            self._begin(grey, detections.boxes_xyxy * scale)
        elif moved:
            self._grey, self._corners = grey, followed
        return affine if moved else None

    def _begin(self, grey: Grey, boxes: NDArray[np.float32]) -> None:
        self._grey, self._corners = grey, _find_corners(grey, boxes)
        self._found = len(self._corners)


def _thumbnail(frame: Frame) -> tuple[Grey, float]:
    height, width = frame.image.shape[:2]
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # some rows are enough for the mean of an area: at 1080p every third, two for each of the
    # thumbnail's, which halves the time of the resize
    rows = frame.image[:: max(1, int(0.5 / scale))]
    small = cv2.resize(rows, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), scale


def _mean_difference(first: Grey, second: Grey) -> float:
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size


def _find_corners(grey: Grey, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    background = np.full(grey.shape, 255, np.uint8)
    for left, top, right, bottom in np.clip(boxes, 0, max(grey.shape)).astype(int):
        background[top : bottom + 1, left : right + 1] = 0
    found: Any = cv2.goodFeaturesToTrack(
        grey, MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE, mask=background
    )
    return np.zeros((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)


def _follow(
    before: Grey, now: Grey, corners: NDArray[np.float32]
) -> tuple[Floats | None, NDArray[np.float32]]:
    """The (2, 3) map that most corners agree on, None without one, and where those are now."""
    none = np.zeros((0, 1, 2), np.float32)
    if len(corners) < MIN_INLIERS:
        return None, none
    guess = np.empty_like(corners)
    moved, seen, _ = cv2.calcOpticalFlowPyrLK(
        before, now, corners, guess, winSize=FLOW_WINDOW, maxLevel=FLOW_LEVELS
    )
    kept = seen[:, 0] == 1
    if kept.sum() < MIN_INLIERS:
        return None, none
    affine, inliers = cv2.estimateAffinePartial2D(
        corners[kept], moved[kept], ransacReprojThreshold=INLIER_DISTANCE
    )
    if affine is None or inliers.sum() < MIN_INLIERS:
        return None, none
    agreed = np.asarray(moved[kept][inliers[:, 0] == 1], np.float32)
    return np.asarray(affine, np.float64), agreed

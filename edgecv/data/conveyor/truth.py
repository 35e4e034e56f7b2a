"""Ground truth of a frame: boxes, classes, tracks and masks of the parts that can be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.data.conveyor.items import Item
from edgecv.data.conveyor.strip import TrackIds
from edgecv.data.conveyor.view import View
from edgecv.types import Array, Ints

# People who mark pictures leave out what is hardly seen or too small to tell; so is it here.
VISIBLE_MIN = 0.25  # of the part
SIDE_MIN_PX = 6
AREA_MIN_PX = 40


class Truth(NamedTuple):
    """The parts of one picture, in the order of their track ids.

    Attributes:
        boxes_xyxy: (N, 4) float32, around what is seen of each part, whole pixels.
        class_ids: (N,) int64, index into CLASS_NAMES.
        track_ids: (N,) int64, from 1, the same in every frame of a scene.
        masks: (N, H, W) bool, what is seen of each part.
        occluded: (N,) float32, share of each part behind others or outside of the picture.
    """

    boxes_xyxy: Array
    class_ids: Ints
    track_ids: Ints
    masks: NDArray[np.bool_]
    occluded: Array


def find_truth(view: View, items: Sequence[Item], belt_ids: TrackIds) -> Truth:
    """What of each part the camera sees.

    A part is left out of which less than VISIBLE_MIN is seen, or whose mask is smaller than
    AREA_MIN_PX or on one side than SIDE_MIN_PX.

    Args:
        view: where the camera looks.
        items: all objects of which something may be seen.
        belt_ids: the belt's picture with the track id of what is uppermost, 0 for no part.
    """
    ids = belt_ids.copy()
    ids[: view.belt[0]] = 0  # behind the rails
    ids[view.belt[1] :] = 0
    parts = {item.track_id: item for item in items if item.track_id}
    first = min(parts, default=1)
    pixels = np.bincount(np.where(view.seen & (ids > 0), ids - first + 1, 0).ravel()).tolist()
    picture = ids.ravel()[view.lookup]
    boxes, masks, seen, occluded = [], [], [], []
    for track_id, part in sorted(parts.items()):
        at = track_id - first + 1
        if at >= len(pixels) or pixels[at] < VISIBLE_MIN * part.area:
            continue
        mask = picture == track_id
        left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
        if min(width, height) < SIDE_MIN_PX or np.count_nonzero(mask) < AREA_MIN_PX:
            continue
        boxes.append((left, top, left + width, top + height))
        masks.append(mask)
        seen.append(part)
        occluded.append(1 - pixels[at] / part.area)
    return Truth(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([part.class_id for part in seen], np.int64),
        np.array([part.track_id for part in seen], np.int64),
        np.array(masks, np.bool_).reshape(-1, *picture.shape),
        np.array(occluded, np.float32),
    )

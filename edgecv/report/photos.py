"""Photos to show: where float and INT8 differ most, and ordinary ones; each with both answers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.boxes import iou
from edgecv.types import Array, Detections, Frame, Image

WIDTH_MAX = 480  # pixels of an embedded picture; a dozen stay under a megabyte
JPEG_QUALITY = 74
SAME_IOU = 0.5
SCORE_MIN = 0.3  # what a person would call found

Detect = Callable[[Image], Detections]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Photo:
    """One picture with two answers, at the size it is shown in.

    Attributes:
        name: the file's.
        jpeg: base64.
        width, height: pixels of the shown picture.
        before, after: what float and INT8 found, in pixels of the shown picture.
        lost: (len(before),) found by float only.
        new: (len(after),) found by INT8 only.
        shift: 1 less the mean IoU of the boxes that both found.
        differs: shown because it is among those that differ most.
    """

    name: str
    jpeg: str
    width: int
    height: int
    before: Detections
    after: Detections
    lost: Mask
    new: Mask
    shift: float
    differs: bool = False

    @property
    def alone(self) -> int:
        """Boxes that only one of the two found."""
        return int(self.lost.sum() + self.new.sum())


@dataclass(frozen=True)
class Comparison:
    """The photos chosen, and counts over all that were examined.

    Attributes:
        photos: to show.
        names: of the two variants.
        score_min: smallest score of a box.
        examined: pictures that both ran on.
        same: pictures where both found the same boxes.
        both, lost, new: boxes found by both, by float only, by INT8 only.
    """

    photos: tuple[Photo, ...]
    names: tuple[str, str]
    score_min: float
    examined: int
    same: int
    both: int
    lost: int
    new: int


def compare(
    frames: Iterable[Frame],
    before: Detect,
    after: Detect,
    count: int,
    names: tuple[str, str] = ("float", "INT8"),
) -> Comparison:
    """Run both detectors on every frame and choose up to `count` to show.

    Half are those that differ most, by boxes that only one found and then by mean overlap; the
    rest are spread evenly over those left.
    """
    # only the shown size is kept: frames may be large and many
    seen = [_photo(frame, before(frame.image), after(frame.image)) for frame in frames]
    order = sorted(range(len(seen)), key=lambda i: (seen[i].alone, seen[i].shift), reverse=True)
    differing = [i for i in order if seen[i].alone][: count // 2]
    left = [i for i in range(len(seen)) if i not in differing]
    steps = np.linspace(0, len(left) - 1, min(count - len(differing), len(left)))
    ordinary = [left[round(float(step))] for step in steps]
    lost, new = sum(int(p.lost.sum()) for p in seen), sum(int(p.new.sum()) for p in seen)
    return Comparison(
        photos=(
            *(replace(seen[i], differs=True) for i in differing),
            *(seen[i] for i in ordinary),
        ),
        names=names,
        score_min=SCORE_MIN,
        examined=len(seen),
        same=sum(photo.alone == 0 for photo in seen),
        both=sum(len(photo.before) for photo in seen) - lost,
        lost=lost,
        new=new,
    )


def match(before: Detections, after: Detections) -> list[tuple[int, int]]:
    """Pairs of the same class that overlap by half or more, best first, each box once."""
    overlap = iou(before.boxes_xyxy, after.boxes_xyxy)
    overlap = overlap * (before.class_ids[:, None] == after.class_ids[None, :])
    pairs = []
    while overlap.size and overlap.max() >= SAME_IOU:
        i, j = np.unravel_index(int(overlap.argmax()), overlap.shape)
        pairs.append((int(i), int(j)))
        overlap[i, :] = overlap[:, j] = 0
    return pairs


def _photo(frame: Frame, before: Detections, after: Detections) -> Photo:
    pairs = match(before, after)
    lost, new = np.ones(len(before), np.bool_), np.ones(len(after), np.bool_)
    lost[[i for i, _ in pairs]] = False
    new[[j for _, j in pairs]] = False
    overlap = iou(before.boxes_xyxy, after.boxes_xyxy)
    height, width = frame.image.shape[:2]
    size = shown_size(width, height)
    scale = min(1.0, WIDTH_MAX / width, WIDTH_MAX / height)
    return Photo(
        name=frame.source,
        jpeg=jpeg(frame.image, size),
        width=size[0],
        height=size[1],
        before=_scaled(before, scale, size),
        after=_scaled(after, scale, size),
        lost=lost,
        new=new,
        shift=1 - float(np.mean([overlap[pair] for pair in pairs])) if pairs else 0.0,
    )


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Width and height that a picture of these is embedded with."""
    scale = min(1.0, WIDTH_MAX / width, WIDTH_MAX / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def jpeg(image: Image, size_wh: tuple[int, int]) -> str:
    """A picture (H, W, 3) BGR at that size as JPEG in base64."""
    small = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return base64.b64encode(data.tobytes()).decode("ascii")


def _scaled(found: Detections, scale: float, size: Sequence[int]) -> Detections:
    limit = np.array([*size, *size], np.float32)
    boxes: Array = np.clip(found.boxes_xyxy * np.float32(scale), 0, limit).astype(np.float32)
    return replace(found, boxes_xyxy=boxes)

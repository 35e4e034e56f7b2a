"""Boxes with their names and ids, lines and zones with their counts, drawn on a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgecv.runtime.counts import Counted
from edgecv.types import Detections, Image

# BGR; told apart by most people who see few colours (Okabe and Ito 2008), without black
COLOURS = (
    (0, 159, 230),
    (233, 180, 86),
    (115, 158, 0),
    (66, 228, 240),
    (178, 114, 0),
    (0, 94, 213),
    (167, 121, 204),
)
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE = (255, 255, 255)


def draw(image: Image, found: Detections, class_names: Sequence[str]) -> None:
    """Draw boxes into a picture.

    Args:
        image: (H, W, 3) uint8 BGR, written to.
        found: boxes in its pixels; coloured by track, else by class.
        class_names: of the network.
    """
    size, line = _sizes(image)
    keys = found.class_ids if found.track_ids is None else found.track_ids
    # the best is drawn last, over the others
    for i in np.argsort(found.scores, kind="stable"):
        colour = COLOURS[int(keys[i]) % len(COLOURS)]
        left, top, right, bottom = (round(float(value)) for value in found.boxes_xyxy[i])
        cv2.rectangle(image, (left, top), (right, bottom), colour, line)
        name = "" if found.track_ids is None else f" {found.track_ids[i]}"
        text = f"{class_names[found.class_ids[i]]}{name} {found.scores[i]:.2f}"
        _label(image, text, (left, top), colour, size)


def draw_counts(image: Image, counted: Counted) -> None:
    """Draw lines and zones, and beside each how many went over it.

    Args:
        image: (H, W, 3) uint8 BGR, written to.
        counted: points in its pixels.
    """
    size, line = _sizes(image)
    for counts in counted.counts:
        points = np.array(counts.points, np.float64).round().astype(np.int32)
        cv2.polylines(image, [points[:, None]], counts.inside is not None, WHITE, line, cv2.LINE_AA)
        _label(image, counts.label(), (int(points[0, 0]), int(points[0, 1])), WHITE, size)


def _sizes(image: Image) -> tuple[float, int]:
    """Of letters and lines: 0.5, and 2 pixels, on a picture 800 pixels high."""
    size = max(0.35, min(image.shape[:2]) / 1600)
    return size, max(1, round(4 * size))


def _label(
    image: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], size: float
) -> None:
    thick = max(1, round(1.5 * size))
    (width, height), below = cv2.getTextSize(text, FONT, size, thick)
    left = max(0, min(corner[0], image.shape[1] - width))
    high = height + below + 2
    top = corner[1] - high if corner[1] >= high else max(0, corner[1])
    cv2.rectangle(image, (left, top), (left + width, top + high), colour, cv2.FILLED)
    place = (left, top + height + 1)
    cv2.putText(image, text, place, FONT, size, (0, 0, 0), thick, cv2.LINE_AA)

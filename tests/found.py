"""Results to give to sinks."""

from __future__ import annotations

import numpy as np

from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.types import Detections

NAMES = ("nut", "bolt")


def frame(
    index: int = 0, stream: str = "door", size_wh: tuple[int, int] = (64, 48), rate: float = 10.0
) -> StreamFrame:
    """A grey picture with a time of index / rate and an age of 20 ms."""
    picture = ArrayPicture(np.full((size_wh[1], size_wh[0], 3), 90, np.uint8))
    return StreamFrame(stream, index, index / rate, 0.0, picture, rate, age_ms=20.0)


def found(count: int = 2, tracked: bool = True) -> Detections:
    """Boxes (8 + 20 i, 8, 24 + 20 i, 40) of class i, score 0.9 - i / 10 and id 7 + i."""
    lefts = 8 + 20 * np.arange(count)
    boxes = np.stack([lefts, np.full(count, 8), lefts + 16, np.full(count, 40)], axis=1)
    return Detections(
        boxes.astype(np.float32).reshape(-1, 4),
        (0.9 - np.arange(count) / 10).astype(np.float32),
        np.arange(count),
        7 + np.arange(count) if tracked else None,
    )

"""The two values that travel between the parts: a picture, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Array = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8, BGR.
        index: position in its source, from 0.
        time_s: capture time in seconds, on the source's clock.
        source: name of the file, folder or camera it came from.
    """

    image: Image
    index: int = 0
    time_s: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        image: Any = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"frame {self.index} of '{self.source}': image is {image.shape} {image.dtype}, "
                "expected (H, W, 3) uint8 BGR"
            )


@dataclass(frozen=True)
class Detections:
    """The objects of one picture, checked when made.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixels of the original picture.
        scores: (N,) float32 in [0, 1].
        class_ids: (N,) int64, index into the model's class names.
        track_ids: (N,) int64, or None before tracking.

    Raises:
        ValueError: shapes disagree.
    """

    boxes_xyxy: Array
    scores: Array
    class_ids: Ints
    track_ids: Ints | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes_xyxy)
        found = {
            "boxes_xyxy": (self.boxes_xyxy.shape, (count, 4)),
            "scores": (self.scores.shape, (count,)),
            "class_ids": (self.class_ids.shape, (count,)),
        }
        if self.track_ids is not None:
            found["track_ids"] = (self.track_ids.shape, (count,))
        for name, (shape, expected) in found.items():
            if shape != expected:
                raise ValueError(f"detections: {name} is {shape}, expected {expected}")

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    @staticmethod
    def empty() -> Detections:
        return Detections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
        )

    def select(self, keep: NDArray[Any]) -> Detections:
        """The detections that a boolean mask or an index array picks, in its order."""
        tracks = None if self.track_ids is None else self.track_ids[keep]
        return Detections(self.boxes_xyxy[keep], self.scores[keep], self.class_ids[keep], tracks)

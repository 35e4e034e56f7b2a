"""The best view of each object as a JPEG."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import cv2

from edgecv.boxes import clip
from edgecv.errors import EdgecvError
from edgecv.runtime.frames import StreamFrame
from edgecv.types import Detections, Image

# a view replaces the one before when its score is better by so much: not a write each frame
BETTER = 0.05
REMEMBERED = 1000  # objects of which the best score is known; the oldest are forgotten


class Crops:
    """`STREAM/CLASS-ID.jpg`, each track's best view; `STREAM/CLASS-FRAME-N.jpg` without a tracker.

    Args:
        folder: made when absent.
        class_names: of the network.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path, class_names: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._names = folder, class_names
        self._best: OrderedDict[tuple[str, int], float] = OrderedDict()

    def write(self, frame: StreamFrame, found: Detections) -> None:
        if not frame.detected:
            return  # a predicted box is nobody's best view
        boxes = clip(found.boxes_xyxy, *frame.size_wh).round().astype(int)
        for i, (left, top, right, bottom) in enumerate(boxes.tolist()):
            if right <= left or bottom <= top:
                continue
            name = self._names[found.class_ids[i]].replace("/", "_")
            if found.track_ids is None:
                self._save(frame, f"{name}-{frame.index}-{i}", frame.image[top:bottom, left:right])
            elif self._is_better(frame.stream, int(found.track_ids[i]), float(found.scores[i])):
                crop = frame.image[top:bottom, left:right]
                self._save(frame, f"{name}-{found.track_ids[i]}", crop)

    def _is_better(self, stream: str, track: int, score: float) -> bool:
        key = (stream, track)
        better = score >= self._best.get(key, -BETTER) + BETTER
        if better:
            self._best[key] = score
        if key in self._best:
            self._best.move_to_end(key)
        if len(self._best) > REMEMBERED:
            self._best.popitem(last=False)
        return better

    def _save(self, frame: StreamFrame, name: str, crop: Image) -> None:
        path = self._folder / frame.stream / f"{name}.jpg"
        _, data = cv2.imencode(".jpg", crop)
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data.tobytes())
        except OSError as error:
            raise EdgecvError(f"{path}: cannot be written ({error.strerror})") from error

    def close(self) -> None:
        """Every view is written already."""

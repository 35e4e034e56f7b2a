"""The engine with what comes before and after it: from a frame to its detections."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np

from edgecv.engines import Engine
from edgecv.runtime.clock import now
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.stats import Stats
from edgecv.types import Array, Detections, Image, Ints

# what an object may overlap with a better one, and how many there may be: as in evaluation
NMS_IOU, BOXES_MAX = 0.65, 100


class Detector:
    """One network for all streams, timed; each method is called from one thread.

    Args:
        engine: takes one picture a call.
        stats: where the stages preprocess, engine and postprocess are counted.
        score_min: smallest score of a box.
        class_ids: classes to look for; None: all.
    """

    def __init__(
        self, engine: Engine, stats: Stats, score_min: float, class_ids: Ints | None
    ) -> None:
        self._engine, self._stats = engine, stats
        self._score_min, self._class_ids = score_min, class_ids

    def prepare(self, frame: StreamFrame) -> Image:
        """Set the frame's `small` and `letterbox`; what the network gets."""
        times = self._stats.stages["preprocess"]
        begun = times.begin()
        frame.small, frame.letterbox = frame.picture.letterbox(self._engine.spec.input)
        times.end(begun)
        return frame.small

    def submit(self, small: Image) -> Future[list[Array]]:
        """The network's answer to a prepared picture, later."""
        submitted = now()
        answer = self._engine.submit(small[None])
        wall = self._stats.stages["engine"].wall

        def count(_: Future[list[Array]]) -> None:
            wall.add(1e3 * (now() - submitted))

        answer.add_done_callback(count)
        return answer

    def read(self, frame: StreamFrame, answer: list[Array]) -> Detections:
        """The objects in a frame, from the network's answer.

        Raises:
            ValueError: the frame was not prepared.
        """
        if frame.letterbox is None:
            raise ValueError("a frame was submitted before it was preprocessed")
        times = self._stats.stages["postprocess"]
        begun = times.begin()
        boxes, scores = answer
        found = postprocess(
            boxes[0],
            scores[0],
            frame.letterbox,
            score_min=self._score_min,
            nms_iou=NMS_IOU,
            max_boxes=BOXES_MAX,
            one_class=True,
        )
        if self._class_ids is not None:
            found = found.select(np.isin(found.class_ids, self._class_ids))
        self._stats.streams[frame.stream].found(found)
        times.end(begun)
        return found

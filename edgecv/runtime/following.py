"""The tracker of each stream: what it is told when frames are missing or change their size."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from edgecv.progress import say
from edgecv.runtime.frames import StreamFrame
from edgecv.trackers import FOLLOWS_CAMERA, make_tracker
from edgecv.trackers.motion import Floats
from edgecv.trackers.sparse_flow import THUMBNAIL_SIDE, SparseFlow
from edgecv.types import Detections, Frame


class SmallPictureMotion:
    """Camera motion seen on the picture that the network got: the full one is never made."""

    def __init__(self) -> None:
        self._flow = SparseFlow()
        self._scale = 1.0

    def see(self, frame: StreamFrame) -> Frame | None:
        """The picture in the network's input, at the size at which motion is followed."""
        small, placed = frame.small, frame.letterbox
        if small is None or placed is None:
            return None
        width = max(1, int(placed.width * placed.scale))
        height = max(1, int(placed.height * placed.scale))
        inside = small[placed.pad_top :, placed.pad_left :][:height, :width]
        shrink = min(1.0, THUMBNAIL_SIDE / max(width, height))
        self._scale = placed.scale * shrink
        if shrink < 1:
            # bilinear does for a shrinking this small, at a tenth of the time of averaging
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            inside = np.asarray(cv2.resize(inside, size), np.uint8)
        return Frame(inside, frame.index, frame.time_s, frame.stream)

    def estimate(self, frame: Frame | None, detections: Detections) -> Floats | None:
        boxes = (detections.boxes_xyxy * np.float32(self._scale)).astype(np.float32)
        affine = self._flow.estimate(frame, replace(detections, boxes_xyxy=boxes))
        if affine is not None:
            affine[:, 2] /= self._scale
        return affine

    def reset(self) -> None:
        self._flow.reset()


class Following:
    """The objects of one stream.

    Args:
        tracker: name of the algorithm.
        frame_rate: frames a second.
        start: smallest score of a box that starts a track; None: the tracker's own.
    """

    def __init__(self, tracker: str, frame_rate: float, start: float | None = None) -> None:
        self._motion = SmallPictureMotion() if tracker in FOLLOWS_CAMERA else None
        self._tracker = make_tracker(
            tracker, frame_rate=frame_rate, camera_motion=self._motion, start=start
        )
        # after so many frames with nothing in them every tracker has forgotten all
        self._forgetful = math.ceil(frame_rate) + 2
        self._size_wh: tuple[int, int] | None = None
        self._told = False

    def update(self, frame: StreamFrame, detections: Detections | None) -> Detections:
        """The tracks of a frame; ids go on after a break, objects if it was short.

        Args:
            frame: the next of the stream.
            detections: what was found in it; None: nobody looked, its tracks are predicted.
        """
        missing = frame.missing
        if self._size_wh not in (None, frame.size_wh):
            self._tell(frame)
            missing = self._forgetful
        self._size_wh = frame.size_wh
        for _ in range(min(missing, self._forgetful)):
            self._tracker.update(Detections.empty())
        seen = None if self._motion is None else self._motion.see(frame)
        if detections is None:
            return self._tracker.predict(seen)
        return self._tracker.update(detections, seen)

    def _tell(self, frame: StreamFrame) -> None:
        if self._told or self._size_wh is None:
            return
        self._told = True
        old, new = ("x".join(map(str, size)) for size in (self._size_wh, frame.size_wh))
        say(
            f"{frame.stream}: the picture changes from {old} to {new} at frame {frame.index}; "
            "its tracks begin anew"
        )


class FollowedStreams:
    """The trackers of all streams, each made when its first frame comes.

    Args:
        tracker, start: as `Following`.
    """

    def __init__(self, tracker: str, start: float | None = None) -> None:
        self._tracker, self._start = tracker, start
        self._following: dict[str, Following] = {}

    def update(self, frame: StreamFrame, detections: Detections | None) -> Detections:
        """As that of `Following`, of the frame's stream."""
        if frame.stream not in self._following:
            self._following[frame.stream] = Following(self._tracker, frame.frame_rate, self._start)
        return self._following[frame.stream].update(frame, detections)

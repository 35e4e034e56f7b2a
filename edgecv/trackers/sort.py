"""SORT: a Kalman filter and the best total overlap, nothing else.

Source: Bewley et al. 2016, ICIP, sections 3.1 to 3.4, written from the paper.
"""

from __future__ import annotations

import numpy as np

from edgecv.trackers import kalman
from edgecv.trackers._tracker import Tracker
from edgecv.trackers.assignment import assign, without
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.motion import XYSR, Floats
from edgecv.trackers.overlap import Pairs, overlapping
from edgecv.types import Detections, Frame, Ints

SCORE_MIN = 0.5  # section 3.1: the detector's boxes above 50 %
IOU_MIN = 0.3  # the paper names IOU_min without a value; 0.3 is what later papers quote for it
MAX_AGE = 1  # section 3.4: T_lost
MIN_HITS = 3  # section 3.4 asks for a probation without a length; OC-SORT's 3 is the usual one

TRACK = np.dtype(
    [
        ("mean", np.float64, (2, 4)),
        ("covariance", np.float64, (3, 4)),
        ("id", np.int64),
        ("class_id", np.int64),
        ("score", np.float64),
        ("last", np.int64),  # look of the last box
        ("hits", np.int64),  # boxes in a row
    ]
)


def create(
    frame_rate: float, camera_motion: CameraMotion | None = None, start: float | None = None
) -> Tracker:
    """A SORT of one camera; neither the frame rate nor the camera's motion is used.

    Args:
        start: smallest score of a box; None: 0.5.
    """
    return SortTracker(SCORE_MIN if start is None else start)


class SortTracker:
    """Tracks of one camera, of boxes with a score of at least `score_min`.

    A frame that no detector looked at is no frame for its counts: T_lost of one frame would
    forgive no missing box otherwise.
    """

    def __init__(self, score_min: float = SCORE_MIN) -> None:
        self._score_min = score_min
        self.reset()

    def reset(self) -> None:
        """Forget every track; ids start at 1 again."""
        self._tracks = np.zeros(0, TRACK)
        self._looks, self._next_id = 0, 1

    def update(self, detections: Detections, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame; its picture is not used."""
        self._looks += 1
        found = detections.select(np.flatnonzero(detections.scores >= self._score_min))
        boxes = found.boxes_xyxy.astype(np.float64)
        left = self._continue(found, boxes)
        self._start(left, found, boxes)
        fresh = self._looks - self._tracks["last"] <= MAX_AGE
        self._tracks = self._tracks[fresh]
        return self._live()

    def predict(self, frame: Frame | None = None) -> Detections:
        """The tracks of the last `update`, moved on by a frame."""
        self._move()
        return self._live()

    def _move(self) -> None:
        tracks = self._tracks
        tracks["mean"], tracks["covariance"] = kalman.predict(
            XYSR, tracks["mean"], tracks["covariance"]
        )

    def _continue(self, found: Detections, boxes: Floats) -> Ints:
        """Predict and match; the boxes that stay alone."""
        self._move()
        tracks = self._tracks
        predicted = XYSR.boxes(tracks["mean"][:, kalman.POSITION])
        pairs = overlapping(predicted, boxes, tracks["class_id"], found.class_ids)
        gains = Pairs(pairs.rows, pairs.cols, pairs.values * (pairs.values >= IOU_MIN))
        rows, cols = assign(gains, len(tracks), len(boxes))
        seen = tracks[rows]
        seen["mean"], seen["covariance"] = kalman.update(
            XYSR, seen["mean"], seen["covariance"], boxes[cols]
        )
        seen["score"], seen["last"] = found.scores[cols], self._looks
        seen["hits"] += 1
        tracks["hits"] = 0
        tracks[rows] = seen
        return without(np.arange(len(boxes)), cols)

    def _start(self, left: Ints, found: Detections, boxes: Floats) -> None:
        started = np.zeros(len(left), TRACK)
        started["mean"], started["covariance"] = kalman.initiate(XYSR, boxes[left])
        started["id"] = self._next_id + np.arange(len(left))
        started["class_id"], started["score"] = found.class_ids[left], found.scores[left]
        started["last"], started["hits"] = self._looks, 1
        self._next_id += len(left)
        self._tracks = np.concatenate([self._tracks, started])

    def _live(self) -> Detections:
        """The tracks with a box in the last frame that was looked at."""
        tracks = self._tracks
        # the first frames have no earlier ones in which to stand a probation
        proven = (tracks["hits"] >= MIN_HITS) | (self._looks <= MIN_HITS)
        tracks = tracks[(tracks["last"] == self._looks) & proven]
        return Detections(
            XYSR.boxes(tracks["mean"][:, kalman.POSITION]).astype(np.float32),
            tracks["score"].astype(np.float32),
            tracks["class_id"].copy(),
            tracks["id"].copy(),
        )

"""OC-SORT: trust what was observed more than what the filter dreamt in between.

Source: Cao et al. 2023, CVPR, section 4: re-update (ORU), momentum (OCM) and recovery (OCR).
Differs: pairs below the smallest overlap never compete, where the published code assigns them
and drops them afterwards; a recovered track's last virtual box is the found one, used once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecv.trackers import kalman
from edgecv.trackers._tracker import Tracker, remembered_frames
from edgecv.trackers.assignment import assign, without
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.momentum import direction, earlier_box, momentum
from edgecv.trackers.motion import XYSR, Floats
from edgecv.trackers.overlap import Pairs, overlapping
from edgecv.types import Detections, Frame, Ints

# section 5.1 of the paper and its MIT-licensed code
SCORE_MIN = 0.6
IOU_MIN = 0.3
MIN_HITS = 3
INERTIA = 0.2  # weight of OCM, lambda in the paper
LOOK_BACK = 3  # frames between the two boxes of a direction, delta t in the paper

TRACK = np.dtype(
    [
        ("mean", np.float64, (2, 4)),  # predicted to the current frame
        ("covariance", np.float64, (3, 4)),
        ("seen_mean", np.float64, (2, 4)),  # as it was after the last box
        ("seen_covariance", np.float64, (3, 4)),
        ("box", np.float64, 4),  # the last one
        ("history", np.float64, (LOOK_BACK, 4)),  # of the last frames, oldest first; NaN unseen
        ("direction", np.float64, 2),  # 0 while unknown
        ("id", np.int64),
        ("class_id", np.int64),
        ("score", np.float64),
        ("last", np.int64),  # frame of the last box
        ("hits", np.int64),  # boxes in a row, of the frames that were looked at
    ]
)


def create(
    frame_rate: float, camera_motion: CameraMotion | None = None, start: float | None = None
) -> Tracker:
    """An OC-SORT of one camera.

    Args:
        frame_rate: frames a second; a lost track is remembered for a second.
        camera_motion: not used.
        start: boxes count from above this score; None: 0.6.
    """
    score_min = SCORE_MIN if start is None else start
    return OcSortTracker(remembered_frames(frame_rate), score_min)


class OcSortTracker:
    """Tracks of one camera, each remembered for max_age frames after its last box."""

    def __init__(self, max_age: int, score_min: float = SCORE_MIN) -> None:
        self._max_age, self._score_min = max_age, score_min
        self.reset()

    def reset(self) -> None:
        """Forget every track; ids start at 1 again."""
        self._tracks = np.zeros(0, TRACK)
        self._frame, self._looks, self._next_id = 0, 0, 1

    def update(self, detections: Detections, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame; its picture is not used."""
        self._frame += 1
        self._looks += 1
        found = detections.select(np.flatnonzero(detections.scores > self._score_min))
        boxes = found.boxes_xyxy.astype(np.float64)
        left = self._continue(found, boxes)
        self._remember()
        self._start(left, found, boxes)
        self._tracks = self._tracks[self._frame - self._tracks["last"] <= self._max_age]
        return self._live(self._tracks["box"])

    def predict(self, frame: Frame | None = None) -> Detections:
        """The tracks of the last `update`, moved on by a frame that no detector looked at."""
        self._frame += 1
        self._move()
        self._remember()
        return self._live(XYSR.boxes(self._tracks["mean"][:, kalman.POSITION]))

    def _move(self) -> None:
        tracks = self._tracks
        tracks["mean"], tracks["covariance"] = kalman.predict(
            XYSR, tracks["mean"], tracks["covariance"]
        )

    def _continue(self, found: Detections, boxes: Floats) -> Ints:
        """Predict and match, then recover; the boxes that stay alone."""
        self._move()
        tracks = self._tracks
        every, left = np.arange(len(tracks)), np.arange(len(boxes))
        predicted = XYSR.boxes(tracks["mean"][:, kalman.POSITION])
        pairs = overlapping(predicted, boxes, tracks["class_id"], found.class_ids)
        pairs = pairs.take(pairs.values >= IOU_MIN)
        agreement = momentum(
            tracks["direction"][pairs.rows],
            earlier_box(tracks["history"], tracks["box"])[pairs.rows],
            boxes[pairs.cols],
        )
        gains = pairs.values + INERTIA * agreement * found.scores[pairs.cols]
        alone, left = self._match(Pairs(pairs.rows, pairs.cols, gains), every, left, found, boxes)
        pairs = overlapping(
            tracks["box"][alone], boxes[left], tracks["class_id"][alone], found.class_ids[left]
        )
        gains = pairs.values * (pairs.values >= IOU_MIN)
        alone, left = self._match(Pairs(pairs.rows, pairs.cols, gains), alone, left, found, boxes)
        tracks["hits"][alone] = 0
        return left

    def _match(
        self, gains: Pairs, tracks: Ints, left: Ints, found: Detections, boxes: Floats
    ) -> tuple[Ints, Ints]:
        rows, cols = assign(gains, len(tracks), len(left))
        self._see(tracks[rows], left[cols], found, boxes)
        return without(tracks, rows), without(left, cols)

    def _see(self, tracks: Ints, chosen: Ints, found: Detections, boxes: Floats) -> None:
        seen = self._tracks[tracks]
        seen["mean"], seen["covariance"] = _reupdate(seen, boxes[chosen], self._frame)
        seen["seen_mean"], seen["seen_covariance"] = seen["mean"], seen["covariance"]
        seen["direction"] = direction(earlier_box(seen["history"], seen["box"]), boxes[chosen])
        seen["box"], seen["score"] = boxes[chosen], found.scores[chosen]
        seen["last"] = self._frame
        seen["hits"] += 1
        self._tracks[tracks] = seen

    def _remember(self) -> None:
        """Shift the history by a frame."""
        tracks = self._tracks
        now = np.where((tracks["last"] == self._frame)[:, None], tracks["box"], np.nan)
        tracks["history"] = np.concatenate([tracks["history"][:, 1:], now[:, None]], axis=1)

    def _start(self, left: Ints, found: Detections, boxes: Floats) -> None:
        started = np.zeros(len(left), TRACK)
        started["mean"], started["covariance"] = kalman.initiate(XYSR, boxes[left])
        started["seen_mean"], started["seen_covariance"] = started["mean"], started["covariance"]
        started["box"], started["history"] = boxes[left], np.nan
        started["history"][:, -1] = boxes[left]
        started["id"] = self._next_id + np.arange(len(left))
        started["class_id"], started["score"] = found.class_ids[left], found.scores[left]
        started["last"], started["hits"] = self._frame, 1
        self._next_id += len(left)
        self._tracks = np.concatenate([self._tracks, started])

    def _live(self, boxes: Floats) -> Detections:
        """The tracks with a box in the last frame that was looked at, with (T, 4) boxes."""
        hits = self._tracks["hits"]
        # the first frames have no earlier ones in which to stand a probation
        proven = (hits >= MIN_HITS) | (self._looks <= MIN_HITS)
        shown = (hits > 0) & proven
        tracks = self._tracks[shown]
        return Detections(
            boxes[shown].astype(np.float32),
            tracks["score"].astype(np.float32),
            tracks["class_id"].copy(),
            tracks["id"].copy(),
        )


def _reupdate(seen: NDArray[np.void], boxes: Floats, frame: int) -> tuple[Floats, Floats]:
    """Filter again from the last box to this one, along a straight line between the two.

    Without a gap this is one prediction and one update. Source: section 4.1 of the paper.
    """
    means, covariances = seen["seen_mean"].copy(), seen["seen_covariance"].copy()
    gaps = frame - seen["last"]
    for step in range(1, int(gaps.max(initial=0)) + 1):
        going = np.flatnonzero(gaps >= step)
        share = (step / gaps[going])[:, None]
        virtual = (1 - share) * seen["box"][going] + share * boxes[going]
        one, two = kalman.predict(XYSR, means[going], covariances[going])
        means[going], covariances[going] = kalman.update(XYSR, one, two, virtual)
    return means, covariances

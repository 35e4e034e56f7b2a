"""Association in two stages, boxes that are surely right first: ByteTrack's and BoT-SORT's loop.

Source: Zhang et al. 2022 (ByteTrack), algorithm 1, and its MIT-licensed code for what the paper
leaves open (confirmation in the second frame, removal of duplicates).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecv.trackers import kalman
from edgecv.trackers.assignment import assign
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.motion import Floats, MotionModel
from edgecv.trackers.overlap import Pairs, overlapping
from edgecv.types import Array, Detections, Frame, Ints

NEW, TRACKED, LOST = 0, 1, 2

TRACK = np.dtype(
    [
        ("mean", np.float64, (2, 4)),
        ("covariance", np.float64, (3, 4)),
        ("id", np.int64),
        ("class_id", np.int64),
        ("score", np.float64),
        ("first", np.int64),  # frame of the first box
        ("last", np.int64),  # frame of the last box
        ("state", np.int64),
    ]
)


@dataclass(frozen=True)
class TwoStageSettings:
    """Thresholds of the association.

    Attributes:
        high: boxes with a score above it are matched first; those below it second. A score of
            exactly `high` is in neither, as in ByteTrack's code: with the two-digit scores of
            published detections its published figures depend on it.
        low: boxes with a score up to it are noise.
        new: score from which an unmatched box starts a track.
        iou_first: smallest overlap times score of a pair of the first stage.
        iou_second: smallest overlap of a pair of the second stage.
        iou_new: smallest overlap times score with a track that has been seen once.
        iou_duplicate: where a live and a lost track overlap by more, the younger one goes;
            1 for never.
        predict_new: whether a track that has been seen once is predicted like every other.
        max_age: frames that a lost track is remembered.
    """

    high: float = 0.6
    low: float = 0.1
    new: float = 0.7
    iou_first: float = 0.1
    iou_second: float = 0.5
    iou_new: float = 0.3
    iou_duplicate: float = 0.85
    predict_new: bool = False
    max_age: int = 30


class TwoStageTracker:
    """Tracks of one camera.

    Args:
        settings: thresholds.
        model: the motion filter.
        camera_motion: how the picture moved since the last frame; None: not asked.
    """

    def __init__(
        self,
        settings: TwoStageSettings,
        model: MotionModel,
        camera_motion: CameraMotion | None = None,
    ) -> None:
        self._settings, self._model, self._camera = settings, model, camera_motion
        self.reset()

    def reset(self) -> None:
        """Forget every track; ids start at 1 again."""
        self._tracks = np.zeros(0, TRACK)
        self._frame, self._next_id = 0, 1
        if self._camera is not None:
            self._camera.reset()

    def update(self, detections: Detections, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame.

        Args:
            detections: what was found in it, (N,) of any score; may be empty.
            frame: its picture, for a tracker that looks at how the camera moves.

        Returns:
            The tracks seen in this frame with their filtered boxes, in the order of their ids.
        """
        self._frame += 1
        self._predict(detections, frame)
        boxes = detections.boxes_xyxy.astype(np.float64)
        scores = detections.scores
        left = self._associate(detections, boxes, scores)
        self._start(left[scores[left] >= self._settings.new], detections, boxes)
        self._forget()
        return self._seen_now()

    def _predict(self, detections: Detections, frame: Frame | None) -> None:
        tracks, model = self._tracks, self._model
        moving = np.flatnonzero(self._settings.predict_new | (tracks["state"] != NEW))
        means = tracks["mean"][moving]
        lost = tracks["state"][moving] == LOST
        for value in model.frozen_when_lost:
            means[lost, kalman.VELOCITY, value] = 0
        means, covariances = kalman.predict(model, means, tracks["covariance"][moving])
        tracks["mean"][moving], tracks["covariance"][moving] = means, covariances
        if self._camera is None:
            return
        affine = self._camera.estimate(frame, detections)
        if affine is not None and len(tracks):
            tracks["mean"], tracks["covariance"] = kalman.follow_camera(
                model, tracks["mean"], tracks["covariance"], affine
            )

    def _associate(self, detections: Detections, boxes: Floats, scores: Array) -> Ints:
        """Match in stages; the high boxes that stay alone."""
        settings, state = self._settings, self._tracks["state"].copy()
        predicted = self._model.boxes(self._tracks["mean"][:, kalman.POSITION])
        high = np.flatnonzero(scores > settings.high)
        low = np.flatnonzero((scores > settings.low) & (scores < settings.high))
        known = np.flatnonzero(state != NEW)

        def stage(tracks: Ints, found: Ints, iou_min: float, fuse: bool) -> tuple[Ints, Ints]:
            pairs = overlapping(
                predicted[tracks],
                boxes[found],
                self._tracks["class_id"][tracks],
                detections.class_ids[found],
            )
            likeness = pairs.values * scores[found][pairs.cols] if fuse else pairs.values
            gains = Pairs(pairs.rows, pairs.cols, likeness - iou_min)
            rows, cols = assign(gains, len(tracks), len(found))
            self._see(tracks[rows], found[cols], boxes, scores)
            return np.delete(tracks, rows), np.delete(found, cols)

        alone, left = stage(known, high, settings.iou_first, fuse=True)
        alone = alone[state[alone] == TRACKED]
        alone, _ = stage(alone, low, settings.iou_second, fuse=False)
        self._tracks["state"][alone] = LOST
        once = np.flatnonzero(state == NEW)
        once, left = stage(once, left, settings.iou_new, fuse=True)
        self._tracks = np.delete(self._tracks, once)
        return left

    def _see(self, tracks: Ints, found: Ints, boxes: Floats, scores: Array) -> None:
        chosen = self._tracks[tracks]
        chosen["mean"], chosen["covariance"] = kalman.update(
            self._model, chosen["mean"], chosen["covariance"], boxes[found]
        )
        chosen["score"], chosen["last"] = scores[found], self._frame
        chosen["state"] = TRACKED
        self._tracks[tracks] = chosen

    def _start(self, found: Ints, detections: Detections, boxes: Floats) -> None:
        if not len(found):
            return
        started = np.zeros(len(found), TRACK)
        started["mean"], started["covariance"] = kalman.initiate(self._model, boxes[found])
        started["id"] = self._next_id + np.arange(len(found))
        started["class_id"] = detections.class_ids[found]
        started["score"] = detections.scores[found]
        started["first"] = started["last"] = self._frame
        # in the first frame there is no earlier one that could have confirmed
        started["state"] = TRACKED if self._frame == 1 else NEW
        self._next_id += len(found)
        self._tracks = np.concatenate([self._tracks, started])

    def _forget(self) -> None:
        """Drop tracks that were lost too long, and the younger of two on the same object."""
        tracks = self._tracks
        tracks = tracks[self._frame - tracks["last"] <= self._settings.max_age]
        lost = np.flatnonzero(tracks["state"] == LOST)
        if len(lost) and self._settings.iou_duplicate < 1:
            live = np.flatnonzero(tracks["state"] != LOST)
            boxes = self._model.boxes(tracks["mean"][:, kalman.POSITION])
            classes = tracks["class_id"]
            pairs = overlapping(boxes[live], boxes[lost], classes[live], classes[lost])
            pairs = pairs.take(pairs.values > self._settings.iou_duplicate)
            one, two = live[pairs.rows], lost[pairs.cols]
            age = tracks["last"] - tracks["first"]
            tracks = np.delete(tracks, np.where(age[one] > age[two], two, one))
        self._tracks = tracks

    def _seen_now(self) -> Detections:
        tracks = self._tracks
        tracks = tracks[(tracks["state"] == TRACKED) & (tracks["last"] == self._frame)]
        boxes = self._model.boxes(tracks["mean"][:, kalman.POSITION])
        return Detections(
            boxes.astype(np.float32),
            tracks["score"].astype(np.float32),
            tracks["class_id"].copy(),
            tracks["id"].copy(),
        )

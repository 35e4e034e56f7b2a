"""Association in two stages, boxes that are surely right first: ByteTrack's and BoT-SORT's loop.

Source: Zhang et al. 2022 (ByteTrack), algorithm 1, and its MIT-licensed code for what the paper
leaves open (confirmation in the second frame, removal of duplicates).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecv.trackers import kalman
from edgecv.trackers.assignment import assign, without
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.motion import Floats, MotionModel
from edgecv.trackers.overlap import Pairs, overlapping
from edgecv.types import Detections, Frame, Ints

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
Tracks = NDArray[np.void]
Mask = NDArray[np.bool_]


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

    def starting_at(self, start: float | None) -> TwoStageSettings:
        """The same for another score of new tracks; None: as they are.

        What starts a track is 0.1 surer than what is matched first, as published: `high` comes
        down with `new`, else a track could not go on with the boxes that it began with.
        """
        if start is None:
            return self
        low = min(self.low, start)
        return replace(self, new=start, low=low, high=max(low, min(self.high, start - 0.1)))


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
        left = self._associate(detections, boxes)
        enough = detections.scores.take(left) >= self._settings.new
        self._start(left[enough], detections, boxes)
        self._forget()
        return self._live()

    def predict(self, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame when no detector looked at it, as far as they can be told.

        Args:
            frame: its picture, for a tracker that looks at how the camera moves.

        Returns:
            The tracks that the last `update` returned, moved on.
        """
        self._frame += 1
        self._predict(self._live(), frame)
        return self._live()

    def _predict(self, detections: Detections, frame: Frame | None) -> None:
        tracks, model = self._tracks, self._model
        state, means, covariances = tracks["state"], tracks["mean"], tracks["covariance"]
        for value in model.frozen_when_lost:
            means[state == LOST, kalman.VELOCITY, value] = 0
        later = kalman.predict(model, means, covariances)
        if not self._settings.predict_new:
            new = state == NEW
            later[0][new], later[1][new] = means[new], covariances[new]
        if self._camera is not None:
            affine = self._camera.estimate(frame, detections)
            if affine is not None:
                later = kalman.follow_camera(model, *later, affine)
        tracks["mean"], tracks["covariance"] = later

    def _associate(self, detections: Detections, boxes: Floats) -> Ints:
        """Match in stages; the high boxes that stay alone."""
        settings, scores, tracks = self._settings, detections.scores, self._tracks
        predicted = self._model.boxes(tracks["mean"][:, kalman.POSITION])
        pairs = overlapping(predicted, boxes, tracks["class_id"], detections.class_ids)
        fused = pairs.values * scores.take(pairs.cols)
        high = scores > settings.high
        low = (scores > settings.low) & (scores < settings.high)
        once = tracks["state"] == NEW
        known, live = ~once, tracks["state"] == TRACKED

        matched = [_match(pairs, fused - settings.iou_first, known, high)]
        live &= known
        matched.append(_match(pairs, pairs.values - settings.iou_second, live, low))
        matched.append(_match(pairs, fused - settings.iou_new, once, high))
        self._see(np.concatenate(matched, axis=1), detections, boxes)
        tracks["state"][live] = LOST
        if once.any():
            self._tracks = tracks[~once]
        return high.nonzero()[0]

    def _see(self, pairs: Ints, detections: Detections, boxes: Floats) -> None:
        """Update the tracks pairs[0] (K,) by the boxes pairs[1] (K,)."""
        tracks, found = pairs
        seen = self._tracks.take(tracks)
        seen["mean"], seen["covariance"] = kalman.update(
            self._model, seen["mean"], seen["covariance"], boxes.take(found, axis=0)
        )
        seen["score"], seen["last"] = detections.scores.take(found), self._frame
        seen["state"] = TRACKED
        self._tracks[tracks] = seen

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
        tracks, settings = self._tracks, self._settings
        lost = (tracks["state"] == LOST).nonzero()[0]
        if not len(lost):
            return
        old = lost[self._frame - tracks["last"].take(lost) > settings.max_age]
        if len(old):
            tracks = without(tracks, old)
        if settings.iou_duplicate < 1 and len(doubled := self._duplicates(tracks)):
            tracks = without(tracks, doubled)
        self._tracks = tracks

    def _duplicates(self, tracks: Tracks) -> Ints:
        are_lost = tracks["state"] == LOST
        lost, live = are_lost.nonzero()[0], (~are_lost).nonzero()[0]
        boxes = self._model.boxes(tracks["mean"][:, kalman.POSITION])
        classes = tracks["class_id"]
        pairs = overlapping(boxes[live], boxes[lost], classes[live], classes[lost])
        pairs = pairs.take(pairs.values > self._settings.iou_duplicate)
        if not len(pairs):
            return pairs.rows
        one, two = live[pairs.rows], lost[pairs.cols]
        age = tracks["last"] - tracks["first"]
        return np.asarray(np.where(age[one] > age[two], two, one))

    def _live(self) -> Detections:
        """The tracks with a box in the last frame that was looked at."""
        tracks = self._tracks[self._tracks["state"] == TRACKED]
        boxes = self._model.boxes(tracks["mean"][:, kalman.POSITION])
        return Detections(
            boxes.astype(np.float32),
            tracks["score"].astype(np.float32),
            tracks["class_id"].copy(),
            tracks["id"].copy(),
        )


def _match(pairs: Pairs, gains: Floats, tracks: Mask, boxes: Mask) -> Ints:
    """Pair some of the tracks with some of the boxes, and take both out of their masks.

    Args:
        pairs: P pairs of a track and a box that overlap.
        gains: (P,) what a pair gains; those of 0 or less are not made.
        tracks, boxes: (T,) and (D,) those that are free; changed in place.

    Returns:
        (2, K) tracks and boxes.
    """
    free = (tracks.take(pairs.rows) & boxes.take(pairs.cols)).nonzero()[0]
    if not len(free):
        return np.zeros((2, 0), np.int64)
    possible = Pairs(pairs.rows.take(free), pairs.cols.take(free), gains.take(free))
    rows, cols = assign(possible, len(tracks), len(boxes))
    tracks[rows], boxes[cols] = False, False
    return np.array((rows, cols))  # np.stack takes three times as long

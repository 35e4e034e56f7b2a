"""Run a tracker over recorded sequences, as a benchmark's protocol asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgecv.data.mot import Sequence
from edgecv.data.mot_rows import NO_CLASS, MotRows
from edgecv.data.pictures import read_picture
from edgecv.metrics.tracking import TrackScore, score_tracks
from edgecv.trackers import FOLLOWS_CAMERA, make_tracker
from edgecv.trackers.camera_motion import RecordedMotion
from edgecv.types import Detections, Frame


@dataclass(frozen=True)
class Protocol:
    """Which frames count, and which tracks are handed in."""

    part: Callable[[Sequence], Sequence]
    keep: Callable[[MotRows], MotRows]


def standing_people(rows: MotRows) -> MotRows:
    """Tracks shaped like a standing person: area above 100 pixels, width / height up to 1.6.

    Source: Zhang et al. 2022 (ByteTrack), settings of its MIT-licensed code for MOT17.
    """
    width, height = rows.boxes_xywh.T[2:]
    return rows.select((width * height > 100) & (width <= 1.6 * height))


WHOLE = Protocol(part=lambda sequence: sequence, keep=lambda rows: rows)
PROTOCOLS = {"mot17-val-half": Protocol(part=Sequence.second_half, keep=standing_people)}


def track_sequence(
    sequence: Sequence, tracker: str, protocol: Protocol = WHOLE, every: int = 1
) -> MotRows:
    """The tracks of a sequence, with positions to 1/100 of a pixel, as a file of them holds.

    Camera motion comes from the sequence where it was recorded, else from the pictures.

    Args:
        sequence: recorded detections.
        tracker: its name.
        protocol: which tracks are kept.
        every: detections of one frame of so many are used; in the others tracks are predicted.

    Raises:
        UsageError: a tracker that is not known.
        DataError: a picture cannot be read.
    """
    recorded = None
    if sequence.affines is not None:
        recorded = RecordedMotion(sequence.affines, sequence.size_wh)
    running = make_tracker(tracker, frame_rate=sequence.frame_rate, camera_motion=recorded)
    looks = recorded is None and tracker in FOLLOWS_CAMERA
    tracks = []
    for number in range(1, sequence.length + 1):
        frame = _frame(sequence, number) if looks and sequence.pictures else None
        if (number - 1) % every:
            tracks.append(running.predict(frame))
        else:
            tracks.append(running.update(sequence.found_in(number), frame))
    return protocol.keep(_rows(f"tracks of {sequence.name}", tracks))


def score_sequence(sequence: Sequence, tracks: MotRows) -> TrackScore | None:
    """How well the tracks follow the ground truth; None if the sequence has none."""
    if sequence.truth is None:
        return None
    return score_tracks(sequence.truth, tracks, sequence.length)


def _frame(sequence: Sequence, number: int) -> Frame:
    picture = read_picture(sequence.pictures[number - 1])
    return Frame(picture, number - 1, (number - 1) / sequence.frame_rate, sequence.name)


def _rows(source: str, tracks: list[Detections]) -> MotRows:
    boxes = np.concatenate([found.boxes_xyxy for found in tracks]).astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    counts = [len(found) for found in tracks]
    ids = [found.track_ids for found in tracks if found.track_ids is not None]
    return MotRows(
        source=source,
        frames=np.repeat(np.arange(1, len(tracks) + 1), counts),
        ids=np.concatenate(ids),
        boxes_xywh=np.round(boxes, 2),
        scores=np.concatenate([found.scores for found in tracks]).astype(np.float64),
        class_ids=np.full(len(boxes), NO_CLASS),
    )

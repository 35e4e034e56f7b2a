"""What the metrics see of a sequence: who was there, who was found, and how well they overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edgecv.data.mot_rows import PEDESTRIAN, MotRows
from edgecv.errors import DataError
from edgecv.types import Ints

Floats = NDArray[np.float64]

# Classes of MOT16 to MOT20 that look like people and are not to be found: person on vehicle,
# static person, distractor, reflection. Whoever finds them is neither right nor wrong.
DISTRACTORS = (2, 7, 8, 12)
EPS = float(np.finfo(float).eps)
MATCH_IOU = 0.5  # MOTChallenge's threshold for its own preparation, CLEAR and IDF1


@dataclass(frozen=True)
class ScoredFrame:
    """One frame: truth_ids (G,) from 0, track_ids (K,) from 0, similarity (G, K) in [0, 1]."""

    truth_ids: Ints
    track_ids: Ints
    similarity: Floats


@dataclass(frozen=True)
class ScoredSequence:
    """All frames, with the number of different ids and of boxes on either side."""

    frames: tuple[ScoredFrame, ...]
    truths: int
    tracks: int
    truth_boxes: int
    track_boxes: int


def prepare(truth: MotRows, found: MotRows, length: int) -> ScoredSequence:
    """Pair ground truth with tracks frame by frame, as the MOTChallenge prepares them.

    Ground truth with classes (MOT16 and later) also drops the tracks that sit on a distractor,
    then keeps its considered pedestrians. Ground truth without classes keeps what is considered.

    Args:
        truth: rows with ids; score 0 means not considered.
        found: rows of the tracker.
        length: frames of the sequence; rows are of frames 1 to length.

    Raises:
        DataError: an id occurs twice in a frame, or a frame lies outside the sequence.

    Source: Milan et al. 2016 (MOT16), section 4.1; Dendorfer et al. 2020, section 5.
    """
    for rows in (truth, found):
        _check(rows, length)
    frames = [_pair(truth.of_frame(t), found.of_frame(t)) for t in range(1, length + 1)]
    truth_names, truth_ids = _renumber([frame.truth_ids for frame in frames])
    track_names, track_ids = _renumber([frame.track_ids for frame in frames])
    renumbered = tuple(
        ScoredFrame(one, two, frame.similarity)
        for one, two, frame in zip(truth_ids, track_ids, frames, strict=True)
    )
    return ScoredSequence(
        renumbered,
        truth_names,
        track_names,
        sum(len(ids) for ids in truth_ids),
        sum(len(ids) for ids in track_ids),
    )


def _check(rows: MotRows, length: int) -> None:
    if len(rows) and (rows.frames.min() < 1 or rows.frames.max() > length):
        raise DataError(
            f"{rows.source}: frames {rows.frames.min()} to {rows.frames.max()}, "
            f"expected 1 to {length}, the length of the sequence"
        )
    names = np.stack([rows.frames, rows.ids], axis=1)
    unique, counts = np.unique(names, axis=0, return_counts=True)
    if len(unique) < len(names):
        frame, name = unique[counts.argmax()]
        raise DataError(
            f"{rows.source}: id {name} occurs {counts.max()} times in frame {frame}, expected "
            "once. Keep one box of an object a frame"
        )


def _pair(truth: MotRows, found: MotRows) -> ScoredFrame:
    similarity = iou_xywh(truth.boxes_xywh, found.boxes_xywh)
    considered = truth.scores.astype(np.int64) != 0
    keep = np.ones(len(found), bool)
    if truth.has_classes:
        rows, cols = matches(np.where(similarity < MATCH_IOU - EPS, 0, similarity))
        keep[cols[np.isin(truth.class_ids[rows], DISTRACTORS)]] = False
        considered &= truth.class_ids == PEDESTRIAN
    return ScoredFrame(truth.ids[considered], found.ids[keep], similarity[considered][:, keep])


def matches(values: Floats) -> tuple[Ints, Ints]:
    """The one-to-one pairs of largest total value, of which those with a value above 0."""
    rows, cols = linear_sum_assignment(values, maximize=True)
    real = values[rows, cols] > EPS
    return rows[real], cols[real]


def iou_xywh(first: Floats, second: Floats) -> Floats:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes left, top, width, height."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    ends = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    high = np.minimum(ends[0][:, None], ends[1][None, :])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > EPS))


def _renumber(ids: list[Ints]) -> tuple[int, list[Ints]]:
    names, numbers = np.unique(np.concatenate(ids), return_inverse=True)
    splits = np.cumsum([len(some) for some in ids])[:-1]
    return len(names), np.split(numbers.astype(np.int64), splits)

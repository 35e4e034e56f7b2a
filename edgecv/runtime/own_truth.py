"""Tracks of a source that knows what is really there, scored against it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from edgecv.data.mot_rows import NO_CLASS, MotRows
from edgecv.runtime.frames import StreamFrame
from edgecv.types import Array, Detections

# the last two minutes at 25 frames a second: the score takes a second and 30 MB then
FRAMES_MAX = 3000


class _Pair(NamedTuple):
    """A frame, as rows of class, id, left, top, right, bottom."""

    truth: Array
    tracks: Array


class OwnTruth:
    """Keeps the last FRAMES_MAX frames of each such stream, and scores them when asked.

    Args:
        class_names: of the network.
        truth_names: of each stream that has ground truth, its classes.
    """

    def __init__(
        self, class_names: Sequence[str], truth_names: Mapping[str, Sequence[str]]
    ) -> None:
        self._names, self._truth_names = class_names, truth_names
        self._kept: dict[str, deque[_Pair]] = {
            name: deque(maxlen=FRAMES_MAX) for name in truth_names
        }

    def see(self, frame: StreamFrame, tracks: Detections) -> None:
        """Keep what was there and what was tracked, where both are known."""
        if frame.truth is not None and frame.stream in self._kept:
            self._kept[frame.stream].append(_Pair(_rows(frame.truth), _rows(tracks)))

    def to_json(self, stream: str) -> dict[str, Any] | None:
        """How well the tracks follow the truth; None where it is not known.

        Returns:
            {"HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW", "frames", "classes"}; classes are
            matched by name, each is scored for itself, and their counts are added. With no class
            in common only the last two.
        """
        kept = self._kept.get(stream)
        if not kept:
            return None
        # with scipy it takes most of a second to import: not before the first result
        from edgecv.metrics.tracking import combine, score_tracks

        theirs = self._truth_names[stream]
        common = [name for name in theirs if name in self._names]
        scores = [
            score_tracks(
                _of_class(f"truth of {stream}", (pair.truth for pair in kept), theirs.index(name)),
                _of_class(stream, (pair.tracks for pair in kept), self._names.index(name)),
                len(kept),
            )
            for name in common
        ]
        told: dict[str, Any] = dict(combine(scores).percentages()) if scores else {}
        rounded = {key: round(value, 2) for key, value in told.items()}
        return {**rounded, "frames": len(kept), "classes": common}


def _rows(found: Detections) -> Array:
    """(N, 6) float32; ids stay exact up to 2**24."""
    ids = np.zeros(0) if found.track_ids is None else found.track_ids
    boxes = found.boxes_xyxy[: len(ids)]
    classes = found.class_ids[: len(ids)]
    return np.column_stack([classes, ids, boxes]).astype(np.float32)


def _of_class(source: str, frames: Iterable[Array], class_id: int) -> MotRows:
    """The rows of one class, with frames numbered from 1 as they were processed."""
    picked = [rows[rows[:, 0] == class_id] for rows in frames]
    rows = np.concatenate(picked)
    boxes = rows[:, 2:].astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return MotRows(
        source=source,
        frames=np.repeat(np.arange(1, len(picked) + 1), [len(some) for some in picked]),
        ids=rows[:, 1].astype(np.int64),
        boxes_xywh=boxes,
        scores=np.ones(len(rows)),
        class_ids=np.full(len(rows), NO_CLASS),
    )

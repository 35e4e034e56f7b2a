"""The text of the MOTChallenge: one box a line, `frame,id,left,top,width,height,score,...`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.data.number_table import read_table, refuse
from edgecv.errors import DataError
from edgecv.types import Ints

Floats = NDArray[np.float64]

PEDESTRIAN = 1  # class of MOT16 and later
NO_CLASS = -1
# frame to score; then a class and a visibility (MOT16), or three world coordinates (MOT15)
COLUMNS = (7, 8, 9, 10)
WITH_CLASS = (8, 9)


@dataclass(frozen=True)
class MotRows:
    """Boxes of a sequence, sorted by frame.

    Attributes:
        source: the file, for messages.
        frames: (N,) from 1.
        ids: (N,), -1 before tracking.
        boxes_xywh: (N, 4) left, top, width, height in pixels.
        scores: (N,); in ground truth 0 means not considered.
        class_ids: (N,), -1 where the file has none.
    """

    source: str
    frames: Ints
    ids: Ints
    boxes_xywh: Floats
    scores: Floats
    class_ids: Ints

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def has_classes(self) -> bool:
        """Whether the file tells pedestrians from distractors, as MOT16 and later do."""
        return bool((self.class_ids != NO_CLASS).any())

    def select(self, keep: NDArray[Any] | slice) -> MotRows:
        """The rows that a mask, an index array or a slice picks."""
        return MotRows(
            self.source,
            self.frames[keep],
            self.ids[keep],
            self.boxes_xywh[keep],
            self.scores[keep],
            self.class_ids[keep],
        )

    def of_frame(self, frame: int) -> MotRows:
        """The rows of one frame, from 1."""
        start, end = np.searchsorted(self.frames, [frame, frame + 1])
        return self.select(slice(int(start), int(end)))

    def from_frame(self, first: int) -> MotRows:
        """The rows from a frame on, renumbered so that it is frame 1."""
        later = self.select(self.frames >= first)
        return MotRows(
            later.source,
            later.frames - (first - 1),
            later.ids,
            later.boxes_xywh,
            later.scores,
            later.class_ids,
        )


def read_rows(path: Path, *, sorted_by_frame: bool) -> MotRows:
    """Read a file of detections, tracks or ground truth.

    Args:
        path: the file.
        sorted_by_frame: refuse a file whose frames go back; ground truth is listed by object.

    Raises:
        DataError: it is missing, empty or damaged; the message names the line.
    """
    table, lines = read_table(path, ",", COLUMNS)
    frames = table[:, 0]
    refuse(path, lines, ~_is_whole(frames) | (frames < 1), "frame", "a whole number from 1")
    refuse(path, lines, ~_is_whole(table[:, 1]), "id", "a whole number")
    flat = (table[:, 4:6] <= 0).any(axis=1)
    refuse(path, lines, flat, "box", "a width and height above 0")
    back = np.concatenate([[False], np.diff(frames) < 0])
    if sorted_by_frame:
        refuse(path, lines, back, "frame", "frames in rising order; sort the file")
    order = np.argsort(frames, kind="stable")
    table = table[order]
    no_class = np.full(len(table), NO_CLASS)
    return MotRows(
        source=str(path),
        frames=table[:, 0].astype(np.int64),
        ids=table[:, 1].astype(np.int64),
        boxes_xywh=table[:, 2:6].copy(),
        scores=table[:, 6].copy(),
        class_ids=table[:, 7].astype(np.int64) if table.shape[1] in WITH_CLASS else no_class,
    )


def _is_whole(values: Floats) -> NDArray[np.bool_]:
    # beyond 2**53 a float skips whole numbers
    return np.asarray((values % 1 == 0) & (np.abs(values) < 2**53))


def write_rows(path: Path, rows: MotRows) -> None:
    """Write tracks as a submission to the MOTChallenge; positions to 1/100 of a pixel."""
    lines = [
        f"{frame},{name},{x:.2f},{y:.2f},{w:.2f},{h:.2f},{score:.4f},-1,-1,-1\n"
        for frame, name, (x, y, w, h), score in zip(
            rows.frames, rows.ids, rows.boxes_xywh, rows.scores, strict=True
        )
    ]
    path.write_text("".join(lines), "utf-8")


def read_affines(path: Path, length: int) -> Floats:
    """(length, 2, 3) camera motion a frame, of lines `index a b tx c d ty`, index from 0.

    Raises:
        DataError: it is missing or damaged, or does not hold each frame once, in order.
    """
    table, lines = read_table(path, None, (7,))
    if len(table) != length:
        raise DataError(
            f"{path}: {len(table)} lines, expected one for each of {length} frames (seqinfo.ini)"
        )
    refuse(path, lines, table[:, 0] != np.arange(length), "index", "0, 1, 2, ... in order")
    return table[:, 1:].reshape(length, 2, 3)

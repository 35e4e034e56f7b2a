"""Tracks in the text of the MOTChallenge: a line a box, a file a stream."""

from __future__ import annotations

from pathlib import Path

from edgecv.boxes import xyxy_to_xywh
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks import path_of
from edgecv.runtime.sinks._text import TextFile
from edgecv.types import Detections


class MotText:
    """`frame,id,left,top,width,height,score,-1,-1,-1`, frames from 1; id -1 without a tracker.

    Args:
        path: the file; with several streams one each, with their names.
        streams: names of all streams.

    Raises:
        OSError: a file cannot be made.
    """

    def __init__(self, path: Path, streams: list[str]) -> None:
        alone = len(streams) == 1
        self._files = {name: TextFile(path_of(path, name, alone)) for name in streams}

    def write(self, frame: StreamFrame, found: Detections) -> None:
        boxes = xyxy_to_xywh(found.boxes_xyxy).tolist()
        ids = [-1] * len(found) if found.track_ids is None else found.track_ids.tolist()
        lines = []
        for name, box, score in zip(ids, boxes, found.scores.tolist(), strict=True):
            sides = ",".join(f"{value:.2f}" for value in box)
            lines.append(f"{frame.index + 1},{name},{sides},{score:.4f},-1,-1,-1\n")
        self._files[frame.stream].write("".join(lines))

    def close(self) -> None:
        for file in self._files.values():
            file.close()

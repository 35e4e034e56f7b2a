"""A line of JSON a frame; docs/run.md describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks._text import TextFile
from edgecv.types import Detections


class JsonLines:
    """Results as text, each line complete when the frame is done.

    Args:
        path: the file, or `-` for stdout.
        class_names: of the network.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        self._names, self._file = class_names, TextFile(path)

    def write(self, frame: StreamFrame, found: Detections) -> None:
        self._file.write(json.dumps(line_of(frame, found, self._names)) + "\n")

    def close(self) -> None:
        self._file.close()


def line_of(frame: StreamFrame, found: Detections, class_names: Sequence[str]) -> dict[str, Any]:
    """One result, ready for JSON: {"frame", "time", "source", "age_ms", "tracks": [...]}.

    With "detected": false where no detector looked and the boxes are predicted. With zones also
    {"crossings": [...], "counts": {name: ...}}.
    """
    ids = [None] * len(found) if found.track_ids is None else found.track_ids.tolist()
    boxes = [[round(value, 2) for value in box] for box in found.boxes_xyxy.tolist()]
    rows = zip(ids, found.class_ids.tolist(), found.scores.tolist(), boxes, strict=True)
    line: dict[str, Any] = {
        "frame": frame.index,
        "time": round(frame.time_s, 4),
        "source": frame.stream,
        "age_ms": round(frame.age_ms, 2),
        "tracks": [
            {"id": name, "class": class_names[class_id], "score": round(score, 4), "box": box}
            for name, class_id, score, box in rows
        ],
    }
    if not frame.detected:
        line["detected"] = False
    if frame.counted is not None:
        line["crossings"] = [crossing.to_json() for crossing in frame.counted.crossings]
        line["counts"] = frame.counted.to_json()
    return line

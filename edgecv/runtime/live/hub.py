"""The newest result of each stream, for those who look; without them it keeps and makes nothing."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import cv2

from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks.jsonl import line_of
from edgecv.types import Detections, Image

# of the network's input: 10 to 30 kB a picture, made in half a millisecond
JPEG_QUALITY = 75


class Shown:
    """One result as the browser gets it; whoever asks first makes it, for all."""

    def __init__(self, frame: StreamFrame, found: Detections, names: Sequence[str]) -> None:
        self.stream, self.index = frame.stream, frame.index
        self._frame, self._found, self._names = frame, found, names
        self._lock = threading.Lock()

    def message(self) -> bytes:
        """A line of JSONL and more as JSON: "size", "borders" and "jpeg" in base64."""
        with self._lock:
            return self._message

    @cached_property
    def _message(self) -> bytes:
        frame = self._frame
        line: dict[str, Any] = line_of(frame, self._found, self._names)
        line["size"] = frame.size_wh
        counted = frame.counted.counts if frame.counted is not None else ()
        line["borders"] = [
            {"name": one.name, "points": one.points, "label": one.label()} for one in counted
        ]
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        jpeg = cv2.imencode(".jpg", picture_of(frame), quality)[1]
        line["jpeg"] = base64.b64encode(jpeg.tobytes()).decode()
        return json.dumps(line, separators=(",", ":")).encode()


def picture_of(frame: StreamFrame) -> Image:
    """What the network saw, without its border.

    Raises:
        ValueError: the frame was not preprocessed.
    """
    placed = frame.letterbox
    if frame.small is None or placed is None:
        raise ValueError("a frame that the network has not seen cannot be shown")
    width = max(1, int(placed.width * placed.scale))
    height = max(1, int(placed.height * placed.scale))
    return frame.small[placed.pad_top :, placed.pad_left :][:height, :width]


class Hub:
    """A sink: between the loop, which never waits, and those who look.

    Args:
        class_names: of the network.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names, self._looking = class_names, 0
        self._newest: dict[str, Shown] = {}
        self._changed = threading.Condition()
        self.ended = threading.Event()

    def write(self, frame: StreamFrame, found: Detections) -> None:
        if not self._looking:
            return
        with self._changed:
            self._newest[frame.stream] = Shown(frame, found, self._names)
            self._changed.notify_all()

    def close(self) -> None:
        """The run is over; those who look are told."""
        self.ended.set()
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def look(self) -> Iterator[None]:
        """Results are kept while somebody is within."""
        with self._changed:
            self._looking += 1
        try:
            yield
        finally:
            with self._changed:
                self._looking -= 1
                if not self._looking:
                    self._newest.clear()

    @property
    def looking(self) -> int:
        """How many look."""
        return self._looking

    def newer(self, seen: dict[str, Shown], timeout_s: float) -> list[Shown]:
        """The newest of each stream that is not in `seen`, which it then is; waits for one."""

        def fresh() -> list[Shown]:
            return [one for one in self._newest.values() if seen.get(one.stream) is not one]

        with self._changed:
            self._changed.wait_for(lambda: self.ended.is_set() or bool(fresh()), timeout_s)
            found = fresh()
        seen.update({one.stream: one for one in found})
        return found

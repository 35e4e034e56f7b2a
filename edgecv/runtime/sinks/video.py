"""The stream with its boxes as an H.264 MP4 that a browser plays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgecv.errors import EdgecvError
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks import path_of
from edgecv.runtime.sinks._mp4 import Mp4
from edgecv.runtime.sinks.drawing import draw, draw_counts
from edgecv.runtime.sources._libav import package
from edgecv.types import Detections


class SavedVideo:
    """A file a stream, at the times of the source's own frames; without sound.

    Args:
        path: the file; with several streams one each, with their names.
        streams: names of all streams.
        class_names: of the network.

    Raises:
        MissingExtraError: PyAV is not installed.
        OSError: a file cannot be made.
    """

    def __init__(self, path: Path, streams: list[str], class_names: Sequence[str]) -> None:
        self._av, self._names = package(f"--save {path}"), class_names
        self._paths = {name: path_of(path, name, len(streams) == 1) for name in streams}
        for one in self._paths.values():
            one.open("wb").close()  # a wrong path is said before any work
        self._files: dict[str, Mp4] = {}

    def write(self, frame: StreamFrame, found: Detections) -> None:
        if frame.stream not in self._files:
            path = self._paths[frame.stream]
            self._files[frame.stream] = Mp4(self._av, path, frame.size_wh, frame.frame_rate)
        picture = frame.image.copy()
        draw(picture, found, self._names)
        if frame.counted is not None:
            draw_counts(picture, frame.counted)
        self._files[frame.stream].write(picture, frame.time_s)

    def close(self) -> None:
        problems = []
        for file in self._files.values():
            try:
                file.close()
            except EdgecvError as error:
                problems.append(error)
        for name, path in self._paths.items():
            if name not in self._files:
                path.unlink(missing_ok=True)  # there was no frame
        if problems:
            raise problems[0]

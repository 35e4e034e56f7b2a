"""Where results go: one file a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from edgecv.runtime.frames import StreamFrame
from edgecv.types import Detections

__all__ = ["Sink", "path_of"]


class Sink(Protocol):
    """Takes the results of all streams, from one thread."""

    def write(self, frame: StreamFrame, found: Detections) -> None:
        """Take one result.

        Args:
            frame: its picture is made in full size when `frame.image` is asked for.
            found: boxes in pixels of the full picture, with track_ids where a tracker runs.

        Raises:
            EdgecvError, OSError: nothing more can be written. The sink is closed, the rest runs
                on; the command fails at its end.
        """
        ...

    def close(self) -> None:
        """Finish what was written; nothing is lost.

        Raises:
            EdgecvError, OSError: the end could not be written.
        """
        ...


def path_of(path: Path, stream: str, alone: bool) -> Path:
    """The file of a stream: the one asked for, or with the stream's name when there are several."""
    return path if alone else path.with_name(f"{path.stem}-{stream}{path.suffix}")

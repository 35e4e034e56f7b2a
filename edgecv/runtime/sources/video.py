"""A video file, by FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgecv.errors import DataError
from edgecv.runtime.sources._capture import Capture
from edgecv.runtime.sources._libav import DecodedCapture


def missing(path: Path) -> DataError:
    """The error of a file that is not there."""
    return DataError(
        f"{path}: no such file. A source is a video, a folder of pictures, a glob in quotes, a "
        "camera's number, or an address such as rtsp://"
    )


@dataclass(frozen=True)
class VideoFile:
    """Frames of a file, each with the time that the file gives it."""

    path: Path
    name: str
    live: bool = False
    remote: bool = False

    def open(self) -> Capture:
        """The first video stream; sound is left out.

        Raises:
            DataError: it is missing, empty, no video, or of an unknown codec.
        """
        if not self.path.is_file():
            raise missing(self.path)
        if not self.path.stat().st_size:
            raise DataError(f"{self.path}: the file is empty; copy it again")
        # a name with a colon is no protocol
        return DecodedCapture(str(self.path), f"file:{self.path}")

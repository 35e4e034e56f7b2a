"""A window on this machine's screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cv2

from edgecv.errors import UsageError, pip
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.sinks.drawing import draw, draw_counts
from edgecv.types import Detections


class Window:
    """A window a stream; the key q ends the run.

    Args:
        class_names: of the network.
        stop: called when q is pressed.

    Raises:
        UsageError: this OpenCV has no windows, or there is no screen.
    """

    def __init__(self, class_names: Sequence[str], stop: Callable[[], None]) -> None:
        if _toolkit() == "NONE":
            raise UsageError(
                "--show: this OpenCV has no windows (opencv-python-headless). See the video with "
                f"--save FILE, or replace the package: {pip()} uninstall -y "
                f"opencv-python-headless && {pip()} install opencv-python"
            )
        if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            raise UsageError("--show: no screen here (DISPLAY is not set). Use --save FILE")
        self._names, self._stop = class_names, stop

    def write(self, frame: StreamFrame, found: Detections) -> None:
        picture = frame.image.copy()
        draw(picture, found, self._names)
        if frame.counted is not None:
            draw_counts(picture, frame.counted)
        cv2.imshow(frame.stream, picture)
        if cv2.waitKey(1) & 0xFF == ord("q"):
            self._stop()

    def close(self) -> None:
        cv2.destroyAllWindows()


def _toolkit() -> str:
    """What draws OpenCV's windows; NONE without any."""
    information: Any = cv2.getBuildInformation()
    lines = [line.split(":", 1) for line in information.splitlines() if ":" in line]
    found = {key.strip(): value.strip() for key, value in lines}
    return "NONE" if found.get("GUI", "NONE") in ("", "NONE") else found["GUI"]

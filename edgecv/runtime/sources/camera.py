"""A camera of this machine, through Video4Linux and FFmpeg."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from edgecv.errors import UsageError
from edgecv.machine import cameras
from edgecv.runtime.sources._capture import Capture, Source
from edgecv.runtime.sources._libav import DecodedCapture

# setting of v4l2://?... -> FFmpeg's option
OPTIONS = {"size": "video_size", "fps": "framerate", "format": "input_format"}
# a camera that gives nothing for so long was unplugged
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Camera:
    """A video device."""

    device: Path
    options: tuple[tuple[str, str], ...]
    name: str
    live: bool = True
    remote: bool = False

    def open(self) -> Capture:
        """Begin to capture.

        Raises:
            DataError: the device is gone, in use, may not be read, or lacks what was asked for.
        """
        return DecodedCapture(
            str(self.device),
            str(self.device),
            format="video4linux2,v4l2",
            options=dict(self.options),
            timeout_s=TIMEOUT_S,
            clocked=True,
            endless=True,
        )


def find(text: str) -> list[Source]:
    """The camera of a number, or of v4l2:///dev/video0?size=1280x720&fps=30&format=mjpeg.

    Raises:
        UsageError: no such device, or an unknown setting.
    """
    parts = urlsplit(text if not text.isdigit() else f"v4l2:///dev/video{text}")
    device = Path(parts.path or "/dev/video0")
    found = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = sorted(set(found) - set(OPTIONS))
    if parts.netloc or unknown:
        raise UsageError(
            f"{text}: expected v4l2:///dev/videoN, and of settings {', '.join(OPTIONS)}"
        )
    if not device.exists():
        here = ", ".join(cameras()) or "none"
        raise UsageError(f"{text}: no device {device}; cameras here: {here}")
    options = tuple((OPTIONS[key], value) for key, value in found.items())
    return [Camera(device, options, device.name)]

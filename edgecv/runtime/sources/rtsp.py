"""A camera in the network, by RTSP over TCP."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from edgecv.errors import UsageError
from edgecv.runtime.sources._capture import Capture, Source
from edgecv.runtime.sources._libav import DecodedCapture

# a camera that says nothing for so long is gone; a network's hiccup is shorter
TIMEOUT_S = 5.0
# TCP, since UDP's losses are frames with grey blocks; the rest is what a file needs and a camera
# pays for with delay: looking ahead for other streams, and holding frames back
OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "flags": "low_delay",
    "probesize": "500000",
    "analyzeduration": "500000",
}


@dataclass(frozen=True)
class RtspCamera:
    """A stream of a camera or server."""

    url: str
    name: str
    live: bool = True
    remote: bool = True

    def open(self) -> Capture:
        """Connect.

        Raises:
            DataError: it does not answer, refuses, or sends no video.
        """
        return DecodedCapture(
            without_password(self.url),
            self.url,
            options=OPTIONS,
            timeout_s=TIMEOUT_S,
            clocked=True,
            endless=True,
        )


def find(text: str) -> list[Source]:
    """The stream of an rtsp:// or rtsps:// address.

    Raises:
        UsageError: no host in it.
    """
    parts = urlsplit(text)
    if not parts.hostname:
        raise UsageError(f"{text}: no host in it; expected rtsp://HOST[:PORT]/PATH")
    path = parts.path.strip("/").replace("/", "-")
    return [RtspCamera(text, f"{parts.hostname}-{path}" if path else parts.hostname)]


def without_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()

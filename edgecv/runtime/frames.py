"""A frame on its way through the loop: its picture is made in the size that somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from edgecv.bundle import InputSpec
from edgecv.runtime import preprocess
from edgecv.runtime.counts import Counted
from edgecv.runtime.preprocess import Letterbox
from edgecv.types import Detections, Image


class Picture(Protocol):
    """What a source gives: pixels that may not be decoded to a colour picture yet.

    Attributes:
        size_wh: in pixels.
    """

    size_wh: tuple[int, int]

    def letterbox(self, spec: InputSpec) -> tuple[Image, Letterbox]:
        """A new (H, W, 3) uint8 BGR input of the network, and where the picture stands in it."""
        ...

    def full(self) -> Image:
        """(H, W, 3) uint8 BGR in its own size."""
        ...


class ArrayPicture:
    """A picture that is an array already.

    Args:
        image: (H, W, 3) uint8 BGR.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self.size_wh = (image.shape[1], image.shape[0])

    def letterbox(self, spec: InputSpec) -> tuple[Image, Letterbox]:
        return preprocess.letterbox(self._image, spec)

    def full(self) -> Image:
        return self._image


@dataclass
class StreamFrame:
    """One frame of one stream, from its capture to the sinks.

    Attributes:
        stream: name of the stream.
        index: position in it, from 0; frames that were dropped have theirs too.
        time_s: when it was taken, in seconds from the stream's first frame.
        captured_s: the same moment on the clock `now`.
        picture: its pixels.
        frame_rate: frames a second that the stream has when none is dropped.
        truth: what is really there, with track ids, where the source knows.
        missing: how many a break of the stream just before this one cost.
        detected: whether the detector looks at it; else its tracks are predicted.
        small: (H, W, 3) uint8 BGR, what the network sees; set by the preprocess stage.
        letterbox: where the picture stands in `small`.
        age_ms: from capture to result; set when there is one.
        counted: at lines and zones, where some were given.
    """

    stream: str
    index: int
    time_s: float
    captured_s: float
    picture: Picture
    frame_rate: float
    truth: Detections | None = None
    missing: int = 0
    detected: bool = True
    small: Image | None = field(default=None, repr=False)
    letterbox: Letterbox | None = None
    age_ms: float = 0.0
    counted: Counted | None = None

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.picture.size_wh

    @cached_property
    def image(self) -> Image:
        """(H, W, 3) uint8 BGR in full size, made when first asked for; not to be written to."""
        image = self.picture.full()
        image.flags.writeable = False
        return image

"""Decoding with FFmpeg's libraries through PyAV; what files, cameras and streams have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecv.bundle import InputSpec
from edgecv.errors import DataError
from edgecv.extras import imported
from edgecv.runtime.preprocess import Letterbox, place
from edgecv.runtime.sources._capture import Shot
from edgecv.types import Image

if TYPE_CHECKING:
    from types import ModuleType

# a stream that does not say its rate; the most usual one of cameras
USUAL_RATE = 30.0
# frames that may be missing at the end: containers round their counts
FRAMES_SPARE = 2


def package(reason: str) -> ModuleType:
    """PyAV.

    Raises:
        MissingExtraError: it is not installed.
    """
    return imported("av", "video", reason)


class DecodedPicture:
    """A decoded frame, still in the decoder's colours: swscale makes the size that is wanted.

    Args:
        frame: PyAV's video frame.
        scalers: one for small pictures and one for full ones; each is used by one thread.
    """

    def __init__(self, frame: Any, scalers: tuple[Any, Any]) -> None:
        self._frame, self._scalers = frame, scalers
        # quarter turns counter-clockwise that a phone asks the player for
        self._turns = round(getattr(frame, "rotation", 0) / 90) % 4
        upright = self._turns % 2 == 0
        sides = (frame.width, frame.height)
        self.size_wh: tuple[int, int] = sides if upright else (sides[1], sides[0])

    def letterbox(self, spec: InputSpec) -> tuple[Image, Letterbox]:
        out, inside, placed = place(self.size_wh, spec)
        inside[:] = self._bgr(self._scalers[0], (inside.shape[1], inside.shape[0]))
        return out, placed

    def full(self) -> Image:
        return self._bgr(self._scalers[1], self.size_wh)

    def _bgr(self, scaler: Any, size_wh: tuple[int, int]) -> Image:
        width, height = size_wh if self._turns % 2 == 0 else size_wh[::-1]
        # one thread: the cores are the engine's; AREA is nearest to what networks learnt from
        scaled = scaler.reformat(
            self._frame, width, height, "bgr24", interpolation="AREA", threads=1
        )
        plane = scaled.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height]
        image = rows[:, : 3 * width].reshape(height, width, 3)
        return np.rot90(image, self._turns) if self._turns else image


class DecodedCapture:
    """An open container's first video stream.

    Args:
        name: for messages; without passwords.
        address: what FFmpeg opens.
        format: FFmpeg's name of the input format; None: it finds out.
        options: FFmpeg's.
        timeout_s: of opening and of each read; None: for ever.
        clocked: frames are taken when they come, whatever time they carry.
        endless: an end is a break.

    Raises:
        DataError: it cannot be opened, has no video, or one of an unknown codec.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        format: str | None = None,
        options: dict[str, str] | None = None,
        timeout_s: float | None = None,
        clocked: bool = False,
        endless: bool = False,
    ) -> None:
        self._av, self._name = package(f"source {name}"), name
        self._clocked, self._endless = clocked, endless
        try:
            self._container = self._av.open(
                address, format=format, options=options or {}, timeout=timeout_s
            )
        except (self._av.error.FFmpegError, OSError) as error:
            raise DataError(f"{name}: cannot be opened as a video ({_reason(error)})") from error
        self._closed = False
        try:
            self._stream = self._video()
        except DataError:
            self._container.close()
            raise
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.frame_rate = float(rate) if rate else USUAL_RATE
        self.frames = int(self._stream.frames) or None

    def _video(self) -> Any:
        streams = self._container.streams.video
        if not streams:
            raise DataError(f"{self._name}: no video in it. Give a file or stream with pictures")
        stream = streams[0]
        if stream.codec_context is None:
            raise DataError(
                f"{self._name}: its video is of a codec that this FFmpeg does not know. "
                "Convert it, for example to H.264"
            )
        # one thread: no frames are held back, and the cores are the engine's
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        return stream

    def __iter__(self) -> Iterator[Shot]:
        """Each frame that can be decoded; then DataError, if not all could."""
        scalers = tuple(self._av.video.reformatter.VideoReformatter() for _ in range(2))
        decoded, damaged, first = 0, 0, None
        try:
            for frame in self._frames():
                if frame is None or frame.is_corrupt:
                    damaged += 1
                if frame is None:
                    continue
                time_s = None
                if not self._clocked:
                    time_s = frame.time if frame.time is not None else decoded / self.frame_rate
                    first = time_s if first is None else first
                    time_s -= first
                decoded += 1
                yield Shot(DecodedPicture(frame, (scalers[0], scalers[1])), time_s)
        except (self._av.error.FFmpegError, OSError) as error:
            if not self._closed:
                raise DataError(
                    f"{self._name}: broke off after {decoded} frames ({_reason(error)})"
                ) from error
        finally:
            self._container.close()
        if not self._closed:
            self._check(decoded, damaged)

    def _frames(self) -> Iterator[Any]:
        """Frames as they are decoded; None for a packet that cannot be."""
        for packet in self._container.demux(self._stream):
            if self._closed:
                return
            try:
                yield from packet.decode()
            except self._av.error.InvalidDataError:
                yield None

    def _check(self, decoded: int, damaged: int) -> None:
        announced = self._stream.frames
        if self._endless:
            raise DataError(f"{self._name}: the stream ended after {decoded} frames")
        if not decoded:
            raise DataError(f"{self._name}: no frame in it could be decoded")
        if announced - decoded - damaged > FRAMES_SPARE:
            raise DataError(
                f"{self._name}: ends early, after {decoded} of {announced} frames. "
                "These were processed; copy the file again for the rest"
            )
        if damaged:
            raise DataError(
                f"{self._name}: {damaged} of {decoded} frames are damaged. "
                "They were processed as far as they could be decoded; copy the file again"
            )

    def close(self) -> None:
        # not the container: another thread may be in it. Reads end by their time-out
        self._closed = True


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.partition("\n")[0].rstrip(".")

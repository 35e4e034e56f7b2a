"""One H.264 file: whole in pieces while it grows, put in order when it is closed."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from edgecv.bundle import InputSpec
from edgecv.errors import EdgecvError
from edgecv.progress import say
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Image

# first of those that this FFmpeg has
CODECS = ("libx264", "h264_v4l2m2m", "h264_nvenc", "libopenh264")
# little work a frame, and none is held back: a device has other things to do
X264 = {"preset": "superfast", "tune": "zerolatency", "crf": "25"}
TICKS = 90_000  # a second, as usual for video
KEY_FRAME_S = 2
# in pieces that play as they are: what was written before a crash or a full disk is not lost
PIECES = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
WHOLE = {"movflags": "faststart"}


class Mp4:
    """A file that grows by a picture at a time.

    Args:
        av: PyAV.
        path: the file.
        size_wh: of the first picture, in pixels.
        rate: frames a second when none is missing.

    Raises:
        EdgecvError: no encoder for H.264.
        OSError: the file cannot be made.
    """

    def __init__(self, av: Any, path: Path, size_wh: tuple[int, int], rate: float) -> None:
        self._av, self._path, self._last, self.frames = av, path, -1, 0
        self._broken = False
        # H.264 in 4:2:0 has no odd sides
        self._size_wh = (max(2, size_wh[0] & ~1), max(2, size_wh[1] & ~1))
        codec = next((name for name in CODECS if name in av.codecs_available), None)
        if codec is None:
            raise EdgecvError(f"{path}: this FFmpeg has no H.264 encoder: {', '.join(CODECS)}")
        # not by name: FFmpeg would tell of a full disk some pieces later
        self._out = path.open("wb", buffering=0)
        self._container = av.open(self._out, "w", format="mp4", options=PIECES)
        fraction = Fraction(rate).limit_denominator(1001)
        stream = self._container.add_stream(codec, rate=fraction, options=_options(codec))
        stream.width, stream.height, stream.pix_fmt = *self._size_wh, "yuv420p"
        context = stream.codec_context
        context.time_base, context.gop_size = Fraction(1, TICKS), max(1, round(KEY_FRAME_S * rate))
        # BT.709 in the range of television, and said so: players guess otherwise
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        self._stream, self._scaler = stream, av.video.reformatter.VideoReformatter()

    def write(self, image: Image, time_s: float) -> None:
        """Add one picture; of another size than the first it is fitted into that."""
        width, height = self._size_wh
        if abs(image.shape[1] - width) > 1 or abs(image.shape[0] - height) > 1:
            image = letterbox(image, _canvas(self._size_wh))[0]
        frame = self._av.VideoFrame.from_ndarray(
            np.ascontiguousarray(image[:height, :width]), format="bgr24"
        )
        frame = self._scaler.reformat(
            frame, format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
        )
        self._last = max(self._last + 1, round(time_s * TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._mux(frame)
        self.frames += 1

    def _mux(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (self._av.error.FFmpegError, OSError) as error:
            self._broken = True
            raise EdgecvError(
                f"{self._path}: cannot be written after frame {self.frames} "
                f"({getattr(error, 'strerror', None) or error}). What is in it plays; make room "
                "or name another disk with --save"
            ) from error

    def close(self) -> None:
        """End the file, then put its index first so that a browser begins before it has all."""
        try:
            if not self._broken:
                self._mux(None)
        finally:
            try:
                self._container.close()
            except (self._av.error.FFmpegError, OSError):
                self._broken = True  # the pieces before are whole
            self._out.close()
        if not self._broken:
            self._rewrite()

    def _rewrite(self) -> None:
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        try:
            self._copy_to(temporary)
            os.replace(temporary, self._path)
        except (self._av.error.FFmpegError, OSError) as error:
            temporary.unlink(missing_ok=True)
            say(f"{self._path}: plays, but its index stays in pieces ({error})")

    def _copy_to(self, whole: Path) -> None:
        size = 0
        with (
            self._av.open(str(self._path)) as pieces,
            self._av.open(str(whole), "w", format="mp4", options=WHOLE) as out,
        ):
            stream = out.add_stream_from_template(pieces.streams.video[0])
            for packet in pieces.demux(video=0):
                if packet.dts is not None:
                    size += packet.size
                    packet.stream = stream
                    out.mux(packet)
        with self._av.open(str(whole)) as made:
            frames = made.streams.video[0].frames
        # closing does not always say that the disk is full
        if frames != self.frames or whole.stat().st_size < size:
            raise OSError(f"{frames} of {self.frames} frames fit on the disk")


def _options(codec: str) -> dict[str, str]:
    return X264 if codec == "libx264" else {}


def _canvas(size_wh: tuple[int, int]) -> InputSpec:
    return InputSpec(width=size_wh[0], height=size_wh[1], pad_value=0, align="center")

"""A bundle whose engine computes nothing, and videos small enough to make in a test."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from small_bundles import spec_of

from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.types import Image

SIZE_WH = (64, 48)
RATE = 10


def null_bundle(folder: Path) -> Bundle:
    folder.mkdir(parents=True)
    variant = Variant(name="null-fp32", engine="null", precision="fp32", file="")
    bundle = Bundle(folder, Manifest(spec=spec_of(), variants=(variant,)))
    bundle.save()
    return bundle


def picture(index: int, size_wh: tuple[int, int] = SIZE_WH) -> Image:
    """Of one grey level, which tells the frame's number: 10 + 5 * index."""
    return np.full((size_wh[1], size_wh[0], 3), 10 + 5 * (index % 48), np.uint8)


def write_video(
    path: Path,
    count: int = 12,
    size_wh: tuple[int, int] = SIZE_WH,
    codec: str = "libx264",
    rate: int = RATE,
) -> Path:
    """A video of `picture(0)`, `picture(1)`, ...; the suffix decides the container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        stream.codec_context.gop_size = 4
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index, size_wh), format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frames_of(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))

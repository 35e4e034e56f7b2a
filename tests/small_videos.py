"""A bundle whose engine computes nothing, and videos small enough to make in a test."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from small_bundles import spec_of

from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.engines import null
from edgecv.types import Image

SIZE_WH = (64, 48)
RATE = 10


def null_bundle(folder: Path, class_names: tuple[str, ...] | None = None) -> Bundle:
    folder.mkdir(parents=True)
    spec = spec_of()
    if class_names is not None:
        spec = spec.model_copy(update={"class_names": class_names})
    variant = Variant(name="null-fp32", engine="null", precision="fp32", file="")
    bundle = Bundle(folder, Manifest(spec=spec, variants=(variant,)))
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


def write_truth(path: Path, frames: int, boxes: tuple[int, ...]) -> None:
    """MOT ground truth that the null engine's boxes of these numbers never move in `write_video`.

    The network's input is half as wide as the video, and they stand in its corner.
    """
    corners = null.boxes_of(spec_of()) * (SIZE_WH[0] / spec_of().input.width)
    rows = []
    for frame in range(1, frames + 1):
        for box in boxes:
            left, top, right, bottom = corners[box]
            rows.append(f"{frame},{box},{left},{top},{right - left},{bottom - top},1\n")
    path.write_text("".join(rows), "utf-8")

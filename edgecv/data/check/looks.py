"""What the bytes of each picture tell: whether it decodes, its kind, its digest, what it shows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.data import picture_files
from edgecv.data.pictures import read_picture
from edgecv.errors import DataError
from edgecv.progress import bar
from edgecv.types import Image

Kind = Literal["colour", "grey", "16-bit", "CMYK", "alpha"]
Bits = NDArray[np.bool_]

SIDE = 32  # a picture is made so small before its waves are measured
WAVES = 8  # in each direction; the constant ones are left out, for they are brightness
HASH_BITS = WAVES**2


@dataclass(frozen=True)
class Look:
    """One picture file.

    Attributes:
        path: the file.
        sha256: of its bytes; empty when it cannot be read.
        kind: how its pixels are stored.
        bits: (64,) perceptual hash; None when it cannot be decoded.
    """

    path: Path
    sha256: str = ""
    kind: Kind = "colour"
    bits: Bits | None = None


def look_at(paths: Sequence[Path]) -> list[Look]:
    """A look at each file, in order; one that is missing or broken has no bits."""
    with (
        bar("looking at pictures", len(paths)) as advance,
        ThreadPoolExecutor(os.cpu_count() or 1) as pool,
    ):
        found = []
        for look in pool.map(_look, paths):
            found.append(look)
            advance()
    return found


def perceptual_hash(image: Image) -> Bits:
    """(64,) bits that stay much the same when a picture is scaled, compressed or made brighter.

    Which of the 64 lowest cosine waves of the picture at 32x32 are above their median.

    Args:
        image: (H, W, 3) uint8 BGR.

    Source: Zauner 2010, "Implementation and benchmarking of perceptual image hash functions".
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[1 : WAVES + 1, 1 : WAVES + 1].ravel()
    return np.asarray(waves > np.median(waves))


def _look(path: Path) -> Look:
    try:
        data = path.read_bytes()
    except OSError:
        return Look(path)
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = read_picture(path, _reduction(data))
    except DataError:
        return Look(path, digest)
    return Look(path, digest, _kind(data), perceptual_hash(image))


def _reduction(data: bytes) -> int:
    """Decode no larger than the hash needs: eight times its side at least."""
    longest = max(picture_files.size_wh(data) or (0, 0))
    return next((k for k in (8, 4, 2) if longest >= 8 * SIDE * k), 1)


def _kind(data: bytes) -> Kind:
    bits, channels = picture_files.bits_and_channels(data) or _decoded_as(data)
    if bits > 8:
        return "16-bit"
    if channels in (1, 2):
        return "grey"
    if channels == 4:
        return "CMYK" if data.startswith(picture_files.JPEG_START) else "alpha"
    return "colour"


def _decoded_as(data: bytes) -> tuple[int, int]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        return 8, 3
    return 8 * image.itemsize, 1 if image.ndim == 2 else image.shape[2]

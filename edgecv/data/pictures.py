"""Find and read picture files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgecv import progress
from edgecv.data import picture_files
from edgecv.errors import DataError
from edgecv.types import Image

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
NAMED = 5  # problems that a message names; the others are counted


@dataclass(frozen=True)
class Skipped:
    """A picture that cannot be used, and why."""

    path: Path
    reason: str


def find_pictures(folder: Path) -> list[Path]:
    """Picture files under a folder, at any depth, sorted by path; hidden files are left out.

    Raises:
        DataError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected a folder of pictures")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise DataError(
            f"{folder}: no picture in this folder or under it; expected files that end in "
            + " ".join(SUFFIXES)
        )
    return found


def read_picture(path: Path, reduction: int = 1) -> Image:
    """Decode a picture to (H, W, 3) uint8 BGR.

    Grey and palette pictures become colour, 16 bits become 8, CMYK becomes BGR, alpha is dropped.
    EXIF orientation is applied: annotation tools and browsers show, and people mark, the upright
    picture. Ground truth made for the picture as stored is refused by `open_dataset`, whose sizes
    would not match.

    Args:
        path: the file.
        reduction: 1, 2, 4 or 8: both sides are so many times smaller, rounded; a JPEG is then
            decoded several times faster.

    Raises:
        DataError: the file is missing, empty, ends early, or is no picture.
    """
    data = _bytes_of(path)
    try:
        with _quiet():
            # an absent result and an exception both occur, by format and version
            image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[reduction])
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path}: not a picture that can be decoded; replace or remove the file")
    return np.asarray(image, np.uint8)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels as `read_picture` gives them, decoding only when it must.

    Raises:
        DataError: as `read_picture`.
    """
    size = picture_files.size_wh(_bytes_of(path))
    if size is None:
        height, width = read_picture(path).shape[:2]
        return width, height
    return size


def usable_pictures(folder: Path, minimum: int) -> tuple[list[Path], list[Skipped]]:
    """The pictures of a folder that decode, and those that do not, both sorted by path.

    Raises:
        DataError: no folder, no picture, or fewer than `minimum` that decode.
    """
    paths = find_pictures(folder)
    usable: list[Path] = []
    skipped: list[Skipped] = []
    with progress.bar("check pictures", len(paths)) as advance:
        for path in paths:
            try:
                read_picture(path)
                usable.append(path)
            except DataError as error:
                skipped.append(Skipped(path, str(error).removeprefix(f"{path}: ")))
            advance()
    if len(usable) < minimum:
        raise DataError(_too_few(folder, len(usable), minimum, skipped))
    return usable, skipped


def _bytes_of(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise DataError(f"{path}: empty file; replace or remove it")
    if not picture_files.is_whole(data):
        raise DataError(f"{path}: the file ends early (truncated); copy it again or remove it")
    return data


def _too_few(folder: Path, usable: int, minimum: int, skipped: list[Skipped]) -> str:
    message = f"{folder}: {usable} usable pictures, at least {minimum} are needed; add pictures"
    if not skipped:
        return message
    lines = [f"  {item.path.name}: {item.reason}" for item in skipped[:NAMED]]
    if len(skipped) > NAMED:
        lines.append(f"  and {len(skipped) - NAMED} more")
    return "\n".join([f"{message}. {len(skipped)} cannot be used:", *lines])


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV logs a damaged file to stderr on its own; the error raised here says it once."""
    # OpenCV 5 moved these two functions
    logging: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(0)
    try:
        yield
    finally:
        logging.setLogLevel(level)

"""What the bytes of a picture file tell before they are decoded: is it whole, and how large."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB\x60\x82"  # the last chunk's name and its fixed checksum

_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
# start-of-frame markers share their block with tables (C4), extensions (C8) and conditioning (CC)
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# by colour type: grey, RGB, palette, grey with alpha, RGB with alpha
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_ORIENTATION_TAG = 0x0112


def is_whole(data: bytes) -> bool:
    """False for a JPEG or PNG file that ends early; True for other formats.

    OpenCV 4 fills the missing part of such a picture with grey and says nothing.
    """
    if data.startswith(JPEG_START):
        return any(marker == _END_OF_IMAGE for marker, _ in _segments(data))
    if data.startswith(PNG_START):
        return PNG_END in data
    return True


def size_wh(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG or PNG as it is shown, after EXIF orientation; None if unknown."""
    if data.startswith(PNG_START) and b"eXIf" not in data and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if not data.startswith(JPEG_START):
        return None
    turned = False
    for marker, payload in _segments(data):
        if marker == _APP1 and payload.startswith(b"Exif\0\0"):
            turned = _orientation(payload[6:]) >= 5
        if marker in _START_OF_FRAME and len(payload) >= 5:
            height, width = struct.unpack(">HH", payload[1:5])
            return (height, width) if turned else (width, height)
    return None


def bits_and_channels(data: bytes) -> tuple[int, int] | None:
    """Bits of a value and values of a pixel as a JPEG or PNG stores them; None if unknown.

    A palette counts as its three colours.
    """
    if data.startswith(PNG_START) and len(data) >= 26:
        return data[24], _PNG_CHANNELS.get(data[25], 0)
    if data.startswith(JPEG_START):
        for marker, payload in _segments(data):
            if marker in _START_OF_FRAME and len(payload) >= 6:
                return payload[0], payload[5]
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and payloads of a JPEG, in order; stops where the file stops making sense.

    Source: ITU T.81, annex B.
    """
    position = 2
    while position + 1 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _END_OF_IMAGE:
            yield marker, b""
            return
        else:
            end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            yield marker, data[position + 4 : end]
            position = max(end, position + 4)
            if marker == _START_OF_SCAN:
                following = _NEXT_MARKER.search(data, position)
                if following is None:
                    return
                position = following.start()


def _orientation(tiff: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 when absent or unreadable."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION_TAG:
                return int(value)
    except struct.error:
        pass
    return 1

"""Tar, in the one form in which edgecv writes it, and refuses all others when it reads.

A header has to be, byte by byte, the one that follows from its name and size. So there is no link,
no device, no folder, no hole, no owner and no extension to be careful about.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from edgecv.errors import BundleError

BLOCK = tarfile.BLOCKSIZE
# two blocks of zeros end a tar
END = bytes(2 * BLOCK)
PIECE = 1 << 20
SIZE_END = 8**11  # a header holds sizes below it
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"PK": "zip",
}
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
    tarfile.GNUTYPE_SPARSE: "a file with holes",
}


class Entry(NamedTuple):
    """A file in an archive."""

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} of {self.size} bytes"


def header_of(name: str, size: int) -> bytes:
    """The 512 bytes before a file's content: a ustar header of POSIX.1-1988.

    Not tarfile's: its empty fields have changed between versions of Python.

    Raises:
        ValueError: a name or size that such a header cannot hold.
    """
    prefix, last = _split(name.encode())
    if not 0 <= size < SIZE_END:
        raise ValueError(f"{size} bytes do not fit a header")
    ids = b"0000000\0" * 2
    fields = (
        (last, 100), (b"0000644\0" + ids, 24), (b"%011o\0%011o\0" % (size, 0), 24),
        (b" " * 8, 8), (b"0", 1), (b"", 100), (b"ustar\x0000", 8), (b"", 64), (ids, 16),
        (prefix, 155), (b"", 12),
    )  # fmt: skip
    bare = b"".join(field.ljust(width, b"\0") for field, width in fields)
    return bare[:148] + b"%06o\0 " % sum(bare) + bare[156:]


def _split(name: bytes) -> tuple[bytes, bytes]:
    """A name in two: at a slash, which is not written, when it is longer than 100 bytes."""
    if len(name) <= 100:
        return b"", name
    prefix, _, last = name[:156].rpartition(b"/")
    last += name[156:]
    if not prefix or len(last) > 100:
        raise ValueError(f"its name of {len(name)} bytes does not fit a header")
    return prefix, last


def padding(size: int) -> int:
    """Bytes from the end of a file's content to the next header."""
    return -size % BLOCK


class Archive:
    """An archive that is read from its begin to its end.

    Args:
        stream: need not be seekable.
        name: for messages.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self.name = stream, name

    def entry(self) -> Entry | None:
        """The next file, or None at the end.

        Raises:
            BundleError: something else stands there.
        """
        block = self._read(BLOCK)
        if block == END[:BLOCK]:
            if self._read(BLOCK) != END[:BLOCK] or self._stream.read(1):
                raise self.refused("goes on after its end")
            return None
        compression = next((kind for magic, kind in _MAGIC.items() if block.startswith(magic)), "")
        if compression:
            raise self.refused(f"is compressed ({compression}); expand it first")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            if info.type != tarfile.REGTYPE:
                kind = _KINDS.get(info.type, f"an entry of type {info.type!r}")
                raise self.refused(f"has {kind} at {info.name!r}")
            if header_of(info.name, info.size) != block:
                raise self.refused(f"has an unusual header at {info.name!r}")
        except (tarfile.HeaderError, ValueError) as error:
            raise self.refused("is no archive") from error
        return Entry(info.name, info.size)

    def content(self, entry: Entry) -> Iterator[bytes]:
        """The content of the file that `entry` gave last, in pieces.

        Raises:
            BundleError: the archive ends in it.
        """
        left = entry.size
        while left:
            piece = self._read(min(left, PIECE))
            left -= len(piece)
            yield piece
        if self._read(padding(entry.size)).strip(b"\0"):
            raise self.refused(f"has something between {entry.name} and the next file")

    def refused(self, reason: str) -> BundleError:
        """The error that says why."""
        return BundleError(
            f"{self.name}: {reason}; expected what edgecv bundle pack writes. Nothing was kept"
        )

    def _read(self, count: int) -> bytes:
        pieces = []
        while count:
            piece = self._stream.read(count)
            if not piece:
                raise self.refused("ends early")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)

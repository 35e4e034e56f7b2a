"""A bundle as one file: a plain tar whose bytes follow from the bundle's files alone.

Not compressed: zlib, zlib-ng and versions of either give different bytes of the same input, and a
plain tar cannot swell when it is unpacked. Names are sorted behind the manifest; times, owners and
modes are the same for all.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from edgecv.bundle import MANIFEST, SIGNATURE, Bundle
from edgecv.errors import BundleError
from edgecv.shipping.contents import check_files
from edgecv.shipping.signature import APART, is_signed
from edgecv.shipping.ustar import END, PIECE, header_of, padding

SUFFIX = ".tar"


def shipped_names(bundle: Bundle) -> list[str]:
    """What is sent, in the order of the archive; what was built on a device stays there."""
    first = [MANIFEST, SIGNATURE] if is_signed(bundle.folder) else [MANIFEST]
    return first + sorted(bundle.manifest.files)


def check_whole(bundle: Bundle) -> None:
    """Refuse a bundle that holds not exactly the files of its manifest, as `write_archive` does.

    Raises:
        BundleError: naming what is wrong.
    """
    check_files(bundle.folder, bundle.manifest.files, APART)


def write_archive(
    bundle: Bundle, stream: IO[bytes], written: Callable[[int], None] = lambda length: None
) -> int:
    """Write a bundle's archive to a stream, piece by piece; gives its length in bytes.

    Args:
        bundle: as it was shipped: of `Bundle.open`, without what was built here.
        stream: need not be seekable.
        written: called with each piece's length.

    Raises:
        BundleError: its files are not those of its manifest, or a name is too long.
    """
    check_whole(bundle)
    total = 0
    for piece in _pieces(bundle):
        stream.write(piece)
        total += len(piece)
        written(len(piece))
    return total


def _pieces(bundle: Bundle) -> Iterator[bytes]:
    for name in shipped_names(bundle):
        path = bundle.path(name)
        size = path.stat().st_size
        try:
            yield header_of(name, size)
        except ValueError as error:
            raise BundleError(f"{path}: cannot be packed ({error}). Shorten its name") from error
        with path.open("rb") as file:
            left = size
            while left:
                piece = file.read(min(left, PIECE))
                if not piece:
                    raise BundleError(f"{path}: became shorter while it was packed. Pack it again")
                left -= len(piece)
                yield piece
        yield bytes(padding(size))
    yield END


def pack(bundle: Bundle, out: Path) -> int:
    """Write a bundle's archive to a file, complete when it gets its name; gives its bytes.

    Raises:
        BundleError: the file is there already, or as `write_archive`.
    """
    if out.exists() or out.is_symlink():
        raise BundleError(f"{out}: is there already. Name another file with --out, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            total = write_archive(bundle, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
    return total

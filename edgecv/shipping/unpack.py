"""The way back from an archive to a bundle. The archive may come from anybody.

The manifest comes first, and every name and size has to be in it: there can be no path outside, no
second file of a name, and not a byte more than was announced before the first was written.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import ValidationError

from edgecv.bundle import MANIFEST, SIGNATURE, Bundle, Manifest, sync_folder
from edgecv.errors import BundleError
from edgecv.shipping.contents import differences, refuse
from edgecv.shipping.keys import trusted_keys
from edgecv.shipping.signature import APART, check_signature, is_signed
from edgecv.shipping.trust import verify
from edgecv.shipping.ustar import SIZE_END, Archive, Entry

# far above any bundle; a manifest is read into memory, and each file takes a name on the disk
MANIFEST_MAX, SIGNATURE_MAX, FILES_MAX = 4 << 20, 64 << 10, 10_000
# what a device needs besides: its journal, and room to build an engine
SPARE_BYTES = 20_000_000


def unpack(stream: BinaryIO, name: str, out: Path) -> Bundle:
    """Unpack an archive into a new folder, which gets its name when every file was verified.

    Args:
        stream: the archive; need not be seekable.
        name: of the archive, for messages.
        out: the bundle's folder.

    Raises:
        BundleError: `out` is there, or the archive is not exactly what `pack` writes, or what it
            holds does not verify; nothing is left behind.
    """
    if out.exists() or out.is_symlink():
        raise BundleError(f"{out}: is there already. Name another folder with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=".unpack-"))
    try:
        _write_all(Archive(stream, name), staging)
        _verify(staging)
        staging.chmod(0o755)
        for place, _, _ in os.walk(staging):
            sync_folder(Path(place))
        os.rename(staging, out)
        sync_folder(out.parent)
    except BundleError as error:
        told = str(error).replace(f"{staging}/", f"{name}: ").replace(str(staging), name)
        error.args = (told,)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Bundle.open(out)


def _check_sender(folder: Path) -> None:
    """Before a byte of it is understood, and before the disk is filled with what follows."""
    keys = trusted_keys()
    if keys and not is_signed(folder):
        raise BundleError(
            f"{folder}: not signed, and only bundles of trusted keys are taken here. Sign the "
            "bundle, and pack it again"
        )
    if keys:
        check_signature(folder, (folder / MANIFEST).read_bytes(), keys)


def _verify(folder: Path) -> None:
    keys = trusted_keys()
    if keys:
        verify(folder, keys)
        return
    files = Bundle.open(folder).manifest.files
    refuse(folder, differences(folder, files, APART), "Pack it again, and copy it again")


def _write_all(archive: Archive, folder: Path) -> None:
    first = archive.entry()
    if first is None or first.name != MANIFEST or first.size > MANIFEST_MAX:
        raise archive.refused(f"begins with {first or 'nothing'}, not with a {MANIFEST}")
    manifest = _write(archive, first, folder)
    found = archive.entry()
    if found is not None and found.name == SIGNATURE:
        if found.size > SIGNATURE_MAX:
            raise archive.refused(f"has {found}")
        _write(archive, found, folder)
        found = archive.entry()
    _check_sender(folder)
    expected = _expected(archive, manifest)
    for wanted in expected:
        if found != wanted:
            raise archive.refused(f"has {found or 'its end'} where its manifest has {wanted}")
        _write(archive, wanted, folder)
        found = archive.entry()
    if found is not None:
        raise archive.refused(f"has {found} more than its manifest")


def _expected(archive: Archive, path: Path) -> list[Entry]:
    """What has to follow the manifest that is written at `path`, in order."""
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (ValidationError, ValueError) as error:
        raise archive.refused(f"its {MANIFEST} is not one of a bundle") from error
    expected = [Entry(name, record.size_bytes) for name, record in sorted(manifest.files.items())]
    _check_names(archive, [entry.name for entry in expected])
    if any(not 0 <= entry.size < SIZE_END for entry in expected):
        raise archive.refused("its manifest has a file of a size that no archive holds")
    needed = sum(entry.size for entry in expected) + SPARE_BYTES
    place = path.parent.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise BundleError(
            f"{place}: {free / 1e6:.0f} MB free on the disk, {archive.name} needs "
            f"{needed / 1e6:.0f} MB. Make room"
        )
    return expected


def _check_names(archive: Archive, names: list[str]) -> None:
    if len(names) > FILES_MAX:
        raise archive.refused(f"holds {len(names)} files, more than {FILES_MAX}")
    known = set(names)
    for name in names:
        path = PurePosixPath(name)
        inside_a_file = any(str(parent) in known for parent in path.parents)
        plain = str(path) == name != "." and name.isprintable()
        if not plain or inside_a_file or path.parts[0] in APART:
            raise archive.refused(f"its manifest names the file {name!r}")


def _write(archive: Archive, entry: Entry, folder: Path) -> Path:
    path = folder / entry.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for piece in archive.content(entry):
            file.write(piece)
        # a device may lose power as soon as it is told that all went well
        file.flush()
        os.fsync(file.fileno())
    return path

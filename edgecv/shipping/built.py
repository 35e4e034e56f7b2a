"""What a device built of a signed bundle: kept apart from what was shipped, which never changes.

    bundle/built/manifest.json    variants and files built here, of which shipped manifest, a seal
    bundle/built/NAME/*           files of one build

The seal is an HMAC by a key that is only on this device: a `built` folder that came with a bundle
cannot have it, so that a signature still means something (docs/decisions/0006).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from edgecv.bundle import (
    BUILT,
    MANIFEST,
    Bundle,
    FileName,
    FileRecord,
    Record,
    Variant,
    sha256_of,
    write_atomically,
)
from edgecv.errors import BundleError
from edgecv.shipping.keys import config_folder, write_secret

BUILT_MANIFEST = f"{BUILT}/{MANIFEST}"
DEVICE_KEY = "device.key"


class Built(Record):
    format: Literal["edgecv-built/1"] = "edgecv-built/1"
    manifest: str = Field(description="sha256 of the shipped manifest that it was built from.")
    files: dict[FileName, FileRecord]
    variants: tuple[Variant, ...]
    seal: str = ""

    def text(self) -> str:
        """The one form in which it is written."""
        return self.model_dump_json(indent=1) + "\n"

    def sealed(self, key: bytes) -> Built:
        """The same with the seal of a device."""
        bare = self.model_copy(update={"seal": ""}).text().encode()
        return self.model_copy(update={"seal": hmac.digest(key, bare, hashlib.sha256).hex()})


def new_folder() -> str:
    """Where in a bundle the next build writes to.

    A new one each time: until the manifest names it, the engine that was built before stays.
    """
    return f"{BUILT}/{secrets.token_hex(4)}"


def save_built(bundle: Bundle, into: str) -> None:
    """Record the variants that were built here, and remove the files of those they replace.

    The shipped manifest stays as it is, and so do the records of earlier builds: what somebody
    changed since stays refused.

    Args:
        bundle: has the new variants in its manifest; gets the records of their files.
        into: of `new_folder`, where they are.
    """
    shipped = Bundle.open(bundle.folder).manifest
    variants = tuple(one for one in bundle.manifest.variants if one not in shipped.variants)
    folders = {_folder_of(one.file) for one in variants if one.file.startswith(f"{BUILT}/")}
    known = {n: r for n, r in bundle.manifest.files.items() if n.startswith(f"{BUILT}/")}
    # some engines read a file that was shipped
    paths = sorted(bundle.path(into).iterdir()) if bundle.path(into).is_dir() else []
    new = {
        name: _recorded(path)
        for path in paths
        if (name := path.relative_to(bundle.folder).as_posix()) not in known
    }
    files = {name: one for name, one in {**known, **new}.items() if _folder_of(name) in folders}
    bundle.path(BUILT).mkdir(exist_ok=True)
    made = Built(manifest=sha256_of(bundle.path(MANIFEST)), files=files, variants=variants)
    write_atomically(bundle.path(BUILT_MANIFEST), made.sealed(_device_key()).text())
    bundle.update(files={**bundle.manifest.files, **new})
    for folder in bundle.path(BUILT).iterdir():
        # of its own kind alone
        if re.fullmatch("[0-9a-f]{8}", folder.name) and f"{BUILT}/{folder.name}" not in folders:
            shutil.rmtree(folder)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def add_built(bundle: Bundle, *, sealed: bool) -> None:
    """Add what was built here to an open bundle's variants and files; nothing when nothing was.

    Args:
        bundle: as it was shipped.
        sealed: whether only what this device itself built is taken.

    Raises:
        BundleError: it was built from another bundle or by another device, or was changed.
    """
    path = bundle.path(BUILT_MANIFEST)
    if not path.exists():
        return
    made, again = read_built(bundle.folder), _again(bundle.folder)
    if made.manifest != sha256_of(bundle.path(MANIFEST)):
        raise BundleError(f"{path}: built from another state of this bundle. {again}")
    outside = [name for name in made.files if not name.startswith(f"{BUILT}/")]
    if outside:
        raise BundleError(f"{path}: records {outside[0]}, which was not built. {again}")
    if sealed and not _is_sealed_here(made):
        raise BundleError(f"{path}: not built by this user on this device. {again}")
    bundle.update(files={**bundle.manifest.files, **made.files})
    bundle.add_variants(*made.variants)


def read_built(folder: Path) -> Built:
    """What the manifest of a `built` folder says, its seal unchecked.

    Raises:
        BundleError: it is not as `save_built` writes it.
    """
    path = folder / BUILT_MANIFEST
    try:
        content = path.read_bytes()
        made = Built.model_validate_json(content)
    except (OSError, ValidationError) as error:
        raise BundleError(f"{path}: cannot be read. {_again(folder)}") from error
    if made.text().encode() != content:
        raise BundleError(f"{path}: changed since it was written. {_again(folder)}")
    return made


def _again(folder: Path) -> str:
    return f"Remove {folder / BUILT} and build again: edgecv build {folder} --engine NAME"


def _recorded(path: Path) -> FileRecord:
    # on the disk before the manifest that names it
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
    return FileRecord(sha256=sha256_of(path), size_bytes=path.stat().st_size)


def _is_sealed_here(made: Built) -> bool:
    path = config_folder() / DEVICE_KEY
    return path.is_file() and hmac.compare_digest(made.sealed(path.read_bytes()).seal, made.seal)


def _device_key() -> bytes:
    path = config_folder() / DEVICE_KEY
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        # complete when it gets its name: a device that loses power here makes another next time
        temporary = path.with_name(f".{DEVICE_KEY}-{secrets.token_hex(8)}")
        write_secret(temporary, secrets.token_bytes(32))
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another build was first, and has sealed with its own
        finally:
            temporary.unlink()
    return path.read_bytes()

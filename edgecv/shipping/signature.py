"""A bundle's signature: over the exact bytes of its manifest, and thereby over every file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from edgecv.bundle import BUILT, MANIFEST, SIGNATURE, Bundle, Record, write_atomically
from edgecv.errors import BundleError
from edgecv.shipping.contents import check_files
from edgecv.shipping.keys import is_there, key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

# beside the shipped files; what is built on a device is in a folder of its own
APART = (MANIFEST, SIGNATURE, BUILT)
# so that a signature of something else can never be taken for one of a manifest
_PURPOSE = b"edgecv-signature/1\0"


class Signature(Record):
    format: Literal["edgecv-signature/1"] = "edgecv-signature/1"
    key: str = Field(description="Id of the key that made it.")
    signature: str = Field(pattern="^[0-9a-f]{128}$", description="64 bytes of Ed25519, in hex.")

    def text(self) -> str:
        """The one form in which it is written."""
        return self.model_dump_json(indent=1) + "\n"


def sign(bundle: Bundle, key: Ed25519PrivateKey) -> str:
    """Write a bundle's signature, in place of one it has; gives the key's id.

    Nobody else may work in its folder meanwhile.

    Raises:
        BundleError: the folder does not hold exactly the files of its manifest.
    """
    content = bundle.path(MANIFEST).read_bytes()
    check_files(bundle.folder, Bundle.open(bundle.folder, content).manifest.files, APART)
    signed = key.sign(_PURPOSE + content)
    made = Signature(key=key_id(key.public_key()), signature=signed.hex())
    write_atomically(bundle.path(SIGNATURE), made.text())
    return made.key


def is_signed(folder: Path) -> bool:
    """Whether a bundle has a signature, right or wrong."""
    return is_there(folder / SIGNATURE)


def check_signature(folder: Path, content: bytes, keys: Mapping[str, Ed25519PublicKey]) -> str:
    """The id of the key that signed a bundle's manifest; its files are not looked at.

    Args:
        folder: the bundle's.
        content: of its manifest, as it will be used.
        keys: those that are trusted, by id.

    Raises:
        BundleError: no signature, one of a key that is not among `keys`, or one that is wrong.
    """
    from cryptography.exceptions import InvalidSignature

    found = read_signature(folder)
    if found.key not in keys:
        raise BundleError(
            f"{folder}: signed by key {found.key}, which is not trusted here; trusted are "
            f"{', '.join(keys)}. Ask whoever sent the bundle for a signature by one of these"
        )
    try:
        keys[found.key].verify(bytes.fromhex(found.signature), _PURPOSE + content)
    except InvalidSignature:
        raise BundleError(
            f"{folder / SIGNATURE}: not a signature of this {MANIFEST}, so one of them was "
            f"changed. {_AGAIN}"
        ) from None
    return found.key


def read_signature(folder: Path) -> Signature:
    """A bundle's signature, unchecked.

    Raises:
        BundleError: it has none, or one that is not as `sign` writes it.
    """
    path = folder / SIGNATURE
    if not path.is_file():
        raise BundleError(
            f"{folder}: not signed, so nobody vouches for it. Sign it: edgecv bundle sign {folder}"
        )
    try:
        content = path.read_bytes()
        found = Signature.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(f"{path}: no signature, but something else. {_AGAIN}") from error
    if found.text().encode() != content:
        raise BundleError(f"{path}: not as edgecv bundle sign wrote it. {_AGAIN}")
    return found


_AGAIN = "Get the bundle again, or sign it again: edgecv bundle sign BUNDLE"

"""The gate before every command that runs or builds an engine of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecv.bundle import MANIFEST, Bundle
from edgecv.errors import BundleError
from edgecv.shipping.built import add_built
from edgecv.shipping.contents import AGAIN, check_files
from edgecv.shipping.keys import trusted_keys
from edgecv.shipping.signature import APART, check_signature, is_signed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_THEN = "Get the bundle again from whoever signed it"


@dataclass(frozen=True)
class Verified:
    """A bundle whose every file is the one that was signed.

    Attributes:
        bundle: with the variants that were built here.
        key: id of the key that signed it.
    """

    bundle: Bundle
    key: str


def open_bundle(folder: Path, *, sealed: bool = True) -> Bundle:
    """A bundle whose engines may be run and built, with those that were built here.

    Where keys are trusted, every shipped file is verified; where none are, and for what was built
    here, an engine verifies its own before it is opened.

    Args:
        folder: the bundle's.
        sealed: whether what was built here has to have the seal of this user. Root, who writes a
            service for another, looks into a bundle without, and opens no engine of it.

    Raises:
        UsageError: trusted keys that cannot be read.
        BundleError: no bundle, or with trusted keys one that does not verify.
    """
    keys = trusted_keys()
    bundle = Bundle.open(folder)
    if keys and not is_signed(folder):
        raise BundleError(
            f"{folder}: not signed, and only bundles of trusted keys run here. "
            f"Sign it: edgecv bundle sign {folder}"
        )
    if keys:
        return verify(folder, keys, sealed=sealed).bundle
    add_built(bundle, sealed=False)
    _check_recorded(bundle, AGAIN)
    return bundle


def verify(folder: Path, keys: Mapping[str, Ed25519PublicKey], *, sealed: bool = True) -> Verified:
    """Compare every shipped file of a bundle with what one of `keys` signed.

    What was built here is listed in a manifest with this device's seal. Its files are left to the
    engine that opens them: one that is damaged must not stop those that were shipped.

    Raises:
        BundleError: naming what is not as it was signed.
    """
    content = Bundle.open(folder).path(MANIFEST).read_bytes()
    key = check_signature(folder, content, keys)
    bundle = Bundle.open(folder, content)
    check_files(folder, bundle.manifest.files, APART, _THEN)
    add_built(bundle, sealed=sealed)
    _check_recorded(bundle, _THEN)
    return Verified(bundle, key)


def _check_recorded(bundle: Bundle, then: str) -> None:
    for variant in bundle.manifest.variants:
        for name in variant.files:
            if name not in bundle.manifest.files:
                raise BundleError(
                    f"{bundle.folder}: variant {variant.name} opens {name}, which has no hash in "
                    f"the manifest. {then}"
                )

from __future__ import annotations

from pathlib import Path

import pytest
from signed_bundles import KEY, built_bundle, signed_bundle

from edgecv.bundle import MANIFEST, SIGNATURE
from edgecv.errors import BundleError
from edgecv.shipping.keys import config_folder, make_key, read_private, read_public, trusted_keys
from edgecv.shipping.signature import (
    Signature,
    check_signature,
    is_signed,
    read_signature,
    sign,
)


def test_a_signature_names_its_key_and_is_found_right(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    assert is_signed(bundle.folder)
    (name,) = trusted_keys()
    assert read_signature(bundle.folder).key == name
    assert (
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), trusted_keys()) == name
    )


def test_a_signature_is_one_of_the_manifest_by_ed25519(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    key = read_public(config_folder() / f"{KEY}.pub")
    signed = bytes.fromhex(read_signature(bundle.folder).signature)
    content = bundle.path(MANIFEST).read_bytes()
    key.verify(signed, b"edgecv-signature/1\0" + content)  # raises if it is not


def test_signing_leaves_the_manifest_and_signing_again_gives_the_same(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    before = bundle.path(MANIFEST).read_bytes()
    make_key(tmp_path / "key")
    texts = []
    for _ in range(2):
        sign(bundle, read_private(tmp_path / "key"))
        texts.append(bundle.path(SIGNATURE).read_text())
    assert texts[0] == texts[1]
    assert bundle.path(MANIFEST).read_bytes() == before


def test_what_is_not_in_order_is_not_signed(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    make_key(tmp_path / "key")
    bundle.path("stray").touch()
    with pytest.raises(BundleError, match=r"stray is not in the manifest\. Remove stray$"):
        sign(bundle, read_private(tmp_path / "key"))
    assert not is_signed(bundle.folder)


def test_a_bundle_without_a_signature_says_how_to_get_one(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"not signed.*edgecv bundle sign") as error:
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), {})
    assert "trusted" not in str(error.value)  # verify takes any key that is named


def test_a_signature_by_somebody_else_is_refused(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    name = make_key(tmp_path / "other")
    sign(bundle, read_private(tmp_path / "other"))
    with pytest.raises(BundleError, match=f"signed by key {name}, which is not trusted here"):
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), trusted_keys())
    # nor does it help to name a key that is trusted
    (trusted,) = trusted_keys()
    forged = Signature(key=trusted, signature=read_signature(bundle.folder).signature)
    bundle.path(SIGNATURE).write_text(forged.text())
    with pytest.raises(BundleError, match=r"not a signature of this manifest\.json"):
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), trusted_keys())


@pytest.mark.parametrize("text", ["", "{}", '{"format": "edgecv-signature/2"}', "\0"])
def test_something_else_in_its_place_is_refused(tmp_path: Path, text: str) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    bundle.path(SIGNATURE).write_text(text)
    with pytest.raises(BundleError, match=r"signature\.json: no signature"):
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), trusted_keys())


def test_the_same_signature_written_otherwise_is_refused(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    path = bundle.path(SIGNATURE)
    path.write_text(path.read_text() + " ")
    with pytest.raises(BundleError, match="not as edgecv bundle sign wrote it"):
        check_signature(bundle.folder, bundle.path(MANIFEST).read_bytes(), trusted_keys())

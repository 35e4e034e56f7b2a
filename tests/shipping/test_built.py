from __future__ import annotations

import hashlib
import hmac
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from signed_bundles import built_bundle, signed_bundle

from edgecv.bundle import BUILT, MANIFEST, Bundle
from edgecv.cli import group
from edgecv.engines import open_engine
from edgecv.errors import BundleError
from edgecv.shipping import built
from edgecv.shipping.built import BUILT_MANIFEST, DEVICE_KEY, read_built
from edgecv.shipping.keys import TRUSTED, read_private, trusted_keys
from edgecv.shipping.signature import sign
from edgecv.shipping.trust import open_bundle, verify


def build(folder: Path, *options: str) -> Result:
    arguments = ["build", str(folder), "--engine", "onnxruntime", *options]
    return CliRunner().invoke(group, arguments, catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A signed bundle of which an engine was built."""
    bundle = signed_bundle(tmp_path / "bundle")
    build(bundle.folder, "--precision", "int8")
    return bundle


def test_building_of_a_signed_bundle_changes_nothing_that_was_signed(bundle: Bundle) -> None:
    assert verify(bundle.folder, trusted_keys()).bundle.verify() == []
    assert Bundle.open(bundle.folder).manifest == bundle.manifest
    opened = open_bundle(bundle.folder)
    variant = opened.variant("onnxruntime")
    assert variant.precision == "int8"
    assert variant.file.startswith(f"{BUILT}/")
    assert variant.file in opened.manifest.files
    open_engine(opened, variant).close()


def test_building_of_an_unsigned_bundle_writes_its_own_manifest(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    build(bundle.folder, "--precision", "int8")
    assert not bundle.path(BUILT).exists()
    assert Bundle.open(bundle.folder).variant("onnxruntime").file.startswith("engines/")


def test_what_is_built_again_replaces_the_former_and_its_files(bundle: Bundle) -> None:
    first = open_bundle(bundle.folder).variant("onnxruntime").file
    build(bundle.folder)  # float too
    opened = open_bundle(bundle.folder)
    assert {one.name for one in opened.manifest.variants} == {
        "onnxruntime-fp32",
        "onnxruntime-int8",
    }
    second = opened.variant("onnxruntime").file
    assert second != first
    assert not bundle.path(first).exists()
    files = [path for path in bundle.path(BUILT).rglob("*") if path.is_file()]
    assert {path.relative_to(bundle.folder).as_posix() for path in files} == {
        second,
        BUILT_MANIFEST,
    }


def test_a_build_that_is_cut_off_leaves_the_former_engine(bundle: Bundle) -> None:
    before = open_bundle(bundle.folder).variant("onnxruntime")
    half = bundle.path(f"{BUILT}/0badcafe/onnxruntime-int8.onnx")
    half.parent.mkdir()
    half.write_bytes(b"half")
    opened = open_bundle(bundle.folder)
    assert opened.variant("onnxruntime") == before
    open_engine(opened, before).close()
    build(bundle.folder, "--precision", "int8")
    assert not half.parent.exists()


def test_the_seal_is_an_hmac_by_the_key_of_this_device(bundle: Bundle, config: Path) -> None:
    key = config / DEVICE_KEY
    assert key.stat().st_mode & 0o777 == 0o600
    made = read_built(bundle.folder)
    text = bundle.path(BUILT_MANIFEST).read_text().replace(made.seal, "")
    assert made.seal == hmac.new(key.read_bytes(), text.encode(), hashlib.sha256).hexdigest()
    assert made.manifest == hashlib.sha256(bundle.path(MANIFEST).read_bytes()).hexdigest()


def test_a_flipped_bit_in_what_was_built_is_caught(bundle: Bundle) -> None:
    path = bundle.path(BUILT_MANIFEST)
    content = path.read_bytes()
    for bit in range(0, 8 * len(content), 23):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(BundleError, match="build again"):
            open_bundle(bundle.folder)
    path.write_bytes(content)
    opened = open_bundle(bundle.folder)
    engine = opened.path(opened.variant("onnxruntime").file)
    content = bytearray(engine.read_bytes())
    engine.unlink()  # it may be a second link of its source
    content[len(content) // 2] ^= 1
    engine.write_bytes(content)
    # what was shipped still runs
    open_engine(open_bundle(bundle.folder), opened.variant("onnxruntime", "fp32")).close()
    with pytest.raises(BundleError, match="not the file of the manifest"):
        open_engine(open_bundle(bundle.folder), opened.variant("onnxruntime"))


def test_engines_that_come_with_a_bundle_are_not_taken_for_built_here(
    bundle: Bundle, config: Path
) -> None:
    (config / DEVICE_KEY).write_bytes(b"of another device")
    with pytest.raises(BundleError, match="not built by this user on this device"):
        open_bundle(bundle.folder)
    (config / DEVICE_KEY).unlink()
    with pytest.raises(BundleError, match="not built by this user on this device"):
        open_bundle(bundle.folder)


def test_engines_of_another_bundle_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    other = built_bundle(tmp_path / "other")
    shutil.copytree(bundle.path(BUILT), other.path(BUILT))
    with pytest.raises(BundleError, match="not signed"):
        open_bundle(other.folder)
    signed = signed_bundle(tmp_path / "second")
    shutil.copytree(bundle.path(BUILT), signed.path(BUILT))
    open_bundle(signed.folder)  # the same files: the same bundle
    signed.write_json("report.json", {"mAP": 0.6})
    signed.save(written={"report.json"})
    sign(signed, read_private(tmp_path / "config/edgecv/signing.key"))
    with pytest.raises(BundleError, match="built from another state of this bundle"):
        open_bundle(signed.folder)


def test_a_manifest_of_what_was_built_cannot_vouch_for_what_was_shipped(
    bundle: Bundle, config: Path
) -> None:
    made = read_built(bundle.folder)
    record = next(iter(made.files.values()))
    forged = made.model_copy(update={"files": {**made.files, "model.onnx": record}})
    text = forged.sealed((config / DEVICE_KEY).read_bytes()).text()
    bundle.path(BUILT_MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=r"records model\.onnx, which was not built"):
        open_bundle(bundle.folder)


def test_what_was_changed_since_it_was_built_is_not_sealed_by_the_next_build(
    bundle: Bundle,
) -> None:
    variant = open_bundle(bundle.folder).variant("onnxruntime")
    path = bundle.path(variant.file)
    content = path.read_bytes()
    path.unlink()  # it may be one with the shipped file
    path.write_bytes(content[:-1] + b"x")
    (path.parent / "planted").touch()
    build(bundle.folder, "--precision", "fp32")
    opened = open_bundle(bundle.folder)
    assert opened.is_changed(variant.file)
    assert f"{variant.file.rpartition('/')[0]}/planted" not in opened.manifest.files
    with pytest.raises(BundleError, match="not the file of the manifest"):
        open_engine(opened, opened.variant("onnxruntime", "int8"))


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("name", [BUILT, ".lock", ".stages", f".{MANIFEST}.tmp"])
def test_nothing_is_written_or_removed_through_a_link(
    bundle: Bundle, tmp_path: Path, config: Path, name: str, trusted: bool
) -> None:
    mine = tmp_path / "mine"
    (mine / "0123abcd").mkdir(parents=True)
    (mine / ".tmp-photos").mkdir()
    (mine / "file").write_text("mine")
    if not trusted:
        shutil.rmtree(config / TRUSTED)
    link = bundle.path(name)
    shutil.rmtree(link, ignore_errors=True)
    link.unlink(missing_ok=True)
    link.symlink_to(mine / "file" if name in (".lock", f".{MANIFEST}.tmp") else mine)
    with pytest.raises(BundleError, match="is a link"):
        build(bundle.folder, "--precision", "int8")
    assert (mine / "0123abcd").is_dir()
    assert (mine / ".tmp-photos").is_dir()
    assert (mine / "file").read_text() == "mine"


def test_a_key_of_this_device_that_another_build_made_meanwhile_is_taken(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.mkdir(parents=True, exist_ok=True)
    real = built.write_secret

    def slow(path: Path, content: bytes) -> None:
        real(path, content)
        (config / DEVICE_KEY).write_bytes(b"of the other")

    monkeypatch.setattr(built, "write_secret", slow)
    assert built._device_key() == b"of the other"
    assert [path.name for path in config.iterdir()] == [DEVICE_KEY]

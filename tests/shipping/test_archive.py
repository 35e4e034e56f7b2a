from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from signed_bundles import built_bundle, signed_bundle

from edgecv.bundle import MANIFEST, SIGNATURE, Bundle, Manifest
from edgecv.errors import BundleError
from edgecv.shipping.archive import pack, shipped_names, write_archive

# of an archive that was put together by hand from the tables of POSIX.1-1988, and read by GNU tar
DIGEST = "9bb89525a8484b00468c2700e0685b4acc194dca199a6bd6cbd7bf0a24ad9050"


def packed(bundle: Bundle) -> bytes:
    stream = io.BytesIO()
    assert write_archive(bundle, stream) == len(stream.getvalue())
    return stream.getvalue()


def test_a_bundle_of_nothing_but_a_manifest_is_packed(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, Manifest())
    bundle.save()
    assert shipped_names(bundle) == [MANIFEST]
    with tarfile.open(fileobj=io.BytesIO(packed(bundle))) as tar:
        assert tar.getnames() == [MANIFEST]


def test_the_same_bundle_gives_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    first = built_bundle(tmp_path / "first")
    second = Bundle(tmp_path / "second", first.manifest)
    second.folder.mkdir(mode=0o700)
    # in another order, with other modes and times, and with what is no part of it
    for name in sorted(shipped_names(first), reverse=True):
        second.path(name).parent.mkdir(exist_ok=True)
        shutil.copy(first.path(name), second.path(name))
        second.path(name).chmod(0o600)
        os.utime(second.path(name), (1e9, 1e9))
    (second.folder / ".stages").mkdir()
    (second.folder / ".lock").touch()
    assert packed(first) == packed(second)


def test_the_bytes_do_not_depend_on_the_version_of_edgecv_or_of_python(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"text")
    digest = hashlib.sha256(b"text").hexdigest()
    record = f'{{"files": {{"deep/file": {{"sha256": "{digest}", "size_bytes": 4}}}}}}'
    (tmp_path / MANIFEST).write_text(record)
    content = packed(Bundle.open(tmp_path))
    # two headers, a block of content each, the end
    assert len(content) == 2 * 512 + 2 * 512 + 1024
    # magic and version where POSIX.1-1988 has them
    assert content[257:265] == b"ustar\x0000"
    assert hashlib.sha256(content).hexdigest() == DIGEST


def test_the_signature_goes_along_and_what_was_built_here_stays(tmp_path: Path) -> None:
    bundle = signed_bundle(tmp_path / "bundle")
    bundle.path("built/x").mkdir(parents=True)
    bundle.path("built/x/engine").touch()
    names = [MANIFEST, SIGNATURE, "model.onnx", "onnx/onnxruntime-int8.onnx", "quantization.json",
             "report.json"]  # fmt: skip
    assert shipped_names(bundle) == names
    with tarfile.open(fileobj=io.BytesIO(packed(bundle))) as tar:
        assert tar.getnames() == names
        for name in names:
            assert tar.extractfile(name).read() == bundle.path(name).read_bytes()  # type: ignore[union-attr]


def test_a_changed_bundle_is_not_packed(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    bundle.path("report.json").write_text("better")
    with pytest.raises(BundleError, match=r"report\.json is changed"):
        pack(bundle, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()
    assert not list(tmp_path.glob(".a.tar*"))


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    bundle = built_bundle(tmp_path / "bundle")
    assert pack(bundle, tmp_path / "deep" / "a.tar") == (tmp_path / "deep/a.tar").stat().st_size
    (tmp_path / "b.tar").write_text("mine")
    with pytest.raises(BundleError, match=r"b\.tar: is there already"):
        pack(bundle, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_text() == "mine"


def test_a_name_too_long_for_an_archive_is_told(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "bundle", Manifest())
    bundle.folder.mkdir()
    bundle.new_file("n" * 150).touch()
    bundle.save()
    with pytest.raises(BundleError, match=r"cannot be packed.*Shorten its name"):
        pack(bundle, tmp_path / "a.tar")
    assert [path for path in tmp_path.iterdir() if ".tar" in path.name] == []

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from signed_bundles import built_bundle, signed_bundle

from edgecv.bundle import MANIFEST, SIGNATURE, Bundle, Manifest
from edgecv.errors import BundleError
from edgecv.shipping.archive import write_archive
from edgecv.shipping.keys import make_key, read_private
from edgecv.shipping.signature import sign
from edgecv.shipping.unpack import FILES_MAX, unpack
from edgecv.shipping.ustar import END, SIZE_END, header_of, padding


def packed(bundle: Bundle) -> bytes:
    stream = io.BytesIO()
    write_archive(bundle, stream)
    return stream.getvalue()


def archive_of(*files: tuple[str, bytes]) -> bytes:
    pieces = [header_of(n, len(c)) + c + bytes(padding(len(c))) for n, c in files]
    return b"".join(pieces) + END


def manifest_of(**files: int) -> tuple[str, bytes]:
    """A manifest of files with sizes and hashes of nothing."""
    records = {name: {"sha256": "0", "size_bytes": size} for name, size in files.items()}
    return MANIFEST, json.dumps({"files": records}).encode()


def refused(content: bytes, folder: Path) -> str:
    """Why an archive is not unpacked; nothing of it may be left."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(BundleError) as error:
        unpack(io.BytesIO(content), "a.tar", folder / "out")
    assert sorted(folder.rglob("*")) == before
    assert ".unpack-" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("make", [built_bundle, signed_bundle])
def test_a_bundle_comes_back_as_it_was(tmp_path: Path, make: object) -> None:
    bundle = make(tmp_path / "bundle")  # type: ignore[operator]
    content = packed(bundle)
    back = unpack(io.BytesIO(content), "a.tar", tmp_path / "deep" / "out")
    assert back.manifest == bundle.manifest
    assert packed(back) == content
    assert back.folder.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in back.folder.parent.iterdir()] == ["out"]


def test_a_stream_that_gives_little_at_a_time_is_enough(tmp_path: Path) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 100))

    bundle = built_bundle(tmp_path / "bundle")
    back = unpack(Slow(packed(bundle)), "a.tar", tmp_path / "out")
    assert back.manifest == bundle.manifest


def test_a_bundle_without_files_comes_back(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, Manifest(recipe="r"))
    bundle.save()
    assert unpack(io.BytesIO(packed(bundle)), "a", tmp_path / "o").manifest.recipe == "r"


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    content = packed(built_bundle(tmp_path / "bundle"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert "out: is there already" in refused(content, tmp_path)


def test_an_archive_cut_off_anywhere_leaves_nothing(tmp_path: Path) -> None:
    content = packed(built_bundle(tmp_path / "bundle"))
    for end in range(0, len(content), len(content) // 20):
        assert "a.tar: ends early" in refused(content[:end], tmp_path)


def test_a_flipped_bit_anywhere_leaves_nothing(tmp_path: Path) -> None:
    content = packed(signed_bundle(tmp_path / "bundle"))
    for at in range(0, len(content), len(content) // 60):
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        refused(bytes(flipped), tmp_path)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a\\b", "./a", "a//b", "."])
def test_a_path_that_is_not_a_plain_name_inside_is_refused(tmp_path: Path, name: str) -> None:
    content = archive_of(manifest_of(**{name: 1}), (name, b"x"))
    assert "a.tar: its manifest" in refused(content, tmp_path)
    # nor can it come without being in the manifest
    assert "more than its manifest" in refused(archive_of(manifest_of(), (name, b"x")), tmp_path)


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, "built/x", "built", "bell\a", "\u202etar"])
def test_a_manifest_cannot_name_what_is_none_of_its_files(tmp_path: Path, name: str) -> None:
    told = refused(archive_of(manifest_of(**{name: 0}), (name, b"")), tmp_path)
    assert f"its manifest names the file {name!r}" in told


def test_a_file_cannot_be_a_folder_too(tmp_path: Path) -> None:
    content = archive_of(manifest_of(**{"a": 1, "a/b": 1}), ("a", b"x"), ("a/b", b"x"))
    assert "names the file 'a/b'" in refused(content, tmp_path)


def test_files_are_exactly_those_of_the_manifest_in_its_order(tmp_path: Path) -> None:
    manifest = manifest_of(a=1, b=1)
    a, b = ("a", b"x"), ("b", b"x")
    for files, told in (
        ((), "has its end where its manifest has a of 1 bytes"),
        ((a,), "has its end where its manifest has b of 1 bytes"),
        ((b, a), "has b of 1 bytes where its manifest has a of 1 bytes"),
        ((a, a), "has a of 1 bytes where its manifest has b of 1 bytes"),
        ((a, b, b), "has b of 1 bytes more than its manifest"),
        ((("a", b"xx"), b), "has a of 2 bytes where its manifest has a of 1 bytes"),
        ((a, b), "a is changed, b is changed"),
    ):
        assert told in refused(archive_of(manifest, *files), tmp_path)


def test_the_manifest_comes_first_and_is_one(tmp_path: Path) -> None:
    assert "begins with nothing" in refused(END, tmp_path)
    assert "begins with a of 1 bytes" in refused(archive_of(("a", b"x")), tmp_path)
    assert "is not one of a bundle" in refused(archive_of((MANIFEST, b"{")), tmp_path)


def test_bombs_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    huge = header_of(MANIFEST, 1 << 30)
    assert "begins with manifest.json of 1073741824 bytes" in refused(huge, tmp_path)
    many = archive_of(manifest_of(**{f"f{index}": 0 for index in range(FILES_MAX + 1)}))
    assert f"holds {FILES_MAX + 1} files" in refused(many, tmp_path)
    free = shutil.disk_usage(tmp_path).free
    files = {f"f{index}": SIZE_END - 1 for index in range(free // SIZE_END + 1)}
    large = archive_of(manifest_of(**files), ("f0", b"x"))
    assert "MB free on the disk" in refused(large, tmp_path)
    for size in (-1, SIZE_END, 10**400):
        told = refused(archive_of(manifest_of(a=0, b=size)), tmp_path)
        assert "of a size that no archive holds" in told
    assert f"has {SIGNATURE} of 100000 bytes" in refused(
        archive_of(manifest_of(), (SIGNATURE, b"x" * 100_000)), tmp_path
    )


def test_with_trusted_keys_only_what_they_signed_is_unpacked(tmp_path: Path) -> None:
    signed = packed(signed_bundle(tmp_path / "signed"))
    unsigned = packed(built_bundle(tmp_path / "unsigned"))
    assert "a.tar: not signed" in refused(unsigned, tmp_path)
    unpack(io.BytesIO(signed), "a.tar", tmp_path / "out")


def test_who_sent_it_is_looked_at_before_the_manifest_is_read(tmp_path: Path) -> None:
    signed_bundle(tmp_path / "trusted")
    nonsense = archive_of((MANIFEST, b"{" * 100), ("a", b"x"))
    assert "not signed, and only bundles of trusted keys" in refused(nonsense, tmp_path)
    bundle = built_bundle(tmp_path / "strange")
    make_key(tmp_path / "stranger")
    sign(bundle, read_private(tmp_path / "stranger"))
    begin = packed(bundle)
    size = header_of(MANIFEST, bundle.path(MANIFEST).stat().st_size)
    assert begin.startswith(size)
    # cut off behind the signature: nothing that follows is needed to refuse it
    at = begin.index(header_of(SIGNATURE, bundle.path(SIGNATURE).stat().st_size)) + 1024
    assert "not trusted here" in refused(begin[:at] + END, tmp_path)

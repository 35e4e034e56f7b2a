from __future__ import annotations

import io
import random
import tarfile

import pytest

from edgecv.errors import BundleError
from edgecv.shipping.ustar import BLOCK, END, Archive, Entry, header_of, padding


def archive_of(*files: tuple[str, bytes]) -> bytes:
    pieces = [header_of(n, len(c)) + c + bytes(padding(len(c))) for n, c in files]
    return b"".join(pieces) + END


def read(content: bytes) -> list[tuple[str, bytes]]:
    """All that an archive holds."""
    archive, found = Archive(io.BytesIO(content), "a.tar"), []
    while (entry := archive.entry()) is not None:
        found.append((entry.name, b"".join(archive.content(entry))))
    return found


def refused(content: bytes) -> str:
    with pytest.raises(BundleError, match=r"^a\.tar: .*what edgecv bundle pack writes") as error:
        read(content)
    return str(error.value)


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("empty", b"")],
        [("a", b"x" * 511), ("deep/er/ü", b"y" * 512), ("n" * 99 + "/" + "m" * 90, b"z" * 513)],
    ],
)
def test_what_is_written_is_read_by_us_and_by_tar(files: list[tuple[str, bytes]]) -> None:
    content = archive_of(*files)
    assert len(content) % BLOCK == 0
    assert read(content) == files
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [name for name, _ in files]
        assert {(m.mode, m.mtime, m.uid, m.uname) for m in members} <= {(0o644, 0, 0, "")}
        for member, (_, expected) in zip(members, files, strict=True):
            assert tar.extractfile(member).read() == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "size"), [("n" * 300, 0), ("big", 8 << 30), ("minus", -1)])
def test_what_a_header_cannot_hold_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"does not fit a header|do not fit a header"):
        header_of(name, size)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.DIRTYPE, "a folder"),
        (tarfile.GNUTYPE_SPARSE, "a file with holes"),
        (tarfile.XHDTYPE, "an entry of type b'x'"),
        (tarfile.GNUTYPE_LONGNAME, "an entry of type b'L'"),
    ],
)
def test_what_is_no_plain_file_is_refused(kind: bytes, told: str) -> None:
    info = tarfile.TarInfo("evil")
    info.type, info.linkname = kind, "/etc/passwd"
    assert f"has {told} at 'evil'" in refused(info.tobuf(tarfile.USTAR_FORMAT) + END)


@pytest.mark.parametrize(
    ("field", "value"), [("mode", 0o4755), ("mtime", 1), ("uid", 1000), ("uname", "root")]
)
def test_a_header_with_anything_of_its_own_is_refused(field: str, value: object) -> None:
    info = tarfile.TarInfo.frombuf(header_of("file", 0), "utf-8", "strict")
    setattr(info, field, value)
    assert "unusual header at 'file'" in refused(info.tobuf(tarfile.USTAR_FORMAT) + END)


def test_a_tar_of_the_usual_tool_is_refused() -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"), io.BytesIO())
    assert "unusual header at 'file'" in refused(made.getvalue())


@pytest.mark.parametrize(
    ("magic", "name"), [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK", "zip")]
)
def test_a_compressed_archive_is_told_as_one(magic: bytes, name: str) -> None:
    assert f"is compressed ({name}); expand it first" in refused(magic + bytes(1000))


def test_what_is_no_archive_is_told_as_none() -> None:
    assert "ends early" in refused(b"")
    assert "is no archive" in refused(b"x" * 512)


def test_an_archive_cut_off_anywhere_ends_early() -> None:
    content = archive_of(("a", b"x" * 700), ("b", b""))
    for end in range(0, len(content), 100):
        assert "ends early" in refused(content[:end])


def test_what_follows_the_end_is_refused() -> None:
    content = archive_of(("a", b""))
    assert "goes on after its end" in refused(content + b"\0")
    assert "goes on after its end" in refused(content[:-BLOCK] + content)


def test_a_gap_holds_nothing() -> None:
    content = bytearray(archive_of(("a", b"x")))
    content[BLOCK + 1] = 1
    assert "something between a and the next file" in refused(bytes(content))


def test_a_damaged_header_never_ends_in_a_traceback() -> None:
    content = archive_of(("name", b"content"))
    seeded = random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(seeded.randint(1, 4)):
            damaged[seeded.randrange(BLOCK)] = seeded.randrange(256)
        if damaged != content:
            refused(bytes(damaged))


def test_an_entry_tells_its_name_and_size() -> None:
    assert str(Entry("a", 3)) == "a of 3 bytes"

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecv.data.pictures import find_pictures, picture_size, read_picture, usable_pictures
from edgecv.errors import DataError

# 8x8, (200, 50, 30) as RGB, in Adobe's inverted CMYK; OpenCV reads this kind but does not write it
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUV"
    "FQwPFxgWFBgSFBUU/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAgJ/8QAFBABAAAAAAAAAAAAAAAA"
    "AAAAAP/aAA4EQwBNAFkASwAAPwBgBen0qm//2Q=="
)


def scene(width: int = 120, height: int = 80) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(image: np.ndarray, suffix: str = ".jpg") -> bytes:
    return bytes(cv2.imencode(suffix, image)[1])


def with_exif(jpeg: bytes, orientation: int, thumbnail: bytes = b"", order: str = "<") -> bytes:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tag = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = mark + struct.pack(f"{order}IH", 8, 1) + tag + bytes(4) + thumbnail
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def palette_png(index: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", 4, 2, 8, 3, 0, 0, 0)
    rows = (b"\0" + bytes([index] * 4)) * 2
    parts = [(b"IHDR", header), (b"PLTE", bytes([0, 0, 0, 200, 50, 30]))]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def saved(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_pictures_are_found_at_any_depth_and_sorted(tmp_path: Path) -> None:
    names = ["b.JPG", "a/z.png", "c.jpeg", ".hidden.jpg", "notes.txt", "a/labels.json"]
    for name in names:
        saved(tmp_path, name, b"x")
    (tmp_path / "folder.jpg").mkdir()

    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]

    assert found == ["a/z.png", "b.JPG", "c.jpeg"]


def test_a_folder_that_is_missing_or_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        find_pictures(tmp_path / "missing")
    saved(tmp_path, "notes.txt", b"x")
    with pytest.raises(DataError, match=r"no picture.*\.jpg"):
        find_pictures(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_a_lossless_picture_is_read_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    image = scene()

    found = read_picture(saved(tmp_path, f"a{suffix}", encoded(image, suffix)))

    np.testing.assert_array_equal(found, image)
    assert found.dtype == np.uint8


def test_a_name_that_is_not_ascii_is_read(tmp_path: Path) -> None:
    assert read_picture(saved(tmp_path, "Übung 1 дом.png", encoded(scene(), ".png"))).shape[2] == 3


def test_grey_becomes_colour(tmp_path: Path) -> None:
    grey = scene()[:, :, 0]

    found = read_picture(saved(tmp_path, "a.png", encoded(grey, ".png")))

    np.testing.assert_array_equal(found, np.stack([grey] * 3, axis=2))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257

    found = read_picture(saved(tmp_path, "a.png", encoded(deep, ".png")))

    np.testing.assert_array_equal(found[:, :, 0], np.arange(256).reshape(16, 16))


def test_alpha_is_dropped(tmp_path: Path) -> None:
    image = scene()
    clear = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])

    np.testing.assert_array_equal(
        read_picture(saved(tmp_path, "a.png", encoded(clear, ".png"))), image
    )


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    found = read_picture(saved(tmp_path, "a.png", palette_png(1)))

    assert found.shape == (2, 4, 3)
    assert (found == [30, 50, 200]).all()


def test_cmyk_becomes_bgr(tmp_path: Path) -> None:
    found = read_picture(saved(tmp_path, "a.jpg", CMYK_JPEG))

    np.testing.assert_allclose(found, np.broadcast_to([30, 50, 200], (8, 8, 3)), atol=6)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.transpose(1, 0, 2)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: image.transpose(1, 0, 2)[::-1, ::-1]),
        (8, lambda image: np.rot90(image, 1)),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_a_picture_is_turned_upright(
    tmp_path: Path, orientation: int, upright: object, order: str
) -> None:
    plain = encoded(scene())
    path = saved(tmp_path, "a.jpg", with_exif(plain, orientation, order=order))

    found = read_picture(path)

    expected = upright(cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR))
    np.testing.assert_array_equal(found, expected)
    assert picture_size(path) == (found.shape[1], found.shape[0])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
def test_the_size_is_that_of_the_decoded_picture(tmp_path: Path, suffix: str) -> None:
    assert picture_size(saved(tmp_path, f"a{suffix}", encoded(scene(), suffix))) == (120, 80)


def test_the_size_of_real_photos_is_that_of_the_decoded_picture(shared: Path) -> None:
    for path in find_pictures(shared / "data" / "photos" / "unlabelled")[:40]:
        height, width = read_picture(path).shape[:2]
        assert picture_size(path) == (width, height), path.name


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_a_truncated_picture_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    whole = encoded(scene(), suffix)
    path = saved(tmp_path, f"cut{suffix}", whole[: int(len(whole) * share)])

    with pytest.raises(DataError, match=rf"cut\{suffix}: (the file ends early|not a picture)"):
        read_picture(path)


def test_a_real_photo_cut_anywhere_is_refused(tmp_path: Path, shared: Path) -> None:
    whole = find_pictures(shared / "data" / "photos" / "unlabelled")[0].read_bytes()
    for length in np.linspace(3, len(whole) - 1, 40, dtype=int):
        with pytest.raises(DataError, match="ends early"):
            read_picture(saved(tmp_path, "cut.jpg", whole[:length]))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(tmp_path: Path) -> None:
    whole = with_exif(encoded(scene()), 1, thumbnail=encoded(scene(16, 16)))
    assert read_picture(saved(tmp_path, "whole.jpg", whole)).shape == (80, 120, 3)

    with pytest.raises(DataError, match="ends early"):
        read_picture(saved(tmp_path, "cut.jpg", whole[:-40]))


def test_bytes_after_the_end_of_a_picture_do_no_harm(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png"):
        data = encoded(scene(), suffix) + b"appended by a camera"
        assert read_picture(saved(tmp_path, f"a{suffix}", data)).shape == (80, 120, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"<html>not found</html>", "not a picture"), (bytes(5000), "not a")],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=rf"a\.jpg: {reason}"):
        read_picture(saved(tmp_path, "a.jpg", data))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: cannot be read"):
        read_picture(tmp_path / "gone.jpg")


def test_damage_is_told_once_and_not_by_opencv(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for suffix in (".jpg", ".png", ".bmp", ".webp"):
        whole = encoded(scene(), suffix)
        with pytest.raises(DataError):
            read_picture(saved(tmp_path, f"a{suffix}", whole[: len(whole) // 2]))

    assert capfd.readouterr().err == ""


def test_pictures_that_cannot_be_used_are_listed_with_their_reason(tmp_path: Path) -> None:
    saved(tmp_path, "a.jpg", encoded(scene()))
    saved(tmp_path, "b.jpg", b"")
    saved(tmp_path, "c.jpg", encoded(scene())[:300])
    saved(tmp_path, "d.jpg", encoded(scene()))

    usable, skipped = usable_pictures(tmp_path, minimum=2)

    assert [path.name for path in usable] == ["a.jpg", "d.jpg"]
    assert [(item.path.name, item.reason.split(";")[0]) for item in skipped] == [
        ("b.jpg", "empty file"),
        ("c.jpg", "the file ends early (truncated)"),
    ]


def test_too_few_usable_pictures_are_refused_with_five_named(tmp_path: Path) -> None:
    saved(tmp_path, "a.jpg", encoded(scene()))
    for index in range(7):
        saved(tmp_path, f"bad{index}.jpg", b"")

    with pytest.raises(DataError) as error:
        usable_pictures(tmp_path, minimum=2)

    message = str(error.value)
    assert "1 usable pictures, at least 2 are needed" in message
    assert "7 cannot be used" in message
    assert "bad4.jpg: empty file" in message
    assert "bad5.jpg" not in message
    assert "and 2 more" in message


def test_too_few_good_pictures_are_refused_too(tmp_path: Path) -> None:
    saved(tmp_path, "a.jpg", encoded(scene()))

    with pytest.raises(DataError, match=r"at least 8 are needed; add pictures$"):
        usable_pictures(tmp_path, minimum=8)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_a_picture_is_decoded_so_many_times_smaller(
    tmp_path: Path, suffix: str, reduction: int
) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, 48:] = (0, 128, 250)
    cv2.imwrite(str(tmp_path / f"a{suffix}"), image)

    found = read_picture(tmp_path / f"a{suffix}", reduction)

    assert found.shape == (64 // reduction, 96 // reduction, 3)
    assert found[1, -1].tolist() == pytest.approx([0, 128, 250], abs=4)
    assert found[1, 0].max() <= 4

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_data import noise, write_picture
from PIL import Image as Pil

from edgecv.data.check.looks import HASH_BITS, look_at, perceptual_hash
from edgecv.data.check.twins import DISTANCE_MAX


def distance(first: np.ndarray, second: np.ndarray) -> int:
    return int((perceptual_hash(first) != perceptual_hash(second)).sum())


def test_looks_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / f"{i}.png", noise(60, 40, i)) for i in range(9)]

    looks = look_at(paths)

    assert [look.path for look in looks] == paths
    assert len({look.sha256 for look in looks}) == 9
    assert all(look.bits is not None and look.bits.shape == (HASH_BITS,) for look in looks)
    assert look_at([]) == []


@pytest.mark.parametrize(
    ("image", "name", "kind"),
    [
        (noise(30, 20), "a.png", "colour"),
        (noise(30, 20), "a.jpg", "colour"),
        (noise(30, 20), "a.bmp", "colour"),
        (noise(30, 20)[..., 0], "a.png", "grey"),
        (noise(30, 20)[..., 0], "a.jpg", "grey"),
        (noise(30, 20)[..., 0], "a.tif", "grey"),
        (noise(30, 20).astype(np.uint16) * 256, "a.png", "16-bit"),
        (noise(30, 20)[..., 0].astype(np.uint16) * 256, "a.tif", "16-bit"),
        (np.dstack([noise(30, 20), noise(30, 20)[..., 0]]), "a.png", "alpha"),
    ],
)
def test_the_kind_is_how_the_pixels_are_stored(
    tmp_path: Path, image: np.ndarray, name: str, kind: str
) -> None:
    (look,) = look_at([write_picture(tmp_path / name, image)])
    assert look.kind == kind


def test_cmyk_is_told_from_alpha(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pil.fromarray(noise(30, 20)).convert("CMYK").save(path)

    (look,) = look_at([path])

    assert look.kind == "CMYK"
    assert look.bits is not None


def test_missing_and_broken_files_have_no_bits(tmp_path: Path) -> None:
    broken = write_picture(tmp_path / "b.jpg", noise(60, 40))
    broken.write_bytes(broken.read_bytes()[:-20])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_text("")

    looks = look_at([tmp_path / name for name in ("none.png", "b.jpg", "text.png", "empty.png")])

    assert [look.bits for look in looks] == [None] * 4
    assert [bool(look.sha256) for look in looks] == [False, True, True, True]


@pytest.mark.parametrize("seed", range(5))
def test_copies_that_were_scaled_compressed_or_made_brighter_are_close(seed: int) -> None:
    image = noise(320, 240, seed)
    small = cv2.resize(image, (160, 120), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 30])
    bright = np.clip(image * 0.8 + 40, 0, 255).astype(np.uint8)

    assert distance(image, cv2.imdecode(jpeg, cv2.IMREAD_COLOR)) <= 4
    assert distance(image, bright) <= DISTANCE_MAX


def test_other_pictures_are_far_and_half_of_all_bits_are_set() -> None:
    images = [noise(320, 240, seed) for seed in range(12)]
    apart = [distance(a, b) for i, a in enumerate(images) for b in images[:i]]

    assert min(apart) > 2 * DISTANCE_MAX
    assert all(perceptual_hash(image).sum() == HASH_BITS // 2 for image in images)


def test_the_hash_of_a_large_file_is_nearly_that_of_its_pixels(tmp_path: Path) -> None:
    image = noise(3000, 2000)
    (look,) = look_at([write_picture(tmp_path / "a.jpg", image)])

    assert look.bits is not None
    assert (look.bits != perceptual_hash(image)).sum() <= 2

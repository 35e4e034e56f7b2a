from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_data import noise, write_coco, write_picture

from edgecv.data.dataset import open_dataset
from edgecv.errors import DataError
from edgecv.training.pictures import DatasetPictures


def test_pictures_come_with_their_objects_and_without_crowds(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": [(0, (1, 2, 10, 20)), (1, (0, 0, 50, 50))], "b.png": []})
    path = tmp_path / "instances.json"
    content = json.loads(path.read_text())
    content["annotations"][1]["iscrowd"] = 1
    path.write_text(json.dumps(content))

    pictures = DatasetPictures(open_dataset(tmp_path))

    assert len(pictures) == 2
    assert pictures.class_names == ("cat", "dog")
    image, boxes, class_ids = pictures.picture(0)
    assert (image == cv2.imread(str(tmp_path / "images" / "a.png"))).all()
    assert (boxes.tolist(), class_ids.tolist()) == ([[1, 2, 11, 22]], [0])
    assert pictures.picture(1).boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize(("longest", "expected"), [(799, 799), (800, 400), (1600, 400)])
def test_large_pictures_are_decoded_smaller_with_their_boxes(
    tmp_path: Path, suffix: str, longest: int, expected: int
) -> None:
    image = np.zeros((200, longest, 3), np.uint8)
    image[80:160, 160:320] = 255
    write_picture(tmp_path / "images" / f"a{suffix}", image)
    write_coco(tmp_path, {f"a{suffix}": [(0, (160, 80, 160, 80))]})

    found, boxes, _ = DatasetPictures(open_dataset(tmp_path), side=200).picture(0)

    assert found.shape[1] == expected
    left, top, right, bottom = boxes[0].round().astype(int)
    assert right - left == pytest.approx(160 * expected / longest, abs=1)
    assert found[top + 1 : bottom - 1, left + 1 : right - 1].min() > 200
    assert found[: top - 1].max() < 60


@pytest.mark.parametrize(("cache_mb", "kept"), [(0, 0), (1, 2), (100, 3)])
def test_decoded_pictures_are_kept_as_far_as_there_is_room(
    tmp_path: Path, cache_mb: int, kept: int
) -> None:
    # 480 kB each
    boxes = {f"{name}.png": [(0, (0, 0, 9, 9))] for name in "abc"}
    pictures = DatasetPictures(
        open_dataset(write_coco(tmp_path, boxes, size_wh=(400, 400))), cache_mb=cache_mb
    )
    first = [pictures.picture(i).image for i in (0, 1, 2, 0)]
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    for index in range(kept):
        assert (pictures.picture(index).image == first[index]).all()
    for index in range(kept, 3):
        with pytest.raises(DataError, match="cannot be read"):
            pictures.picture(index)


def test_grey_pictures_take_a_third_of_the_room(tmp_path: Path) -> None:
    grey = noise(400, 400)[..., 0]
    for name in "abcdef":
        write_picture(tmp_path / "images" / f"{name}.png", grey)
    boxes = {f"{name}.png": [(0, (0, 0, 9, 9))] for name in "abcdef"}
    pictures = DatasetPictures(open_dataset(write_coco(tmp_path, boxes)), cache_mb=1)
    for index in range(6):
        pictures.picture(index)
    (tmp_path / "images" / "f.png").unlink()

    found = pictures.picture(5).image

    assert found.shape == (400, 400, 3)
    assert (found == grey[..., None]).all()


def test_the_digest_is_of_names_and_labels(tmp_path: Path) -> None:
    def digest(name: str, *box: float) -> str:
        folder = tmp_path / f"{name}{box}"
        folder.mkdir()
        return DatasetPictures(open_dataset(write_coco(folder, {name: [(0, box)]}))).digest

    first = digest("a.png", 0, 0, 5, 5)
    assert len({first, digest("b.png", 0, 0, 5, 5), digest("a.png", 0, 0, 5, 6)}) == 3
    (tmp_path / "again").mkdir()
    again = write_coco(tmp_path / "again", {"a.png": [(0, (0, 0, 5, 5))]})
    assert DatasetPictures(open_dataset(again)).digest == first


@pytest.mark.parametrize("side", [8, 8000])
def test_pictures_of_8_and_of_8000_pixels_are_read(tmp_path: Path, side: int) -> None:
    write_picture(tmp_path / "images" / "a.jpg", np.full((side, side, 3), 200, np.uint8))
    write_coco(tmp_path, {"a.jpg": [(0, (0, 0, side, side))]})

    image, boxes, _ = DatasetPictures(open_dataset(tmp_path), side=480).picture(0)

    expected = 8 if side == 8 else 1000
    assert image.shape == (expected, expected, 3)
    assert boxes.tolist() == [[0, 0, expected, expected]]
    assert abs(int(image.mean()) - 200) <= 2


def test_16_bit_and_grey_pictures_become_8_bit_colour(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "deep.png", np.full((20, 20, 3), 0x8000, np.uint16))
    write_picture(tmp_path / "images" / "grey.png", np.full((20, 20), 128, np.uint8))
    write_coco(tmp_path, {"deep.png": [], "grey.png": []})
    pictures = DatasetPictures(open_dataset(tmp_path))

    for index in range(2):
        assert pictures.picture(index).image.tolist() == np.full((20, 20, 3), 128).tolist()


def test_a_picture_that_became_unreadable_is_named(tmp_path: Path) -> None:
    write_coco(tmp_path, {"a.png": []})
    pictures = DatasetPictures(open_dataset(tmp_path))
    path = tmp_path / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(DataError, match=r"a\.png: the file ends early \(truncated\)"):
        pictures.picture(0)

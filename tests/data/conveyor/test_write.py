from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgecv.data.conveyor import CLASS_NAMES, Conveyor, write_dataset
from edgecv.data.conveyor.write import APART
from edgecv.data.dataset import open_dataset
from edgecv.data.pictures import read_picture
from edgecv.data.run_length import encode_mask
from edgecv.errors import DataError

SIZE = (160, 128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("conveyor") / "set"
    write_dataset(made, 1, 4, SIZE, "train")
    write_dataset(made, 2, 1, SIZE, "val")
    return made


def test_a_written_set_is_read_back_as_it_was_drawn(folder: Path) -> None:
    dataset = open_dataset(folder, "train")
    assert dataset.class_names == CLASS_NAMES
    assert dataset.samples[0].path.name == "train_000000.jpg"
    for number, sample in enumerate(dataset.samples):
        frame = Conveyor(1, SIZE, number).frame(number * APART)
        assert np.array_equal(sample.boxes_xyxy, frame.truth.boxes_xyxy)
        assert np.array_equal(sample.class_ids, frame.truth.class_ids)
        assert sample.areas.tolist() == frame.truth.masks.sum((1, 2)).tolist()
        assert np.array_equal(read_picture(sample.path), frame.image)
    assert len(open_dataset(folder, "val").samples) == 1


def test_masks_and_occlusion_are_those_of_the_frame(folder: Path) -> None:
    content = json.loads((folder / "instances_train.json").read_text("utf-8"))
    frame = Conveyor(1, SIZE, 2).frame(2 * APART)
    found = [one for one in content["annotations"] if one["image_id"] == 3]
    assert len(found) == len(frame.truth.masks) > 0
    for one, mask, hidden in zip(found, frame.truth.masks, frame.truth.occluded, strict=True):
        assert one["segmentation"] == encode_mask(mask)
        assert one["occluded"] == pytest.approx(hidden, abs=1e-3)
    ids = [one["id"] for one in content["annotations"]]
    assert ids == list(range(1, len(ids) + 1))


def test_a_longer_set_begins_with_the_shorter_one(folder: Path, tmp_path: Path) -> None:
    counts = write_dataset(tmp_path, 1, 2, SIZE)
    content = json.loads((tmp_path / "instances.json").read_text("utf-8"))
    assert counts.sum() == len(content["annotations"])
    short, long = tmp_path / "images", folder / "images"
    for number in range(2):
        one = (short / f"conveyor_{number:06d}.jpg").read_bytes()
        assert one == (long / f"train_{number:06d}.jpg").read_bytes()


def test_a_split_that_is_there_is_not_written_over(folder: Path) -> None:
    with pytest.raises(DataError, match=r"instances_val\.json: is there already; choose another"):
        write_dataset(folder, 3, 1, SIZE, "val")


def test_no_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 pictures are asked for; expected at least 1"):
        write_dataset(tmp_path, 3, 0, SIZE)
    assert not list(tmp_path.iterdir())

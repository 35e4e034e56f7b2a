from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecv.errors import UsageError
from edgecv.models.class_names import class_names
from edgecv.models.coco import COCO_80


def test_names_of_the_recipe_come_before_all_others() -> None:
    assert class_names(2, ["a", "b"], ["c", "d"], Path("nowhere")) == ("a", "b")


def test_names_of_the_file_come_next() -> None:
    assert class_names(80, None, [str(i) for i in range(80)], None)[79] == "79"


def test_eighty_classes_are_those_of_coco() -> None:
    names = class_names(80, None, None, None)
    assert names == COCO_80
    assert (names[0], names[11], names[79]) == ("person", "stop sign", "toothbrush")


def test_names_of_coco_are_those_of_its_annotations(shared: Path) -> None:
    path = shared / "data" / "photos" / "coco38" / "instances.json"
    categories = json.loads(path.read_text("utf-8"))["categories"]
    assert tuple(category["name"] for category in categories) == COCO_80


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((20, 30, 3), np.uint8))
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
    instances = {
        "images": [{"id": 1, "file_name": "a.png", "width": 30, "height": 20}],
        "annotations": [box],
        "categories": [{"id": 1, "name": "dent"}, {"id": 2, "name": "scratch"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(instances), "utf-8")
    return tmp_path


def test_names_of_the_data_are_taken_when_their_number_fits(data: Path) -> None:
    assert class_names(2, None, None, data) == ("dent", "scratch")
    with pytest.raises(UsageError, match=r"has 3 classes .* has 2\).*load\.classes"):
        class_names(3, None, None, data)


def test_without_any_names_the_way_to_give_them_is_said() -> None:
    with pytest.raises(UsageError, match=r"no data set was given.*--set load\.classes=\["):
        class_names(3, None, None, None)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "load.classes names 1 classes, the network has 2"),
        ([], "load.classes names 0 classes"),
        (["a", "a"], "must differ and be one line each; found 'a'"),
        (["a", " "], "found ' '"),
        (["a", "b\nc"], r"found 'b\\nc'"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        class_names(2, names, None, None)

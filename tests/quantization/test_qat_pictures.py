from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_data import write_coco
from made_shapes import CLASSES, Shapes, write_shapes
from small_qat import SIDE, write_pictures

from edgecv.errors import DataError, UsageError
from edgecv.models.detector import Detector
from edgecv.quantization.qat_pictures import SURE, open_labelled, open_photos
from edgecv.recipe import QatSettings
from edgecv.training.validation import answers

QUIET = QatSettings(response=0)


def test_the_parts_of_a_data_set_teach_under_the_ids_of_the_network(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes", train=3, val=2)
    names = ("disc", "Square")  # in another order, and spelled otherwise
    found = open_labelled(data, QatSettings(), names, SIDE)
    assert (len(found.train), len(found.val), found.truth) == (3, 2, True)
    assert found.train.class_names == found.val.class_names == names
    for index in range(3):
        wanted = Shapes(3).picture(index)
        np.testing.assert_array_equal(found.train.picture(index).class_ids, 1 - wanted.class_ids)
        np.testing.assert_allclose(found.train.picture(index).boxes_xyxy, wanted.boxes_xyxy)


def test_truth_that_lacks_a_class_of_the_network_does_not_teach(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes", train=3, val=2)
    names = ("star", *CLASSES)
    found = open_labelled(data, QatSettings(), names, SIDE)
    assert not found.truth
    assert "has not all classes of the network (star, for one)" in found.notes[-1]
    np.testing.assert_array_equal(
        found.train.picture(0).class_ids, 1 + Shapes(3).picture(0).class_ids
    )
    with pytest.raises(UsageError, match="nothing is left to learn from"):
        open_labelled(data, QUIET, names, SIDE)


def test_truth_that_is_not_wanted_is_not_missed(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "shapes", train=3, val=2)
    found = open_labelled(data, QatSettings(truth=0), ("star", *CLASSES), SIDE)
    assert not found.truth
    assert found.notes == ()


def test_a_class_that_the_network_does_not_know_is_refused(tmp_path: Path) -> None:
    data = write_coco(tmp_path, {f"{i}.png": [(i % 2, (9, 9, 20, 20))] for i in range(6)})
    with pytest.raises(DataError, match="'dog'"):
        open_labelled(data, QatSettings(), ("cat", "horse"), SIDE)


def test_no_data_is_told() -> None:
    with pytest.raises(DataError, match="no data to train on"):
        open_labelled(None, QatSettings(), CLASSES, SIDE)


def test_photos_are_explained_by_the_network_where_they_choose(
    detector: Detector, tmp_path: Path
) -> None:
    paths = write_pictures(tmp_path, 4).paths
    settings = QatSettings.model_validate({"train": {"val_fraction": 0.5}})
    found = open_photos(paths, settings, CLASSES, SIDE, detector)
    assert not found.truth
    assert len(found.train) + len(found.val) == 4
    assert "no ground truth: the float network alone teaches" in found.notes[0]
    assert sum(len(found.train.picture(i).class_ids) for i in range(len(found.train))) == 0
    expected = answers(detector, found.val, SIDE)
    for index, one in enumerate(expected):
        shown, sure = found.val.picture(index), one.scores >= SURE
        np.testing.assert_allclose(shown.boxes_xyxy, one.boxes_xyxy[sure])
        np.testing.assert_array_equal(shown.class_ids, one.class_ids[sure])
    assert sum(int((one.scores >= SURE).sum()) for one in expected) >= 1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_are_refused(detector: Detector, tmp_path: Path, count: int) -> None:
    paths = write_pictures(tmp_path, 1).paths[:count]
    with pytest.raises(UsageError, match=rf"{count} is left to learn from, expected two"):
        open_photos(paths, QatSettings(), CLASSES, SIDE, detector)


def test_photos_without_a_teacher_are_refused(detector: Detector, tmp_path: Path) -> None:
    paths = write_pictures(tmp_path, 2).paths
    with pytest.raises(UsageError, match=r"without --data there is no ground truth"):
        open_photos(paths, QUIET, CLASSES, SIDE, detector)


def test_photos_on_which_the_network_finds_nothing_are_refused(
    detector: Detector, tmp_path: Path
) -> None:
    import cv2

    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path in paths:
        cv2.imwrite(str(path), np.full((SIDE, SIDE, 3), 100, np.uint8))
    with pytest.raises(DataError, match=r"finds nothing of score 0.3 and more"):
        open_photos(paths, QatSettings(), CLASSES, SIDE, detector)

from __future__ import annotations

from pathlib import Path

import pytest
from made_data import noise, write_picture
from made_shapes import CLASSES, Shapes

from edgecv.distillation.unlabelled import open_unlabelled, with_unlabelled
from edgecv.errors import DataError
from edgecv.recipe import DistillSettings
from edgecv.training.mixed import Mixed


def photos(folder: Path, count: int = 3) -> Path:
    for number in range(count):
        write_picture(folder / f"{number}.png", noise(80, 60, seed=number))
    return folder


def test_photos_have_no_objects_and_the_classes_of_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "photos")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    found = open_unlabelled(folder, CLASSES, 64, 0)
    assert (len(found), found.class_names) == (3, CLASSES)
    image, boxes, class_ids = found.picture(2)
    assert image.shape == (60, 80, 3)
    assert boxes.shape == (0, 4)
    assert class_ids.shape == (0,)
    assert "1 photos cannot be used and are left out: broken.jpg" in capsys.readouterr().err


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        open_unlabelled(tmp_path / "nowhere", CLASSES, 64, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        open_unlabelled(tmp_path / "empty", CLASSES, 64, 0)


def test_they_join_the_labelled_ones_where_the_settings_name_them(tmp_path: Path) -> None:
    labelled = Shapes(6)
    plain = DistillSettings(student="mobilenet_v2")
    assert with_unlabelled(labelled, plain, 64) is labelled
    folder = str(photos(tmp_path / "photos"))
    settings = plain.model_copy(update={"unlabelled": folder, "unlabelled_share": 0.4})
    found = with_unlabelled(labelled, settings, 64)
    assert isinstance(found, Mixed)
    assert (found.labelled, len(found)) == (6, 10)

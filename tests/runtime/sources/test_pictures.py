from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from small_videos import picture

from edgecv.errors import DataError
from edgecv.runtime.sources import find_sources


def folder_of(tmp_path: Path, count: int) -> Path:
    for index in range(count):
        cv2.imwrite(str(tmp_path / f"{index:03}.png"), picture(index))
    return tmp_path


def test_pictures_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    capture = find_sources([str(folder_of(tmp_path, 3))])[0].open()
    shots = list(capture)
    assert [int(shot.picture.full()[0, 0, 0]) for shot in shots] == [10, 15, 20]
    assert [shot.time_s for shot in shots] == [index / capture.frame_rate for index in range(3)]


def test_a_picture_that_cannot_be_read_is_said_after_the_others(tmp_path: Path) -> None:
    (folder_of(tmp_path, 3) / "001.png").write_bytes(b"no picture")
    shots = []
    with pytest.raises(DataError, match=r"1 of 3 pictures were left out\. .*001\.png"):
        shots.extend(iter(find_sources([str(tmp_path)])[0].open()))
    assert len(shots) == 2


def test_closing_ends_the_pictures(tmp_path: Path) -> None:
    capture = find_sources([str(folder_of(tmp_path, 3))])[0].open()
    shots = iter(capture)
    next(shots)
    capture.close()
    assert list(shots) == []

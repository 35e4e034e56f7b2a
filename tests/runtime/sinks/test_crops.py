from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from found import NAMES, found, frame

from edgecv.errors import EdgecvError
from edgecv.runtime.sinks.crops import Crops


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def test_each_track_has_one_file_with_its_box(tmp_path: Path) -> None:
    sink = Crops(tmp_path / "crops", NAMES)
    for index in range(3):
        sink.write(frame(index), found(2))
    sink.close()
    assert names(tmp_path / "crops") == ["door/bolt-8.jpg", "door/nut-7.jpg"]
    assert cv2.imread(str(tmp_path / "crops" / "door" / "nut-7.jpg")).shape == (32, 16, 3)


def test_only_a_better_view_replaces_the_one_before(tmp_path: Path) -> None:
    sink = Crops(tmp_path, NAMES)
    times = []
    for score in (0.5, 0.52, 0.3, 0.6):
        sink.write(frame(), replace(found(1), scores=np.array([score], np.float32)))
        times.append((tmp_path / "door" / "nut-7.jpg").stat().st_mtime_ns)
    assert times[0] == times[1] == times[2] < times[3]


def test_without_a_tracker_every_box_is_a_file_and_none_is_none(tmp_path: Path) -> None:
    sink = Crops(tmp_path, NAMES)
    sink.write(frame(0), found(0, tracked=False))
    sink.write(frame(4), found(2, tracked=False))
    assert names(tmp_path) == ["door/bolt-4-1.jpg", "door/nut-4-0.jpg"]


def test_a_box_outside_of_the_picture_has_no_view(tmp_path: Path) -> None:
    sink = Crops(tmp_path, NAMES)
    sink.write(frame(), replace(found(1), boxes_xyxy=np.array([[70, 5, 90, 9]], np.float32)))
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    sink = Crops(tmp_path, NAMES)
    (tmp_path / "door").write_text("a file")
    with pytest.raises(EdgecvError, match=r"nut-7\.jpg: cannot be written"):
        sink.write(frame(), found(1))


def test_a_predicted_box_is_no_view(tmp_path: Path) -> None:
    sink = Crops(tmp_path, NAMES)
    taken = frame()
    taken.detected = False
    sink.write(taken, found(2))
    sink.close()
    assert names(tmp_path) == []

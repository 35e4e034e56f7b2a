from __future__ import annotations

import os
from pathlib import Path

import pytest
from recorded_devices import laptop, orin_nano, virtual_machine, write

from edgecv.device.cameras import Camera, read_cameras
from edgecv.errors import UsageError
from edgecv.runtime.sources import find_sources


def test_a_sensor_on_the_board_and_a_usb_camera_have_their_sources(tmp_path: Path) -> None:
    # video2 is the USB camera's second device, of its metadata
    assert read_cameras(orin_nano(tmp_path)) == [
        Camera("/dev/video0", "imx219 9-0010", "csi", "csi://0", True),
        Camera("/dev/video1", "HD Webcam", "v4l2", "v4l2:///dev/video1", True),
    ]


def test_edgecv_run_understands_the_source_and_looks_for_that_device(tmp_path: Path) -> None:
    (camera,) = read_cameras(write(tmp_path, {"dev/video97": ""}))
    with pytest.raises(UsageError, match=r"no device /dev/video97;"):
        find_sources([camera.source])


def test_a_camera_without_a_name_is_one(tmp_path: Path) -> None:
    (camera,) = read_cameras(laptop(tmp_path))
    assert (camera.name, camera.kind) == ("", "v4l2")


def test_a_device_of_another_group_is_not_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # root, as which CI may run, is allowed everything
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("video0"))
    assert [camera.allowed for camera in read_cameras(orin_nano(tmp_path))] == [False, True]


def test_a_machine_without_cameras_has_none(tmp_path: Path) -> None:
    assert read_cameras(virtual_machine(tmp_path)) == []

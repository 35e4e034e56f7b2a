from __future__ import annotations

from pathlib import Path

import pytest

from edgecv.errors import DataError, UsageError
from edgecv.runtime.sources import find_sources
from edgecv.runtime.sources.camera import Camera


def test_a_device_and_its_settings_are_read_from_the_address() -> None:
    (camera,) = find_sources(["v4l2:///dev/null?size=640x480&fps=30&format=mjpeg"])
    assert isinstance(camera, Camera)
    assert camera.device == Path("/dev/null")
    assert dict(camera.options) == {
        "video_size": "640x480",
        "framerate": "30",
        "input_format": "mjpeg",
    }
    assert camera.live
    assert not camera.remote


@pytest.mark.parametrize("text", ["98", "v4l2:///dev/video98"])
def test_a_camera_that_is_not_there_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"no device /dev/video98; cameras here: "):
        find_sources([text])


@pytest.mark.parametrize("text", ["v4l2:///dev/null?zoom=2", "v4l2://host/dev/video0"])
def test_an_address_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected v4l2:///dev/videoN"):
        find_sources([text])


def test_a_device_that_is_no_camera_is_refused_when_it_is_opened() -> None:
    (camera,) = find_sources(["v4l2:///dev/null"])
    with pytest.raises(DataError, match="/dev/null: cannot be opened as a video"):
        camera.open()

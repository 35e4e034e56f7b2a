from __future__ import annotations

import os
import shutil
import time

import numpy as np
import pytest

from edgecv.errors import DataError, UsageError
from edgecv.runtime.sources import find_sources

PATTERN = "videotestsrc pattern=white num-buffers=5 ! video/x-raw,width=64,height=48,framerate=20/1"


@pytest.fixture
def gstreamer() -> None:
    if shutil.which("gst-launch-1.0") is None:
        message = "no gst-launch-1.0: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good"
        if os.environ.get("EDGECV_CI"):
            pytest.fail(message)
        pytest.skip(message)


@pytest.mark.usefixtures("gstreamer")
def test_a_pipeline_gives_its_pictures_and_its_rate() -> None:
    (source,) = find_sources([f"gst:{PATTERN}"])
    capture = source.open()
    shots = list(capture)
    assert source.live
    assert (len(shots), capture.frame_rate) == (5, 20.0)
    assert shots[0].picture.size_wh == (64, 48)
    assert shots[0].time_s is None
    np.testing.assert_allclose(shots[0].picture.full(), 255, atol=3)


@pytest.mark.usefixtures("gstreamer")
@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        ("nosuchelement ! videoconvert", 'no element "nosuchelement"'),
        ("filesrc location=/nowhere ! decodebin", "Could not open file|Resource not found"),
    ],
    ids=["unknown element", "missing file"],
)
def test_a_pipeline_that_cannot_run_is_refused_in_gstreamers_words(
    pipeline: str, told: str
) -> None:
    (source,) = find_sources([f"gst:{pipeline}"])
    with pytest.raises(DataError, match=told):
        source.open()


@pytest.mark.usefixtures("gstreamer")
def test_closing_ends_the_process_of_an_endless_pipeline() -> None:
    (source,) = find_sources(["gst:videotestsrc is-live=true ! video/x-raw,width=64,height=48"])
    capture = source.open()
    shots = iter(capture)
    next(shots)
    begun = time.monotonic()
    capture.close()
    assert len(list(shots)) < 200
    assert time.monotonic() - begun < 5


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a pipeline"):
        find_sources(["gst:"])


@pytest.mark.usefixtures("gstreamer")
def test_a_jetsons_camera_needs_a_jetson() -> None:
    if shutil.which("nvargus-daemon"):
        pytest.skip("this is a Jetson")
    with pytest.raises(UsageError, match="no GStreamer element nvarguscamerasrc here"):
        find_sources(["csi://0?size=1920x1080"])


@pytest.mark.parametrize("text", ["csi://front", "csi://0?zoom=2"])
def test_a_jetsons_camera_has_a_number_and_known_settings(text: str) -> None:
    with pytest.raises(UsageError, match="expected csi://NUMBER"):
        find_sources([text])


def test_without_gstreamer_its_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"apt-get install gstreamer1\.0-tools"):
        find_sources(["gst:videotestsrc"])

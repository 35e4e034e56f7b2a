from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from found import NAMES, found, frame
from small_videos import frames_of

from edgecv.runtime.sinks.video import SavedVideo


def written(path: Path, frames: int, **made: object) -> Path:
    sink = SavedVideo(path, ["door"], NAMES)
    for index in range(frames):
        sink.write(frame(index, **made), found(2))  # type: ignore[arg-type]
    sink.close()
    return path


def test_a_browser_can_play_it(tmp_path: Path) -> None:
    path = written(tmp_path / "o.mp4", 25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.average_rate, stream.frames) == (10, 25)
        assert not container.streams.audio
    data = path.read_bytes()
    # the index comes first, and once: nothing is in pieces
    assert data.index(b"moov") < data.index(b"mdat")
    assert b"moof" not in data
    assert [one.name for one in tmp_path.iterdir()] == ["o.mp4"]


def test_frames_keep_their_times_when_some_were_dropped(tmp_path: Path) -> None:
    sink = SavedVideo(tmp_path / "o.mp4", ["door"], NAMES)
    for index in (0, 1, 5, 6, 20):
        sink.write(frame(index), found(0))
    sink.close()
    times = [one.time for one in frames_of(tmp_path / "o.mp4")]
    np.testing.assert_allclose(times, [0, 0.1, 0.5, 0.6, 2.0], atol=1e-3)


def test_the_rate_of_a_film_is_kept_exactly(tmp_path: Path) -> None:
    written(tmp_path / "o.mp4", 24, rate=24000 / 1001)
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(24000, 1001)


def test_boxes_are_on_the_picture_and_colours_are_right(tmp_path: Path) -> None:
    written(tmp_path / "o.mp4", 3, size_wh=(320, 240))
    image = frames_of(tmp_path / "o.mp4")[2].to_ndarray(format="bgr24").astype(int)
    assert np.abs(image[200:, 200:] - 90).max() < 6
    assert np.abs(image[38:42, 10:22] - 90).max() > 60  # the lower edge of the first box


def test_odd_sides_lose_their_last_line(tmp_path: Path) -> None:
    written(tmp_path / "o.mp4", 2, size_wh=(65, 49))
    one = frames_of(tmp_path / "o.mp4")[0]
    assert (one.width, one.height) == (64, 48)


def test_a_picture_of_another_size_is_fitted_into_the_first(tmp_path: Path) -> None:
    sink = SavedVideo(tmp_path / "o.mp4", ["door"], NAMES)
    sink.write(frame(0), found(0))
    sink.write(frame(1, size_wh=(256, 96)), found(0))
    sink.close()
    second = frames_of(tmp_path / "o.mp4")[1].to_ndarray(format="bgr24")
    assert second.shape == (48, 64, 3)
    assert second[24, 32].mean() > 80
    assert second[2].mean() < 20  # black above and below


def test_each_stream_has_its_file_and_one_without_frames_none(tmp_path: Path) -> None:
    sink = SavedVideo(tmp_path / "o.mp4", ["door", "gate"], NAMES)
    for index in range(3):
        sink.write(frame(index, "gate"), found(1))
    sink.close()
    assert [one.name for one in tmp_path.iterdir()] == ["o-gate.mp4"]


def test_a_path_that_cannot_be_written_is_said_before_any_frame(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SavedVideo(tmp_path / "nowhere" / "o.mp4", ["door"], NAMES)


FILL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from found import NAMES, found, frame
from edgecv.errors import EdgecvError
from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.runtime.sinks.video import SavedVideo

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
sink = SavedVideo(Path(sys.argv[1]), ["door"], NAMES)
noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
try:
    for index in range(10_000):
        picture = ArrayPicture(np.roll(noise, index, axis=1))
        sink.write(StreamFrame("door", index, index / 10, 0.0, picture, 10.0), found(0))
except EdgecvError as error:
    print(error)
try:
    sink.close()
except EdgecvError as error:
    print(error)
"""


def test_when_no_more_can_be_written_what_is_there_plays(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no limit of a file's size here")
    path = tmp_path / "o.mp4"
    told = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin"},
        check=True,
    )
    assert f"{path}: cannot be written after frame " in told.stdout
    after = int(told.stdout.partition("after frame ")[2].split()[0])
    played = 0
    with av.open(str(path)) as container:
        try:
            for _ in container.decode(video=0):
                played += 1
        except av.error.InvalidDataError:
            pass  # the last piece is cut off
    # pieces of two seconds: all but the last
    assert after - 45 < played <= after

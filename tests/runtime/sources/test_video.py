from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from small_videos import RATE, SIZE_WH, frames_of, write_video

from edgecv.bundle import InputSpec
from edgecv.errors import DataError, MissingExtraError
from edgecv.runtime import preprocess
from edgecv.runtime.sources import find_sources
from edgecv.runtime.sources._capture import Capture, Shot

SPEC = InputSpec(width=32, height=32)


def opened(path: Path) -> Capture:
    return find_sources([str(path)])[0].open()


def read(path: Path) -> tuple[list[Shot], str]:
    """What a file gives, and how it ends."""
    shots: list[Shot] = []
    try:
        shots.extend(iter(opened(path)))
    except DataError as error:
        return shots, str(error)
    return shots, ""


@pytest.mark.parametrize(("name", "codec"), [("v.mp4", "libx264"), ("v.avi", "mpeg4")])
def test_every_frame_comes_in_order_with_its_time(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, 12, codec=codec)
    capture = opened(path)
    assert capture.frame_rate == RATE
    shots = list(capture)
    times = [shot.time_s for shot in shots]
    np.testing.assert_allclose(np.array(times, float), np.arange(12) / RATE, atol=1e-3)
    for index, shot in enumerate(shots):
        assert shot.picture.size_wh == SIZE_WH
        decoded = frames_of(path)[index].to_ndarray(format="bgr24")
        np.testing.assert_array_equal(shot.picture.full(), decoded)


def test_the_networks_picture_is_made_without_the_full_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 3)
    for index, shot in enumerate(opened(path)):
        small, placed = shot.picture.letterbox(SPEC)
        decoded = frames_of(path)[index].to_ndarray(format="bgr24")
        expected, box = preprocess.letterbox(decoded, SPEC)
        assert placed == box
        # converting without scaling rounds down, as the full picture shows
        np.testing.assert_allclose(small.astype(int), expected, atol=3)


def test_details_land_where_the_letterbox_of_a_picture_puts_them(shared: Path) -> None:
    # the scaler averages where OpenCV takes four pixels: alike, not equal
    path = shared / "data" / "mot" / "videos" / "TUD-Stadtmitte.mp4"
    shot = next(iter(opened(path)))
    spec = InputSpec(width=416, height=416)
    small, placed = shot.picture.letterbox(spec)
    expected, box = preprocess.letterbox(shot.picture.full(), spec)
    assert placed == box
    difference = np.abs(small.astype(int) - expected)
    assert difference.mean() < 3
    shifted = np.abs(np.roll(small, 2, axis=1).astype(int) - expected)
    assert shifted.mean() > 2 * difference.mean()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_phones_turned_video_is_upright(tmp_path: Path, degrees: int) -> None:
    path = tmp_path / "v.mp4"
    plain = np.zeros((48, 64, 3), np.uint8)
    plain[:24, :32] = 255  # where the corner goes tells the turn
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(plain, format="bgr24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    turn_file(path, degrees)
    asked = round(frames_of(path)[0].rotation / 90) % 4
    assert bool(asked) is bool(degrees)
    shot = next(iter(opened(path)))
    expected = np.rot90(plain, asked)
    assert shot.picture.size_wh == expected.shape[1::-1]
    full, small = shot.picture.full(), shot.picture.letterbox(SPEC)[0]
    boxed = preprocess.letterbox(np.ascontiguousarray(expected), SPEC)[0]
    assert np.abs(full.astype(int) - expected).mean() < 4
    assert np.abs(small.astype(int) - boxed).mean() < 6


def turn_file(path: Path, degrees: int) -> None:
    """Write a rotation into the matrix of an MP4's track header, as phones do."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    values = [cosine, sine, 0, -sine, cosine, 0, 0, 0]
    for place, value in enumerate(values):
        at = matrix + 4 * place
        data[at : at + 4] = (value * 0x10000).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def test_a_video_cut_off_gives_what_it_holds_and_then_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 60, (320, 240), codec="mpeg4")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"movi") + 3000])
    shots, told = read(path)
    assert 1 <= len(shots) < 55
    assert f"ends early, after {len(shots)} of 60 frames" in told


def test_a_damaged_video_gives_what_can_be_decoded_and_then_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 60, (320, 240))
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 2000
    for place in range(begin, begin + 400, 7):
        data[place] ^= 0xFF
    path.write_bytes(data)
    shots, told = read(path)
    assert len(shots) > 30
    assert "frames are damaged" in told


def test_a_stream_that_changes_its_size_gives_both(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{w}.ts", 5, (w, w)) for w in (64, 128)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    shots, _ = read(path)
    assert [shot.picture.size_wh[0] for shot in shots] == [64] * 5 + [128] * 5


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "no such file"), (b"", "the file is empty"), (b"text\n" * 99, "cannot be opened")],
    ids=["missing", "empty", "text"],
)
def test_what_is_no_video_is_refused_when_it_is_opened(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "v.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"v\.mp4: .*{told}"):
        opened(path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(DataError, match="no video in it"):
        opened(path)


def test_a_codec_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", 5, codec="mpeg4")
    data = path.read_bytes()
    assert data.count(b"FMP4") == 2  # of the stream's header and of its format
    path.write_bytes(data.replace(b"FMP4", b"QXQX"))
    with pytest.raises(DataError, match="codec that this FFmpeg does not know"):
        opened(path)


def test_closing_ends_the_frames_without_a_complaint(tmp_path: Path) -> None:
    capture = opened(write_video(tmp_path / "v.mp4", 30))
    shots = iter(capture)
    next(shots)
    capture.close()
    assert len(list(shots)) < 28


def test_without_pyav_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"package 'av'.*pip install .*\[video\]'"):
        opened(path)

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecv.data.mot import Sequence, find_sequences, read_sequence
from edgecv.data.mot_rows import MotRows
from edgecv.errors import DataError
from edgecv.metrics.tracking import combine
from edgecv.trackers.replay import (
    PROTOCOLS,
    score_sequence,
    standing_people,
    track_sequence,
)

HALF = PROTOCOLS["mot17-val-half"]


def rows(frames: list[int], boxes: list[list[float]], ids: list[int]) -> MotRows:
    count = len(frames)
    return MotRows(
        "test",
        np.array(frames, np.int64),
        np.array(ids, np.int64),
        np.array(boxes, float).reshape(-1, 4),
        np.ones(count),
        np.full(count, -1),
    )


def walker(length: int, **others: object) -> Sequence:
    """One box that walks 5 pixels to the right each frame, tracked perfectly in the truth."""
    frames = list(range(1, length + 1))
    boxes = [[20.0 + 5 * frame, 30, 40, 100] for frame in frames]
    found, truth = rows(frames, boxes, [-1] * length), rows(frames, boxes, [4] * length)
    return Sequence("walker", 10, length, (640, 480), found, truth, **others)  # type: ignore[arg-type]


@cache
def halves(folder: Path) -> list[Sequence]:
    return [HALF.part(read_sequence(path)) for path in find_sequences(folder)]


def score(shared: Path, tracker: str) -> dict[str, float | int]:
    found = []
    for sequence in halves(shared / "data" / "mot" / "mot17_half"):
        result = score_sequence(sequence, track_sequence(sequence, tracker, HALF))
        assert result is not None
        found.append(result)
    assert len(found) == 4
    return combine(found).percentages()


def test_bytetrack_reproduces_its_own_code_to_every_digit(shared: Path) -> None:
    # measured with ByteTrack's code and TrackEval 1.3.0 on the same detections
    told = score(shared, "bytetrack")
    assert {key: round(told[key], 2) for key in ("HOTA", "MOTA", "IDF1", "IDSW")} == {
        "HOTA": 53.83,
        "MOTA": 66.62,
        "IDF1": 66.76,
        "IDSW": 121,
    }


def test_botsort_with_recorded_camera_motion_is_the_best(shared: Path) -> None:
    told = score(shared, "botsort")
    assert told["HOTA"] >= 56.0
    assert told["IDF1"] >= 69.5


@pytest.mark.parametrize(("length", "tracked"), [(1, 1), (12, 12)])
def test_a_lonely_walker_is_tracked_from_end_to_end(length: int, tracked: int) -> None:
    sequence = walker(length)
    tracks = track_sequence(sequence, "bytetrack")
    assert (len(tracks), set(tracks.ids.tolist())) == (tracked, {1})
    result = score_sequence(sequence, tracks)
    assert result is not None
    assert result.percentages()["IDF1"] == 100


@pytest.mark.parametrize("tracker", ["sort", "bytetrack", "ocsort", "botsort"])
def test_with_every_third_frame_detected_the_others_are_predicted(tracker: str) -> None:
    sequence = walker(31)
    tracks = track_sequence(sequence, tracker, every=3)
    assert (len(tracks), set(tracks.ids.tolist())) == (31, {1})
    assert track_sequence(sequence, tracker, every=1).frames.tolist() == list(range(1, 32))
    later = tracks.frames > 15
    lefts = 20.0 + 5 * tracks.frames
    np.testing.assert_allclose(tracks.boxes_xywh[later, 0], lefts[later], atol=3)


def test_a_sequence_in_which_nothing_is_found_has_no_tracks() -> None:
    sequence = walker(3)
    nothing = Sequence("empty", 10, 3, (640, 480), rows([], [], []), sequence.truth)
    tracks = track_sequence(nothing, "botsort")
    assert len(tracks) == 0
    result = score_sequence(nothing, tracks)
    assert result is not None
    assert result.percentages()["MOTA"] == 0


def test_without_ground_truth_there_is_no_score() -> None:
    sequence = walker(3)
    blind = Sequence("blind", 10, 3, (640, 480), sequence.detections)
    assert score_sequence(blind, track_sequence(blind, "sort")) is None


def test_camera_motion_comes_from_the_pictures_where_none_was_recorded(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 1400, 3), dtype=np.uint8)
    scene = cv2.GaussianBlur(noise, (0, 0), 4)
    scene = cv2.normalize(scene, None, 0, 255, cv2.NORM_MINMAX)
    # the camera stands for eight frames, then swings by 35 pixels a frame: a box 40 pixels wide
    # that stands in the scene overlaps its place of the frame before by a fourteenth
    lefts = [0] * 8 + [35 * step for step in range(1, 9)]
    paths = []
    for number, left in enumerate(lefts, 1):
        paths.append(tmp_path / f"{number:06}.png")
        cv2.imwrite(str(paths[-1]), scene[:, left : left + 640])
    frames = list(range(1, 17))
    boxes = [[500.0 - left, 200, 40, 100] for left in lefts]
    found = rows(frames, boxes, [-1] * 16)
    seeing = Sequence("seeing", 10, 16, (640, 480), found, pictures=tuple(paths))
    blind = Sequence("blind", 10, 16, (640, 480), found)
    assert track_sequence(seeing, "botsort").ids.tolist() == [1] * 16
    assert track_sequence(blind, "botsort").ids.tolist() == [1] * 8


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    sequence = walker(1, pictures=(tmp_path / "1.jpg",))
    with pytest.raises(DataError, match=r"1\.jpg"):
        track_sequence(sequence, "botsort")


def test_the_protocol_keeps_boxes_that_could_be_people() -> None:
    shapes = [[0.0, 0, 10, 10], [0, 0, 10, 10.1], [0, 0, 160, 100], [0, 0, 161, 100]]
    kept = standing_people(rows([1, 1, 1, 1], shapes, [1, 2, 3, 4]))
    assert kept.ids.tolist() == [2, 3]

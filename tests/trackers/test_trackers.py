from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgecv.trackers
from edgecv.errors import UsageError
from edgecv.trackers import DEFAULT, FOLLOWS_CAMERA, TRACKERS, Tracker, make_tracker
from edgecv.trackers.camera_motion import RecordedMotion
from edgecv.trackers.momentum import direction, earlier_box, momentum
from edgecv.types import Detections

EVERY = pytest.mark.parametrize("name", list(TRACKERS))
REMEMBERS = pytest.mark.parametrize("name", ["bytetrack", "ocsort", "botsort"])
RATE = 10.0


def made(name: str) -> Tracker:
    return make_tracker(name, frame_rate=RATE)


def found(*lefts: float, score: float = 0.9, classes: tuple[int, ...] = ()) -> Detections:
    """Boxes of 40 x 100 pixels whose left edges are given."""
    boxes = np.array([[left, 50, left + 40, 150] for left in lefts], np.float32).reshape(-1, 4)
    ids = np.array(classes or [0] * len(lefts), np.int64)
    return Detections(boxes, np.full(len(lefts), score, np.float32), ids)


def walk(tracker: Tracker, frames: int, *starts: float, step: float = 3) -> Detections:
    for frame in range(frames):
        last = tracker.update(found(*(start + step * frame for start in starts)))
    return last


def ids(tracks: Detections) -> list[int]:
    assert tracks.track_ids is not None
    return tracks.track_ids.tolist()


def test_every_file_of_an_algorithm_is_in_the_table() -> None:
    folder = Path(edgecv.trackers.__file__).parent
    with_create = {p.stem for p in folder.glob("*.py") if "\ndef create(" in p.read_text()}
    assert with_create == set(TRACKERS)
    assert DEFAULT in TRACKERS
    assert set(TRACKERS) > FOLLOWS_CAMERA


def test_a_tracker_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="no tracker 'bytetrak'; there are: sort, bytetrack"):
        make_tracker("bytetrak")


@REMEMBERS
@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_frame_rate_that_is_none_is_refused(name: str, rate: float) -> None:
    with pytest.raises(ValueError, match="frame rate is"):
        make_tracker(name, frame_rate=rate)


@EVERY
def test_a_frame_with_nothing_in_it_gives_no_tracks(name: str) -> None:
    tracks = made(name).update(Detections.empty())
    assert (len(tracks), ids(tracks)) == (0, [])


@EVERY
def test_one_object_keeps_one_id_and_its_place(name: str) -> None:
    tracks = walk(made(name), 20, 100)
    assert ids(tracks) == [1]
    np.testing.assert_allclose(tracks.boxes_xyxy[0], [157, 50, 197, 150], atol=3)
    assert tracks.scores.tolist() == [np.float32(0.9)]


@EVERY
def test_many_objects_keep_their_ids_in_the_first_order(name: str) -> None:
    tracks = walk(made(name), 8, 0, 100, 200, 300)
    assert ids(tracks) == [1, 2, 3, 4]
    assert np.all(np.diff(tracks.boxes_xyxy[:, 0]) > 90)


@EVERY
def test_classes_match_only_themselves(name: str) -> None:
    tracker = made(name)
    for _ in range(5):
        tracks = tracker.update(found(100, classes=(0,)))
    assert (ids(tracks), tracks.class_ids.tolist()) == ([1], [0])
    for _ in range(5):
        tracks = tracker.update(found(100, classes=(2,)))
    assert (len(tracks), tracks.class_ids.tolist()) == (1, [2])
    assert ids(tracks) != [1]


@EVERY
def test_two_objects_of_two_classes_in_one_place_are_two_tracks(name: str) -> None:
    tracker = made(name)
    for _ in range(5):
        tracks = tracker.update(found(100, 100, classes=(0, 1)))
    assert (ids(tracks), tracks.class_ids.tolist()) == ([1, 2], [0, 1])


@EVERY
def test_two_cameras_count_their_ids_alone(name: str) -> None:
    first, second = made(name), made(name)
    assert ids(walk(first, 3, 0, 200)) == [1, 2]
    assert ids(walk(second, 3, 0, 200)) == [1, 2]


@EVERY
def test_a_reset_forgets_the_tracks_and_their_ids(name: str) -> None:
    tracker = made(name)
    walk(tracker, 5, 0, 200)
    tracker.reset()
    assert ids(walk(tracker, 3, 0)) == [1]


@REMEMBERS
@pytest.mark.parametrize(("gap", "kept"), [(1, True), (9, True), (11, False)])
def test_a_lost_track_keeps_its_id_for_a_second(name: str, gap: int, kept: bool) -> None:
    tracker = made(name)
    walk(tracker, 6, 100, 500, step=0)
    for _ in range(gap):
        tracks = tracker.update(found(500))
        assert ids(tracks) == [2]
    for _ in range(4):
        tracks = tracker.update(found(100, 500))
    assert (1 in ids(tracks)) is kept
    assert len(tracks) == 2


def test_sort_forgets_a_track_after_one_frame() -> None:
    tracker = made("sort")
    walk(tracker, 6, 100, 500, step=0)
    for _ in range(2):
        tracker.update(found(500))
    for _ in range(3):
        tracks = tracker.update(found(100, 500))
    assert ids(tracks) == [2, 3]


@pytest.mark.parametrize("name", ["bytetrack", "botsort"])
def test_a_box_of_low_score_goes_on_with_a_track_and_starts_none(name: str) -> None:
    tracker = made(name)
    walk(tracker, 5, 100, step=0)
    both = found(100, 400, score=0.3)
    for _ in range(3):
        assert ids(tracker.update(both)) == [1]


@pytest.mark.parametrize("name", ["sort", "ocsort"])
def test_a_box_of_low_score_is_not_used(name: str) -> None:
    tracker = made(name)
    walk(tracker, 5, 100, step=0)
    assert ids(tracker.update(found(100, score=0.3))) == []


@pytest.mark.parametrize("name", ["bytetrack", "botsort"])
def test_a_box_seen_once_is_not_a_track_yet(name: str) -> None:
    tracker = made(name)
    walk(tracker, 3, 100, step=0)
    assert ids(tracker.update(found(100, 400))) == [1]
    assert ids(tracker.update(found(100, 400))) == [1, 2]


@EVERY
def test_a_fast_object_is_predicted(name: str) -> None:
    # 15 pixels a frame of a 40 pixel box: after a frame unseen, the last box overlaps by a
    # seventh, which matches nowhere; the prediction still does
    tracker = made(name)
    assert ids(walk(tracker, 12, 0, step=15)) == [1]
    hidden = 0 if name == "sort" else 1  # which forgets at once
    for _ in range(hidden):
        tracker.update(Detections.empty())
    # SORT and OC-SORT show a track again after three boxes in a row
    for frame in range(12 + hidden, 15 + hidden):
        tracks = tracker.update(found(frame * 15))
    assert ids(tracks) == [1]


def test_botsort_follows_a_camera_that_jumps() -> None:
    jump = [np.eye(2, 3)] * 5 + [np.array([[1, 0, 300.0], [0, 1, 0]])]
    blind = make_tracker("botsort", frame_rate=RATE)
    seeing = make_tracker(
        "botsort", frame_rate=RATE, camera_motion=RecordedMotion(jump, (1920, 1080))
    )
    for tracker, expected in ((blind, []), (seeing, [1])):
        walk(tracker, 5, 100, step=0)
        assert ids(tracker.update(found(400))) == expected


def test_a_direction_is_a_unit_vector_or_nothing() -> None:
    start = np.array([[0.0, 0, 10, 10]] * 3)
    end = start + np.array([[3, 4, 3, 4], [0, 0, 0, 0], [-1, 1, 1, -1]])
    np.testing.assert_allclose(direction(start, end), [[0.6, 0.8], [0, 0], [0, 0]])


def test_momentum_is_half_ahead_none_aside_and_minus_half_behind() -> None:
    earlier = np.zeros((4, 4))
    boxes = np.array([[5.0, 0, 5, 0], [0, 5, 0, 5], [-5, 0, -5, 0], [5, 0, 5, 0]])
    heading = np.array([[1.0, 0], [1, 0], [1, 0], [0, 0]])
    np.testing.assert_allclose(momentum(heading, earlier, boxes), [0.5, 0, -0.5, 0], atol=1e-12)


def test_the_earlier_box_is_the_oldest_that_is_remembered() -> None:
    unseen = [np.nan] * 4
    history = np.array([[[1.0] * 4, [2.0] * 4], [unseen, [3.0] * 4], [unseen, unseen]])
    latest = np.full((3, 4), 9.0)
    assert earlier_box(history, latest)[:, 0].tolist() == [1, 3, 9]


@EVERY
def test_a_score_to_start_with_replaces_the_published_one(name: str) -> None:
    weak = [found(100 + 3 * frame, score=0.45) for frame in range(8)]
    published, lower = made(name), make_tracker(name, frame_rate=RATE, start=0.4)
    higher = make_tracker(name, frame_rate=RATE, start=0.5)
    for boxes in weak:
        seen = [ids(tracker.update(boxes)) for tracker in (published, lower, higher)]
    assert seen == [[], [1], []]


@EVERY
def test_a_prediction_shows_the_tracks_of_the_last_look_where_they_go(name: str) -> None:
    tracker = made(name)
    seen = walk(tracker, 20, 100, 300)  # 3 pixels a frame
    assert ids(seen) == [1, 2]
    for ahead in (1, 2, 3):
        told = tracker.predict()
        assert ids(told) == [1, 2]
        lefts = np.array([157, 357]) + 3 * ahead
        np.testing.assert_allclose(told.boxes_xyxy[:, 0], lefts, atol=3)
        np.testing.assert_allclose(told.boxes_xyxy[:, 3], 150, atol=3)
        assert told.scores.tolist() == seen.scores.tolist()
    assert ids(tracker.update(found(100 + 3 * 23, 300 + 3 * 23))) == [1, 2]


@EVERY
def test_a_prediction_before_anything_was_seen_is_empty(name: str) -> None:
    told = made(name).predict()
    assert (len(told), ids(told), told.boxes_xyxy.shape) == (0, [], (0, 4))


@EVERY
def test_a_track_that_the_last_look_missed_is_not_predicted_into_view(name: str) -> None:
    tracker = made(name)
    walk(tracker, 6, 100, 500, step=0)
    assert ids(tracker.update(found(500))) == [2]
    assert ids(tracker.predict()) == [2]


@EVERY
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_an_object_keeps_its_id_when_most_frames_are_predicted(name: str, stride: int) -> None:
    tracker = made(name)
    walk(tracker, 6, 0, 200)
    for frame in range(6, 60):
        boxes = found(3 * frame, 200 + 3 * frame)
        told = tracker.predict() if frame % stride else tracker.update(boxes)
        assert ids(told) == [1, 2]
        # as long as a stride takes, the boxes are on their objects
        np.testing.assert_allclose(told.boxes_xyxy[:, 0], boxes.boxes_xyxy[:, 0], atol=6)


@EVERY
def test_an_object_that_is_new_gets_its_id_from_looks_alone(name: str) -> None:
    tracker = made(name)
    walk(tracker, 6, 100, step=0)
    tracker.update(found(100, 400))
    for _ in range(6):
        assert ids(tracker.predict()) == [1]
    for _ in range(2):
        tracks = tracker.update(found(100, 400))
    assert ids(tracks) == [1, 2]


@REMEMBERS
@pytest.mark.parametrize(("gap", "kept"), [(2, True), (8, True), (12, False)])
def test_a_lost_track_is_remembered_for_a_second_of_frames_looked_at_or_not(
    name: str, gap: int, kept: bool
) -> None:
    tracker = made(name)
    walk(tracker, 6, 100, 500, step=0)
    for frame in range(gap):
        tracks = tracker.predict() if frame % 2 else tracker.update(found(500))
        assert ids(tracks) == [2]
    for _ in range(4):
        tracks = tracker.update(found(100, 500))
    assert (1 in ids(tracks)) is kept
    assert len(tracks) == 2


def test_sort_forgives_one_missing_look_however_many_frames_are_between() -> None:
    tracker = made("sort")
    walk(tracker, 6, 100, 500, step=0)
    for look in (found(500), found(100, 500)):
        tracker.predict()
        tracker.predict()
        tracker.update(look)
    for _ in range(2):
        tracks = tracker.update(found(100, 500))
    assert ids(tracks) == [1, 2]


def test_botsort_carries_predictions_with_the_camera() -> None:
    swing = [np.eye(2, 3)] * 5 + [np.array([[1, 0, 60.0], [0, 1, 0]])] * 2
    tracker = make_tracker(
        "botsort", frame_rate=RATE, camera_motion=RecordedMotion(swing, (1920, 1080))
    )
    walk(tracker, 5, 100, step=0)
    lefts = [float(tracker.predict().boxes_xyxy[0, 0]) for _ in range(2)]
    assert lefts == pytest.approx([160, 220], abs=1)
    assert ids(tracker.update(found(220))) == [1]

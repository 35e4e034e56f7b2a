from __future__ import annotations

import numpy as np
import pytest

from edgecv.bundle import InputSpec
from edgecv.runtime.following import FollowedStreams, Following, SmallPictureMotion
from edgecv.runtime.frames import ArrayPicture, StreamFrame
from edgecv.trackers.sparse_flow import SparseFlow
from edgecv.types import Detections, Frame

RATE = 10.0


def frame(index: int, size_wh: tuple[int, int] = (64, 48), missing: int = 0) -> StreamFrame:
    picture = ArrayPicture(np.zeros((size_wh[1], size_wh[0], 3), np.uint8))
    made = StreamFrame("s", index, index / RATE, 0.0, picture, RATE, missing=missing)
    made.small, made.letterbox = picture.letterbox(InputSpec(width=32, height=32))
    return made


def found(*lefts: float) -> Detections:
    boxes = np.array([[left, 5, left + 10, 30] for left in lefts], np.float32).reshape(-1, 4)
    return Detections(boxes, np.full(len(boxes), 0.9, np.float32), np.zeros(len(boxes), np.int64))


def ids(tracks: Detections) -> list[int]:
    assert tracks.track_ids is not None
    return tracks.track_ids.tolist()


@pytest.mark.parametrize("tracker", ["sort", "bytetrack", "ocsort", "botsort"])
def test_an_object_keeps_its_id_and_an_empty_frame_has_none(tracker: str) -> None:
    following = Following(tracker, RATE)
    seen = [ids(following.update(frame(index), found(10))) for index in range(4)]
    assert seen[-1] == seen[-2]
    assert len(seen[-1]) == 1
    assert ids(following.update(frame(4), Detections.empty())) == []


@pytest.mark.parametrize(("missing", "same"), [(3, True), (1000, False)], ids=["short", "long"])
def test_an_object_is_the_same_after_a_short_break_and_another_after_a_long_one(
    missing: int, same: bool
) -> None:
    following = Following("bytetrack", RATE)
    before = [ids(following.update(frame(index), found(10))) for index in range(3)][-1]
    following.update(frame(3, missing=missing), found(10))
    after = ids(following.update(frame(4), found(10)))
    assert (after == before) is same
    assert len(after) == 1


@pytest.mark.parametrize("tracker", ["sort", "bytetrack", "ocsort", "botsort"])
def test_a_frame_that_nobody_looked_at_has_the_tracks_of_the_one_before(tracker: str) -> None:
    followed = FollowedStreams(tracker)
    for index in range(4):
        seen = followed.update(frame(index), found(10, 40))
    told = followed.update(frame(4), None)
    assert ids(told) == ids(seen) == [1, 2]
    np.testing.assert_allclose(told.boxes_xyxy, seen.boxes_xyxy, atol=1)


def test_each_stream_has_its_own_ids() -> None:
    followed = FollowedStreams("bytetrack")
    for index in range(3):
        for name, boxes in (("s", found(10, 40)), ("t", found(20))):
            taken = frame(index)
            taken.stream = name
            told = followed.update(taken, boxes)
    assert ids(told) == [1]


def test_a_picture_of_another_size_has_no_tracks_until_somebody_looks() -> None:
    following = Following("bytetrack", RATE)
    for index in range(3):
        following.update(frame(index), found(10))
    assert ids(following.update(frame(3, (128, 96)), None)) == []


def test_tracks_begin_anew_with_new_ids_when_the_picture_changes_its_size(
    capsys: pytest.CaptureFixture[str],
) -> None:
    following = Following("bytetrack", RATE)
    before = [ids(following.update(frame(index), found(10))) for index in range(3)][-1]
    wide = (128, 96)
    after = [ids(following.update(frame(index, wide), found(10))) for index in range(3, 6)][-1]
    assert after != before
    assert len(after) == 1
    following.update(frame(6), found(10))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "s: the picture changes from 64x48 to 128x96 at frame 3" in told


def test_motion_on_the_networks_picture_is_that_on_the_full_one() -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (30, 40), np.uint8)
    world = np.repeat(np.repeat(np.kron(coarse, np.ones((8, 8), np.uint8))[..., None], 3, 2), 2, 1)
    spec = InputSpec(width=416, height=416, align="center")
    whole, small = SparseFlow(), SmallPictureMotion()
    empty = Detections.empty()
    affines = []
    for shift in (0, 12):
        image = np.ascontiguousarray(world[:, shift : shift + 600])
        picture = ArrayPicture(image)
        given = StreamFrame("s", shift, 0.0, 0.0, picture, RATE)
        given.small, given.letterbox = picture.letterbox(spec)
        affines = [
            whole.estimate(Frame(image), empty),
            small.estimate(small.see(given), empty),
        ]
    assert affines[0] is not None
    assert affines[1] is not None
    np.testing.assert_allclose(affines[0][:, 2], [-12, 0], atol=1)
    np.testing.assert_allclose(affines[1], affines[0], atol=0.5)

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from edgecv.data.conveyor import CLASS_NAMES, Conveyor
from edgecv.data.conveyor.truth import Truth

SMALL = (192, 144)

# The ground truth is made in whole numbers, so it is the same to the bit on every platform and
# with every OpenCV and numpy: seed, scene, frame -> first digits of its sha256.
TRUTHS = {
    (1, 0, 0): "e21b0088f5c4fd54",
    (1, 1, 37): "2416e3538ea5576f",
    (2, 5, 185): "3c45b89fe9554b66",
    (3, 100, 3700): "a45319ba74d9a647",
}
# Pixels go through floats, the C library's exp and OpenCV's filters, whose last bits differ; a
# level here or there may too. The mean of a block of 24 x 24 pixels hides that and shows a part
# that moved or a light that changed: rows of grey levels of seed 1, scene 0, frame 0.
BLOCKS = [
    [69, 60, 64, 77, 59, 59, 70, 88],
    [64, 80, 72, 61, 60, 66, 78, 89],
    [66, 68, 54, 69, 67, 105, 93, 68],
    [59, 52, 65, 54, 75, 76, 65, 68],
    [62, 56, 64, 48, 70, 65, 61, 67],
    [57, 54, 56, 51, 61, 64, 62, 59],
]


@pytest.fixture(scope="module")
def conveyor() -> Conveyor:
    return Conveyor(1, SMALL)


def digest(truth: Truth) -> str:
    mask_bits = np.packbits(truth.masks)
    hidden = np.round(truth.occluded * 1000).astype(np.int64)
    parts = (truth.boxes_xyxy, truth.class_ids, truth.track_ids, mask_bits, hidden)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


@pytest.mark.parametrize("key", TRUTHS)
def test_the_ground_truth_is_the_same_on_every_platform(key: tuple[int, int, int]) -> None:
    seed, scene, index = key
    truth = Conveyor(seed, scene=scene).frame(index).truth
    assert len(truth.class_ids) > 0
    assert digest(truth) == TRUTHS[key]


def test_the_picture_is_the_same_on_every_platform_but_for_the_last_bits() -> None:
    grey = Conveyor(1, SMALL).frame(0).image.mean(2)
    found = cv2.resize(grey, None, fx=1 / 24, fy=1 / 24, interpolation=cv2.INTER_AREA)
    assert np.abs(found - np.array(BLOCKS)).max() < 1.5


def test_a_frame_has_what_it_says(conveyor: Conveyor) -> None:
    frame = conveyor.frame(10)
    truth = frame.truth
    count = len(truth.class_ids)
    assert count > 0
    assert frame.image.shape == (144, 192, 3)
    assert frame.image.dtype == np.uint8
    assert truth.masks.shape == (count, 144, 192)
    assert truth.boxes_xyxy.dtype == np.float32
    assert set(truth.class_ids.tolist()) <= set(range(len(CLASS_NAMES)))
    assert (truth.track_ids > 0).all()
    assert ((truth.occluded >= 0) & (truth.occluded <= 0.75)).all()
    assert truth.masks.sum(0).max() == 1
    decoded = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded, frame.image)
    for box, mask in zip(truth.boxes_xyxy, truth.masks, strict=True):
        rows, columns = np.nonzero(mask)
        tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box.tolist() == tight


def test_a_frame_needs_no_frame_before_it(conveyor: Conveyor) -> None:
    for index in (40, 3, 41):
        fresh, reused = Conveyor(1, SMALL).frame(index), conveyor.frame(index)
        assert np.array_equal(fresh.image, reused.image)
        assert digest(fresh.truth) == digest(reused.truth)


def test_a_part_keeps_its_id_and_its_class_and_moves_with_the_belt(conveyor: Conveyor) -> None:
    first, later = (conveyor.frame(index).truth for index in (20, 24))
    both, one, two = np.intersect1d(first.track_ids, later.track_ids, return_indices=True)
    assert len(both) > 3
    assert np.array_equal(first.class_ids[one], later.class_ids[two])
    whole = (first.occluded[one] < 0.02) & (later.occluded[two] < 0.02)
    centres = [f.boxes_xyxy[at].reshape(-1, 2, 2).mean(1) for f, at in ((first, one), (later, two))]
    way = (centres[1] - centres[0])[whole]
    # turned by the view's direction, shortened by its scale, bent a little by its keystone
    belt = 4 * conveyor.scene.step / 1.15 * np.array(conveyor.scene.direction) * [-1, -1]
    assert len(way) > 2
    assert np.abs(way - belt).max() < 0.35 * np.abs(belt).max() + 1


def test_parts_come_and_go_for_ever(conveyor: Conveyor) -> None:
    seen = [set(conveyor.frame(index).truth.track_ids.tolist()) for index in (0, 300, 1_000_000)]
    assert all(seen)
    assert not seen[0] & seen[1]
    assert not seen[1] & seen[2]


def test_another_seed_and_another_scene_are_other_pictures(conveyor: Conveyor) -> None:
    frames = [conveyor.frame(0), Conveyor(2, SMALL).frame(0), Conveyor(1, SMALL, 1).frame(0)]
    assert len({digest(frame.truth) for frame in frames}) == 3
    assert len({frame.jpeg for frame in frames}) == 3


def test_a_faster_belt_is_the_same_belt() -> None:
    slow, fast = Conveyor(1, SMALL, step_px=2), Conveyor(1, SMALL, step_px=6)
    assert slow.frame(9).truth.boxes_xyxy.tolist() == fast.frame(3).truth.boxes_xyxy.tolist()


@pytest.mark.parametrize("size_wh", [(64, 64), (1000, 300)])
def test_other_sizes_are_drawn_too(size_wh: tuple[int, int]) -> None:
    frame = Conveyor(1, size_wh).frame(0)
    assert frame.image.shape == (size_wh[1], size_wh[0], 3)


def test_sizes_steps_and_numbers_that_cannot_be_are_refused(conveyor: Conveyor) -> None:
    with pytest.raises(ValueError, match=r"size_wh is \(63, 100\), expected sides of"):
        Conveyor(1, (63, 100))
    with pytest.raises(ValueError, match="step_px is 0, expected at least 1"):
        Conveyor(1, SMALL, step_px=0)
    with pytest.raises(ValueError, match="frame -1: frames count from 0"):
        conveyor.frame(-1)

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgecv import boxes


def textbook_iou(a: np.ndarray, b: np.ndarray) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inter = across * down
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def textbook_nms(xyxy: np.ndarray, scores: np.ndarray, ids: np.ndarray, most: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        rivals = (k for k in kept if ids[k] == ids[i])
        if all(textbook_iou(xyxy[i], xyxy[k]) <= most for k in rivals):
            kept.append(i)
    return kept


def crowded(count: int, seed: int = 0, classes: int = 4) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    places = random.uniform(-60, 400, (max(count // 8, 1), 2))
    centers = places[random.integers(0, len(places), count)] + random.normal(0, 4, (count, 2))
    sides = random.uniform(20, 50, (count, 2))
    xyxy = np.concatenate([centers - sides / 2, centers + sides / 2], 1).astype(np.float32)
    scores = random.integers(1, 60, count).astype(np.float32) / 64  # with ties
    return xyxy, scores, random.integers(0, classes, count)


@pytest.mark.parametrize("count", [1, 40, 300])
@pytest.mark.parametrize("seed", range(4))
def test_nms_keeps_what_the_textbook_loop_keeps(count: int, seed: int) -> None:
    xyxy, scores, ids = crowded(count, seed)

    assert boxes.nms(xyxy, scores, ids, 0.5).tolist() == textbook_nms(xyxy, scores, ids, 0.5)


@pytest.mark.parametrize("most", [1, 5, 30])
def test_nms_limited_is_the_head_of_nms_unlimited(most: int) -> None:
    xyxy, scores, ids = crowded(400, classes=2)

    limited = boxes.nms(xyxy, scores, ids, 0.3, max_boxes=most)

    assert limited.tolist() == textbook_nms(xyxy, scores, ids, 0.3)[:most]


def test_nms_looks_further_when_the_best_boxes_are_copies_of_one() -> None:
    xyxy = np.array([[0, 0, 10, 10]] * 50 + [[20, 20, 30, 30]], np.float32)
    scores = np.linspace(1, 0.1, 51, dtype=np.float32)

    kept = boxes.nms(xyxy, scores, np.zeros(51, np.int64), 0.5, max_boxes=2)

    assert kept.tolist() == [0, 50]


def test_nms_of_nothing_is_nothing() -> None:
    kept = boxes.nms(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int), 0.5)

    assert kept.shape == (0,)
    assert kept.dtype == np.int64


def test_nms_drops_only_what_overlaps_by_more_than_the_limit() -> None:
    xyxy = np.array([[0, 0, 4, 4], [0, 0, 4, 2]], np.float32)  # they overlap by exactly 1/2
    scores, ids = np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64)

    assert boxes.nms(xyxy, scores, ids, 0.5).tolist() == [0, 1]
    assert boxes.nms(xyxy, scores, ids, 0.49).tolist() == [0]


def test_nms_keeps_classes_apart_when_boxes_leave_the_picture() -> None:
    """A box of class 1 far to the left must not meet class 0 when classes are moved apart."""
    xyxy = np.array([[90, 90, 100, 100], [-11, -11, -1, -1], [-10, -10, 0, 0]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)

    assert boxes.nms(xyxy, scores, np.array([0, 1, 2]), 0.1).tolist() == [0, 1, 2]


def test_iou_is_the_textbook_formula() -> None:
    first, second = crowded(7, 1)[0], crowded(5, 2)[0]

    found = boxes.iou(first, second)

    expected = [textbook_iou(a, b) for a, b in itertools.product(first, second)]
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-6)


def test_iou_of_nothing_has_no_rows() -> None:
    assert boxes.iou(np.zeros((0, 4), np.float32), crowded(3)[0]).shape == (0, 3)


def test_conversions_undo_each_other() -> None:
    xyxy = crowded(20)[0]

    np.testing.assert_allclose(boxes.xywh_to_xyxy(boxes.xyxy_to_xywh(xyxy)), xyxy, atol=1e-4)


def test_a_box_is_left_top_and_size() -> None:
    assert boxes.xyxy_to_xywh(np.array([[1, 2, 4, 8]])).tolist() == [[1, 2, 3, 6]]
    assert boxes.xywh_to_xyxy(np.zeros((0, 4))).shape == (0, 4)


def test_boxes_of_another_width_are_refused() -> None:
    for convert in (boxes.xyxy_to_xywh, boxes.xywh_to_xyxy):
        with pytest.raises(ValueError, match=r"expected \(N, 4\)"):
            convert(np.zeros((4, 5), np.float32))


def test_clip_cuts_to_the_picture() -> None:
    found = boxes.clip(np.array([[-5, 2, 700, 500]], np.float32), 640, 480)

    assert found.tolist() == [[0, 2, 640, 480]]
    assert boxes.clip(np.zeros((0, 4), np.float32), 640, 480).shape == (0, 4)


def test_area_of_a_reversed_box_is_zero() -> None:
    assert boxes.area(np.array([[0, 0, 2, 3], [5, 5, 1, 9]], np.float32)).tolist() == [6, 0]
    assert boxes.area(np.zeros((0, 4), np.float32)).shape == (0,)

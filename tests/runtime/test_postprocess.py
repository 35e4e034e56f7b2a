from __future__ import annotations

import numpy as np
import pytest

from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import Letterbox
from edgecv.types import Detections

HALF = Letterbox(scale=0.5, pad_left=10, pad_top=20, width=200, height=100)


def detect(boxes: list[list[float]], scores: list[list[float]], **settings: object) -> Detections:
    asked = {"score_min": 0.1, "nms_iou": 0.5, "max_boxes": 100, **settings}
    return postprocess(np.array(boxes, np.float32), np.array(scores, np.float32), HALF, **asked)


def test_a_box_returns_to_the_original_picture() -> None:
    found = detect([[20, 30, 40, 60]], [[0.2, 0.9]])

    assert found.boxes_xyxy[0].tolist() == [20, 20, 60, 80]


def test_an_anchor_may_stand_for_several_classes() -> None:
    found = detect([[20, 30, 40, 60]], [[0.2, 0.9, 0.05]])

    assert found.class_ids.tolist() == [1, 0]
    np.testing.assert_allclose(found.scores, [0.9, 0.2])


def test_an_anchor_stands_for_its_best_class_when_asked() -> None:
    found = detect([[20, 30, 40, 60], [90, 30, 99, 60]], [[0.2, 0.9], [0.4, 0.3]], one_class=True)

    assert found.class_ids.tolist() == [1, 0]


def test_a_score_at_the_threshold_passes() -> None:
    found = detect([[20, 30, 40, 60], [90, 30, 99, 60]], [[0.5], [0.49]], score_min=0.5)

    np.testing.assert_allclose(found.scores, [0.5])


def test_classes_suppress_themselves_and_each_other_only_when_asked() -> None:
    boxes, scores = [[20, 30, 40, 60], [20, 30, 40, 61]], [[0.9, 0], [0, 0.8]]

    assert len(detect(boxes, scores)) == 2
    assert len(detect(boxes, scores, class_agnostic=True)) == 1
    assert len(detect(boxes, [[0.9, 0], [0.8, 0]])) == 1


def test_class_ids_survive_suppression_across_classes() -> None:
    found = detect([[20, 30, 40, 60]], [[0, 0.9]], class_agnostic=True)

    assert found.class_ids.tolist() == [1]


def test_the_best_boxes_come_first_and_no_more_than_asked() -> None:
    boxes = [[x, 0, x + 5, 5] for x in range(0, 100, 10)]
    scores = [[0.11 + x / 200] for x in range(0, 100, 10)]

    found = detect(boxes, scores, max_boxes=3)

    np.testing.assert_allclose(found.scores, [0.56, 0.51, 0.46])


def test_boxes_are_cut_to_the_picture_when_asked() -> None:
    boxes, scores = [[0, 0, 300, 300]], [[0.9]]

    assert detect(boxes, scores).boxes_xyxy.tolist() == [[-20, -40, 580, 560]]
    assert detect(boxes, scores, clip=True).boxes_xyxy.tolist() == [[0, 0, 200, 100]]


@pytest.mark.parametrize("one_class", [False, True])
def test_nothing_above_the_threshold_gives_no_detections(one_class: bool) -> None:
    found = detect([[20, 30, 40, 60]], [[0.01, 0.02]], one_class=one_class)

    assert len(found) == 0
    assert found.boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize("one_class", [False, True])
def test_no_anchors_give_no_detections(one_class: bool) -> None:
    none = np.zeros((0, 4), np.float32), np.zeros((0, 80), np.float32)

    found = postprocess(*none, HALF, score_min=0.1, nms_iou=0.5, max_boxes=10, one_class=one_class)

    assert len(found) == 0


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [((5, 4), (4, 2)), ((5, 5), (5, 2)), ((1, 5, 4), (1, 5, 2))],
    ids=["lengths differ", "five numbers", "a batch"],
)
def test_arrays_of_another_shape_are_refused(boxes: tuple[int], scores: tuple[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        postprocess(
            np.zeros(boxes, np.float32),
            np.zeros(scores, np.float32),
            HALF,
            score_min=0.1,
            nms_iou=0.5,
            max_boxes=10,
        )

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgecv.errors import ModelError
from edgecv.models.parity import check_parity, parity
from edgecv.types import Array, Image

BATCH = np.zeros((1, 8, 8, 3), np.uint8)
BOXES = np.array([[[0, 0, 10, 20], [5, 5, 5, 5]]], np.float32)
SCORES = np.array([[[0.5], [0.2]]], np.float32)


def giving(boxes: Array, scores: Array) -> Callable[[Image], list[Array]]:
    return lambda batch: [boxes, scores]


SOURCE = giving(BOXES, SCORES)


def test_a_graph_equals_itself() -> None:
    measured = parity(SOURCE, SOURCE, [BATCH, BATCH])
    assert measured == {"boxes_px": 0, "boxes_relative": 0, "scores": 0}
    check_parity(measured, "net")


def test_boxes_are_compared_by_their_side_and_scores_as_they_are() -> None:
    boxes, scores = BOXES.copy(), SCORES.copy()
    boxes[0, 0, 2] += 1
    boxes[0, 0, 3] += 1.5
    scores[0, 1] -= 0.25
    measured = parity(SOURCE, giving(boxes, scores), [BATCH])
    # 1 of a width of 10 is more than 1.5 of a height of 20
    assert measured == pytest.approx({"boxes_px": 1.5, "boxes_relative": 0.1, "scores": 0.25})


def test_a_box_under_a_pixel_counts_as_one_pixel() -> None:
    boxes = BOXES.copy()
    boxes[0, 1] += 0.5
    assert parity(SOURCE, giving(boxes, SCORES), [BATCH])["boxes_relative"] == 0.5


def test_the_worst_of_all_pictures_counts() -> None:
    answers = iter([BOXES, BOXES + 2, BOXES + 1])
    measured = parity(SOURCE, lambda batch: [next(answers), SCORES], [BATCH] * 3)
    assert measured["boxes_px"] == 2


def test_no_pictures_measure_nothing() -> None:
    assert parity(SOURCE, SOURCE, []) == {"boxes_px": 0, "boxes_relative": 0, "scores": 0}


@pytest.mark.parametrize(
    "measured",
    [
        {"boxes_px": 1.0, "boxes_relative": 0.011, "scores": 0.0},
        {"boxes_px": 0.0, "boxes_relative": 0.0, "scores": 2e-4},
    ],
)
def test_more_than_rounding_is_refused(measured: dict[str, float]) -> None:
    with pytest.raises(ModelError, match="departs from net"):
        check_parity(measured, "net")


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ModelError, match=r"boxes are \(1, 1, 4\), expected \(1, 2, 4\)"):
        parity(SOURCE, giving(BOXES[:, :1], SCORES), [BATCH])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = giving(BOXES, np.full_like(SCORES, value))
    with pytest.raises(ModelError, match="scores hold values that are not finite"):
        parity(SOURCE, broken, [BATCH])
    with pytest.raises(ModelError, match="scores hold values that are not finite"):
        parity(broken, SOURCE, [BATCH])

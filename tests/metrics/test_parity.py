from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecv.metrics.parity import MOST_DB, agree, expect, parity
from edgecv.types import Detections


def detections(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    """Rows of left, top, right, bottom, score, class."""
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int64),
    )


NONE = detections()
SCORES = np.array([[0.9, 0.05], [0.2, 0.1]], np.float32)
BOX = (0.0, 0.0, 100.0, 100.0)
# 95 of 100 rows of the same box: IoU .95
NEAR = (0.0, 0.0, 100.0, 95.0)
FAR = (0.0, 0.0, 100.0, 89.0)


def compared(before: Detections, after: Detections) -> dict[str, Any]:
    return parity([agree(expect(SCORES, before), SCORES, after)])


def test_no_pictures_have_no_parity() -> None:
    nothing = dict.fromkeys(("sqnr_db", "matched", "iou", "score_error"))
    assert parity([]) == {**nothing, "images": 0}


def test_pictures_without_objects_have_nothing_to_compare() -> None:
    empty = np.zeros((4, 2), np.float32)
    found = parity([agree(expect(empty, NONE), empty, NONE)])
    assert found["images"] == 1
    assert found["sqnr_db"] is None
    assert found["matched"] is None


def test_equal_answers_reach_the_most_decibels_and_match_fully() -> None:
    both = detections((*BOX, 0.8, 1), (200, 200, 300, 300, 0.5, 0))
    found = compared(both, both)
    assert found == {"sqnr_db": MOST_DB, "matched": 1, "iou": 1, "score_error": 0, "images": 1}


def test_noise_is_that_of_the_scores_the_float_model_is_confident_of() -> None:
    noisy = SCORES + np.array([[0.01, 0.9], [-0.02, 0.8]], np.float32)
    found = parity([agree(expect(SCORES, NONE), noisy, NONE)])
    # .05 and .1 are not over .1: only the first column counts
    expected = 10 * np.log10((0.9**2 + 0.2**2) / (0.01**2 + 0.02**2))
    assert found["sqnr_db"] == pytest.approx(expected, abs=1e-3)


def test_noise_adds_up_over_pictures() -> None:
    one = agree(expect(SCORES, NONE), SCORES + np.float32(0.01), NONE)
    other = agree(expect(SCORES, NONE), SCORES, NONE)
    expected = 10 * np.log10(2 * (0.9**2 + 0.2**2) / (2 * 0.01**2))
    assert parity([one, other])["sqnr_db"] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(
    ("after", "share"),
    [
        ((*NEAR, 0.8, 1), 1.0),
        ((*NEAR, 0.16, 1), 1.0),
        ((*NEAR, 0.14, 1), 0.0),
        ((*NEAR, 0.8, 0), 0.0),
        ((*FAR, 0.8, 1), 0.0),
    ],
    ids=["near", "half as sure", "under half as sure", "another class", "too far"],
)
def test_a_box_is_found_again_by_class_overlap_and_score(after: Any, share: float) -> None:
    assert compared(detections((*BOX, 0.3, 1)), detections(after))["matched"] == share


def test_boxes_under_the_score_that_is_shown_are_not_asked_for() -> None:
    before = detections((*BOX, 0.9, 1), (200, 200, 300, 300, 0.29, 1))
    assert compared(before, detections((*BOX, 0.9, 1)))["matched"] == 1


def test_each_box_is_found_again_once_the_best_overlap_first() -> None:
    before = detections((*BOX, 0.9, 0), (*NEAR, 0.5, 0))
    found = compared(before, detections((*NEAR, 0.6, 0)))
    assert found["matched"] == 0.5
    assert found["iou"] == pytest.approx(1)
    assert found["score_error"] == pytest.approx(0.1, abs=1e-6)


def test_overlap_and_score_error_are_means_of_those_found_again() -> None:
    before = detections((*BOX, 0.9, 0), (200, 0, 300, 100, 0.5, 0), (400, 0, 410, 10, 0.5, 0))
    after = detections((*NEAR, 0.8, 0), (200, 0, 300, 100, 0.54, 0))
    found = compared(before, after)
    assert found["matched"] == pytest.approx(2 / 3)
    assert found["iou"] == pytest.approx((0.95 + 1) / 2)
    assert found["score_error"] == pytest.approx((0.1 + 0.04) / 2, abs=1e-6)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores are \(4,\), expected \(N, C\)"):
        expect(np.zeros(4, np.float32), NONE)
    with pytest.raises(ValueError, match="smaller than those of the float model"):
        agree(expect(SCORES[::-1], NONE), np.zeros((1, 1), np.float32), NONE)

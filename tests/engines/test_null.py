from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_bundles import picture_batch, spec_of

from edgecv.boxes import iou
from edgecv.bundle import Bundle, Manifest, Variant
from edgecv.engines import open_engine
from edgecv.engines.null import BOXES, boxes_of, scores_of

NULL = Variant(name="null-fp32", engine="null", precision="fp32", file="")


@pytest.mark.parametrize("count", [1, 4])
def test_the_answer_has_the_shapes_of_the_contract_and_never_changes(
    tmp_path: Path, count: int
) -> None:
    bundle = Bundle(tmp_path, Manifest(spec=spec_of(batch=None)))
    with open_engine(bundle, NULL) as engine:
        boxes, scores = engine.infer(picture_batch(count, seed=1))
        again = engine.submit(picture_batch(count, seed=2)).result(timeout=10)
    assert boxes.shape == (count, BOXES, 4)
    assert scores.shape == (count, BOXES, 3)
    assert boxes.dtype == scores.dtype == np.float32
    np.testing.assert_array_equal(boxes, again[0])
    np.testing.assert_array_equal(scores, again[1])


def test_its_boxes_lie_in_the_input_and_none_overlaps_another() -> None:
    boxes = boxes_of(spec_of())
    assert boxes.min() >= 0
    assert boxes.max() <= 32
    overlap = iou(boxes, boxes)
    np.testing.assert_allclose(overlap, np.eye(BOXES), atol=1e-3)


def test_each_box_has_one_class_and_a_score_of_its_own() -> None:
    scores = scores_of(spec_of())
    assert (np.count_nonzero(scores, axis=1) == 1).all()
    best = scores.max(axis=1)
    assert (np.diff(best) < 0).all()
    assert best.min() > 0.3

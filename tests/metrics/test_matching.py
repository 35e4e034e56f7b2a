from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecv.data.dataset import Dataset
from edgecv.data.samples import Mark, make_sample
from edgecv.errors import DataError
from edgecv.metrics.matching import match
from edgecv.types import Detections

NAMES = ("cat", "dog")


def dataset_of(*marks: list[Mark]) -> Dataset:
    samples = [make_sample(Path(f"{i}.jpg"), 7 - i, (640, 480), m) for i, m in enumerate(marks)]
    return Dataset("made", Path("made"), "coco", NAMES, tuple(samples))


def detections(boxes: list[list[float]], scores: list[float], ids: list[int]) -> Detections:
    return Detections(
        np.array(boxes, np.float32), np.array(scores, np.float32), np.array(ids, np.int64)
    )


def test_hits_depend_on_the_overlap_and_stand_best_score_first() -> None:
    dataset = dataset_of([Mark((0, 0, 10, 10), 0)], [Mark((0, 0, 10, 10), 0)])
    found = [
        detections([[0, 0, 10, 7.2]], [0.3], [0]),  # overlaps by .72
        detections([[50, 50, 60, 60], [0, 0, 10, 10]], [0.9, 0.1], [0, 0]),
    ]

    (cat,) = match(dataset, found, NAMES, 100)

    assert cat.name == "cat"
    assert cat.image.tolist() == [1, 0, 1]
    assert cat.hit.sum(axis=1).tolist() == [2] * 5 + [1] * 5  # .50 to .70, then .75 to .95
    assert cat.hit[0].tolist() == [False, True, True]
    assert cat.objects.tolist() == [1, 1]


def test_a_crowd_is_no_object_and_what_lies_in_it_is_ignored() -> None:
    dataset = dataset_of([Mark((0, 0, 10, 10), 0), Mark((100, 0, 300, 200), 0, crowd=True)])
    found = [detections([[110, 10, 150, 50], [0, 0, 10, 10]], [0.9, 0.8], [0, 0])]

    (cat,) = match(dataset, found, NAMES, 100)

    assert cat.objects.tolist() == [1]
    assert cat.ignored[0].tolist() == [True, False]
    assert cat.hit[0].tolist() == [False, True]


def test_classes_keep_the_order_of_the_data_set_whatever_the_models_order() -> None:
    dataset = dataset_of([Mark((0, 0, 10, 10), 1), Mark((50, 50, 90, 90), 0)])
    found = [detections([[0, 0, 10, 10], [50, 50, 90, 90]], [0.5, 0.6], [2, 1])]

    classes = match(dataset, found, ("bird", "cat", "dog"), 100)

    assert [one.name for one in classes] == ["cat", "dog"]
    assert all(one.hit.all() for one in classes)


def test_a_class_without_detections_keeps_its_objects() -> None:
    dataset = dataset_of([Mark((0, 0, 10, 10), 0)], [])

    (cat,) = match(dataset, [Detections.empty()] * 2, NAMES, 100)

    assert cat.hit.shape == (10, 0)
    assert cat.objects.tolist() == [1, 0]


def test_ground_truth_without_objects_is_refused() -> None:
    crowd_only = dataset_of([Mark((0, 0, 10, 10), 0, crowd=True)])

    with pytest.raises(DataError, match="nothing to score"):
        match(crowd_only, [Detections.empty()], NAMES, 100)


def test_another_number_of_detections_is_refused() -> None:
    with pytest.raises(ValueError, match="2 detections for 1 samples"):
        match(dataset_of([]), [Detections.empty()] * 2, NAMES, 100)

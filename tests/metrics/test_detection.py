from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecv.data.dataset import Dataset
from edgecv.data.samples import Mark, make_sample
from edgecv.errors import DataError
from edgecv.metrics.average_precision import average_precision
from edgecv.metrics.detection import compare_detections, score_detections
from edgecv.metrics.matching import match
from edgecv.types import Detections

MODEL = ("cat", "dog", "bird", "robot")


def dataset_of(marks: list[list[Mark]], names: tuple[str, ...] = MODEL[:3]) -> Dataset:
    samples = [make_sample(Path(f"{i}.jpg"), i, (640, 480), each) for i, each in enumerate(marks)]
    return Dataset("made", Path("made"), "coco", names, tuple(samples))


def detections(rows: list[tuple[float, ...]]) -> Detections:
    """Of rows left, top, right, bottom, score, class."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def truth_as_found(dataset: Dataset) -> list[Detections]:
    return [
        Detections(s.boxes_xyxy, np.ones(len(s.class_ids), np.float32), s.class_ids)
        for s in dataset.samples
    ]


def noisy(images: int, seed: int) -> tuple[Dataset, list[Detections]]:
    """Objects, crowds, near hits, wrong classes, tied scores, empty pictures; all three classes."""
    random = np.random.default_rng(seed)
    marks, found = [], []
    for index in range(images):
        low = random.uniform(0, 300, (random.integers(0, 5) if index else 3, 2))
        boxes = np.concatenate([low, low + random.uniform(20, 150, low.shape)], axis=1)
        ids = random.integers(0, 3, len(boxes)) if index else np.arange(3)
        crowds = (random.random(len(boxes)) < 0.2) & (index > 0)
        each = zip(boxes, ids, crowds, strict=True)
        marks.append([Mark(tuple(box), int(key), bool(crowd)) for box, key, crowd in each])
        near = np.repeat(boxes, 3, axis=0) + random.normal(0, 6, (3 * len(boxes), 4))
        rows = [
            (*box, random.integers(1, 12) / 16, random.choice([ids[k // 3], random.integers(0, 4)]))
            for k, box in enumerate(near)
        ]
        found.append(detections(rows))
    return dataset_of(marks), found


@pytest.mark.parametrize(
    ("folder", "mean", "at_50"), [("coco38", 0.251, 0.391), ("voc50", 0.544, 0.789)]
)
def test_yolox_nano_scores_its_reference_values(
    found_by_yolox: Callable[[str], Any], folder: str, mean: float, at_50: float
) -> None:
    dataset, found, model = found_by_yolox(folder)

    score = score_detections(dataset, found, model, resamples=0)

    assert (round(score.mAP, 3), round(score.mAP50, 3)) == (mean, at_50)
    assert score.images == len(dataset.samples)


@pytest.mark.parametrize("folder", ["coco38", "voc50"])
def test_real_detections_score_as_pycocotools_scores_them(
    found_by_yolox: Callable[[str], Any], judge: Callable[..., Any], folder: str
) -> None:
    dataset, found, model = found_by_yolox(folder)

    score = score_detections(dataset, found, model, resamples=0)

    mean, at_50, per_class = judge(dataset, found, model)
    assert score.mAP == pytest.approx(mean, abs=1e-9)
    assert score.mAP50 == pytest.approx(at_50, abs=1e-9)
    assert score.per_class == pytest.approx(per_class, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_crowds_ties_and_empty_pictures_score_as_pycocotools_scores_them(
    judge: Callable[..., Any], seed: int
) -> None:
    dataset, found = noisy(12, seed)

    score = score_detections(dataset, found, MODEL, resamples=0)

    mean, at_50, per_class = judge(dataset, found, MODEL)
    assert (score.mAP, score.mAP50) == pytest.approx((mean, at_50), abs=1e-9)
    assert score.per_class == pytest.approx(per_class, abs=1e-9)


def test_a_resample_scores_as_pycocotools_scores_the_repeated_pictures(
    found_by_yolox: Callable[[str], Any], judge: Callable[..., Any]
) -> None:
    dataset, found, model = found_by_yolox("voc50")
    classes = match(dataset, found, model, 100)
    counts = np.random.default_rng(1).multinomial(50, [1 / 50] * 50, size=3)

    drawn = [average_precision(one, counts.astype(float)).mean(axis=1) for one in classes]

    for index, weights in enumerate(counts):
        expected = judge(dataset, found, model, weights)[2]
        scored = {one.name: ap[index] for one, ap in zip(classes, drawn, strict=True)}
        present = {name: value for name, value in scored.items() if not np.isnan(value)}
        assert present == pytest.approx(expected, abs=1e-9)


def test_the_truth_scores_one_and_nothing_scores_zero() -> None:
    dataset, _ = noisy(6, 0)

    perfect = score_detections(dataset, truth_as_found(dataset), MODEL)
    nothing = score_detections(dataset, [Detections.empty()] * 6, MODEL)

    assert perfect.mAP == perfect.mAP50 == 1
    assert perfect.interval == (1, 1)
    assert nothing.mAP == nothing.mAP50 == 0
    assert nothing.interval == (0, 0)
    assert nothing.per_class == {"cat": 0, "dog": 0, "bird": 0}


def test_the_order_of_the_models_classes_does_not_matter() -> None:
    dataset, found = noisy(6, 3)
    turned = [Detections(f.boxes_xyxy, f.scores, 3 - f.class_ids) for f in found]

    assert score_detections(dataset, turned, MODEL[::-1]) == score_detections(dataset, found, MODEL)


def test_classes_without_ground_truth_are_not_scored() -> None:
    dataset = dataset_of([[Mark((0, 0, 10, 10), 0), Mark((50, 50, 90, 90), 1, crowd=True)]])
    found = [detections([(0, 0, 10, 10, 0.5, 0), (0, 0, 9, 9, 0.9, 2), (0, 0, 9, 9, 0.9, 3)])]

    score = score_detections(dataset, found, MODEL)

    assert score.per_class == {"cat": 1}
    assert score.boxes == 1


def test_a_detection_in_a_crowd_is_neither_right_nor_wrong() -> None:
    marks = [Mark((0, 0, 10, 10), 0), Mark((100, 100, 300, 300), 0, crowd=True)]
    inside = [(x, 120.0, x + 20, 160.0, 0.99, 0) for x in (110.0, 150.0, 200.0)]

    found = [detections([(0, 0, 10, 10, 0.5, 0), *inside])]

    assert score_detections(dataset_of([marks]), found, MODEL).mAP == 1


def test_no_more_boxes_of_a_class_count_than_asked() -> None:
    dataset = dataset_of([[Mark((0, 0, 10, 10), 0)]])
    found = [detections([(50, 50, 60, 60, 0.9, 0), (0, 0, 10, 10, 0.5, 0)])]

    assert score_detections(dataset, found, MODEL).mAP == pytest.approx(0.5)
    assert score_detections(dataset, found, MODEL, max_boxes=1).mAP == 0


def test_the_interval_is_the_percentiles_of_resampled_scores() -> None:
    """One class, one object a picture, found in 30 of 40: the score of a resample is its share."""
    marks = [[Mark((0, 0, 100, 100), 0)] for _ in range(40)]
    found = [detections([(0, 0, 100, 100, 0.9, 0)])] * 30 + [Detections.empty()] * 10

    score = score_detections(dataset_of(marks), found, MODEL, resamples=4000)

    # precision is 1 up to a recall of k / 40, so AP is the share of the 101 points up to there
    shares = np.random.default_rng(9).binomial(40, 0.75, 200_000)
    expected = np.percentile((np.floor(shares / 40 * 100) + 1) / 101, [2.5, 97.5])
    np.testing.assert_allclose(score.interval, expected, atol=0.026)  # one picture of 40


@pytest.mark.parametrize("folder", ["coco38", "voc50"])
def test_the_interval_holds_the_score_in_its_middle(
    found_by_yolox: Callable[[str], Any], folder: str
) -> None:
    score = score_detections(*found_by_yolox(folder))

    low, high = score.interval
    assert low < score.mAP < high
    assert 0.3 < (score.mAP - low) / (high - low) < 0.7


def test_more_pictures_than_are_matched_at_once_score_as_pycocotools_scores_them(
    judge: Callable[..., Any],
) -> None:
    dataset, found = noisy(230, 1)

    score = score_detections(dataset, found, MODEL, resamples=0)

    assert score.per_class == pytest.approx(judge(dataset, found, MODEL)[2], abs=1e-9)


def test_the_interval_depends_on_the_seed_and_on_nothing_else() -> None:
    dataset, found = noisy(10, 5)

    first, again, other = (
        score_detections(dataset, found, MODEL, seed=seed).interval for seed in (0, 0, 1)
    )

    assert first == again
    assert first != other


def test_without_resamples_there_is_no_interval() -> None:
    dataset, found = noisy(4, 1)

    assert score_detections(dataset, found, MODEL, resamples=0).interval is None
    assert compare_detections(dataset, found, found, MODEL, resamples=0) == (0, None)


def test_equal_results_do_not_differ() -> None:
    dataset, found = noisy(6, 2)

    assert compare_detections(dataset, found, found, MODEL) == (0, (0, 0))


def test_a_difference_is_second_less_first_and_surer_than_either_score(
    found_by_yolox: Callable[[str], Any],
) -> None:
    dataset, found, model = found_by_yolox("voc50")
    worse = [each.select(np.arange(len(each)) > 0) for each in found]  # without the best box

    difference, (low, high) = compare_detections(dataset, found, worse, model)

    first = score_detections(dataset, found, model)
    second = score_detections(dataset, worse, model)
    assert difference == pytest.approx(second.mAP - first.mAP)
    assert low <= difference <= high < 0
    assert high - low < first.interval[1] - first.interval[0]


def test_a_difference_is_resampled_with_the_same_pictures_for_both() -> None:
    """Picture by picture both find the same, but at other scores: only pairing gives zero width."""
    dataset, found = noisy(10, 7)
    lower = [Detections(f.boxes_xyxy, f.scores / 2, f.class_ids) for f in found]

    assert compare_detections(dataset, found, lower, MODEL) == (0, (0, 0))


def test_the_score_goes_to_json_and_back() -> None:
    dataset, found = noisy(5, 4)
    score = score_detections(dataset, found, MODEL)

    values = json.loads(json.dumps(score.to_json()))

    assert set(values) == {"mAP", "mAP50", "interval", "per_class", "images", "boxes"}
    assert values["interval"] == list(score.interval)
    assert values["per_class"] == score.per_class


def test_ground_truth_without_a_box_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to score"):
        score_detections(dataset_of([[], []]), [Detections.empty()] * 2, MODEL)


def test_another_number_of_detections_than_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="1 detections for 2 samples"):
        score_detections(dataset_of([[], []]), [Detections.empty()], MODEL)


def test_classes_that_the_model_does_not_know_are_refused() -> None:
    dataset = dataset_of([[Mark((0, 0, 10, 10), 1)]], ("cat", "walrus"))

    with pytest.raises(DataError, match="'walrus'"):
        score_detections(dataset, [Detections.empty()], MODEL)


def test_five_hundred_resamples_of_fifty_pictures_are_quick(
    found_by_yolox: Callable[[str], Any],
) -> None:
    dataset, found, model = found_by_yolox("voc50")
    start = time.process_time()

    score_detections(dataset, found, model, resamples=500)

    assert time.process_time() - start < 2.0  # 0.1 s when it was written


def test_scoring_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    score_detections(*noisy(5, 6), MODEL)

    assert capfd.readouterr() == ("", "")

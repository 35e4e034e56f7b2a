from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecv.boxes import iou
from edgecv.data.samples import Mark, Sample, make_sample
from edgecv.metrics.confusion import best_score, confusion, is_right, pair
from edgecv.types import Detections

Found = tuple[tuple[float, ...], int, float]


def sample(*objects: tuple[tuple[float, ...], int], crowds: int = 0) -> Sample:
    """A picture with these boxes and classes, the last so many of them crowds."""
    marks = [
        Mark(box, class_id, crowd=index >= len(objects) - crowds)  # type: ignore[arg-type]
        for index, (box, class_id) in enumerate(objects)
    ]
    return make_sample(Path("a.png"), 0, (100, 100), marks)


def found(*boxes: Found) -> Detections:
    if not boxes:
        return Detections.empty()
    xyxy, class_ids, scores = zip(*boxes, strict=True)
    return Detections(
        np.array(xyxy, np.float32), np.array(scores, np.float32), np.array(class_ids, np.int64)
    )


LEFT, RIGHT = (0, 0, 20, 20), (50, 50, 70, 70)
NEAR_LEFT, OFF_LEFT = (0, 0, 20, 18), (0, 0, 20, 12)  # IoU .9 and .6 with LEFT


def random_picture(seed: int, classes: int = 3) -> tuple[Sample, Detections]:
    """Objects, some of them crowds, and boxes around them and elsewhere."""
    draw = np.random.default_rng(seed)
    corners = draw.uniform(0, 70, (6, 2))
    boxes = np.concatenate([corners, corners + draw.uniform(10, 30, (6, 2))], axis=1)
    ids = draw.integers(0, classes, 6)
    truth = sample(*((tuple(b), int(i)) for b, i in zip(boxes.tolist(), ids, strict=True)),
                   crowds=int(draw.integers(0, 2)))  # fmt: skip
    guesses = boxes[draw.integers(0, 6, 9)] + draw.normal(0, 3, (9, 4))
    guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 1)
    scores = draw.permutation(np.linspace(0.05, 0.95, 9))
    return truth, found(
        *((tuple(b), int(draw.integers(0, classes)), float(s))
          for b, s in zip(guesses.tolist(), scores, strict=True))
    )  # fmt: skip


def test_an_empty_picture_pairs_nothing() -> None:
    pairs = pair(sample(), Detections.empty())
    assert [len(part) for part in (pairs.objects, pairs.found, pairs.ignored)] == [0, 0, 0]
    assert confusion([sample()], [Detections.empty()], 2).sum() == 0
    assert confusion([], [], 2).shape == (3, 3)


def test_each_object_takes_one_box_and_the_best_score_comes_first() -> None:
    boxes = found((OFF_LEFT, 0, 0.9), (LEFT, 0, 0.8), (RIGHT, 0, 0.1))
    pairs = pair(sample((LEFT, 0), (RIGHT, 0)), boxes)
    assert pairs.objects.tolist() == [0, 2]
    assert pairs.found.tolist() == [0, -1, 1]


def test_a_box_of_the_wrong_class_takes_no_object_from_one_of_the_right_class() -> None:
    boxes = found((LEFT, 1, 0.9), (NEAR_LEFT, 0, 0.2))
    truth = sample((LEFT, 0))
    pairs = pair(truth, boxes)
    assert pairs.objects.tolist() == [1]
    assert is_right(truth, boxes, pairs).tolist() == [False, True]


def test_a_box_of_another_class_stands_for_an_object_that_none_of_its_class_found() -> None:
    truth, boxes = sample((LEFT, 0)), found((NEAR_LEFT, 1, 0.9))
    pairs = pair(truth, boxes)
    assert pairs.objects.tolist() == [0]
    assert not is_right(truth, boxes, pairs).any()
    assert confusion([truth], [boxes], 2).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("box", "paired"), [(OFF_LEFT, True), ((0, 0, 20, 9), False)])
def test_a_pair_overlaps_by_half_at_least(box: tuple[float, ...], paired: bool) -> None:
    assert (pair(sample((LEFT, 0)), found((box, 0, 0.9))).found[0] == 0) == paired


def test_a_box_on_a_crowd_of_its_class_counts_as_nothing() -> None:
    truth = sample((RIGHT, 1), ((0, 0, 60, 40), 0), crowds=1)
    boxes = found((LEFT, 0, 0.9), (LEFT, 1, 0.8))
    pairs = pair(truth, boxes)
    assert pairs.ignored.tolist() == [True, False]
    assert confusion([truth], [boxes], 2).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_missed_false_right_and_confused_stand_where_they_should() -> None:
    truth = sample((LEFT, 0), (RIGHT, 1), ((80, 80, 95, 95), 1))
    boxes = found((LEFT, 0, 0.9), (RIGHT, 2, 0.8), ((20, 70, 40, 90), 0, 0.7))
    expected = [
        [1, 0, 0, 0],
        [0, 0, 1, 1],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
    ]
    assert confusion([truth], [boxes], 3).tolist() == expected


def by_hand(truth: Sample, boxes: Detections, classes: int) -> np.ndarray:
    """The matrix of a picture, by plain loops over boxes and objects."""
    matrix = np.zeros((classes + 1, classes + 1), int)
    objects = [i for i in range(len(truth.class_ids)) if not truth.crowd[i]]
    order = sorted(range(len(boxes)), key=lambda d: -boxes.scores[d])
    overlap = iou(truth.boxes_xyxy, boxes.boxes_xyxy)
    left = [*order]
    for same_class in (True, False):
        for d in [*left]:
            options = [
                i for i in objects
                if overlap[i, d] >= 0.5
                and (not same_class or truth.class_ids[i] == boxes.class_ids[d])
            ]  # fmt: skip
            if options:
                best = max(options, key=lambda i: overlap[i, d])
                matrix[truth.class_ids[best], boxes.class_ids[d]] += 1
                objects.remove(best)
                left.remove(d)
    for i in objects:
        matrix[truth.class_ids[i], classes] += 1
    for d in left:
        box = boxes.boxes_xyxy[d]
        on = False
        for crowd, class_id in zip(
            truth.boxes_xyxy[truth.crowd], truth.class_ids[truth.crowd], strict=True
        ):
            wide = max(0.0, min(crowd[2], box[2]) - max(crowd[0], box[0]))
            high = max(0.0, min(crowd[3], box[3]) - max(crowd[1], box[1]))
            size = (box[2] - box[0]) * (box[3] - box[1])
            on |= class_id == boxes.class_ids[d] and wide * high >= 0.5 * size
        matrix[classes, boxes.class_ids[d]] += not on
    return matrix


def test_many_pictures_add_up_as_counted_by_hand() -> None:
    pictures = [random_picture(seed) for seed in range(40)]
    expected = sum(by_hand(truth, boxes, 3) for truth, boxes in pictures)
    matrix = confusion(*map(list, zip(*pictures, strict=True)), 3)  # type: ignore[arg-type]
    assert matrix.tolist() == expected.tolist()
    assert np.trace(matrix) > 20
    assert matrix[3].sum() > 20


def f1_at(pictures: list[tuple[Sample, Detections]], score: float) -> float:
    """F1 of all boxes from a score on, each picture paired anew."""
    kept = [(truth, boxes.select(boxes.scores >= score)) for truth, boxes in pictures]
    matrix = sum(by_hand(truth, boxes, 3) for truth, boxes in kept)
    right = np.trace(matrix)
    return float(2 * right / (matrix[:3].sum() + matrix[:, :3].sum()))


def test_the_best_score_is_the_best_of_all_hundredths() -> None:
    pictures = [random_picture(seed) for seed in range(40)]
    chosen = best_score(*map(list, zip(*pictures, strict=True)))  # type: ignore[arg-type]
    tried = {score: f1_at(pictures, score) for score in np.arange(0, 100) / 100}
    assert chosen == round(chosen, 2)
    assert f1_at(pictures, chosen) == pytest.approx(max(tried.values()), abs=0.005)
    assert 0.05 <= chosen < 0.95


def test_without_a_right_box_the_score_is_the_middle() -> None:
    assert best_score([sample((LEFT, 0))], [found((RIGHT, 0, 0.9))]) == 0.5
    assert best_score([], []) == 0.5


def test_another_number_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        confusion([sample()], [], 1)
    with pytest.raises(ValueError, match="zip"):
        best_score([], [Detections.empty()])

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_shapes import CLASSES, Shapes

from edgecv.data.samples import Dataset
from edgecv.training.mistakes import SHOWN, Wrong, above, keep_worst, mistakes, wrong
from edgecv.training.validation import truth_of
from edgecv.types import Detections


def perfect(truth: Dataset, score: float = 0.9) -> list[Detections]:
    """What a network without a mistake finds."""
    return [
        Detections(s.boxes_xyxy, np.full(len(s.boxes_xyxy), score, np.float32), s.class_ids)
        for s in truth.samples
    ]


def spoilt(found: Detections, *, drop: int = 0, swap: int = 0, add: int = 0) -> Detections:
    """Some boxes dropped, the classes of others swapped, and some put where nothing is."""
    kept = found.select(np.arange(drop, len(found)))
    ids = kept.class_ids.copy()
    ids[:swap] = 1 - ids[:swap]
    nowhere = np.tile(np.array([[0, 0, 2, 2]], np.float32), (add, 1))
    return Detections(
        np.concatenate([kept.boxes_xyxy, nowhere]),
        np.concatenate([kept.scores, np.full(add, 0.8, np.float32)]),
        np.concatenate([ids, np.zeros(add, np.int64)]),
    )


def test_without_a_mistake_all_stands_on_the_diagonal() -> None:
    truth = truth_of(Shapes(6))
    told = mistakes(truth, perfect(truth))
    objects = np.bincount(np.concatenate([s.class_ids for s in truth.samples]), minlength=2)
    assert told["confusion"] == [[objects[0], 0, 0], [0, objects[1], 0], [0, 0, 0]]
    assert (told["images"], told["faultless"], told["score_min"]) == (6, 6, 0.89)
    assert told["class_names"] == list(CLASSES)


def test_mistakes_are_counted_by_kind() -> None:
    pictures = Shapes(30)
    truth = truth_of(pictures)
    two = next(i for i, s in enumerate(truth.samples) if len(s.class_ids) == 2)
    found = perfect(truth)[two]
    sample = truth.samples[two]
    assert wrong(sample, found) == (0, 0, 0)
    assert wrong(sample, spoilt(found, drop=1, swap=1, add=3)) == Wrong(1, 3, 1)
    assert wrong(sample, Detections.empty()) == Wrong(2, 0, 0)


def test_boxes_below_the_score_are_left_out() -> None:
    boxes = np.zeros((3, 4), np.float32)
    found = Detections(boxes, np.array([0.2, 0.5, 0.9], np.float32), np.zeros(3, np.int64))
    assert above(found, 0.5).scores.tolist() == pytest.approx([0.5, 0.9])
    assert len(above(Detections.empty(), 0.5)) == 0


def test_the_pictures_with_most_mistakes_are_kept_small_with_their_boxes(tmp_path: Path) -> None:
    pictures = Shapes(4, side=960)
    truth = truth_of(pictures)
    found = perfect(truth)
    found[2], found[1] = spoilt(found[2], add=5), spoilt(found[1], drop=1, add=1)
    kept = keep_worst(pictures, truth, found, tmp_path / "worst")
    assert [(one["name"], one["missed"], one["false"]) for one in kept] == [
        ("shapes[2]", 0, 5),
        ("shapes[1]", 1, 1),
    ]
    image = cv2.imread(str(tmp_path / "worst" / kept[0]["file"]))
    assert image.shape[1::-1] == (kept[0]["width"], kept[0]["height"]) == (480, 480)
    whole = pictures.picture(2).image[::2, ::2].astype(int)
    assert np.abs(image.astype(int) - whole).mean() < 12  # shrunk and JPEG, of noise
    for box, sample in zip(kept[0]["truth"], truth.samples[2].boxes_xyxy, strict=True):
        assert box["box_xyxy"] == pytest.approx(sample / 2, abs=0.1)
        assert box["right"]
    assert [box["right"] for box in kept[0]["found"]].count(False) == 5
    assert [box["right"] for box in kept[1]["truth"]].count(False) == 1
    assert kept[1]["found"][-1] == {
        "class_id": 0, "box_xyxy": [0, 0, 1, 1], "right": False, "score": pytest.approx(0.8),
    }  # fmt: skip


def test_no_mistakes_keep_no_picture_and_many_keep_a_dozen(tmp_path: Path) -> None:
    pictures = Shapes(20)
    truth = truth_of(pictures)
    assert keep_worst(pictures, truth, perfect(truth), tmp_path / "none") == []
    none = [Detections.empty()] * 20
    kept = keep_worst(pictures, truth, none, tmp_path / "many")
    assert len(kept) == len(list((tmp_path / "many").iterdir())) == SHOWN
    counts = [one["missed"] for one in kept]
    assert counts == sorted((len(s.class_ids) for s in truth.samples), reverse=True)[:SHOWN]


def test_another_number_of_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        mistakes(truth_of(Shapes(2)), [Detections.empty()])

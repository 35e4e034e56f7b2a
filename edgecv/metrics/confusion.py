"""What becomes of each object and each box at one score: found, missed, taken for another class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecv.boxes import area, iou
from edgecv.data.samples import Sample
from edgecv.types import Array, Detections, Ints

IOU_MIN = 0.5
ALONE = -1
ON_A_CROWD = 0.5  # part of a box that lies on one


@dataclass(frozen=True)
class Pairs:
    """The objects and the detections of one picture, paired.

    Attributes:
        objects: (N,) position of the detection that stands for an object; -1: it is missed.
        found: (D,) position of the object that a detection stands for; -1: there is none.
        ignored: (D,) bool: on a crowd of its class, so neither right nor wrong.
    """

    objects: Ints
    found: Ints
    ignored: NDArray[np.bool_]


def pair(sample: Sample, detections: Detections, iou_min: float = IOU_MIN) -> Pairs:
    """Pair detections with objects, best score first, each with the one it overlaps most.

    First within each class; what is left then pairs with objects of other classes, so that a box
    of the wrong class takes no object from one of the right class. Crowds are paired with nothing.

    Args:
        sample: N objects.
        detections: D boxes in pixels of the same picture.
        iou_min: least overlap of a pair, in (0, 1].
    """
    overlap = iou(sample.boxes_xyxy, detections.boxes_xyxy)
    overlap[sample.crowd] = 0
    same = sample.class_ids[:, None] == detections.class_ids[None, :]
    objects = np.full(len(sample.class_ids), ALONE, np.int64)
    found = np.full(len(detections), ALONE, np.int64)
    order = np.argsort(-detections.scores, kind="stable")
    for allowed in (overlap * same, overlap):
        for one in order[found[order] == ALONE]:
            free = np.where(objects == ALONE, allowed[:, one], 0)
            if free.max(initial=0) >= iou_min:
                best = int(free.argmax())
                objects[best], found[one] = one, best
    crowds = sample.boxes_xyxy[sample.crowd], same[sample.crowd]
    return Pairs(objects, found, (found == ALONE) & _on_a_crowd(detections.boxes_xyxy, *crowds))


def best_score(
    samples: Sequence[Sample], detections: Sequence[Detections], iou_min: float = IOU_MIN
) -> float:
    """The least score, in whole hundredths, at which boxes of all classes have their best F1.

    Args:
        samples: pictures with their objects.
        detections: one a sample.
        iou_min: least overlap of a box that is right.

    Returns:
        In [0, 1]; .5 where no box is right at any score.
    """
    scores, right, objects = [np.zeros(0)], [np.zeros(0, np.bool_)], 0
    for sample, found in zip(samples, detections, strict=True):
        # a pair within a class at one score is a pair at every lower one: one pass tells all
        pairs = pair(sample, found, iou_min)
        counted = ~pairs.ignored
        scores.append(found.scores[counted].astype(np.float64))
        right.append(is_right(sample, found, pairs)[counted])
        objects += int((~sample.crowd).sum())
    score, hit = np.concatenate(scores), np.concatenate(right)
    if not hit.any():
        return 0.5
    order = np.argsort(-score, kind="stable")
    f1 = 2 * np.cumsum(hit[order]) / (np.arange(1, len(order) + 1) + objects)
    return math.floor(float(score[order][f1.argmax()]) * 100) / 100


def is_right(sample: Sample, detections: Detections, pairs: Pairs) -> NDArray[np.bool_]:
    """(D,) detections that stand for an object of their class."""
    right: NDArray[np.bool_] = pairs.found != ALONE
    right[right] = sample.class_ids[pairs.found[right]] == detections.class_ids[right]
    return right


def confusion(
    samples: Sequence[Sample],
    detections: Sequence[Detections],
    classes: int,
    iou_min: float = IOU_MIN,
) -> Ints:
    """Count objects by their class and by that of the box that stands for them.

    Args:
        samples: pictures with their objects, of C classes.
        detections: one a sample, above the score of interest, with the same class ids.
        classes: C.
        iou_min: least overlap of a pair.

    Returns:
        (C + 1, C + 1): a row is the class of an object, the last one is background; a column is
        the class of a box, the last one is none. Boxes on background are in the last row, missed
        objects in the last column.
    """
    matrix = np.zeros((classes + 1, classes + 1), np.int64)
    for sample, found in zip(samples, detections, strict=True):
        pairs = pair(sample, found, iou_min)
        paired = pairs.objects != ALONE
        np.add.at(matrix, (sample.class_ids[paired], found.class_ids[pairs.objects[paired]]), 1)
        missed = sample.class_ids[~paired & ~sample.crowd]
        np.add.at(matrix, (missed, classes), 1)
        false = found.class_ids[(pairs.found == ALONE) & ~pairs.ignored]
        np.add.at(matrix, (classes, false), 1)
    return matrix


def _on_a_crowd(boxes: Array, crowds: Array, same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(D,) boxes that lie on a crowd of their class by half of their area or more."""
    low = np.maximum(crowds[:, None, :2], boxes[None, :, :2])
    high = np.minimum(crowds[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    part = shared / np.maximum(area(boxes), 1e-9)[None, :]
    return np.asarray(((part >= ON_A_CROWD) & same).any(axis=0), np.bool_)

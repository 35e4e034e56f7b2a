"""Which detections hit which ground truth: hotcoco's matching, arranged for resampling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.data.dataset import Dataset, class_map
from edgecv.errors import DataError
from edgecv.types import Array, Detections, Ints

# pictures: the evaluator answers with a dict of lists for each picture and class
_AT_ONCE = 100


@dataclass(frozen=True)
class ClassMatches:
    """The detections of one class in all pictures, best score first, and what each hit.

    Attributes:
        name: of the class, as the data set spells it.
        image: (D,) position of the detection's picture in the data set.
        hit: (T, D) bool: matched to an object, at each of the T overlap thresholds.
        ignored: (T, D) bool: matched to a crowd, so neither right nor wrong.
        objects: (I,) objects to be found in each picture.
    """

    name: str
    image: Ints
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: Ints


def match(
    dataset: Dataset,
    detections: Sequence[Detections],
    model_class_names: Sequence[str],
    max_boxes: int,
) -> list[ClassMatches]:
    """Match each picture's detections with its ground truth by COCO's protocol.

    Args:
        dataset: the ground truth.
        detections: one a sample, class ids of the model.
        model_class_names: in the order of those ids.
        max_boxes: most boxes of one class in one picture, as COCO counts.

    Returns:
        The classes that have an object to be found, in the order of the data set.

    Raises:
        ValueError: another number of detections than of samples.
        DataError: classes that do not match, or no object at all.
    """
    if len(detections) != len(dataset.samples):
        raise ValueError(f"{len(detections)} detections for {len(dataset.samples)} samples")
    ids = class_map(dataset, model_class_names)
    rows = _rows(detections, ids, len(model_class_names))
    by_class: dict[int, list[_Cell]] = defaultdict(list)
    for start in range(0, len(dataset.samples), _AT_ONCE):
        for cell in _evaluate(dataset, rows, start, max_boxes):
            by_class[cell.class_id].append(cell)
    found = [
        _arrange(dataset.class_names[key], by_class[key], len(dataset.samples))
        for key in sorted(by_class)
    ]
    scored = [matches for matches in found if matches.objects.any()]
    if not scored:
        raise DataError(
            f"{dataset.folder}: no box in the ground truth, so there is nothing to score"
        )
    return scored


def _rows(detections: Sequence[Detections], ids: Ints, model_classes: int) -> NDArray[np.float64]:
    """(N, 7) image, x, y, width, height, score, class of the data set."""
    of_model = np.full(model_classes, -1, np.int64)
    of_model[ids[ids >= 0]] = np.flatnonzero(ids >= 0)
    parts = [np.zeros((0, 7))]
    for index, found in enumerate(detections):
        classes = of_model[found.class_ids]
        known = classes >= 0
        image = np.full(int(known.sum()), index)
        boxes_xywh = _xywh(found.boxes_xyxy[known])
        parts.append(np.column_stack([image, boxes_xywh, found.scores[known], classes[known]]))
    return np.concatenate(parts)


def _xywh(boxes_xyxy: Array) -> NDArray[np.float64]:
    # float64 before the subtraction: an overlap near a threshold must not depend on its rounding
    boxes = boxes_xyxy.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes


@dataclass(frozen=True)
class _Cell:
    """The detections of one class in one picture; as `ClassMatches`."""

    class_id: int
    image: int
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: int


def _evaluate(
    dataset: Dataset, rows: NDArray[np.float64], start: int, max_boxes: int
) -> Iterator[_Cell]:
    from hotcoco import COCO, COCOeval

    samples = dataset.samples[start : start + _AT_ONCE]
    images = np.arange(start, start + len(samples))
    truth = COCO.from_arrays(
        [
            {"id": int(image), "width": s.width, "height": s.height, "file_name": s.path.name}
            for image, s in zip(images, samples, strict=True)
        ],
        [{"id": index, "name": name} for index, name in enumerate(dataset.class_names)],
        np.repeat(images, [len(sample.boxes_xyxy) for sample in samples]),
        np.concatenate([sample.class_ids for sample in samples]),
        np.concatenate([_xywh(sample.boxes_xyxy) for sample in samples]),
        area=np.concatenate([sample.areas for sample in samples]).astype(np.float64),
        iscrowd=np.concatenate([sample.crowd for sample in samples]).astype(np.int64),
    )
    here = rows[(rows[:, 0] >= start) & (rows[:, 0] < start + len(samples))]
    evaluation = COCOeval(truth, truth.load_res(here), "bbox")
    evaluation.params.max_dets = [max_boxes]
    evaluation.params.area_rng = [[0.0, 1e10]]
    evaluation.params.area_rng_lbl = ["all"]
    evaluation.evaluate()
    return (_cell(found) for found in evaluation.eval_imgs if found is not None)


def _cell(found: dict[str, Any]) -> _Cell:
    ignored = np.array(found["dtIgnore"], np.bool_)
    return _Cell(
        class_id=found["category_id"],
        image=found["image_id"],
        scores=np.array(found["dtScores"], np.float64),
        hit=np.array(found["dtMatched"], np.bool_) & ~ignored,
        ignored=ignored,
        objects=int(np.count_nonzero(found["gtInDenominator"])),
    )


def _arrange(name: str, cells: list[_Cell], images: int) -> ClassMatches:
    # pictures in their order first, so that equal scores keep it, as COCO's accumulation does
    cells = sorted(cells, key=lambda cell: cell.image)
    objects = np.zeros(images, np.int64)
    objects[[cell.image for cell in cells]] = [cell.objects for cell in cells]
    image = np.repeat([cell.image for cell in cells], [len(cell.scores) for cell in cells])
    order = np.argsort(-np.concatenate([cell.scores for cell in cells]), kind="stable")
    hit = np.concatenate([cell.hit for cell in cells], axis=1)
    ignored = np.concatenate([cell.ignored for cell in cells], axis=1)
    return ClassMatches(name, image[order], hit[:, order], ignored[:, order], objects)

"""The network's decoded answer to detections in the original picture."""

from __future__ import annotations

import numpy as np

from edgecv import boxes as boxes_
from edgecv.runtime.preprocess import Letterbox
from edgecv.types import Array, Detections


def postprocess(
    boxes: Array,
    scores: Array,
    letterbox: Letterbox,
    *,
    score_min: float,
    nms_iou: float,
    max_boxes: int,
    one_class: bool = False,
    class_agnostic: bool = False,
    clip: bool = False,
) -> Detections:
    """Threshold, suppress, and put the boxes back into the picture.

    The defaults are COCO's protocol as YOLOX is published with it: an anchor may stand for
    several classes, each suppresses only itself, and a box may leave the picture.

    Args:
        boxes: (N, 4) xyxy in input pixels.
        scores: (N, C) in [0, 1].
        letterbox: where the picture stands in the input.
        score_min: smallest score of a box.
        nms_iou: overlap above which the lesser box is dropped.
        max_boxes: most boxes returned.
        one_class: each anchor stands for its best class only.
        class_agnostic: boxes of different classes suppress each other too.
        clip: cut the boxes to the picture; raises mAP a little above what others publish.

    Returns:
        Detections in pixels of the original picture, best score first.

    Raises:
        ValueError: the arrays are not (N, 4) and (N, C).
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.ndim != 2 or len(boxes) != len(scores):
        raise ValueError(
            f"boxes are {boxes.shape} and scores {scores.shape}, expected (N, 4) and (N, C)"
        )
    # most anchors pass nothing: the rest of the work is done for those that do
    anchors = np.flatnonzero(scores.max(axis=1, initial=0.0) >= score_min)
    best = scores[anchors]
    if one_class and len(anchors):
        rows, class_ids = np.arange(len(anchors)), best.argmax(axis=1)
    else:
        rows, class_ids = np.nonzero(best >= score_min)
    found = Detections(
        boxes[anchors[rows]].astype(np.float32, copy=False),
        best[rows, class_ids].astype(np.float32, copy=False),
        class_ids.astype(np.int64, copy=False),
    )
    rivals = np.zeros_like(found.class_ids) if class_agnostic else found.class_ids
    kept = found.select(boxes_.nms(found.boxes_xyxy, found.scores, rivals, nms_iou, max_boxes))
    original = letterbox.to_original(kept.boxes_xyxy)
    if clip:
        original = boxes_.clip(original, letterbox.width, letterbox.height)
    return Detections(original, kept.scores, kept.class_ids)

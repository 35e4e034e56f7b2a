"""Boxes as arrays: convert, clip, overlap, suppress."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from edgecv.types import Array, Ints


def xywh_to_xyxy(boxes_xywh: Array) -> Array:
    """(N, 4) left, top, width, height to (N, 4) left, top, right, bottom; same unit."""
    boxes = _four_wide(boxes_xywh)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes_xyxy: Array) -> Array:
    """(N, 4) left, top, right, bottom to (N, 4) left, top, width, height; same unit."""
    boxes = _four_wide(boxes_xyxy)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _four_wide(boxes: Array) -> Array:
    array = np.asarray(boxes, np.float32)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes are {array.shape}, expected (N, 4)")
    return array


def clip(boxes_xyxy: Array, width: int, height: int) -> Array:
    """(N, 4) boxes cut to a picture of width x height pixels."""
    limit = np.array([width, height, width, height], np.float32)
    return np.clip(boxes_xyxy, 0, limit).astype(np.float32)


def area(boxes_xyxy: Array) -> Array:
    """(N,) areas; 0 where right < left or bottom < top."""
    sides = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(first: Array, second: Array) -> Array:
    """(N, M) intersection over union of (N, 4) and (M, 4) xyxy boxes, in [0, 1]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    inter = sides[..., 0] * sides[..., 1]
    union = area(first)[:, None] + area(second)[None, :] - inter
    return np.asarray(inter / np.maximum(union, 1e-9), np.float32)


def nms(
    boxes_xyxy: Array,
    scores: Array,
    class_ids: Ints,
    iou_max: float,
    max_boxes: int | None = None,
) -> Ints:
    """Greedy non-maximum suppression; classes suppress only themselves.

    Args:
        boxes_xyxy: (N, 4), finite.
        scores: (N,).
        class_ids: (N,), from 0.
        iou_max: a box that overlaps a better one of its class by more than this is dropped.
        max_boxes: stop after so many boxes; the result is the head of the unlimited one.

    Returns:
        (K,) indices into the input, best score first; equal scores in the order of the input.
    """
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    tried = len(order) if max_boxes is None else 3 * max_boxes
    while True:
        # greedy: what the best `tried` boxes keep does not depend on the boxes after them
        best = order[:tried]
        kept = best[_suppress(boxes_xyxy[best], class_ids[best], iou_max)]
        if tried >= len(order) or (max_boxes is not None and len(kept) >= max_boxes):
            return kept[:max_boxes]
        tried *= 3


def _suppress(boxes_xyxy: Array, class_ids: Ints, iou_max: float) -> Ints:
    """Positions that survive, of boxes sorted best first."""
    if not len(boxes_xyxy):
        return np.zeros(0, np.int64)
    # OpenCV moves classes apart by the largest coordinate, which supposes that none is negative
    boxes_xywh = boxes_xyxy.astype(np.float64) - float(boxes_xyxy.min())
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    ranks = np.arange(len(boxes_xywh), 0, -1, dtype=np.float32)
    suppress: Any = cv2.dnn.NMSBoxesBatched  # its stubs ask for lists; it takes arrays
    kept = suppress(boxes_xywh, ranks, class_ids.astype(np.int32), 0.0, iou_max)
    return np.asarray(kept, np.int64).reshape(-1)

"""Boxes as arrays: convert, clip, overlap, suppress."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecv.types import Array, Ints


def xywh_to_xyxy(boxes_xywh: Array) -> Array:
    """(N, 4) left, top, width, height to (N, 4) left, top, right, bottom; same unit."""
    boxes = np.asarray(boxes_xywh, np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def xyxy_to_xywh(boxes_xyxy: Array) -> Array:
    """(N, 4) left, top, right, bottom to (N, 4) left, top, width, height; same unit."""
    boxes = np.asarray(boxes_xyxy, np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


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


def nms(boxes_xyxy: Array, scores: Array, class_ids: Ints, iou_max: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression; classes suppress only themselves.

    Args:
        boxes_xyxy: (N, 4).
        scores: (N,).
        class_ids: (N,).
        iou_max: a box that overlaps a better one of its class by more than this is dropped.

    Returns:
        (K,) indices into the input, best score first.
    """
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return order
    # classes are moved apart, so that one overlap test serves them all
    spread = float(boxes_xyxy.max() - boxes_xyxy.min()) + 1.0
    moved = boxes_xyxy + (class_ids.astype(np.float32) * spread)[:, None]
    kept = []
    while len(order):
        best = order[0]
        kept.append(best)
        rest = order[1:]
        order = rest[iou(moved[best : best + 1], moved[rest])[0] <= iou_max]
    return np.array(kept, np.int64)

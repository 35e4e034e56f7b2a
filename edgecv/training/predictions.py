"""What a network says of a batch, in the form in which it is compared with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edgecv.models.deploy import anchor_points
from edgecv.models.yolox import STRIDES, Level


class Predictions(NamedTuple):
    """The anchors of a batch, A of them a picture: row by row, stride 8 first.

    Attributes:
        raw: (B, A, 4) centre offset and log size, in units of the stride.
        boxes_xyxy: (B, A, 4) decoded, in input pixels.
        objectness: (B, A) logits.
        classes: (B, A, C) logits.
        points: (A, 2) cell corners x, y in cells.
        strides: (A, 1) pixels a cell.
        grids: rows and columns of each level.
    """

    raw: Tensor
    boxes_xyxy: Tensor
    objectness: Tensor
    classes: Tensor
    points: Tensor
    strides: Tensor
    grids: tuple[tuple[int, int], ...]


class Truth(NamedTuple):
    """All objects of a batch.

    Attributes:
        boxes_xyxy: (N, 4), in input pixels.
        class_ids: (N,) int64.
        pictures: (N,) int64, position in the batch.
    """

    boxes_xyxy: Tensor
    class_ids: Tensor
    pictures: Tensor


def predictions(levels: Sequence[Level]) -> Predictions:
    """The raw levels of a network in one row, in float32 whatever it computes in."""
    raw, objectness, classes = (
        torch.cat([part.flatten(2) for part in parts], dim=2).transpose(1, 2).float()
        for parts in zip(*levels, strict=True)
    )
    grids = tuple((level.boxes.shape[2], level.boxes.shape[3]) for level in levels)
    points, strides = (
        part[0].to(raw.device)
        for part in anchor_points(grids[0][0] * STRIDES[0], grids[0][1] * STRIDES[0])
    )
    centres = (raw[..., :2] + points) * strides
    halves = raw[..., 2:].exp() * (strides * 0.5)
    boxes = torch.cat((centres - halves, centres + halves), dim=2)
    return Predictions(raw, boxes, objectness[..., 0], classes, points, strides, grids)


def truth(boxes_xyxy: Sequence[Tensor], class_ids: Sequence[Tensor], device: torch.device) -> Truth:
    """The objects of each picture, (n_i, 4) and (n_i,), in one row on a device."""
    counts = torch.tensor([len(boxes) for boxes in boxes_xyxy])
    pictures = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return Truth(
        torch.cat([*boxes_xyxy]).float().to(device, non_blocking=True),
        torch.cat([*class_ids]).to(device, non_blocking=True),
        pictures.to(device, non_blocking=True),
    )


def paired_iou(first: Tensor, second: Tensor) -> Tensor:
    """(...) intersection over union of (..., 4) xyxy boxes with their counterparts, in [0, 1]."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    inter = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (first, second)]
    return inter / (areas[0] + areas[1] - inter).clamp(min=1e-9)

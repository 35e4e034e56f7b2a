"""SimOTA: which anchors learn which object, by what the network says at the moment.

Sources: Ge et al. 2021, "YOLOX" (arXiv 2107.08430), section 2.1; Ge et al. 2021, "OTA" (arXiv
2103.14259), section 3.3 for the number of anchors an object gets. Differs: only anchors around an
object's centre are weighed against each other, and those of all objects of a batch at once, so
that the work follows the number of objects and not that of anchors times objects.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from edgecv.models.yolox import STRIDES
from edgecv.training.predictions import Predictions, Truth, paired_iou

REACH = 2  # cells from that of the centre to either side, on each level: a radius of 2.5
CANDIDATES = 10  # whose overlaps tell how many anchors an object gets
IOU_WEIGHT = 3.0  # of the overlap's cost against that of the class
OUTSIDE = 1e5  # cost of an anchor outside the object: only where there is none inside


class Matches(NamedTuple):
    """Anchors that learn an object, P of them; each learns one.

    Attributes:
        pictures: (P,) position in the batch.
        anchors: (P,) position in the row of anchors.
        objects: (P,) position in the truth.
    """

    pictures: Tensor
    anchors: Tensor
    objects: Tensor


@torch.no_grad()
def assign(found: Predictions, truth: Truth) -> Matches:
    """Give each object the anchors that would cost it least.

    An object gets as many anchors as its ten best overlaps add up to, at least one; an anchor that
    several ask for goes to the one to which it costs least, and between equals to the first.
    """
    anchors, inside, there = _around(found, truth)
    cost, overlap = _cost(found, truth, anchors)
    cost = torch.where(inside, cost, cost + OUTSIDE).where(there, torch.inf)
    best = min(CANDIDATES, overlap.shape[1])
    counts = overlap.where(there, 0).topk(best).values.sum(dim=1).int().clamp(min=1)
    cheapest, positions = cost.topk(best, largest=False)
    rank = torch.arange(best, device=cost.device)
    objects, taken = torch.nonzero((rank < counts[:, None]) & cheapest.isfinite(), as_tuple=True)
    chosen = anchors[objects, positions[objects, taken]]
    total = found.objectness.shape[1]
    keep = _cheapest(truth.pictures[objects] * total + chosen, cheapest[objects, taken], objects)
    return Matches(truth.pictures[objects[keep]], chosen[keep], objects[keep])


def _around(found: Predictions, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    """(N, K) anchors around each centre; whether each lies in the object; whether it exists."""
    device = truth.boxes_xyxy.device
    steps = torch.arange(-REACH, REACH + 1, device=device)
    offsets = torch.cartesian_prod(steps, steps)  # rows, columns
    centres = (truth.boxes_xyxy[:, :2] + truth.boxes_xyxy[:, 2:]) / 2
    anchors, there, start = [], [], 0
    for stride, (rows, columns) in zip(STRIDES, found.grids, strict=True):
        cell = (centres / stride).floor().long()
        row, column = cell[:, 1:] + offsets[:, 0], cell[:, :1] + offsets[:, 1]
        there.append((row >= 0) & (row < rows) & (column >= 0) & (column < columns))
        anchors.append(start + row.clamp(0, rows - 1) * columns + column.clamp(0, columns - 1))
        start += rows * columns
    index = torch.cat(anchors, dim=1)
    points = ((found.points + 0.5) * found.strides)[index]
    boxes = truth.boxes_xyxy[:, None]
    inside = ((points > boxes[..., :2]) & (points < boxes[..., 2:])).all(dim=-1)
    return index, inside, torch.cat(there, dim=1)


def _cost(found: Predictions, truth: Truth, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """(N, K) what it would cost an anchor to learn an object, and how far it overlaps it now."""
    pictures = truth.pictures[:, None]
    overlap = paired_iou(found.boxes_xyxy[pictures, anchors], truth.boxes_xyxy[:, None])
    scores = (found.classes.sigmoid() * found.objectness[..., None].sigmoid()).sqrt()
    scores = scores.clamp(1e-7, 1 - 1e-7)
    # cross entropy with all classes absent; then the object's own is put in
    absent = torch.log1p(-scores).sum(dim=2)[pictures, anchors]
    own = scores[pictures, anchors, truth.class_ids[:, None]]
    classes = torch.log1p(-own) - own.log() - absent
    return classes - IOU_WEIGHT * (overlap + 1e-8).log(), overlap


def _cheapest(places: Tensor, cost: Tensor, objects: Tensor) -> Tensor:
    """(M,) bool: of those with the same place, the one that costs least."""
    _, group = torch.unique(places, return_inverse=True)
    count = len(places)
    least = cost.new_full((count,), torch.inf).scatter_reduce(0, group, cost, "amin")
    equal = cost == least[group]
    last = torch.iinfo(objects.dtype).max
    first = objects.new_full((count,), last).scatter_reduce(
        0, group, objects.where(equal, last), "amin"
    )
    return objects == first[group]

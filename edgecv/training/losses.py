"""The loss of YOLOX: boxes by overlap, objectness, classes, and in the plain epochs L1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecv.training.assignment import Matches, assign
from edgecv.training.batches import Batch
from edgecv.training.predictions import Predictions, Truth, paired_iou, predictions, truth
from edgecv.training.processes import mean_over_processes

IOU_WEIGHT = 5.0

# (model, images (B, 3, H, W) float BGR, batch, whether the epoch is plain) -> parts of the loss,
# whose sum is minimised; distillation and quantisation-aware training bring their own
Loss = Callable[[nn.Module, Tensor, Batch, bool], dict[str, Tensor]]


def detection_loss(
    model: nn.Module, images: Tensor, batch: Batch, plain: bool
) -> dict[str, Tensor]:
    """The parts of the loss of a batch, scalars by name: iou, objectness, classes, and l1 if plain.

    Each is summed over the anchors that learn an object (objectness: over all) and divided by the
    number of those, meant over all processes: the gradient is that of the whole batch.

    Source: Ge et al. 2021 (arXiv 2107.08430), section 2.1; the overlap's loss is 1 - IoU^2.
    """
    return loss_parts(predictions(model(images)), batch.boxes_xyxy, batch.class_ids, plain)


def loss_parts(
    found: Predictions, boxes_xyxy: Sequence[Tensor], class_ids: Sequence[Tensor], plain: bool
) -> dict[str, Tensor]:
    """The parts of the loss of what a network says of pictures, one or more, whose objects are
    (n_i, 4) and (n_i,)."""
    device = found.raw.device
    objects = truth(boxes_xyxy, class_ids, device)
    matches = assign(found, objects)
    count = torch.tensor(float(len(matches.objects)), device=device)
    parts = _sums(found, objects, matches, plain)
    return {name: part / mean_over_processes(count).clamp(min=1) for name, part in parts.items()}


def _sums(found: Predictions, truth: Truth, matches: Matches, l1: bool) -> dict[str, Tensor]:
    where = (matches.pictures, matches.anchors)
    boxes = truth.boxes_xyxy[matches.objects]
    overlap = paired_iou(found.boxes_xyxy[where], boxes)
    is_object = torch.zeros_like(found.objectness)
    is_object[where] = 1.0
    # a class is as sure as its box is right, so that the score ranks boxes by their overlap
    soft = torch.zeros_like(found.classes[where])
    soft[torch.arange(len(soft)), truth.class_ids[matches.objects]] = overlap.detach()
    entropy = functional.binary_cross_entropy_with_logits
    parts = {
        "iou": IOU_WEIGHT * (1 - overlap.square()).sum(),
        "objectness": entropy(found.objectness, is_object, reduction="sum"),
        "classes": entropy(found.classes[where], soft, reduction="sum"),
    }
    if l1:
        target = encode(boxes, found.points[matches.anchors], found.strides[matches.anchors])
        parts["l1"] = (found.raw[where] - target).abs().sum()
    return parts


def encode(boxes_xyxy: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """(P, 4) centre offset and log size in units of the stride: what decodes to these boxes.

    Args:
        boxes_xyxy: (P, 4) in input pixels, of some area.
        points: (P, 2) cell corners x, y in cells.
        strides: (P, 1) pixels a cell.
    """
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / (2 * strides) - points
    sizes = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / strides
    return torch.cat((centres, sizes.log()), dim=1)

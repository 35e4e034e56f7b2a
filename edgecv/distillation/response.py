"""The loss on a teacher's answers, at the same anchor points."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from edgecv.distillation.teacher import Answer
from edgecv.training.losses import IOU_WEIGHT
from edgecv.training.predictions import Predictions, paired_iou

FOCUS = 2.0  # how much an anchor that agrees already counts for less, as in the source


def response_loss(
    found: Predictions, answer: Answer, columns: Tensor, confidence: float
) -> dict[str, Tensor]:
    """Scalars by name: what the student's boxes, objectness and classes lack of the teacher's.

    Objectness is compared everywhere, boxes and classes where the teacher is sure that there is
    something, weighted by how sure. All is divided by the sum of these weights.

    Args:
        found: what the student says of a batch.
        answer: what the teacher says of it.
        columns: (C,) the teacher's class for each of the student's.
        confidence: score from which the teacher is sure, in (0, 1).

    Source: Li et al. 2020, "Generalized Focal Loss" (arXiv 2006.04388), section 3.1 for
    objectness; Chen et al. 2017, "Learning Efficient Object Detection Models with Knowledge
    Distillation" for soft classes. Differs: boxes by overlap, as in YOLOX.
    """
    classes = answer.classes[..., columns].clamp(0, 1)
    score = answer.objectness * classes.amax(dim=2)
    where = score >= confidence
    weight = score[where]
    total = weight.sum().clamp(min=1)
    overlap = paired_iou(found.boxes_xyxy[where], answer.boxes_xyxy[where])
    entropy = functional.binary_cross_entropy_with_logits
    apart = entropy(found.classes[where], classes[where], reduction="none").sum(dim=1)
    return {
        "teacher_iou": IOU_WEIGHT * (weight * (1 - overlap.square())).sum() / total,
        "teacher_objectness": _focal(found.objectness, answer.objectness.clamp(0, 1)) / total,
        "teacher_classes": (weight * apart).sum() / total,
    }


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Quality focal loss, summed: cross entropy times the power of what is still missing."""
    missing = (logits.sigmoid() - target).abs().pow(FOCUS)
    return (
        missing * functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    ).sum()


def class_columns(student: tuple[str, ...], teacher: tuple[str, ...]) -> Tensor | None:
    """(C,) which of the teacher's classes each of the student's is, by name; None: one is not."""
    rows = {name.casefold(): row for row, name in enumerate(teacher)}
    found = [rows.get(name.casefold()) for name in student]
    return None if None in found else torch.tensor(found)

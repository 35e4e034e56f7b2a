"""The loss of distillation: ground truth, the teacher's answers, and its features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgecv.distillation.features import LOSSES, Adapters
from edgecv.distillation.response import class_columns, response_loss
from edgecv.distillation.teacher import Answer, Teacher
from edgecv.errors import UsageError
from edgecv.models.yolox import STRIDES
from edgecv.recipe import DistillSettings
from edgecv.training.batches import Batch
from edgecv.training.losses import loss_parts
from edgecv.training.predictions import Predictions, predictions


class Distillation(nn.Module):
    """A loss for the training loop. Its adapters learn along with the student.

    Args:
        teacher: what is learned from.
        columns: (C,) the teacher's class for each of the student's; None: its answers are not
            looked at.
        channels: of the student's features; empty: the teacher's are not looked at.
        settings: weights of the parts.
        labelled: pictures before this number have ground truth, those from it on have none.
    """

    columns: Tensor | None

    def __init__(
        self,
        teacher: Teacher,
        columns: Tensor | None,
        channels: Sequence[int],
        settings: DistillSettings,
        labelled: int,
    ) -> None:
        super().__init__()
        self._teacher, self._settings, self._labelled = teacher, settings, labelled
        self.register_buffer("columns", columns, persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.train.seed)
            self.adapters = Adapters(channels, teacher.channels) if channels else None

    @property
    def learned(self) -> list[str]:
        """What the student learns from, in words."""
        parts = {
            "the ground truth": bool(self._settings.truth),
            "the teacher's answers": self.columns is not None,
            f"the teacher's features ({self._settings.features})": self.adapters is not None,
        }
        return [name for name, there in parts.items() if there]

    def forward(
        self, model: nn.Module, images: Tensor, batch: Batch, plain: bool
    ) -> dict[str, Tensor]:
        """The parts of the loss of a batch, scalars by name."""
        settings = self._settings
        features = model.backbone(images)  # type: ignore[operator]
        found = predictions(model.head(features))  # type: ignore[operator]
        parts: dict[str, Tensor] = {}
        rows = [row for row, index in enumerate(batch.indices) if index < self._labelled]
        if settings.truth and rows:
            truth = loss_parts(_some(found, rows), *_labels(batch, rows), plain)
            parts |= {name: settings.truth * part for name, part in truth.items()}
        if self.columns is None and self.adapters is None:
            return parts
        answer = self._teacher(images)
        if self.columns is not None:
            taught = response_loss(found, answer, self.columns, settings.confidence)
            parts |= {name: settings.response * part for name, part in taught.items()}
        if self.adapters is not None:
            parts["features"] = settings.feature_weight * self._apart(features, answer)
        return parts

    def _apart(self, features: Sequence[Tensor], answer: Answer) -> Tensor:
        loss = LOSSES[self._settings.features]
        adapted = self.adapters(features) if self.adapters else []
        levels = zip(adapted, answer.features, strict=True)
        each = [loss(mine, its, self._settings.temperature) for mine, its in levels]
        return torch.stack(each).sum() / len(STRIDES)


def _some(found: Predictions, rows: list[int]) -> Predictions:
    """Of these pictures alone; all of them as they are."""
    if len(rows) == len(found.raw):
        return found
    return found._replace(
        raw=found.raw[rows],
        boxes_xyxy=found.boxes_xyxy[rows],
        objectness=found.objectness[rows],
        classes=found.classes[rows],
    )


def _labels(batch: Batch, rows: list[int]) -> tuple[list[Tensor], list[Tensor]]:
    return [batch.boxes_xyxy[row] for row in rows], [batch.class_ids[row] for row in rows]


def make_loss(
    teacher: Teacher, settings: DistillSettings, class_names: tuple[str, ...], labelled: int
) -> tuple[Distillation, list[str]]:
    """The loss for a student of these classes, and lines on what the teacher cannot give.

    Raises:
        UsageError: the teacher does not know a class, or nothing is left to learn from.
    """
    columns = _columns(teacher, class_names) if settings.response else None
    missing, channels = [], [settings.neck] * len(STRIDES)
    if settings.features == "none":
        channels = []
    elif not teacher.channels:
        missing.append("an ONNX teacher gives no features: the student learns from its answers")
        channels = []
        if columns is None and not settings.truth:
            raise UsageError("nothing is left to learn from: set distill.response or distill.truth")
    return Distillation(teacher, columns, channels, settings, labelled), missing


def _columns(teacher: Teacher, class_names: tuple[str, ...]) -> Tensor:
    columns = class_columns(class_names, teacher.class_names)
    if columns is not None:
        return columns
    known = {name.casefold() for name in teacher.class_names}
    unknown = next(name for name in class_names if name.casefold() not in known)
    shown = ", ".join(teacher.class_names[:4]) + (", ..." if teacher.class_names[4:] else "")
    raise UsageError(
        f"distill: the pictures have a class '{unknown}', which the teacher does not know "
        f"({shown}), so its answers are none for it. Fine-tune the teacher on them first "
        "(edgecv train), or learn from its features alone: --set distill.response=0"
    )

"""What a teacher says of a batch: a network of edgecv in torch, or an ONNX file in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from edgecv.errors import ModelError, UsageError
from edgecv.models.detector import Detector
from edgecv.models.onnx_heads import decode, prepare
from edgecv.models.onnx_source import OnnxSource, open_graph
from edgecv.training.predictions import predictions


class Answer(NamedTuple):
    """Of a batch, at the same A anchor points as the student's: row by row, stride 8 first.

    Attributes:
        boxes_xyxy: (B, A, 4) in pixels of the input.
        objectness: (B, A) in [0, 1].
        classes: (B, A, C) in [0, 1], given that there is an object; in the teacher's order.
        features: (B, C_l, H_l, W_l) of strides 8, 16, 32; empty where it gives none.
    """

    boxes_xyxy: Tensor
    objectness: Tensor
    classes: Tensor
    features: tuple[Tensor, ...]


class Teacher(Protocol):
    """Answers, and never learns.

    Attributes:
        class_names: of its classes, in order.
        channels: of its three features; empty where it gives none.
        side: the only side of the input that it takes, in pixels; None: any multiple of 32.
    """

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def channels(self) -> tuple[int, ...]: ...

    @property
    def side(self) -> int | None: ...

    def __call__(self, images: Tensor) -> Answer: ...


class TorchTeacher:
    """A detector of edgecv.

    Args:
        model: moved to the device.
        class_names: of its classes.
        device: where it answers.
    """

    side = None

    def __init__(self, model: Detector, class_names: Sequence[str], device: torch.device) -> None:
        self.class_names = tuple(class_names)
        self.model = model.eval().requires_grad_(False)
        with torch.no_grad():
            features = self.model.backbone(torch.zeros(1, 3, 64, 64))
        self.channels = tuple(feature.shape[1] for feature in features)
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Answer:
        features = self.model.backbone(images)
        found = predictions(self.model.head(features))
        objectness, classes = found.objectness.sigmoid(), found.classes.sigmoid()
        return Answer(found.boxes_xyxy, objectness, classes, features)


class OnnxTeacher:
    """An ONNX file as somebody else exported it, on the CPU.

    Args:
        source: of one box a cell.
        class_names: of its classes.

    Raises:
        UsageError: its boxes are not one a cell, or its input is not square.
    """

    channels = ()

    def __init__(self, source: OnnxSource, class_names: Sequence[str]) -> None:
        if source.head == "yolov5":
            raise UsageError(
                f"{source.path}: a teacher of layout yolov5 answers with three boxes a cell, the "
                "student with one, so they cannot be compared. Take a teacher of another layout"
            )
        if source.height != source.width:
            raise UsageError(
                f"{source.path}: takes {source.width}x{source.height} pictures; students learn "
                "from square ones, so export the teacher with a square input"
            )
        self.class_names = tuple(class_names)
        self.side = source.width
        self.source, self._run = source, open_graph(source.path, source.model)

    def __call__(self, images: Tensor) -> Answer:
        # training pictures are integers still, as a camera gives them
        pictures = images.permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
        step = self.source.batch or len(pictures)
        if len(pictures) % step:
            raise ModelError(
                f"{self.source.path}: takes {step} pictures a call, which does not divide a step "
                f"of {len(pictures)}. Set distill.train.batch to a multiple, or export it for one"
            )
        parts = np.split(pictures, len(pictures) // step)
        output = np.concatenate([self._answer(part) for part in parts])
        boxes, scores = decode(output, self.source.head, self.side, self.side)
        if self.source.head == "yolox":
            objectness, classes = output[..., 4], output[..., 5:]
        else:
            # there are scores alone: the surest class has them as objectness
            objectness = scores.max(axis=2)
            classes = scores / np.maximum(objectness[..., None], 1e-9)
        found = [torch.from_numpy(np.ascontiguousarray(a)) for a in (boxes, objectness, classes)]
        first, second, third = (part.to(images.device) for part in found)
        return Answer(first, second, third, ())

    def _answer(self, part: np.ndarray) -> np.ndarray:
        return self._run(prepare(part, self.source.head))[self.source.output]

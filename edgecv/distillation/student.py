"""The student before its first step."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch

from edgecv.bundle import InputSpec
from edgecv.models.student_weights import find_backbone_weights, keep_answers, load_backbone
from edgecv.models.students import Student, StudentConfig
from edgecv.recipe import DistillSettings
from edgecv.runtime.preprocess import letterbox
from edgecv.training.pictures import Pictures
from edgecv.training.transfer import new_network_of

PICTURES = 16  # of which norms that SqueezeNet never had take their statistics


def new_student(settings: DistillSettings, pictures: Pictures, side: int) -> tuple[Student, str]:
    """A student with its first weights, and a line on where they come from.

    Args:
        settings: which student.
        pictures: it will learn from; of their classes.
        side: of its input in pixels.

    Raises:
        WeightsError: the backbone's weights are missing, damaged or of another network.
    """
    config = StudentConfig(
        settings.student,
        settings.width,
        settings.neck,
        settings.head_convs,
        settings.activation,
        len(pictures.class_names),
    )
    model = new_network_of(config, settings.train.seed)
    if not isinstance(model, Student):
        raise TypeError(f"{config} did not build a student")
    if settings.backbone_weights is None:
        return model, "all weights are new; distill.backbone_weights takes those of a backbone"
    path = find_backbone_weights(settings.backbone_weights, settings.student)
    backbone = model.backbone.backbone
    told = load_backbone(backbone, path, settings.student)
    if settings.student == "squeezenet1_1" and settings.width == 1:
        keep_answers(backbone, _images(pictures, side))
    return model, told


def _images(pictures: Pictures, side: int) -> torch.Tensor:
    size = InputSpec(width=side, height=side)
    images = [
        letterbox(pictures.picture(index).image, size)[0]
        for index in islice(range(len(pictures)), PICTURES)
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from made_shapes import CLASSES, Shapes
from small_qat import Small
from torch import Tensor, nn

from edgecv.distillation.teacher import TorchTeacher
from edgecv.models.detector import Detector
from edgecv.quantization.files import TARGETS
from edgecv.quantization.qat_conv import QuantisedConv
from edgecv.quantization.qat_loss import FilesLoss
from edgecv.quantization.qat_network import quantise
from edgecv.recipe import QatSettings
from edgecv.training.batches import Batch
from edgecv.training.losses import detection_loss


@pytest.fixture
def model(small: Small) -> Detector:
    found = small.folded()
    quantise(found, small.files, small.kept, small.settings)
    return found


def teacher(small: Small) -> TorchTeacher:
    return TorchTeacher(copy.deepcopy(small.folded()), CLASSES, torch.device("cpu"))


def batch(count: int = 2) -> tuple[Tensor, Batch]:
    shown = [Shapes(4).picture(index) for index in range(count)]
    images = torch.from_numpy(np.stack([one.image.transpose(2, 0, 1) for one in shown]))
    boxes = [torch.from_numpy(one.boxes_xyxy) for one in shown]
    ids = [torch.from_numpy(one.class_ids) for one in shown]
    return images.float(), Batch(images, boxes, ids, [*range(count)])


def values(parts: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(part.detach()) for name, part in parts.items()}


def file_of(model: nn.Module) -> str:
    (found,) = {one.file for one in model.modules() if isinstance(one, QuantisedConv)}
    return found


def test_every_file_has_its_turns_also_after_a_stop(small: Small, model: Detector) -> None:
    images, shown = batch(1)

    def turns(loss: FilesLoss, count: int) -> list[str]:
        found = []
        for _ in range(count):
            loss(model, images, shown, False)
            found.append(file_of(model))
        return found

    first, second = (
        FilesLoss(TARGETS, teacher(small), QatSettings(truth=0), truth=False) for _ in range(2)
    )
    assert turns(first, 4) == [*TARGETS, TARGETS[0]]
    second.load_state_dict(first.state_dict())
    assert turns(second, 3) == [TARGETS[1], TARGETS[2], TARGETS[0]]


def test_the_parts_are_those_of_the_truth_and_of_the_float_network_by_their_weights(
    small: Small, model: Detector
) -> None:
    images, shown = batch()
    mine, its = teacher(small), ["openvino"]
    both = values(FilesLoss(its, mine, QatSettings(), True)(model, images, shown, True))
    alone = values(detection_loss(model, images, shown, True))
    assert {"iou", "objectness", "classes", "l1"} == set(alone) < set(both)
    assert both.items() >= alone.items()
    settings = QatSettings(truth=0.5, response=3)
    other = values(FilesLoss(its, mine, settings, True)(model, images, shown, True))
    for name in both:
        weight = 0.5 if name in alone else 3
        assert other[name] == pytest.approx(weight * both[name], rel=1e-5)


def test_without_truth_or_without_response_there_is_nothing_of_it(
    small: Small, model: Detector
) -> None:
    images, shown = batch(1)
    mine = teacher(small)
    taught = FilesLoss(TARGETS, mine, QatSettings(), truth=False)(model, images, shown, True)
    told = FilesLoss(TARGETS, mine, QatSettings(response=0), True)(model, images, shown, False)
    assert set(taught) == {"teacher_iou", "teacher_objectness", "teacher_classes"}
    assert set(told) == {"iou", "objectness", "classes"}


def test_the_float_network_itself_lacks_nothing(small: Small, model: Detector) -> None:
    images, shown = batch()
    loss = FilesLoss(["float"], teacher(small), QatSettings(), truth=False)
    parts = values(loss(model, images, shown, False))
    assert parts["teacher_iou"] < 1e-3
    assert parts["teacher_objectness"] < 1e-3
    rounded = FilesLoss(["openvino"], teacher(small), QatSettings(), truth=False)
    assert values(rounded(model, images, shown, False))["teacher_iou"] > 5 * parts["teacher_iou"]

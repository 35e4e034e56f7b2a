from __future__ import annotations

import numpy as np
import pytest
import torch
from made_shapes import small_network

from edgecv.distillation.response import class_columns, response_loss
from edgecv.distillation.teacher import Answer
from edgecv.training.predictions import Predictions, predictions

BOTH = torch.tensor([0, 1])


def found(seed: int = 0) -> Predictions:
    torch.manual_seed(seed)
    with torch.no_grad():
        said = predictions(small_network(seed=seed).eval()(255 * torch.rand(2, 3, 32, 32)))
    # new networks are sure of nothing
    classes, objectness = torch.randn_like(said.classes), torch.randn_like(said.objectness)
    return said._replace(classes=classes, objectness=objectness)


def answer(of: Predictions, **changes: torch.Tensor) -> Answer:
    values = (of.boxes_xyxy, of.objectness.sigmoid(), of.classes.sigmoid())
    return Answer(*values, ())._replace(**changes)


def test_a_student_that_answers_as_its_teacher_loses_nothing_but_the_entropy_of_classes() -> None:
    student = found()
    sure = torch.full_like(student.objectness, 0.9)
    parts = response_loss(student, answer(student, objectness=sure), BOTH, 0.001)
    assert parts["teacher_iou"].item() == pytest.approx(0, abs=1e-4)
    same = answer(student)
    assert response_loss(student, same, BOTH, 0.9)["teacher_objectness"].item() == 0


def test_the_parts_are_those_of_numpy() -> None:
    student, its = found(0), found(1)
    taught = answer(its, objectness=torch.linspace(0, 1, 21).repeat(2, 1))
    parts = {k: v.item() for k, v in response_loss(student, taught, BOTH, 0.2).items()}
    total = iou = classes = objectness = 0.0
    for picture in range(2):
        for anchor in range(21):
            surest = taught.objectness[picture, anchor].item()
            mine = 1 / (1 + np.exp(-student.objectness[picture, anchor].item()))
            entropy = -surest * np.log(mine) - (1 - surest) * np.log(1 - mine)
            objectness += (mine - surest) ** 2 * entropy
            score = surest * taught.classes[picture, anchor].max().item()
            if score < 0.2:
                continue
            total += score
            a, b = student.boxes_xyxy[picture, anchor], taught.boxes_xyxy[picture, anchor]
            iou += 5 * score * (1 - overlap(a.numpy(), b.numpy()) ** 2)
            p = 1 / (1 + np.exp(-student.classes[picture, anchor].numpy()))
            t = taught.classes[picture, anchor].numpy()
            classes += score * float(-(t * np.log(p) + (1 - t) * np.log(1 - p)).sum())
    assert total > 1
    expected = {
        "teacher_iou": iou / total,
        "teacher_objectness": objectness / total,
        "teacher_classes": classes / total,
    }
    assert parts == pytest.approx(expected, rel=1e-3)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    inter = np.prod(np.clip(high - low, 0, None))
    areas = [np.prod(box[2:] - box[:2]) for box in (first, second)]
    return float(inter / (sum(areas) - inter))


def test_a_teacher_that_is_sure_of_nothing_teaches_objectness_alone() -> None:
    student = found()
    blank = answer(found(1), objectness=torch.zeros_like(student.objectness))
    parts = response_loss(student, blank, BOTH, 0.1)
    assert parts["teacher_iou"].item() == parts["teacher_classes"].item() == 0
    assert parts["teacher_objectness"].item() > 0


def test_the_students_classes_may_stand_in_another_order() -> None:
    student, its = found(0), answer(found(1), objectness=torch.ones(2, 21))
    swapped = its._replace(classes=its.classes.flip(2))
    plain = response_loss(student, its, BOTH, 0.1)
    again = response_loss(student, swapped, torch.tensor([1, 0]), 0.1)
    assert plain["teacher_classes"].item() == again["teacher_classes"].item()
    other = response_loss(student, swapped, BOTH, 0.1)
    assert other["teacher_classes"].item() != plain["teacher_classes"].item()


def test_classes_are_found_by_name_in_any_case_or_not_at_all() -> None:
    columns = class_columns(("Dog", "cat"), ("cat", "bird", "dog"))
    assert columns is not None
    assert columns.tolist() == [2, 0]
    assert class_columns(("dog", "fish"), ("cat", "dog")) is None

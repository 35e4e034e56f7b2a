from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from detectors import yolo_onnx
from made_shapes import small_network

from edgecv.distillation.teacher import OnnxTeacher, TorchTeacher
from edgecv.errors import ModelError, UsageError
from edgecv.models.onnx_source import OnnxSource, infer_source, open_source
from edgecv.recipe import LoadSettings

CLASSES = ("a", "b", "c")


def source(folder: Path, head: str, batch: int | str = 1) -> OnnxSource:
    path = folder / f"{head}.onnx"
    onnx.save(yolo_onnx(head, batch=batch), path)
    return open_source(path, LoadSettings())


def pictures(count: int = 2) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 3, 64, 64)).float()


def test_a_network_in_torch_answers_with_probabilities_boxes_and_features() -> None:
    model = small_network()
    teacher = TorchTeacher(model, ("x", "y"), torch.device("cpu"))
    answer = teacher(pictures())
    assert teacher.class_names == ("x", "y")
    assert (
        teacher.channels == tuple(feature.shape[1] for feature in answer.features) == (32, 64, 128)
    )
    assert answer.boxes_xyxy.shape == (2, 84, 4)
    assert answer.objectness.shape == (2, 84)
    assert answer.classes.shape == (2, 84, 2)
    assert 0 < answer.classes.min() <= answer.classes.max() < 1
    assert not any(part.requires_grad for part in (*answer[:3], *answer.features))
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


@pytest.mark.parametrize("head", ["yolox", "yolov8"])
def test_an_onnx_teacher_answers_as_its_file_decoded_by_the_reference(
    head: str, tmp_path: Path
) -> None:
    found = source(tmp_path, head)
    teacher = OnnxTeacher(found, CLASSES)
    images = pictures()
    answer = teacher(images)
    boxes, scores = infer_source(found)(images.permute(0, 2, 3, 1).byte().numpy())
    assert answer.features == teacher.channels == ()
    assert teacher.side == 64
    np.testing.assert_allclose(answer.boxes_xyxy.numpy(), boxes, rtol=1e-6)
    product = answer.objectness[..., None] * answer.classes
    np.testing.assert_allclose(product.numpy(), scores, rtol=1e-5, atol=1e-7)
    assert float(answer.classes.max()) <= 1 + 1e-6


def test_a_fixed_batch_is_called_as_often_as_needed_and_refused_where_it_does_not_divide(
    tmp_path: Path,
) -> None:
    teacher = OnnxTeacher(source(tmp_path, "yolox", batch=2), CLASSES)
    assert teacher(pictures(4)).objectness.shape == (4, 84)
    with pytest.raises(
        ModelError, match=r"takes 2 pictures a call.*step of 3.*distill\.train\.batch"
    ):
        teacher(pictures(3))


def test_a_teacher_of_three_boxes_a_cell_or_of_oblong_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="three boxes a cell"):
        OnnxTeacher(source(tmp_path, "yolov5"), CLASSES)
    square = source(tmp_path, "yolox")
    from dataclasses import replace

    with pytest.raises(UsageError, match="takes 96x64 pictures"):
        OnnxTeacher(replace(square, width=96), CLASSES)

from __future__ import annotations

from pathlib import Path

import torch
from made_shapes import Shapes

from edgecv.distillation.student import new_student
from edgecv.models.student_weights import norms_of
from edgecv.recipe import DistillSettings
from edgecv.training.learner import digest_of


def settings(**changes: object) -> DistillSettings:
    values = {"student": "squeezenet1_1", "width": 0.25, "neck": 16, **changes}
    return DistillSettings.model_validate(values)


def test_it_is_what_the_settings_name_with_the_classes_of_the_pictures() -> None:
    model, told = new_student(settings(activation="silu", head_convs=3), Shapes(2), 64)
    assert model.config == ("squeezenet1_1", 0.25, 16, 3, "silu", 2)
    assert told.startswith("all weights are new")


def test_its_weights_follow_from_the_seed() -> None:
    first, again = (new_student(settings(), Shapes(2), 64)[0] for _ in range(2))
    other, _ = new_student(settings(train={"seed": 1}), Shapes(2), 64)
    assert digest_of(first) == digest_of(again) != digest_of(other)


def test_a_whole_squeezenet_takes_its_statistics_from_the_pictures(shared: Path) -> None:
    weights = str(shared / "data" / "weights" / "squeezenet1_1_imagenet.safetensors")
    model, told = new_student(settings(width=1, backbone_weights=weights), Shapes(3), 64)
    assert told.startswith("backbone: 50 of 140 tensors")
    assert all((norm.running_var != 1).any() for norm in norms_of(model.backbone.backbone))
    images = torch.stack(
        [torch.from_numpy(Shapes(3).picture(i).image).permute(2, 0, 1).float() for i in range(3)]
    )
    with torch.no_grad():
        training = model.train().backbone.backbone(images)
        evaluated = model.eval().backbone.backbone(images)
    for first, second in zip(training, evaluated, strict=True):
        torch.testing.assert_close(first, second, rtol=2e-2, atol=2e-2 * float(second.max()))

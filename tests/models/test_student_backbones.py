from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from edgecv.models.csp import ACTIVATIONS
from edgecv.models.student_backbones import BACKBONES, Backbone


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("width", [0.25, 1.0])
def test_features_halve_from_stride_to_stride(name: str, width: float) -> None:
    backbone = Backbone(name, width, "relu").eval()
    with torch.no_grad():
        features = backbone(torch.zeros(2, 3, 64, 96))
    assert [tuple(feature.shape[2:]) for feature in features] == [(8, 12), (4, 6), (2, 3)]
    assert tuple(feature.shape[1] for feature in features) == backbone.channels
    assert all(channels % 8 == 0 for channels in backbone.channels)
    assert backbone.training is False
    assert Backbone(name, width, "relu").training


@pytest.mark.parametrize(
    ("name", "last"),
    [("mobilenet_v2", 320), ("mobilenet_v3_small", 96), ("mobilenet_v3_large", 160)],
)
def test_a_mobilenet_is_torchvisions_but_for_what_serves_its_classifier(
    name: str, last: int
) -> None:
    backbone, whole = Backbone(name, 1.0, "relu"), getattr(models, name)()
    theirs = {f"features.{key}": v.shape for key, v in whole.features[:-1].state_dict().items()}
    assert {key: value.shape for key, value in backbone.state_dict().items()} == theirs
    assert backbone.channels[2] == last


def test_a_squeezenet_keeps_the_places_of_torchvisions_layers() -> None:
    ours, theirs = Backbone("squeezenet1_1", 1.0, "relu"), models.squeezenet1_1()
    convs = {
        name.replace(".conv", ""): module.weight.shape
        for name, module in ours.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    of_theirs = {
        name: module.weight.shape
        for name, module in theirs.named_modules()
        if isinstance(module, nn.Conv2d) and name.startswith("features.")
    }
    assert {name: convs[name] for name in of_theirs} == of_theirs
    assert {name.partition(".")[2].split(".")[0] for name in convs.keys() - of_theirs.keys()} == {
        "14"
    }


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_activation_stands_everywhere_but_in_gates(name: str, activation: str) -> None:
    backbone = Backbone(name, 0.25, activation)
    found = {
        type(module)
        for path, module in backbone.named_modules()
        if type(module).__module__ == "torch.nn.modules.activation" and not _in_gate(path, backbone)
    }
    assert found == {ACTIVATIONS[activation]}


def _in_gate(path: str, backbone: nn.Module) -> bool:
    parents = [path.rsplit(".", depth)[0] for depth in range(1, path.count(".") + 1)]
    return any("SqueezeExcitation" in type(backbone.get_submodule(p)).__name__ for p in parents)

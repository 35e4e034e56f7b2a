from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from made_shapes import small_network
from torch import nn

from edgecv.models.detector import Detector, build
from edgecv.models.students import StudentConfig
from edgecv.pruning.groups import Graph, cut, silence


def spread(model: Detector) -> Detector:
    """The network in eval mode, its norms as if it had been trained: no two channels alike."""
    torch.manual_seed(1)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.running_mean is not None
                assert layer.running_var is not None
                for tensor in (layer.running_mean, layer.bias):
                    tensor.normal_(0, 0.1)
                for tensor in (layer.running_var, layer.weight):
                    tensor.uniform_(0.5, 1.5)
    return model.eval()


STUDENTS = {
    "mobilenet_v2": "relu",
    "mobilenet_v3_small": "hardswish",
    "squeezenet1_1": "silu",
}


def network(name: str) -> Detector:
    if name == "yolox":
        return spread(small_network())
    return spread(build(StudentConfig(name, 0.25, 16, 1, STUDENTS[name], 2)))


@pytest.mark.parametrize("name", ["yolox", *STUDENTS])
def test_a_cut_network_answers_as_one_whose_channels_are_silent(name: str) -> None:
    model = network(name)
    draw = np.random.default_rng(0)
    graph = Graph(copy.deepcopy(model))
    gone = {
        group.name: sorted(draw.choice(group.width, group.width // 2, replace=False).tolist())
        for group in graph.groups()
    }
    smaller = cut(model, gone).eval()
    for group, channels in gone.items():
        silence(graph, group, channels)
    pictures = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        for level, expected in zip(smaller(pictures), graph.model(pictures), strict=True):
            for one, other in zip(level, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    count = sum(p.numel() for p in smaller.parameters())
    assert count < 0.5 * sum(p.numel() for p in model.parameters())


def test_every_conv_but_the_predictions_is_cut_by_one_group() -> None:
    model = small_network()
    makers = [conv for group in Graph(model).groups() for conv in group.outputs]
    convs = {name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
    assert len(makers) == len(set(makers))
    assert convs - {*makers} == {
        f"head.{kind}_preds.{level}" for kind in ("cls", "reg", "obj") for level in range(3)
    }


def test_groups_say_which_convs_they_change_and_how_often() -> None:
    groups = {group.name: group for group in Graph(small_network()).groups()}
    stem = groups["backbone.backbone.stem.conv.conv"]
    # the depthwise conv behind it goes along, the pointwise after that reads less
    assert [*stem.outputs] == [stem.name, "backbone.backbone.dark2.0.dconv.conv"]
    assert stem.inputs == {"backbone.backbone.dark2.0.pconv.conv": 1}
    assert stem.width == 8
    # a spatial pyramid gives the same channels four times
    pyramid = groups["backbone.backbone.dark5.1.conv1.conv"]
    assert pyramid.inputs == {"backbone.backbone.dark5.1.conv2.conv": 4}
    # what is added has to have the same channels
    added = groups["backbone.backbone.dark3.1.conv1.conv"].outputs
    assert {f"backbone.backbone.dark3.1.m.{i}.conv2.pconv.conv" for i in range(3)} < {*added}


def test_the_network_stays_as_it_was() -> None:
    model = small_network().train().requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    graph = Graph(model)
    smaller = cut(model, {graph.groups()[0].name: [0, 1]})
    assert model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert smaller.get_submodule("backbone.backbone.stem.conv.conv").out_channels == 6


def test_nothing_to_cut_leaves_all() -> None:
    model = small_network()
    first = Graph(model).groups()[0].name
    for gone in ({}, {first: []}):
        same = cut(model, gone).state_dict()
        for name, value in model.state_dict().items():
            assert torch.equal(value, same[name])

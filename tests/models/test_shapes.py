from __future__ import annotations

import pytest
import torch
from made_shapes import small_network
from torch import nn

from edgecv.errors import WeightsError
from edgecv.models.shapes import answers, narrow
from edgecv.models.yolox import Yolox, YoloxConfig
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.pruning.groups import Graph, cut
from edgecv.training.transfer import for_classes


def pruned() -> Yolox:
    """A small network of whose every group another number of channels is gone."""
    model = small_network()
    gone = {
        group.name: range(1 + number % (group.width // 2))
        for number, group in enumerate(Graph(model).groups())
    }
    smaller = cut(model, gone)
    assert isinstance(smaller, Yolox)
    return smaller.eval()


def test_a_pruned_state_loads_into_a_network_that_answers_the_same() -> None:
    model = pruned()
    loaded = yolox_from_state(model.state_dict(), "pruned")
    pictures = torch.rand(2, 3, 64, 96) * 255
    for level, expected in zip(loaded(pictures), model(pictures), strict=True):
        for one, other in zip(level, expected, strict=True):
            assert torch.equal(one, other)


def test_layers_know_their_new_shapes() -> None:
    loaded = yolox_from_state(pruned().state_dict(), "pruned")
    for layer in loaded.modules():
        if isinstance(layer, nn.Conv2d):
            inside = layer.in_channels // layer.groups
            assert layer.weight.shape[:2] == (layer.out_channels, inside)
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert len(layer.weight) == len(layer.running_mean) == layer.num_features


def test_a_pruned_network_is_trained_for_other_classes() -> None:
    model = pruned()
    wider, told = for_classes(model, ("square", "disc"), ("disc", "ring", "square"), seed=0)
    assert told.endswith("2 of 3 classes known by name, new: ring")
    assert wider.head.cls_preds[0].weight.shape[1] == model.head.cls_preds[0].weight.shape[1]
    old, new = model.head.cls_preds[1].weight, wider.head.cls_preds[1].weight
    assert torch.equal(new[[2, 0]], old[[0, 1]])


def test_a_state_of_the_same_shapes_changes_nothing() -> None:
    model = small_network()
    before = {name: id(value) for name, value in model.named_parameters()}
    narrow(model, model.state_dict())
    narrow(model, {})
    assert {name: id(value) for name, value in model.named_parameters()} == before


@pytest.mark.parametrize("shape", [(17, 8, 1, 1), (8, 8, 3, 3), (0, 8, 1, 1), (8, 8)], ids=str)
def test_what_is_no_narrower_is_refused(shape: tuple[int, ...]) -> None:
    name = "backbone.backbone.dark2.1.conv1.conv.weight"
    with pytest.raises(ValueError, match=r"dark2\.1\.conv1\.conv\.weight is .*fewer channels"):
        narrow(small_network(), {name: torch.zeros(shape)})


def test_a_depthwise_conv_stays_depthwise() -> None:
    model = small_network()
    conv = model.get_submodule("backbone.backbone.dark2.0.dconv.conv")
    name = "backbone.backbone.dark2.0.dconv.conv.weight"
    narrow(model, {name: torch.zeros(5, 1, 3, 3)})
    assert (conv.groups, conv.in_channels, conv.out_channels) == (5, 5, 5)
    with pytest.raises(ValueError, match="fewer channels"):
        narrow(model, {name: torch.zeros(5, 3, 3, 3)})


def test_layers_that_do_not_fit_together_are_told() -> None:
    with torch.device("meta"):
        model = Yolox(YoloxConfig(8, 1, True, 2)).eval()
        assert answers(model)
        narrow(model, {"head.stems.0.conv.weight": torch.zeros(16, 32, 1, 1)})
        assert not answers(model)


def test_weights_of_several_networks_are_refused_as_those_of_none() -> None:
    state = {**small_network().state_dict()}
    name = "head.stems.0.conv.weight"
    state[name] = state[name][:16]
    with pytest.raises(WeightsError, match=r"here: not the weights of a YOLOX.*stems\.0\.conv"):
        yolox_from_state(state, "here")

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.transforms import Normalize

from edgecv.errors import WeightsError
from edgecv.models.student_backbones import Backbone
from edgecv.models.student_weights import (
    check_backbone,
    find_backbone_weights,
    keep_answers,
    load_backbone,
    norms_of,
)

MOBILENETS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")


def made(name: str) -> nn.Module:
    """torchvision's classifier with random weights, and norms that have seen something."""
    torch.manual_seed(1)
    network: nn.Module = getattr(models, name)()
    for norm in norms_of(network):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.2)
    return network.eval()


def written(network: nn.Module, path: Path) -> Path:
    safetensors.torch.save_file(network.state_dict(), path)
    return path


def pictures() -> Tensor:
    torch.manual_seed(2)
    return torch.randint(0, 256, (2, 3, 64, 64)).float()


def as_trained(bgr: Tensor) -> Tensor:
    return Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(bgr.flip(1) / 255)


@pytest.mark.parametrize("name", MOBILENETS)
def test_the_first_conv_takes_pixels_as_torchvisions_takes_normalised_ones(
    name: str, tmp_path: Path
) -> None:
    theirs = made(name)
    ours = Backbone(name, 1.0, "relu").eval()
    told = load_backbone(ours, written(theirs, tmp_path / "w.safetensors"), name)
    conv, norm = theirs.features[0][0], theirs.features[0][1]
    images = pictures()
    with torch.no_grad():
        found = ours.features[0][1](ours.features[0][0](images))
        expected = norm(conv(as_trained(images)))
        # the border: there the picture goes on in black, not in the mean colour
        black = nn.functional.pad(images, (1, 1, 1, 1))
        conv.padding = (0, 0)
        everywhere = norm(conv(as_trained(black)))
    torch.testing.assert_close(found[..., 1:, 1:], expected[..., 1:, 1:], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found, everywhere, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, expected, atol=1e-2)
    assert "0 new" in told
    # all behind it is as it was
    for key, value in theirs.features[1:-1].state_dict().items():
        assert torch.equal(ours.state_dict()[f"features.{key}"], value), key


def test_the_first_convs_weights_keep_their_size(tmp_path: Path) -> None:
    theirs, ours = made("mobilenet_v2"), Backbone("mobilenet_v2", 1.0, "relu")
    load_backbone(ours, written(theirs, tmp_path / "w.safetensors"), "mobilenet_v2")
    ratio = ours.features[0][0].weight.norm() / theirs.features[0][0].weight.norm()
    assert ratio.item() == pytest.approx(1, rel=0.05)


def test_a_squeezenet_answers_as_torchvisions_with_padded_convs_and_pools(tmp_path: Path) -> None:
    theirs = made("squeezenet1_1")
    ours = Backbone("squeezenet1_1", 1.0, "relu").eval()
    told = load_backbone(ours, written(theirs, tmp_path / "w.safetensors"), "squeezenet1_1")
    for layer in theirs.features:
        if isinstance(layer, nn.MaxPool2d):
            layer.padding, layer.ceil_mode = 1, False
    theirs.features[0].padding = (0, 0)
    images = pictures()
    with torch.no_grad():
        expected = theirs.features(as_trained(nn.functional.pad(images, (1, 1, 1, 1))))
        found = ours(images)[1]  # stride 16: the last that torchvision has
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.max()))
    assert told.startswith("backbone: 50 of 140 tensors from w.safetensors, 90 new")


def test_a_narrower_backbone_takes_the_first_channels_and_says_so(tmp_path: Path) -> None:
    theirs = made("mobilenet_v2")
    ours = Backbone("mobilenet_v2", 0.5, "relu")
    told = load_backbone(ours, written(theirs, tmp_path / "w.safetensors"), "mobilenet_v2")
    mine, its = ours.features[4].conv[0][0].weight, theirs.features[4].conv[0][0].weight
    assert torch.equal(mine, its[: len(mine), : mine.shape[1]])
    assert "the first channels of" in told
    assert "0 new" in told


def test_a_narrower_fire_reads_the_first_channels_of_both_halves(tmp_path: Path) -> None:
    theirs, ours = made("squeezenet1_1"), Backbone("squeezenet1_1", 0.5, "relu")
    load_backbone(ours, written(theirs, tmp_path / "w.safetensors"), "squeezenet1_1")
    mine, its = ours.features[4].squeeze.conv.weight, theirs.features[4].squeeze.weight
    each = mine.shape[1] // 2
    assert torch.equal(mine[:, :each], its[: len(mine), :each])
    assert torch.equal(mine[:, each:], its[: len(mine), 64 : 64 + each])
    stem = ours.features[3].squeeze.conv.weight  # which reads one half: there was no Fire before it
    assert torch.equal(stem, theirs.features[3].squeeze.weight[: len(stem), : stem.shape[1]])


def test_a_wider_backbone_starts_from_scratch(tmp_path: Path) -> None:
    path = written(made("squeezenet1_1"), tmp_path / "w.safetensors")
    ours = Backbone("squeezenet1_1", 2.0, "relu")
    before = ours.features[0].conv.weight.clone()
    assert load_backbone(ours, path, "squeezenet1_1").startswith("backbone: 0 of 140")
    assert torch.equal(ours.features[0].conv.weight, before)


def test_statistics_of_pictures_change_no_answer_and_make_training_give_the_same(
    tmp_path: Path,
) -> None:
    path = written(made("squeezenet1_1"), tmp_path / "w.safetensors")
    backbone, images = Backbone("squeezenet1_1", 1.0, "relu"), pictures()
    load_backbone(backbone, path, "squeezenet1_1")
    with torch.no_grad():
        before = backbone.eval()(images)
        normalised = copy.deepcopy(backbone).train()(images)
        keep_answers(backbone.train(), images)
        assert backbone.training
        after = backbone.eval()(images)
        training = backbone.train()(images)
    for first, second, third, far in zip(before, after, training, normalised, strict=True):
        near = 1e-2 * float(first.max())
        torch.testing.assert_close(second, first, rtol=1e-2, atol=near)
        torch.testing.assert_close(third, first, rtol=1e-2, atol=near)
        assert not torch.allclose(far, first, rtol=1e-2, atol=near)


def test_real_imagenet_weights_fit(shared: Path) -> None:
    folder = shared / "data" / "weights"
    for name, file in (
        ("mobilenet_v2", "mobilenet_v2_features_imagenet.safetensors"),
        ("squeezenet1_1", "squeezenet1_1_imagenet.safetensors"),
    ):
        check_backbone(folder / file, name)
        told = load_backbone(Backbone(name, 0.35, "relu"), folder / file, name)
        assert file in told


def test_weights_of_another_network_or_none_are_refused_in_a_line(tmp_path: Path) -> None:
    path = written(made("squeezenet1_1"), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"not the weights of torchvision's mobilenet_v2: 255"):
        load_backbone(Backbone("mobilenet_v2", 1.0, "relu"), path, "mobilenet_v2")
    with pytest.raises(WeightsError, match="missing"):
        check_backbone(path, "mobilenet_v3_small")
    assert find_backbone_weights(str(path), "squeezenet1_1") == path
    with pytest.raises(WeightsError, match=r"backbone_weights: no file nowhere\.pth; expected"):
        find_backbone_weights("nowhere.pth", "squeezenet1_1")

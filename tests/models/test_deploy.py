from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgecv.models.checkpoint import write_checkpoint
from edgecv.models.deploy import Deployed, anchor_points, fold_batch_norm, load_deployed
from edgecv.models.onnx_heads import decode, grid
from edgecv.models.yolox import Yolox, YoloxConfig

SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


def trained() -> Yolox:
    """Batch norms that do something: statistics and scales away from 0 and 1."""
    torch.manual_seed(0)
    model = Yolox(SMALL).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
    return model


def pictures(count: int) -> torch.Tensor:
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (count, 64, 96, 3), np.uint8))


def test_folding_changes_nothing_but_rounding_and_leaves_the_model_as_it_was() -> None:
    model = trained()
    images = pictures(1).float().permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        before = model(images)
        after = fold_batch_norm(model)(images)
        again = model(images)
    for old, new, same in zip(before, after, again, strict=True):
        for name in ("boxes", "objectness", "classes"):
            torch.testing.assert_close(getattr(new, name), getattr(old, name), rtol=1e-4, atol=1e-4)
            assert torch.equal(getattr(same, name), getattr(old, name))


def test_no_batch_norm_is_left_after_folding() -> None:
    kinds = {type(module) for module in fold_batch_norm(trained()).modules()}
    assert nn.BatchNorm2d not in kinds


@pytest.mark.parametrize("count", [1, 3])
def test_the_deployed_network_decodes_as_the_reference(count: int) -> None:
    model, images = trained(), pictures(count)
    with torch.inference_mode():
        boxes, scores = Deployed(model, 64, 96)(images)
        levels = model(images.float().permute(0, 3, 1, 2))
    rows = [
        torch.cat([x.boxes, x.objectness.sigmoid(), x.classes.sigmoid()], 1).flatten(2)
        for x in levels
    ]
    output = torch.cat(rows, dim=2).transpose(1, 2).numpy()
    expected = decode(output, "yolox", 64, 96)
    np.testing.assert_allclose(boxes, expected[0], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(scores, expected[1], atol=1e-4)


def test_anchor_points_are_those_of_the_reference() -> None:
    points, strides = anchor_points(64, 96)
    np.testing.assert_array_equal(points, grid(64, 96)[0])
    np.testing.assert_array_equal(strides, grid(64, 96)[1])


def test_a_bundle_file_becomes_a_network(tmp_path: Path) -> None:
    model = trained()
    write_checkpoint(tmp_path / "weights.safetensors", model.state_dict())
    network = load_deployed(tmp_path / "weights.safetensors", 64, 96)
    assert not network.training
    with torch.inference_mode():
        for found, expected in zip(
            network(pictures(1)), Deployed(model, 64, 96)(pictures(1)), strict=True
        ):
            assert torch.equal(found, expected)

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from edgecv.bundle import InputSpec
from edgecv.data.pictures import read_picture
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.csp import SpatialPyramid
from edgecv.models.yolox import VARIANTS, Yolox, YoloxConfig, variant_name
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.runtime.preprocess import letterbox

SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


def test_official_weights_answer_as_the_official_graph_on_photos(shared: Path) -> None:
    weights = shared / "data" / "weights"
    model = yolox_from_state(read_checkpoint(weights / "yolox_nano.pth"), "nano")
    reference = ort.InferenceSession(weights / "yolox_nano_coco_416.onnx")
    photos = sorted((shared / "data" / "photos" / "coco38").rglob("*.jpg"))[:4]
    assert len(photos) == 4
    for photo in photos:
        picture, _ = letterbox(read_picture(photo), InputSpec(width=416, height=416))
        planes = picture.transpose(2, 0, 1)[None].astype(np.float32)
        (expected,) = reference.run(None, {"images": planes})
        with torch.inference_mode():
            levels = model(torch.from_numpy(planes))
        found = torch.cat(
            [
                torch.cat([x.boxes, x.objectness.sigmoid(), x.classes.sigmoid()], 1).flatten(2)
                for x in levels
            ],
            dim=2,
        )
        assert np.abs(found.transpose(1, 2).numpy() - expected).max() < 1e-3


def test_official_weights_have_the_keys_of_the_model_in_its_order(shared: Path) -> None:
    state = read_checkpoint(shared / "data" / "weights" / "yolox_nano.pth")
    with torch.device("meta"):
        model = Yolox(YoloxConfig(*VARIANTS["yolox_nano"], classes=80))
    assert list(state) == list(model.state_dict())
    assert len(state) == 642


@pytest.mark.parametrize(
    ("name", "size", "millions", "gflops"),
    # Ge et al. 2021, tables 3 and 6, and the authors' model zoo
    [
        ("yolox_nano", 416, 0.91, 1.08),
        ("yolox_tiny", 416, 5.06, 6.45),
        ("yolox_s", 640, 9.0, 26.8),
        ("yolox_m", 640, 25.3, 73.8),
    ],
)
def test_variants_have_the_published_size(
    name: str, size: int, millions: float, gflops: float
) -> None:
    with torch.device("meta"):
        model = Yolox(YoloxConfig(*VARIANTS[name], classes=80)).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 3, size, size))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    # theirs count norms and activations too
    assert counter.get_total_flops() / 1e9 == pytest.approx(gflops, rel=0.05)


@pytest.mark.parametrize("batch", [1, 3])
def test_levels_are_grids_of_strides_8_16_32(batch: int) -> None:
    levels = Yolox(SMALL)(torch.zeros(batch, 3, 64, 96))
    grids = [(8, 12), (4, 6), (2, 3)]
    assert [tuple(level.boxes.shape) for level in levels] == [(batch, 4, *g) for g in grids]
    assert [tuple(level.objectness.shape) for level in levels] == [(batch, 1, *g) for g in grids]
    assert [tuple(level.classes.shape) for level in levels] == [(batch, 3, *g) for g in grids]


def test_training_reaches_every_parameter() -> None:
    model = Yolox(SMALL).train()
    levels = model(torch.rand(2, 3, 64, 64))
    sum(part.square().sum() for level in levels for part in level).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_pooling_three_times_is_pooling_over_5_9_and_13() -> None:
    block = SpatialPyramid(4).eval()
    x = torch.randn(1, 4, 20, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        inner = block.conv1(x)
        pools = [functional.max_pool2d(inner, k, 1, k // 2) for k in (5, 9, 13)]
        expected = block.conv2(torch.cat([inner, *pools], dim=1))
        assert torch.equal(block(x), expected)


def test_a_variant_is_named_whatever_its_classes() -> None:
    assert [variant_name(YoloxConfig(*v, classes=7)) for v in VARIANTS.values()] == list(VARIANTS)
    assert variant_name(SMALL) == "yolox"

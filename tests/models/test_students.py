from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgecv.bundle import InputSpec, ModelSpec
from edgecv.engines.onnxruntime import open_call
from edgecv.models.csp import ACTIVATIONS
from edgecv.models.deploy import Deployed, fold_batch_norm
from edgecv.models.export_torch import WRAPPER, export_onnx, infer_torch
from edgecv.models.onnx_write import write_graph
from edgecv.models.parity import check_parity, parity
from edgecv.models.student_backbones import BACKBONES
from edgecv.models.students import Student, StudentConfig
from edgecv.training.transfer import new_network_of


def small(backbone: str, activation: str = "relu", **changes: int) -> Student:
    values = {"neck": 16, "head_convs": 1, "classes": 3, **changes}
    config = StudentConfig(backbone, width=0.25, activation=activation, **values)
    model = new_network_of(config, seed=0)
    assert isinstance(model, Student)
    return seen(model)


def seen(model: Student) -> Student:
    """With statistics of norms that some pictures left, so that folding them is no formality."""
    torch.manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            model.train()(255 * torch.rand(2, 3, 64, 64))
    return model.eval()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_student_answers_on_three_levels_of_any_multiple_of_32(backbone: str) -> None:
    with torch.no_grad():
        levels = small(backbone)(torch.zeros(2, 3, 64, 96))
    assert [tuple(level.boxes.shape) for level in levels] == [
        (2, 4, 8, 12), (2, 4, 4, 6), (2, 4, 2, 3),
    ]  # fmt: skip
    assert [level.classes.shape[1] for level in levels] == [3, 3, 3]
    assert [level.objectness.shape[1] for level in levels] == [1, 1, 1]


def test_neck_and_head_have_the_width_and_the_depth_that_were_asked_for() -> None:
    model = small("mobilenet_v3_small", neck=24, head_convs=3)
    assert [lateral.conv.out_channels for lateral in model.backbone.laterals] == [24] * 3
    assert [len(branch) for branch in model.head.cls_convs] == [3] * 3
    assert model.head.reg_preds[0].in_channels == 24


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folded_norms_change_no_answer(backbone: str) -> None:
    model = small(backbone)
    folded = fold_batch_norm(model)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    images = 255 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(model(images), folded(images), strict=True):
            for first, second in zip(ours, theirs, strict=True):
                torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "activation"),
    [*((name, "relu") for name in BACKBONES), *(("mobilenet_v3_small", a) for a in ACTIVATIONS)],
)
def test_its_graph_answers_as_it_does(backbone: str, activation: str, tmp_path: Path) -> None:
    network = Deployed(small(backbone, activation), 64, 64)
    graph = export_onnx(network, 64, 64, batch=1, opset=17)
    written = write_graph(graph, tmp_path / "s.onnx", simplify=True, drop_prefix=WRAPPER)
    spec = ModelSpec(
        name=backbone, class_names=("a", "b", "c"), input=InputSpec(width=64, height=64, batch=1)
    )
    answer = open_call(tmp_path / "s.onnx", spec, threads=1, requests=1)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64, 3), np.uint8)
    check_parity(parity(infer_torch(network), answer, list(pictures)), backbone)
    kinds = {node.op_type for node in written.graph.node}
    assert kinds <= {entry.name for entry in onnx.defs.get_all_schemas()}
    assert ("HardSwish" in kinds) == (activation == "hardswish")

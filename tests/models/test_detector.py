from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from edgecv.errors import WeightsError
from edgecv.models.checkpoint import NOTHING, About, read_about, write_checkpoint
from edgecv.models.detector import (
    architecture_of,
    build,
    detector_from_state,
    name_of,
    read_detector,
)
from edgecv.models.students import Student, StudentConfig
from edgecv.models.yolox import VARIANTS, Yolox, YoloxConfig

NANO = YoloxConfig(*VARIANTS["yolox_nano"], classes=2)
STUDENT = StudentConfig("mobilenet_v3_small", 0.25, 16, 1, "hardswish", 2)


@pytest.mark.parametrize(("config", "kind"), [(NANO, Yolox), (STUDENT, Student)])
def test_a_network_is_read_as_it_was_written(config: Any, kind: type, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build(config).eval()
    assert isinstance(model, kind)
    about = About(("a", "b"), 64, architecture_of(config))
    write_checkpoint(tmp_path / "w.safetensors", model.state_dict(), about)
    assert read_about(tmp_path / "w.safetensors") == about
    found = read_detector(tmp_path / "w.safetensors")
    assert found.config == config
    assert not found.training
    images = 255 * torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(model(images), found(images), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_networks_have_the_name_of_their_variant_or_backbone() -> None:
    assert name_of(NANO) == "yolox_nano"
    assert name_of(STUDENT) == "mobilenet_v3_small"
    assert architecture_of(NANO) is None


def test_a_pruned_student_is_read_with_the_channels_that_it_has_left() -> None:
    model = build(STUDENT)
    state = dict(model.state_dict())
    for branch in ("cls_convs", "reg_convs"):
        for part in ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
            state[f"head.{branch}.0.0.{part}"] = state[f"head.{branch}.0.0.{part}"][:8]
    for name in ("cls_preds", "reg_preds", "obj_preds"):
        state[f"head.{name}.0.weight"] = state[f"head.{name}.0.weight"][:, :8]
    found = detector_from_state(state, architecture_of(STUDENT), "pruned")
    assert found.head.cls_convs[0][0].conv.out_channels == 8
    with torch.no_grad():
        assert found(torch.zeros(1, 3, 32, 32))[0].classes.shape == (1, 2, 4, 4)
    state["head.reg_preds.0.weight"] = model.state_dict()["head.reg_preds.0.weight"]
    with pytest.raises(WeightsError, match="do not fit together"):
        detector_from_state(state, architecture_of(STUDENT), "pruned")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"backbone": "resnet50"}, r"\(backbone\)"),
        ({"width": 3.0, "neck": 0}, r"\(width, neck\)"),
        ({"width": "wide"}, r"\(width\)"),
        ({"activation": "gelu"}, r"\(activation\)"),
        ({"classes": -1}, r"\(classes\)"),
        ({"depth": 3}, r"\(depth\)"),
    ],
)
def test_an_architecture_that_is_none_of_ours_is_refused(change: dict[str, Any], told: str) -> None:
    said = {**STUDENT._asdict(), **change}
    with pytest.raises(WeightsError, match=f"w.safetensors: what it says .* {told}"):
        detector_from_state({}, said, "w.safetensors")


def test_weights_of_another_student_are_refused() -> None:
    wide = build(STUDENT._replace(width=0.5)).state_dict()
    with pytest.raises(WeightsError, match=r"not the weights of (its|the) mobilenet_v3_small"):
        detector_from_state(wide, architecture_of(STUDENT), "w.safetensors")
    state = build(STUDENT).state_dict()
    state.pop("head.cls_preds.0.bias")
    with pytest.raises(WeightsError, match=r"1 of \d+ keys missing \(head\.cls_preds\.0\.bias\)"):
        detector_from_state(state, architecture_of(STUDENT), "w.safetensors")


def test_a_file_that_says_nothing_usable_is_taken_for_a_yolox(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    import safetensors.torch

    state = build(NANO).state_dict()
    path.write_bytes(safetensors.torch.save(dict(state), {"architecture": '"mine"'}))
    assert read_about(path) == NOTHING
    assert isinstance(read_detector(path), Yolox)

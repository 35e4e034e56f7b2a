from __future__ import annotations

import pytest
import torch
from torch import Tensor

from edgecv.errors import WeightsError
from edgecv.models.yolox import VARIANTS, Yolox, YoloxConfig
from edgecv.models.yolox_weights import config_of, yolox_from_state

SMALL = YoloxConfig(channels=8, blocks=1, depthwise=True, classes=3)


def small_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Yolox(SMALL).state_dict()


@pytest.mark.parametrize("classes", [1, 6, 80])
@pytest.mark.parametrize("name", VARIANTS)
def test_shapes_tell_the_configuration(name: str, classes: int) -> None:
    config = YoloxConfig(*VARIANTS[name], classes=classes)
    with torch.device("meta"):
        assert config_of(Yolox(config).state_dict()) == config


def test_weights_are_loaded_as_they_are_and_the_model_is_in_eval_mode() -> None:
    state = small_state()
    model = yolox_from_state(state, "here")
    assert model.config == SMALL
    assert not model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key])


def test_half_precision_weights_become_float32() -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in small_state().items()}
    kinds = {p.dtype for p in yolox_from_state(state, "here").parameters()}
    assert kinds == {torch.float32}


def test_missing_keys_are_counted_and_the_first_are_named() -> None:
    state = small_state()
    for branch in range(3):
        del state[f"head.obj_preds.{branch}.weight"], state[f"head.obj_preds.{branch}.bias"]
    with pytest.raises(WeightsError) as caught:
        yolox_from_state(state, "w.pth")
    assert "w.pth: not the weights of a YOLOX: 6 of" in str(caught.value)
    assert "missing (head.obj_preds.0.weight, " in str(caught.value)
    assert str(caught.value).count("head.obj_preds") == 3


def test_unknown_keys_are_named() -> None:
    with pytest.raises(WeightsError, match=r"1 of \d+ keys unknown \(head\.extra\)"):
        yolox_from_state({**small_state(), "head.extra": torch.ones(1)}, "w.pth")


def test_differing_shapes_are_given_both_ways() -> None:
    state = {**small_state(), "head.cls_preds.2.bias": torch.ones(5)}
    with pytest.raises(WeightsError, match=r"head\.cls_preds\.2\.bias is \(5,\), expected \(3,\)"):
        yolox_from_state(state, "w.pth")


def test_another_architecture_shows_its_keys_and_those_expected() -> None:
    state = {f"features.{i}.0.weight": torch.ones(3, 3) for i in range(9)}
    with pytest.raises(WeightsError) as caught:
        yolox_from_state(state, "mobilenet.pth")
    assert "642 of 642 keys missing (backbone.backbone.stem.conv.conv.weight, " in str(caught.value)
    assert "9 of 9 keys unknown (features.0.0.weight, " in str(caught.value)


def test_an_empty_state_is_refused() -> None:
    with pytest.raises(WeightsError, match="642 of 642 keys missing"):
        yolox_from_state({}, "w.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    state = small_state()
    state["head.stems.0.conv.weight"][0] = value
    with pytest.raises(WeightsError, match=r"not finite, e\.g\. 'head\.stems\.0\.conv\.weight'"):
        yolox_from_state(state, "w.pth")

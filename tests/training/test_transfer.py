from __future__ import annotations

import pytest
import torch
from made_shapes import small_network

from edgecv.models.yolox import variant_name
from edgecv.training.transfer import for_classes, freeze, new_network, training_mode

HAD = ("person", "car", "dog")


def test_new_weights_follow_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = new_network("yolox_nano", 6, seed=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = new_network("yolox_nano", 6, seed=3)
    other = new_network("yolox_nano", 6, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert variant_name(again.config) == "yolox_nano"
    assert all(torch.equal(first[name], value) for name, value in again.state_dict().items())
    assert any(not torch.equal(first[name], value) for name, value in other.items())


def test_a_new_network_believes_in_one_object_of_a_hundred() -> None:
    model = new_network("yolox_nano", 6, seed=0).eval()
    for layers in (model.head.cls_preds, model.head.obj_preds):
        for name, value in layers.state_dict().items():
            if name.endswith("bias"):
                assert torch.allclose(value.sigmoid(), torch.tensor(0.01))


def test_the_same_classes_keep_all_weights() -> None:
    model = small_network(3)
    found, told = for_classes(model, HAD, list(HAD), seed=0)
    assert found is model
    assert told.startswith(f"all {len(model.state_dict())} tensors kept")


def test_known_classes_keep_their_weights_and_new_ones_start() -> None:
    model = small_network(3, seed=1)
    found, told = for_classes(model, HAD, ("bicycle", "Car"), seed=0)
    had, has = model.state_dict(), found.state_dict()
    assert found.config.classes == 2
    for name, value in has.items():
        if not name.startswith("head.cls_preds."):
            assert torch.equal(value, had[name]), name
            continue
        assert torch.equal(value[1], had[name][1])
        if name.endswith("bias"):
            assert float(value[0].sigmoid()) == pytest.approx(0.01)
    total = len(had)
    assert told == (
        f"{total - 6} of {total} tensors kept; class predictions (head.cls_preds) re-made: "
        "1 of 2 classes known by name, new: bicycle"
    )


def test_many_new_classes_are_named_in_part() -> None:
    _, told = for_classes(small_network(3), HAD, [f"part {i}" for i in range(9)], seed=0)
    assert told.endswith("0 of 9 classes known by name, new: part 0, part 1, part 2, part 3, ...")


@pytest.mark.parametrize(("part", "moves"), [("none", True), ("backbone", False)])
def test_a_frozen_backbone_has_no_gradient_and_its_norms_stand_still(
    part: str, moves: bool
) -> None:
    model = small_network()
    freeze(model, part)
    training_mode(model)
    before = {name: value.clone() for name, value in model.backbone.named_buffers()}
    sum(p.square().sum() for level in model(torch.rand(2, 3, 64, 64)) for p in level).backward()
    same = [torch.equal(value, before[name]) for name, value in model.backbone.named_buffers()]
    assert any(same) != moves
    assert all(same) != moves
    assert all((p.grad is not None) == moves for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.head.parameters())
    assert model.head.training

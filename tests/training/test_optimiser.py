from __future__ import annotations

import copy

import pytest
import torch
from made_shapes import quick, small_network

from edgecv.training.optimiser import make_optimiser, update_average
from edgecv.training.transfer import freeze


def test_weights_decay_and_biases_and_norms_do_not() -> None:
    model = small_network()
    decaying, free = make_optimiser(model, quick(weight_decay=0.1)).param_groups
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    convs = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    assert {id(p) for p in decaying["params"]} == {id(conv.weight) for conv in convs}
    assert len(decaying["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_what_is_frozen_is_left_out() -> None:
    model = small_network()
    freeze(model, "backbone")
    groups = make_optimiser(model, quick()).param_groups
    moved = {id(p) for group in groups for p in group["params"]}
    assert moved == {id(p) for p in model.head.parameters()}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_two_steps_are_those_of_the_formula(momentum: float) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    optimiser = make_optimiser(model, quick(momentum=momentum, weight_decay=0.01, lr=0.1))
    weight, velocity = 1.0, 0.0
    for step in range(2):
        model.weight.grad = torch.full((1, 1), 2.0)
        optimiser.step()
        gradient = 2.0 + 0.01 * weight
        velocity = gradient if step == 0 else momentum * velocity + gradient
        weight -= 0.1 * (gradient + momentum * velocity)
        assert model.weight.detach().item() == pytest.approx(weight)


def test_the_average_moves_by_its_decay_and_counts_are_copied() -> None:
    model = small_network()
    averaged = copy.deepcopy(model)
    before = {name: value.clone() for name, value in averaged.state_dict().items()}
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    update_average(averaged, model, 0.75)
    for name, value in averaged.state_dict().items():
        part = 0.25 if value.is_floating_point() else 1
        assert torch.allclose(value, before[name] + part), name

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_shapes import Shapes, small_network
from torch import nn

from edgecv.errors import UsageError
from edgecv.models.deploy import fold_batch_norm
from edgecv.pruning.groups import Graph
from edgecv.pruning.importance import MEASURES, add_gradients, importance
from edgecv.pruning.sensitivity import still_batches

# made by one conv, read by one: its importance is a mean of three terms
GROUP = "head.cls_convs.0.1.pconv.conv"


@pytest.fixture
def graph() -> Graph:
    return Graph(small_network())


def layer(graph: Graph, name: str) -> nn.Module:
    return graph.model.get_submodule(name)


def squares(weight: torch.Tensor, axis: int) -> np.ndarray:
    rows = weight.detach().double().numpy().swapaxes(0, axis)
    return (rows.reshape(len(rows), -1) ** 2).sum(axis=1)


def of(graph: Graph, by: str) -> np.ndarray:
    groups = [group for group in graph.groups() if group.name == GROUP]
    return importance(graph, groups, by)[GROUP]


def test_magnitude_is_the_squared_norm_over_all_layers_of_a_group(graph: Graph) -> None:
    made, norm = layer(graph, GROUP), layer(graph, "head.cls_convs.0.1.pconv.bn")
    read = layer(graph, "head.cls_preds.0")
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
    expected = (
        squares(made.weight, 0) + norm.weight.detach().double().numpy() ** 2
        + squares(read.weight, 1)
    )  # fmt: skip
    np.testing.assert_allclose(of(graph, "magnitude"), expected / expected.sum(), rtol=1e-5)


def test_bn_is_the_scale_of_the_norms(graph: Graph) -> None:
    norm = layer(graph, "head.cls_convs.0.1.pconv.bn")
    with torch.no_grad():
        norm.weight.uniform_(-1, 1)
    scale = norm.weight.detach().abs().double().numpy()
    np.testing.assert_allclose(of(graph, "bn"), scale / scale.sum(), rtol=1e-5)


def test_taylor_is_nothing_where_the_loss_does_not_look(graph: Graph) -> None:
    read = layer(graph, "head.cls_preds.0")
    made = layer(graph, GROUP)
    with torch.no_grad():
        read.weight[:, 3] = 0
        made.weight[3] = 0
        norm = layer(graph, "head.cls_convs.0.1.pconv.bn")
        norm.weight[3], norm.bias[3] = 0, 0
    add_gradients(graph, still_batches(Shapes(4), 64, 4))
    found = of(graph, "taylor")
    assert found.argmin() == 3
    assert found[3] == 0
    assert (np.delete(found, 3) > 0).all()


def test_gradients_are_those_of_the_network_as_it_is(graph: Graph) -> None:
    before = {name: value.clone() for name, value in graph.model.state_dict().items()}
    seen = still_batches(Shapes(4), 64, 4)
    add_gradients(graph, seen)
    once = [p.grad.clone() for p in graph.model.parameters() if p.grad is not None]
    add_gradients(graph, [*seen, *seen])
    twice = [p.grad for p in graph.model.parameters() if p.grad is not None]
    assert len(once) == len([*graph.model.parameters()])
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(two, 2 * one)
    for name, value in graph.model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("by", ["magnitude", "bn"])
def test_each_group_is_worth_one_in_all(graph: Graph, by: str) -> None:
    groups = graph.groups()
    found = importance(graph, groups, by)
    assert [*found] == [group.name for group in groups]
    for group in groups:
        assert found[group.name].shape == (group.width,)
        assert found[group.name].sum() == pytest.approx(1)


def test_channels_that_are_all_worth_nothing_are_alike(graph: Graph) -> None:
    with torch.no_grad():
        for parameter in graph.model.parameters():
            parameter.zero_()
    assert of(graph, "magnitude").tolist() == [1 / 32] * 32


def test_without_groups_there_is_nothing_to_say(graph: Graph) -> None:
    for by in MEASURES:
        assert importance(graph, [], by) == {}


def test_bn_needs_batch_norms() -> None:
    folded = Graph(fold_batch_norm(small_network()))
    with pytest.raises(UsageError, match=r"'bn' has nothing to go by in .*magnitude or taylor"):
        importance(folded, folded.groups(), "bn")

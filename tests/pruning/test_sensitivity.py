from __future__ import annotations

import numpy as np
import pytest
import torch
from made_shapes import Shapes, small_network

from edgecv.pruning.groups import Graph, cut
from edgecv.pruning.importance import importance
from edgecv.pruning.sensitivity import (
    LEAST,
    Sensitivity,
    mean_loss,
    sensitivity,
    still_batches,
    weighed,
)


def test_the_loss_is_that_of_a_network_that_was_really_cut() -> None:
    model = small_network()
    graph = Graph(model)
    groups = [group for group in graph.groups() if group.width == 32][:2]
    worth = importance(graph, groups, "magnitude")
    seen = still_batches(Shapes(4), 64, 4)
    before, found = sensitivity(graph, groups, worth, seen, (0.25, 0.5))
    assert before == mean_loss(Graph(small_network()), seen)
    for group, one in zip(groups, found, strict=True):
        assert (one.group, one.width) == (group.name, 32)
        order = np.argsort(worth[group.name], kind="stable")
        for gone, loss in zip((8, 16), one.losses, strict=True):
            smaller = Graph(cut(small_network(), {group.name: order[:gone].tolist()}))
            assert loss == pytest.approx(mean_loss(smaller, seen), rel=1e-4)


def test_the_network_is_the_same_afterwards() -> None:
    graph = Graph(small_network())
    groups = graph.groups()[:3]
    seen = still_batches(Shapes(2), 64, 2)
    sensitivity(graph, groups, importance(graph, groups, "bn"), seen, (0.5,))
    after = graph.model.state_dict()
    for name, value in small_network().state_dict().items():
        assert torch.equal(after[name], value)


def test_without_groups_there_is_only_the_loss() -> None:
    graph = Graph(small_network())
    before, found = sensitivity(graph, [], {}, still_batches(Shapes(2), 64, 2))
    assert np.isfinite(before)
    assert found == []


def test_the_same_pictures_for_whoever_asks_and_no_more_than_there_are() -> None:
    once, again = (still_batches(Shapes(20), 64, 12) for _ in range(2))
    assert [len(batch.images) for batch in once] == [8, 8]
    assert all(torch.equal(a.images, b.images) for a, b in zip(once, again, strict=True))
    assert [len(batch.images) for batch in still_batches(Shapes(3), 64, 12)] == [3]
    assert {batch.images.shape[-1] for batch in once} == {64}


def test_a_group_is_worth_what_the_loss_rises_without_half_of_it() -> None:
    worth = {"a": np.array([0.25, 0.75]), "b": np.array([0.5, 0.5])}
    found = [Sensitivity("a", 2, (3.0, 6.0)), Sensitivity("b", 2, (1.5, 1.9))]
    weights = weighed(worth, 2.0, found, 1)
    np.testing.assert_allclose(weights["a"], [1.0, 3.0])
    # cutting b helps: it is worth next to nothing, not less
    np.testing.assert_allclose(weights["b"], [LEAST, LEAST])

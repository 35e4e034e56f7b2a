"""Channels that can only go together: those of convs that are added, or that one conv reads."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch_pruning as tp
from torch import nn

from edgecv.models.detector import Detector

# side of the picture that is traced: the least that all strides divide twice
TRACED = 64

Pairs = Any  # torch-pruning's list of dependencies and the channels of each


class Group(NamedTuple):
    """Some convs' output channels, one of each cut at a time.

    Attributes:
        name: of the first conv that makes them.
        width: how many there are.
        outputs: by conv how many of its output channels go with one of the group.
        inputs: by conv how many of its input channels go with one; more than one where a conv
            reads the same channels several times, as behind a spatial pyramid.
    """

    name: str
    width: int
    outputs: Mapping[str, int]
    inputs: Mapping[str, int]


class Graph:
    """The dependencies among the layers of a network, which stays as it is.

    Args:
        model: on the CPU or a GPU.
    """

    def __init__(self, model: Detector) -> None:
        self.model = model
        self.names = {module: name for name, module in model.named_modules()}
        device = next(model.parameters()).device
        pictures = torch.zeros((1, 3, TRACED, TRACED), device=device)
        kept, training = [p.requires_grad for p in model.parameters()], model.training
        # the graph is read off autograd's
        model.eval().requires_grad_(True)
        self._graph = tp.DependencyGraph().build_dependency(model, example_inputs=pictures)
        model.train(training)
        for parameter, learns in zip(model.parameters(), kept, strict=True):
            parameter.requires_grad_(learns)

    def groups(self) -> list[Group]:
        """All that can be cut, in the order of the modules; predictions are not among them."""
        order = list(self.names.values())
        found = [self._group(pairs) for pairs in self._all()]
        return sorted(found, key=lambda group: order.index(group.name))

    def pairs(self, name: str, channels: Sequence[int] | None = None) -> Pairs:
        """torch-pruning's group of a conv's output channels: those given, or all."""
        conv = self.model.get_submodule(name)
        wanted = list(range(conv.out_channels)) if channels is None else list(channels)  # type: ignore[arg-type]
        return self._graph.get_pruning_group(conv, tp.prune_conv_out_channels, wanted)

    def _all(self) -> Iterator[Pairs]:
        head = self.model.head
        predictions = [*head.cls_preds, *head.reg_preds, *head.obj_preds]
        yield from self._graph.get_all_groups(
            ignored_layers=predictions, root_module_types=[nn.Conv2d]
        )

    def _group(self, pairs: Pairs) -> Group:
        name = self._first(pairs)
        width = self.model.get_submodule(name).out_channels
        counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for dependency, channels in self.pairs(name):
            layer = dependency.target.module
            if isinstance(layer, nn.Conv2d):
                side = counts[makes_channels(dependency)]
                side[self.names[layer]] += len(channels)
        outputs, inputs = (
            {conv: count // width for conv, count in counts[side].items()}  # type: ignore[operator]
            for side in (True, False)
        )
        return Group(name, width, outputs, inputs)  # type: ignore[arg-type]

    def _first(self, pairs: Pairs) -> str:
        """The first conv that makes the channels from others."""
        makers = {
            dependency.target.module
            for dependency, _ in pairs
            if isinstance(dependency.target.module, nn.Conv2d)
            and makes_channels(dependency)
            and dependency.target.module.groups == 1
        }
        return next(str(name) for module, name in self.names.items() if module in makers)


def makes_channels(dependency: Any) -> bool:
    """Whether a layer's outputs, and not its inputs alone, are cut."""
    return bool(dependency.handler.__name__ == "prune_out_channels")


def cut(model: Detector, channels: Mapping[str, Sequence[int]]) -> Detector:
    """A copy without some channels.

    Args:
        model: stays as it is.
        channels: by the name of a group which of them go.
    """
    smaller = copy.deepcopy(model)
    graph = Graph(smaller)
    for name, gone in channels.items():
        if len(gone):
            graph.pairs(name, gone).prune()
    for parameter in smaller.parameters():
        parameter.grad = None
    return smaller


Former = list[tuple[torch.Tensor, torch.Tensor]]


def silence(graph: Graph, name: str, channels: Sequence[int]) -> Former:
    """Set some channels of a group to zero: the network answers as if they were cut.

    Args:
        graph: of the network, which is changed.
        name: of the group.
        channels: to silence.

    Returns:
        What `restore` takes to undo it.
    """
    former: Former = []
    with torch.no_grad():
        for dependency, affected in graph.pairs(name, channels):
            layer = dependency.target.module
            if makes_channels(dependency) and isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                for parameter in (layer.weight, layer.bias):
                    if parameter is not None:
                        former.append((parameter, parameter.clone()))
                        parameter[affected] = 0
    return former


def restore(former: Former) -> None:
    """Give parameters their values back, the last that were changed first."""
    with torch.no_grad():
        for parameter, before in reversed(former):
            parameter.copy_(before)

"""What each channel of a group is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import torch_pruning as tp
from numpy.typing import NDArray

from edgecv.errors import UsageError
from edgecv.pruning.groups import Graph, Group
from edgecv.training.batches import Batch
from edgecv.training.losses import Loss, detection_loss

Floats = NDArray[np.float64]

# name in the recipe -> torch-pruning's measure, summed over the layers of a group
MEASURES = {
    # Li et al. 2017, "Pruning Filters for Efficient ConvNets"; by group Fang et al. 2023, DepGraph
    "magnitude": lambda: tp.importance.GroupMagnitudeImportance(p=2, normalizer=None),
    # Liu et al. 2017, "Learning Efficient Convolutional Networks through Network Slimming"
    "bn": lambda: tp.importance.BNScaleImportance(normalizer=None),
    # Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning"
    "taylor": lambda: tp.importance.GroupTaylorImportance(normalizer=None),
}


def importance(graph: Graph, groups: Sequence[Group], by: str) -> dict[str, Floats]:
    """(width,) of each group, by its name; 0 or more, and 1 in all.

    By `taylor` the model's gradients must be there (`add_gradients`).

    Raises:
        UsageError: `bn` on a group without batch norms.
    """
    measure = MEASURES[by]()
    found = {}
    for group in groups:
        values = measure(graph.pairs(group.name))
        if values is None:
            raise UsageError(
                f"prune.importance: '{by}' has nothing to go by in {group.name}, which has no "
                "batch norm behind it. Take magnitude or taylor"
            )
        worth = np.maximum(values.double().cpu().numpy(), 0.0)
        # of channels that are all worth nothing one is as good as another
        found[group.name] = worth / worth.sum() if worth.any() else worth + 1 / len(worth)
    return found


def add_gradients(graph: Graph, batches: Iterable[Batch], loss: Loss = detection_loss) -> None:
    """Put the gradient of the loss, summed over batches, into the model's parameters.

    Batch norms keep their statistics: what is judged is the network as it is.
    """
    model = graph.model.eval()
    model.zero_grad()
    device = next(model.parameters()).device
    for batch in batches:
        parts: Mapping[str, torch.Tensor] = loss(
            model, batch.images.to(device).float(), batch, False
        )
        torch.stack([*parts.values()]).sum().backward()  # type: ignore[no-untyped-call]

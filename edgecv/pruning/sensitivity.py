"""What cutting one group alone does to the loss, before any fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from edgecv.progress import bar
from edgecv.pruning.groups import Former, Graph, Group, restore, silence
from edgecv.pruning.importance import Floats
from edgecv.recipe import AugmentSettings, TrainSettings
from edgecv.training.batches import Batch, batches
from edgecv.training.losses import detection_loss
from edgecv.training.pictures import Pictures

HALF = 0.5
RATIOS = (0.25, HALF, 0.75)
# of the loss: so little is noise, and a group is worth something even where cutting it helps
LEAST = 0.002
BATCH = 8


class Sensitivity(NamedTuple):
    """The loss with parts of one group gone.

    Attributes:
        group: its name.
        width: its channels.
        losses: of the network at each ratio.
    """

    group: str
    width: int
    losses: tuple[float, ...]


def still_batches(pictures: Pictures, size: int, count: int) -> list[Batch]:
    """The same pictures for whoever asks, as a device sees them: `count`, or all if fewer."""
    unvaried = AugmentSettings(hue=0, saturation=0, value=0, flip=0, multiscale=0)
    batch = min(BATCH, count, len(pictures))
    # ten epochs, of which the last is plain
    settings = TrainSettings(epochs=10, batch=batch, workers=0, augment=unvaried)
    found: list[Batch] = []
    for one in batches(pictures, settings, size, epoch=9):
        found.append(one)
        if len(found) * batch >= min(count, len(pictures)):
            break
    return found


def mean_loss(graph: Graph, seen: Sequence[Batch]) -> float:
    """The loss of a network in eval mode, meant over batches."""
    model = graph.model.eval()
    device = next(model.parameters()).device
    found = []
    for batch in seen:
        with torch.no_grad():
            parts = detection_loss(model, batch.images.to(device).float(), batch, False)
        found.append(float(torch.stack([*parts.values()]).sum()))
    return float(np.mean(found))


def sensitivity(
    graph: Graph,
    groups: Sequence[Group],
    worth: Mapping[str, Floats],
    seen: Sequence[Batch],
    ratios: Sequence[float] = RATIOS,
) -> tuple[float, list[Sensitivity]]:
    """The loss of the whole network, and with each group alone cut by its least important channels.

    Args:
        graph: of the network, which stays as it is.
        groups: to cut in turn.
        worth: importance of their channels.
        seen: pictures to look at.
        ratios: shares of the channels to cut, ascending.
    """
    before = mean_loss(graph, seen)
    found = []
    with bar("sensitivity", len(groups)) as advance:
        for group in groups:
            order = np.argsort(worth[group.name], kind="stable")
            former, losses = Former(), []
            for ratio in ratios:
                # what is gone at one ratio is gone at the next
                gone = order[: round(ratio * group.width)].tolist()
                former += silence(graph, group.name, gone)
                losses.append(mean_loss(graph, seen))
            restore(former)
            found.append(Sensitivity(group.name, group.width, tuple(losses)))
            advance()
    return before, found


def weighed(
    worth: Mapping[str, Floats], before: float, found: Sequence[Sensitivity], at: int
) -> dict[str, Floats]:
    """Importance in units of the loss: of each group what it rises when half of the group is gone.

    Args:
        worth: 1 in all, of each group.
        before: loss of the whole network.
        found: of all groups.
        at: which of the losses is that with half gone.
    """
    rises = {one.group: max(one.losses[at] - before, LEAST * before) for one in found}
    return {name: values * rises[name] for name, values in worth.items()}

"""What moves the weights: SGD with Nesterov momentum, and the average of what it went through."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import SGD, Optimizer

from edgecv.recipe import TrainSettings


def make_optimiser(model: nn.Module, settings: TrainSettings) -> Optimizer:
    """SGD over what is not frozen; biases and the weights of norms do not decay.

    Source: Ge et al. 2021 (arXiv 2107.08430), section 2.1; He et al. 2019, "Bag of Tricks", 3.1.
    """
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
    nesterov = settings.momentum > 0
    return SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=nesterov, foreach=True)


@torch.no_grad()
def update_average(averaged: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics of norms towards those of the model.

    Args:
        averaged: a copy of the model; changed.
        decay: how much of it stays, in [0, 1]; counts are copied.
    """
    found = model.state_dict()
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            value.lerp_(found[name], 1 - decay)
        else:
            value.copy_(found[name])

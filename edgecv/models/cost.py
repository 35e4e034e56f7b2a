"""What a network in torch costs, as models/graph.py counts it in its exported graph."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def network_cost(model: nn.Module, side: int) -> tuple[int, int]:
    """Parameters and multiply-accumulates of a picture, of all convs; norms count as folded.

    Args:
        model: takes (B, 3, H, W).
        side: of the picture in pixels.
    """
    macs, parameters = 0, 0

    def count(conv: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs, parameters
        weight: Tensor = conv.weight  # type: ignore[assignment]
        parameters += weight.numel() + len(weight)
        macs += output[0].numel() * weight[0].numel()

    # shapes are all that is wanted
    shadow = copy.deepcopy(model).eval().to("meta")
    for module in shadow.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    shadow(torch.zeros((1, 3, side, side), device="meta"))
    return parameters, macs

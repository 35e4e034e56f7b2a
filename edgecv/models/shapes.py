"""Fit a freshly built network to weights of fewer channels: what pruning leaves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def narrow(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Cut the layers of a network to the shapes of a state dict, in place.

    Channels are cut from the end, which is the same for a network whose weights come from the
    state, or at random. Nothing happens to a layer whose shape is that of the state, or that the
    state does not hold.

    Args:
        model: as its configuration says; may lie on the meta device.
        state: by the names of the model.

    Raises:
        ValueError: naming a tensor that no narrower layer has.
    """
    for name, layer in model.named_modules():
        weight = state.get(f"{name}.weight")
        if weight is None or not isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            continue
        if weight.shape == layer.weight.shape:
            continue
        if not _is_narrower(weight.shape, layer.weight.shape) or not _narrow(layer, weight.shape):
            raise ValueError(
                f"{name}.weight is {tuple(weight.shape)}, expected {tuple(layer.weight.shape)} or "
                "fewer channels"
            )


def answers(model: nn.Module, side: int = 64) -> bool:
    """Whether the layers of a network on the meta device fit together: what one makes, one reads.

    Args:
        model: takes (B, 3, H, W).
        side: of the picture in pixels.
    """
    try:
        model(torch.zeros((1, 3, side, side), device="meta"))
    except (RuntimeError, ValueError):
        return False
    return True


def _is_narrower(shape: torch.Size, than: torch.Size) -> bool:
    return (
        len(shape) == len(than)
        and shape[2:] == than[2:]
        and all(0 < few <= many for few, many in zip(shape, than, strict=True))
    )


def _narrow(layer: nn.Conv2d | nn.BatchNorm2d, shape: torch.Size) -> bool:
    if isinstance(layer, nn.Conv2d):
        return _narrow_conv(layer, shape)
    layer.num_features = shape[0]
    layer.weight, layer.bias = _part(layer.weight, shape), _part(layer.bias, shape)
    for name in ("running_mean", "running_var"):
        setattr(layer, name, getattr(layer, name)[: shape[0]].clone())
    return True


def _narrow_conv(conv: nn.Conv2d, shape: torch.Size) -> bool:
    if conv.groups > 1:  # each channel alone: as many groups as channels
        if shape[1] != 1 or conv.groups != conv.out_channels:
            return False
        conv.groups = shape[0]
    conv.out_channels, conv.in_channels = shape[0], shape[1] * conv.groups
    conv.weight = _part(conv.weight, shape)
    if conv.bias is not None:
        conv.bias = _part(conv.bias, shape[:1])
    return True


def _part(parameter: Tensor, shape: torch.Size) -> nn.Parameter:
    part = parameter.detach()[tuple(slice(0, size) for size in shape)].clone()
    return nn.Parameter(part, requires_grad=parameter.requires_grad)

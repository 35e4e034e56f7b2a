"""torchvision's small classifiers as backbones: features of strides 8, 16 and 32.

Module names are those of torchvision, so that its weights fit. Sources: Sandler et al. 2018
(MobileNetV2), Howard et al. 2019 (MobileNetV3), Iandola et al. 2016 (SqueezeNet).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgecv.models.csp import ACTIVATIONS, BN_EPS, BN_MOMENTUM


class Source(NamedTuple):
    """Where a backbone comes from.

    Attributes:
        layers: makes its layers in a row, for a width and an activation.
        taps: positions of the layers that end strides 8, 16 and 32.
        weights: what torchvision calls the network whose weights fit.
    """

    layers: Callable[[float, str], nn.Sequential]
    taps: tuple[int, int, int]
    weights: str


class Backbone(nn.Module):
    """(B, 3, H, W) to features of strides 8, 16, 32.

    Args:
        name: a key of BACKBONES.
        width: channels, times torchvision's; rounded to multiples of 8.
        activation: a key of ACTIVATIONS, of every layer.

    Attributes:
        channels: of the three features.
    """

    def __init__(self, name: str, width: float, activation: str) -> None:
        super().__init__()
        source = BACKBONES[name]
        self.features = source.layers(width, activation)
        self._taps = source.taps
        with torch.no_grad():
            found = _tapped(self.features.eval(), self._taps, torch.zeros(1, 3, 64, 64))
        self.features.train()
        self.channels = tuple(feature.shape[1] for feature in found)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return _tapped(self.features, self._taps, x)


def _tapped(layers: nn.Sequential, taps: tuple[int, ...], x: Tensor) -> tuple[Tensor, ...]:
    found = []
    for position, layer in enumerate(layers):
        x = layer(x)
        if position in taps:
            found.append(x)
    return tuple(found)


def _mobilenet(name: str, width: float, activation: str) -> nn.Sequential:
    """Without the last layer, a 1x1 conv that serves the classifier alone."""
    from torchvision import models

    layers: nn.Sequential = getattr(models, name)(width_mult=width).features[:-1]
    _activate(layers, activation)
    return layers


def _activate(module: nn.Module, activation: str) -> None:
    """Another activation in every conv block; gates of squeeze-and-excitation keep theirs."""
    from torchvision.ops import SqueezeExcitation

    for name, child in module.named_children():
        if isinstance(child, nn.ReLU | nn.ReLU6 | nn.Hardswish):
            setattr(module, name, ACTIVATIONS[activation]())
        elif not isinstance(child, SqueezeExcitation):
            _activate(child, activation)


class Fire(nn.Module):
    """A 1x1 conv to few channels, then 1x1 and 3x3 convs to many, side by side."""

    def __init__(self, inputs: int, squeezed: int, outputs: int, activation: str) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
            return conv_block(inputs, outputs, kernel, 1, activation)

        self.squeeze = block(inputs, squeezed, 1)
        self.expand1x1 = block(squeezed, outputs, 1)
        self.expand3x3 = block(squeezed, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat((self.expand1x1(x), self.expand3x3(x)), dim=1)


def conv_block(
    inputs: int, outputs: int, kernel: int, stride: int, activation: str
) -> nn.Sequential:
    """Conv, batch norm, activation; around the middle of the pixels that an output stands for."""
    padding = (kernel - stride + 1) // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    norm = nn.BatchNorm2d(outputs, eps=BN_EPS, momentum=BN_MOMENTUM)
    return nn.Sequential(OrderedDict(conv=conv, bn=norm, activation=ACTIVATIONS[activation]()))


# (squeezed channels, channels of each of the two convs) of SqueezeNet 1.1's Fires; None: a pool
FIRES = (
    *(None, (16, 64), (16, 64)),
    *(None, (32, 128), (32, 128)),
    *(None, (48, 192), (48, 192), (64, 256), (64, 256)),
    *(None, (64, 256)),
)


def _squeezenet(width: float, activation: str, *, stem: int = 2) -> nn.Sequential:
    """SqueezeNet 1.1 with a Fire at stride 32 more, and norms, without which little is learned.

    Convs and pools are padded, so that every stride halves the picture exactly.

    Args:
        width, activation: as in `Backbone`.
        stem: stride of the first conv. 4 does the work of the first pool too, which takes INT8 as
            long as the conv before it.
    """

    def scaled(channels: int) -> int:
        return max(8, round(channels * width / 8) * 8)

    inputs = scaled(64)
    layers: list[nn.Module] = [conv_block(3, inputs, {2: 3, 4: 6}[stem], stem, activation)]
    layers.append(nn.Identity())  # torchvision's activation: the positions of its names stay
    for fire in FIRES:
        if fire is None:
            pooled = len(layers) == 2 and stem == 4
            layers.append(nn.Identity() if pooled else nn.MaxPool2d(3, 2, 1))
        else:
            outputs = scaled(fire[1])
            layers.append(Fire(inputs, scaled(fire[0]), outputs, activation))
            inputs = 2 * outputs
    return nn.Sequential(*layers)


BACKBONES = {
    "mobilenet_v2": Source(partial(_mobilenet, "mobilenet_v2"), (6, 13, 17), "mobilenet_v2"),
    "mobilenet_v3_small": Source(
        partial(_mobilenet, "mobilenet_v3_small"), (3, 8, 11), "mobilenet_v3_small"
    ),
    "mobilenet_v3_large": Source(
        partial(_mobilenet, "mobilenet_v3_large"), (6, 12, 15), "mobilenet_v3_large"
    ),
    "squeezenet1_1": Source(_squeezenet, (7, 12, 14), "squeezenet1_1"),
    "squeezenet1_1_s4": Source(partial(_squeezenet, stem=4), (7, 12, 14), "squeezenet1_1"),
}

"""Blocks of CSPDarknet and the path aggregation network over it, as YOLOX uses them.

Sources: Wang et al. 2020 (CSPNet), Liu et al. 2018 (PANet), Bochkovskiy et al. 2020 (SPP, SiLU
Darknet). Module names follow the official YOLOX checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# of the official training; checkpoints are right with this value only
BN_EPS, BN_MOMENTUM = 1e-3, 0.03

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "hardswish": nn.Hardswish}


class ConvBlock(nn.Module):
    """Conv without bias, batch norm, activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.activation: nn.Module = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class DepthwiseBlock(nn.Module):
    """A 3x3 conv on each channel alone, then a 1x1 conv across them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.dconv = ConvBlock(inputs, inputs, 3, stride, groups=inputs)
        self.pconv = ConvBlock(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pconv(self.dconv(x))  # type: ignore[no-any-return]


def conv3x3(inputs: int, outputs: int, stride: int, depthwise: bool) -> nn.Module:
    """A 3x3 conv block, split in two when depthwise."""
    if depthwise:
        return DepthwiseBlock(inputs, outputs, stride)
    return ConvBlock(inputs, outputs, 3, stride)


class Focus(nn.Module):
    """Each 2x2 pixels become one cell of four times the channels, then a 3x3 conv."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvBlock(inputs * 4, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        # cells are read column by column: top left, bottom left, top right, bottom right
        corners = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(corners, dim=1))  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1 then 3x3 conv, added to its input where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool, depthwise: bool) -> None:
        super().__init__()
        self.conv1 = ConvBlock(channels, channels, 1)
        self.conv2 = conv3x3(channels, channels, 1, depthwise)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return y + x if self.shortcut else y


class CspLayer(nn.Module):
    """Half of the channels pass through `count` bottlenecks, the other half beside them."""

    def __init__(
        self, inputs: int, outputs: int, count: int, shortcut: bool, depthwise: bool
    ) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = ConvBlock(inputs, hidden, 1)
        self.conv2 = ConvBlock(inputs, hidden, 1)
        self.conv3 = ConvBlock(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, shortcut, depthwise) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv3(torch.cat((self.m(self.conv1(x)), self.conv2(x)), dim=1))
        return y


class SpatialPyramid(nn.Module):
    """Max over windows of 5, 9 and 13 cells beside the input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBlock(channels, channels // 2, 1)
        self.conv2 = ConvBlock(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scales = [self.conv1(x)]
        for _ in range(3):
            # a window of 5 over one of 5 is one of 9, the next of 13: same values, fewer steps
            scales.append(functional.max_pool2d(scales[-1], 5, 1, 2))
        return self.conv2(torch.cat(scales, dim=1))  # type: ignore[no-any-return]


class CspBackbone(nn.Module):
    """(B, 3, H, W) to features of strides 8, 16, 32."""

    def __init__(self, channels: int, blocks: int, depthwise: bool) -> None:
        super().__init__()

        def stage(inputs: int, count: int) -> list[nn.Module]:
            return [
                conv3x3(inputs, inputs * 2, 2, depthwise),
                CspLayer(inputs * 2, inputs * 2, count, True, depthwise),
            ]

        self.stem = Focus(3, channels)
        self.dark2 = nn.Sequential(*stage(channels, blocks))
        self.dark3 = nn.Sequential(*stage(channels * 2, blocks * 3))
        self.dark4 = nn.Sequential(*stage(channels * 4, blocks * 3))
        self.dark5 = nn.Sequential(
            conv3x3(channels * 8, channels * 16, 2, depthwise),
            SpatialPyramid(channels * 16),
            CspLayer(channels * 16, channels * 16, blocks, False, depthwise),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stride8 = self.dark3(self.dark2(self.stem(x)))
        stride16 = self.dark4(stride8)
        return stride8, stride16, self.dark5(stride16)


class PathAggregation(nn.Module):
    """Features of three strides, each told of the others: first coarse to fine, then back."""

    def __init__(self, backbone: CspBackbone, channels: int, blocks: int, depthwise: bool) -> None:
        super().__init__()
        fine, middle, coarse = channels * 4, channels * 8, channels * 16

        def merge(inputs: int, outputs: int) -> CspLayer:
            return CspLayer(inputs, outputs, blocks, False, depthwise)

        self.backbone = backbone
        self.lateral_conv0 = ConvBlock(coarse, middle, 1)
        self.C3_p4 = merge(2 * middle, middle)
        self.reduce_conv1 = ConvBlock(middle, fine, 1)
        self.C3_p3 = merge(2 * fine, fine)
        self.bu_conv2 = conv3x3(fine, fine, 2, depthwise)
        self.C3_n3 = merge(2 * fine, middle)
        self.bu_conv1 = conv3x3(middle, middle, 2, depthwise)
        self.C3_n4 = merge(2 * middle, coarse)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        stride8, stride16, stride32 = self.backbone(images)
        down32 = self.lateral_conv0(stride32)
        up16 = self.C3_p4(torch.cat((double(down32), stride16), dim=1))
        down16 = self.reduce_conv1(up16)
        out8 = self.C3_p3(torch.cat((double(down16), stride8), dim=1))
        out16 = self.C3_n3(torch.cat((self.bu_conv2(out8), down16), dim=1))
        out32 = self.C3_n4(torch.cat((self.bu_conv1(out16), down32), dim=1))
        return out8, out16, out32


def double(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, 2H, 2W), each value four times."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")

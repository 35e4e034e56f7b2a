"""A detector of plain 3x3 convs, in the shape of a small YOLO, for measuring speed."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 80
STRIDES = (8, 16, 32)
WIDTHS = (16, 32, 64, 128, 256)
HEAD_WIDTH = 64
ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU}


def conv(inputs: int, outputs: int, activation: str, side: int = 3, stride: int = 1) -> nn.Module:
    """Conv, norm whose running values are the mean over all batches seen, activation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(outputs, momentum=None),
        ACTIVATIONS[activation](),
    )


class Residual(nn.Module):
    """Two convs around a shortcut."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(width, width, activation), conv(width, width, activation))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class DenseDetector(nn.Module):
    """(1, 3, S, S) RGB 0 to 1 to (1, 4+C, N): centre and size in pixels, class scores."""

    def __init__(self, activation: str, side: int) -> None:
        super().__init__()
        self.stem = conv(3, WIDTHS[0], activation, stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(conv(a, b, activation, stride=2), Residual(b, activation))
            for a, b in pairwise(WIDTHS)
        )
        self.squeeze = nn.ModuleList(
            [conv(256, 128, activation, side=1), conv(128, 64, activation, side=1)]
        )
        self.merge = nn.ModuleList([conv(256, 128, activation), conv(128, 64, activation)])
        self.heads = nn.ModuleList(
            nn.Sequential(
                conv(width, HEAD_WIDTH, activation),
                conv(HEAD_WIDTH, HEAD_WIDTH, activation),
                nn.Conv2d(HEAD_WIDTH, 4 + CLASSES, 1),
            )
            for width in (64, 128, 256)
        )
        points, strides = _grid(side)
        self.register_buffer("points", points)
        self.register_buffer("strides", strides)

    def forward(self, images: Tensor) -> Tensor:
        levels = []
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        _, fine, middle, coarse = levels
        middle = self._merged(0, coarse, middle)
        fine = self._merged(1, middle, fine)
        outputs = [
            head(level).flatten(2)
            for head, level in zip(self.heads, (fine, middle, coarse), strict=True)
        ]
        raw = torch.cat(outputs, dim=2)
        centre = (raw[:, :2].sigmoid() + self.points) * self.strides
        size = raw[:, 2:4].sigmoid() * 8 * self.strides
        return torch.cat((centre, size, raw[:, 4:].sigmoid()), dim=1)

    def _merged(self, index: int, coarse: Tensor, fine: Tensor) -> Tensor:
        up = functional.interpolate(self.squeeze[index](coarse), scale_factor=2.0)
        merged: Tensor = self.merge[index](torch.cat((up, fine), dim=1))
        return merged


def _grid(side: int) -> tuple[Tensor, Tensor]:
    """(1, 2, N) cell corners x, y in cells, and (1, 1, N) strides in pixels."""
    points, strides = [], []
    for stride in STRIDES:
        cells = torch.arange(side // stride, dtype=torch.float32)
        y, x = torch.meshgrid(cells, cells, indexing="ij")
        points.append(torch.stack((x.flatten(), y.flatten())))
        strides.append(torch.full((1, cells.numel() ** 2), float(stride)))
    return torch.cat(points, dim=1)[None], torch.cat(strides, dim=1)[None]

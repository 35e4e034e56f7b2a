"""Students: small detectors of torchvision's backbones, a light pyramid and the head of YOLOX.

Made for INT8 on CPUs: convs of neck and head are dense 3x3 with ReLU, which integers speed up;
depthwise convs and SiLU they do not. Sources: Liu et al. 2018 (PANet), Ge et al. 2021 (YOLOX).
Differs: levels have one width and are added, not concatenated.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from edgecv.models.csp import ConvBlock, double
from edgecv.models.student_backbones import Backbone
from edgecv.models.yolox import STRIDES, Head, Level


class StudentConfig(NamedTuple):
    """What sets one student apart from another.

    Attributes:
        backbone: a key of BACKBONES.
        width: channels of the backbone, times torchvision's.
        neck: channels of each level in neck and head.
        head_convs: 3x3 convs of a branch of the head.
        activation: a key of ACTIVATIONS, of the whole network.
        classes: number of classes.
    """

    backbone: str
    width: float
    neck: int
    head_convs: int
    activation: str
    classes: int


class LightPyramid(nn.Module):
    """Features of three strides and one width, each told of the others: down, then up again."""

    def __init__(self, backbone: Backbone, width: int, activation: str) -> None:
        super().__init__()

        def block(inputs: int, kernel: int, stride: int = 1) -> ConvBlock:
            return ConvBlock(inputs, width, kernel, stride, activation=activation)

        self.backbone = backbone
        self.laterals = nn.ModuleList(block(channels, 1) for channels in backbone.channels)
        self.merge_p4, self.merge_p3 = block(width, 3), block(width, 3)
        self.down_p3, self.down_p4 = block(width, 3, 2), block(width, 3, 2)
        self.merge_n4, self.merge_n5 = block(width, 3), block(width, 3)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.backbone(images)
        p3, p4, p5 = (
            lateral(feature) for lateral, feature in zip(self.laterals, features, strict=True)
        )
        p4 = self.merge_p4(p4 + double(p5))
        out8 = self.merge_p3(p3 + double(p4))
        out16 = self.merge_n4(p4 + self.down_p3(out8))
        return out8, out16, self.merge_n5(p5 + self.down_p4(out16))


class Student(nn.Module):
    """(B, 3, H, W) float BGR in [0, 255], H and W multiples of 32, to three raw levels.

    Attributes:
        config: what it was made from.
        backbone: pyramid of strides 8, 16, 32.
        head: predictions of each level.
    """

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        features = Backbone(config.backbone, config.width, config.activation)
        self.backbone = LightPyramid(features, config.neck, config.activation)
        self.head = _head(config)

    def forward(self, images: Tensor) -> list[Level]:
        levels: list[Level] = self.head(self.backbone(images))
        return levels


def _head(config: StudentConfig) -> Head:
    def branch() -> nn.Module:
        width = config.neck
        convs = (
            ConvBlock(width, width, 3, activation=config.activation)
            for _ in range(config.head_convs)
        )
        return nn.Sequential(*convs)

    # the levels have the head's width already
    return Head(config.neck, config.classes, branch, (nn.Identity() for _ in STRIDES))

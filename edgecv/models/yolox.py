"""YOLOX: an anchor-free detector with a decoupled head.

Source: Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430). Module names are
those of the official checkpoints, so that their state dicts load as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor, nn

from edgecv.models.csp import ConvBlock, CspBackbone, PathAggregation, conv3x3

STRIDES = (8, 16, 32)


class YoloxConfig(NamedTuple):
    """What sets one YOLOX apart from another.

    Attributes:
        channels: of the stem; 64 times the paper's width.
        blocks: bottlenecks in a stage's unit; 3 times the paper's depth.
        depthwise: 3x3 convs are split into depthwise and pointwise.
        classes: number of classes.
    """

    channels: int
    blocks: int
    depthwise: bool
    classes: int


# the paper's width and depth: (.25, .33), (.375, .33), (.5, .33), (.75, .67)
VARIANTS = {
    "yolox_nano": (16, 1, True),
    "yolox_tiny": (24, 1, False),
    "yolox_s": (32, 1, False),
    "yolox_m": (48, 2, False),
}


class Level(NamedTuple):
    """Raw answer of one level of the pyramid, cells in rows: no sigmoid, no decoding.

    Attributes:
        boxes: (B, 4, H, W) centre offset and log size, in units of the stride.
        objectness: (B, 1, H, W) logits.
        classes: (B, C, H, W) logits.
    """

    boxes: Tensor
    objectness: Tensor
    classes: Tensor


class Head(nn.Module):
    """Two branches a level: one tells the class, the other the box and whether there is one.

    Args:
        width: channels inside.
        classes: number of classes.
        branch: makes what stands before the predictions, `width` channels to `width`.
        stems: of each level, from its channels to `width`.
    """

    def __init__(
        self,
        width: int,
        classes: int,
        branch: Callable[[], nn.Module],
        stems: Iterable[nn.Module],
    ) -> None:
        super().__init__()

        def predictions(count: int) -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(width, count, 1) for _ in STRIDES)

        self.cls_convs = nn.ModuleList(branch() for _ in STRIDES)
        self.reg_convs = nn.ModuleList(branch() for _ in STRIDES)
        self.cls_preds = predictions(classes)
        self.reg_preds = predictions(4)
        self.obj_preds = predictions(1)
        self.stems = nn.ModuleList(stems)

    def forward(self, features: tuple[Tensor, ...]) -> list[Level]:
        levels = []
        for index, feature in enumerate(features):
            stem = self.stems[index](feature)
            boxes = self.reg_convs[index](stem)
            classes = self.cls_convs[index](stem)
            levels.append(
                Level(
                    self.reg_preds[index](boxes),
                    self.obj_preds[index](boxes),
                    self.cls_preds[index](classes),
                )
            )
        return levels


class Yolox(nn.Module):
    """(B, 3, H, W) float BGR in [0, 255], H and W multiples of 32, to three raw levels.

    Attributes:
        config: what it was made from.
        backbone: pyramid of strides 8, 16, 32.
        head: predictions of each level.
    """

    def __init__(self, config: YoloxConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = PathAggregation(
            CspBackbone(config.channels, config.blocks, config.depthwise),
            config.channels,
            config.blocks,
            config.depthwise,
        )
        self.head = _head(config)

    def forward(self, images: Tensor) -> list[Level]:
        levels: list[Level] = self.head(self.backbone(images))
        return levels


def _head(config: YoloxConfig) -> Head:
    width = config.channels * 4

    def branch() -> nn.Module:
        return nn.Sequential(*(conv3x3(width, width, 1, config.depthwise) for _ in range(2)))

    # one after another, as random weights are drawn: before them come those of the branches
    stems = (ConvBlock(config.channels * factor, width, 1) for factor in (4, 8, 16))
    return Head(width, config.classes, branch, stems)


def variant_name(config: YoloxConfig) -> str:
    """The published name of a configuration, 'yolox' when it has none."""
    for name, variant in VARIANTS.items():
        if variant == config[:3]:
            return name
    return "yolox"

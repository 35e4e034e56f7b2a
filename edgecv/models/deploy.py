"""The network as it leaves torch: camera pixels in, decoded boxes and scores out."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edgecv.models.detector import Detector, read_detector
from edgecv.models.yolox import STRIDES, Level


class Decode(nn.Module):
    """Raw levels to boxes (B, N, 4) xyxy in pixels of the input and scores (B, N, C).

    Boxes, objectness and classes are concatenated apart, because one INT8 scale over values in
    pixels and in [0, 1] would leave nothing of the latter.
    """

    points: Tensor
    strides: Tensor

    def __init__(self, height: int, width: int, classes: int) -> None:
        super().__init__()
        self.channels = (4, 1, classes)
        self.cells = [(height // stride) * (width // stride) for stride in STRIDES]
        points, strides = anchor_points(height, width)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("strides", strides, persistent=False)

    def forward(self, levels: list[Level]) -> tuple[Tensor, Tensor]:
        boxes, objectness, classes = (
            # sizes are given as numbers, so that the exported graph computes no shapes
            torch.cat(
                [part.reshape(-1, count, n) for part, n in zip(parts, self.cells, strict=True)], 2
            ).transpose(1, 2)
            for count, parts in zip(self.channels, zip(*levels, strict=True), strict=True)
        )
        centres = (boxes[..., :2] + self.points) * self.strides
        halves = boxes[..., 2:].exp() * (self.strides * 0.5)
        decoded = torch.cat((centres - halves, centres + halves), dim=2)
        return decoded, objectness.sigmoid() * classes.sigmoid()


class PixelInput(nn.Module):
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32, values kept."""

    def forward(self, images: Tensor) -> Tensor:
        # the cast comes first: TensorRT takes uint8 nowhere but in a Cast of an input
        return images.float().permute(0, 3, 1, 2)


class Deployed(nn.Module):
    """A detector behind the contract of a bundle's graph.

    Args of the call: images (B, H, W, 3) uint8, BGR, letterboxed.
    Returns: boxes (B, N, 4) xyxy in pixels of the input; scores (B, N, C), the probability that
    there is an object times that of the class; anchor points row by row, stride 8 first.
    """

    def __init__(self, model: Detector, height: int, width: int) -> None:
        super().__init__()
        self.input = PixelInput()
        self.model = fold_batch_norm(model)
        self.decode = Decode(height, width, model.config.classes)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        outputs: tuple[Tensor, Tensor] = self.decode(self.model(self.input(images)))
        return outputs


def anchor_points(height: int, width: int) -> tuple[Tensor, Tensor]:
    """(1, N, 2) cell corners x, y in cells, and (1, N, 1) strides, for an input in pixels."""
    points, strides = [], []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        points.append(torch.stack((columns, rows), dim=2).reshape(1, -1, 2))
        strides.append(torch.full((1, points[-1].shape[1], 1), stride))
    return torch.cat(points, dim=1).float(), torch.cat(strides, dim=1).float()


def fold_batch_norm(model: Detector) -> Detector:
    """A copy of the model in eval mode, its batch norms folded into the convs before them."""
    folded = copy.deepcopy(model).eval()
    for block in folded.modules():
        # the parts of every block stand in the order in which they are called
        for (before, conv), (name, norm) in pairwise([*block.named_children()]):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                # in double: the folding itself adds no error that float32 can hold
                setattr(block, before, fuse_conv_bn_eval(conv.double(), norm.double()).float())
                setattr(block, name, nn.Identity())
    return folded


def load_deployed(weights: Path, height: int, width: int) -> Deployed:
    """The network of a bundle's weights file, in eval mode, for an input in pixels.

    Raises:
        WeightsError: not the weights of a detector of edgecv.
    """
    return Deployed(read_detector(weights), height, width)

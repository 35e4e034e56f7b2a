"""Random rotation, zoom, shear and shift of a square canvas, cut to the input's size."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as v2
from torchvision.tv_tensors import BoundingBoxes

from edgecv.boxes import area
from edgecv.recipe import AugmentSettings
from edgecv.training.pictures import Labelled
from edgecv.types import Array, Image

PAD = 114  # grey of the letterbox border: what the network sees beside a picture on the device
# of what the transform left of an object: less tells no longer what it is.
# Source: the threshold of Ge et al. 2021 for boxes that mixup cuts
VISIBLE_MIN = 0.2
SIDE_MIN = 1.0  # pixels


class Canvas(NamedTuple):
    """A square picture that is larger than its part which is used, or as large.

    Attributes:
        labelled: image (C, C, 3); boxes cut to what is seen of their picture.
        whole: (N,) square pixels of the boxes before they were cut.
    """

    labelled: Labelled
    whole: Array


class Affine(NamedTuple):
    """A map of the plane about a centre, as torchvision has it: angles in degrees, y down."""

    angle: float
    translate: tuple[float, float]
    scale: float
    shear: tuple[float, float]

    def matrix(self) -> NDArray[np.float64]:
        """(2, 2): shear along x, then along y, then rotation; times the scale.

        Source: torchvision's `affine`, whose boxes are moved with these pixels.
        """
        turn, x, y = np.radians([self.angle, *self.shear])
        rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        down = np.array([[1, 0], [-np.tan(y), 1]])
        across = np.array([[1, -np.tan(x)], [0, 1]])
        return np.asarray(self.scale * rotate @ down @ across)


def fitted(image: Image, side: int) -> tuple[int, int]:
    """Width and height of a picture whose longer side is made `side`, as `letterbox` has it."""
    height, width = image.shape[:2]
    longest = max(height, width)
    return max(1, width * side // longest), max(1, height * side // longest)


def draw_affine(settings: AugmentSettings, side: int, draw: np.random.Generator) -> Affine:
    """One of the maps that the settings allow, for an input of `side` pixels."""
    turn, x, y, right, down = draw.uniform(-1, 1, 5).tolist()
    reach = settings.translate * side
    return Affine(
        turn * settings.degrees,
        (right * reach, down * reach),
        float(draw.uniform(*settings.scale)),
        (x * settings.shear, y * settings.shear),
    )


def warp(canvas: Canvas, affine: Affine, side: int) -> Labelled:
    """The middle of a canvas after a map about its centre, with the boxes that remain.

    Boxes are torchvision's: corners moved, the upright box around them. The pixels are OpenCV's:
    torchvision takes 29 ms for 832x832 uint8 to 416x416 on one core, OpenCV 1.1 ms.

    Returns:
        image (side, side, 3) with grey where the canvas does not reach; boxes of which a fifth
        and at least a pixel is left.
    """
    image, boxes, class_ids = canvas.labelled
    wide = image.shape[0]
    moved = _move_boxes(boxes, affine, wide, side)
    # the box around a moved box is as wide as both its sides reach along x, and so for y
    reach = np.abs(affine.matrix())
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6) @ reach.T
    grown = sides.prod(axis=1) / np.maximum(area(boxes), 1e-6)
    keep = large_enough(moved, canvas.whole * grown)
    return Labelled(_move_pixels(image, affine, side), moved[keep], class_ids[keep])


def large_enough(boxes_xyxy: Array, whole: Array) -> NDArray[np.bool_]:
    """(N,) which boxes still show enough of their object.

    Args:
        boxes_xyxy: (N, 4) cut to the picture.
        whole: (N,) square pixels that they had uncut.
    """
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    enough = area(boxes_xyxy) >= VISIBLE_MIN * whole
    return np.asarray((sides >= SIDE_MIN).all(axis=1) & enough)


def _move_boxes(boxes: Array, affine: Affine, wide: int, side: int) -> Array:
    marks: Any = BoundingBoxes(torch.from_numpy(boxes), format="XYXY", canvas_size=(wide, wide))
    angle, translate, scale, shear = affine
    moved = v2.affine(marks, angle, list(translate), scale, list(shear))
    edge = (wide - side) // 2
    found = v2.clamp_bounding_boxes(v2.crop(moved, edge, edge, side, side))
    return np.asarray(found.numpy(), np.float32)


def _move_pixels(image: Image, affine: Affine, side: int) -> Image:
    matrix = affine.matrix()
    # boxes count from a pixel's corner, OpenCV from its middle
    middle = image.shape[0] / 2 - 0.5
    shift = np.array(affine.translate) + side / 2 - 0.5 - matrix @ (middle, middle)
    return np.asarray(
        cv2.warpAffine(
            image, np.column_stack([matrix, shift]), (side, side), borderValue=(PAD, PAD, PAD)
        ),
        np.uint8,
    )

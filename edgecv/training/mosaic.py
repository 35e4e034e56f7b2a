"""Several pictures in one: mosaic of four, mixup of two."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edgecv.boxes import area, clip
from edgecv.training.augment_affine import PAD, Canvas, fitted
from edgecv.training.pictures import Labelled
from edgecv.types import Image


def mosaic(four: Sequence[Labelled], side: int, draw: np.random.Generator) -> Canvas:
    """Four pictures around a point in the middle half of a canvas of twice the input's side.

    Each is fitted to the input's side and touches the point with a corner; what leaves the canvas
    is cut, what is not covered is grey.

    Args:
        four: top left, top right, bottom left, bottom right.
        side: of the input, pixels.
        draw: where the point is comes from it.

    Source: Bochkovskiy et al. 2020 (arXiv 2004.10934), as Ge et al. 2021 use it.
    """
    x, y = draw.integers(side // 2, side + side // 2, 2, endpoint=True).tolist()
    canvas = np.full((2 * side, 2 * side, 3), PAD, np.uint8)
    boxes, whole = [], []
    for number, picture in enumerate(four):
        scale = side / max(picture.image.shape[:2])
        size = fitted(picture.image, side)
        corner = x if number % 2 else x - size[0], y if number >= 2 else y - size[1]
        _paste(canvas, np.asarray(cv2.resize(picture.image, size), np.uint8), corner)
        moved = picture.boxes_xyxy * np.float32(scale) + np.array([*corner, *corner], np.float32)
        boxes.append(clip(moved, 2 * side, 2 * side))
        whole.append(area(moved))
    class_ids = np.concatenate([picture.class_ids for picture in four])
    return Canvas(Labelled(canvas, np.concatenate(boxes), class_ids), np.concatenate(whole))


def mixup(first: Labelled, second: Labelled) -> Labelled:
    """The mean of two pictures of one size, with the boxes of both.

    Source: Zhang et al. 2018 (arXiv 1710.09412), with a weight of one half as Ge et al. 2021.
    """
    return Labelled(
        np.asarray(cv2.addWeighted(first.image, 0.5, second.image, 0.5, 0), np.uint8),
        np.concatenate([first.boxes_xyxy, second.boxes_xyxy]),
        np.concatenate([first.class_ids, second.class_ids]),
    )


def _paste(canvas: Image, tile: Image, corner: tuple[int, int]) -> None:
    """Write a tile into the canvas with its top left corner there, as far as it lies inside."""
    left, top = (max(0, at) for at in corner)
    inside = tile[top - corner[1] :, left - corner[0] :][: len(canvas) - top, : len(canvas) - left]
    canvas[top : top + inside.shape[0], left : left + inside.shape[1]] = inside

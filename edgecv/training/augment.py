"""From a picture to what the network is shown of it, by settings and a stream of random numbers."""

from __future__ import annotations

import cv2
import numpy as np

from edgecv.boxes import area, clip
from edgecv.bundle import InputSpec
from edgecv.recipe import AugmentSettings
from edgecv.runtime.preprocess import letterbox
from edgecv.training.augment_affine import Canvas, draw_affine, fitted, large_enough, warp
from edgecv.training.augment_colour import jitter
from edgecv.training.mosaic import mixup, mosaic
from edgecv.training.pictures import Labelled, Pictures


def vary(
    pictures: Pictures,
    index: int,
    side: int,
    settings: AugmentSettings,
    draw: np.random.Generator,
) -> Labelled:
    """A picture made hard: in a mosaic or alone, moved, perhaps mixed, mirrored, recoloured.

    Args:
        pictures: the others of a mosaic come from here too.
        index: of the picture.
        side: of the input, pixels.
        settings: how much of what.
        draw: all that is random comes from it.

    Returns:
        image (side, side, 3); boxes inside it.

    Raises:
        DataError: a picture cannot be read.
    """
    together = draw.random() < settings.mosaic
    if together:
        others = draw.integers(len(pictures), size=3).tolist()
        canvas = mosaic([pictures.picture(i) for i in (index, *others)], side, draw)
    else:
        canvas = _alone(pictures.picture(index), side)
    found = warp(canvas, draw_affine(settings, side, draw), side)
    if together and draw.random() < settings.mixup:
        other = _alone(pictures.picture(int(draw.integers(len(pictures)))), side)
        found = mixup(found, warp(other, draw_affine(settings, side, draw), side))
    found = _mirror(found) if draw.random() < settings.flip else found
    return found._replace(image=jitter(found.image, settings, draw))


def plain(
    picture: Labelled, side: int, settings: AugmentSettings, draw: np.random.Generator
) -> Labelled:
    """A picture as the device will see it, mirrored or not, and recoloured.

    Neither moved nor zoomed: the last epochs are for the true distribution of sizes.
    The border keeps its grey.

    Returns:
        image (side, side, 3); boxes inside it.
    """
    picture = _mirror(picture) if draw.random() < settings.flip else picture
    image, place = letterbox(picture.image, _input(side))
    width, height = fitted(picture.image, side)
    image[:height, :width] = jitter(image[:height, :width], settings, draw)
    moved = picture.boxes_xyxy * np.float32(place.scale)
    boxes = clip(moved, side, side)
    keep = large_enough(boxes, area(moved))
    return Labelled(image, boxes[keep], picture.class_ids[keep])


def _alone(picture: Labelled, side: int) -> Canvas:
    image, place = letterbox(picture.image, _input(side))
    moved = picture.boxes_xyxy * np.float32(place.scale)
    boxes = clip(moved, side, side)
    return Canvas(Labelled(image, boxes, picture.class_ids), area(moved))


def _input(side: int) -> InputSpec:
    return InputSpec(width=side, height=side)


def _mirror(picture: Labelled) -> Labelled:
    image = np.asarray(cv2.flip(picture.image, 1), np.uint8)
    boxes = picture.boxes_xyxy.copy()
    boxes[:, [0, 2]] = image.shape[1] - picture.boxes_xyxy[:, [2, 0]]
    return Labelled(image, boxes, picture.class_ids)

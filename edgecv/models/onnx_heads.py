"""Output layouts that YOLO exporters write: what each means, and how to tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from edgecv.errors import ModelError
from edgecv.types import Array, Image

STRIDES = (8, 16, 32)

HeadName = Literal["yolox", "yolov8", "yolov5"]


class Head(NamedTuple):
    """A layout and the input that goes with it.

    Attributes:
        layout: for people.
        first: values before the class scores.
        anchors: boxes a cell of the grid.
        rgb: colours are red first, else blue first.
        unit: pixels are divided by 255.
        align: where the picture stands in the letterbox.
    """

    layout: str
    first: int
    anchors: int
    rgb: bool
    unit: bool
    align: Literal["top-left", "center"]


HEADS: dict[HeadName, Head] = {
    "yolox": Head("(1, N, 5+C) before decoding", 5, 1, False, False, "top-left"),
    "yolov8": Head("(1, 4+C, N) decoded", 4, 1, True, True, "center"),
    "yolov5": Head("(1, N, 5+C) decoded, 3 anchors a cell", 5, 3, True, True, "center"),
}


def cells(height: int, width: int) -> int:
    """Cells of the grids of strides 8, 16 and 32."""
    return sum((height // stride) * (width // stride) for stride in STRIDES)


def recognise(
    shape: Sequence[int], height: int, width: int, named: HeadName | Literal["auto"]
) -> tuple[HeadName, int]:
    """Which layout an output has, and how many classes.

    Args:
        shape: of the output, for one picture.
        height, width: of the input in pixels.
        named: take this layout, or 'auto' to tell by the number of boxes.

    Raises:
        ModelError: no layout fits, or the one named does not; says which are known.
    """
    options: list[HeadName] = list(HEADS) if named == "auto" else [named]
    for name in options:
        classes = _classes(name, shape, cells(height, width), strict=named == "auto")
        if classes > 0:
            return name, classes
    known = "; ".join(f"{name} {head.layout}" for name, head in HEADS.items())
    asked = "" if named == "auto" else f" as {named}"
    raise ModelError(
        f"output {tuple(shape)} of an input of {width}x{height} cannot be decoded{asked}; "
        f"known layouts: {known}, N = {cells(height, width)} cells times anchors. Export the "
        "detector without non-maximum suppression, or name the layout: --set load.head=..."
    )


def _classes(name: HeadName, shape: Sequence[int], grid: int, *, strict: bool) -> int:
    """Classes of a shape under a layout, 0 when it does not fit."""
    if len(shape) != 3 or shape[0] != 1:
        return 0
    boxes, values = (shape[2], shape[1]) if name == "yolov8" else (shape[1], shape[2])
    # a named layout that is decoded already may have any number of boxes
    fits = boxes == grid * HEADS[name].anchors or (not strict and name != "yolox")
    return max(0, values - HEADS[name].first) if fits else 0


def prepare(images: Image, name: HeadName) -> Array:
    """(B, H, W, 3) uint8 BGR to the (B, 3, H, W) float32 that networks of a layout take."""
    head = HEADS[name]
    ordered = images[..., ::-1] if head.rgb else images
    planes = np.ascontiguousarray(ordered.transpose(0, 3, 1, 2), np.float32)
    return planes / np.float32(255) if head.unit else planes


def decode(output: Array, name: HeadName, height: int, width: int) -> tuple[Array, Array]:
    """Boxes (B, N, 4) xyxy in input pixels and scores (B, N, C), in numpy: the reference.

    Args:
        output: as the source gives it, any batch.
        name: its layout.
        height, width: of the input in pixels.
    """
    rows = output.transpose(0, 2, 1) if name == "yolov8" else output
    first = HEADS[name].first
    centre, size, scores = rows[..., :2], rows[..., 2:4], rows[..., first:]
    if first == 5:
        scores = rows[..., 4:5] * scores
    if name == "yolox":
        points, strides = grid(height, width)
        centre, size = (centre + points) * strides, np.exp(size) * strides
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=2)
    return boxes.astype(np.float32), scores.astype(np.float32)


def grid(height: int, width: int) -> tuple[Array, Array]:
    """(1, N, 2) cell corners x, y in cells, and (1, N, 1) strides; row by row, stride 8 first."""
    points, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        points.append(np.stack((columns, rows), axis=-1).reshape(1, -1, 2))
        strides.append(np.full((1, rows.size, 1), stride))
    return (
        np.concatenate(points, axis=1).astype(np.float32),
        np.concatenate(strides, axis=1).astype(np.float32),
    )

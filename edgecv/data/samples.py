"""Pictures with their ground truth, whatever format they came in, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from edgecv.data.pictures import NAMED, picture_size
from edgecv.errors import DataError
from edgecv.types import Array, Ints

TOLERANCE_PX = 1.0  # annotation tools round to whole pixels, and count them from 0 or from 1


@dataclass(frozen=True)
class Sample:
    """One picture and its objects.

    Attributes:
        path: the picture file.
        image_id: unique in its data set.
        width: in pixels, of the upright picture.
        height: in pixels, of the upright picture.
        boxes_xyxy: (N, 4) float32, pixels.
        class_ids: (N,) int64, index into the data set's class names.
        crowd: (N,) bool; scoring neither rewards nor punishes a detection there, as COCO does.
        areas: (N,) float32, square pixels, of the object's mask where the format tells.
    """

    path: Path
    image_id: int
    width: int
    height: int
    boxes_xyxy: Array
    class_ids: Ints
    crowd: NDArray[np.bool_]
    areas: Array


@dataclass(frozen=True)
class Dataset:
    """Pictures with ground truth.

    Attributes:
        name: folder and split, for messages and reports.
        folder: where it was found.
        format: coco, yolo or voc.
        class_names: as the data set spells them.
        samples: in the order of the annotation file.
    """

    name: str
    folder: Path
    format: str
    class_names: tuple[str, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Mark:
    """One object as an annotation file has it, before it is checked."""

    box_xyxy: tuple[float, float, float, float]
    class_id: int
    crowd: bool = False
    area: float | None = None


def make_sample(
    path: Path, image_id: int, size_wh: tuple[int, int], marks: Sequence[Mark]
) -> Sample:
    """A sample with its objects as arrays; an area that is not known is the box's."""
    boxes = np.array([mark.box_xyxy for mark in marks], np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = [
        box_area if mark.area is None else mark.area
        for mark, box_area in zip(marks, sides[:, 0] * sides[:, 1], strict=True)
    ]
    return Sample(
        path,
        image_id,
        *size_wh,
        boxes.astype(np.float32),
        np.array([mark.class_id for mark in marks], np.int64),
        np.array([mark.crowd for mark in marks], np.bool_),
        np.array(areas, np.float32),
    )


def problems_of(sample: Sample) -> list[str]:
    """What is wrong with a sample: its file, its size, its boxes; empty when all is right."""
    name = sample.path.name
    try:
        size = picture_size(sample.path)
    except DataError as error:
        return [str(error).replace(str(sample.path), name)]
    stated = (sample.width, sample.height)
    if size != stated:
        turned = " (upright, after its EXIF orientation)" if size == stated[::-1] else ""
        return [f"{name}: annotated as {_size(stated)}, the picture is {_size(size)}{turned}"]
    found = []
    for index, box in enumerate(sample.boxes_xyxy.tolist()):
        problem = box_problem(box, stated)
        if problem:
            found.append(f"{name}: box {index + 1} {problem}")
    return found


def refuse(where: Path, problems: Sequence[str]) -> NoReturn:
    """Raise for all problems at once: counted, the first few named.

    Raises:
        DataError: always.
    """
    lines = [f"  {problem}" for problem in problems[:NAMED]]
    if len(problems) > NAMED:
        lines.append(f"  and {len(problems) - NAMED} more")
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in the ground truth"
    raise DataError("\n".join([f"{where}: {count}; correct the annotations:", *lines]))


def box_problem(box_xyxy: Sequence[float], size_wh: tuple[int, int]) -> str:
    """What is wrong with a box of a picture of that width and height; empty when nothing is."""
    left, top, right, bottom = box_xyxy
    if not np.isfinite(box_xyxy).all():
        return f"is not finite: {_numbers(box_xyxy)}"
    if right <= left or bottom <= top:
        return f"has no area: {_numbers(box_xyxy)} as left, top, right, bottom"
    outside = max(-left, -top, right - size_wh[0], bottom - size_wh[1])
    if outside > TOLERANCE_PX:
        return f"leaves the picture of {_size(size_wh)} by {outside:g} px: {_numbers(box_xyxy)}"
    return ""


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def _size(size_wh: tuple[int, int]) -> str:
    return f"{size_wh[0]}x{size_wh[1]}"

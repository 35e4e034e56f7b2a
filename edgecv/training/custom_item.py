"""One item of a user's Dataset as a picture with boxes, or one line that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as v2
from torchvision.tv_tensors import BoundingBoxes

from edgecv.data.samples import box_problem
from edgecv.errors import DataError
from edgecv.training.pictures import Labelled
from edgecv.types import Array, Image, Ints

PICTURE = "(H, W, 3) uint8 BGR array, (3, H, W) RGB tensor of uint8 or of [0, 1], or PIL picture"


def labelled(where: str, item: Any, classes: int) -> Labelled:
    """An item of a Dataset in the form in which edgecv has pictures.

    Args:
        where: the item, for messages.
        item: (picture, {"boxes": (N, 4) xyxy, "labels": (N,)}).
        classes: how many there are.

    Raises:
        DataError: saying what was found and what was expected.
    """
    if not (isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[1], Mapping)):
        raise DataError(
            f"{where} is a {_told(item)}, expected (picture, {{'boxes': ..., 'labels': ...}})"
        )
    missing = [key for key in ("boxes", "labels") if key not in item[1]]
    if missing:
        raise DataError(
            f"{where} lacks {' and '.join(missing)}; its keys are {sorted(map(str, item[1]))}"
        )
    image = _image(where, item[0])
    boxes = _boxes(where, item[1]["boxes"], (image.shape[1], image.shape[0]))
    return Labelled(image, boxes, _class_ids(where, item[1]["labels"], len(boxes), classes))


def _image(where: str, value: Any) -> Image:
    if isinstance(value, torch.Tensor):
        value = _from_tensor(where, value)
    elif hasattr(value, "convert") and hasattr(value, "mode"):  # PIL's, without importing it
        value = np.asarray(value.convert("RGB"))[..., ::-1]
    shape = getattr(value, "shape", ())
    right = isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] == 3
    if not right or value.dtype != np.uint8 or 0 in shape:
        raise DataError(f"{where}: the picture is a {_told(value)}, expected {PICTURE}")
    return np.ascontiguousarray(value)


def _from_tensor(where: str, value: torch.Tensor) -> NDArray[Any]:
    if value.ndim != 3 or value.shape[0] != 3:
        raise DataError(f"{where}: the picture is a {_told(value)}, expected {PICTURE}")
    if value.is_floating_point():
        low, high = float(value.min()), float(value.max())
        if not (low >= 0 and high <= 1):
            raise DataError(
                f"{where}: the picture is a tensor of {low:g} to {high:g}, expected [0, 1], not "
                "yet normalised, or uint8"
            )
        value = v2.to_dtype(value, torch.uint8, scale=True)
    array = value.detach().cpu().permute(1, 2, 0).contiguous().numpy()
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_RGB2BGR)) if array.dtype == np.uint8 else array


def _boxes(where: str, value: Any, size_wh: tuple[int, int]) -> Array:
    if isinstance(value, BoundingBoxes):
        value = v2.convert_bounding_box_format(value, new_format="XYXY")
    boxes = _array(where, "boxes", value).astype(np.float32)
    boxes = boxes.reshape(0, 4) if not boxes.size else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{where}: boxes are {boxes.shape}, expected (N, 4) xyxy in pixels")
    for number, box in enumerate(boxes.tolist(), 1):
        problem = box_problem(box, size_wh)
        if problem:
            raise DataError(f"{where}: box {number} {problem}; expected xyxy in pixels")
    return boxes


def _class_ids(where: str, value: Any, count: int, classes: int) -> Ints:
    ids = _array(where, "labels", value)
    ids = ids.reshape(0) if not ids.size else ids
    if ids.shape != (count,) or (count and not np.issubdtype(ids.dtype, np.integer)):
        raise DataError(
            f"{where}: labels are {ids.shape} {ids.dtype}, expected {count} whole numbers, one a "
            "box"
        )
    if count and not (ids.min() >= 0 and ids.max() < classes):
        raise DataError(
            f"{where}: labels reach from {ids.min()} to {ids.max()}, expected 0 to {classes - 1} "
            f"for {classes} class names"
        )
    return ids.astype(np.int64)


def _array(where: str, name: str, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{where}: {name} are {str(value)[:60]!r}, expected numbers")
    return array


def _told(value: Any) -> str:
    shape = getattr(value, "shape", None)
    extra = f" {tuple(shape)} {value.dtype}" if shape is not None else ""
    return f"{type(value).__name__}{extra}"

"""A picture of any size to the fixed input of a network: resized, not stretched, grey padded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgecv.bundle import InputSpec
from edgecv.types import Array, Image


@dataclass(frozen=True)
class Letterbox:
    """Where a picture stands in the network's input.

    Attributes:
        scale: input pixels per picture pixel.
        pad_left: grey columns before the picture.
        pad_top: grey rows before the picture.
        width: of the original picture, in pixels.
        height: of the original picture, in pixels.
    """

    scale: float
    pad_left: int
    pad_top: int
    width: int
    height: int

    def to_original(self, boxes_xyxy: Array) -> Array:
        """(N, 4) boxes in input pixels to pixels of the original picture."""
        pad = np.array([self.pad_left, self.pad_top] * 2, np.float32)
        return np.asarray((boxes_xyxy - pad) / np.float32(self.scale), np.float32)


def letterbox(image: Image, spec: InputSpec, out: Image | None = None) -> tuple[Image, Letterbox]:
    """Fit a picture into the input of a network.

    Args:
        image: (H, W, 3) uint8 BGR, of any size.
        spec: size, padding and alignment of the input.
        out: (spec.height, spec.width, 3) uint8, C-contiguous; written and returned when given.

    Returns:
        (spec.height, spec.width, 3) uint8 BGR, and where the picture stands in it.

    Raises:
        ValueError: `image` or `out` has another shape or type, or a side of no length.

    Source: the preprocessing of YOLOX (Ge et al. 2021): bilinear, sides rounded down, top-left.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"image is {image.shape} {image.dtype}, expected (H, W, 3) uint8 BGR")
    height, width = image.shape[:2]
    out, inside, placed = place((width, height), spec, out)
    if inside.shape == image.shape:
        inside[:] = image
    else:
        source = np.ascontiguousarray(image)
        resized = cv2.resize(source, (inside.shape[1], inside.shape[0]), dst=inside)
        if resized is not inside and not np.shares_memory(resized, out):
            inside[:] = resized
    return out, placed


def place(
    size_wh: tuple[int, int], spec: InputSpec, out: Image | None = None
) -> tuple[Image, Image, Letterbox]:
    """A padded input of the network, without the picture yet.

    Args:
        size_wh: of the picture, in pixels.
        spec, out: as for `letterbox`.

    Returns:
        The input; the view of it that the resized picture has to fill; where that stands.

    Raises:
        ValueError: `out` has another shape or type.
    """
    shape = (spec.height, spec.width, 3)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.shape} {out.dtype}, expected {shape} uint8, C-contiguous")
    width, height = size_wh
    new_width, new_height = _fit(width, height, spec)
    centered = spec.align == "center"
    left = (spec.width - new_width) // 2 if centered else 0
    top = (spec.height - new_height) // 2 if centered else 0
    _pad(out, left, top, left + new_width, top + new_height, spec.pad_value)
    inside = out[top : top + new_height, left : left + new_width]
    scale = min(spec.width / width, spec.height / height)
    return out, inside, Letterbox(scale, left, top, width, height)


def _fit(width: int, height: int, spec: InputSpec) -> tuple[int, int]:
    # integers: in floats 416 / 747 * 747 can fall just under 416 and lose a pixel
    if spec.width * height <= spec.height * width:
        return spec.width, max(1, height * spec.width // width)
    return max(1, width * spec.height // height), spec.height


def _pad(out: Image, left: int, top: int, right: int, bottom: int, value: int) -> None:
    out[:top] = value
    out[bottom:] = value
    out[top:bottom, :left] = value
    out[top:bottom, right:] = value

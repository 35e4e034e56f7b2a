"""Masks as COCO's compressed run lengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MORE = 0x20  # the next character belongs to the same number
SIGN = 0x10
FIRST_CHARACTER = 48


def encode_mask(mask: NDArray[np.bool_]) -> dict[str, object]:
    """{"size": [H, W], "counts": str} of a (H, W) mask, as COCO json stores it.

    Lengths of runs of 0 and 1 by turns, column by column, 0 first; from the fourth on each as the
    difference to the last but one; numbers in digits of 5 bits, low digits first.

    Raises:
        ValueError: the mask is not (H, W).

    Source: the annotation format of cocodataset.org and its published reference, pycocotools.
    """
    if mask.ndim != 2:
        raise ValueError(f"mask is {mask.shape}, expected (H, W)")
    flat = np.concatenate([[False], mask.ravel(order="F").astype(bool)])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(edges, prepend=0, append=mask.size).tolist()
    changes = [run - runs[at - 2] if at > 2 else run for at, run in enumerate(runs)]
    return {"size": list(mask.shape), "counts": "".join(_digits(change) for change in changes)}


def _digits(number: int) -> str:
    text = ""
    while True:
        digit, number = number & 0x1F, number >> 5
        done = number == (-1 if digit & SIGN else 0)
        text += chr(FIRST_CHARACTER + (digit if done else digit | MORE))
        if done:
            return text

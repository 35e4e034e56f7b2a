"""Which boxes of two sets overlap, as a list of pairs instead of a full matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecv.trackers.motion import Floats
from edgecv.types import Ints


@dataclass(frozen=True)
class Pairs:
    """P pairs of a row (a track) and a column (a detection), with a value each.

    Attributes:
        rows, cols: (P,) int64.
        values: (P,) float64.
    """

    rows: Ints
    cols: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Pairs:
        return Pairs(self.rows[keep], self.cols[keep], self.values[keep])


NO_PAIRS = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def overlapping(first: Floats, second: Floats, first_classes: Ints, second_classes: Ints) -> Pairs:
    """The pairs of one class that overlap, with their intersection over union.

    Args:
        first: (N, 4) xyxy.
        second: (M, 4) xyxy.
        first_classes: (N,).
        second_classes: (M,).

    Returns:
        Pairs with values in (0, 1].
    """
    if not len(first) or not len(second):
        return NO_PAIRS
    rows, cols = _near_in_x(first, second)
    near = (first[rows, 1] < second[cols, 3]) & (second[cols, 1] < first[rows, 3])
    near &= first_classes[rows] == second_classes[cols]
    rows, cols = rows[near], cols[near]
    one, two = first[rows], second[cols]
    sides = np.minimum(one[:, 2:], two[:, 2:]) - np.maximum(one[:, :2], two[:, :2])
    shared = sides[:, 0] * sides[:, 1]
    union = _areas(first)[rows] + _areas(second)[cols] - shared
    values = shared / union
    return Pairs(rows, cols, values).take((sides > 0).all(axis=1))


def _areas(boxes: Floats) -> Floats:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])


def _near_in_x(first: Floats, second: Floats) -> tuple[Ints, Ints]:
    """Pairs that can overlap in x: second sorted by its left edge, a range for each of first."""
    order = np.argsort(second[:, 0])
    lefts = second[order, 0]
    widest = (second[:, 2] - second[:, 0]).max()
    start = np.searchsorted(lefts, first[:, 0] - widest)
    counts = np.maximum(np.searchsorted(lefts, first[:, 2]) - start, 0)
    rows = np.repeat(np.arange(len(first)), counts)
    offsets = np.cumsum(counts) - counts - start
    return rows, order[np.arange(len(rows)) - offsets[rows]]

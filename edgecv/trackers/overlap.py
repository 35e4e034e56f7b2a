"""Which boxes of two sets overlap, as a list of pairs instead of a full matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    def take(self, keep: NDArray[np.bool_]) -> Pairs:
        index = keep.nonzero()[0]
        return Pairs(self.rows.take(index), self.cols.take(index), self.values.take(index))


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
    one, two = first.take(rows, axis=0), second.take(cols, axis=0)
    sides = np.minimum(one[:, 2:], two[:, 2:]) - np.maximum(one[:, :2], two[:, :2])
    meet = sides.min(axis=1) > 0
    meet &= first_classes.take(rows) == second_classes.take(cols)
    kept = meet.nonzero()[0]
    sides = sides.take(kept, axis=0)
    shared = sides[:, 0] * sides[:, 1]
    union = _areas(one.take(kept, axis=0)) + _areas(two.take(kept, axis=0)) - shared
    return Pairs(rows.take(kept), cols.take(kept), shared / union)


def _areas(boxes: Floats) -> Floats:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])


def _near_in_x(first: Floats, second: Floats) -> tuple[Ints, Ints]:
    """Pairs that can overlap in x: second sorted by its left edge, a range for each of first."""
    left = second[:, 0]
    order = left.argsort()
    lefts = left.take(order)
    widest = (second[:, 2] - left).max()
    start = lefts.searchsorted(first[:, 0] - widest)
    counts = np.maximum(lefts.searchsorted(first[:, 2]) - start, 0)
    rows = np.arange(len(first)).repeat(counts)
    offsets = counts.cumsum() - counts - start
    return rows, order.take(np.arange(len(rows)) - offsets.take(rows))

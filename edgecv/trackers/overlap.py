"""Which boxes of two sets overlap, as a list of pairs instead of a full matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecv.trackers.motion import Floats
from edgecv.types import Ints

# up to so many pairs all of them are looked at: quicker than a look for those that are near
FEW = 500


@dataclass(slots=True)  # not frozen: made a dozen times a frame, which takes three times as long
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
    # columns apart: a one-dimensional gather is several times faster than one of rows
    one, two = np.ascontiguousarray(first.T), np.ascontiguousarray(second.T)
    rows, cols = _near(one, two)
    one, two = one.take(rows, axis=1), two.take(cols, axis=1)
    width = np.minimum(one[2], two[2]) - np.maximum(one[0], two[0])
    height = np.minimum(one[3], two[3]) - np.maximum(one[1], two[1])
    shared = width * height
    values = shared / (_areas(one) + _areas(two) - shared)
    return Pairs(rows, cols, values).take(
        (width > 0) & (height > 0) & (first_classes.take(rows) == second_classes.take(cols))
    )


def _areas(columns: Floats) -> Floats:
    return np.asarray((columns[2] - columns[0]) * (columns[3] - columns[1]))


def _near(one: Floats, two: Floats) -> tuple[Ints, Ints]:
    """Pairs of (4, N) and (4, M) boxes, all that overlap among them, by row."""
    count = two.shape[1]
    if one.shape[1] * count <= FEW:
        rows, cols = np.divmod(np.arange(one.shape[1] * count), count)
        return rows, cols
    rows, cols = _near_in_x(one, two)
    near = one[1].take(rows) < two[3].take(cols)
    near &= two[1].take(cols) < one[3].take(rows)
    kept = near.nonzero()[0]
    return rows.take(kept), cols.take(kept)


def _near_in_x(one: Floats, two: Floats) -> tuple[Ints, Ints]:
    """Pairs of (4, N) and (4, M) boxes that can overlap in x: for each, a range of left edges."""
    left = two[0]
    order = left.argsort()
    lefts = left.take(order)
    start = lefts.searchsorted(one[0] - (two[2] - left).max())
    counts = np.maximum(lefts.searchsorted(one[2]) - start, 0)
    rows = np.arange(one.shape[1]).repeat(counts)
    offsets = counts.cumsum() - counts - start
    return rows, order.take(np.arange(len(rows)) - offsets.take(rows))

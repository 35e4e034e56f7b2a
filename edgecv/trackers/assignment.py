"""One-to-one assignment with the largest total gain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecv.trackers.linear_sum import load_solver
from edgecv.trackers.motion import Floats
from edgecv.trackers.overlap import Pairs
from edgecv.types import Ints

FEW_PAIRS = 40  # up to so many the solver is quicker than a look for the pairs that are sure
NO_INDEX = np.zeros(0, np.int64)
linear_sum_assignment = load_solver()


def assign(pairs: Pairs, rows: int, cols: int) -> tuple[Ints, Ints]:
    """Rows and columns to pair so that the sum of gains is largest; each at most once.

    A row or column may stay alone, which gains 0: this is the assignment with a cost limit,
    where gain = limit - cost.

    Args:
        pairs: the possible pairs, each once, with their gains; those without gain are ignored.
        rows, cols: how many there are.

    Returns:
        Two (K,) index arrays.
    """
    pairs = pairs.take(pairs.values > 0)
    found = [(NO_INDEX, NO_INDEX)]
    while len(pairs):
        few = len(pairs) <= FEW_PAIRS
        sure = NO_INDEX if few else _settled(pairs, rows, cols).nonzero()[0]
        if not len(sure):
            found.append(_solve(pairs, rows, cols))
            break
        found.append((pairs.rows.take(sure), pairs.cols.take(sure)))
        if len(sure) == len(pairs):
            break
        pairs = pairs.take(_untouched(pairs, *found[-1], rows, cols))
    return np.concatenate([some for some, _ in found]), np.concatenate([some for _, some in found])


def without(values: NDArray[Any], positions: Ints) -> NDArray[Any]:
    """The values (N,) that do not stand at some positions (K,); `np.delete`, much faster."""
    kept = np.ones(len(values), bool)
    kept[positions] = False
    return values[kept]


def _settled(pairs: Pairs, rows: int, cols: int) -> NDArray[np.bool_]:
    """Pairs that every best assignment contains.

    A pair that gains more than the best other pair of its row and the best other pair of its
    column together: an assignment without it has at most these two in its place.
    """
    others = _best_other(pairs.rows, pairs.values, rows)
    others += _best_other(pairs.cols, pairs.values, cols)
    return np.asarray(pairs.values > others)


def _best_other(group: Ints, values: Floats, groups: int) -> Floats:
    """(P,) for each pair the largest value among the other pairs of its group, 0 if none."""
    best = np.zeros(groups)
    np.maximum.at(best, group, values)
    best_here = best.take(group)
    is_best = values == best_here
    second = np.zeros(groups)
    others = (~is_best).nonzero()[0]
    if len(others):
        np.maximum.at(second, group.take(others), values.take(others))
    tied = np.bincount(group[is_best], minlength=groups) > 1
    second[tied] = best[tied]
    return np.where(is_best, second.take(group), best_here)


def _untouched(
    pairs: Pairs, taken_rows: Ints, taken_cols: Ints, rows: int, cols: int
) -> NDArray[np.bool_]:
    free_row, free_col = np.ones(rows, bool), np.ones(cols, bool)
    free_row[taken_rows] = False
    free_col[taken_cols] = False
    return np.asarray(free_row.take(pairs.rows) & free_col.take(pairs.cols))


def _solve(pairs: Pairs, rows: int, cols: int) -> tuple[Ints, Ints]:
    named_rows, at_row = _compact(pairs.rows, rows)
    named_cols, at_col = _compact(pairs.cols, cols)
    gains = np.zeros((len(named_rows), len(named_cols)))
    gains[at_row, at_col] = pairs.values
    chosen_rows, chosen_cols = linear_sum_assignment(gains, maximize=True)
    real = gains[chosen_rows, chosen_cols] > 0
    return named_rows[chosen_rows[real]], named_cols[chosen_cols[real]]


def _compact(indices: Ints, count: int) -> tuple[Ints, Ints]:
    """The different indices below count, rising, and the position of each index among them."""
    used = np.zeros(count, bool)
    used[indices] = True
    return used.nonzero()[0], (used.cumsum() - 1).take(indices)

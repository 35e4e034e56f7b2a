"""One-to-one assignment with the largest total gain."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from edgecv.trackers.motion import Floats
from edgecv.trackers.overlap import Pairs
from edgecv.types import Ints


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
    found_rows, found_cols = [], []
    while len(pairs):
        sure = _settled(pairs, rows, cols)
        if not sure.any():
            break
        found_rows.append(pairs.rows[sure])
        found_cols.append(pairs.cols[sure])
        pairs = pairs.take(_untouched(pairs, sure, rows, cols))
    if len(pairs):
        rest_rows, rest_cols = _solve(pairs)
        found_rows.append(rest_rows)
        found_cols.append(rest_cols)
    if not found_rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found_rows), np.concatenate(found_cols)


def _settled(pairs: Pairs, rows: int, cols: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
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
    is_best = values == best[group]
    second = np.zeros(groups)
    np.maximum.at(second, group[~is_best], values[~is_best])
    tied = np.bincount(group[is_best], minlength=groups) > 1
    second[tied] = best[tied]
    return np.where(is_best, second[group], best[group])


def _untouched(
    pairs: Pairs, sure: np.ndarray[tuple[int], np.dtype[np.bool_]], rows: int, cols: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    row_taken, col_taken = np.zeros(rows, bool), np.zeros(cols, bool)
    row_taken[pairs.rows[sure]] = True
    col_taken[pairs.cols[sure]] = True
    return np.asarray(~(row_taken[pairs.rows] | col_taken[pairs.cols]))


def _solve(pairs: Pairs) -> tuple[Ints, Ints]:
    rows, at_row = np.unique(pairs.rows, return_inverse=True)
    cols, at_col = np.unique(pairs.cols, return_inverse=True)
    gains = np.zeros((len(rows), len(cols)))
    gains[at_row, at_col] = pairs.values
    chosen_rows, chosen_cols = linear_sum_assignment(gains, maximize=True)
    real = gains[chosen_rows, chosen_cols] > 0
    return rows[chosen_rows[real]], cols[chosen_cols[real]]

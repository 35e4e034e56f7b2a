from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from edgecv.boxes import iou
from edgecv.trackers.assignment import assign
from edgecv.trackers.motion import Floats
from edgecv.trackers.overlap import NO_PAIRS, Pairs, overlapping

ONE_CLASS = np.zeros(1, np.int64)


def crowd(count: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 300, (count, 2)), random.uniform(1, 120, (count, 2))
    return np.concatenate([corner, corner + size], axis=1)


@pytest.mark.parametrize(("rows", "cols"), [(0, 0), (0, 3), (3, 0), (1, 1), (1, 9), (40, 60)])
@pytest.mark.parametrize("seed", range(3))
def test_overlaps_are_those_of_the_full_matrix(rows: int, cols: int, seed: int) -> None:
    first, second = crowd(rows, seed), crowd(cols, seed + 100)
    classes = np.arange(rows) % 2, np.arange(cols) % 3
    pairs = overlapping(first, second, *classes)
    found = np.zeros((rows, cols))
    found[pairs.rows, pairs.cols] = pairs.values
    expected = iou(first.astype(np.float32), second.astype(np.float32)).astype(float)
    expected[classes[0][:, None] != classes[1][None]] = 0
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(pairs) == np.count_nonzero(found)


def test_boxes_that_only_touch_do_not_overlap() -> None:
    first, second = np.array([[0.0, 0, 10, 10]]), np.array([[10.0, 0, 20, 10]])
    assert len(overlapping(first, second, ONE_CLASS, ONE_CLASS)) == 0


def test_boxes_of_another_width_are_refused() -> None:
    with pytest.raises((ValueError, IndexError)):
        overlapping(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2, int), np.zeros(2, int))


def total(gains: Floats, chosen: tuple[np.ndarray, np.ndarray]) -> float:
    return float(gains[chosen].sum())


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (5, 5), (30, 20), (80, 90)])
@pytest.mark.parametrize("digits", [1, 12])  # rounded to one digit, most gains have equals
@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_the_total_gain_is_the_largest_possible(
    shape: tuple[int, int], digits: int, share: float
) -> None:
    random = np.random.default_rng(shape[0])
    gains = random.uniform(-0.5, 1, shape).round(digits)
    gains[random.random(shape) > share] = 0
    rows, cols = gains.nonzero()
    chosen = assign(Pairs(rows, cols, gains[rows, cols]), *shape)
    best = np.maximum(gains, 0)
    assert total(gains, chosen) == pytest.approx(
        total(best, linear_sum_assignment(best, maximize=True))
    )
    for side in chosen:
        assert len(np.unique(side)) == len(side)
    assert (gains[chosen] > 0).all()


def test_no_pairs_give_no_assignment() -> None:
    rows, cols = assign(NO_PAIRS, 3, 4)
    assert (len(rows), len(cols)) == (0, 0)


def test_a_pair_outside_the_stated_shape_is_refused() -> None:
    with pytest.raises(IndexError):
        assign(Pairs(np.array([5]), np.array([0]), np.array([1.0])), 2, 2)

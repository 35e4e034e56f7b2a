from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from edgecv.quantization.observe import BINS, Histogram
from edgecv.quantization.ranges import Merged, Range, choose, error, merge
from edgecv.recipe import Observer

OBSERVERS = [name for name in get_args(Observer)]


def histogram(rows: np.ndarray) -> Histogram:
    low, high = rows.min(axis=1), rows.max(axis=1)
    counts = [
        np.histogram(row, BINS, range=(one, other))[0]
        for row, one, other in zip(rows, low, high, strict=True)
    ]
    return Histogram(low, high, np.array(counts, np.float64))


def plain(rows: np.ndarray) -> Merged:
    return merge(histogram(rows), np.ones(len(rows)))


def normal(outlier: float = 0) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(2, 20000))
    if outlier:
        rows[0, 0] = outlier
    return rows


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("symmetric", [False, True])
def test_zero_is_always_exact(observer: Any, symmetric: bool) -> None:
    found = choose(plain(normal() + 5), observer, symmetric)
    assert found.apply(np.zeros(1))[0] == 0
    assert found.low <= 0 <= found.high


@pytest.mark.parametrize("observer", OBSERVERS)
def test_a_symmetric_range_is_symmetric(observer: Any) -> None:
    found = choose(plain(normal()), observer, symmetric=True)
    assert found.low == -found.high
    assert found.zero_point == 128


def test_minmax_takes_everything() -> None:
    rows = normal(outlier=50)
    found = choose(plain(rows), "minmax", symmetric=False)
    assert found.low == pytest.approx(rows.min(), abs=0.1)
    assert found.high == pytest.approx(50, abs=0.1)


def test_percentile_leaves_the_tails_out() -> None:
    rows = normal(outlier=50)
    found = choose(plain(rows), "percentile", symmetric=False, percentile=99)
    low, high = np.percentile(rows, [1, 99])
    assert found.low == pytest.approx(low, abs=0.2)
    assert found.high == pytest.approx(high, abs=0.2)


def test_mse_is_as_good_as_the_best_of_a_fine_search() -> None:
    merged = plain(normal())
    found = choose(merged, "mse", symmetric=True)
    best = min(error(merged, Range(-reach, reach)) for reach in np.linspace(1, 5, 200))
    assert error(merged, found) <= 1.05 * best


def test_entropy_clips_a_lone_outlier() -> None:
    assert choose(plain(normal(outlier=200)), "entropy", symmetric=True).high < 40


def test_auto_has_the_least_error_of_all_observers() -> None:
    merged = plain(normal(outlier=30))
    errors = {name: error(merged, choose(merged, name, symmetric=False)) for name in OBSERVERS}
    assert errors["auto"] == min(errors.values())


def test_a_channel_that_nothing_reads_does_not_widen_the_range() -> None:
    rows = normal()
    rows[1] *= 100
    read = merge(histogram(rows), np.array([1.0, 1.0]))
    unread = merge(histogram(rows), np.array([1.0, 0.0]))
    assert choose(unread, "mse", symmetric=True).high < 0.1 * choose(read, "mse", True).high


def test_a_divisor_puts_a_hot_channel_on_the_scale_of_the_others() -> None:
    rows = normal()
    rows[1] *= 100
    divisor = np.array([1, 100], np.float32)
    plainly, divided = (
        merge(histogram(rows), np.ones(2)),
        merge(histogram(rows), np.ones(2), divisor),
    )
    # what counts is the cold channel: its error in the hot channel's range, and in its own
    assert choose(divided, "minmax", True).high < 0.05 * choose(plainly, "minmax", True).high


def test_behind_a_silu_what_is_far_below_zero_needs_no_steps() -> None:
    merged = plain(np.random.default_rng(0).uniform(-100, 4, (1, 50000)))
    before = choose(merged, "mse", symmetric=False)
    behind = choose(merged, "mse", symmetric=False, activation="silu")
    assert before.low < -60
    assert behind.low > -15


def test_values_come_back_within_half_a_step() -> None:
    values = np.linspace(-1, 3, 1001)
    found = Range(-1, 3)
    assert np.abs(found.apply(values) - values).max() <= found.scale
    assert len(np.unique(found.apply(values))) == 256


def test_a_tensor_of_zeros_has_a_range() -> None:
    found = choose(plain(np.zeros((1, 10))), "auto", symmetric=False)
    assert found.scale > 0
    assert found.apply(np.zeros(3)).tolist() == [0, 0, 0]

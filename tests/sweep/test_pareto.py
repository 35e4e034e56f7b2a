from __future__ import annotations

import numpy as np
import pytest
from made_sweep import point, sweep, variant

from edgecv.sweep.pareto import front, with_front


def beaten(mine: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(b <= a for a, b in zip(mine, other, strict=True)) and other != mine


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_that_of_all_pairs(seed: int) -> None:
    # few values, so that many are equal in one cost or in all
    costs = [tuple(map(float, row)) for row in np.random.default_rng(seed).integers(0, 6, (40, 3))]
    assert front(costs) == [not any(beaten(mine, other) for other in costs) for mine in costs]


def test_none_one_and_equal_ones() -> None:
    assert front([]) == []
    assert front([(1, 2, 3)]) == [True]
    assert front([(1, 2), (1, 2), (1, 3)]) == [True, True, False]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        front([(1, float("nan"))])
    with pytest.raises(ValueError, match="inhomogeneous"):
        front([(1, 2), (1,)])


def test_more_map_less_time_and_less_size_are_better() -> None:
    found = with_front(
        sweep(
            variant("0", point(mAP=0.5, p90_ms=5)),
            variant("1", point(mAP=0.5, p90_ms=6), point("openvino-fp32", mAP=0.6, p90_ms=9)),
            variant("2", point(mAP=0.4, p90_ms=9, size_bytes=10)),
            variant("3", state="stopped"),
        )
    )
    marked = {(one.name[6], file.file[9:]): file.front for one, file in found.points}
    assert marked == {
        ("0", "int8"): True,
        ("1", "int8"): False,
        ("1", "fp32"): True,
        ("2", "int8"): True,
    }


def test_a_sweep_without_points_has_no_front() -> None:
    assert with_front(sweep()).points == []

from __future__ import annotations

import numpy as np
import pytest

from edgecv.errors import UsageError
from edgecv.pruning.convs import Conv
from edgecv.pruning.costs import Costs, channels_of, macs_costs, total
from edgecv.pruning.groups import Group
from edgecv.pruning.search import check_reachable, choose, limits

SIDE = 4


def conv(inputs: int, outputs: int) -> Conv:
    return Conv(inputs, outputs, False, (1, 1), (1, 1), (0, 0, 0, 0), SIDE, SIDE, "")


# three convs one after another: a makes what b reads, b what c reads
CONVS = {"a": conv(3, 16), "b": conv(16, 16), "c": conv(16, 5)}
GROUPS = [Group("a", 16, {"a": 1}, {"b": 1}), Group("b", 16, {"b": 1}, {"c": 1})]
EVEN = {name: np.full(16, 1 / 16) for name in ("a", "b")}
MACS = macs_costs(CONVS)
WHOLE = SIDE * SIDE * (3 * 16 + 16 * 16 + 16 * 5)


def costs(table: dict[str, float]) -> Costs:
    """So much for each output of a conv."""
    return Costs("ms", 0.0, lambda name, inputs, outputs: table[name] * outputs, CONVS)


def test_the_cost_of_the_choice_is_that_of_its_channels() -> None:
    found = choose(GROUPS, EVEN, MACS, WHOLE / 2, limits(GROUPS, 4, 0.25))
    assert found.before == WHOLE
    kept = {name: 16 - len(gone) for name, gone in found.gone.items()}
    a, b = kept.get("a", 16), kept.get("b", 16)
    assert found.after == SIDE * SIDE * (3 * a + a * b + b * 5)
    assert found.after <= WHOLE / 2


@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_what_is_kept_is_a_multiple_of_the_step(step: int) -> None:
    found = choose(GROUPS, EVEN, MACS, WHOLE * 0.4, limits(GROUPS, step, 0.1))
    assert found.gone
    assert all((16 - len(gone)) % step == 0 for gone in found.gone.values())


def test_a_width_that_is_no_multiple_comes_down_to_one() -> None:
    convs = {"a": conv(3, 13), "b": conv(13, 5)}
    groups = [Group("a", 13, {"a": 1}, {"b": 1})]
    even = {"a": np.full(13, 1 / 13)}
    found = choose(groups, even, macs_costs(convs), SIDE * SIDE * 8 * 12.9, limits(groups, 8, 0.1))
    assert len(found.gone["a"]) == 5


def test_the_least_important_channels_go() -> None:
    worth = {"a": np.arange(16.0) + 1, "b": np.full(16, 1e6)}
    found = choose(GROUPS, worth, MACS, WHOLE * 0.8, limits(GROUPS, 4, 0.1))
    assert [*found.gone] == ["a"]
    assert found.gone["a"] == [*range(len(found.gone["a"]))]


def test_a_cut_that_buys_nothing_is_not_made() -> None:
    # b is worth next to nothing, but its time does not change
    worth = {"a": np.full(16, 1.0), "b": np.full(16, 1e-9)}
    found = choose(GROUPS, worth, costs({"a": 1, "b": 0, "c": 0}), 8, limits(GROUPS, 4, 0.1))
    assert {name: len(gone) for name, gone in found.gone.items()} == {"a": 8}


def test_a_gain_behind_a_step_without_one_is_found() -> None:
    def stairs(name: str, inputs: int, outputs: int) -> float:
        return float(-(-outputs // 8)) if name == "a" else 0.0

    steps = Costs("ms", 0.0, stairs, CONVS)
    found = choose(GROUPS, EVEN, steps, 1.0, limits(GROUPS, 4, 0.1))
    assert {name: len(gone) for name, gone in found.gone.items()} == {"a": 8}


def test_of_two_cuts_that_gain_the_same_the_one_that_loses_less_is_made() -> None:
    worth = {"a": np.full(16, 2.0), "b": np.full(16, 1.0)}
    found = choose(GROUPS, worth, costs({"a": 1, "b": 1, "c": 0}), 28, limits(GROUPS, 4, 0.1))
    assert {name: len(gone) for name, gone in found.gone.items()} == {"b": 4}


def test_no_layer_falls_under_its_floor_and_what_is_out_of_reach_is_refused() -> None:
    allowed = limits(GROUPS, 4, 0.3)
    assert allowed.least == {"a": 8, "b": 8}
    at_least = SIDE * SIDE * (3 * 8 + 8 * 8 + 8 * 5)
    found = choose(GROUPS, EVEN, MACS, at_least, allowed)
    assert found.after == at_least
    with pytest.raises(UsageError, match=r"keeping 0\.1 .*empty layers: .* a at 8 of 16 .* 0\.333"):
        choose(GROUPS, EVEN, MACS, WHOLE * 0.1, allowed)
    check_reachable(GROUPS, MACS, at_least / WHOLE, allowed)
    with pytest.raises(UsageError, match=r"keeping 0\.1 .*empty layers: .* a at 8 of 16 .* 0\.333"):
        check_reachable(GROUPS, MACS, 0.1, allowed)


def test_a_group_narrower_than_the_step_stays() -> None:
    groups = [Group("a", 16, {"a": 1}, {"b": 1})]
    assert limits(groups, 32, 0.1).least == {"a": 16}


def test_a_target_that_is_met_needs_no_cut() -> None:
    assert choose(GROUPS, EVEN, MACS, WHOLE, limits(GROUPS, 4, 0.1)).gone == {}
    assert choose([], {}, MACS, WHOLE, limits([], 4, 0.1)).after == WHOLE


def test_no_cut_made_of_single_steps_is_better_where_all_is_even() -> None:
    """Against all combinations: the greedy choice is near the best of them."""
    target = WHOLE * 0.5
    found = choose(GROUPS, EVEN, MACS, target, limits(GROUPS, 1, 1 / 16))

    def price(a: int, b: int) -> float:
        return -np.log(a / 16) - np.log(b / 16)

    best = min(
        price(a, b)
        for a in range(1, 17)
        for b in range(1, 17)
        if total(MACS, channels_of(CONVS, GROUPS, {"a": a, "b": b})) <= target
    )
    kept = [16 - len(found.gone.get(name, ())) for name in ("a", "b")]
    assert price(*kept) <= 1.15 * best

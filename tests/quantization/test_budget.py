from __future__ import annotations

import pytest

from edgecv.quantization.budget import Step, allowances, give_back, search
from edgecv.recipe import BudgetSettings

RANKING = {"bad": 15.0, "dear": 20.0, "fair": 35.0, "good": 50.0}
WORK = {"bad": 0.01, "dear": 0.3, "fair": 0.01, "good": 0.01}


def test_the_worst_for_its_work_goes_back_first() -> None:
    assert give_back(RANKING, WORK, allowance=1.0)[0] == "bad"


def test_a_conv_that_does_more_work_than_is_allowed_is_passed_over() -> None:
    assert give_back(RANKING, WORK, allowance=0.1) == ["bad", "fair", "good"]


def test_nothing_goes_back_when_the_noise_is_low_already() -> None:
    assert give_back({"a": 40.0, "b": 45.0}, {"a": 0.1, "b": 0.1}, allowance=1.0) == []


def test_giving_back_ends_when_what_is_left_is_quiet() -> None:
    assert give_back(RANKING, WORK, allowance=1.0) == ["bad", "dear"]


def test_giving_back_goes_on_to_the_allowance_where_quiet_is_not_enough() -> None:
    assert give_back(RANKING, WORK, allowance=1.0, quiet=0.0) == ["bad", "dear", "fair", "good"]
    assert give_back(RANKING, WORK, allowance=0.025, quiet=0.0) == ["bad", "fair"]


def test_nothing_to_rank_gives_nothing_back() -> None:
    assert give_back({}, {}, allowance=1.0) == []


@pytest.mark.parametrize("most", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_allowances_grow_and_end_with_the_most(most: float) -> None:
    found = list(allowances(most))
    assert found == sorted(found)
    assert found[-1] == most


def step(
    target: str, allowance: float, quiet: float = 0, score: float | None = None, db: float = 29.0
) -> Step:
    return Step(target, allowance, [f"{allowance}"], db, score)


def test_the_first_try_that_holds_ends_the_search() -> None:
    scores = iter([0.4, 0.497, 0.5])
    steps = search(
        "openvino", BudgetSettings(max_drop=0.005), 0.5, lambda *how: step(*how, next(scores))
    )
    assert [one.score for one in steps] == [0.4, 0.497]


def test_where_no_try_holds_the_one_that_loses_least_is_last() -> None:
    best = 0.169 * 1.2
    steps = search(
        "openvino",
        BudgetSettings(max_drop=0.005, max_float=0.3),
        0.5,
        lambda target, share, quiet: step(
            target, share, quiet, 0.45 if abs(share - best) < 1e-6 else 0.4
        ),
    )
    assert len(steps) > 2
    assert steps[-1].score == 0.45


def test_tries_that_change_nothing_are_no_steps() -> None:
    same = Step("openvino", 0.1, ["a"], 20.0, 0.1)
    assert search("openvino", BudgetSettings(), 0.5, lambda *how: same) == [same]


@pytest.mark.parametrize("most", [0.05, 0.5])
def test_a_quiet_network_that_misses_the_metric_gives_back_what_the_budget_allows(
    most: float,
) -> None:
    ranking, work = {"a": 40.0, "large": 41.0}, {"a": 0.04, "large": 0.4}

    def attempt(target: str, allowance: float, quiet: float) -> Step:
        kept = give_back(ranking, work, allowance, quiet)
        return Step(target, allowance, kept, 40.0, 0.4 + 0.04 * len(kept))

    steps = search("openvino", BudgetSettings(max_drop=0.0, max_float=most), 0.5, attempt)
    assert [one.kept_float for one in steps] == [[], ["a"], ["a", "large"]][
        : 2 if most < 0.1 else 3
    ]


def test_without_ground_truth_a_clean_try_ends_the_search() -> None:
    assert len(search("openvino", BudgetSettings(), None, step)) == 1


@pytest.mark.parametrize("score", [None, 0.5])
def test_noise_asks_for_more_float_until_it_is_low(score: float | None) -> None:
    noise = iter([26.0, 27.9, 28.1])
    steps = search("openvino", BudgetSettings(), score, lambda *how: step(*how, score, next(noise)))
    assert [one.sqnr_db for one in steps] == [26.0, 27.9, 28.1]


def test_noise_alone_never_asks_for_more_than_a_quarter_of_the_work() -> None:
    steps = search("openvino", BudgetSettings(), 0.5, lambda *how: step(*how, 0.5, 10.0))
    assert 0.169 < max(one.allowance for one in steps) <= 0.25


def test_of_tries_that_are_never_clean_the_one_with_the_most_float_that_keeps_it_is_taken() -> None:
    noise, scores = iter([24.0, 26.0, 25.0]), iter([0.5, 0.5, 0.499])
    steps = search(
        "openvino", BudgetSettings(), 0.5, lambda *how: step(*how, next(scores), next(noise))
    )
    assert [one.sqnr_db for one in steps] == [24.0, 26.0, 25.0]


def test_a_small_limit_of_float_ends_the_search_where_the_metric_holds() -> None:
    steps = search(
        "openvino", BudgetSettings(max_float=0.05), 0.5, lambda *how: step(*how, 0.499, 10.0)
    )
    assert steps[-1].allowance == 0.05


def test_a_gain_is_no_loss() -> None:
    assert step("openvino", 0.1, score=0.6).drop(0.5) < 0

from __future__ import annotations

import sys

import pytest

from edgecv.errors import MissingExtraError
from edgecv.recipe_file import find, load
from edgecv.sweep.halving import Halving, Rivals, rivals_of


def rivals(*changes: str, name: str = "mobilenet_student_int8", which: Rivals = "network") -> str:
    return rivals_of(load(find(name), changes), which)


@pytest.mark.parametrize(
    "change",
    [
        *("distill.train.lr=0.02", "distill.train.epochs=7", "distill.response=0"),
        *("distill.features=cwd", "distill.train.augment.mosaic=0.5", "bench.queries=3"),
    ],
)
def test_variants_of_one_network_that_learn_otherwise_are_rivals(change: str) -> None:
    assert rivals(change) == rivals()


@pytest.mark.parametrize(
    "change",
    [
        *("distill.width=0.25", "distill.activation=silu", "distill.train.input_size=320"),
        *("quantize=null", "quantize.budget.max_drop=0.1", "distill.student=mobilenet_v2"),
    ],
)
def test_variants_of_another_network_or_precision_are_not(change: str) -> None:
    assert rivals(change) != rivals()
    assert rivals(change, which="all") == rivals(which="all")


def test_a_pruning_and_a_training_from_scratch_have_rivals_too() -> None:
    assert rivals("prune.train.lr=0.02", name="yolo_pruned_int8") == rivals(name="yolo_pruned_int8")
    assert rivals("prune.macs=0.4", name="yolo_pruned_int8") != rivals(name="yolo_pruned_int8")
    assert rivals("train.lr=0.02", name="transfer_int8") == rivals(name="transfer_int8")
    assert rivals("train.variant=yolox_s", name="transfer_int8") != rivals(name="transfer_int8")


def test_of_four_that_go_side_by_side_the_better_half_goes_on() -> None:
    halving = Halving()
    best_first = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}
    behind = {
        name: halving.falls_behind("net", name, ((1, score),), 4)
        for name, score in best_first.items()
    }
    # of those that have come so far: of one it, of two and three the best, of four two
    assert behind == {"a": False, "b": True, "c": True, "d": True}
    late = Halving()
    worst_first = [
        late.falls_behind("net", name, ((1, score),), 4)
        for name, score in reversed(best_first.items())
    ]
    assert worst_first == [False] * 4


def test_nothing_is_stopped_before_a_quarter_nor_at_the_end() -> None:
    halving = Halving()
    assert not halving.falls_behind("net", "best", ((100, 0.9),), 100)
    assert not halving.falls_behind("net", "good", ((25, 0.8),), 100)
    assert not halving.falls_behind("net", "bad", ((1, 0.0), (24, 0.1)), 100)
    assert not halving.falls_behind("net", "late", ((100, 0.1),), 100)
    assert halving.falls_behind("net", "bad", ((1, 0.0), (24, 0.1), (25, 0.1)), 100)


def test_one_that_was_good_at_a_quarter_may_fall_at_half() -> None:
    halving = Halving()
    assert not halving.falls_behind("net", "steady", ((25, 0.5), (50, 0.7)), 100)
    assert not halving.falls_behind("net", "early", ((25, 0.6), (49, 0.6)), 100)
    assert halving.falls_behind("net", "early", ((25, 0.6), (49, 0.6), (50, 0.6)), 100)


def test_those_of_another_network_do_not_count() -> None:
    halving = Halving()
    assert not halving.falls_behind("wide", "a", ((5, 0.9),), 10)
    assert not halving.falls_behind("narrow", "b", ((5, 0.1),), 10)


def test_scores_that_were_told_before_decide_nothing_again() -> None:
    halving = Halving()
    assert not halving.falls_behind("net", "a", ((5, 0.9),), 10)
    assert halving.falls_behind("net", "b", ((5, 0.1),), 10)
    assert not halving.falls_behind("net", "b", ((5, 0.1),), 10)
    assert not halving.falls_behind("net", "c", (), 10)


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[sweep\]'"):
        Halving()

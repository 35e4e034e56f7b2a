from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgecv.report.advice import advise
from edgecv.report.recommend import best_int8, faster, keeps_budget, p90_ms, recommend
from edgecv.report.schema import Accuracy, Drop, Latency, Parity, VariantReport

BUDGET = 0.005


def variant(name: str, p90: float | None = None, **measured: Any) -> VariantReport:
    """A variant; drop= and matched= are what was measured of its accuracy."""
    engine, _, precision = name.rpartition("-")
    drop, matched = measured.pop("drop", None), measured.pop("matched", None)
    return VariantReport(
        name=name,
        engine=engine,
        precision=precision,
        file=f"engines/{name}",
        size_bytes=1,
        latency_ms=None if p90 is None else Latency(p50=p90, p90=p90, p99=p90, max=p90),
        drop=None if drop is None else Drop(mAP=drop),
        parity=None if matched is None else Parity(matched=matched),
        **measured,
    )


def test_without_variants_nothing_is_recommended() -> None:
    found = recommend([], BUDGET)
    assert found.name is None
    assert "No variant was timed" in found.reason


def test_a_lone_float_variant_is_recommended_and_the_absence_of_int8_said() -> None:
    found = recommend([variant("openvino-fp32", 12.0)], BUDGET)
    assert found.name == "openvino-fp32"
    assert "No INT8 variant was timed" in found.reason


def test_int8_that_is_faster_and_accurate_wins() -> None:
    found = recommend(
        [variant("a-fp32", 12.0), variant("b-fp32", 10.0), variant("a-int8", 5.0, drop=0.004)],
        BUDGET,
    )
    assert found.name == "a-int8"
    assert "2.00 times as fast" in found.reason
    assert "0.004 below float's" in found.reason


def test_int8_that_gains_accuracy_is_said_to_be_above_float() -> None:
    pair = [variant("a-fp32", 12.0), variant("a-int8", 5.0, drop=-0.01)]
    assert "0.010 above float's" in recommend(pair, BUDGET).reason


def test_slower_int8_loses_and_both_times_are_named() -> None:
    found = recommend(
        [variant("onnxruntime-fp32", 12.0), variant("onnxruntime-int8", 18.1, drop=0.0)], BUDGET
    )
    assert found.name == "onnxruntime-fp32"
    assert "INT8 is slower than float" in found.reason
    assert "18.1 ms" in found.reason
    assert "12.0 ms" in found.reason


def test_int8_must_beat_the_fastest_float_of_any_engine() -> None:
    found = recommend(
        [variant("a-fp32", 20.0), variant("b-fp32", 9.0), variant("a-int8", 10.0, drop=0.0)],
        BUDGET,
    )
    assert found.name == "b-fp32"


def test_a_gain_inside_the_drift_of_a_machine_is_no_gain() -> None:
    found = recommend([variant("a-fp32", 10.2), variant("a-int8", 10.0, drop=0.0)], BUDGET)
    assert found.name == "a-fp32"
    assert "not faster than float beyond noise" in found.reason


def test_fast_int8_that_misses_the_budget_is_refused_with_its_loss() -> None:
    found = recommend([variant("a-fp32", 12.0), variant("a-int8", 5.0, drop=0.02)], BUDGET)
    assert found.name == "a-fp32"
    assert "a-int8 loses 0.020" in found.reason


def test_the_budget_itself_is_still_within_it() -> None:
    assert keeps_budget(variant("a-int8", drop=BUDGET), BUDGET) is True
    assert keeps_budget(variant("a-int8", drop=BUDGET + 1e-6), BUDGET) is False


def test_without_ground_truth_agreement_decides() -> None:
    assert keeps_budget(variant("a-int8", matched=0.95), BUDGET) is True
    assert keeps_budget(variant("a-int8", matched=0.5), BUDGET) is False
    assert keeps_budget(variant("a-int8"), BUDGET) is None
    found = recommend([variant("a-fp32", 12.0), variant("a-int8", 5.0, matched=0.95)], BUDGET)
    assert found.name == "a-int8"
    assert "no ground truth" in found.reason


def test_data_on_which_float_finds_nothing_shows_no_loss_so_agreement_decides() -> None:
    blind = {"accuracy": Accuracy(mAP=0.001, mAP50=0.001), "drop": 0.0}
    assert keeps_budget(variant("openvino-int8", 1.0, **blind), BUDGET) is None
    assert keeps_budget(variant("openvino-int8", 1.0, matched=0.5, **blind), BUDGET) is False
    assert keeps_budget(variant("openvino-int8", 1.0, matched=1.0, **blind), BUDGET) is True
    seeing = {"accuracy": Accuracy(mAP=0.2, mAP50=0.2), "drop": 0.0}
    assert keeps_budget(variant("openvino-int8", 1.0, matched=0.5, **seeing), BUDGET) is True


def test_int8_whose_accuracy_nobody_measured_is_not_recommended() -> None:
    found = recommend([variant("a-fp32", 12.0), variant("a-int8", 5.0)], BUDGET)
    assert found.name == "a-fp32"
    assert "a-int8 was not compared" in found.reason


def test_int8_without_a_timed_float_is_recommended_with_that_reserve() -> None:
    found = recommend([variant("a-fp32"), variant("a-int8", 5.0, drop=0.0)], BUDGET)
    assert found.name == "a-int8"
    assert "No float variant was timed" in found.reason


def test_only_inaccurate_int8_timed_recommends_nothing() -> None:
    found = recommend([variant("a-int8", 5.0, drop=0.3)], BUDGET)
    assert found.name is None
    assert "none is recommended" in found.reason


@pytest.mark.parametrize(("spread", "wins"), [(0.1, True), (12.0, False)])
def test_samples_that_scatter_widely_prove_no_gain(spread: float, wins: bool) -> None:
    random = np.random.default_rng(1)
    slow, fast = (base + spread * random.random(40) for base in (10.0, 9.0))
    samples = {"a-fp32": slow.tolist(), "a-int8": fast.tolist()}
    one = variant("a-int8", float(np.percentile(fast, 90)))
    other = variant("a-fp32", 1.05 * p90_ms(one))
    assert faster(one, other, samples) is wins
    assert faster(one, other, {})


def test_the_int8_to_show_is_accurate_before_it_is_fast() -> None:
    shown = best_int8(
        [variant("a-int8", 5.0, drop=0.1), variant("b-int8", 9.0, drop=0.0), variant("a-fp32", 1)],
        BUDGET,
    )
    assert shown is not None
    assert shown.name == "b-int8"
    assert best_int8([variant("a-fp32")], BUDGET) is None


def test_advice_for_an_untimed_engine_names_its_file_and_the_acceptance() -> None:
    details = {"acceptance": {"accepted": True, "version": "TensorRT-RTX 1.7.1"}}
    rows = advise(
        [
            variant("onnxruntime-fp32", 12.0),
            variant("tensorrt-fp32"),
            variant("tensorrt-int8", drop=0.0, details=details),
        ],
        BUDGET,
    )
    assert [row.target for row in rows] == ["onnxruntime", "tensorrt"]
    assert rows[0].advice == "12.0 ms at p90 on this machine"
    assert rows[1].file == "engines/tensorrt-int8"
    assert rows[1].advice == "accepted by TensorRT-RTX 1.7.1, to be timed on the device"


def test_advice_says_refused_and_inaccurate() -> None:
    details = {"acceptance": {"accepted": False, "version": "TensorRT-RTX 1.7.1"}}
    (row,) = advise([variant("tensorrt-int8", drop=0.2, details=details)], BUDGET)
    assert row.advice.startswith("refused by TensorRT-RTX 1.7.1, misses the accuracy budget")


def test_no_variants_need_no_advice() -> None:
    assert advise([], BUDGET) == ()

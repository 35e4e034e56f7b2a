from __future__ import annotations

import pytest

from edgecv.report import tables
from edgecv.report.quantization import Layer
from edgecv.report.schema import Report


def test_no_variants_give_no_rows() -> None:
    assert tables.pairs(()) == []
    assert tables.classes(None, None) == []
    assert tables.acceptance(()) == []


def test_a_variant_with_a_file_in_16_bits_has_two_verdicts(report: Report) -> None:
    details = {
        "acceptance": {"accepted": True, "capabilities": ["SM80", "SM86"]},
        "acceptance_half": {"accepted": False, "capabilities": []},
    }
    variant = report.variant("tensorrt-int8").model_copy(update={"details": details})
    rows = tables.acceptance([variant])
    assert [(row["half"], row["accepted"], row["capabilities"]) for row in rows] == [
        (False, True, ["SM80", "SM86"]),
        (True, False, []),
    ]


def test_before_and_after_are_of_one_engine(report: Report) -> None:
    rows = {row["engine"]: row for row in tables.pairs(report.variants)}
    assert list(rows) == ["openvino", "onnxruntime", "tensorrt"]
    before, after, ratio = rows["onnxruntime"]["p90"]
    assert ratio == pytest.approx(before / after)
    assert ratio < 1
    assert rows["openvino"]["map"][2] == pytest.approx(-0.002)
    assert rows["tensorrt"]["p90"] == (None, None, None)


def test_classes_are_sorted_by_the_size_of_their_change(report: Report) -> None:
    rows = tables.classes(report.variant("openvino-int8"), report.variant("onnxruntime-fp32"))
    changes = [abs(row["after"] - row["before"]) for row in rows]
    assert len(rows) == 18
    assert changes == sorted(changes, reverse=True)


def test_damage_runs_from_one_to_none_and_knows_what_stays_in_float(report: Report) -> None:
    rows = tables.ranking(report)
    assert len(rows) == tables.RANKING_SHOWN
    assert rows[0]["damage"] == 1
    assert [row["kept"] for row in rows[:4]] == [True, True, True, False]
    assert all(0 <= row["damage"] <= 1 for row in rows)


def test_one_layer_and_none_can_be_ranked(report: Report) -> None:
    one = report.model_copy(update={"ranking": (Layer(node="a", sqnr_db=9.0),)})
    assert [row["damage"] for row in tables.ranking(one)] == [0]
    assert tables.ranking(report.model_copy(update={"ranking": ()})) == []


@pytest.mark.parametrize(("load", "warned"), [(None, False), (2.0, False), (3.1, True)])
def test_a_machine_with_more_load_than_cores_is_called_busy(
    report: Report, load: float | None, warned: bool
) -> None:
    environment = {"load_average_1m": load, "cores_available": 2}
    found = tables.busy(report.model_copy(update={"environment": environment}))
    assert (found is not None) is warned
    assert tables.busy(report.model_copy(update={"environment": {}})) is None


def test_nested_facts_become_lines_and_unknown_ones_vanish() -> None:
    facts = {"cpu": "x", "isa": ["a", "b"], "governor": None, "packages": {"numpy": "2"}, "gpu": []}
    assert tables.flat(facts) == [("cpu", "x"), ("isa", "a, b"), ("packages: numpy", "2")]


def test_a_long_name_may_break_and_stays_text() -> None:
    assert tables.breakable("a.b/<c>") == "a.<wbr>b/<wbr>&lt;c&gt;"


def test_a_file_scored_by_another_engine_says_so(report: Report) -> None:
    notes = tables.numerics_notes(report)
    assert len(notes) == 2
    assert all("executed by onnxruntime" in note for note in notes)

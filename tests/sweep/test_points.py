from __future__ import annotations

from pathlib import Path

import pytest
from made_run import FIGURES, make_bundle, metrics

from edgecv.bundle import Bundle
from edgecv.report.collect import collect
from edgecv.sweep.points import learned_loss, points_of

STUDENT = {"name": "n", "parameters": 1, "macs": 1}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle", metrics())


def test_every_file_that_was_scored_and_timed_is_a_point(bundle: Bundle) -> None:
    found = {point.file: point for point in points_of(bundle)}
    # tensorrt was not timed
    assert found.keys() == {name for name in FIGURES if not name.startswith("tensorrt")}
    timed = bundle.metrics("bench")["variants"]
    for name, point in found.items():
        assert point.p90_ms == timed[name]["engine_ms"]["p90"]
        assert point.mAP == pytest.approx(FIGURES[name][2])
        assert point.drop == pytest.approx(FIGURES[name][3])
        assert f"{point.engine}-{point.precision}" == name
    times = [point.p90_ms for point in points_of(bundle)]
    assert times == sorted(times)


def test_without_scores_or_times_there_is_no_point(tmp_path: Path) -> None:
    for stage in ("evaluate", "bench"):
        stages = metrics()
        del stages[stage]
        assert points_of(make_bundle(tmp_path / stage, stages)) == ()


def test_what_a_student_lost_against_its_teacher_is_lost(tmp_path: Path) -> None:
    stages = metrics()
    sides = {"teacher": {**STUDENT, "mAP": 0.3}, "student": {**STUDENT, "mAP": 0.28}}
    stages["distill"] = {**sides, "learned": ["truth"]}
    bundle = make_bundle(tmp_path / "b", stages)
    assert learned_loss(collect(bundle)) == pytest.approx(0.02)
    drops = {point.file: point.drop for point in points_of(bundle)}
    assert drops["openvino-int8"] == pytest.approx(0.02 + FIGURES["openvino-int8"][3])
    assert drops["onnxruntime-fp32"] == pytest.approx(0.02)


def test_a_teacher_that_was_not_scored_counts_as_none(tmp_path: Path, bundle: Bundle) -> None:
    assert learned_loss(collect(bundle)) == 0
    stages = metrics()
    sides = {"teacher": STUDENT, "student": {**STUDENT, "mAP": 0.28}}
    stages["distill"] = {**sides, "learned": ["truth"]}
    assert learned_loss(collect(make_bundle(tmp_path / "b", stages))) == 0

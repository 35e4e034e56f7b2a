from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_run import make_bundle, metrics

from edgecv.report import markdown
from edgecv.report.collect import collect
from edgecv.report.distillation import distillation
from edgecv.report.page import render
from edgecv.report.schema import Report

TEACHER = {
    "name": "yolox_nano", "parameters": 900_000, "macs": 540_000_000, "mAP": 0.6, "mAP50": 0.9,
    "interval": [0.58, 0.62], "per_class": {"pin": 0.6}, "images": 5, "boxes": 9,
}  # fmt: skip
STUDENT = {**TEACHER, "name": "squeezenet1_1", "parameters": 240_000, "macs": 270_000_000,
           "mAP": 0.585}  # fmt: skip


def report_of(folder: Path, **changes: Any) -> Report:
    found = {"teacher": TEACHER, "student": STUDENT, "learned": ["the ground truth"], **changes}
    return collect(make_bundle(folder, {**metrics(), "distill": found}))


def test_teacher_and_student_stand_side_by_side(tmp_path: Path) -> None:
    report = report_of(tmp_path / "bundle")
    assert report.distillation is not None
    assert report.distillation.kept == pytest.approx(0.975)
    page = render(report, {})
    assert 'id="distillation"' in page
    assert "98% of the teacher" in page
    assert "50% of its multiply-accumulates" in page
    text = markdown.render(report)
    assert "| teacher: yolox_nano | 0.600 | 0.580 to 0.620 | 540 | 0.90 |" in text
    assert "| student: squeezenet1_1 | 0.585 |" in text


def test_a_teacher_of_other_classes_has_no_score(tmp_path: Path) -> None:
    blind = {name: TEACHER[name] for name in ("name", "parameters", "macs")}
    report = report_of(tmp_path / "bundle", teacher=blind)
    assert report.distillation is not None
    assert report.distillation.kept is None
    page = render(report, {})
    assert "the teacher does not know their classes" in page
    assert "| teacher: yolox_nano | – | – |" in markdown.render(report)  # noqa: RUF001


def test_a_network_that_learned_from_none_has_no_such_section(tmp_path: Path) -> None:
    report = collect(make_bundle(tmp_path / "bundle", metrics()))
    assert report.distillation is None
    assert distillation({}) is None
    assert 'id="distillation"' not in render(report, {})
    assert "Learned from" not in markdown.render(report)

"""The recipes of students, from the command line to engines and report, with tiny budgets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from verdicts import check_accepted

from edgecv.bundle import Bundle
from edgecv.cli import group
from edgecv.data.conveyor.write import write_dataset
from edgecv.report.schema import Report

TINY = (
    *("distill.train.input_size=96", "distill.train.epochs=1", "distill.train.batch=4"),
    *("distill.train.workers=0", "quantize.images=8", "quantize.rounding=nearest"),
    *("quantize.budget.max_drop=1", "build.targets=[onnxruntime,tensorrt]", "evaluate.resamples=0"),
    *("bench.queries=2", "bench.rounds=1", "report.photos=1"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conveyor")
    write_dataset(folder / "data", 0, 10, (128, 96))
    return folder / "data"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "student"),
    [
        ("mobilenet_student_int8", "mobilenet_v3_small"),
        ("squeezenet_student_int8", "squeezenet1_1"),
    ],
)
def test_a_student_is_taught_quantised_and_reported(
    recipe: str, student: str, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    words = ["compress", "--recipe", recipe, "--weights", "conveyor", "--data", str(data)]
    changes = [word for change in TINY for word in ("--set", change)]
    done = CliRunner().invoke(group, [*words, "--out", str(out), *changes], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    bundle = Bundle.open(out)
    assert bundle.spec.name == student
    assert [record.stage for record in bundle.manifest.history] == [
        "load", "distill", "export", "quantize", "build", "evaluate", "bench", "report",
    ]  # fmt: skip
    report = Report.model_validate_json((out / "report.json").read_text("utf-8"))
    assert report.distillation is not None
    assert report.distillation.teacher.name == "yolox_nano"
    assert report.distillation.student.macs < report.distillation.teacher.macs
    engines, precisions = ("onnxruntime", "tensorrt"), ("fp32", "int8")
    assert {v.name for v in report.variants} == {f"{e}-{p}" for e in engines for p in precisions}
    shares = bundle.metrics("quantize")["int8_macs_share"]
    assert min(shares.values()) > 0.8
    assert (out / "training.html").is_file()
    assert json.loads((out / "training.json").read_text("utf-8"))["model"] == student
    check_accepted(bundle)

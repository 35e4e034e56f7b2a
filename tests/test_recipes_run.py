"""Every recipe as a user calls it, from the command line to engines and report, in tiny budgets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import yaml
from click.testing import CliRunner
from small_qat import check_choice
from verdicts import check_accepted

from edgecv.bundle import Bundle
from edgecv.cli import group
from edgecv.data.conveyor.write import write_dataset
from edgecv.models.graph import conv_macs
from edgecv.recipe_file import find, load, names
from edgecv.report.schema import Report

SIDE = 96
TINY = (
    *("quantize.images=8", "quantize.rounding=nearest", "quantize.observer=minmax"),
    *("quantize.budget.max_drop=1", "evaluate.resamples=5"),
    *("bench.queries=2", "bench.rounds=1", "report.photos=1"),
    "build.targets=[onnxruntime,tensorrt]",
)


def learning(section: str, *more: str) -> tuple[str, ...]:
    settings = ("epochs=1", "batch=4", "workers=0", "augment.multiscale=0", *more)
    return tuple(f"{section}.{setting}" for setting in settings)


AT_SIDE = f"load.input_size={SIDE}"
TAUGHT = learning("distill.train", f"input_size={SIDE}")


def quantised(bundle: Bundle, report: Report) -> None:
    assert report.quantization is not None
    assert bundle.spec.name == "yolox_nano"


def fine_tuned(bundle: Bundle, report: Report) -> None:
    quantised(bundle, report)
    assert bundle.metrics("train")["epochs"] == 1


def learnt_behind_rounding(bundle: Bundle, report: Report) -> None:
    found = bundle.metrics("quantize")["qat"]
    assert (found["truth"], found["metric"]) == (True, "mAP")
    check_choice(found)
    # judged on pictures that it did not learn from
    assert found["train"]["images"] + found["val"]["images"] == 20
    budget = bundle.metrics("quantize")["budget"]
    assert budget["data"].endswith("held out of train")
    assert budget["int8"] == min(max(e["qat"], e["ptq"]) for e in found["files"].values())


def pruned(bundle: Bundle, report: Report) -> None:
    found = bundle.metrics("prune")
    assert 0.4 < found["share"] <= 0.5  # so small a network is cut in large steps
    macs = sum(conv_macs(onnx.load(bundle.path("model.onnx"))).values())
    assert macs == found["after"]["macs"]
    # the small file holds the small network
    weights = bundle.path("weights.safetensors")
    assert weights.stat().st_size < 6 * found["after"]["parameters"]
    assert report.pruning is not None
    assert report.pruning.share == found["share"]
    assert len(report.pruning.steps) == 2
    assert 'id="pruning"' in bundle.path("report.html").read_text("utf-8")


def taught(bundle: Bundle, report: Report) -> None:
    assert report.distillation is not None
    assert report.distillation.teacher.name == "yolox_nano"
    assert report.distillation.student.macs < report.distillation.teacher.macs
    assert min(bundle.metrics("quantize")["int8_macs_share"].values()) > 0.8
    assert bundle.path("training.html").is_file()
    training = json.loads(bundle.path("training.json").read_text("utf-8"))
    assert training["model"] == report.distillation.student.name == bundle.spec.name


RECIPES: dict[str, tuple[tuple[str, ...], Callable[[Bundle, Report], None]]] = {
    "yolo_int8": ((AT_SIDE,), quantised),
    "yolo_qat": ((AT_SIDE, *learning("quantize.qat.train")), learnt_behind_rounding),
    "yolo_pruned_int8": (
        (
            AT_SIDE,
            *("prune.steps=2", "prune.sensitivity=1", "prune.batches=1"),
            *learning("prune.train"),
        ),
        pruned,
    ),
    "mobilenet_student_int8": (TAUGHT, taught),
    "squeezenet_student_int8": (TAUGHT, taught),
    "transfer_int8": (learning("train", f"input_size={SIDE}"), fine_tuned),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conveyor") / "data"
    write_dataset(folder, seed=5, images=20, size_wh=(160, 120))
    return folder


def test_no_recipe_that_builds_engines_is_left_out() -> None:
    assert {*RECIPES} == {name for name in names() if load(find(name)).build}


# by default each kind of network once with one picture a call and once with any number; .ci/run
# does yolo_int8 twice in full, and all of these with EDGECV_CI_ALL=1: five minutes more
QUICK = (
    ("yolo_qat", 1),
    ("yolo_pruned_int8", "dynamic"),
    ("mobilenet_student_int8", 1),
    ("squeezenet_student_int8", "dynamic"),
    ("transfer_int8", 1),
)


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        pytest.param(name, batch, marks=() if (name, batch) in QUICK else pytest.mark.slow)
        for name in RECIPES
        for batch in (1, "dynamic")
    ],
)
def test_a_recipe_ends_in_engines_and_a_report(
    name: str, batch: int | str, data: Path, tmp_path: Path
) -> None:
    settings, check = RECIPES[name]
    words = ["compress", "--recipe", name, "--weights", "conveyor", "--data", str(data)]
    changes = [
        word for one in (*TINY, *settings, f"export.batch={batch}") for word in ("--set", one)
    ]
    out = tmp_path / "bundle"
    done = CliRunner().invoke(group, [*words, "--out", str(out), *changes], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    bundle = Bundle.open(out)
    assert bundle.verify() == []
    sections = yaml.safe_load(find(name).read_text("utf-8"))
    assert [one.stage for one in bundle.manifest.history] == [*sections][1:]  # recipe: 1
    report = Report.model_validate_json((out / "report.json").read_text("utf-8"))
    engines, precisions = ("onnxruntime", "tensorrt"), ("fp32", "int8")
    assert {v.name for v in report.variants} == {f"{e}-{p}" for e in engines for p in precisions}
    check(bundle, report)
    check_accepted(bundle)

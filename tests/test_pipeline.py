from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_runs import SmallRun, small_run, write_data

from edgecv import plan as plan_module
from edgecv.bundle import Bundle, Manifest, StageRecord, Variant
from edgecv.errors import BudgetMissedError, BundleError, DataError, EngineError, MissingExtraError
from edgecv.pipeline import check_budget, compress, plan
from edgecv.recipe_file import load
from edgecv.stages import STAGES

NAMES = ["load", "export", "build", "evaluate", "bench", "report"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallRun, Path]:
    """A run and its output, done once; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("run")
    run = small_run(folder / "input")
    compress(run.recipe, "small", run.context, folder / "out")
    return run, folder / "out"


@pytest.fixture
def out(finished: tuple[SmallRun, Path], tmp_path: Path) -> Path:
    shutil.copytree(finished[1], tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def run(finished: tuple[SmallRun, Path], tmp_path: Path) -> SmallRun:
    """The inputs of the finished run, to be changed."""
    shutil.copytree(finished[0].data.parent, tmp_path / "input")
    names = ("recipe_file", "weights", "data")
    paths = {name: tmp_path / "input" / getattr(finished[0], name).name for name in names}
    return SmallRun(**paths)


def to_run(run: SmallRun, out: Path, *overrides: str) -> list[str]:
    """The stages that would not be reused."""
    planned = plan(load(run.recipe_file, overrides), run.context, out)
    return [step.name for step in planned.steps[planned.reused :]]


def deterministic(out: Path) -> dict[str, str]:
    """Hashes of the files that hold no times."""
    files = Bundle.open(out).manifest.files
    assert files
    return {n: record.sha256 for n, record in files.items() if not n.startswith("report.")}


def test_a_run_ends_with_a_whole_bundle_and_its_history(finished: tuple[SmallRun, Path]) -> None:
    bundle = Bundle.open(finished[1])
    assert bundle.verify() == []
    assert bundle.manifest.recipe == "small"
    assert [record.stage for record in bundle.manifest.history] == NAMES
    for record in bundle.manifest.history:
        assert len(record.key) == 64
        assert record.seconds >= 0
        assert record.environment["python"].startswith("3.")
        assert record.environment["packages"]["numpy" if record.stage != "report" else "jinja2"]
    assert bundle.manifest.history[4].settings["queries"] == 2
    assert set(bundle.manifest.files) >= {"model.onnx", "labels.txt", "report.html", "report.json"}
    assert json.loads((finished[1] / "report.json").read_text())["recipe"] == "small"


def test_nothing_of_the_work_folder_is_told_in_the_bundle(finished: tuple[SmallRun, Path]) -> None:
    for name in Bundle.open(finished[1]).manifest.files:
        assert b".tmp-" not in (finished[1] / name).read_bytes()
    assert ".tmp-" not in (finished[1] / "manifest.json").read_text()


def test_the_same_call_again_reuses_every_stage(
    finished: tuple[SmallRun, Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (out / "manifest.json").read_bytes()
    run = finished[0]
    compress(run.recipe, "small", run.context, out)
    assert (out / "manifest.json").read_bytes() == before
    lines = capsys.readouterr().err.splitlines()
    assert [line.split() for line in lines] == [[name, "reused"] for name in NAMES]


@pytest.mark.parametrize(
    ("override", "first"),
    [
        ("report.photos=1", "report"),
        ("bench.queries=3", "bench"),
        ("evaluate.nms_iou=0.6", "evaluate"),
        ("build.targets=[openvino]", "build"),
        ("export.opset=18", "export"),
        ("load.classes=[a,b,c]", "load"),
    ],
)
def test_a_changed_setting_runs_its_stage_and_those_after_it(
    finished: tuple[SmallRun, Path], override: str, first: str
) -> None:
    assert to_run(*finished) == []
    assert to_run(*finished, override) == NAMES[NAMES.index(first) :]


def change_weights(run: SmallRun) -> None:
    run.weights.write_bytes(run.weights.read_bytes() + b"\0")


def change_truth(run: SmallRun) -> None:
    path = run.data / "instances.json"
    path.write_text(path.read_text().replace("[4, 5, 20, 30]", "[4, 5, 20, 31]"))


def change_picture(run: SmallRun) -> None:
    shutil.copy(run.data / "images" / "1.png", run.data / "images" / "0.png")


@pytest.mark.parametrize("change", [change_weights, change_truth, change_picture])
def test_a_changed_input_runs_the_stages_that_read_it(
    run: SmallRun, out: Path, change: Callable[[SmallRun], None]
) -> None:
    assert to_run(run, out) == []
    change(run)
    assert to_run(run, out) == NAMES


def test_other_calibration_pictures_leave_the_loaded_network(run: SmallRun, out: Path) -> None:
    write_data(run.data.parent / "more", pictures=9)
    context = replace(run.context, calibration=run.data.parent / "more" / "images")
    planned = plan(run.recipe, context, out)
    assert [step.name for step in planned.steps[planned.reused :]] == NAMES[1:]


def test_inputs_that_moved_or_were_touched_are_the_same_inputs(run: SmallRun, out: Path) -> None:
    assert to_run(run, out) == []
    os.utime(run.weights, (1, 1))
    assert to_run(run, out) == []


def test_changed_code_or_packages_run_the_stages_that_use_them(
    finished: tuple[SmallRun, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = plan_module._code
    monkeypatch.setattr(
        plan_module, "_code", lambda stage: real(stage) + "x" * ("metrics" in stage.sources)
    )
    assert to_run(*finished) == NAMES[3:]
    monkeypatch.undo()
    monkeypatch.setattr(plan_module, "_machine", lambda: "another")
    assert to_run(*finished) == NAMES[2:]
    monkeypatch.undo()
    monkeypatch.setattr(
        plan_module, "versions", lambda names: {"onnxslim": "0"} if "onnxslim" in names else {}
    )
    assert to_run(*finished) == NAMES
    monkeypatch.undo()
    assert to_run(*finished) == []


def test_fresh_runs_everything_and_ends_with_the_same_files(
    finished: tuple[SmallRun, Path], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, before = finished[0], deterministic(out)
    compress(run.recipe, "small", run.context, out, fresh=True)
    assert "reused" not in capsys.readouterr().err
    assert deterministic(out) == before


def test_a_plan_changes_nothing(run: SmallRun, tmp_path: Path) -> None:
    planned = plan(run.recipe, run.context, tmp_path / "new" / "out")
    assert [step.name for step in planned.steps] == NAMES
    assert planned.reused == 0
    assert not (tmp_path / "new").exists()


def test_a_failing_stage_leaves_the_published_bundle_and_names_its_folder(
    finished: tuple[SmallRun, Path], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(bundle: Bundle, settings: object, context: object) -> None:
        bundle.new_file("model.onnx").write_text("damaged")
        raise EngineError(f"{bundle.path('engines/x')}: refused")

    monkeypatch.setattr("edgecv.stages.build.run", fail)
    before = (out / "manifest.json").read_bytes()
    with pytest.raises(EngineError) as error:
        compress(
            load(finished[0].recipe_file, ["build.targets=[openvino]"]),
            "small",
            finished[0].context,
            out,
        )
    assert str(error.value) == f"{out}/engines/x: refused"
    assert (out / "manifest.json").read_bytes() == before
    assert Bundle.open(out).verify() == []
    assert not list((out / ".stages").glob(".tmp*"))


def test_a_failure_on_a_nearly_full_disk_says_how_little_is_free(
    run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        usage = type("Usage", (), {"free": 1_200_000})
        monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
        raise EngineError("iostream error")

    monkeypatch.setattr("edgecv.stages.build.run", fail)
    with pytest.raises(EngineError, match=r"^iostream error \(1\.2 MB free on this disk\)$"):
        compress(run.recipe, "small", run.context, tmp_path / "out")


def test_what_a_stage_prints_does_not_mix_with_results(
    finished: tuple[SmallRun, Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def chatter(*_: object) -> dict[str, str]:
        print("noise of a library")
        return {"summary": "all is well"}

    monkeypatch.setattr("edgecv.stages.report.run", chatter)
    recipe = load(finished[0].recipe_file, ["report.photos=1"])
    compress(recipe, "small", finished[0].context, out)
    told = capsys.readouterr()
    assert told.out == ""
    assert "noise of a library" in told.err
    assert told.err.splitlines()[-1].endswith(" s  all is well")


def test_classes_that_do_not_match_are_refused_when_the_network_is_known(
    run: SmallRun, out: Path
) -> None:
    with pytest.raises(DataError, match="'ant'"):
        compress(load(run.recipe_file, ["load.classes=[x,y,z]"]), "small", run.context, out)
    assert Bundle.open(out).spec.class_names == ("ant", "bee", "cat")


def test_too_few_pictures_to_calibrate_on_are_refused_before_anything_runs(
    run: SmallRun, tmp_path: Path
) -> None:
    (run.data / "images" / "7.png").write_bytes(b"no picture")
    context = replace(run.context, data=None, calibration=run.data)
    with pytest.raises(DataError, match="7 usable pictures, at least 8 are needed"):
        compress(load(run.recipe_file, ["quantize={}"]), "small", context, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_told_before_anything_runs(
    run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "find_spec", lambda name: None if name == "openvino" else True)
    assert plan(run.recipe, run.context, tmp_path / "out")
    recipe = load(run.recipe_file, ["build.targets=[openvino]"])
    with pytest.raises(MissingExtraError, match=r"stage build needs the package 'openvino'"):
        plan(recipe, run.context, tmp_path / "out")


def test_an_output_folder_that_holds_something_else_is_refused_and_left_alone(
    run: SmallRun, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.doc").write_text("years")
    with pytest.raises(BundleError, match="holds something else"):
        compress(run.recipe, "small", run.context, tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.doc"]


def command(run: SmallRun, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecv", *run.arguments, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_run_killed_in_any_stage_goes_on_and_ends_with_the_same_bundle(
    finished: tuple[SmallRun, Path], tmp_path: Path
) -> None:
    run, out = finished[0], tmp_path / "out"
    for name in ("load", "export", "bench"):
        process = command(run, out)
        wait_for(out / ".stages" / f".tmp-{name}", process)
        process.kill()
        process.communicate()
        assert not (out / "manifest.json").exists()
    compress(run.recipe, "small", run.context, out)
    assert deterministic(out) == deterministic(finished[1])
    assert set(Bundle.open(out).manifest.files) == set(Bundle.open(finished[1]).manifest.files)


def test_ctrl_c_ends_a_run_with_one_line_and_leaves_no_half_stage(
    finished: tuple[SmallRun, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = command(finished[0], out)
    wait_for(out / ".stages" / ".tmp-export", process)
    process.send_signal(signal.SIGINT)
    told = process.communicate()
    assert process.returncode == 130
    assert told[0] == ""
    assert told[1].splitlines()[-1].startswith("edgecv: stopped.")
    assert "Traceback" not in told[1]
    assert not list((out / ".stages").glob(".tmp*"))


def scored(drop: float, met: bool, precision: str = "int8") -> Bundle:
    name = f"openvino-{precision}"
    variant = Variant.model_validate(
        {"name": name, "engine": "openvino", "precision": precision, "file": "f"}
    )
    metrics = {
        "quantize": {"budget": {"max_drop": 0.005, "met": met}},
        "evaluate": {"variants": {name: {"drop": {"mAP": drop}}}},
    }
    history = tuple(
        StageRecord(stage=stage, key="k", settings={}, metrics=found, seconds=1, environment={})
        for stage, found in metrics.items()
    )
    return Bundle(Path("out"), Manifest(variants=(variant,), history=history))


def test_a_budget_that_holds_says_nothing() -> None:
    check_budget(scored(0.005, True))
    check_budget(scored(-0.01, True))
    check_budget(scored(0.9, True, "fp32"))
    check_budget(Bundle(Path("out"), Manifest()))


def test_a_missed_budget_names_the_variant() -> None:
    with pytest.raises(BudgetMissedError, match=r"missed: openvino-int8 loses 0\.0051 mAP"):
        check_budget(scored(0.0051, True))


def test_a_file_that_was_not_built_does_not_miss_the_budget() -> None:
    check_budget(scored(0.001, False))
    with pytest.raises(BudgetMissedError, match="the INT8 network does not keep it"):
        check_budget(scored(0.001, False, "fp32"))


def test_the_table_is_in_the_order_in_which_stages_need_each_other() -> None:
    names = list(STAGES)
    for name, stage in STAGES.items():
        assert all(names.index(other) < names.index(name) for other in stage.after)

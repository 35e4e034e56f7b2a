from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_runs import SmallRun, small_run

from edgecv.bundle import Bundle
from edgecv.cli.compress import command
from edgecv.errors import (
    BudgetMissedError,
    DataError,
    EdgecvError,
    RecipeError,
    UsageError,
    WeightsError,
)


def invoke(run: SmallRun, *more: object) -> Result:
    words = [*run.arguments[1:], *map(str, more)]
    return CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallRun, Path, Result]:
    folder = tmp_path_factory.mktemp("run")
    run = small_run(folder / "input")
    return run, folder / "out", invoke(run, "--out", folder / "out")


def test_the_end_says_what_to_deploy_in_eighty_columns(
    finished: tuple[SmallRun, Path, Result],
) -> None:
    told = finished[2].stdout.splitlines()
    assert "Deploy onnxruntime-fp32" in told
    (row,) = [line for line in told if line.strip().startswith("onnxruntime-fp32 ")]
    assert len(row.split()) == 6
    assert any(line.rstrip().endswith(" file MB") for line in told)  # bench's MB are memory
    assert told[-1] == str(finished[1] / "report.html")
    assert max(len(line) for line in told[:-1]) <= 80


def test_stages_are_told_on_stderr_without_bars(finished: tuple[SmallRun, Path, Result]) -> None:
    blind, *lines = sorted(finished[2].stderr.splitlines(), key=lambda line: line[:7] != "photos:")
    assert blind.startswith("photos: float finds hardly anything (0.0000 mAP), so no loss can show")
    assert [line.split()[0] for line in lines] == [
        *("load", "export", "build", "evaluate", "bench", "report")
    ]
    assert all(line.split()[2] == "s" for line in lines)
    assert "\x1b" not in finished[2].stderr


def test_json_is_the_report(finished: tuple[SmallRun, Path, Result]) -> None:
    run, out, _ = finished
    found = json.loads(invoke(run, "--out", out, "--json").stdout)
    assert found == json.loads((out / "report.json").read_text("utf-8"))
    assert found["recommended"] == "onnxruntime-fp32"


def test_json_without_a_report_stage_is_made_from_the_manifest(
    finished: tuple[SmallRun, Path, Result], tmp_path: Path
) -> None:
    shutil.copytree(finished[1], tmp_path / "out")
    result = invoke(finished[0], "--out", tmp_path / "out", "--set", "report=null", "--json")
    found = json.loads(result.stdout)
    assert [variant["name"] for variant in found["variants"]] == ["onnxruntime-fp32"]
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_dry_run_prints_the_plan_and_runs_nothing(
    finished: tuple[SmallRun, Path, Result], tmp_path: Path
) -> None:
    run, out, _ = finished
    told = invoke(run, "--dry-run", "--out", tmp_path / "new").stdout
    assert not (tmp_path / "new").exists()
    assert told.count("to run") == 6
    assert "queries = 2" in told
    assert "rounds = 1" in told
    assert "requests" not in told
    again = invoke(run, "--dry-run", "--out", out, "--set", "bench.queries=3").stdout
    assert (again.count("reused"), again.count("to run")) == (4, 2)
    assert invoke(run, "--dry-run", "--fresh", "--out", out).stdout.count("to run") == 6


def test_a_plan_as_json_names_inputs_stages_and_what_is_reused(
    finished: tuple[SmallRun, Path, Result],
) -> None:
    run, out, _ = finished
    plan = json.loads(invoke(run, "--dry-run", "--json", "--out", out).stdout)
    assert plan["inputs"]["weights"]["from"] == str(run.weights)
    assert len(plan["inputs"]["data"]["sha256"]) == 64
    assert plan["inputs"]["calibration"]["from"] == str(run.data)
    assert [stage["reused"] for stage in plan["stages"]] == [True] * 6
    assert plan["stages"][2] == {
        "stage": "build",
        "key": Bundle.open(out).manifest.history[2].key,
        "reused": True,
        "settings": {"targets": ["onnxruntime"]},
    }


def test_targets_come_before_those_of_the_recipe(finished: tuple[SmallRun, Path, Result]) -> None:
    run, out, _ = finished
    words = ("--dry-run", "--json", "--out", out, "--target", "openvino, tensorrt")
    (build,) = [
        stage
        for stage in json.loads(invoke(run, *words).stdout)["stages"]
        if stage["stage"] == "build"
    ]
    assert build["settings"]["targets"] == ["openvino", "tensorrt"]


def test_the_folder_is_named_after_recipe_and_weights(
    finished: tuple[SmallRun, Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = json.loads(invoke(finished[0], "--dry-run", "--json").stdout)
    assert plan["out"] == "runs/small-net"


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (("--recipe", "yolo_in8"), RecipeError, "did you mean 'yolo_int8'"),
        (("--set", "bench.querys=1"), RecipeError, "did you mean 'queries'"),
        (("--set", "bench"), RecipeError, "expected key=value"),
        (("--target", "openvinoo"), UsageError, "did you mean 'openvino'"),
        (("--target", ""), UsageError, "no target ''"),
        (("--weights", "absent.pth"), WeightsError, "absent.pth: no such file"),
        (("--data", "absent"), DataError, "absent: no such folder"),
        (("--calibration", "absent"), DataError, "absent: no such folder"),
        (("--set", "build=null"), RecipeError, "evaluate: needs the section 'build'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    finished: tuple[SmallRun, Path, Result],
    tmp_path: Path,
    words: tuple[str, ...],
    error: type[EdgecvError],
    told: str,
) -> None:
    with pytest.raises(error, match=told) as raised:
        invoke(finished[0], "--out", tmp_path / "out", *words)
    assert raised.value.exit_status == 2
    assert not (tmp_path / "out").exists()


def test_a_missed_budget_is_told_after_everything_is_written(
    finished: tuple[SmallRun, Path, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missed(bundle: Bundle) -> None:
        raise BudgetMissedError(str(bundle.verify()))

    monkeypatch.setattr("edgecv.cli.compress.check_budget", missed)
    result = CliRunner().invoke(command, [*finished[0].arguments[1:], "--out", str(finished[1])])
    assert isinstance(result.exception, BudgetMissedError)
    assert str(result.exception) == "[]"
    assert "Deploy onnxruntime-fp32" in result.stdout

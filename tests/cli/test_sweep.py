from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_runs import SmallRun, small_run

from edgecv.bundle import Bundle
from edgecv.cli import group
from edgecv.data.conveyor.write import write_dataset
from edgecv.errors import BundleError, EdgecvError, RecipeError, UsageError
from edgecv.sweep.schema import Sweep

GRID = ("--grid", "export.simplify=true,false")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(
        group, list(map(str, words)), catch_exceptions=False, standalone_mode=False
    )


def sweep_of(run: SmallRun, out: Path, *more: object) -> Result:
    return invoke("sweep", *run.arguments[1:], "--out", out, *more)


def record(out: Path) -> Sweep:
    return Sweep.model_validate_json((out / "sweep.json").read_text("utf-8"))


def calls(out: Path) -> dict[str, list[str]]:
    """The runs of edgecv for each variant, in short."""
    return {
        log.stem: [
            "make" if "bench=null" in line else "measure"
            for line in log.read_text("utf-8").splitlines()
            if line.startswith("$ edgecv compress ")
        ]
        for log in out.glob("variants/*.log")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallRun, Path, Result]:
    folder = tmp_path_factory.mktemp("sweep")
    run = small_run(folder / "input")
    return run, folder / "out", sweep_of(run, folder / "out", *GRID, "--jobs", 2)


Finished = tuple[SmallRun, Path, Result]


def test_every_variant_is_a_bundle_that_was_timed_alone(finished: Finished) -> None:
    _, out, _ = finished
    found = record(out)
    assert [one.settings for one in found.variants] == [
        {"export.simplify": "true"},
        {"export.simplify": "false"},
    ]
    assert calls(out) == {one.name: ["make", "measure"] for one in found.variants}
    for one in found.variants:
        bundle = Bundle.open(out / "variants" / one.name)
        assert bundle.verify() == []
        report = json.loads(bundle.path("report.json").read_text("utf-8"))
        (file,) = report["variants"]
        (point,) = one.points
        assert one.state == "measured"
        assert point.p90_ms == file["latency_ms"]["p90"]
        assert point.mAP == file["accuracy"]["mAP"]
        assert point.size_bytes == file["size_bytes"]
        assert report["command"].startswith("edgecv compress --recipe ")


def test_the_front_is_printed_in_eighty_columns(finished: Finished) -> None:
    _, out, result = finished
    lines = result.stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    best = [one.settings["export.simplify"] for one, point in record(out).points if point.front]
    shown = re.findall(r"^ *simplify=(\w+) +onnxruntime-fp32 ", result.stdout, re.MULTILINE)
    assert shown == best
    assert "2 variants: 2 measured" in lines
    assert lines[-1] == str(out / "sweep.html")
    assert "made     simplify=true" in result.stderr


def test_called_again_it_runs_nothing_and_json_is_the_record(finished: Finished) -> None:
    run, out, _ = finished
    before = calls(out)
    found = json.loads(sweep_of(run, out, *GRID, "--json").stdout)
    assert found == json.loads((out / "sweep.json").read_text("utf-8"))
    assert calls(out) == before


def test_a_point_becomes_a_bundle(finished: Finished, tmp_path: Path) -> None:
    _, out, _ = finished
    result = invoke("compress", "--from-sweep", out, "--out", tmp_path / "bundle", "--p90", "1h")
    fastest = record(out).points[0]
    taken = Bundle.open(tmp_path / "bundle")
    assert taken.verify() == []
    assert taken.manifest == Bundle.open(out / "variants" / fastest[0].name).manifest
    (line,) = result.stderr.splitlines()
    simplify = fastest[0].settings["export.simplify"]
    assert line.startswith(f"onnxruntime-fp32 of export.simplify={simplify} (")
    assert line.endswith("the fastest with at most 0.01 mAP lost and at most 3.6e+06 ms")
    assert result.stdout.splitlines()[-1] == str(tmp_path / "bundle" / "report.html")


def test_where_no_point_fits_nothing_is_written(finished: Finished, tmp_path: Path) -> None:
    _, out, _ = finished
    words = ("compress", "--from-sweep", out, "--out", tmp_path / "bundle", "--p90", "0.001ms")
    with pytest.raises(EdgecvError, match="no point of the sweep loses at most") as raised:
        invoke(*words)
    assert raised.value.exit_status == 1
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from-sweep", "a", "--recipe", "yolo_int8"), "--recipe with --from-sweep"),
        (("--from-sweep", "a", "--weights", "b", "--set", "c=d"), "--weights, --set with"),
        (("--recipe", "yolo_int8", "--max-drop", "0.1"), "--max-drop needs --from-sweep"),
        (("--out", "a"), "Missing option '--recipe'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(group, ["compress", *words])
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (("--grid", "export.simplfy=true"), RecipeError, r"--grid: .*did you mean 'simplify'"),
        (("--grid", "export.opset=17,99"), RecipeError, r"--grid: export\.opset: .*got 99"),
        (("--grid", "export.opset"), UsageError, "expected key=v1,v2"),
        (("--budget", "2"), UsageError, "expected a time with its unit"),
        (("--ray", "somewhere"), UsageError, "expected host:port"),
        (("--ray", "127.0.0.1:1"), UsageError, "no cluster answers there"),
        (("--set", "bench=null"), RecipeError, "without the section 'bench'"),
    ],
)
def test_what_is_wrong_is_one_message_before_anything_runs(
    finished: Finished, tmp_path: Path, words: tuple[str, ...], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        sweep_of(finished[0], tmp_path / "out", *words)
    assert not list((tmp_path / "out").glob("variants/*"))


def test_a_folder_of_something_else_is_refused(finished: Finished, tmp_path: Path) -> None:
    run, out, _ = finished
    with pytest.raises(UsageError, match="holds a sweep with another --set"):
        sweep_of(run, out, "--set", "evaluate.resamples=2")
    with pytest.raises(UsageError, match="holds no sweep"):
        sweep_of(run, run.data)


def test_a_variant_that_fails_is_told_at_the_end_and_the_others_are_kept(
    finished: Finished, tmp_path: Path
) -> None:
    # 32 px is fixed in the graph, which only the run finds
    out = tmp_path / "out"
    with pytest.raises(EdgecvError, match=r"1 of 2 variants failed\. input_size-\d+") as raised:
        sweep_of(finished[0], out, "--grid", "load.input_size=null,4096")
    assert raised.value.exit_status == 1
    states = {one.settings["load.input_size"]: one.state for one in record(out).variants}
    assert states == {"null": "measured", "4096": "failed"}
    assert (out / "sweep.html").is_file()


# one epoch of a student on a handful of pictures
TINY = (
    *("distill.train.input_size=96", "distill.train.epochs=4", "distill.train.batch=4"),
    *("distill.train.validate_every=1", "distill.train.workers=0", "distill.width=0.25"),
    *("quantize=null", "build.targets=[onnxruntime]", "evaluate.resamples=0"),
    *("bench.queries=2", "bench.rounds=1", "report.photos=0"),
)


@pytest.fixture
def student(tmp_path: Path) -> list[str]:
    """A sweep of trained students, without its grid."""
    write_dataset(tmp_path / "data", 0, 10, (128, 96))
    words = ["sweep", "--recipe", "mobilenet_student_int8", "--weights", "conveyor"]
    words += ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
    return words + [word for change in TINY for word in ("--set", change)]


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecv", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_at_once_nothing_that_is_finished_is_lost(
    student: list[str], tmp_path: Path
) -> None:
    words = [*student, "--grid", "distill.neck=8,16,24"]
    out = tmp_path / "out"
    killed = start(words)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("made "):
            break
    # in the middle of the second one's training
    while not list(out.glob("variants/*/.half-distill/last.pt")):
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.stdout.close()
    killed.wait()
    assert sorted(one.state for one in record(out).variants) == ["made", "waiting", "waiting"]
    again = start(words)
    told = again.communicate()[0]
    assert again.returncode == 0, told
    assert [one.state for one in record(out).variants] == ["measured"] * 3
    counts = sorted(runs.count("make") for runs in calls(out).values())
    assert counts == [1, 1, 2]


@pytest.mark.slow
def test_a_training_that_its_rival_leaves_behind_is_stopped_early(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", 0, 12, (160, 120))
    out = tmp_path / "out"
    tiny = [change.replace("distill.train", "train") for change in TINY if "width" not in change]
    # the first keeps what the detector knows, the second's steps are far too wide
    result = invoke(
        *("sweep", "--recipe", "transfer_int8", "--weights", "conveyor"),
        *("--data", tmp_path / "data", "--out", out, "--grid", "train.lr=1e-6,1"),
        *(word for change in (*tiny, "train.ema=0") for word in ("--set", change)),
    )
    good, bad = record(out).variants
    assert (good.state, bad.state) == ("measured", "stopped")
    assert good.scores[0][1] > 0.1
    epoch, score = bad.scores[-1]
    assert bad.reason == f"stopped early after epoch {epoch}/4 with mAP {score:.4f}"
    assert "2 variants: 1 measured, 1 stopped early" in result.stdout
    assert "Trainings" in (out / "sweep.html").read_text("utf-8")


@pytest.mark.slow
def test_a_sweep_that_works_in_a_folder_is_not_disturbed(
    student: list[str], tmp_path: Path
) -> None:
    first = start([*student, "--grid", "distill.neck=8"])
    assert first.stdout is not None
    for line in first.stdout:
        if line.startswith("begins "):
            break
    with pytest.raises(BundleError, match="another sweep works there now"):
        invoke(*student, "--grid", "distill.neck=16")
    first.send_signal(signal.SIGINT)
    assert "stopped. What was finished is kept" in first.communicate()[0]
    assert first.returncode == 130

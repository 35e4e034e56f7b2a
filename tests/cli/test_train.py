from __future__ import annotations

import json
import re
import signal
import sys
import time
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest
import torch
from click.testing import CliRunner, Result
from made_shapes import CLASSES, write_shapes
from together import run_together, start

from edgecv import recipe_file
from edgecv.bundle import Bundle, sha256_of
from edgecv.cli import main
from edgecv.cli.train import command
from edgecv.errors import BundleError, EdgecvError, RecipeError, UsageError, WeightsError
from edgecv.pipeline import compress
from edgecv.stages import Context
from edgecv.training import learner, loop
from edgecv.training.resume import write_state

RECIPE = """
load: {}
train: {epochs: 2, batch: 4, input_size: 32, workers: 0, validate_every: 1, checkpoint_every_s: 0}
export: {simplify: false}
"""


def written(folder: Path) -> list[str]:
    """A recipe and pictures in a folder, as the words that name them."""
    (folder / "recipe.yaml").write_text(RECIPE)
    data = write_shapes(folder / "data", train=8, val=2)
    return ["--recipe", str(folder / "recipe.yaml"), "--data", str(data)]


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    return written(tmp_path)


class Finished(NamedTuple):
    """A training that is done, for all tests that only read it or work on a copy."""

    run: list[str]
    out: Path
    told: Result


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    run = written(folder)
    return Finished(run, folder / "out", invoke(run, "--out", folder / "out"))


def invoke(run: list[str], *more: object) -> Result:
    words = [*run, *map(str, more)]
    return CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)


def test_the_packaged_recipe_trains_before_it_exports() -> None:
    recipe = recipe_file.load(recipe_file.find("transfer_int8"))
    assert recipe.load is not None
    assert recipe.train is not None
    assert recipe.quantize is not None
    assert recipe.report is not None


def test_it_trains_alone_and_a_second_call_reuses_all(finished: Finished) -> None:
    run, out, first = finished
    score, weights, page = first.stdout.splitlines()
    assert score.startswith("mAP 0.")
    assert weights == str(out / "weights.safetensors")
    assert page == str(out / "training.html")
    bundle = Bundle.open(out)
    assert [record.stage for record in bundle.manifest.history] == ["train", "report"]
    assert {"training.html", "training.json", "training.md"} < set(bundle.manifest.files)
    assert "report.html" not in bundle.manifest.files
    assert bundle.verify() == []
    assert not list(out.glob(".half-*"))
    before = sha256_of(out / "weights.safetensors")
    found = json.loads(invoke(run, "--out", out, "--set", "train.workers=1", "--json").stdout)
    assert sha256_of(out / "weights.safetensors") == before
    assert (found["weights"], found["report"], found["epochs"]) == (weights, page, 2)
    assert set(found["per_class"]) <= set(CLASSES)


def test_what_it_made_is_where_another_training_starts(finished: Finished, tmp_path: Path) -> None:
    run, first, _ = finished
    found = invoke(run, "--out", tmp_path / "next", "--weights", first / "weights.safetensors")
    assert "all 642 tensors kept; the classes are the same" in found.stderr
    history = Bundle.open(tmp_path / "next").manifest.history
    assert [record.stage for record in history] == ["load", "train", "report"]
    told = json.loads((tmp_path / "next" / "training.json").read_text())
    assert told["start"] == str(first / "weights.safetensors")


def test_a_finished_training_of_other_settings_is_replaced_only_when_asked(
    finished: Finished, tmp_path: Path
) -> None:
    run, out = finished.run, copytree(finished.out, tmp_path / "out")
    with pytest.raises(BundleError, match=r"finished result of another call.*--fresh"):
        invoke(run, "--out", out, "--set", "train.epochs=1")
    invoke(run, "--out", out, "--set", "train.epochs=1", "--fresh")
    assert Bundle.open(out).metrics("train")["epochs"] == 1


def test_another_page_of_the_same_training_replaces_nothing(
    finished: Finished, tmp_path: Path
) -> None:
    run, out = finished.run, copytree(finished.out, tmp_path / "out")
    before = sha256_of(out / "weights.safetensors")
    again = invoke(run, "--out", out, "--set", "report={photos: 3}")
    assert re.search(r"^train +reused$", again.stderr, re.MULTILINE)
    assert not re.search(r"^report +reused$", again.stderr, re.MULTILINE)
    assert sha256_of(out / "weights.safetensors") == before


def test_compress_goes_on_in_the_middle_of_a_training_and_then_exports(
    run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, recipe = tmp_path / "out", recipe_file.load(tmp_path / "recipe.yaml")
    context = Context(data=tmp_path / "data")
    steps = 0
    learn = learner.Learner.learn

    def counted(*given: object) -> dict[str, float]:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise EdgecvError("the power fails")
        return learn(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(learner.Learner, "learn", counted)
    with pytest.raises(EdgecvError, match="power"):
        compress(recipe, "recipe", context, out)
    assert (out / ".half-train" / "last.pt").is_file()
    other = recipe_file.load(tmp_path / "recipe.yaml", ["train.lr=0.5"])
    with pytest.raises(UsageError, match=r"train\.lr was 0\.01, is 0\.5"):
        compress(other, "recipe", context, out)
    bundle = compress(recipe, "recipe", context, out)
    assert steps == 5  # two of four were done
    assert [record.stage for record in bundle.manifest.history] == ["train", "export"]
    assert bundle.spec.class_names == CLASSES
    assert not list(out.glob(".half-*"))
    compress(recipe, "recipe", context, out)
    assert steps == 5


SECONDS = {"training_seconds", "validation_seconds", "seconds"}


def numbers(value: object) -> object:
    """A report without what differs from one run to the next: times and where it was written."""
    if isinstance(value, dict):
        skipped = {*SECONDS, "command"}
        return {key: numbers(inner) for key, inner in value.items() if key not in skipped}
    return [numbers(inner) for inner in value] if isinstance(value, list) else value


def test_killed_and_called_again_it_reports_what_an_undisturbed_run_does(
    run: list[str], tmp_path: Path
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    files = tmp_path / "stdout", tmp_path / "stderr"
    first = start(["edgecv", "train", *run, "--out", str(killed)], *files)
    while first.is_alive() and not (killed / ".half-train" / "last.pt").is_file():
        time.sleep(0.005)
    first.kill()
    first.join()
    assert first.exitcode == -signal.SIGKILL, files[1].read_text()
    assert not (killed / "manifest.json").exists()
    for out in (killed, whole):
        again = start(["edgecv", "train", *run, "--out", str(out)], *files)
        again.join()
        assert again.exitcode == 0, files[1].read_text()
    told, expected = (json.loads((out / "training.json").read_text()) for out in (killed, whole))
    assert numbers(told) == numbers(expected)
    assert len(told["epochs"]) == 2
    assert sha256_of(killed / "weights.safetensors") == sha256_of(whole / "weights.safetensors")


def test_the_dataset_of_the_docs_is_one_to_train_on(
    run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "parts.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    words = [*run[:2], "--set", "train.custom=parts:make", "--set", "train.epochs=1"]
    found = json.loads(invoke(words, "--out", tmp_path / "out", "--json").stdout)
    assert set(found["per_class"]) <= {"bolt", "nut"}
    assert found["train"]["images"] + found["val"]["images"] == 40
    report = (tmp_path / "out" / "training.html").read_text("utf-8")
    assert "parts:make" in report


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"features.0.weight": torch.zeros(8, 3, 3, 3)}, "not the weights of a YOLOX"),
        ({}, "an empty dict"),
    ],
    ids=["another architecture", "nothing"],
)
def test_weights_that_it_cannot_start_from_are_refused_before_anything_is_trained(
    run: list[str], tmp_path: Path, state: dict[str, torch.Tensor], told: str
) -> None:
    weights = tmp_path / "other.pth"
    torch.save(state, weights)
    with pytest.raises(WeightsError, match=told) as error:
        invoke(run, "--out", tmp_path / "out", "--weights", weights)
    assert str(weights) in str(error.value)
    assert not (tmp_path / "out" / ".half-train").exists()


def test_a_disk_that_is_full_in_mid_epoch_ends_in_one_line_and_keeps_the_checkpoint(
    run: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    checkpoint = out / ".half-train" / "last.pt"

    def once(folder: Path, state: dict[str, object]) -> None:
        write_state(folder, state)
        # where the next one is written first: a device that is always full
        checkpoint.with_name(".last.pt.tmp").symlink_to("/dev/full")

    with monkeypatch.context() as here:
        here.setattr(loop, "write_state", once)
        here.setattr(sys, "argv", ["edgecv", "train", *run, "--out", str(out)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"edgecv: {checkpoint}: no space left on the disk. Make room")
    state = torch.load(checkpoint, weights_only=True)
    assert (state["position"]["epoch"], state["position"]["step"]) == (0, 1)
    assert not list(out.rglob("*.tmp"))
    assert json.loads(invoke(run, "--out", out, "--json").stdout)["epochs"] == 2


def test_a_recipe_that_does_not_train_is_refused(run: list[str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no section 'train'.*transfer_int8"):
        invoke(["--recipe", "yolo_int8", *run[2:]])


def test_without_data_it_says_what_it_needs(run: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        invoke(run[:2], "--out", tmp_path / "out")


def test_two_processes_train_one_network(run: list[str], tmp_path: Path) -> None:
    words = [*run, "--out", str(tmp_path / "out"), "--set", "train.epochs=1"]
    first, second = run_together(2, ["edgecv", "train", *words])
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "on 2 processes on cpu" in first.stderr
    assert second.stdout == ""
    assert "epoch" not in second.stderr
    assert Bundle.open(tmp_path / "out").metrics("train")["processes"] == 2


def test_what_the_first_process_refuses_ends_the_others(run: list[str], tmp_path: Path) -> None:
    words = [*run[:2], "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    first, second = run_together(2, ["edgecv", "train", *words])
    assert (first.returncode, second.returncode) == (2, 0)
    assert first.stderr == f"edgecv: {tmp_path / 'nowhere'}: no such folder; expected a data set\n"

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_shapes import CLASSES, write_shapes
from together import run_together

from edgecv import recipe_file
from edgecv.bundle import Bundle, sha256_of
from edgecv.cli.train import command
from edgecv.errors import BundleError, EdgecvError, RecipeError, UsageError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.pipeline import compress
from edgecv.stages import Context
from edgecv.training import learner

RECIPE = """
load: {}
train: {epochs: 2, batch: 4, input_size: 32, workers: 0, validate_every: 1, checkpoint_every_s: 0}
export: {simplify: false}
"""


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    data = write_shapes(tmp_path / "data", train=8, val=2)
    return ["--recipe", str(tmp_path / "recipe.yaml"), "--data", str(data)]


def invoke(run: list[str], *more: object) -> Result:
    words = [*run, *map(str, more)]
    return CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)


def test_the_packaged_recipe_trains_before_it_exports() -> None:
    recipe = recipe_file.load(recipe_file.find("transfer_int8"))
    assert recipe.load is not None
    assert recipe.train is not None
    assert recipe.quantize is not None
    assert recipe.report is not None


def test_it_trains_alone_and_a_second_call_reuses_all(run: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = invoke(run, "--out", out)
    score, weights = first.stdout.splitlines()
    assert score.startswith("mAP 0.")
    assert weights == str(out / "weights.safetensors")
    bundle = Bundle.open(out)
    assert [record.stage for record in bundle.manifest.history] == ["train"]
    assert bundle.verify() == []
    assert not list(out.glob(".half-*"))
    before = sha256_of(out / "weights.safetensors")
    found = json.loads(invoke(run, "--out", out, "--set", "train.workers=1", "--json").stdout)
    assert sha256_of(out / "weights.safetensors") == before
    assert (found["weights"], found["epochs"]) == (weights, 2)
    assert set(found["per_class"]) <= set(CLASSES)


def test_what_it_made_is_where_another_training_starts(run: list[str], tmp_path: Path) -> None:
    first = tmp_path / "first"
    invoke(run, "--out", first)
    found = invoke(run, "--out", tmp_path / "next", "--weights", first / "weights.safetensors")
    assert "all 642 tensors kept; the classes are the same" in found.stderr
    history = Bundle.open(tmp_path / "next").manifest.history
    assert [record.stage for record in history] == ["load", "train"]


def test_a_finished_training_of_other_settings_is_replaced_only_when_asked(
    run: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    invoke(run, "--out", out)
    with pytest.raises(BundleError, match=r"finished result of another call.*--fresh"):
        invoke(run, "--out", out, "--set", "train.epochs=1")
    invoke(run, "--out", out, "--set", "train.epochs=1", "--fresh")
    assert Bundle.open(out).metrics("train")["epochs"] == 1


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
    invoke(run, "--out", tmp_path / "alone")
    alone, together = (
        read_checkpoint(f / "weights.safetensors") for f in (tmp_path / "alone", out)
    )
    assert all(alone[name].equal(value) for name, value in together.items())


def test_a_recipe_that_does_not_train_is_refused(run: list[str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no section 'train'.*transfer_int8"):
        invoke(["--recipe", "yolo_int8", *run[2:]])


def test_without_data_it_says_what_it_needs(run: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        invoke(run[:2], "--out", tmp_path / "out")


def test_two_processes_train_one_network(run: list[str], tmp_path: Path) -> None:
    words = [*run, "--out", str(tmp_path / "out"), "--set", "train.epochs=1"]
    first, second = run_together(2, [sys.executable, "-m", "edgecv", "train", *words])
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "on 2 processes on cpu" in first.stderr
    assert second.stdout == ""
    assert "epoch" not in second.stderr
    assert Bundle.open(tmp_path / "out").metrics("train")["processes"] == 2


def test_what_the_first_process_refuses_ends_the_others(run: list[str], tmp_path: Path) -> None:
    words = [*run[:2], "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    first, second = run_together(2, [sys.executable, "-m", "edgecv", "train", *words])
    assert (first.returncode, second.returncode) == (2, 0)
    assert first.stderr == f"edgecv: {tmp_path / 'nowhere'}: no such folder; expected a data set\n"

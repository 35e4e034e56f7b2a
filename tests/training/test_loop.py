from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_shapes import Shapes, quick, small_network
from together import start

from edgecv.bundle import sha256_of
from edgecv.errors import EdgecvError, UsageError
from edgecv.models.checkpoint import read_checkpoint
from edgecv.models.yolox_weights import yolox_from_state
from edgecv.recipe import TrainSettings
from edgecv.training.loop import Task, train
from edgecv.training.losses import detection_loss
from edgecv.training.resume import CHECKPOINT
from edgecv.training.validation import truth_of, validate

PROGRAM = Path(__file__).with_name("stopped_training.py")


def task(folder: Path, settings: TrainSettings, count: int = 8) -> Task:
    return Task(Shapes(count), Shapes(4), settings, 64, folder)


def test_a_few_pictures_are_learnt_by_heart_from_scratch(tmp_path: Path) -> None:
    # far from where the order of float sums decides: other threads end at mAP .70 to .78
    settings = quick(epochs=120, lr=0.16, validate_every=60, warmup_epochs=12, seed=1)
    pictures = Shapes(4)
    found = train(small_network(), Task(pictures, pictures, settings, 64, tmp_path))
    losses = [row["loss"]["total"] for row in found.history]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:20])
    assert ["l1" in row["loss"] for row in found.history] == [False] * 105 + [True] * 15
    best = max(row["mAP"] for row in found.history if "mAP" in row)
    assert best > 0.5
    model = yolox_from_state(read_checkpoint(found.weights), "best")
    again = validate(model, pictures, truth_of(pictures), 64)
    assert again.mAP == best
    assert again.mAP50 > 0.8


def test_killed_and_called_again_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    out, err = tmp_path / "out", tmp_path / "err"
    out.touch()
    run = start([str(PROGRAM), str(killed)], out, err)
    while out.read_text().count("step\n") < 5 and run.is_alive():  # into the second epoch
        time.sleep(0.005)
    run.kill()
    run.join()
    assert run.exitcode == -signal.SIGKILL, err.read_text()
    state = torch.load(killed / CHECKPOINT, weights_only=True)
    assert 5 <= 3 * state["position"]["epoch"] + state["position"]["step"] < 9
    out.unlink()
    rest = start([str(PROGRAM), str(killed), str(whole)], out, err)
    rest.join()
    assert rest.exitcode == 0, err.read_text()
    told = out.read_text()
    first, second = (line for line in told.splitlines() if line.startswith("history"))
    assert first == second
    assert told.split(first)[0].count("step") < 6
    assert sha256_of(killed / "best.safetensors") == sha256_of(whole / "best.safetensors")
    last = [torch.load(folder / CHECKPOINT, weights_only=True) for folder in (killed, whole)]
    for part in ("model", "averaged"):
        assert all(torch.equal(last[0][part][name], last[1][part][name]) for name in last[0][part])


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    settings = quick(epochs=1)
    first = train(small_network(), task(tmp_path, settings))
    before = sha256_of(first.weights)
    again = train(small_network(), task(tmp_path, settings))
    assert again.history == first.history
    assert sha256_of(again.weights) == before


def test_other_settings_weights_or_pictures_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    settings = quick(epochs=1)
    train(small_network(), task(tmp_path, settings))
    with pytest.raises(UsageError, match=r"train\.lr was 0\.01, is 0\.02"):
        train(small_network(), task(tmp_path, quick(epochs=1, lr=0.02)))
    with pytest.raises(UsageError, match="weights changed"):
        train(small_network(seed=1), task(tmp_path, settings))
    with pytest.raises(UsageError, match="training pictures changed"):
        train(small_network(), task(tmp_path, settings, count=4))
    train(small_network(), task(tmp_path, quick(epochs=1, workers=1, checkpoint_every_s=5)))


def test_a_loss_that_is_not_finite_stops_with_its_batch_and_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    steps = 0

    def breaks(*given: object) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        parts = detection_loss(*given)  # type: ignore[arg-type]
        return {**parts, "iou": parts["iou"] * (torch.nan if steps == 4 else 1)}

    settings = quick(epochs=3, checkpoint_every_s=0)
    with pytest.raises(EdgecvError, match=r"epoch 2, step 2: .* \(iou nan.*not_finite_0\.npz"):
        train(small_network(), task(tmp_path, settings), breaks)
    with np.load(tmp_path / "not_finite_0.npz") as saved:
        assert saved["images"].shape == (4, 3, 64, 64)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert (state["position"]["epoch"], state["position"]["step"]) == (1, 1)
    assert all(value.isfinite().all() for value in state["model"].values())
    assert len(train(small_network(), task(tmp_path, settings)).history) == 3


@pytest.mark.parametrize("allocate", [torch.empty, np.empty], ids=["torch", "numpy"])
def test_too_little_memory_says_what_to_lower(
    tmp_path: Path, allocate: Callable[[int], object]
) -> None:
    settings = quick(epochs=2, checkpoint_every_s=0)
    steps = 0

    def greedy(*given: object) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        if steps == 2:
            allocate(1 << 55)  # more than any machine has: both say so in their own way
        return detection_loss(*given)  # type: ignore[arg-type]

    with pytest.raises(
        EdgecvError, match=r"4 pictures of 64 px.*train\.batch=2.*train\.input_size"
    ):
        train(small_network(), task(tmp_path, settings), greedy)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["position"]["step"] == 1


def test_what_a_gpu_says_of_its_memory_is_understood_too(tmp_path: Path) -> None:
    def greedy(*given: object) -> dict[str, torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EdgecvError, match=r"train\.batch=2"):
        train(small_network(), task(tmp_path, quick(epochs=1)), greedy)


def test_any_other_failure_of_a_loss_is_not_taken_for_want_of_memory(tmp_path: Path) -> None:
    def wrong(*given: object) -> dict[str, torch.Tensor]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        train(small_network(), task(tmp_path, quick(epochs=1)), wrong)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    settings = quick(epochs=2, checkpoint_every_s=0)
    steps = 0

    def fills(*given: object) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        if steps == 2:  # where the next checkpoint is written first: a device that is always full
            (tmp_path / f".{CHECKPOINT}.tmp").symlink_to("/dev/full")
        return detection_loss(*given)  # type: ignore[arg-type]

    with pytest.raises(OSError, match=rf"No space left.*{CHECKPOINT}"):
        train(small_network(), task(tmp_path, settings), fills)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["position"]["step"] == 1
    assert len(train(small_network(), task(tmp_path, settings)).history) == 2


def test_epochs_are_validated_when_due_and_at_the_end(tmp_path: Path) -> None:
    found = train(small_network(), task(tmp_path, quick(epochs=5, validate_every=2)))
    assert [row["epoch"] for row in found.history if "mAP" in row] == [2, 4, 5]
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert rows == found.history
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10]

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_shapes import Shapes, quick, small_network

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
    settings = quick(epochs=120, batch=8, lr=0.16, validate_every=40, warmup_epochs=10)
    pictures = Shapes(8)
    found = train(small_network(), Task(pictures, pictures, settings, 64, tmp_path))
    losses = [row["loss"]["total"] for row in found.history]
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
    assert ["l1" in row["loss"] for row in found.history] == [False] * 105 + [True] * 15
    best = max(row["mAP"] for row in found.history if "mAP" in row)
    assert best > 0.6
    model = yolox_from_state(read_checkpoint(found.weights), "best")
    again = validate(model, pictures, truth_of(pictures), 64)
    assert again.mAP == best
    assert again.mAP50 > 0.8


def test_killed_and_called_again_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM)]
    with subprocess.Popen([*command, str(killed)], env=environment, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        for _ in range(5):  # into the second epoch
            assert run.stdout.readline() == b"step\n"
        run.send_signal(signal.SIGKILL)
    state = torch.load(killed / CHECKPOINT, weights_only=True)
    assert 5 <= 3 * state["position"]["epoch"] + state["position"]["step"] < 9
    rest = subprocess.run(
        [*command, str(killed), str(whole)], env=environment, capture_output=True, text=True
    )
    assert rest.returncode == 0, rest.stderr
    first, second = (line for line in rest.stdout.splitlines() if line.startswith("history"))
    assert first == second
    assert rest.stdout.split(first)[0].count("step") < 6
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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_too_little_memory_says_what_to_lower(tmp_path: Path, error: Exception) -> None:
    def greedy(*given: object) -> dict[str, torch.Tensor]:
        raise error

    with pytest.raises(
        EdgecvError, match=r"4 pictures of 64 px.*train\.batch=2.*train\.input_size"
    ):
        train(small_network(), task(tmp_path, quick(epochs=1)), greedy)


def test_any_other_failure_of_a_loss_is_not_taken_for_want_of_memory(tmp_path: Path) -> None:
    def wrong(*given: object) -> dict[str, torch.Tensor]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        train(small_network(), task(tmp_path, quick(epochs=1)), wrong)


def test_a_full_disk_keeps_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = quick(epochs=2, checkpoint_every_s=0)
    writes = 0
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        nonlocal writes
        writes += CHECKPOINT in path.name
        if writes == 3:
            write(path, bytes(data)[:1000])
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        train(small_network(), task(tmp_path, settings))
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["position"]["step"] == 2
    monkeypatch.undo()
    assert len(train(small_network(), task(tmp_path, settings)).history) == 2


def test_epochs_are_validated_when_due_and_at_the_end(tmp_path: Path) -> None:
    found = train(small_network(), task(tmp_path, quick(epochs=5, validate_every=2)))
    assert [row["epoch"] for row in found.history if "mAP" in row] == [2, 4, 5]
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert rows == found.history
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10]

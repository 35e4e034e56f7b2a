from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from made_shapes import Shapes, quick, small_network

from edgecv.recipe import TrainSettings
from edgecv.training.batches import Batch, batches
from edgecv.training.learner import Learner, digest_of, stop_not_finite
from edgecv.training.losses import detection_loss
from edgecv.training.processes import World

HERE = World(0, 1, torch.device("cpu"))


def made(settings: TrainSettings) -> Learner:
    return Learner(small_network(), settings, detection_loss, HERE)


def first_batch(settings: TrainSettings, start: int = 0) -> Batch:
    return next(batches(Shapes(8), settings, 64, epoch=0, start=start))


def test_a_step_lowers_the_loss_of_its_batch_and_moves_the_average() -> None:
    settings = quick()
    learner, batch = made(settings), first_batch(settings)
    before = digest_of(learner.averaged)
    losses = [sum(learner.learn(batch, 0.01, 0.5, False).values()) for _ in range(24)]
    assert np.mean(losses[-4:]) < 0.9 * losses[0]
    assert digest_of(learner.averaged) not in (before, digest_of(learner.model))


def test_a_frozen_backbone_stays_to_the_last_bit() -> None:
    settings = quick(freeze="backbone")
    learner = made(settings)
    before, head = digest_of(learner.model.backbone), digest_of(learner.model.head)
    learner.learn(first_batch(settings), 0.01, 0.5, True)
    assert digest_of(learner.model.backbone) == before == digest_of(learner.averaged.backbone)
    assert digest_of(learner.model.head) != head


def test_its_state_is_all_that_the_next_step_needs() -> None:
    settings = quick()
    one = made(settings)
    one.learn(first_batch(settings), 0.01, 0.5, False)
    kept = io.BytesIO()
    torch.save(one.state(), kept)
    kept.seek(0)
    other = made(settings)
    other.load(torch.load(kept, weights_only=True))
    for learner in (one, other):
        learner.learn(first_batch(settings, start=1), 0.01, 0.5, False)
    assert digest_of(one.model) == digest_of(other.model)
    assert digest_of(one.averaged) == digest_of(other.averaged)


def test_mixed_precision_trains_on_a_cpu_too() -> None:
    learner = made(quick(precision="amp"))
    kinds = set()
    learner.model.head.stems[0].register_forward_hook(lambda m, i, out: kinds.add(out.dtype))
    batch = first_batch(quick())
    expected = made(quick()).learn(batch, 0.01, 0.5, False)
    assert learner.learn(batch, 0.01, 0.5, False) == pytest.approx(expected, rel=0.1)
    assert kinds == {torch.bfloat16}
    assert next(learner.model.parameters()).dtype == torch.float32


def test_a_loss_that_is_not_finite_changes_no_weight() -> None:
    learner = made(quick())
    before = digest_of(learner.model.head)
    learner._loss = lambda *given: {"iou": detection_loss(*given)["iou"] * torch.inf}
    with pytest.raises(FloatingPointError, match="iou inf"):
        learner.learn(first_batch(quick()), 0.01, 0.5, False)
    parameters = [(p.grad, p) for p in learner.model.parameters()]
    assert all(grad is None for grad, _ in parameters)
    assert digest_of(learner.averaged.head) == before


def test_the_batch_of_such_a_loss_is_saved_whole(tmp_path: Path) -> None:
    batch = first_batch(quick())
    path = tmp_path / "bad.npz"
    error = stop_not_finite(batch, "epoch 1, step 2", "iou nan", path)
    assert str(error).startswith("epoch 1, step 2: the loss is not finite (iou nan)")
    assert str(path) in str(error)
    with np.load(path) as saved:
        assert np.array_equal(saved["images"], batch.images.numpy())
        assert saved["boxes_xyxy"].shape == (len(saved["class_ids"]), 4)
        assert saved["indices"].tolist() == batch.indices
        for number, ids in enumerate(batch.class_ids):
            assert saved["class_ids"][saved["pictures"] == number].tolist() == ids.tolist()


def test_a_digest_tells_one_weight() -> None:
    model = small_network()
    before = digest_of(model)
    with torch.no_grad():
        next(model.parameters()).view(-1)[0] += 1e-3
    assert digest_of(model) != before
    assert digest_of(small_network()) == before

"""The one training loop: fine-tuning, distillation and quantisation-aware training run it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

from edgecv.errors import EdgecvError
from edgecv.models.yolox import Yolox
from edgecv.recipe import TrainSettings
from edgecv.training.batches import Pictures, batches, steps_an_epoch
from edgecv.training.journal import Journal, Row
from edgecv.training.learner import Learner, digest_of, stop_not_finite
from edgecv.training.losses import Loss, detection_loss
from edgecv.training.processes import World, from_first, wait_for_others, world
from edgecv.training.resume import BEST, identity, read_state, write_best, write_state
from edgecv.training.schedule import ema_decay, learning_rate
from edgecv.training.validation import truth_of, validate


class Task(NamedTuple):
    """What is trained on what.

    Attributes:
        train: pictures to learn from.
        val: pictures that choose the best weights; the same classes in the same order.
        settings: of the training.
        input_size: side of the square input in pixels.
        folder: for checkpoints, history and logs; a stopped training goes on from there.
    """

    train: Pictures
    val: Pictures
    settings: TrainSettings
    input_size: int
    folder: Path

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return steps_an_epoch(len(self.train), self.settings.batch)


class Trained(NamedTuple):
    """The result of a training.

    Attributes:
        weights: safetensors file of the averaged weights at their best mAP.
        history: a row an epoch, as in history.jsonl.
    """

    weights: Path
    history: list[Row]


@dataclass
class Position:
    """How far a training is: the next step, and what the epoch has summed up before it."""

    epoch: int = 0
    step: int = 0
    best: float = -1.0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)


def train(model: Yolox, task: Task, loss: Loss = detection_loss) -> Trained:
    """Train a network, or go on with a training that was stopped.

    On a CPU, with the same number of threads and processes, a training that was killed and called
    again ends with the same weights as one that was not.

    Args:
        model: with its first weights; changed in place.
        task: what it learns from.
        loss: what is minimised.

    Raises:
        UsageError: the folder holds a training of other settings, weights or data.
        EdgecvError: the loss is not finite, or memory does not suffice.
    """
    here, settings = world(), task.settings
    task.folder.mkdir(parents=True, exist_ok=True)
    inputs: dict[str, str | int] = {
        "weights": digest_of(model),
        "input size": task.input_size,
        "training pictures": task.train.digest,
        "validation pictures": task.val.digest,
    }
    of = identity(settings, inputs)
    state = from_first(read_state(task.folder, of) if not here.rank else None)
    with _memory(settings, task.input_size):
        learner = Learner(model, settings, loss, here)
        position = Position()
        if state is not None:
            learner.load(state)
            position = Position(**state["position"])
        done = position.epoch * task.steps + position.step
        journal = Journal(
            task.folder, position.history, settings.epochs, task.steps, done, shown=not here.rank
        )
        with journal.live():
            _run(learner, task, position, journal, of)
    return Trained(task.folder / BEST, position.history)


def _run(
    learner: Learner, task: Task, position: Position, journal: Journal, of: dict[str, object]
) -> None:
    here, settings = world(), task.settings
    saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        saved = time.monotonic()
        if not here.rank:
            write_state(task.folder, {**learner.state(), "position": asdict(position), "of": of})

    while position.epoch < settings.epochs:
        for _ in _epoch(learner, task, position, journal, here):
            if time.monotonic() - saved >= settings.checkpoint_every_s:
                save()
        _close_epoch(learner, task, position, journal, here)
    save()


def _epoch(
    learner: Learner, task: Task, position: Position, journal: Journal, here: World
) -> Iterator[None]:
    """The steps of an epoch that are still to be done; hands over after each."""
    settings, epoch = task.settings, position.epoch
    since, before = time.monotonic(), position.seconds
    for batch in batches(
        task.train, settings, task.input_size, epoch, position.step, here.rank, here.size
    ):
        step = epoch * task.steps + position.step
        rate, decay = learning_rate(settings, step, task.steps), ema_decay(settings, step)
        try:
            parts = learner.learn(batch, rate, decay, epoch >= settings.plain_from)
        except FloatingPointError as error:
            where = f"epoch {epoch + 1}, step {position.step + 1}"
            path = task.folder / f"not_finite_{here.rank}.npz"
            raise stop_not_finite(batch, where, str(error), path) from error
        position.step += 1
        for name, value in parts.items():
            position.sums[name] = position.sums.get(name, 0.0) + value
        position.seconds = before + time.monotonic() - since
        journal.step(epoch, sum(parts.values()))
        yield


def _close_epoch(
    learner: Learner, task: Task, position: Position, journal: Journal, here: World
) -> None:
    """Validate where it is due, tell, and turn to the next epoch."""
    settings, done = task.settings, position.epoch + 1
    loss = {name: value / task.steps for name, value in position.sums.items()}
    step = done * task.steps
    row: Row = {
        "epoch": done,
        "step": step,
        "lr": learning_rate(settings, step - 1, task.steps),
        "loss": {**loss, "total": sum(loss.values())},
        "seconds": round(position.seconds, 2),
    }
    if done % settings.validate_every == 0 or done == settings.epochs:
        if not here.rank:
            row |= _validate(learner, task, position)
        wait_for_others()
    journal.add(row)
    position.history.append(row)
    position.epoch, position.step, position.seconds, position.sums = done, 0, 0.0, {}


def _validate(learner: Learner, task: Task, position: Position) -> Row:
    since = time.monotonic()
    score = validate(learner.averaged, task.val, truth_of(task.val), task.input_size)
    if score.mAP > position.best:
        position.best = score.mAP
        write_best(task.folder, learner.averaged.state_dict())
    return {
        "mAP": score.mAP,
        "mAP50": score.mAP50,
        "per_class": score.per_class,
        "validation_seconds": round(time.monotonic() - since, 2),
    }


@contextmanager
def _memory(settings: TrainSettings, input_size: int) -> Iterator[None]:
    """Say what to lower when memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        short = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not short and "allocate memory" not in str(error):
            raise
        raise EdgecvError(
            f"not enough memory to train on {settings.batch} pictures of {input_size} px a step. "
            f"Lower train.batch (--set train.batch={max(1, settings.batch // 2)}) or "
            "train.input_size; the last checkpoint is kept"
        ) from error

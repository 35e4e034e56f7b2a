"""The one training loop: fine-tuning, distillation and quantisation-aware training run it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import torch

from edgecv.data.samples import Dataset
from edgecv.errors import EdgecvError
from edgecv.models.checkpoint import About
from edgecv.models.detector import Detector, architecture_of
from edgecv.training.batches import batches
from edgecv.training.journal import Journal, Row
from edgecv.training.learner import Learner, digest_of, stop_not_finite
from edgecv.training.losses import Loss, detection_loss
from edgecv.training.processes import from_first, wait_for_others, world
from edgecv.training.resume import BEST, identity, read_state, write_best, write_state
from edgecv.training.schedule import ema_decay, learning_rate
from edgecv.training.task import Position, Task, Trained
from edgecv.training.validation import truth_of, validate

__all__ = ["Task", "Trained", "train"]


def train(
    model: Detector,
    task: Task,
    loss: Loss = detection_loss,
    also: Mapping[str, str] = MappingProxyType({}),
) -> Trained:
    """Train a network, or go on with a training that was stopped.

    On a CPU, with the same number of threads and processes, a training that was killed and called
    again ends with the same weights as one that was not.

    Args:
        model: with its first weights; changed in place.
        task: what it learns from.
        loss: what is minimised; one that is a module learns too, and is kept with the checkpoints.
        also: what decides the result beside all these, by name, for messages.

    Raises:
        UsageError: the folder holds a training of other settings, weights or data.
        EdgecvError: the loss is not finite, or memory does not suffice.
    """
    here = world()
    task.folder.mkdir(parents=True, exist_ok=True)
    of = identity(
        task.settings,
        {
            "weights": digest_of(model),
            "input size": task.input_size,
            "training pictures": task.train.digest,
            "validation pictures": task.val.digest,
            **also,
        },
    )
    state = from_first(read_state(task.folder, of) if not here.rank else None)
    with _memory(task):
        learner = Learner(model, task.settings, loss, here)
        training = _Training(learner, task, of, state, first=not here.rank)
        training.run()
    return Trained(task.folder / BEST, training.position.history)


class _Training:
    """A training at some step; `run` takes it to its end.

    Args:
        learner: what takes the steps.
        task: what is trained on what.
        of: the identity of the training, kept with its checkpoints.
        state: a checkpoint to go on from, or None.
        first: whether this is the process that writes, validates and tells.
    """

    def __init__(
        self,
        learner: Learner,
        task: Task,
        of: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        first: bool,
    ) -> None:
        self._learner, self._task, self._of, self._first = learner, task, of, first
        self.position = Position()
        if state is not None:
            learner.load(state)
            self.position = Position(**state["position"])
        settings, position = task.settings, self.position
        done = position.epoch * task.steps + position.step
        self._journal = Journal(
            task.folder, position.history, settings.epochs, task.steps, done, first
        )
        self._saved = time.monotonic()
        self._truth: Dataset | None = None  # a user's own Dataset is read through for it

    def run(self) -> None:
        settings = self._task.settings
        with self._journal.live():
            while self.position.epoch < settings.epochs:
                for _ in self._epoch():
                    if time.monotonic() - self._saved >= settings.checkpoint_every_s:
                        self._save()
                self._close_epoch()
            self._save()

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._first:
            position = asdict(self.position)
            state = {**self._learner.state(), "position": position, "of": self._of}
            write_state(self._task.folder, state)

    def _epoch(self) -> Iterator[None]:
        """Take the steps of an epoch that are still to be done; hand over after each."""
        task, settings, position = self._task, self._task.settings, self.position
        here, epoch = world(), position.epoch
        since, before = time.monotonic(), position.seconds
        size = task.input_size
        for batch in batches(
            task.train, settings, size, epoch, position.step, here.rank, here.size
        ):
            step = epoch * task.steps + position.step
            rate, decay = learning_rate(settings, step, task.steps), ema_decay(settings, step)
            try:
                parts = self._learner.learn(batch, rate, decay, epoch >= settings.plain_from)
            except FloatingPointError as error:
                where = f"epoch {epoch + 1}, step {position.step + 1}"
                path = task.folder / f"not_finite_{here.rank}.npz"
                raise stop_not_finite(batch, where, str(error), path) from error
            position.step += 1
            for name, value in parts.items():
                position.sums[name] = position.sums.get(name, 0.0) + value
            position.seconds = before + time.monotonic() - since
            self._journal.step(epoch, sum(parts.values()))
            yield

    def _close_epoch(self) -> None:
        """Validate where it is due, tell, and turn to the next epoch."""
        task, settings, position = self._task, self._task.settings, self.position
        done = position.epoch + 1
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
            if self._first:
                row |= self._validate()
            wait_for_others()
        self._journal.add(row)
        position.history.append(row)
        position.epoch, position.step, position.seconds, position.sums = done, 0, 0.0, {}

    def _validate(self) -> Row:
        task, averaged, since = self._task, self._learner.averaged, time.monotonic()
        self._truth = self._truth or truth_of(task.val)
        score = validate(averaged, task.val, self._truth, task.input_size)
        if score.mAP > self.position.best:
            self.position.best = score.mAP
            about = About(architecture=architecture_of(averaged.config))
            write_best(task.folder, averaged.state_dict(), about)
        return {
            "mAP": score.mAP,
            "mAP50": score.mAP50,
            "per_class": score.per_class,
            "validation_seconds": round(time.monotonic() - since, 2),
        }


@contextmanager
def _memory(task: Task) -> Iterator[None]:
    """Say what to lower when memory does not suffice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        short = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not short and "allocate memory" not in str(error):
            raise
        batch = task.settings.batch
        raise EdgecvError(
            f"not enough memory to train on {batch} pictures of {task.input_size} px a step. "
            f"Lower train.batch (--set train.batch={max(1, batch // 2)}) or train.input_size; the "
            "last checkpoint is kept"
        ) from error

"""What a training is given, how far it is, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edgecv.recipe import TrainSettings
from edgecv.training.batches import Pictures, steps_an_epoch
from edgecv.training.journal import Row


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

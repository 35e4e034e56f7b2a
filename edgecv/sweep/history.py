"""How far the training of a variant is, read from the files that it writes anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgecv.output import STAGES_FOLDER
from edgecv.recipe import Recipe
from edgecv.workspace import half_done

HISTORY = "history.jsonl"  # a row an epoch

Scores = tuple[tuple[int, float], ...]


class Training(NamedTuple):
    """The longest training of a recipe.

    Attributes:
        stage: that trains.
        epochs: of each of its rounds.
        rounds: trainings one after another; pruning has one after each cut.
    """

    stage: str
    epochs: int
    rounds: int = 1

    @property
    def total(self) -> int:
        return self.epochs * self.rounds


def training_of(recipe: Recipe) -> Training | None:
    """The training that a sweep watches; None where nothing is trained."""
    found = []
    if recipe.train:
        found.append(Training("train", recipe.train.epochs))
    if recipe.prune and recipe.prune.train:
        found.append(Training("prune", recipe.prune.train.epochs, recipe.prune.steps))
    if recipe.distill:
        found.append(Training("distill", recipe.distill.train.epochs))
    if recipe.quantize and recipe.quantize.method == "qat":
        found.append(Training("quantize", recipe.quantize.qat.train.epochs))
    return max(found, key=lambda training: training.total, default=None)


def read_scores(folder: Path, training: Training) -> Scores:
    """(epoch from 1 over all rounds, mAP) of each validation so far; empty before the first.

    Args:
        folder: where the variant's bundle is made.
        training: that is watched.
    """
    for paths in _places(folder, training.stage):
        if paths:
            rows = (row for path in paths for row in _rows(path, training))
            return tuple(sorted(rows))
    return ()


def _places(folder: Path, stage: str) -> Iterator[list[Path]]:
    half = half_done(folder, stage)
    yield [*half.glob(HISTORY), *half.glob(f"step-*/{HISTORY}")]
    if stage not in ("train", "distill"):
        return
    # done, and copied to where the bundle keeps it
    yield [*folder.glob(f"{STAGES_FOLDER}/{stage}-*/training/{HISTORY}")]
    yield [*folder.glob(f"training/{HISTORY}")]


def _rows(path: Path, training: Training) -> Iterator[tuple[int, float]]:
    number = re.fullmatch(r"step-(\d+)", path.parent.name)
    before = (int(number.group(1)) - 1) * training.epochs if number else 0
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return  # the stage has just ended
    for line in lines:
        row = json.loads(line)
        if "mAP" in row:
            yield before + int(row["epoch"]), float(row["mAP"])

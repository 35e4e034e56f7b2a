"""A part of the training pictures to score on, chosen by the names of the files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecv.data.samples import Dataset
from edgecv.recipe import TrainSettings
from edgecv.training.split_classes import needed, some, with_boxes


def held_out(names: Sequence[str], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which files make up val: (N,) bool, at least one and not all where there are two.

    Each is chosen by a hash of its own name, so that it stays on its side when files are added.
    """
    chance = np.array([_chance(f"{seed} {name}") for name in names])
    chosen: NDArray[np.bool_] = chance < fraction
    if len(names) > 1 and not chosen.any():
        chosen[chance.argmin()] = True
    if len(names) > 1 and chosen.all():
        chosen[chance.argmax()] = False
    return chosen


def held_out_of(train: Dataset, settings: TrainSettings) -> NDArray[np.bool_]:
    """(N,) pictures of val, with a box where there can be, of which train can do without each."""
    names = [sample.path.name for sample in train.samples]
    chosen = held_out(names, settings.val_fraction, settings.seed)
    chosen &= ~needed(train, chosen)
    if with_boxes(some(train, chosen)):
        return chosen
    for index in range(len(names)):
        more = np.asarray(chosen | (np.arange(len(names)) == index), np.bool_)
        if with_boxes(some(train, more)) and not needed(train, more)[index]:
            return more
    return chosen


def _chance(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64

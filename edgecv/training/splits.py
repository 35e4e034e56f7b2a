"""What to learn from and what to choose the best weights by: two parts of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgecv.data.dataset import open_dataset, split_names
from edgecv.data.samples import Dataset
from edgecv.data.scored import HELD_OUT
from edgecv.errors import DataError
from edgecv.recipe import TrainSettings
from edgecv.training.custom import open_custom
from edgecv.training.held_out import held_out, held_out_of
from edgecv.training.pictures import DatasetPictures, Labelled, Pictures
from edgecv.training.split_classes import check_boxes, renumbered, some, unused, with_boxes


class Parts(NamedTuple):
    """The two parts; classes are those of train, and val has no other.

    Attributes:
        train: to learn from, decoded no larger than training needs.
        val: to score on, as large as they are.
        notes: what the user should know of how they came about, a line each.
    """

    train: Pictures
    val: Pictures
    notes: tuple[str, ...]


class Subset:
    """Some of the pictures, by their numbers."""

    def __init__(self, pictures: Pictures, indices: Sequence[int], name: str) -> None:
        self.name = name
        self.class_names = pictures.class_names
        self._pictures = pictures
        self._indices = indices

    @property
    def digest(self) -> str:
        told = f"{self._pictures.digest} {list(self._indices)}"
        return hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._indices)

    def picture(self, index: int) -> Labelled:
        return self._pictures.picture(self._indices[index])


def open_parts(data: Path | None, settings: TrainSettings, input_size: int) -> Parts:
    """The parts that the settings name; without val, a fraction of train that the seed chooses.

    Args:
        data: folder of a known format; not read when the settings name a function.
        settings: splits, fraction, seed, custom.
        input_size: side of the network's input in pixels.

    Raises:
        DataError: a part is missing, empty or has no box; val has a class that train lacks; or
            what the readers refuse.
    """
    if settings.custom is not None:
        return _custom_parts(settings.custom, settings)
    if data is None:
        raise DataError("no data to train on: --data DIR takes pictures with ground truth")
    train, val, notes = _dataset_parts(data, settings)
    check_boxes(train, val)
    notes += unused(train)
    side = input_size + 32 * settings.augment.multiscale
    return Parts(
        DatasetPictures(train, side, settings.cache_mb),
        DatasetPictures(renumbered(val, train.class_names)),
        tuple(notes),
    )


def _dataset_parts(data: Path, settings: TrainSettings) -> tuple[Dataset, Dataset, list[str]]:
    names = split_names(data)
    whole = not names and settings.train_split == "train"
    if names and not any(settings.train_split in name for name in names):
        raise DataError(
            f"{data}: no split '{settings.train_split}' to learn from; there is "
            f"{', '.join(names)}. Name one: --set train.train_split={names[0]}"
        )
    if settings.train_split == settings.val_split:
        raise DataError(
            f"{data}: train.train_split and train.val_split are both '{settings.val_split}'; "
            "expected two, for what was learnt by heart scores well"
        )
    train = open_dataset(data, None if whole else settings.train_split)
    if any(settings.val_split in name for name in names):
        return train, open_dataset(data, settings.val_split), []
    chosen = held_out_of(train, settings)
    if with_boxes(train) and not with_boxes(some(train, chosen)):
        raise DataError(
            f"{data}: {len(train.samples)} pictures are too few to hold some out and keep each "
            f"class in train. Add pictures, or a split '{settings.val_split}'"
        )
    note = (
        f"{data}: no split '{settings.val_split}'; {chosen.sum()} of {len(chosen)} pictures are "
        f"held out of train by their names and seed {settings.seed}"
    )
    val = replace(some(train, chosen), name=f"{train.name}, {HELD_OUT}")
    return some(train, ~chosen), val, [note]


def _custom_parts(reference: str, settings: TrainSettings) -> Parts:
    train = open_custom(reference, settings.train_split)
    if train is None:
        raise DataError(
            f"{reference}('{settings.train_split}'): returned None, expected a torch Dataset"
        )
    val = open_custom(reference, settings.val_split)
    if val is not None:
        if val.class_names != train.class_names:
            raise DataError(
                f"{reference}: the class_names of '{settings.val_split}' are "
                f"{list(val.class_names)}, those of '{settings.train_split}' "
                f"{list(train.class_names)}; expected the same"
            )
        return Parts(train, val, ())
    chosen = held_out([str(i) for i in range(len(train))], settings.val_fraction, settings.seed)
    if not chosen.any():
        raise DataError(f"{train.name}: 1 picture, expected two at least, one to score on")
    note = (
        f"{reference}('{settings.val_split}'): None; {chosen.sum()} of {len(chosen)} pictures are "
        f"held out of train by their numbers and seed {settings.seed}"
    )
    return Parts(
        Subset(train, np.flatnonzero(~chosen).tolist(), train.name),
        Subset(train, np.flatnonzero(chosen).tolist(), f"{train.name}, {HELD_OUT}"),
        (note,),
    )

"""Open a folder of pictures with ground truth in any known format, and match its classes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from edgecv.data import coco, voc, yolo_txt
from edgecv.data.samples import Dataset, Sample, problems_of, refuse
from edgecv.errors import DataError
from edgecv.types import Ints

__all__ = [
    "Dataset",
    "Sample",
    "class_map",
    "format_of",
    "open_dataset",
    "read_dataset",
    "split_names",
]


class Reader(Protocol):
    """A module that reads one format."""

    LOOKED_FOR: str

    def find(self, folder: Path) -> list[Path]: ...

    def splits(self, folder: Path) -> list[str]: ...

    def read(self, folder: Path, split: str | None) -> tuple[Dataset, list[str]]: ...


# classes that a message names
UNKNOWN_MAX = 8
READERS: dict[str, Reader] = {"coco": coco, "yolo": yolo_txt, "voc": voc}


def open_dataset(folder: Path, split: str | None = None) -> Dataset:
    """Read and check a data set: every picture is there and whole, every box lies in its picture.

    Args:
        folder: holds COCO json, YOLO txt (`data.yaml`) or VOC xml.
        split: e.g. train or val. None: the only one there is, else val; all of VOC.

    Raises:
        DataError: no format or two formats recognised, or problems in the ground truth: all of
            them, counted, the first few named.
    """
    dataset, problems = read_dataset(folder, split)
    if problems:
        refuse(folder, problems)
    if not dataset.samples:
        raise DataError(f"{folder}: the ground truth lists no picture")
    return dataset


def read_dataset(folder: Path, split: str | None = None) -> tuple[Dataset, list[str]]:
    """A data set as far as it can be read, and what `open_dataset` would refuse it for.

    Raises:
        DataError: no format or two formats recognised, no such split, or an annotation file that
            cannot be understood at all.
    """
    dataset, problems = READERS[format_of(folder)].read(folder, split)
    return dataset, problems + [p for sample in dataset.samples for p in problems_of(sample)]


def split_names(folder: Path) -> list[str]:
    """The parts that a data set is divided into, sorted; empty when it is all one.

    Raises:
        DataError: no format or two formats recognised.
    """
    return READERS[format_of(folder)].splits(folder)


def format_of(folder: Path) -> str:
    """Name of the format that a folder's ground truth is in.

    Raises:
        DataError: none or several recognised.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected a data set")
    found = [name for name, reader in READERS.items() if reader.find(folder)]
    if not found:
        looked_for = "; ".join(reader.LOOKED_FOR for reader in READERS.values())
        raise DataError(f"{folder}: no ground truth here. Looked for {looked_for}")
    if len(found) > 1:
        files = ", ".join(READERS[name].find(folder)[0].name for name in found)
        raise DataError(
            f"{folder}: ground truth in {len(found)} formats, {' and '.join(found)} ({files}); "
            "keep one, move the others elsewhere"
        )
    return found[0]


def class_map(dataset: Dataset, model_class_names: Sequence[str]) -> Ints:
    """Index in the model of each class of the data set, by name.

    Case, spaces, hyphens and underscores do not count; nothing else is guessed.

    Returns:
        (len(dataset.class_names),) int64; -1 where the model lacks a class without ground truth.

    Raises:
        DataError: a class with ground truth is unknown to the model, or two are the same to it.
    """
    model: dict[str, int] = {}
    for index, name in enumerate(model_class_names):
        model.setdefault(_plain(name), index)
    ids = np.array([model.get(_plain(name), -1) for name in dataset.class_names], np.int64)
    counts = _boxes_by_class(dataset)
    unknown = np.flatnonzero((ids < 0) & (counts > 0))
    if len(unknown):
        lines = [
            f"  '{dataset.class_names[index]}' ({counts[index]} boxes)"
            f"{_nearest(dataset.class_names[index], model_class_names)}"
            for index in unknown[:UNKNOWN_MAX]
        ]
        if len(unknown) > UNKNOWN_MAX:
            lines.append(f"  and {len(unknown) - UNKNOWN_MAX} more")
        raise DataError(
            f"{dataset.folder}: {len(unknown)} classes that the model does not know; "
            "rename them in the data set, or use a model that was trained on them:\n"
            + "\n".join(lines)
        )
    used = ids[ids >= 0].tolist()
    twice = [name for name, i in zip(dataset.class_names, ids, strict=True) if used.count(i) > 1]
    if twice:
        raise DataError(
            f"{dataset.folder}: the classes {', '.join(map(repr, twice))} differ only in spelling "
            "and are one class to the model; merge them in the data set"
        )
    return ids


def _boxes_by_class(dataset: Dataset) -> Ints:
    every = [sample.class_ids for sample in dataset.samples]
    joined = np.concatenate([np.zeros(0, np.int64), *every])
    return np.bincount(joined, minlength=len(dataset.class_names)).astype(np.int64)


def _plain(name: str) -> str:
    return name.casefold().translate({ord(mark): None for mark in " _-"})


def _nearest(name: str, options: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.casefold(), options, n=1, cutoff=0.7)
    return f"; the nearest the model has is '{close[0]}'" if close else ""

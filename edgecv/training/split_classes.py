"""The classes of two parts of a data set: what is scored has to be learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgecv.data.samples import Dataset, Sample
from edgecv.errors import DataError
from edgecv.types import Ints

NAMED = 5  # classes that a note names; the others are counted


def needed(dataset: Dataset, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) pictures of a class that none of those not chosen has: train cannot do without."""
    rare = boxes_of(some(dataset, ~chosen)) == 0
    return np.array([rare[_alone(sample)].any() for sample in dataset.samples], np.bool_)


def some(dataset: Dataset, mask: NDArray[np.bool_]) -> Dataset:
    """The samples that a mask (N,) picks."""
    kept = tuple(s for s, keep in zip(dataset.samples, mask, strict=True) if keep)
    return replace(dataset, samples=kept)


def _alone(sample: Sample) -> Ints:
    return sample.class_ids[~sample.crowd]


def boxes_of(dataset: Dataset) -> Ints:
    """(C,) boxes of each class, crowds left out."""
    every = [np.zeros(0, np.int64), *map(_alone, dataset.samples)]
    return np.bincount(np.concatenate(every), minlength=len(dataset.class_names)).astype(np.int64)


def with_boxes(dataset: Dataset) -> list[str]:
    """Names of the classes that there is a box of."""
    return [n for n, c in zip(dataset.class_names, boxes_of(dataset), strict=True) if c]


def check_boxes(train: Dataset, val: Dataset) -> None:
    """Refuse parts that there is nothing to learn from, or to score on, or that do not match.

    Raises:
        DataError: a part has no box, or val has boxes of a class that train has none of.
    """
    learnt, scored = with_boxes(train), with_boxes(val)
    for part, found in ((train, learnt), (val, scored)):
        if not found:
            raise DataError(f"{train.folder}: no box in {part.name}; annotate its pictures")
    only = [name for name in scored if name not in learnt]
    if only:
        raise DataError(
            f"{train.folder}: {', '.join(map(repr, only))} has boxes in {val.name} and none in "
            f"{train.name}, so it cannot be learnt. Put pictures of it into {train.name}, or "
            f"remove it from {val.name}"
        )


def unused(train: Dataset) -> list[str]:
    """A note about classes without a box, if there are some: annotation tools export such."""
    left = [name for name in train.class_names if name not in with_boxes(train)]
    if not left:
        return []
    told = ", ".join(left[:NAMED]) + (f" and {len(left) - NAMED} more" if len(left) > NAMED else "")
    return [
        f"{train.name}: no box of {told}; the network gets these classes and will not find them. "
        "Remove them from the class names, or annotate them"
    ]


def renumbered(val: Dataset, class_names: tuple[str, ...]) -> Dataset:
    """Val with the class ids of train; boxes of other classes were refused, crowds are dropped."""
    ids = {name: index for index, name in enumerate(class_names)}
    table = np.array([ids.get(name, -1) for name in val.class_names], np.int64)
    samples = []
    for sample in val.samples:
        new = table[sample.class_ids]
        keep = new >= 0
        samples.append(
            replace(
                sample,
                boxes_xyxy=sample.boxes_xyxy[keep],
                class_ids=new[keep],
                crowd=sample.crowd[keep],
                areas=sample.areas[keep],
            )
        )
    return replace(val, class_names=class_names, samples=tuple(samples))

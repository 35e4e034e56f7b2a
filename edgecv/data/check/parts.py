"""What one part of a data set holds: pictures, boxes by class and size, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecv.data.check.looks import Look
from edgecv.data.samples import Dataset, Sample
from edgecv.types import Array

# sides of a square in pixels: COCO's bounds of small, medium and large
SMALL, LARGE = 32, 96


@dataclass(frozen=True)
class Part:
    """A part of a data set.

    Attributes:
        name: of the split; "all" where there is one part.
        pictures: that the annotations list.
        broken: of these, that are missing or cannot be decoded.
        empty: without a box.
        boxes: crowds left out.
        crowds: boxes that stand for many objects, or are marked difficult.
        class_boxes: boxes of each class of the data set.
        sizes: pictures of each width x height, most frequent first.
        kinds: pictures stored as grey, 16-bit, CMYK or with alpha.
        box_sizes: boxes by COCO's small, medium and large, in pixels of the picture.
        box_sizes_at_input: the same once the picture is fitted to the network's input.
        problems: what training would refuse, a line each.
    """

    name: str
    pictures: int
    broken: int
    empty: int
    boxes: int
    crowds: int
    class_boxes: dict[str, int]
    sizes: dict[str, int]
    kinds: dict[str, int]
    box_sizes: dict[str, int]
    box_sizes_at_input: dict[str, int]
    problems: tuple[str, ...]


def describe(
    name: str, dataset: Dataset, looks: Sequence[Look], problems: Sequence[str], input_size: int
) -> Part:
    """Count what a part holds.

    Args:
        name: of the part.
        dataset: as read, with whatever is wrong with it.
        looks: at the picture of each sample.
        problems: that reading found.
        input_size: side of the network's square input in pixels.
    """
    samples = dataset.samples
    counts: Counter[str] = Counter()
    for sample in samples:
        counts.update(dataset.class_names[i] for i in sample.class_ids[~sample.crowd])
    sides = _joined([_sides(sample) for sample in samples])
    fitted = _joined([_sides(s) * (input_size / max(s.width, s.height, 1)) for s in samples])
    return Part(
        name=name,
        pictures=len(samples),
        broken=sum(look.bits is None for look in looks),
        empty=sum(bool(sample.crowd.all()) for sample in samples),
        boxes=len(sides),
        crowds=sum(int(sample.crowd.sum()) for sample in samples),
        class_boxes={name: counts[name] for name in dataset.class_names},
        sizes=_most_common(f"{s.width}x{s.height}" for s in samples),
        kinds=_most_common(look.kind for look in looks if look.kind != "colour"),
        box_sizes=box_sizes(sides),
        box_sizes_at_input=box_sizes(fitted),
        problems=tuple(problems),
    )


def box_sizes(sides: Array) -> dict[str, int]:
    """How many of (N, 2) widths and heights are small, medium and large by COCO's areas."""
    areas = sides.clip(0).prod(axis=1)
    small, large = int((areas < SMALL**2).sum()), int((areas >= LARGE**2).sum())
    return {"small": small, "medium": len(areas) - small - large, "large": large}


def _sides(sample: Sample) -> Array:
    boxes = sample.boxes_xyxy[~sample.crowd]
    return np.asarray(boxes[:, 2:] - boxes[:, :2], np.float32)


def _joined(arrays: list[Array]) -> Array:
    return np.concatenate([np.zeros((0, 2), np.float32), *arrays])


def _most_common(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())

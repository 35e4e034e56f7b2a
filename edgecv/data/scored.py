"""What a run is scored on: nothing that it learns from itself."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from edgecv.data.dataset import Dataset, open_dataset

HELD_OUT = "held out of train"  # in the name of such a part


def scored(data: Path | None, held_out: Set[Path] | None) -> Dataset | None:
    """The ground truth of a folder, or of those of its pictures that training left out.

    Args:
        data: holds a data set; None: there is none.
        held_out: pictures of it; None: it has a part of its own to score on.

    Raises:
        DataError: as `open_dataset`.
    """
    dataset = None if data is None else open_dataset(data)
    if dataset is None or held_out is None:
        return dataset
    samples = tuple(sample for sample in dataset.samples if sample.path in held_out)
    return replace(dataset, name=f"{dataset.name}, {HELD_OUT}", samples=samples)

"""Pictures with ground truth and pictures without, in one training."""

from __future__ import annotations

import hashlib

import numpy as np

from edgecv.training.pictures import Labelled, Pictures


class Mixed:
    """In an epoch each labelled picture once, and beside them unlabelled ones, drawn anew.

    Positions from `labelled` on stand for an unlabelled picture, whichever is drawn. A mosaic is of
    one kind, for a truth that is known of a part of a picture only is none.

    Args:
        first: with ground truth.
        second: without.
        share: of unlabelled pictures among all, in (0, 1).

    Attributes:
        labelled: how many have ground truth.
    """

    def __init__(self, first: Pictures, second: Pictures, share: float) -> None:
        self.name = f"{first.name} and {second.name}"
        self.class_names = first.class_names
        self.labelled = len(first)
        self._first, self._second = first, second
        self._drawn = max(1, round(len(first) * share / (1 - share)))

    @property
    def digest(self) -> str:
        told = f"{self._first.digest} {self._second.digest} {self._drawn}"
        return hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return self.labelled + self._drawn

    def picture(self, index: int) -> Labelled:
        """The labelled picture there, or an unlabelled one."""
        if index < self.labelled:
            return self._first.picture(index)
        return self._second.picture((index - self.labelled) % len(self._second))

    def pick(self, index: int, draw: np.random.Generator) -> tuple[Pictures, int]:
        """The pictures of the kind that stands at a position, and which of them it is."""
        if index < self.labelled:
            return self._first, index
        return self._second, int(draw.integers(len(self._second)))

"""IDF1: how much of the boxes the best one-to-one pairing of whole tracks explains.

Source: Ristani et al. 2016, ECCV workshops, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from edgecv.metrics.tracking.frames import EPS, MATCH_IOU, ScoredSequence


@dataclass(frozen=True)
class Identity:
    """Counts, which sequences add up."""

    true_positives: int
    misses: int
    false_alarms: int

    def __add__(self, other: Identity) -> Identity:
        return Identity(
            self.true_positives + other.true_positives,
            self.misses + other.misses,
            self.false_alarms + other.false_alarms,
        )

    @property
    def idf1(self) -> float:
        """TP / (TP + FN / 2 + FP / 2), in [0, 1]."""
        return self.true_positives / max(
            1.0, self.true_positives + 0.5 * self.misses + 0.5 * self.false_alarms
        )


def identity(sequence: ScoredSequence) -> Identity:
    """Counts of one sequence, at an overlap of 0.5.

    Differs from the paper's cost matrix: errors are boxes minus what a pair has in common, so
    the fewest errors are the largest common time, and tracks without partner need no rows.
    """
    together = np.zeros((sequence.truths, sequence.tracks), np.int64)
    for frame in sequence.frames:
        near = frame.similarity >= MATCH_IOU - EPS
        together[np.ix_(frame.truth_ids, frame.track_ids)] += near
    found = int(together[linear_sum_assignment(together, maximize=True)].sum())
    return Identity(found, sequence.truth_boxes - found, sequence.track_boxes - found)

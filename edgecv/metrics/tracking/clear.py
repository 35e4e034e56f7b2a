"""CLEAR: misses, false alarms and identity switches. MOTA is what they leave of the truth.

Source: Bernardin and Stiefelhagen 2008, EURASIP Journal on Image and Video Processing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgecv.metrics.tracking.frames import EPS, MATCH_IOU, ScoredFrame, ScoredSequence, matches
from edgecv.types import Ints

# overlaps are at most 1, so whoever goes on as in the last frame wins over any better overlap
CONTINUITY = 1000
NOBODY = -1


@dataclass(frozen=True)
class Clear:
    """Counts, which sequences add up."""

    true_positives: int
    misses: int
    false_alarms: int
    switches: int

    def __add__(self, other: Clear) -> Clear:
        return Clear(
            self.true_positives + other.true_positives,
            self.misses + other.misses,
            self.false_alarms + other.false_alarms,
            self.switches + other.switches,
        )

    @property
    def mota(self) -> float:
        """1 - (FN + FP + IDSW) / boxes of the truth; 1 at best, without lower bound."""
        right = self.true_positives - self.false_alarms - self.switches
        return right / max(1, self.true_positives + self.misses)


def clear(sequence: ScoredSequence) -> Clear:
    """Counts of one sequence, at an overlap of 0.5."""
    found = switches = 0
    before = np.full(sequence.truths, NOBODY)  # the track in the last frame
    latest = np.full(sequence.truths, NOBODY)  # the track when last found, however long ago
    for frame in sequence.frames:
        if not len(frame.truth_ids) or not len(frame.track_ids):
            continue  # as the reference: such a frame does not break continuity
        truths, tracks = _match(frame, before)
        switches += int(np.sum((latest[truths] != NOBODY) & (latest[truths] != tracks)))
        found += len(truths)
        before[:] = NOBODY
        before[truths] = latest[truths] = tracks
    misses, false_alarms = sequence.truth_boxes - found, sequence.track_boxes - found
    return Clear(found, misses, false_alarms, switches)


def _match(frame: ScoredFrame, before: Ints) -> tuple[Ints, Ints]:
    goes_on = frame.track_ids[None, :] == before[frame.truth_ids][:, None]
    value = np.where(frame.similarity < MATCH_IOU - EPS, 0, CONTINUITY * goes_on + frame.similarity)
    rows, cols = matches(value)
    return frame.truth_ids[rows], frame.track_ids[cols]

"""HOTA: how well objects are found (DetA) and kept apart (AssA), over nineteen overlaps.

Source: Luiten et al. 2021, International Journal of Computer Vision 129.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from edgecv.metrics.tracking.frames import EPS, Floats, ScoredSequence

ALPHAS = np.arange(0.05, 0.99, 0.05)


@dataclass(frozen=True)
class Hota:
    """Counts for each of the nineteen overlaps, which sequences add up; all (19,) float64.

    Attributes:
        true_positives, misses, false_alarms: boxes.
        association: sum over the true positives of how well their two tracks agree, TPA /
            (TPA + FNA + FPA).
    """

    true_positives: Floats
    misses: Floats
    false_alarms: Floats
    association: Floats

    def __add__(self, other: Hota) -> Hota:
        return Hota(
            self.true_positives + other.true_positives,
            self.misses + other.misses,
            self.false_alarms + other.false_alarms,
            self.association + other.association,
        )

    @property
    def det_a(self) -> Floats:
        """(19,) TP / (TP + FN + FP)."""
        boxes = self.true_positives + self.misses + self.false_alarms
        return np.asarray(self.true_positives / np.maximum(1, boxes))

    @property
    def ass_a(self) -> Floats:
        """(19,) mean agreement of the tracks behind a true positive."""
        return np.asarray(self.association / np.maximum(1, self.true_positives))

    @property
    def hota(self) -> Floats:
        """(19,) geometric mean of detection and association."""
        return np.asarray(np.sqrt(self.det_a * self.ass_a))


def hota(sequence: ScoredSequence) -> Hota:
    """Counts of one sequence; an empty side gives only misses or only false alarms."""
    truth_count, track_count = _presence(sequence)
    alignment = _alignment(sequence, truth_count, track_count)
    together = np.zeros((len(ALPHAS), sequence.truths, sequence.tracks))
    for frame in sequence.frames:
        agreed = alignment[np.ix_(frame.truth_ids, frame.track_ids)]
        rows, cols = linear_sum_assignment(agreed * frame.similarity, maximize=True)
        enough = frame.similarity[rows, cols] >= ALPHAS[:, None] - EPS
        together[:, frame.truth_ids[rows], frame.track_ids[cols]] += enough
    either = truth_count[:, None] + track_count[None, :] - together
    found = together.sum(axis=(1, 2))
    return Hota(
        true_positives=found,
        misses=sequence.truth_boxes - found,
        false_alarms=sequence.track_boxes - found,
        association=(together * together / np.maximum(1, either)).sum(axis=(1, 2)),
    )


def _presence(sequence: ScoredSequence) -> tuple[Floats, Floats]:
    """In how many frames each object of the truth, and each track, occurs."""
    truths, tracks = np.zeros(sequence.truths), np.zeros(sequence.tracks)
    for frame in sequence.frames:
        truths[frame.truth_ids] += 1
        tracks[frame.track_ids] += 1
    return truths, tracks


def _alignment(sequence: ScoredSequence, truth_count: Floats, track_count: Floats) -> Floats:
    """(G, K) how much of their time an object and a track overlap, before any matching."""
    overlap = np.zeros((sequence.truths, sequence.tracks))
    for frame in sequence.frames:
        similar = frame.similarity
        either = similar.sum(axis=0)[None, :] + similar.sum(axis=1)[:, None] - similar
        share = np.divide(similar, either, out=np.zeros_like(similar), where=either > EPS)
        overlap[np.ix_(frame.truth_ids, frame.track_ids)] += share
    return np.asarray(overlap / (truth_count[:, None] + track_count[None, :] - overlap))

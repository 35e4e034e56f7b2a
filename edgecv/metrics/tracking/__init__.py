"""Scores of tracks against ground truth: HOTA, CLEAR and identity, as MOTChallenge counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecv.data.mot_rows import MotRows
from edgecv.metrics.tracking.clear import Clear, clear
from edgecv.metrics.tracking.frames import prepare
from edgecv.metrics.tracking.hota import Hota, hota
from edgecv.metrics.tracking.identity import Identity, identity

__all__ = ["TrackScore", "combine", "score_tracks"]


@dataclass(frozen=True)
class TrackScore:
    """Counts of one or of several sequences."""

    hota: Hota
    clear: Clear
    identity: Identity

    def percentages(self) -> dict[str, float | int]:
        """HOTA, DetA, AssA (means over the nineteen overlaps), MOTA, IDF1 in percent; IDSW."""
        return {
            "HOTA": 100 * float(self.hota.hota.mean()),
            "DetA": 100 * float(self.hota.det_a.mean()),
            "AssA": 100 * float(self.hota.ass_a.mean()),
            "MOTA": 100 * self.clear.mota,
            "IDF1": 100 * self.identity.idf1,
            "IDSW": self.clear.switches,
        }


def score_tracks(truth: MotRows, found: MotRows, length: int) -> TrackScore:
    """Compare a tracker's rows with the ground truth of one sequence.

    Args:
        truth: rows with ids; score 0 means not considered.
        found: rows of the tracker; may be empty.
        length: frames of the sequence; rows are of frames 1 to length.

    Raises:
        DataError: an id occurs twice in a frame, or a frame lies outside the sequence.
    """
    sequence = prepare(truth, found, length)
    return TrackScore(hota(sequence), clear(sequence), identity(sequence))


def combine(scores: Sequence[TrackScore]) -> TrackScore:
    """The score of several sequences together: their counts are added, as MOTChallenge does.

    Raises:
        ValueError: there is none.
    """
    if not scores:
        raise ValueError("no scores to combine, expected at least one")
    total = scores[0]
    for score in scores[1:]:
        total = TrackScore(
            total.hota + score.hota,
            total.clear + score.clear,
            total.identity + score.identity,
        )
    return total

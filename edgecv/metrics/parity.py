"""How well a variant's answers agree with the float model's, with or without ground truth.

Two measures, one on each side of the suppression of boxes: the noise in the scores of the anchor
points that matter, and the share of the boxes shown to a user that are found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecv.boxes import iou
from edgecv.types import Array, Detections, Ints

CONFIDENT = 0.1  # scores under it hardly ever become a box that is shown
SHOWN = 0.3  # what demos and the report draw
# half of it: a score may move a little without the box being lost
FOUND_AGAIN = 0.15
IOU_MIN = 0.9
# what float32 resolves; equal answers have no noise to divide by
MOST_DB = 140.0


@dataclass(frozen=True)
class Expected:
    """The float model's answer for one picture, as far as parity needs it.

    Attributes:
        where: (K,) flat indices into the (N, C) scores, those above CONFIDENT.
        scores: (K,) the scores there.
        detections: the boxes after suppression.
    """

    where: Ints
    scores: Array
    detections: Detections


@dataclass(frozen=True)
class Agreement:
    """Sums over one picture; those of several add up in `parity`."""

    signal: float
    noise: float
    shown: int
    ious: Array
    score_errors: Array


def expect(scores: Array, detections: Detections) -> Expected:
    """Keep of the float model's answer what parity needs.

    Args:
        scores: (N, C) in [0, 1].
        detections: of the same picture.

    Raises:
        ValueError: scores are not (N, C).
    """
    if scores.ndim != 2:
        raise ValueError(f"scores are {scores.shape}, expected (N, C)")
    where = np.flatnonzero(scores > CONFIDENT).astype(np.int64)
    return Expected(where, scores.reshape(-1)[where].copy(), detections)


def agree(expected: Expected, scores: Array, detections: Detections) -> Agreement:
    """Compare a variant's answer for one picture with the float model's.

    Args:
        expected: of the same picture.
        scores: (N, C) of the variant.
        detections: of the variant, boxes in the same pixels.

    Raises:
        ValueError: the variant's scores do not reach as far as those of the float model.
    """
    if len(expected.where) and expected.where[-1] >= scores.size:
        raise ValueError(f"scores are {scores.shape}, smaller than those of the float model")
    errors = scores.reshape(-1)[expected.where].astype(np.float64) - expected.scores
    shown = expected.detections.select(expected.detections.scores >= SHOWN)
    again = detections.select(detections.scores >= FOUND_AGAIN)
    pairs, overlaps = _pair(shown, again)
    score_errors = np.abs(shown.scores[pairs[:, 0]] - again.scores[pairs[:, 1]])
    return Agreement(
        signal=float(np.square(expected.scores, dtype=np.float64).sum()),
        noise=float(np.square(errors).sum()),
        shown=len(shown),
        ious=overlaps,
        score_errors=score_errors,
    )


def parity(agreements: Sequence[Agreement]) -> dict[str, Any]:
    """Parity over pictures.

    Returns:
        sqnr_db: 10 log10 of signal by noise in the scores above CONFIDENT; at most MOST_DB.
        matched: share of the float model's boxes of at least SHOWN that the variant has too: same
            class, IoU of at least IOU_MIN, score of at least FOUND_AGAIN; each box once.
        iou: mean overlap of those found again.
        score_error: mean absolute difference of their scores.
        images: pictures compared.
        A value is None where there is nothing to take it of.
    """
    signal = sum(one.signal for one in agreements)
    noise = sum(one.noise for one in agreements)
    shown = sum(one.shown for one in agreements)
    ious = np.concatenate([np.zeros(0, np.float32), *(one.ious for one in agreements)])
    errors = np.concatenate([np.zeros(0, np.float32), *(one.score_errors for one in agreements)])
    return {
        "sqnr_db": _decibel(signal, noise),
        "matched": len(ious) / shown if shown else None,
        "iou": float(ious.mean()) if len(ious) else None,
        "score_error": float(errors.mean()) if len(errors) else None,
        "images": len(agreements),
    }


def _decibel(signal: float, noise: float) -> float | None:
    if not signal:
        return None
    if not noise:
        return MOST_DB
    return min(MOST_DB, float(10 * np.log10(signal / noise)))


def _pair(first: Detections, second: Detections) -> tuple[Ints, Array]:
    """(K, 2) positions of boxes of the same class that are the same box, and their overlaps."""
    overlaps = iou(first.boxes_xyxy, second.boxes_xyxy)
    overlaps[first.class_ids[:, None] != second.class_ids[None, :]] = 0
    rows, columns = np.nonzero(overlaps >= IOU_MIN)
    pairs: list[tuple[int, int]] = []
    taken: tuple[set[int], set[int]] = set(), set()
    # best overlap first; suppression leaves few rivals, if any
    for index in np.argsort(-overlaps[rows, columns], kind="stable"):
        row, column = int(rows[index]), int(columns[index])
        if row not in taken[0] and column not in taken[1]:
            taken[0].add(row)
            taken[1].add(column)
            pairs.append((row, column))
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found, overlaps[found[:, 0], found[:, 1]]

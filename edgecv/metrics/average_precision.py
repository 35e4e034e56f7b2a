"""Average precision of matched detections, for many weightings of the pictures at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecv.metrics.matching import ClassMatches

Floats = NDArray[np.float64]

RECALLS = np.linspace(0.0, 1.0, 101)
_AT_ONCE = 1 << 21  # numbers in one intermediate array: 16 MB


def average_precision(matches: ClassMatches, weights: Floats) -> Floats:
    """AP of one class at each overlap threshold, with each picture counted `weight` times.

    Precision can only rise at a hit, so the curve is needed at the hits alone.

    Args:
        matches: D detections in I pictures at T thresholds.
        weights: (R, I) whole numbers from 0: how often each picture is in each resample.

    Returns:
        (R, T) in [0, 1]; nan where a resample holds no object of this class.

    Source: COCO's accumulation (Lin et al. 2014): 101 recall points, precision made monotone.
    """
    thresholds, detections = matches.hit.shape
    found = np.zeros((len(weights), thresholds))
    step = max(1, _AT_ONCE // max(1, detections))
    for start in range(0, len(weights), step):
        chunk = weights[start : start + step]
        objects = chunk @ matches.objects
        each = chunk[:, matches.image]
        seen = np.cumsum(each, axis=1)
        for t in range(thresholds):
            at = np.flatnonzero(matches.hit[t])
            passed = seen[:, at]
            if matches.ignored[t].any():
                passed = passed - np.cumsum(each * matches.ignored[t], axis=1)[:, at]
            found[start : start + step, t] = _area(np.cumsum(each[:, at], axis=1), passed, objects)
    return found


def _area(hits: Floats, passed: Floats, objects: Floats) -> Floats:
    """(R,) mean precision over the recall points, of (R, P) running counts at the hits."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / objects[:, None]
    # a picture of weight 0 may come first, before anything was passed
    precision = hits / np.maximum(passed, 1.0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALLS, recall, side="right")
    area = (np.diff(reached, axis=1, prepend=0) * envelope).sum(axis=1) / len(RECALLS)
    return np.where(objects > 0, area, np.nan)

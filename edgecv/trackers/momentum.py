"""Where an object was heading, and whether a box lies there: OC-SORT's momentum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgecv.trackers.motion import Floats


def direction(earlier: Floats, later: Floats) -> Floats:
    """(N, 2) unit vectors between the centres of (N, 4) xyxy boxes; 0 where they coincide."""
    step = (later[:, :2] + later[:, 2:] - earlier[:, :2] - earlier[:, 2:]) / 2
    length = np.hypot(step[:, 0], step[:, 1])[:, None]
    return np.divide(step, length, out=np.zeros_like(step), where=length > 0)


def momentum(heading: Floats, earlier: Floats, boxes: Floats) -> Floats:
    """(P,) agreement of a heading with the way from an earlier box to a new one.

    Args:
        heading: (P, 2) unit vectors, 0 where unknown.
        earlier: (P, 4) xyxy.
        boxes: (P, 4) xyxy.

    Returns:
        (pi / 2 - angle) / pi, from 0.5 for the same way to -0.5 for back; 0 where unknown.

    Source: Cao et al. 2023, section 4.2.
    """
    way = direction(earlier, boxes)
    cosine = np.clip((heading * way).sum(axis=1), -1, 1)
    return np.asarray(0.5 - np.arccos(cosine) / np.pi)


def earlier_box(history: Floats, latest: Floats) -> Floats:
    """(N, 4) the oldest box that the history still holds, else the latest of all.

    Args:
        history: (N, K, 4) boxes of the last K frames, oldest first, NaN where unseen.
        latest: (N, 4) the last box seen.
    """
    seen: NDArray[np.bool_] = ~np.isnan(history[:, :, 0])
    oldest = history[np.arange(len(history)), seen.argmax(axis=1)]
    known = np.any(seen, axis=1, keepdims=True)
    return np.where(known, oldest, latest)

"""One line or zone in one stream: each track counts once for each time it goes over it.

A track is on a side when its point is a margin away from the border; within the margin it stays
on the side on which it was. So a box that trembles on a line counts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edgecv.runtime.borders import Floats, depth, distances, is_polygon, leads_over
from edgecv.runtime.counts import BorderCounts, Crossing, Point
from edgecv.runtime.zones import Line, Zone
from edgecv.types import Detections, Ints

# of the square root of a box's area: more than filtered boxes of a standing object tremble
MARGIN = 0.05
# of frames: a track that was not in them does not come back, for trackers remember a second
FORGOTTEN_S = 2.0
FORGET_EVERY = 16
IN, OUT = 1, -1


class _Seen(NamedTuple):
    side: int  # IN or OUT
    point: Point  # the last one that was clearly there
    update: int


class Tally:
    """Counts at one border.

    Args:
        border: what was asked for.
        points: where it is in the picture, in its pixels.
        class_names: of the network.
    """

    def __init__(
        self, border: Line | Zone, points: tuple[Point, ...], class_names: Sequence[str]
    ) -> None:
        self.border, self._points, self._names = border, points, class_names
        self._entered: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._inside: Counter[str] = Counter()
        self._seen: dict[int, _Seen] = {}
        self._updates = 0

    def move(self, points: tuple[Point, ...]) -> None:
        """The picture has another size: counts go on, tracks begin anew."""
        self._points = points
        self._seen.clear()

    def count(self, tracks: Detections, track_ids: Ints, frame_rate: float) -> list[Crossing]:
        """What the tracks of the next frame did here."""
        self._updates += 1
        self._inside.clear()
        points = self._anchors(tracks)
        away, margins = distances(self._points, points), self._margins(tracks)
        sides = np.where(away > margins, IN, np.where(away < -margins, OUT, 0))
        columns = (track_ids, tracks.class_ids, sides, points)
        found = []
        for track_id, class_id, side, (x, y) in zip(*(c.tolist() for c in columns), strict=True):
            name, wanted = self._names[class_id], self.border.classes
            if wanted and name not in wanted:
                continue
            if self._goes_over(track_id, side, (x, y)):
                (self._entered if side == IN else self._left)[name] += 1
                way = "in" if side == IN else "out"
                found.append(Crossing(self.border.name, track_id, name, way))
            seen = self._seen.get(track_id)
            if seen is not None and seen.side == IN:
                self._inside[name] += 1
        self._forget(frame_rate)
        return found

    def counts(self) -> BorderCounts:
        """The counts now, in a copy."""
        inside = None if isinstance(self.border, Line) else dict(self._inside)
        return BorderCounts(
            self.border.name, self._points, dict(self._entered), dict(self._left), inside
        )

    def _anchors(self, tracks: Detections) -> Floats:
        """(N, 2) the points of the boxes that count."""
        left, top, right, bottom = tracks.boxes_xyxy.astype(np.float64).T
        y = bottom if self.border.anchor == "bottom" else (top + bottom) / 2
        return np.stack([(left + right) / 2, y], axis=1)

    def _margins(self, tracks: Detections) -> Floats:
        """(N,) pixels: of the box's size, but never so wide that a narrow zone has no inside."""
        sides = (tracks.boxes_xyxy[:, 2:] - tracks.boxes_xyxy[:, :2]).astype(np.float64)
        margins = MARGIN * np.sqrt(np.clip(sides, 0, None).prod(axis=1))
        if is_polygon(self._points):
            margins = np.minimum(margins, depth(self._points) / 2)
        return np.asarray(margins)

    def _goes_over(self, track_id: int, side: int, point: Point) -> bool:
        """Remember where a track is; whether it has just gone over."""
        before = self._seen.get(track_id)
        if side == 0:
            if before is not None:
                self._seen[track_id] = before._replace(update=self._updates)
            return False
        self._seen[track_id] = _Seen(side, point, self._updates)
        if before is None or before.side == side:
            return False
        return leads_over(self._points, before.point, point)

    def _forget(self, frame_rate: float) -> None:
        if self._updates % FORGET_EVERY:
            return
        oldest = self._updates - FORGOTTEN_S * frame_rate
        for track_id in [name for name, seen in self._seen.items() if seen.update < oldest]:
            del self._seen[track_id]

"""The lines and zones of all streams."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.progress import say
from edgecv.runtime.counts import Counted, Point
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.tally import Tally
from edgecv.runtime.zones import Zones
from edgecv.types import Detections

Size = tuple[int, int]
# of width / height: the same picture in another resolution is rounded to whole pixels
SHAPE_TOLERANCE = 0.02


class Counting:
    """Counts that go on while the run does.

    Args:
        zones: what to count at.
        class_names: of the network.
        streams: names of all.
    """

    def __init__(self, zones: Zones, class_names: Sequence[str], streams: Sequence[str]) -> None:
        self._drawn, self._sizes = zones.size, dict.fromkeys(streams, zones.size)
        self._tallies = {
            stream: [
                Tally(border, border.points, class_names)
                for border in zones.borders
                if border.source in (None, stream)
            ]
            for stream in streams
        }
        self._latest = {stream: self._now(stream) for stream in streams}

    def see(self, frame: StreamFrame, tracks: Detections) -> None:
        """Count the tracks of the next frame of its stream, and set its `counted`.

        Predicted boxes count nothing: they go on where an object has stopped before a line.

        Raises:
            ValueError: they have no track ids.
        """
        ids = tracks.track_ids
        if ids is None:
            raise ValueError("detections have no track ids; only tracks can be counted")
        if not frame.detected:
            frame.counted = self._latest[frame.stream]._replace(crossings=())
            return
        if self._sizes[frame.stream] != frame.size_wh:
            self._place(frame.stream, frame.size_wh)
        crossings = [
            crossing
            for tally in self._tallies[frame.stream]
            for crossing in tally.count(tracks, ids, frame.frame_rate)
        ]
        frame.counted = self._now(frame.stream)._replace(crossings=tuple(crossings))
        self._latest[frame.stream] = frame.counted

    def of(self, stream: str) -> Counted:
        """The counts of a stream after its last frame; any thread may ask."""
        return self._latest[stream]

    def _now(self, stream: str) -> Counted:
        return Counted(tuple(tally.counts() for tally in self._tallies[stream]))

    def _place(self, stream: str, size_wh: Size) -> None:
        drawn = self._drawn
        if abs(drawn[0] * size_wh[1] / (drawn[1] * size_wh[0]) - 1) > SHAPE_TOLERANCE:
            say(
                f"{stream}: its picture is {size_wh[0]}x{size_wh[1]}, and the zones were drawn on "
                f"one of {drawn[0]}x{drawn[1]}, which has another shape; they are stretched"
            )
        for tally in self._tallies[stream]:
            tally.move(tuple(_scaled(point, drawn, size_wh) for point in tally.border.points))
        self._sizes[stream] = size_wh


def _scaled(point: Point, drawn: Size, size_wh: Size) -> Point:
    return point[0] * size_wh[0] / drawn[0], point[1] * size_wh[1] / drawn[1]

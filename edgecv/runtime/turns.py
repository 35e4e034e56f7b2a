"""Which frames of several streams the detector looks at: every n-th of each, streams in turns."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.runtime.frames import StreamFrame

# looks a second that every stream keeps: walkers at 7 frames a second lose 1 HOTA with every 2nd
# of them and 8 with every 3rd (docs/trackers.md)
LOOKS_MIN = 3.5


class Turns:
    """Counts the frames that were taken; one thread asks, another may set the stride.

    Args:
        streams: their names.

    Attributes:
        stride: one of so many frames is detected, or more where a stream's frames are so few
            that it would be looked at less than LOOKS_MIN times a second.
    """

    def __init__(self, streams: Sequence[str]) -> None:
        # each stream begins elsewhere, so that their detections do not all fall on one instant
        self._taken = {name: place for place, name in enumerate(streams)}
        self.stride = 1

    def detects(self, frame: StreamFrame) -> bool:
        """Whether this frame, the next of its stream, is one for the detector."""
        taken = self._taken[frame.stream]
        self._taken[frame.stream] = taken + 1
        stride = min(self.stride, max(1, int(frame.frame_rate / LOOKS_MIN)))
        # after a break only a look can tell what is still there
        return taken % stride == 0 or frame.missing > 0

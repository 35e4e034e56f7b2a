"""Which frames of several streams the detector looks at: every n-th of each, streams in turns."""

from __future__ import annotations

from collections.abc import Sequence

from edgecv.runtime.frames import StreamFrame


class Turns:
    """Counts the frames that were taken; one thread asks, another may set the stride.

    Args:
        streams: their names.

    Attributes:
        stride: one of so many frames is detected.
    """

    def __init__(self, streams: Sequence[str]) -> None:
        # each stream begins elsewhere, so that their detections do not all fall on one instant
        self._taken = {name: place for place, name in enumerate(streams)}
        self.stride = 1

    def detects(self, frame: StreamFrame) -> bool:
        """Whether this frame, the next of its stream, is one for the detector."""
        taken = self._taken[frame.stream]
        self._taken[frame.stream] = taken + 1
        # after a break only a look can tell what is still there
        return taken % self.stride == 0 or frame.missing > 0

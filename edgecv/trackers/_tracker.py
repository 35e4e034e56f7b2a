"""What every tracker can do."""

from __future__ import annotations

from typing import Protocol

from edgecv.types import Detections, Frame


class Tracker(Protocol):
    """Follows the objects of one camera; it owns its ids, so two cameras never meet."""

    def update(self, detections: Detections, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame; called for every frame, also with nothing in it.

        Args:
            detections: what was found in the frame.
            frame: its picture, for trackers that look at how the camera moves.

        Returns:
            The tracks that were seen in this frame, with track_ids. Classes match only
            themselves.
        """

    def reset(self) -> None:
        """Forget every track; ids start at 1 again."""

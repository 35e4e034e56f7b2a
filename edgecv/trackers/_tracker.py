"""What every tracker can do."""

from __future__ import annotations

from typing import Protocol

from edgecv.types import Detections, Frame


class Tracker(Protocol):
    """Follows the objects of one camera; it owns its ids, so two cameras never meet.

    Each frame is either given to `update` or passed to `predict`.
    """

    def update(self, detections: Detections, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame; called also with nothing in it.

        Args:
            detections: what was found in the frame.
            frame: its picture, for trackers that look at how the camera moves.

        Returns:
            The tracks that were seen in this frame, with track_ids. Classes match only
            themselves.
        """

    def predict(self, frame: Frame | None = None) -> Detections:
        """The tracks of the next frame when no detector looked at it: time passes, no more.

        Returns:
            Those that the last `update` returned, where their motion takes them, with their ids
            and last scores. None is lost, forgotten or confirmed by a frame that nobody looked at.
        """

    def reset(self) -> None:
        """Forget every track; ids start at 1 again."""


def remembered_frames(frame_rate: float) -> int:
    """How many frames a lost track is remembered: those of one second, at least one.

    Source: Zhang et al. 2022 (ByteTrack): 30 frames at 30 a second, 14 at 14, 25 at 25.

    Raises:
        ValueError: frame_rate is not above 0.
    """
    if not frame_rate > 0:
        raise ValueError(f"frame rate is {frame_rate}, expected a number above 0")
    return max(1, round(frame_rate))

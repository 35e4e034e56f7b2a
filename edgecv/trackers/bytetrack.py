"""ByteTrack: boxes of low score go on with the tracks that no box of high score continued.

Source: Zhang et al. 2022, ECCV, and the settings of its MIT-licensed code for MOT17.
"""

from __future__ import annotations

from edgecv.trackers._tracker import Tracker, remembered_frames
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.motion import XYAH
from edgecv.trackers.two_stage import TwoStageSettings, TwoStageTracker


def create(
    frame_rate: float, camera_motion: CameraMotion | None = None, start: float | None = None
) -> Tracker:
    """A ByteTrack of one camera.

    Args:
        frame_rate: frames a second; a lost track is remembered for a second.
        camera_motion: not used.
        start: score from which a box starts a track; None: 0.7.
    """
    # published as costs, 1 - overlap: 0.9, 0.5 and 0.7; 0.85 is 1 - 0.15
    settings = TwoStageSettings(
        high=0.6,
        low=0.1,
        new=0.7,
        iou_first=0.1,
        iou_second=0.5,
        iou_new=0.3,
        iou_duplicate=0.85,
        predict_new=False,
        max_age=remembered_frames(frame_rate),
    )
    return TwoStageTracker(settings.starting_at(start), XYAH)

"""BoT-SORT without appearance: ByteTrack with a filter of width and height, and camera motion.

Source: Aharon et al. 2022, arXiv 2206.14651, sections 3.1 and 3.2, algorithm 1 without its
branch for appearance. As there, no duplicate is removed and every track is predicted. Differs:
a camera that stands still is left alone, because estimates of no motion are only noise.
"""

from __future__ import annotations

from edgecv.trackers._tracker import Tracker, remembered_frames
from edgecv.trackers.camera_motion import CameraMotion
from edgecv.trackers.motion import XYWH
from edgecv.trackers.sparse_flow import SparseFlow
from edgecv.trackers.two_stage import TwoStageSettings, TwoStageTracker


def create(
    frame_rate: float, camera_motion: CameraMotion | None = None, start: float | None = None
) -> Tracker:
    """A BoT-SORT of one camera.

    Args:
        frame_rate: frames a second; a lost track is remembered for a second.
        camera_motion: where the background goes; None: sparse optical flow of the frames.
        start: score from which a box starts a track; None: 0.7.
    """
    # published as a cost, 1 - overlap: 0.8, where ByteTrack has 0.9; the rest is ByteTrack's
    settings = TwoStageSettings(
        high=0.6,
        low=0.1,
        new=0.7,
        iou_first=0.2,
        iou_second=0.5,
        iou_new=0.3,
        iou_duplicate=1.0,
        predict_new=True,
        max_age=remembered_frames(frame_rate),
    )
    return TwoStageTracker(settings.starting_at(start), XYWH, camera_motion or SparseFlow())

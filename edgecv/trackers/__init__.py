"""Trackers: one file an algorithm, found by name."""

from __future__ import annotations

from importlib import import_module

from edgecv.errors import UsageError
from edgecv.trackers._tracker import Tracker
from edgecv.trackers.camera_motion import CameraMotion

__all__ = ["DEFAULT", "FOLLOWS_CAMERA", "TRACKERS", "Tracker", "make_tracker"]

# name on the command line -> what makes a tracker of one camera
TRACKERS = {
    "sort": "edgecv.trackers.sort:create",
    "bytetrack": "edgecv.trackers.bytetrack:create",
    "ocsort": "edgecv.trackers.ocsort:create",
    "botsort": "edgecv.trackers.botsort:create",
}
DEFAULT = "botsort"
# those that look at the pictures they are given
FOLLOWS_CAMERA = frozenset({"botsort"})


def make_tracker(
    name: str = DEFAULT,
    *,
    frame_rate: float = 30.0,
    camera_motion: CameraMotion | None = None,
    start: float | None = None,
) -> Tracker:
    """A tracker for one camera.

    Args:
        name: a key of TRACKERS.
        frame_rate: frames a second that `update` will see.
        camera_motion: where the background goes; None: from the frames, by those that ask.
        start: score from which a box starts a track, in [0, 1]; None: as published.

    Raises:
        UsageError: a tracker that is not known.
    """
    if name not in TRACKERS:
        raise UsageError(f"no tracker '{name}'; there are: {', '.join(TRACKERS)}")
    module, attribute = TRACKERS[name].split(":")
    create = getattr(import_module(module), attribute)
    tracker: Tracker = create(frame_rate, camera_motion, start)
    return tracker

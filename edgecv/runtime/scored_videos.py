"""Videos with ground truth: detector and tracker over every frame, as `edgecv run` works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgecv.data.mot_rows import NO_CLASS, MotRows, read_rows
from edgecv.engines import Engine
from edgecv.errors import DataError
from edgecv.metrics.tracking import TrackScore, score_tracks
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.intake import Policy
from edgecv.runtime.loop import Loop, LoopSettings
from edgecv.runtime.sources.video import VideoFile
from edgecv.types import Detections, Ints

TRUTH = ".gt.txt"
SUFFIXES = (".avi", ".mp4", ".mkv", ".mov", ".webm", ".mpg", ".m4v")
LOOKED_FOR = f"NAME{TRUTH} beside NAME with one of {' '.join(SUFFIXES)}"
# what the MOTChallenge marks; its class numbers have no names of their own
PEOPLE = ("person", "pedestrian")


@dataclass(frozen=True)
class ScoredVideo:
    """A video, and rows of who is really in it; video frame i is frame i + 1 of these."""

    file: VideoFile
    truth: MotRows


def find_videos(folder: Path) -> list[ScoredVideo]:
    """The videos of a folder that have ground truth, sorted by name.

    Raises:
        DataError: there is none, a file is damaged, or not just one video belongs to it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected {LOOKED_FOR}")
    files = sorted(folder.iterdir())
    truths = [path for path in files if path.name.endswith(TRUTH)]
    if not truths:
        raise DataError(f"{folder}: no ground truth here, expected {LOOKED_FOR}")
    found = []
    for path in truths:
        name = path.name.removesuffix(TRUTH)
        videos = [one for one in files if one.stem == name and one.suffix.lower() in SUFFIXES]
        if len(videos) != 1:
            names = ", ".join(one.name for one in videos) or "none"
            raise DataError(f"{path}: its video: {names}; expected one, {LOOKED_FOR}")
        truth = read_rows(path, sorted_by_frame=False)
        found.append(ScoredVideo(VideoFile(videos[0], name), truth))
    return found


def people_of(class_names: Sequence[str]) -> int:
    """The class that the ground truth marks: person or pedestrian, or the network's only one.

    Raises:
        DataError: the network has several classes and none of these.
    """
    for name in PEOPLE:
        if name in class_names:
            return class_names.index(name)
    if len(class_names) == 1:
        return 0
    raise DataError(
        f"the ground truth marks people, and this network has no class {' or '.join(PEOPLE)} "
        f"among its {len(class_names)}. Give a bundle of one that finds people"
    )


def track_video(video: ScoredVideo, engine: Engine, settings: LoopSettings) -> TrackScore:
    """Find and follow the people of a video, and compare them with those really there.

    Args:
        video: every frame of it is processed.
        engine: open; the people's class of its network counts.
        settings: with a tracker.

    Raises:
        DataError: the video is damaged, or shorter than its ground truth.
        EngineError: the engine failed.
    """
    kept = Kept()
    people = np.array([people_of(engine.spec.class_names)])
    settings = replace(settings, policy=Policy("every"), class_ids=people)
    loop = Loop([(video.file, video.file.open())], engine, [kept], settings)
    loop.run()
    stats = loop.stats.streams[video.file.name]
    if stats.problem is not None:
        raise DataError(stats.problem)
    last = int(video.truth.frames[-1])
    if last > stats.processed:
        raise DataError(
            f"{video.truth.source}: goes to frame {last}, and {video.file.path} has "
            f"{stats.processed}. Expected ground truth of this video"
        )
    return score_tracks(video.truth, kept.rows(video.file.name), stats.processed)


class Kept:
    """A sink that keeps all tracks, with positions to 1/100 of a pixel as a file holds them."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Detections]] = []

    def write(self, frame: StreamFrame, found: Detections) -> None:
        self._found.append((frame.index + 1, found))

    def close(self) -> None:
        """Nothing is open."""

    def rows(self, name: str) -> MotRows:
        """The tracks of all frames."""
        counts = [len(found) for _, found in self._found]
        boxes = np.concatenate([np.zeros((0, 4)), *(one.boxes_xyxy for _, one in self._found)])
        boxes[:, 2:] -= boxes[:, :2]
        ids: list[Ints] = [one.track_ids for _, one in self._found if one.track_ids is not None]
        scores = np.concatenate([np.zeros(0), *(one.scores for _, one in self._found)])
        return MotRows(
            source=f"tracks of {name}",
            frames=np.repeat(np.array([index for index, _ in self._found], np.int64), counts),
            ids=np.concatenate([np.zeros(0, np.int64), *ids]),
            boxes_xywh=np.round(boxes, 2),
            scores=scores.astype(np.float64),
            class_ids=np.full(len(boxes), NO_CLASS),
        )

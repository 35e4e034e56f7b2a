"""What it costs when only every n-th frame is detected and the tracker fills in.

    python benchmarks/strides.py BUNDLE VIDEOS [--engine openvino-fp32] [--trackers botsort ...]

VIDEOS holds videos, each beside its NAME.gt.txt, as for `edgecv eval --task track`. The network
looks at every frame once; each tracker gets its boxes of one frame of 1, 2, 3 and 4, and predicts
the others.
For recorded detections of the MOTChallenge: `edgecv track DIR --every N`.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from edgecv.bundle import Bundle
from edgecv.cli._run_engine import pick_variant
from edgecv.cli._run_parts import TRACKED_MIN
from edgecv.engines import Engine, open_engine
from edgecv.metrics.tracking import TrackScore, combine, score_tracks
from edgecv.runtime.detector import Detector
from edgecv.runtime.following import Following
from edgecv.runtime.frames import StreamFrame
from edgecv.runtime.scored_videos import Kept, ScoredVideo, find_videos, people_of
from edgecv.runtime.stats import Stats
from edgecv.trackers import TRACKERS

STRIDES = (1, 2, 3, 4)
Way = tuple[str, int]


def tracked(video: ScoredVideo, engine: Engine, trackers: list[str]) -> dict[Way, TrackScore]:
    """The score of each tracker at each stride, on one video."""
    name, opened = video.file.name, video.file.open()
    people = np.array([people_of(engine.spec.class_names)])
    detector = Detector(engine, Stats([name]), TRACKED_MIN, people)
    ways: dict[Way, tuple[Following, Kept]] = {
        way: (Following(way[0], opened.frame_rate), Kept()) for way in product(trackers, STRIDES)
    }
    count = 0
    for index, shot in enumerate(opened):
        time_s = index / opened.frame_rate
        frame = StreamFrame(name, index, time_s, 0.0, shot.picture, opened.frame_rate)
        found = detector.read(frame, engine.infer(detector.prepare(frame)[None]))
        for (_, stride), (following, kept) in ways.items():
            kept.write(frame, following.update(frame, None if index % stride else found))
        count = index + 1
    opened.close()
    rows = {way: kept.rows(name) for way, (_, kept) in ways.items()}
    return {way: score_tracks(video.truth, tracks, count) for way, tracks in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--engine")
    parser.add_argument("--trackers", nargs="+", default=list(TRACKERS), choices=list(TRACKERS))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    bundle = Bundle.open(asked.bundle)
    variant = pick_variant(bundle, asked.engine)
    scores: list[dict[Way, TrackScore]] = []
    line = "{:<18}{:<11}" + "{:>16}" * len(STRIDES)
    print(f"{variant.name}, HOTA / IDF1 with one frame of N detected")
    print(line.format("video", "tracker", *map(str, STRIDES)))
    with open_engine(bundle, variant) as engine:
        for video in find_videos(asked.videos):
            scores.append(tracked(video, engine, asked.trackers))
            print_rows(line, video.file.name, asked.trackers, scores[-1])
    if len(scores) > 1:
        ways = product(asked.trackers, STRIDES)
        every = {way: combine([score[way] for score in scores]) for way in ways}
        print_rows(line, "combined", asked.trackers, every)


def print_rows(line: str, name: str, trackers: list[str], scores: dict[Way, TrackScore]) -> None:
    for tracker in trackers:
        told = (scores[tracker, stride].percentages() for stride in STRIDES)
        cells = (f"{one['HOTA']:.1f} / {one['IDF1']:.1f}" for one in told)
        print(line.format(name, tracker, *cells), flush=True)


if __name__ == "__main__":
    main()

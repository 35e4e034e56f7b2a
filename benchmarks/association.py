"""Time of association a frame: edgecv's trackers against roboflow/trackers' ByteTrack.

    python benchmarks/association.py --peer PYTHON

PYTHON is the interpreter of an environment of its own with `pip install trackers`; without
--peer only edgecv is timed. Every tracker runs on one thread in its own process, in turns of
some frames, on the same synthetic scene, so that load on the machine meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

OURS = ("botsort", "bytetrack", "ocsort", "sort")
PEER = "roboflow ByteTrack"
SIZES = (50, 100, 200, 500)
LIMITS_MS = {50: 0.4, 100: 0.6, 200: 1.0, 500: 3.0}
WIDTH, HEIGHT = 1920, 1080
WARM_UP, TURN, TURNS = 20, 20, 10
Scene = list[tuple[np.ndarray, np.ndarray]]


def scene(objects: int, frames: int) -> Scene:
    """Boxes (N, 4) xyxy and scores (N,) a frame: objects that walk, bounce, hide and flicker."""
    random = np.random.default_rng(objects)
    size = np.stack([random.uniform(20, 60, objects), random.uniform(60, 160, objects)], axis=1)
    room = np.array([WIDTH, HEIGHT]) - size
    position, speed = random.uniform(0, 1, (objects, 2)) * room, random.normal(0, 2, (objects, 2))
    found = []
    for _ in range(frames):
        position += speed
        speed = np.where((position < 0) | (position > room), -speed, speed)
        noisy = position + random.normal(0, 1.5, position.shape)
        boxes = np.concatenate([noisy, noisy + size], axis=1)
        scores = random.uniform(0.72, 0.95, objects)
        weak = random.random(objects) < 0.1
        scores[weak] = random.uniform(0.2, 0.5, weak.sum())
        seen = random.random(objects) > 0.03
        found.append((boxes[seen].astype(np.float32), scores[seen].astype(np.float32)))
    return found


def edgecv_update(name: str) -> Callable[[np.ndarray, np.ndarray], Any]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from edgecv.trackers import make_tracker
    from edgecv.types import Detections

    tracker = make_tracker(name)
    return lambda boxes, scores: tracker.update(
        Detections(boxes, scores, np.zeros(len(boxes), np.int64))
    )


def peer_update() -> Callable[[np.ndarray, np.ndarray], Any]:
    import supervision
    import trackers

    tracker = trackers.ByteTrackTracker()
    return lambda boxes, scores: tracker.update(
        supervision.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), int))
    )


def work(name: str, objects: int) -> None:
    """Answer each line on stdin, a number of frames, with their times in milliseconds."""
    update = peer_update() if name == PEER else edgecv_update(name)
    frames = iter(scene(objects, WARM_UP + TURN * TURNS))
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            boxes, scores = next(frames)
            start = time.perf_counter()
            update(boxes, scores)
            times.append(1e3 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


def measure(objects: int, peer: str | None) -> dict[str, float]:
    """Median milliseconds a frame of each tracker."""
    names = [*OURS, PEER] if peer else list(OURS)
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    workers = {}
    for name in names:
        python = peer if name == PEER and peer else sys.executable
        arguments = [python, __file__, "--worker", name, "--objects", str(objects)]
        workers[name] = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread
        )
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(TURNS + 1):
        for name, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(f"{TURN if turn else WARM_UP}\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline())
            if turn:
                times[name] += answer
    for worker in workers.values():
        worker.communicate()
    return {name: float(np.median(values)) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="interpreter of an environment with roboflow/trackers")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--objects", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.objects)
        return
    for objects in SIZES:
        found = measure(objects, options.peer)
        limit = LIMITS_MS[objects]
        print(f"{objects} objects, p50 ms a frame; limit {limit}")
        for name, median in found.items():
            ratio = f"  peer / this {found[PEER] / median:5.1f}" if PEER in found else ""
            print(f"  {name:<20}{median:8.3f}{ratio}")


if __name__ == "__main__":
    main()

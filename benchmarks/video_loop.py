"""The video loop against its engine alone, and against what the CPU allows.

    python benchmarks/video_loop.py BUNDLE VIDEO... [--engine NAME] [--rounds 5] [--frames 300]
    python benchmarks/video_loop.py BUNDLE VIDEO --soak 20000 [--streams 4]

Each round measures, in a process of its own each, one after the other:

- the parts alone, on one thread: CPU time a frame of decoding (D), of preprocess, postprocess and
  tracker (P), and of the engine (E); and the engine's frames a second with several calls in flight;
- `edgecv run` with tracker and JSONL on the same frames.

Printed are medians over the rounds of: frames a second end to end, of the engine alone, their
ratio, and the ratio over its ceiling E / (E + D + P). A soak prints memory instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

Row = dict[str, float]


def parts(bundle: str, engine: str | None, video: str, frames: int) -> Row:
    """CPU milliseconds a frame of each part alone, and the engine's frames a second."""
    import cv2

    from edgecv.bundle import Bundle
    from edgecv.cli._run_engine import pick_variant, requests_here
    from edgecv.engines import open_engine
    from edgecv.runtime.following import Following
    from edgecv.runtime.frames import StreamFrame
    from edgecv.runtime.postprocess import postprocess
    from edgecv.runtime.sources import find_sources
    from edgecv.runtime.summary import engine_alone
    from edgecv.trackers import DEFAULT

    cv2.setNumThreads(1)
    opened = Bundle.open(Path(bundle))
    spec = opened.spec.input
    capture = find_sources([video])[0].open()
    seconds = dict.fromkeys(("decode", "others"), 0.0)
    following = Following(DEFAULT, capture.frame_rate)
    requests = requests_here()
    with open_engine(opened, pick_variant(opened, engine), requests=requests) as running:
        shots = iter(capture)
        done = 0
        while done < frames:
            begun = time.thread_time()
            shot = next(shots, None)
            seconds["decode"] += time.thread_time() - begun
            if shot is None:
                break
            frame = StreamFrame("s", done, 0.0, 0.0, shot.picture, capture.frame_rate)
            begun = time.thread_time()
            frame.small, frame.letterbox = shot.picture.letterbox(spec)
            seconds["others"] += time.thread_time() - begun
            boxes, scores = running.infer(frame.small[None])
            begun = time.thread_time()
            found = postprocess(
                *(boxes[0], scores[0], frame.letterbox),
                **{"score_min": 0.1, "nms_iou": 0.65, "max_boxes": 100, "one_class": True},
            )
            following.update(frame, found)
            seconds["others"] += time.thread_time() - begun
            done += 1
        alone = engine_alone(running, requests, seconds=4.0)
    each = {name: 1e3 * value / done for name, value in seconds.items()}
    ceiling = alone["cpu_ms"] / (alone["cpu_ms"] + sum(each.values()))
    return {"engine_fps": alone["fps"], "engine_ms": alone["cpu_ms"], **each, "ceiling": ceiling}


def whole(bundle: str, engine: str | None, videos: list[str], frames: int) -> dict[str, Any]:
    """The summary of `edgecv run`."""
    with tempfile.TemporaryDirectory() as folder:
        lines = str(Path(folder) / "o.jsonl")
        words = [word for video in videos for word in ("--source", video)]
        words += ["--engine", engine] if engine else []
        arguments = ["run", bundle, *words, "--max-frames", str(frames), "--jsonl", lines, "--json"]
        return json.loads(output([sys.executable, "-m", "edgecv", *arguments]))


def output(command: list[str]) -> str:
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True
    ).stdout.decode()


def compare(options: argparse.Namespace, video: str) -> Row:
    """Medians over rounds in which the parts and the whole take turns."""
    rows: list[Row] = []
    for _ in range(options.rounds):
        child = [sys.executable, __file__, options.bundle, video, "--parts"]
        child += ["--frames", str(options.frames)]
        child += ["--engine", options.engine] if options.engine else []
        alone = json.loads(output(child))
        run = whole(options.bundle, options.engine, [video], options.frames)
        ratio = run["end_to_end_fps"] / alone["engine_fps"]
        rows.append(
            {
                "fps": run["end_to_end_fps"],
                **alone,
                "of_engine": ratio,
                "of_ceiling": ratio / alone["ceiling"],
                "age_p50_ms": run["age_ms"]["p50"],
                "first_result_s": run["first_result_s"],
                "memory_mb": run["memory_mb"]["peak"],
            }
        )
    return {name: median(row[name] for row in rows) for name in rows[0]}


def repeated(video: str, frames: int, folder: str, name: str = "long.mkv") -> str:
    """A file with the packets of a video again and again, until it has so many frames."""
    import av

    path = str(Path(folder) / name)
    with av.open(path, "w") as out:
        stream, shift, written = None, 0, 0
        while written < frames:
            with av.open(video) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                last = 0
                packets = (one for one in source.demux(video=0) if one.dts is not None)
                for packet in islice(packets, frames - written):
                    last = max(last, packet.pts + max(1, packet.duration or 0))
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
                    written += 1
            shift += last
    return path


def soak(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        each = -(-options.soak // options.streams)
        long = repeated(options.videos[0], each, folder)
        told = whole(options.bundle, options.engine, [long] * options.streams, each)
    memory = told["memory_mb"]
    growth = memory["now"] / memory["settled"] - 1
    print(
        f"{told['processed']} frames, {options.streams} streams, {told['end_to_end_fps']:.1f} fps"
    )
    print(f"memory {memory}, growth {100 * growth:+.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--engine")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--soak", type=int)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--parts", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.parts:
        found = parts(options.bundle, options.engine, options.videos[0], options.frames)
        print(json.dumps(found))
    elif options.soak:
        soak(options)
    else:
        for video in options.videos:
            print(Path(video).name)
            for name, value in compare(options, video).items():
                print(f"  {name:<16}{value:10.3f}")


if __name__ == "__main__":
    main()

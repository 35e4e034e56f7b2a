"""The whole job of tracking a video: `edgecv run` against Ultralytics' `yolo track`.

    python benchmarks/track_loops.py BUNDLE VIDEO... --peer FOLDER [--rounds 5] [--frames 300]

FOLDER is an environment of its own with `pip install ultralytics onnxruntime lap`; its licence is
AGPL-3.0, so it is called as a program and is no part of edgecv. Both run one ONNX file, the float
network of BUNDLE in the `yolov8` layout, with ONNX Runtime on the same number of threads, follow
objects with ByteTrack and write what they find as text. In each round they take turns on
each video, on its first 10 frames and on all: what the 10 take is the start, and the rest gives the
frames a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import onnx
from onnx import TensorProto, helper
from video_loop import repeated

START = 10  # frames
RECIPE = "load: {}\nexport: {}\nbuild: {targets: [onnxruntime]}\n"
LINE = "{:<20}" + "{:>10}" * 5


def in_yolov8_layout(bundle: Path, path: Path) -> None:
    """Write the float network with RGB in 0..1 in, and (1, 4+C, N) xywh and scores out."""
    model = onnx.load(bundle / "model.onnx")
    graph = model.graph
    spec = json.loads((bundle / "manifest.json").read_text("utf-8"))["spec"]
    taken = graph.input[0].name
    cast = next(node for node in graph.node if taken in node.input)
    turn = next(node for node in graph.node if cast.output[0] in node.input)
    _, height, width, _ = (dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim)
    before = [
        helper.make_node("Gather", ["rgb", "bgr_order"], ["bgr"], axis=1),
        helper.make_node("Mul", ["bgr", "levels"], list(turn.output)),
    ]
    after = [
        helper.make_node("Split", ["boxes", "halves"], ["low", "high"], axis=2),
        helper.make_node("Add", ["low", "high"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["centres"]),
        helper.make_node("Sub", ["high", "low"], ["sizes"]),
        helper.make_node("Concat", ["centres", "sizes", "scores"], ["rows"], axis=2),
        helper.make_node("Transpose", ["rows"], ["output0"], perm=[0, 2, 1]),
    ]
    kept = [node for node in graph.node if node not in (cast, turn)]
    del graph.node[:]
    graph.node.extend([*before, *kept, *after])
    graph.initializer.extend(
        [
            helper.make_tensor("bgr_order", TensorProto.INT64, [3], [2, 1, 0]),
            helper.make_tensor("levels", TensorProto.FLOAT, [], [255.0]),
            helper.make_tensor("halves", TensorProto.INT64, [2], [2, 2]),
            helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
        ]
    )
    count, classes = (
        graph.output[1].type.tensor_type.shape.dim[1].dim_value,
        spec["class_names"],
    )
    del graph.input[:], graph.output[:]
    image = helper.make_tensor_value_info("rgb", TensorProto.FLOAT, [1, 3, height, width])
    found = [1, 4 + len(classes), count]
    graph.input.append(image)
    graph.output.append(helper.make_tensor_value_info("output0", TensorProto.FLOAT, found))
    told = {"task": "detect", "stride": "32", "batch": "1", "imgsz": str([height, width])}
    helper.set_model_props(model, {**told, "names": str(dict(enumerate(classes)))})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def seconds(command: list[str], folder: Path) -> float:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": str(os.cpu_count()),
        "YOLO_CONFIG_DIR": str(folder),
        "YOLO_OFFLINE": "true",
    }
    shutil.rmtree(folder / "peer", ignore_errors=True)
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout.decode()}{done.stderr.decode()}")
    return time.perf_counter() - begun


def boxes_of(name: str, folder: Path) -> int:
    """How many boxes of tracks the last run of a program wrote."""
    if name == "edgecv":
        lines = (folder / "out.jsonl").read_text("utf-8").splitlines()
        return sum(len(json.loads(line)["tracks"]) for line in lines)
    files = (folder / "peer").glob("*/labels/*.txt")
    # class, box, number of the track
    return sum(len(line.split()) == 6 for file in files for line in file.open(encoding="utf-8"))


def commands(bundle: Path, network: Path, video: Path, peer: Path) -> dict[str, list[str]]:
    """The same job for both."""
    ours = [sys.executable, "-m", "edgecv", "run", str(bundle), "--source", str(video)]
    ours += ["--engine", "onnxruntime", "--tracker", "bytetrack", "--jsonl", "out.jsonl"]
    theirs = [str(peer / "bin" / "yolo"), "track", f"model={network}", f"source={video}"]
    theirs += ["tracker=bytetrack.yaml", "conf=0.1", "iou=0.65", "save_txt=True", "save=False"]
    theirs += ["verbose=False", "device=cpu", f"project={network.parent}/peer", "exist_ok=True"]
    return {"edgecv": ours, "ultralytics": theirs}


def compare(bundle: Path, network: Path, video: str, options: argparse.Namespace) -> None:
    """Print the medians of a video."""
    folder = network.parent
    short = Path(repeated(video, START, str(folder), "short.mkv"))
    whole = Path(repeated(video, options.frames, str(folder), "whole.mkv"))
    spent: dict[tuple[str, str], list[float]] = {}
    boxes: dict[str, int] = {}
    for _ in range(options.rounds):
        for clip in (short, whole):
            for name, command in commands(bundle, network, clip, options.peer).items():
                spent.setdefault((name, clip.stem), []).append(seconds(command, folder))
                boxes[name] = boxes_of(name, folder)
    print(LINE.format(Path(video).name, "start, s", "job, s", "frames/s", "job f/s", "boxes"))
    rates = {}
    for name in ("edgecv", "ultralytics"):
        start, job = median(spent[name, "short"]), median(spent[name, "whole"])
        pairs = zip(spent[name, "short"], spent[name, "whole"], strict=True)
        rates[name] = median((options.frames - START) / (late - early) for early, late in pairs)
        figures = (start, job, rates[name], options.frames / job)
        print(LINE.format(name, *(f"{value:.2f}" for value in figures), boxes[name]))
    print(f"{rates['edgecv'] / rates['ultralytics']:.2f} times the frames a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    options.peer = options.peer.absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        network, bundle, recipe = folder / "network.onnx", folder / "bundle", folder / "float.yaml"
        in_yolov8_layout(options.bundle, network)
        recipe.write_text(RECIPE, "utf-8")
        words = ["compress", "--recipe", str(recipe), "--weights", str(network)]
        seconds([sys.executable, "-m", "edgecv", *words, "--out", str(bundle)], folder)
        for video in options.videos:
            compare(bundle, network, str(Path(video).absolute()), options)


if __name__ == "__main__":
    main()

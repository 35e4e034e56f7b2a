"""The stages in order. A stage is a function `run(bundle, settings, context) -> metrics`.

Its metrics may hold a line "summary", which is said when the stage is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

# student: the weights of its backbone, and photos that the teacher alone knows
Input = Literal["weights", "data", "training", "student", "calibration"]


@dataclass(frozen=True)
class Context:
    """What a run is about, beside the recipe.

    Attributes:
        weights: checkpoint, ONNX file, URL or name of a download; overrides the recipe's.
        data: folder with pictures and ground truth, or None.
        calibration: folder of pictures without ground truth, or None.
        held_out: pictures of `data` that a training before does not learn from, where it takes
            them out of its own; None: `data` has a part of its own to score on.
        command: the command line, for the report.
        scratch: folder for the half-done work of a long stage, which may not be there yet. It
            outlives a run that is stopped, and is removed when the stage is complete.
    """

    weights: str | None = None
    data: Path | None = None
    calibration: Path | None = None
    held_out: frozenset[Path] | None = None
    command: tuple[str, ...] = ()
    scratch: Path | None = None


class Stage(NamedTuple):
    """Where a stage is, and what decides its result beside its settings and the stage before.

    Attributes:
        run: "module:function".
        sources: folders and files of edgecv with the code that it calls.
        packages: distributions whose version matters.
        reads: inputs that no stage before it has read.
        after: stages without which it has nothing to work on.
        machine: whether the result is for the machine that it ran on.
    """

    run: str
    sources: tuple[str, ...]
    packages: tuple[str, ...]
    reads: tuple[Input, ...] = ()
    after: tuple[str, ...] = ()
    machine: bool = False


_NETWORK = ("torch", "onnx", "onnxruntime", "numpy")
_TARGETS = ("openvino", "onnxruntime", "tensorrt", "tensorrt-rtx", "numpy")
_PICTURES = ("opencv-python-headless",)
# the video loop beside them decides nothing of a stage's result
_PROCESS = ("runtime/preprocess.py", "runtime/postprocess.py")

# name in the recipe -> the stage
STAGES = {
    "load": Stage(
        "edgecv.stages.load:run",
        sources=("models", "engines", "data"),
        packages=(*_NETWORK, "safetensors"),
        reads=("weights", "data"),  # of the data the class names
    ),
    "train": Stage(
        "edgecv.stages.train:run",
        sources=("training", "models", "engines", "data", "metrics", *_PROCESS, "stages/load.py"),
        packages=(
            "torch",
            "torchvision",
            "tensorboard",
            "numpy",
            "safetensors",
            "hotcoco",
            *_PICTURES,
        ),
        reads=("training",),
    ),
    "prune": Stage(
        "edgecv.stages.prune:run",
        sources=(
            *("pruning", "training", "models", "engines", "data", "metrics", *_PROCESS),
            *("stages/load.py", "runtime/gauges.py"),
        ),
        packages=(
            *("torch", "torchvision", "tensorboard", "torch-pruning", "onnx", "onnxslim", "numpy"),
            *("openvino", "onnxruntime", "safetensors", "hotcoco", *_PICTURES),
        ),
        reads=("training",),
        after=("load",),
        machine=True,
    ),
    "distill": Stage(
        "edgecv.stages.distill:run",
        sources=(
            *("distillation", "training", "models", "engines", "data", "metrics", *_PROCESS),
            *("stages/load.py", "stages/train.py", "stages/export.py"),
        ),
        packages=(
            *_NETWORK,
            *("torchvision", "tensorboard", "safetensors", "hotcoco", *_PICTURES),
        ),
        reads=("training", "student"),
        after=("load",),
    ),
    "export": Stage(
        "edgecv.stages.export:run",
        sources=("models", "engines", "data", *_PROCESS, "stages/load.py"),
        packages=(*_NETWORK, *_PICTURES, "onnxslim"),
        reads=("calibration",),
        after=("load",),
    ),
    "quantize": Stage(
        "edgecv.stages.quantize:run",
        sources=(
            *("quantization", "models", "engines", "data", "metrics", *_PROCESS),
            *("training", "distillation", "stages/evaluate.py", "stages/load.py"),  # of qat
        ),
        packages=(*_NETWORK, *_PICTURES, "hotcoco"),
        reads=("training",),
        after=("export",),
        machine=True,
    ),
    "build": Stage(
        "edgecv.stages.build:run",
        sources=("engines",),
        packages=_TARGETS,
        after=("export",),
        machine=True,
    ),
    "evaluate": Stage(
        "edgecv.stages.evaluate:run",
        sources=("engines", "metrics", *_PROCESS, "data"),
        packages=(*_TARGETS, *_PICTURES, "hotcoco"),
        after=("build",),
        machine=True,
    ),
    "bench": Stage(
        "edgecv.stages.bench:run",
        sources=(
            *("engines", "metrics", *_PROCESS, "runtime/timing.py", "data", "device"),
            *("runtime/power.py", "runtime/readings.py", "runtime/clock.py"),
        ),
        packages=(*_TARGETS, *_PICTURES),
        after=("build",),
        machine=True,
    ),
    "report": Stage(
        "edgecv.stages.report:run",
        sources=("report", "engines", *_PROCESS, "data"),
        packages=(*_TARGETS, *_PICTURES, "jinja2"),
        after=("load",),
    ),
}

"""All that a whole run needs, small: a detector of three classes, eight pictures, a recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
from detectors import yolo_onnx

from edgecv.recipe import Recipe
from edgecv.recipe_file import load
from edgecv.stages import Context

CLASSES = ("ant", "bee", "cat")

RECIPE = """\
# Everything but quantize, on one engine, quickly.
load: {classes: [ant, bee, cat]}
export: {}
build: {targets: [onnxruntime]}
evaluate: {resamples: 10}
bench: {queries: 2, rounds: 1}
report: {photos: 2}
"""


@dataclass(frozen=True)
class SmallRun:
    """Files of a run; `arguments` is its command line without --out."""

    recipe_file: Path
    weights: Path
    data: Path

    @property
    def recipe(self) -> Recipe:
        return load(self.recipe_file)

    @property
    def context(self) -> Context:
        return Context(str(self.weights), self.data, command=("edgecv", "compress"))

    @property
    def arguments(self) -> list[str]:
        return [
            "compress",
            *("--recipe", str(self.recipe_file)),
            *("--weights", str(self.weights)),
            *("--data", str(self.data)),
        ]


def small_run(folder: Path, recipe: str = RECIPE) -> SmallRun:
    """Write the files of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    run = SmallRun(folder / "small.yaml", folder / "net.onnx", folder / "photos")
    run.recipe_file.write_text(recipe, "utf-8")
    onnx.save(yolo_onnx("yolov8", classes=len(CLASSES)), run.weights)
    write_data(run.data)
    return run


def write_data(folder: Path, pictures: int = 8, classes: tuple[str, ...] = CLASSES) -> None:
    """Pictures of noise with one box each, as COCO json."""
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    images, annotations = [], []
    for index in range(pictures):
        pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index}.png"), pixels)
        images.append({"id": index, "file_name": f"{index}.png", "width": 64, "height": 48})
        box = {"id": index, "image_id": index, "category_id": index % len(classes)}
        annotations.append({**box, "bbox": [4 + index, 5, 20, 30], "area": 600, "iscrowd": 0})
    categories = [{"id": index, "name": name} for index, name in enumerate(classes)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content), "utf-8")

"""A bundle as `edgecv train` leaves it, without training: figures near those of YOLOX-Nano."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgecv.bundle import Bundle, InputSpec, Manifest, ModelSpec, StageRecord
from edgecv.recipe import TrainSettings

PARTS = ("nut", "bolt", "washer", "gear", "bearing", "screw")


def make_trained(
    folder: Path, classes: tuple[str, ...] = PARTS, epochs: int = 24, worst: int = 3
) -> Bundle:
    """A bundle whose one stage is a training of so many classes and epochs."""
    random = np.random.default_rng(5)
    (folder / "training" / "worst").mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"\0" * 3_700_000)
    rows = [_epoch(number, epochs) for number in range(1, epochs + 1)]
    history = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "training" / "history.jsonl").write_text(history, "utf-8")
    mistakes = _mistakes(folder, classes, worst, random)
    (folder / "training" / "mistakes.json").write_text(json.dumps(mistakes), "utf-8")
    settings = TrainSettings.model_validate(
        {"epochs": epochs, "lr": 0.02, "augment": {"mosaic": 0.5}}
    )
    record = StageRecord(
        stage="train", key="0", settings=settings.model_dump(mode="json"),
        metrics=_metrics(classes, mistakes["confusion"], rows), seconds=900.0,
        environment={"cpu": "AMD EPYC", "cores_available": 2, "load_average_1m": 3.0},
    )  # fmt: skip
    spec = ModelSpec(name="yolox_nano", class_names=classes, input=InputSpec(width=320, height=320))
    bundle = Bundle(folder, Manifest(recipe="transfer_int8", spec=spec, history=(record,)))
    bundle.save()
    return bundle


def _epoch(number: int, epochs: int) -> dict[str, Any]:
    done = number / epochs
    loss = {"iou": 4 - 2 * done, "objectness": 6 * (1 - done) + 2, "classes": 1.5 - done}
    if number > epochs - round(0.15 * epochs):
        loss["l1"] = 0.8
    row = {"epoch": number, "step": 150 * number, "lr": 0.005 * (1.05 - done), "seconds": 34.0,
           "loss": {**loss, "total": sum(loss.values())}}  # fmt: skip
    if number % 3 == 0 or number == epochs:
        value = round(0.8 * (1 - 0.05**done), 4)
        row |= {"mAP": value, "mAP50": value * 1.2, "per_class": {}, "validation_seconds": 6.0}
    return row


def _metrics(
    classes: tuple[str, ...], confusion: list[list[int]], rows: list[dict[str, Any]]
) -> dict[str, Any]:
    best = rows[-1]["mAP"]
    return {
        "command": ["edgecv", "train", "--out", "a folder"],
        "start": "somewhere/yolox_nano.pth",
        "kept": "636 of 642 tensors kept",
        "device": "cpu",
        "processes": 1,
        "train": {"name": "belt train", "images": 2400,
                  "class_boxes": {name: 900 + 10 * i for i, name in enumerate(classes)}},
        "val": {"name": "belt val", "images": 300},
        "notes": [],
        "warnings": ["val: 5 of 300 look like one of train; e.g. a.png and b.png"],
        "epochs": len(rows), "steps": rows[-1]["step"], "best_epoch": len(rows),
        "mAP": best, "mAP50": best * 1.2, "interval": [best - 0.03, best + 0.02],
        "per_class": {name: round(0.9 * (i + 1) / len(classes), 4)
                      for i, name in enumerate(classes) if sum(confusion[i])},
        "images": 300, "boxes": sum(map(sum, confusion[:-1])),
        "training_seconds": 34.0 * len(rows), "validation_seconds": 54.0,
        "summary": "",
    }  # fmt: skip


def _mistakes(
    folder: Path, classes: tuple[str, ...], worst: int, random: np.random.Generator
) -> dict[str, Any]:
    count = len(classes)
    matrix = random.poisson(0.4, (count + 1, count + 1))
    matrix[np.diag_indices(count)] += random.integers(30, 120, count)
    matrix[:, -1] += random.integers(0, 12, count + 1)
    matrix[-1] += random.integers(0, 15, count + 1)
    matrix[-1, -1] = 0
    return {
        "score_min": 0.37, "iou_min": 0.5, "class_names": classes,
        "confusion": matrix.tolist(), "images": 300, "faultless": 171,
        "worst": [_worst(folder, number, count, random) for number in range(1, worst + 1)],
    }  # fmt: skip


def _worst(folder: Path, number: int, classes: int, random: np.random.Generator) -> dict[str, Any]:
    coarse = random.integers(40, 220, (6, 8, 3), np.uint8)
    image = np.kron(coarse, np.ones((40, 40, 1), np.uint8))
    file = f"{number:02}.jpg"
    cv2.imwrite(str(folder / "training" / "worst" / file), image)
    boxes = [[30, 40, 120, 200], [150, 60, 260, 150]]
    ids = random.integers(0, classes, 2).tolist()
    truth = [{"class_id": i, "box_xyxy": b, "right": ok}
             for i, b, ok in zip(ids, boxes, (True, False), strict=True)]  # fmt: skip
    found = [{**truth[0], "score": 0.81}, {**truth[0], "box_xyxy": [200, 150, 300, 220],
                                          "right": False, "score": 0.44}]  # fmt: skip
    return {"name": f"photo_{number}.png", "file": file, "width": 320, "height": 240, "missed": 1,
            "false": 1, "confused": 0, "truth": truth, "found": found}  # fmt: skip

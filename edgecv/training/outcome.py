"""What came out of a training: the score of its best weights, and what they get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from edgecv.metrics.detection import DetectionScore
from edgecv.models.detector import read_detector
from edgecv.training.mistakes import above, keep_worst, mistakes
from edgecv.training.pictures import DatasetPictures, Pictures
from edgecv.training.processes import world
from edgecv.training.split_classes import boxes_of
from edgecv.training.task import Trained
from edgecv.training.validation import answers, score, truth_of

MISTAKES, WORST = "mistakes.json", "worst"


def outcome(trained: Trained, val: Pictures, input_size: int, folder: Path) -> dict[str, Any]:
    """Score the best weights with an interval, and leave their mistakes in a folder.

    Args:
        trained: a complete training.
        val: pictures that chose its best weights.
        input_size: side of the network's input in pixels.
        folder: for mistakes.json (what `mistakes` gives, and as "worst" what `keep_worst` gives)
            and worst/; there already.

    Returns:
        Plain values: how long it took, which epoch is the best, and its score.
    """
    model = read_detector(trained.weights)
    # laid out as it was when it was validated in training: the score is the same to the bit
    model = model.to(world().device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    truth, found = truth_of(val), answers(model, val, input_size)
    wrong = mistakes(truth, found)
    shown = [above(one, wrong["score_min"]) for one in found]
    worst = keep_worst(val, truth, shown, folder / WORST)
    text = json.dumps({**wrong, "worst": worst}, separators=(",", ":"))
    (folder / MISTAKES).write_text(text + "\n", "utf-8")
    return _told(trained, score(truth, found))


def _told(trained: Trained, found: DetectionScore) -> dict[str, Any]:
    history = trained.history
    best = max((row for row in history if "mAP" in row), key=lambda row: row["mAP"])
    sure = f" ({found.interval[0]:.4f} to {found.interval[1]:.4f})" if found.interval else ""
    when = f"on val after epoch {best['epoch']} of {history[-1]['epoch']}"
    seconds = {
        f"{name}_seconds": round(sum(row.get(key, 0.0) for row in history), 1)
        for name, key in (("training", "seconds"), ("validation", "validation_seconds"))
    }
    return {
        "epochs": history[-1]["epoch"],
        "steps": history[-1]["step"],
        "best_epoch": best["epoch"],
        **found.to_json(),
        **seconds,
        "summary": f"mAP {found.mAP:.4f}{sure} {when}",
    }


def described(pictures: Pictures) -> dict[str, Any]:
    """Name and number of pictures, and the boxes of each class where they are known."""
    known = {}
    if isinstance(pictures, DatasetPictures):  # a user's own would have to be read for them
        counts = boxes_of(pictures.dataset).tolist()
        known = {"class_boxes": dict(zip(pictures.class_names, counts, strict=True))}
    return {"name": pictures.name, "images": len(pictures), **known}


def device_name() -> str:
    """What this process computes on, with the name of a GPU."""
    device = world().device
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"

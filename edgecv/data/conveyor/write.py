"""Write still pictures of many conveyors as a data set in COCO's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgecv.data.conveyor.conveyor import Conveyor
from edgecv.data.conveyor.items import CLASS_NAMES
from edgecv.data.conveyor.truth import Truth
from edgecv.data.run_length import encode_mask
from edgecv.errors import DataError
from edgecv.progress import bar
from edgecv.types import Ints

SIZE_WH = (320, 320)
APART = 37  # frames; a shadow that passes is caught at every place of its way


def write_dataset(
    folder: Path,
    seed: int,
    images: int,
    size_wh: tuple[int, int] = SIZE_WH,
    split: str | None = None,
) -> Ints:
    """Pictures `images/*.jpg` and, when all are there, their `instances.json`.

    Each picture is one frame of a scene of its own: its belt, light, camera and parts are
    its own, and no two show the same part.

    Args:
        folder: made where it is missing; may hold other splits.
        seed: of the pictures; picture k of a seed is the same in a set of any length.
        images: how many.
        size_wh: of each.
        split: name of the part, e.g. train: `instances_train.json`; None: the only one.

    Returns:
        (classes,) int64, how many parts of each class were marked.

    Raises:
        DataError: no picture is asked for, or this split is there already.
    """
    truth = folder / f"instances{f'_{split}' if split else ''}.json"
    if images < 1:
        raise DataError(f"{folder}: {images} pictures are asked for; expected at least 1")
    if truth.exists():
        raise DataError(f"{truth}: is there already; choose another folder, or remove it")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    content: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": i, "name": name} for i, name in enumerate(CLASS_NAMES, 1)]
    with bar(f"draw {images} pictures", images) as advance:
        for number in range(images):
            frame = Conveyor(seed, size_wh, scene=number).frame(number * APART)
            name = f"{split or 'conveyor'}_{number:06d}.jpg"
            (folder / "images" / name).write_bytes(frame.jpeg)
            size = {"width": size_wh[0], "height": size_wh[1]}
            content["images"].append({"id": number + 1, "file_name": name, **size})
            content["annotations"] += _annotations(
                frame.truth, number + 1, len(content["annotations"])
            )
            advance()
    # last, and whole: a folder that has it is complete
    unfinished = truth.with_suffix(".part")
    unfinished.write_text(json.dumps(content, separators=(",", ":")), "utf-8")
    unfinished.replace(truth)
    marked = [annotation["category_id"] - 1 for annotation in content["annotations"]]
    return np.bincount(np.array(marked, np.int64), minlength=len(CLASS_NAMES)).astype(np.int64)


def _annotations(truth: Truth, image_id: int, before: int) -> list[dict[str, Any]]:
    found = []
    for at, (left, top, right, bottom) in enumerate(truth.boxes_xyxy.tolist()):
        found.append(
            {
                "id": before + at + 1,
                "image_id": image_id,
                "category_id": int(truth.class_ids[at]) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": int(truth.masks[at].sum()),
                "segmentation": encode_mask(truth.masks[at]),
                "iscrowd": 0,
                "occluded": round(float(truth.occluded[at]), 3),
            }
        )
    return found

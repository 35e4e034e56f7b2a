"""Small data sets in COCO's format, written where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgecv.types import Image

Box = tuple[int, Sequence[float]]  # class id from 0, left top width height


def noise(width: int, height: int, seed: int = 0) -> Image:
    """A picture that no other is like."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_picture(path: Path, image: Any, *settings: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, list(settings))
    return path


def write_coco(
    folder: Path,
    boxes: dict[str, Sequence[Box]],
    split: str = "",
    names: Sequence[str] = ("cat", "dog"),
    size_wh: tuple[int, int] = (96, 64),
) -> Path:
    """Annotations of pictures by name; a picture that is not there yet is made."""
    images, annotations = [], []
    for key, (name, found) in enumerate(boxes.items(), 1):
        path = folder / "images" / name
        if not path.exists():
            write_picture(path, noise(*size_wh, seed=sum(map(ord, split + name)) * 31 + key))
        header = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        width, height = size_wh if header is None else header.shape[1::-1]
        images.append({"id": key, "file_name": name, "width": width, "height": height})
        annotations += [
            {"id": len(annotations) + i, "image_id": key, "category_id": c + 1, "bbox": list(box)}
            for i, (c, box) in enumerate(found)
        ]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    name = f"instances_{split}.json" if split else "instances.json"
    (folder / name).write_text(json.dumps(content))
    return folder

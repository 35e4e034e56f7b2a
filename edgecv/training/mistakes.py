"""What a trained network gets wrong on pictures with ground truth, and the worst of these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecv.boxes import clip
from edgecv.data.samples import Dataset, Sample
from edgecv.metrics.confusion import (
    ALONE,
    IOU_MIN,
    best_score,
    confusion,
    is_right,
    pair,
)
from edgecv.training.pictures import DatasetPictures, Pictures
from edgecv.types import Array, Detections, Image, Ints

SHOWN = 12
SIDE = 480  # pixels, of the longest side of a kept picture
QUALITY = 80


class Wrong(NamedTuple):
    """The mistakes of one picture.

    Attributes:
        missed: objects that no box stands for.
        false: boxes that stand for no object.
        confused: boxes that stand for an object of another class.
    """

    missed: int
    false: int
    confused: int


def mistakes(truth: Dataset, found: Sequence[Detections]) -> dict[str, Any]:
    """All mistakes at the score at which boxes have their best F1, as plain values.

    Args:
        truth: pictures with their objects.
        found: one a picture, with the same class ids.

    Returns:
        {"score_min", "iou_min", "class_names", "confusion": rows of `metrics.confusion`, "images",
        "faultless": pictures without a mistake}
    """
    score_min = best_score(truth.samples, found)
    found = [above(one, score_min) for one in found]
    matrix = confusion(truth.samples, found, len(truth.class_names))
    counts = [wrong(*both) for both in zip(truth.samples, found, strict=True)]
    return {
        "score_min": score_min,
        "iou_min": IOU_MIN,
        "class_names": list(truth.class_names),
        "confusion": matrix.tolist(),
        "images": len(counts),
        "faultless": sum(not any(count) for count in counts),
    }


def above(found: Detections, score_min: float) -> Detections:
    """The detections with that score at least."""
    return found.select(found.scores >= score_min)


def wrong(sample: Sample, found: Detections) -> Wrong:
    """Count the mistakes of one picture."""
    pairs = pair(sample, found)
    paired = pairs.found != ALONE
    return Wrong(
        missed=int(((pairs.objects == ALONE) & ~sample.crowd).sum()),
        false=int((~paired & ~pairs.ignored).sum()),
        confused=int((paired & ~is_right(sample, found, pairs)).sum()),
    )


def keep_worst(
    pictures: Pictures, truth: Dataset, found: Sequence[Detections], folder: Path
) -> list[dict[str, Any]]:
    """Write the pictures with most mistakes as small JPEG files, the worst first.

    Args:
        pictures: as large as the truth says.
        truth: of the pictures.
        found: one a picture, above the score of interest.
        folder: for the files; made when absent.

    Returns:
        For each {"name", "file": in the folder, "width", "height": of the file, "missed", "false",
        "confused", "truth": boxes, "found": boxes}; a box is {"class_id", "score": not of truth,
        "box_xyxy": pixels of the file, "right"}. Crowds and boxes on them are left out.
    """
    if isinstance(pictures, DatasetPictures):
        pictures = DatasetPictures(pictures.dataset)
    counts = [wrong(*both) for both in zip(truth.samples, found, strict=True)]
    order = sorted(range(len(counts)), key=lambda index: -sum(counts[index]))
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[dict[str, Any]] = []
    for index in [index for index in order if any(counts[index])][:SHOWN]:
        file = f"{len(kept) + 1:02}.jpg"
        sample = truth.samples[index]
        scale, size = _write(folder / file, pictures.picture(index).image)
        kept.append(
            {
                "name": sample.path.name,
                "file": file,
                "width": size[0],
                "height": size[1],
                **counts[index]._asdict(),
                **_boxes(sample, found[index], scale, size),
            }
        )
    return kept


def _write(path: Path, image: Image) -> tuple[float, tuple[int, int]]:
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    path.write_bytes(data.tobytes())
    return scale, size


def _boxes(
    sample: Sample, found: Detections, scale: float, size: tuple[int, int]
) -> dict[str, list[dict[str, Any]]]:
    pairs = pair(sample, found)
    right = is_right(sample, found, pairs)
    met = np.zeros(len(sample.class_ids), np.bool_)
    met[pairs.found[right]] = True
    alone, counted = ~sample.crowd, ~pairs.ignored
    truth = _plain(sample.boxes_xyxy[alone], sample.class_ids[alone], met[alone], scale, size)
    boxes = _plain(found.boxes_xyxy[counted], found.class_ids[counted], right[counted], scale, size)
    scores = found.scores[counted].tolist()
    scored = [{**box, "score": round(s, 3)} for box, s in zip(boxes, scores, strict=True)]
    return {"truth": truth, "found": scored}


def _plain(
    boxes: Array, class_ids: Ints, right: NDArray[np.bool_], scale: float, size: tuple[int, int]
) -> list[dict[str, Any]]:
    shown = np.round(clip(boxes * np.float32(scale), *size).astype(np.float64), 1).tolist()
    return [
        {"class_id": class_id, "box_xyxy": box, "right": ok}
        for box, class_id, ok in zip(shown, class_ids.tolist(), right.tolist(), strict=True)
    ]

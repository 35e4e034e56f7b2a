"""Real answers of YOLOX-Nano on real photos, and pycocotools as the judge of the score."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgecv.bundle import InputSpec
from edgecv.data.dataset import Dataset, open_dataset
from edgecv.data.pictures import read_picture
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.types import Detections

Found = tuple[Dataset, list[Detections], tuple[str, ...]]


def decode_yolox(raw: np.ndarray, size: int = 416) -> tuple[np.ndarray, np.ndarray]:
    """(N, 85) raw to xyxy boxes and scores; Ge et al. 2021, section 2.1."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = np.mgrid[: size // stride, : size // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    stride = np.concatenate(strides).astype(np.float32)
    center = (raw[:, :2] + np.concatenate(cells)) * stride
    half = np.exp(raw[:, 2:4]) * stride / 2
    boxes = np.concatenate([center - half, center + half], axis=1)
    return boxes.astype(np.float32), raw[:, 4:5] * raw[:, 5:]


@pytest.fixture(scope="session")
def found_by_yolox(shared: Path) -> Callable[[str], Found]:
    """Detections of YOLOX-Nano on a folder of photos, by COCO's protocol; each computed once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(shared / "data" / "weights" / "yolox_nano_coco_416.onnx"), options
    )
    name = session.get_inputs()[0].name
    photos = shared / "data" / "photos"
    model = open_dataset(photos / "coco38").class_names
    known: dict[str, Found] = {}

    def detect(folder: str) -> Found:
        if folder not in known:
            dataset, found = open_dataset(photos / folder), []
            for sample in dataset.samples:
                spec = InputSpec(width=416, height=416)
                image, box = letterbox(read_picture(sample.path), spec)
                planes = image.transpose(2, 0, 1)[None].astype(np.float32)
                decoded = decode_yolox(session.run(None, {name: planes})[0][0])
                found.append(
                    postprocess(*decoded, box, score_min=0.001, nms_iou=0.65, max_boxes=100)
                )
            known[folder] = dataset, found, model
        return known[folder]

    return detect


@pytest.fixture(scope="session")
def judge() -> Callable[..., tuple[float, float, dict[str, float]]]:
    """mAP, mAP50 and AP by class name, as pycocotools has them."""
    return pycocotools_score


def pycocotools_score(
    dataset: Dataset,
    found: Sequence[Detections],
    model: Sequence[str],
    counts: Sequence[int] | None = None,
) -> tuple[float, float, dict[str, float]]:
    """Score with each picture present `counts` times, as a picture of its own each time."""
    images: list[Any] = []
    marks: list[Any] = []
    results: list[Any] = []
    ids = {name: index for index, name in enumerate(dataset.class_names)}
    for index, (sample, detections) in enumerate(zip(dataset.samples, found, strict=True)):
        for _ in range(1 if counts is None else counts[index]):
            key = len(images) + 1
            images.append({"id": key, "width": sample.width, "height": sample.height})
            truth = zip(
                sample.boxes_xyxy, sample.class_ids, sample.crowd, sample.areas, strict=True
            )
            for box, class_id, crowd, area in truth:
                mark = {"id": len(marks) + 1, "image_id": key, "category_id": int(class_id)}
                mark |= {"bbox": xywh(box), "iscrowd": int(crowd), "area": float(area)}
                marks.append(mark)
            found_here = zip(
                detections.boxes_xyxy, detections.scores, detections.class_ids, strict=True
            )
            results += [
                {
                    "image_id": key,
                    "category_id": ids[model[class_id]],
                    "bbox": xywh(box),
                    "score": float(score),
                }
                for box, score, class_id in found_here
                if model[class_id] in ids
            ]
    categories = [{"id": index, "name": name} for name, index in ids.items()]
    with contextlib.redirect_stdout(io.StringIO()):
        truth_set = COCO()
        truth_set.dataset = {"images": images, "annotations": marks, "categories": categories}
        truth_set.createIndex()
        evaluation = COCOeval(truth_set, truth_set.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    by_class = evaluation.eval["precision"][:, :, :, 0, -1].mean(axis=(0, 1))
    scored = {name: float(by_class[index]) for name, index in ids.items() if by_class[index] > -1}
    return float(evaluation.stats[0]), float(evaluation.stats[1]), scored


def xywh(box: np.ndarray) -> list[float]:
    left, top, right, bottom = (float(value) for value in box)
    return [left, top, right - left, bottom - top]

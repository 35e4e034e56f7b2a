"""How good a network in training is, by the preprocessing and the protocol of `edgecv eval`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from edgecv.bundle import InputSpec
from edgecv.data.dataset import Dataset
from edgecv.data.samples import Mark, make_sample
from edgecv.metrics.detection import DetectionScore, score_detections
from edgecv.models.deploy import Decode
from edgecv.models.detector import Detector
from edgecv.progress import bar, say
from edgecv.recipe import EvaluateSettings
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import Letterbox, letterbox
from edgecv.training.pictures import DatasetPictures, Pictures
from edgecv.types import Detections, Image

PROTOCOL = EvaluateSettings()
BATCH = 8


def truth_of(pictures: Pictures) -> Dataset:
    """The ground truth of pictures, to score against; reads each where they are of no data set."""
    if isinstance(pictures, DatasetPictures):
        return pictures.dataset
    samples = []
    for index in range(len(pictures)):
        image, boxes, class_ids = pictures.picture(index)
        marks = [
            Mark((left, top, right, bottom), class_id)
            for (left, top, right, bottom), class_id in zip(
                boxes.tolist(), class_ids.tolist(), strict=True
            )
        ]
        size = (image.shape[1], image.shape[0])
        samples.append(make_sample(Path(f"{pictures.name}[{index}]"), index, size, marks))
    names = pictures.class_names
    return Dataset(pictures.name, Path(pictures.name), "custom", names, tuple(samples))


def validate(
    model: Detector, pictures: Pictures, truth: Dataset, input_size: int
) -> DetectionScore:
    """Score a network by COCO's protocol, without an interval.

    Args:
        model: in eval mode; its classes are those of the truth.
        pictures: to look at, as large as the truth says.
        truth: as `truth_of` gives it.
        input_size: side of the square input in pixels.
    """
    return score(truth, answers(model, pictures, input_size), resamples=0)


def answers(model: Detector, pictures: Pictures, input_size: int) -> list[Detections]:
    """What a network in eval mode finds on each picture; say where its answer overflows."""
    if isinstance(pictures, DatasetPictures):
        pictures = DatasetPictures(pictures.dataset)  # as large as they are, none kept
    with bar("validating", len(pictures)) as advance:
        found = []
        for detections in _detections(model, pictures, input_size):
            found.append(detections)
            advance()
    return found


def score(
    truth: Dataset,
    found: Sequence[Detections],
    class_names: Sequence[str] | None = None,
    resamples: int = PROTOCOL.resamples,
) -> DetectionScore:
    """COCO's score of what a network found, one a picture; its classes are the truth's, or have
    these names."""
    names, most = class_names or truth.class_names, PROTOCOL.max_boxes
    return score_detections(truth, found, names, max_boxes=most, resamples=resamples)


def _detections(model: Detector, pictures: Pictures, input_size: int) -> Iterator[Detections]:
    # early on, the statistics of norms lag so far behind the weights that a box can overflow;
    # whether training itself goes wrong is told by its loss
    broken = 0
    size = InputSpec(width=input_size, height=input_size)
    device = next(model.parameters()).device
    decode = Decode(input_size, input_size, model.config.classes).to(device)
    for start in range(0, len(pictures), BATCH):
        places: list[tuple[Image, Letterbox]] = [
            letterbox(pictures.picture(index).image, size)
            for index in range(start, min(start + BATCH, len(pictures)))
        ]
        images = torch.from_numpy(np.stack([image for image, _ in places])).to(device)
        with torch.inference_mode():
            boxes, scores = decode(model(images.permute(0, 3, 1, 2).float()))
        finite = boxes.isfinite().all(dim=2) & scores.isfinite().all(dim=2)
        broken += int((~finite).any(dim=1).sum())
        boxes, scores = boxes.where(finite[..., None], 0), scores.where(finite[..., None], 0)
        for row, (_, place) in enumerate(places):
            yield postprocess(
                boxes[row].cpu().numpy(),
                scores[row].cpu().numpy(),
                place,
                score_min=PROTOCOL.score_min,
                nms_iou=PROTOCOL.nms_iou,
                max_boxes=PROTOCOL.max_boxes,
            )
    if broken:
        say(
            f"validating: the network's answer is not finite on {broken} of {len(pictures)} "
            "pictures, and counts as nothing there. Early on this passes; later lower train.lr"
        )

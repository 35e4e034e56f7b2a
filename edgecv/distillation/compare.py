"""Teacher and student side by side: what each costs, and how good it is on the same pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgecv.bundle import InputSpec
from edgecv.data.samples import Dataset
from edgecv.distillation.teacher import OnnxTeacher, TorchTeacher
from edgecv.models.cost import network_cost
from edgecv.models.detector import Detector
from edgecv.models.graph import conv_macs, parameter_count
from edgecv.models.onnx_source import OnnxSource, infer_source
from edgecv.progress import bar
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.training.pictures import Pictures
from edgecv.training.validation import PROTOCOL, answers, score
from edgecv.types import Detections

SCORES = ("mAP", "mAP50", "interval", "per_class", "images", "boxes")


def teacher_side(
    teacher: TorchTeacher | OnnxTeacher, name: str, size: InputSpec, val: Pictures, truth: Dataset
) -> dict[str, Any]:
    """Name, parameters, MACs and score of a teacher; no score where it lacks a class of the truth.

    Args:
        teacher: what is learned from.
        name: of it.
        size: of its own input.
        val: pictures to score on.
        truth: of these.
    """
    if isinstance(teacher, TorchTeacher):
        parameters, macs = network_cost(teacher.model, size.width)
    else:
        graph = teacher.source.model
        parameters, macs = parameter_count(graph), sum(conv_macs(graph).values())
    known = {*map(str.casefold, teacher.class_names)}
    scores: dict[str, Any] = {}
    if known >= {*map(str.casefold, truth.class_names)}:
        if isinstance(teacher, TorchTeacher):
            found = answers(teacher.model, val, size.width)
        else:
            found = _answers_of(teacher.source, val, size)
        scores = score(truth, found, teacher.class_names).to_json()
    return {"name": name, "parameters": parameters, "macs": macs, **scores}


def student_side(model: Detector, name: str, side: int, scores: dict[str, Any]) -> dict[str, Any]:
    """The same of a student, whose score is known."""
    parameters, macs = network_cost(model, side)
    kept = {key: scores[key] for key in SCORES if key in scores}
    return {"name": name, "parameters": parameters, "macs": macs, **kept}


def _answers_of(source: OnnxSource, val: Pictures, size: InputSpec) -> list[Detections]:
    infer, found = infer_source(source), []
    with bar("scoring the teacher", len(val)) as advance:
        for index in range(len(val)):
            image, place = letterbox(val.picture(index).image, size)
            batch = np.repeat(image[None], source.batch or 1, axis=0)
            boxes, scores = (part[0] for part in infer(batch))
            detections = postprocess(
                boxes,
                scores,
                place,
                score_min=PROTOCOL.score_min,
                nms_iou=PROTOCOL.nms_iou,
                max_boxes=PROTOCOL.max_boxes,
            )
            found.append(detections)
            advance()
    return found

"""What quantising each conv alone does to the detections."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnx

from edgecv.bundle import OutputSpec
from edgecv.machine import available_cores
from edgecv.progress import bar
from edgecv.quantization.execute import Pictures, Runner
from edgecv.types import Array, Image

PICTURES = 8  # one short run a conv; the order of the worst is stable from about 6
CONFIDENT = 0.1  # anchor points below it are background
AT_LEAST = 20  # anchor points a picture, when fewer are confident


@dataclass(frozen=True)
class Reference:
    """What the float network says on the sample, at the anchor points that matter.

    Attributes:
        pictures: the sample.
        batches: the same, as the network takes them.
        anchors: for each batch, flat indices of confident anchor points.
        boxes: for each batch, (K, 4) xyxy input pixels.
        scores: for each batch, (K, C).
    """

    pictures: Pictures
    batches: list[Image]
    output: OutputSpec
    anchors: list[np.ndarray]
    boxes: list[Array]
    scores: list[Array]


def reference(model: onnx.ModelProto, output: OutputSpec, pictures: Pictures) -> Reference:
    """Run the float graph on a sample of the pictures."""
    sample = pictures.spread(PICTURES)
    run = Runner(model, [output.boxes, output.scores])
    found = Reference(sample, [*sample], output, [], [], [])
    for batch in found.batches:
        boxes, scores = _flat(run(batch), output)
        best = scores.max(axis=1)
        level = min(CONFIDENT, float(np.sort(best)[-min(AT_LEAST * len(batch), len(best))]))
        anchors = np.flatnonzero(best >= level)
        found.anchors.append(anchors)
        found.boxes.append(boxes[anchors])
        found.scores.append(scores[anchors])
    return found


def damage_db(model: onnx.ModelProto, known: Reference, threads: int | None = None) -> float:
    """Signal to noise of the detections in dB: scores, and box corners against box sides.

    The noise of independent layers adds, so 10 ** (-dB / 10) can be summed and shared out.

    Args:
        model: the graph.
        known: what float says.
        threads: that compute; None: one a core.
    """
    run = Runner(model, [known.output.boxes, known.output.scores], threads)
    score_noise = score_power = box_noise = 0.0
    corners = 0
    for batch, anchors, boxes, scores in zip(
        known.batches, known.anchors, known.boxes, known.scores, strict=True
    ):
        found_boxes, found_scores = _flat(run(batch), known.output)
        score_noise += float(((found_scores[anchors] - scores) ** 2).sum())
        score_power += float((scores**2).sum())
        side = np.maximum(np.tile(boxes[:, 2:] - boxes[:, :2], 2), 1.0)
        box_noise += float((((found_boxes[anchors] - boxes) / side) ** 2).sum())
        corners += boxes.size
    noise = score_noise / max(score_power, 1e-12) + box_noise / max(corners, 1)
    return -10 * math.log10(max(noise, 1e-12))


def rank(
    names: Sequence[str],
    alone: Callable[[str], onnx.ModelProto],
    known: Reference,
    title: str,
) -> dict[str, float]:
    """The dB that each conv alone leaves, worst first.

    Args:
        names: of convs.
        alone: the graph with only that conv quantised.
        known: what float says.
        title: of the progress bar.
    """
    # a graph a core: half of the time goes into opening it, which takes one core only
    with bar(title, len(names)) as advance, ThreadPoolExecutor(available_cores()) as cores:

        def judged(name: str) -> float:
            damage = damage_db(alone(name), known, threads=1)
            advance()
            return damage

        found = dict(zip(names, cores.map(judged, names), strict=True))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _flat(values: dict[str, Array], output: OutputSpec) -> tuple[Array, Array]:
    boxes, scores = values[output.boxes], values[output.scores]
    return boxes.reshape(-1, 4), scores.reshape(-1, scores.shape[-1])

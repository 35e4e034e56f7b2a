"""Score every variant on ground truth, and compare each with the float model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgecv.bundle import Bundle, Variant
from edgecv.data.dataset import Dataset, class_map
from edgecv.data.pictures import find_pictures, read_picture
from edgecv.data.scored import scored
from edgecv.engines import Engine, open_engine
from edgecv.errors import DataError, EngineError, UsageError
from edgecv.metrics.detection import Interval, compare_detections, score_detections
from edgecv.metrics.parity import Agreement, Expected, agree, expect, parity
from edgecv.progress import Advance, bar, say
from edgecv.recipe import EvaluateSettings
from edgecv.runtime.postprocess import postprocess
from edgecv.runtime.preprocess import letterbox
from edgecv.stages import Context
from edgecv.types import Array, Detections

# engines whose float variant the others are compared with, first choice first
REFERENCES = ("onnxruntime", "openvino", "tensorrt", "torch")
# float mAP below which a loss cannot show
SCORE_MIN = 0.01
# enough for parity, which needs no ground truth
PICTURES = 100


class Answer(NamedTuple):
    """What a variant says of one picture: (N, C) scores, and the boxes that are left of them."""

    scores: Array
    detections: Detections


def run(bundle: Bundle, settings: EvaluateSettings, context: Context) -> dict[str, Any]:
    """Run each variant once over the data; without data over calibration pictures, unscored.

    Returns:
        {"data": {"name", "images", "boxes", "classes"} or None, "reference": name, "variants":
        {name: {"accuracy": as DetectionScore or None, "drop": {"mAP", "interval"} or None,
        "parity": as metrics.parity, or None for the reference itself}}}. A drop is float's mAP
        less the variant's: positive is a loss.

    Raises:
        DataError: no pictures, or classes that the model does not know.
        EngineError: a variant cannot be opened, or its answer is not finite.
    """
    dataset = scored(context.data, context.held_out)
    if dataset is not None:
        class_map(dataset, bundle.spec.class_names)
    pictures = _pictures(dataset, context)
    reference = reference_of(bundle.manifest.variants)
    first = [variant for variant in bundle.manifest.variants if variant is reference]
    rest = [variant for variant in bundle.manifest.variants if variant is not reference]
    expected: list[Expected] = []
    variants: dict[str, Any] = {}
    with bar("evaluating", len(pictures) * (len(first) + len(rest))) as advance:
        for variant in [*first, *rest]:
            answers = answer(bundle, variant, pictures, settings, advance)
            if variant is reference:
                expected = [expect(one.scores, one.detections) for one in answers]
                found, agreed = [one.detections for one in expected], None
            else:
                found, agreed = _compare(expected, answers)
            float_found = [one.detections for one in expected]
            variants[variant.name] = {
                **_scores(bundle, dataset, found, float_found, settings),
                "parity": agreed,
            }
    ordered = {variant.name: variants[variant.name] for variant in bundle.manifest.variants}
    return {
        "data": _describe(dataset),
        "reference": reference.name if reference else None,
        "variants": ordered,
        "summary": _summary(dataset, len(pictures), bundle, ordered),
    }


def reference_of(variants: Sequence[Variant]) -> Variant | None:
    """The float variant that the others are compared with; None when there is none."""
    for engine in REFERENCES:
        for variant in variants:
            if variant.engine == engine and variant.precision == "fp32":
                return variant
    return None


def answer(
    bundle: Bundle,
    variant: Variant,
    pictures: Sequence[Path],
    settings: EvaluateSettings,
    advance: Advance,
) -> Iterator[Answer]:
    """What a variant says of each picture, one after the other.

    Raises:
        DataError: a picture cannot be read.
        EngineError: the variant cannot run here, or its answer is not finite.
    """
    with open_engine(bundle, variant) as engine:
        yield from answers(engine, pictures, settings, advance)


def answers(
    engine: Engine, pictures: Sequence[Path], settings: EvaluateSettings, advance: Advance
) -> Iterator[Answer]:
    """What an open engine says of each picture; errors as `answer`."""
    for path in pictures:
        yield _answer(engine, path, settings)
        advance()


def _answer(engine: Engine, path: Path, settings: EvaluateSettings) -> Answer:
    size = engine.spec.input
    image, place = letterbox(read_picture(path), size)
    # a fixed batch takes the same picture several times: only the first answer is read
    boxes, scores = engine.infer(np.stack([image] * (size.batch or 1)))
    if not (np.isfinite(boxes[0]).all() and np.isfinite(scores[0]).all()):
        raise EngineError(f"{engine.name}: values that are not finite for {path}")
    found = postprocess(
        boxes[0],
        scores[0],
        place,
        score_min=settings.score_min,
        nms_iou=settings.nms_iou,
        max_boxes=settings.max_boxes,
    )
    return Answer(scores[0], found)


def _pictures(dataset: Dataset | None, context: Context) -> list[Path]:
    if dataset is not None:
        return [sample.path for sample in dataset.samples]
    if context.calibration is None:
        raise UsageError("nothing to evaluate on: give --data DIR or --calibration DIR")
    usable: list[Path] = []
    for path in find_pictures(context.calibration):
        try:
            read_picture(path)
        except DataError:
            continue  # counted and named before the first stage
        usable.append(path)
        if len(usable) == PICTURES:
            break
    return usable


def _compare(
    expected: Sequence[Expected], answers: Iterator[Answer]
) -> tuple[list[Detections], dict[str, Any] | None]:
    found: list[Detections] = []
    agreements: list[Agreement] = []
    for index, one in enumerate(answers):
        found.append(one.detections)
        if expected:
            agreements.append(agree(expected[index], one.scores, one.detections))
    return found, parity(agreements) if expected else None


def _scores(
    bundle: Bundle,
    dataset: Dataset | None,
    found: Sequence[Detections],
    float_found: Sequence[Detections],
    settings: EvaluateSettings,
) -> dict[str, Any]:
    if dataset is None:
        return {"accuracy": None, "drop": None}
    names = bundle.spec.class_names
    limits = {"max_boxes": settings.max_boxes, "resamples": settings.resamples}
    accuracy = score_detections(dataset, found, names, **limits).to_json()
    if not float_found:
        return {"accuracy": accuracy, "drop": None}
    lost, interval = compare_detections(dataset, found, float_found, names, **limits)
    return {"accuracy": accuracy, "drop": {"mAP": lost, "interval": _plain(interval)}}


def _plain(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _describe(dataset: Dataset | None) -> dict[str, Any] | None:
    if dataset is None:
        return None
    ids = np.concatenate([sample.class_ids for sample in dataset.samples])
    return {
        "name": dataset.name,
        "images": len(dataset.samples),
        "boxes": len(ids),
        "classes": len(np.unique(ids)),
    }


def _summary(dataset: Dataset | None, images: int, bundle: Bundle, found: dict[str, Any]) -> str:
    if dataset is None:
        return f"{len(found)} variants on {images} pictures, without ground truth"
    scores = {name: one["accuracy"]["mAP"] for name, one in found.items()}
    reference = reference_of(bundle.manifest.variants)
    if reference and scores[reference.name] < SCORE_MIN:
        say(
            f"{dataset.name}: float finds hardly anything ({scores[reference.name]:.4f} mAP), so "
            "no loss can show. Check that network and ground truth are of the same task"
        )
    int8 = [variant.name for variant in bundle.manifest.variants if variant.precision == "int8"]
    told = f"{dataset.name}: " + (f"float {scores[reference.name]:.4f} mAP" if reference else "")
    if not int8:
        return told
    worst = min(int8, key=lambda name: scores[name])
    return f"{told}, INT8 at least {scores[worst]:.4f} ({worst})"

"""The facts of a training, from what its stage left in the bundle."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from edgecv.bundle import Bundle, StageRecord
from edgecv.errors import BundleError
from edgecv.recipe import TrainSettings
from edgecv.report.schema import Accuracy
from edgecv.report.training.schema import (
    Change,
    ClassResult,
    Epoch,
    Mistakes,
    Part,
    TrainingReport,
)

# the last of these that ran made the network; distill keeps its training in a section of its own
STAGES, PAGE = {"distill": "distill.train", "train": "train"}, "training.html"
WEIGHTS, HISTORY, MISTAKES, WORST = (
    "weights.safetensors",
    "training/history.jsonl",
    "training/mistakes.json",
    "training/worst",
)


def trained(bundle: Bundle) -> bool:
    """Whether a bundle's network was trained in it."""
    return any(bundle.metrics(stage) for stage in STAGES)


def collect(bundle: Bundle) -> TrainingReport:
    """All that is known of how the network of a bundle was trained.

    Raises:
        BundleError: it was not trained in this bundle, or files of it are missing.
    """
    record = _record(bundle)
    settings = record.settings if record.stage == "train" else record.settings["train"]
    found, lines = record.metrics, _text(bundle, HISTORY).splitlines()
    mistakes = Mistakes.model_validate_json(_text(bundle, MISTAKES))
    return TrainingReport(
        recipe=bundle.manifest.recipe,
        model=bundle.spec.name,
        input_wh=(bundle.spec.input.width, bundle.spec.input.height),
        weights=WEIGHTS,
        weights_bytes=bundle.path(WEIGHTS).stat().st_size,
        score=Accuracy(**{name: found[name] for name in Accuracy.model_fields}),
        epochs=tuple(Epoch.model_validate_json(line) for line in lines),
        classes=_classes(mistakes, found),
        mistakes=mistakes,
        train=_part(found["train"]),
        val=_part(found["val"], found["boxes"]),
        settings=settings,
        changed=tuple(_changes(settings, STAGES[record.stage])),
        environment=_environment(record.environment),
        command=shlex.join(found["command"]),
        **{name: found[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE = (
    *("start", "kept", "best_epoch", "notes", "warnings"),
    *("training_seconds", "validation_seconds", "device", "processes"),
)


def _record(bundle: Bundle) -> StageRecord:
    records = [one for one in bundle.manifest.history if one.stage in STAGES]
    if not records:
        raise BundleError(f"{bundle.folder}: not trained here; make a bundle with edgecv train")
    return records[-1]


def _text(bundle: Bundle, name: str) -> str:
    try:
        return bundle.path(name).read_text("utf-8")
    except FileNotFoundError as error:
        raise BundleError(
            f"{bundle.path(name)}: missing, so there is nothing to report of the training. Make "
            "the bundle again: edgecv train --fresh"
        ) from error


def _part(found: Mapping[str, Any], boxes: int | None = None) -> Part:
    if boxes is None and "class_boxes" in found:
        boxes = sum(found["class_boxes"].values())
    return Part(name=found["name"], images=found["images"], boxes=boxes)


def _classes(mistakes: Mistakes, found: Mapping[str, Any]) -> tuple[ClassResult, ...]:
    matrix, learnt = mistakes.confusion, found["train"].get("class_boxes", {})
    results = []
    for row, name in enumerate(mistakes.class_names):
        objects, boxes = sum(matrix[row]), sum(line[row] for line in matrix)
        results.append(
            ClassResult(
                name=name,
                train_boxes=learnt.get(name),
                val_boxes=objects,
                ap=found["per_class"].get(name),
                recall=matrix[row][row] / objects if objects else None,
                precision=matrix[row][row] / boxes if boxes else None,
            )
        )
    return tuple(results)


def _changes(settings: Mapping[str, Any], section: str) -> Iterator[Change]:
    defaults = dict(_dotted(TrainSettings().model_dump(mode="json")))
    for name, value in _dotted(settings):
        if value != defaults.get(name):
            yield Change(name=f"{section}.{name}", value=value, default=defaults.get(name))


def _dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _environment(found: Mapping[str, Any]) -> dict[str, Any]:
    # how busy it was when it was done, and its governor, say nothing of a training
    return {k: v for k, v in found.items() if k not in ("load_average_1m", "governor")}

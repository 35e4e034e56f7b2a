"""The score of boxes on pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle
from edgecv.data.dataset import class_map, open_dataset
from edgecv.metrics.detection import score_detections
from edgecv.progress import bar
from edgecv.recipe import EvaluateSettings
from edgecv.stages.evaluate import answer

PROTOCOL = EvaluateSettings()


def evaluate(
    bundle: Bundle, data: Path, split: str | None, engine: str, precision: str | None
) -> dict[str, Any]:
    """The score of one variant, ready for JSON.

    Raises:
        BundleError, DataError, EngineError: of its parts.
    """
    variant = bundle.variant(engine, precision)
    dataset = open_dataset(data, split)
    class_map(dataset, bundle.spec.class_names)
    pictures = [sample.path for sample in dataset.samples]
    with bar(f"scoring {variant.name}", len(pictures)) as advance:
        answers = answer(bundle, variant, pictures, PROTOCOL, advance)
        detections = [one.detections for one in answers]
    score = score_detections(
        dataset,
        detections,
        bundle.spec.class_names,
        max_boxes=PROTOCOL.max_boxes,
        resamples=PROTOCOL.resamples,
    )
    return {
        **score.to_json(),
        "variant": variant.name,
        "data": dataset.name,
        "protocol": PROTOCOL.model_dump(mode="json"),
    }


def show(found: dict[str, Any]) -> None:
    """Print the score, and a line a class."""
    low, high = found["interval"] or (float("nan"), float("nan"))
    click.echo(
        f"{found['variant']} on {found['data']}: {found['images']} pictures, "
        f"{found['boxes']} boxes\n"
        f"mAP   {found['mAP']:.4f}   95 % interval {low:.4f} to {high:.4f}\n"
        f"mAP50 {found['mAP50']:.4f}"
    )
    table = Table(box=SIMPLE_HEAD)
    table.add_column("class")
    table.add_column("AP", justify="right")
    for name, value in sorted(found["per_class"].items(), key=lambda item: -item[1]):
        table.add_row(name, f"{value:.4f}")
    Console(width=80, markup=False).print(table)

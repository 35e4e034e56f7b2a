"""edgecv eval: how good one engine of a bundle is on pictures with ground truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.bundle import Bundle
from edgecv.data.dataset import class_map, open_dataset
from edgecv.engines import ENGINES
from edgecv.metrics.detection import score_detections
from edgecv.progress import bar
from edgecv.recipe import EvaluateSettings
from edgecv.stages.evaluate import answer

PROTOCOL = EvaluateSettings()


@click.command(name="eval")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Pictures with ground truth: COCO json, YOLO txt or VOC xml.",
)
@click.option("--split", help="Part of the data, e.g. val. Default: the only one, else val.")
@click.option("--engine", required=True, type=click.Choice(list(ENGINES)), help="What to run.")
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    help="Default: int8 where the bundle has it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    bundle: Path, data: Path, split: str | None, engine: str, precision: str | None, as_json: bool
) -> None:
    """Score an engine of BUNDLE by COCO's protocol, with a 95 % interval by bootstrap.

    Score of at least 0.001, NMS at IoU 0.65, 100 boxes a picture; classes are matched by name,
    and only those that the ground truth has are scored.
    """
    found = evaluate(Bundle.open(bundle), data, split, engine, precision)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _print(found)


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


def _print(found: dict[str, Any]) -> None:
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

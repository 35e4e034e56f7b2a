"""edgecv eval: how good one engine of a bundle is, on pictures or videos with ground truth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgecv.cli import _eval_boxes, _eval_tracks
from edgecv.engines import ENGINES
from edgecv.errors import UsageError
from edgecv.shipping.trust import open_bundle
from edgecv.trackers import DEFAULT, TRACKERS


@click.command(name="eval")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Pictures with ground truth: COCO json, YOLO txt or VOC xml. For --task track a folder "
    "of videos, each beside its NAME.gt.txt.",
)
@click.option(
    "--task",
    type=click.Choice(["detect", "track"]),
    default="detect",
    show_default=True,
    help="Score boxes on pictures, or tracks on videos.",
)
@click.option("--split", help="Part of the data, e.g. val. Default: the only one, else val.")
@click.option(
    "--engine",
    metavar="ENGINE|VARIANT",
    help="What to run; for --task track the best that runs here is the default.",
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "fp16", "fp32"]),
    help="Default: int8 where the bundle has it.",
)
@click.option("--tracker", type=click.Choice(list(TRACKERS)), help=f"Default: {DEFAULT}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    bundle: Path,
    data: Path,
    task: str,
    split: str | None,
    engine: str | None,
    precision: str | None,
    tracker: str | None,
    as_json: bool,
) -> None:
    """Score an engine of BUNDLE.

    Boxes by COCO's protocol, with a 95 % interval by bootstrap: score of at least 0.001, NMS at
    IoU 0.65, 100 boxes a picture; classes are matched by name, and only those that the ground
    truth has are scored.

    Tracks by HOTA, CLEAR and IDF1 as MOTChallenge counts them: every frame goes through the loop
    of `edgecv run`. The ground truth marks people, so only the network's class person (or
    pedestrian, or its only class) is tracked.
    """
    if task == "detect":
        if tracker is not None:
            raise UsageError("--tracker: pictures have no tracks. Add --task track, or leave it")
        if engine is None:
            raise UsageError(f"--engine: which one? There are {', '.join(ENGINES)}")
        found = _eval_boxes.evaluate(open_bundle(bundle), data, split, engine, precision)
        show = _eval_boxes.show
    else:
        if split is not None:
            raise UsageError("--split: a folder of videos has no parts. Leave it out")
        found = _eval_tracks.evaluate(
            open_bundle(bundle), data, tracker or DEFAULT, engine, precision
        )
        show = _eval_tracks.show
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        show(found)

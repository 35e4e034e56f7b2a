"""edgecv data conveyor: draw the procedural data set."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

SIZE = "320x320"


@click.command(name="conveyor")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--images", type=click.IntRange(1), default=300, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--size", default=SIZE, show_default=True, help="Width x height in pixels.")
@click.option("--split", help="Name of the part, e.g. train: instances_train.json.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a line.")
def command(
    folder: Path, images: int, seed: int, size: str, split: str | None, as_json: bool
) -> None:
    """Draw parts on a conveyor belt into DIR.

    They are of metal and plastic, with boxes and masks. The same seed gives the same parts and
    boxes on every machine, and pictures that differ in their last bits at most; another seed shares
    none with it.
    """
    from edgecv.data.conveyor import CLASS_NAMES, write_dataset

    counts = write_dataset(folder, seed, images, _size_wh(size), split).tolist()
    if as_json:
        boxes = dict(zip(CLASS_NAMES, counts, strict=True))
        told = {"folder": str(folder), "split": split, "seed": seed, "images": images}
        click.echo(json.dumps({**told, "boxes": boxes}, indent=1))
        return
    parts = ", ".join(f"{n} {name}" for name, n in zip(CLASS_NAMES, counts, strict=True))
    click.echo(f"{folder}: {images} pictures of {size} with {sum(counts)} parts: {parts}")


def _size_wh(size: str) -> tuple[int, int]:
    from edgecv.data.conveyor.conveyor import SIDES_PX

    sides = re.fullmatch(r"(\d+)x(\d+)", size)
    low, high = SIDES_PX
    if sides is None or not all(low <= int(side) <= high for side in sides.groups()):
        raise click.BadParameter(
            f"'{size}'; expected WIDTHxHEIGHT of {low} to {high} pixels, e.g. {SIZE}",
            param_hint="--size",
        )
    return int(sides[1]), int(sides[2])

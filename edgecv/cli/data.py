"""edgecv data: what a data set holds, and what is wrong with it; or a drawn one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from edgecv.cli import _data_conveyor

if TYPE_CHECKING:
    from edgecv.data.check import Findings

WIDTH = 80
NAMED = 10  # problems of a part, and classes, that the terminal shows; --json has all
CLASSES = 30


@click.group(name="data")
def command() -> None:
    """Look at a data set before it is trained on, or draw one."""


command.add_command(_data_conveyor.command)


@command.command(name="check")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--split", help="Check this part only, e.g. train. Default: all there are.")
@click.option(
    "--input-size",
    type=click.IntRange(32, 8192),
    default=416,
    show_default=True,
    help="Side of the network's input, for the sizes that boxes have there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--page", type=click.Path(path_type=Path), help="Write an HTML page with pictures.")
def check_(
    folder: Path, split: str | None, input_size: int, as_json: bool, page: Path | None
) -> int:
    """Read all of a data set, and say what is wrong.

    DIR holds COCO json, YOLO txt or VOC xml. Problems are what training refuses: broken pictures,
    boxes outside or of no area, empty parts, classes that train lacks. Warnings are what it accepts
    and you may not: duplicates, pictures of one part that look like those of another, rare classes.

    Exit status: 0 no problems; 1 problems; 2 DIR is no data set.
    """
    from edgecv.data.check import check

    checked = check(folder, split, input_size)
    if page is not None:
        from edgecv.data.check.page import render

        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(checked), "utf-8")
    if as_json:
        click.echo(json.dumps(checked.findings.to_json(), indent=1))
    else:
        _print(checked.findings)
    return 1 if checked.findings.refused else 0


def _print(found: Findings) -> None:
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(f"{found.folder}", style="bold", soft_wrap=True)
    pictures, boxes = (sum(getattr(p, name) for p in found.parts) for name in ("pictures", "boxes"))
    console.print(
        f"{found.format}: {pictures} pictures, {boxes} boxes, {len(found.class_names)} classes"
    )
    if found.parts:
        console.print(_parts(found))
        console.print(_box_sizes(found))
        console.print(_classes(found))
    _print_problems(console, found)
    if found.warnings:
        console.print(f"{len(found.warnings)} worth a look:")
    for line in found.warnings:
        console.print(f"  {line}", soft_wrap=True)


def _print_problems(console: Console, found: Findings) -> None:
    if not found.refused:
        console.print("No problems: training takes it as it is.")
        return
    console.print(f"{found.refused} problem{'s' if found.refused > 1 else ''}:", style="bold")
    for part in found.parts:
        for line in part.problems[:NAMED]:
            console.print(f"  {part.name}: {line}", soft_wrap=True)
        if len(part.problems) > NAMED:
            console.print(f"  {part.name}: and {len(part.problems) - NAMED} more; --json has all")
    for line in found.problems:
        console.print(f"  {line}", soft_wrap=True)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _parts(found: Findings) -> Table:
    table = _table("part", "pictures", "broken", "empty", "boxes", "crowds", "sizes")
    for part in found.parts:
        common = next(iter(part.sizes), "-")
        more = f" +{len(part.sizes) - 1} more" if len(part.sizes) > 1 else ""
        counts = (part.pictures, part.broken, part.empty, part.boxes, part.crowds)
        table.add_row(part.name, *map(str, counts), common + more)
    return table


def _box_sizes(found: Findings) -> Table:
    table = _table("boxes", "small", "medium", "large", f"at {found.input_size}: small", "medium",
                   "large")  # fmt: skip
    for part in found.parts:
        values = (*part.box_sizes.values(), *part.box_sizes_at_input.values())
        table.add_row(part.name, *(f"{v / max(part.boxes, 1):.0%}" for v in values))
    return table


def _classes(found: Findings) -> Table:
    table = _table("class", *(part.name for part in found.parts))
    rows = [[part.class_boxes.get(n, 0) for part in found.parts] for n in found.class_names]
    order = sorted(range(len(rows)), key=lambda index: -sum(rows[index]))
    for index in order[:CLASSES]:
        table.add_row(found.class_names[index], *map(str, rows[index]))
    if len(order) > CLASSES:
        table.add_row(f"and {len(order) - CLASSES} more; --json has all", *[""] * len(found.parts))
    return table
